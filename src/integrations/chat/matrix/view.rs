//! A look at a room, and what `doctor` wants to know.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::road::{Trouble, clock, found, items, raw, text};
use super::super::rooms::Rooms as _;
use super::super::words::is_marker;
use super::{Identity, Matrix, of_room};
use crate::domain::text::{clean, clean_lines};
use crate::ports::incident::{ChannelView, ChatMessage, ServiceCheck, ServiceFinding};

/// So many messages are shown.
const MESSAGES: usize = 50;

impl Matrix {
    /// Topic, members and the last messages, oldest first.
    pub(super) async fn seen(&self, me: &Identity, room: &str) -> Result<ChannelView, Trouble> {
        let name = self.state(room, "m.room.name", "").await?.unwrap_or_default();
        let topic = self.state(room, "m.room.topic", "").await?.unwrap_or_default();
        let pinned = self.state(room, "m.room.pinned_events", "").await?.unwrap_or_default();
        let joined = self.ask(&format!("{}/joined_members", of_room(room)), &[]).await?.json;
        let page = self.ask(&format!("{}/messages", of_room(room)), &[("dir", "b"), ("limit", "200")]).await?.json;
        let names: BTreeMap<String, String> = joined["joined"].as_object().map_or_else(BTreeMap::new, |joined| {
            let name = |id: &str, member: &Value| {
                let shown = text(member, "/display_name");
                if shown.is_empty() { clean(id).into_owned() } else { shown }
            };
            joined.iter().map(|(id, member)| (id.clone(), name(id, member))).collect()
        });
        let events = items(&page, "/chunk");
        let is_mark = |event: &&Value| {
            raw(event, "/type") == "m.reaction"
                && is_marker(raw(event, "/content/m.relates_to/key"), &self.account.marker)
        };
        let reacted = events.iter().filter(is_mark).map(|event| raw(event, "/content/m.relates_to/event_id"));
        let marked: BTreeSet<&str> =
            reacted.chain(items(&pinned, "/pinned").iter().filter_map(Value::as_str)).collect();
        let read = |event: &&Value| {
            let id = raw(event, "/event_id");
            let sender = raw(event, "/sender");
            Some(ChatMessage {
                id: id.to_owned(),
                at: chrono::DateTime::from_timestamp_millis(event["origin_server_ts"].as_i64()?)?,
                author: names.get(sender).cloned().unwrap_or_else(|| clean(sender).into_owned()),
                text: said(event),
                marked: marked.contains(id),
                link: self.permalink(me, room, id),
            })
        };
        let mut messages: Vec<ChatMessage> =
            events.iter().filter(|event| is_said(event)).take(MESSAGES).filter_map(|event| read(&event)).collect();
        messages.reverse();
        Ok(ChannelView {
            name: text(&name, "/name"),
            topic: text(&topic, "/topic"),
            members: names.into_values().collect(),
            messages,
        })
    }

    /// Token, homeserver, space, clock.
    pub(super) async fn doctor(&self) -> Vec<ServiceCheck> {
        let whoami = match self.ask("/account/whoami", &[]).await {
            Ok(whoami) => whoami,
            Err(trouble) => return vec![found("token", ServiceFinding::Failed(trouble.error.fault))],
        };
        let mut checks = vec![found("token", ServiceFinding::Well(format!("user {}", text(&whoami.json, "/user_id"))))];
        checks.push(match self.whose(&whoami.json) {
            Ok(identity) => found("homeserver", ServiceFinding::Well(clean(&identity.server).into_owned())),
            Err(fault) => found("homeserver", ServiceFinding::Failed(fault)),
        });
        if let Some(space) = &self.account.parent {
            checks.push(match self.state(space, "m.room.create", "").await {
                Ok(_) => found("space", ServiceFinding::Well(clean(space).into_owned())),
                Err(trouble) => found(
                    "space",
                    ServiceFinding::Loss(
                        format!("rooms are not put into {}: {}", clean(space), trouble.error.fault),
                        "invite the token's user into the space and let it add rooms".to_owned(),
                    ),
                ),
            });
        }
        checks.extend(clock(&whoami));
        checks
    }
}

/// Did somebody say it? A correction of what was said is not said anew.
fn is_said(event: &Value) -> bool {
    matches!(raw(event, "/type"), "m.room.message" | "m.room.encrypted")
        && raw(event, "/content/m.relates_to/rel_type") != "m.replace"
        && event["unsigned"]["redacted_because"].is_null()
}

fn said(event: &Value) -> String {
    if raw(event, "/type") == "m.room.encrypted" {
        return "(encrypted)".to_owned();
    }
    clean_lines(raw(event, "/content/body")).into_owned()
}
