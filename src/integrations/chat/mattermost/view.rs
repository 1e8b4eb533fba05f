//! A look at a channel, and what `doctor` wants to know.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::road::{Trouble, clock, found, items, raw, text};
use super::super::rooms::Rooms as _;
use super::super::words::is_marker;
use super::{Identity, Mattermost, of_channel};
use crate::domain::text::{clean, clean_lines};
use crate::integrations::flags::segment;
use crate::ports::incident::{ChannelView, ChatMessage, ServiceCheck, ServiceFinding};

/// So many authors who are no members are asked for by name for one look.
const STRANGERS: usize = 10;

impl Mattermost {
    /// Header, members and the last posts, oldest first.
    pub(super) async fn seen(&self, me: &Identity, channel: &str) -> Result<ChannelView, Trouble> {
        let info = self.ask(&of_channel(channel), &[]).await?.json;
        let posts =
            self.ask(&format!("{}/posts", of_channel(channel)), &[("page", "0"), ("per_page", "50")]).await?.json;
        let members = self.ask("/users", &[("in_channel", channel), ("per_page", "200")]).await?.json;
        let members = members.as_array().map_or(&[][..], Vec::as_slice);
        let mut names: BTreeMap<String, String> =
            members.iter().map(|user| (raw(user, "/id").to_owned(), text(user, "/username"))).collect();
        let newest_first = items(&posts, "/order").iter().filter_map(Value::as_str);
        let said: Vec<&Value> = newest_first
            .map(|id| &posts["posts"][id])
            .filter(|post| post.is_object() && !raw(post, "/type").starts_with("system_"))
            .collect();
        let mut asked = 0;
        for author in said.iter().map(|post| raw(post, "/user_id")) {
            if names.contains_key(author) || asked >= STRANGERS {
                continue;
            }
            asked += 1;
            if let Ok(reply) = self.ask(&format!("/users/{}", segment(author)), &[]).await {
                names.insert(author.to_owned(), text(&reply.json, "/username"));
            }
        }
        let read = |post: &&Value| {
            let id = raw(post, "/id");
            let author = raw(post, "/user_id");
            Some(ChatMessage {
                id: id.to_owned(),
                at: chrono::DateTime::from_timestamp_millis(post["create_at"].as_i64()?)?,
                author: names.get(author).cloned().unwrap_or_else(|| clean(author).into_owned()),
                text: clean_lines(raw(post, "/message")).into_owned(),
                marked: self.is_marked(post),
                link: self.permalink(me, channel, id),
            })
        };
        Ok(ChannelView {
            name: text(&info, "/name"),
            topic: text(&info, "/header"),
            members: members.iter().map(|user| text(user, "/username")).collect(),
            messages: said.iter().rev().filter_map(read).collect(),
        })
    }

    fn is_marked(&self, post: &Value) -> bool {
        let mut reactions = items(post, "/metadata/reactions").iter().map(|reaction| raw(reaction, "/emoji_name"));
        post["is_pinned"].as_bool() == Some(true) || reactions.any(|reaction| is_marker(reaction, &self.account.marker))
    }

    /// Token, team, clock.
    pub(super) async fn doctor(&self) -> Vec<ServiceCheck> {
        let me = match self.ask("/users/me", &[]).await {
            Ok(me) => me,
            Err(trouble) => return vec![found("token", ServiceFinding::Failed(trouble.error.fault))],
        };
        let mut checks = vec![found("token", ServiceFinding::Well(format!("user {}", text(&me.json, "/username"))))];
        // A server that was told another team in the meantime is asked again.
        self.account.remember(None);
        checks.push(match self.identity().await {
            Ok(identity) => {
                let well = format!("{} for {}", clean(&identity.team_name), clean(&identity.username));
                found("team", ServiceFinding::Well(well))
            }
            Err(trouble) => found("team", ServiceFinding::Failed(trouble.error.fault)),
        });
        checks.extend(clock(&me));
        checks
    }
}
