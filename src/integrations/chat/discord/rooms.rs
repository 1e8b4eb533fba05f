//! Channels: what Discord calls their opening, topic, people and end.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::board::{holds, marked_purpose, shortened};
use super::super::road::{Outcome, items, raw, text};
use super::super::rooms::{Rooms, Wanted};
use super::{Discord, HISTORY, Identity, SEND, VIEW, bits, of_channel};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::incident::{ChannelView, ServiceCheck};

/// The longest topic with its mark, in characters.
const TOPIC: usize = 1_024;

impl Rooms for Discord {
    type Identity = Identity;

    fn account(&self) -> &Account<Identity> {
        &self.account
    }

    async fn whoami(&self) -> Outcome<Identity> {
        let me = self.ask("/users/@me", &[]).await?.json;
        let guild = self.guild(raw(&me, "/username")).await?;
        let word = |json: &Value, name: &str| raw(json, name).to_owned();
        Ok(Identity {
            user: word(&me, "/id"),
            username: word(&me, "/username"),
            guild: word(&guild, "/id"),
            guild_name: word(&guild, "/name"),
            permissions: bits(&guild["permissions"]),
        })
    }

    /// A channel's topic holds the mark.
    async fn opened_before(&self, wanted: &Wanted<'_, Identity>) -> Outcome<Option<Receipt>> {
        let all = self.ask(&format!("/guilds/{}/channels", segment(&wanted.me.guild)), &[]).await?.json;
        let ours = |channel: &&Value| holds(raw(channel, "/topic"), &wanted.mark);
        Ok(all.as_array().and_then(|all| all.iter().find(ours)).map(|there| receipt(wanted.me, there)))
    }

    /// Channels may share a name: none is taken.
    async fn create(&self, wanted: &Wanted<'_, Identity>, name: &str) -> Outcome<Option<Receipt>> {
        let mut body = json!({"name": name, "type": 0, "topic": marked_purpose(&wanted.purpose, &wanted.mark, TOPIC)});
        if let Some(category) = &self.account.parent {
            body["parent_id"] = json!(category);
        }
        if wanted.private {
            // The role of everyone has the server's own id.
            body["permission_overwrites"] = json!([
                {"id": wanted.me.guild, "type": 0, "allow": "0", "deny": VIEW.to_string()},
                {"id": wanted.me.user, "type": 1, "allow": (VIEW | SEND | HISTORY).to_string(), "deny": "0"},
            ]);
        }
        let made = self
            .tell(wanted.cleared, "POST", &format!("/guilds/{}/channels", segment(&wanted.me.guild)), &body)
            .await?;
        if raw(&made, "/id").is_empty() {
            return Err(self.account.road.lacks("the new channel's id"));
        }
        Ok(Some(receipt(wanted.me, &made)))
    }

    /// Beside the mark that the channel is known by. Discord allows two changes in ten minutes, so that none is made that
    /// alters nothing.
    async fn set_topic(&self, cleared: &Cleared, channel: &str, topic: &str) -> Outcome<bool> {
        let there = self.ask(&of_channel(channel), &[]).await.map_err(|trouble| trouble.unseen(cleared))?.json;
        let mark = mark_of(raw(&there, "/topic"), cleared);
        let (topic, _) = shortened(topic, TOPIC.saturating_sub(mark.chars().count() + 1));
        let line = format!("{topic} {mark}").trim_end().to_owned();
        if raw(&there, "/topic") == line {
            return Ok(false);
        }
        self.tell(cleared, "PATCH", &of_channel(channel), &json!({ "topic": line })).await?;
        Ok(true)
    }

    async fn resolve(&self, me: &Identity, who: &str) -> Outcome<String> {
        self.id_of(me, who).await
    }

    async fn add(&self, cleared: &Cleared, me: &Identity, channel: &str, user: &str, _: &str) -> Outcome<Vec<String>> {
        self.call(cleared, me, channel, user).await
    }

    /// One that is pinned stays so.
    async fn pin(&self, cleared: &Cleared, channel: &str, message: &str) -> Outcome<bool> {
        let path = format!("{}/messages/pins/{}", of_channel(channel), segment(message));
        self.tell(cleared, "PUT", &path, &Value::Null).await?;
        Ok(true)
    }

    /// Text channels cannot be put away.
    async fn archive(&self, cleared: &Cleared, me: &Identity, channel: &str) -> Outcome<Option<&'static str>> {
        let there = self.ask(&of_channel(channel), &[]).await.map_err(|trouble| trouble.unseen(cleared))?.json;
        let everyone = overwrite(&there, &me.guild);
        let (allow, deny) = everyone.map_or((0, 0), |one| (bits(&one["allow"]), bits(&one["deny"])));
        if deny & SEND == SEND {
            return Ok(Some("it was closed already"));
        }
        let path = format!("{}/permissions/{}", of_channel(channel), segment(&me.guild));
        let body = json!({"type": 0, "allow": (allow & !SEND).to_string(), "deny": (deny | SEND).to_string()});
        self.tell(cleared, "PUT", &path, &body).await?;
        Ok(Some("the channel stays, and nobody without a role of their own writes in it"))
    }

    fn permalink(&self, me: &Identity, channel: &str, message: &str) -> Option<String> {
        Some(clean(&format!("https://discord.com/channels/{}/{channel}/{message}", me.guild)).into_owned())
    }

    async fn look(&self, me: &Identity, channel: &str) -> Outcome<ChannelView> {
        self.seen(me, channel).await
    }

    async fn checks(&self) -> Vec<ServiceCheck> {
        self.doctor().await
    }
}

/// What a channel says about somebody's or everyone's permissions.
pub(super) fn overwrite<'a>(channel: &'a Value, id: &str) -> Option<&'a Value> {
    items(channel, "/permission_overwrites").iter().find(|one| raw(one, "/id") == id)
}

/// The mark of this incident at a topic's end, with its brackets; empty where there is none.
fn mark_of<'a>(topic: &'a str, cleared: &Cleared) -> &'a str {
    let start = format!("[{}/", cleared.incident());
    topic.rfind(&start).map(|at| &topic[at..]).filter(|mark| mark.ends_with(']')).unwrap_or_default()
}

fn receipt(me: &Identity, channel: &Value) -> Receipt {
    let id = raw(channel, "/id").to_owned();
    let link = clean(&format!("https://discord.com/channels/{}/{id}", me.guild)).into_owned();
    Receipt { id: Some(id), name: Some(text(channel, "/name")), link: Some(link), remarks: Vec::new() }
}
