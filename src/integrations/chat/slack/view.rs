//! A look at a channel.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::road::{Trouble, items, raw, text};
use super::super::rooms::Rooms as _;
use super::super::words::is_marker;
use super::writing::readable;
use super::{Identity, Slack};
use crate::domain::time::Instant;
use crate::ports::incident::{ChannelView, ChatMessage};

impl Slack {
    /// Topic, members and the last messages, oldest first.
    pub(super) async fn seen(&self, me: &Identity, channel: &str) -> Result<ChannelView, Trouble> {
        let info = self.ask("conversations.info", &[("channel", channel)]).await?.json;
        let history = self.ask("conversations.history", &[("channel", channel), ("limit", "50")]).await?.json;
        let members = self.ask("conversations.members", &[("channel", channel), ("limit", "200")]).await?.json;
        let members: Vec<String> =
            items(&members, "/members").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let messages: Vec<&Value> = items(&history, "/messages").iter().filter(|message| is_said(message)).collect();
        let authors = messages.iter().map(|message| raw(message, "/user").to_owned()).filter(|id| !id.is_empty());
        let ids: Vec<String> = authors.chain(members.iter().cloned()).collect();
        let names = self.names(&ids).await;
        let read = |message: &&Value| {
            let ts = raw(message, "/ts");
            Some(ChatMessage {
                id: ts.to_owned(),
                at: instant(ts)?,
                author: author(message, &names),
                text: readable(raw(message, "/text"), |id| name(&names, id)),
                marked: self.is_marked(message),
                link: self.permalink(me, channel, ts),
            })
        };
        Ok(ChannelView {
            name: text(&info, "/channel/name"),
            topic: readable(raw(&info, "/channel/topic/value"), |id| name(&names, id)).replace('\n', " "),
            members: members.iter().map(|id| name(&names, id)).collect(),
            messages: messages.iter().rev().filter_map(read).collect(),
        })
    }

    fn is_marked(&self, message: &Value) -> bool {
        let reactions = items(message, "/reactions").iter();
        !items(message, "/pinned_to").is_empty()
            || reactions
                .map(|reaction| raw(reaction, "/name"))
                .any(|reaction| is_marker(reaction, &self.account.marker))
    }
}

/// Did somebody say it? Slack writes joins, topics and pins into the channel as well.
fn is_said(message: &Value) -> bool {
    let subtype = raw(message, "/subtype");
    raw(message, "/type") == "message"
        && !subtype.starts_with("channel_")
        && !subtype.starts_with("group_")
        && !matches!(subtype, "pinned_item" | "unpinned_item" | "bot_add" | "bot_remove" | "tombstone")
}

fn author(message: &Value, names: &BTreeMap<String, String>) -> String {
    let user = raw(message, "/user");
    if let Some(name) = names.get(user) {
        return name.clone();
    }
    let known = ["/username", "/bot_profile/name", "/user", "/bot_id"];
    known.iter().map(|at| text(message, at)).find(|name| !name.is_empty()).unwrap_or_default()
}

fn name(names: &BTreeMap<String, String>, id: &str) -> String {
    names.get(id).cloned().unwrap_or_else(|| crate::domain::text::clean(id).into_owned())
}

/// `1512085950.000216`: seconds and microseconds.
pub(super) fn instant(ts: &str) -> Option<Instant> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros: u32 = format!("{micros:0<6}").get(..6)?.parse().ok()?;
    chrono::DateTime::from_timestamp(seconds.parse().ok()?, micros.checked_mul(1_000)?)
}
