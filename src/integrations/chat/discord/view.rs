//! A look at a channel, and what `doctor` wants to know.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::road::{Trouble, clock, found, items, raw, text};
use super::super::rooms::Rooms as _;
use super::super::words::is_marker;
use super::messages::without_last_line;
use super::rooms::overwrite;
use super::{Discord, HISTORY, Identity, SEND, VIEW, bits, of_channel};
use crate::domain::text::{clean, clean_lines};
use crate::integrations::flags::segment;
use crate::ports::incident::{ChannelView, ChatMessage, ServiceCheck, ServiceFinding};

/// So many members of a private channel are asked for by name for one look.
const MEMBERS: usize = 30;
/// May do everything.
const ADMINISTRATOR: u64 = 1 << 3;
/// Permissions, what they are called, and what does not work without them.
const NEEDED: [(u64, &str, &str); 6] = [
    (1 << 4, "Manage Channels", "no channel can be opened, nor its topic set"),
    (VIEW, "View Channels", "nothing can be seen"),
    (SEND, "Send Messages", "nothing can be posted"),
    (HISTORY, "Read Message History", "messages that may have arrived cannot be looked for"),
    (1 << 28, "Manage Roles", "nobody can be let into a private channel, and none be closed"),
    (1 << 51, "Pin Messages", "the summary cannot be pinned"),
];
/// The application may read what people write (for a bot in few servers, and for one that was verified).
const READS_CONTENT: u64 = 1 << 18 | 1 << 19;

impl Discord {
    /// Topic, members and the last messages, oldest first.
    pub(super) async fn seen(&self, me: &Identity, channel: &str) -> Result<ChannelView, Trouble> {
        let info = self.ask(&of_channel(channel), &[]).await?.json;
        let page = self.ask(&format!("{}/messages", of_channel(channel)), &[("limit", "50")]).await?.json;
        let said: Vec<&Value> = page.as_array().map_or_else(Vec::new, |all| {
            // Of people: plain ones, replies, and those of commands.
            all.iter().filter(|message| matches!(message["type"].as_u64(), Some(0 | 19 | 20 | 23))).collect()
        });
        let messages = said.iter().rev().filter_map(|message| self.read(me, channel, message)).collect();
        let topic = text(&info, "/topic");
        Ok(ChannelView {
            name: text(&info, "/name"),
            topic: topic
                .rsplit_once(" [")
                .filter(|(_, mark)| mark.contains('/') && topic.ends_with(']'))
                .map_or(topic.as_str(), |(topic, _)| topic)
                .to_owned(),
            members: self.members(me, &info, &said).await,
            messages,
        })
    }

    fn read(&self, identity: &Identity, channel: &str, message: &Value) -> Option<ChatMessage> {
        let id = raw(message, "/id");
        let mut words = without_last_line(raw(message, "/content")).to_owned();
        for mentioned in items(message, "/mentions") {
            words = words.replace(&format!("<@{}>", raw(mentioned, "/id")), &format!("@{}", shown(mentioned)));
        }
        let mut reactions = items(message, "/reactions").iter().map(|reaction| raw(reaction, "/emoji/name"));
        Some(ChatMessage {
            id: id.to_owned(),
            at: chrono::DateTime::parse_from_rfc3339(raw(message, "/timestamp")).ok()?.to_utc(),
            author: shown(&message["author"]),
            text: clean_lines(&words).into_owned(),
            marked: message["pinned"].as_bool() == Some(true)
                || reactions.any(|reaction| is_marker(reaction, &self.account.marker)),
            link: self.permalink(identity, channel, id),
        })
    }

    /// Who was let into a private channel; in one that all may see, who wrote something.
    async fn members(&self, identity: &Identity, channel: &Value, said: &[&Value]) -> Vec<String> {
        let mut names: BTreeMap<&str, String> =
            said.iter().map(|message| (raw(message, "/author/id"), shown(&message["author"]))).collect();
        if overwrite(channel, &identity.guild).is_some_and(|one| bits(&one["deny"]) & VIEW == VIEW) {
            let let_in = items(channel, "/permission_overwrites").iter().filter(|one| one["type"] == 1);
            for id in let_in.map(|one| raw(one, "/id")).take(MEMBERS) {
                if names.contains_key(id) {
                    continue;
                }
                let path = format!("/guilds/{}/members/{}", segment(&identity.guild), segment(id));
                let Ok(member) = self.ask(&path, &[]).await else { continue };
                names.insert(id, shown(&member.json["user"]));
            }
        }
        names.into_values().collect()
    }

    /// Token, server, permissions, clock.
    pub(super) async fn doctor(&self) -> Vec<ServiceCheck> {
        let me = match self.ask("/users/@me", &[]).await {
            Ok(me) => me,
            Err(trouble) => return vec![found("token", ServiceFinding::Failed(trouble.error.fault))],
        };
        let mut checks = vec![found("token", ServiceFinding::Well(format!("bot {}", text(&me.json, "/username"))))];
        // Rights change; this is the place to see it.
        self.account.remember(None);
        match self.identity().await {
            Ok(identity) => {
                let well = format!("{} for {}", clean(&identity.guild_name), clean(&identity.username));
                checks.push(found("server", ServiceFinding::Well(well)));
                checks.extend(permissions(identity.permissions));
            }
            Err(trouble) => checks.push(found("server", ServiceFinding::Failed(trouble.error.fault))),
        }
        if let Ok(application) = self.ask("/applications/@me", &[]).await
            && application.json["flags"].as_u64().unwrap_or(0) & READS_CONTENT == 0
        {
            let loss = "what people write shows as empty".to_owned();
            let hint = "switch on Message Content Intent for the bot in Discord's developer portal".to_owned();
            checks.push(found("message content", ServiceFinding::Loss(loss, hint)));
        }
        checks.extend(clock(&me));
        checks
    }
}

fn permissions(has: u64) -> Vec<ServiceCheck> {
    let mut checks = Vec::new();
    for (bit, name, without) in NEEDED {
        if has & (bit | ADMINISTRATOR) == 0 {
            let hint = format!("give the bot's role {name} in the server");
            checks.push(found(format!("permission {name}"), ServiceFinding::Loss(format!("missing: {without}"), hint)));
        }
    }
    if checks.is_empty() {
        checks.push(found("permissions", ServiceFinding::Well("all that are needed".to_owned())));
    }
    checks
}

/// As people see somebody.
fn shown(user: &Value) -> String {
    let names = ["/global_name", "/username", "/id"];
    names.iter().map(|name| text(user, name)).find(|name| !name.is_empty()).unwrap_or_default()
}
