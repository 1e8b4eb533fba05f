//! Channels: opened once, with a topic, and closed.

use serde_json::{Value, json};

use super::super::board::{cut, holds, marked_purpose, plain_name, shortened};
use super::super::road::{Trouble, items, raw, text};
use super::super::words::plain;
use super::{Discord, HISTORY, Identity, LIMITS, SEND, VIEW, bits, of_channel};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::{Fault, FaultKind};

impl Discord {
    /// Opens the channel, or finds the one that an earlier attempt opened: its topic holds the mark.
    pub(super) async fn open(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        wanted: &str,
        private: bool,
        purpose: &str,
    ) -> Result<Receipt, Trouble> {
        let name = plain_name(wanted, LIMITS.name)
            .map_err(|why| Trouble::ask(Fault::new(FaultKind::NotConfigured, why).hint("choose another name")))?;
        let path = format!("/guilds/{}/channels", segment(&identity.guild));
        if cleared.doubt() {
            let all = self.ask(&path, &[]).await.map_err(|trouble| trouble.unseen(cleared))?.json;
            let ours = |channel: &&Value| holds(raw(channel, "/topic"), &cleared.mark());
            if let Some(there) = all.as_array().and_then(|all| all.iter().find(ours)) {
                let mut receipt = receipt(identity, there);
                receipt.remarks.push("it was there already: an earlier attempt had arrived".to_owned());
                return Ok(receipt);
            }
        }
        let mut body = json!({
            "name": name,
            "type": 0,
            "topic": marked_purpose(&plain(purpose), &cleared.mark(), LIMITS.topic),
        });
        if let Some(category) = &self.category {
            body["parent_id"] = json!(category);
        }
        if private {
            // The role of everyone has the server's own id.
            body["permission_overwrites"] = json!([
                {"id": identity.guild, "type": 0, "allow": "0", "deny": VIEW.to_string()},
                {"id": identity.user, "type": 1, "allow": (VIEW | SEND | HISTORY).to_string(), "deny": "0"},
            ]);
        }
        let made = self.tell(cleared, "POST", &path, &body).await?;
        if raw(&made, "/id").is_empty() {
            return Err(self.road.lacks("the new channel's id"));
        }
        let mut receipt = receipt(identity, &made);
        if let Some(name) = receipt.name.clone().filter(|name| name != wanted) {
            receipt.remarks.push(format!("the channel is named {name}, not {}", clean(wanted)));
        }
        Ok(receipt)
    }

    /// Sets the topic, beside the mark that the channel is known by. Discord allows two changes in ten minutes, so that
    /// none is made that alters nothing.
    pub(super) async fn set_topic(&self, cleared: &Cleared, channel: &str, topic: &str) -> Result<Receipt, Trouble> {
        let there = self.ask(&of_channel(channel), &[]).await.map_err(|trouble| trouble.unseen(cleared))?.json;
        let mark = mark_of(raw(&there, "/topic"), cleared);
        let room = LIMITS.topic - mark.chars().count() - 1;
        let (line, was_cut) = shortened(&plain(topic), room);
        let line = format!("{line} {mark}").trim_end().to_owned();
        let mut remarks = Vec::new();
        if was_cut {
            remarks.push(cut("topic", room));
        }
        if raw(&there, "/topic") == line {
            remarks.push("it had arrived already".to_owned());
        } else {
            self.tell(cleared, "PATCH", &of_channel(channel), &json!({ "topic": line })).await?;
        }
        Ok(Receipt { remarks, ..Receipt::default() })
    }

    /// Closes the channel for new messages: text channels cannot be put away.
    pub(super) async fn archive(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        channel: &str,
    ) -> Result<Receipt, Trouble> {
        let there = self.ask(&of_channel(channel), &[]).await.map_err(|trouble| trouble.unseen(cleared))?.json;
        let everyone = overwrite(&there, &identity.guild);
        let (allow, deny) = everyone.map_or((0, 0), |one| (bits(&one["allow"]), bits(&one["deny"])));
        let remark = if deny & SEND == SEND {
            "it was closed already"
        } else {
            let path = format!("{}/permissions/{}", of_channel(channel), segment(&identity.guild));
            let body = json!({"type": 0, "allow": (allow & !SEND).to_string(), "deny": (deny | SEND).to_string()});
            self.tell(cleared, "PUT", &path, &body).await?;
            "the channel stays, and nobody without a role of their own writes in it"
        };
        Ok(Receipt { remarks: vec![remark.to_owned()], ..Receipt::default() })
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

fn receipt(identity: &Identity, channel: &Value) -> Receipt {
    let id = raw(channel, "/id").to_owned();
    let link = clean(&format!("https://discord.com/channels/{}/{id}", identity.guild)).into_owned();
    Receipt { id: Some(id), name: Some(text(channel, "/name")), link: Some(link), remarks: Vec::new() }
}
