//! Channels: opened once, with a header, people, links, and an end.

use serde_json::{Value, json};

use super::super::board::{NAMES, cut, holds, marked_purpose, nth, pinned, plain_name, shortened};
use super::super::road::{Trouble, nobody, raw, text};
use super::super::words::plain;
use super::refusal::{TAKEN, is_archived, is_missing};
use super::{Identity, LIMITS, Mattermost, PURPOSE, of_channel};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::{Fault, FaultKind};

impl Mattermost {
    /// Opens the channel, or finds the one that an earlier attempt opened: its purpose holds the mark from the start.
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
        let purpose = marked_purpose(&plain(purpose), &cleared.mark(), PURPOSE);
        let names: Vec<String> = (1..=NAMES).map(|number| nth(&name, number, LIMITS.name)).collect();
        if cleared.doubt() {
            for name in &names {
                let there = self.named(identity, name).await.map_err(|trouble| trouble.unseen(cleared))?;
                let Some(there) = there else { break };
                if holds(raw(&there, "/purpose"), &cleared.mark()) {
                    return Ok(self.adopted(identity, &there));
                }
            }
        }
        for tried in &names {
            let body = json!({
                "team_id": identity.team,
                "name": tried,
                "display_name": shortened(wanted, 64).0,
                "type": if private { "P" } else { "O" },
                "purpose": purpose,
            });
            match self.tell(cleared, "POST", "/channels", &body).await {
                Ok(made) if raw(&made, "/id").is_empty() => return Err(self.road.lacks("the new channel's id")),
                Ok(made) => {
                    let mut receipt = self.receipt(identity, &made);
                    if text(&made, "/name") != wanted {
                        let remark = format!("the channel is named {}, not {}", text(&made, "/name"), clean(wanted));
                        receipt.remarks.push(remark);
                    }
                    return Ok(receipt);
                }
                Err(taken) if taken.is(&TAKEN) => {
                    let there = self.named(identity, tried).await?;
                    if let Some(there) = there.filter(|there| holds(raw(there, "/purpose"), &cleared.mark())) {
                        return Ok(self.adopted(identity, &there));
                    }
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let message = format!("channels named {name} to {} all exist already", nth(&name, NAMES, LIMITS.name));
        Err(Trouble::ask(Fault::new(FaultKind::Server, message).hint("choose another name")))
    }

    /// The channel of a name, as far as the token's user may see it.
    async fn named(&self, identity: &Identity, name: &str) -> Result<Option<Value>, Trouble> {
        let path = format!("/teams/{}/channels/name/{}", segment(&identity.team), segment(name));
        match self.ask(&path, &[("include_deleted", "true")]).await {
            Ok(reply) => Ok(Some(reply.json)),
            Err(trouble) if !trouble.code.is_empty() && is_missing(&trouble) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    fn adopted(&self, identity: &Identity, channel: &Value) -> Receipt {
        let mut receipt = self.receipt(identity, channel);
        receipt.remarks.push("it was there already: an earlier attempt had arrived".to_owned());
        receipt
    }

    fn receipt(&self, identity: &Identity, channel: &Value) -> Receipt {
        let name = text(channel, "/name");
        let link = clean(&format!("{}/{}/channels/{name}", self.road.origin(), identity.team_name)).into_owned();
        let id = raw(channel, "/id").to_owned();
        Receipt { id: Some(id), name: Some(name), link: Some(link), remarks: Vec::new() }
    }

    /// Sets the header, which is what a channel shows at its top.
    pub(super) async fn set_header(&self, cleared: &Cleared, channel: &str, topic: &str) -> Result<Receipt, Trouble> {
        let (header, was_cut) = shortened(&plain(topic), LIMITS.topic);
        let mut remarks = Vec::new();
        if was_cut {
            remarks.push(cut("topic", LIMITS.topic));
        }
        if cleared.doubt() {
            let there = self.ask(&of_channel(channel), &[]).await.map_err(|trouble| trouble.unseen(cleared))?.json;
            if raw(&there, "/header") == header {
                remarks.push("it had arrived already".to_owned());
                return Ok(Receipt { remarks, ..Receipt::default() });
            }
        }
        let path = format!("{}/patch", of_channel(channel));
        self.tell(cleared, "PUT", &path, &json!({ "header": header })).await?;
        Ok(Receipt { remarks, ..Receipt::default() })
    }

    /// Adds one person, who has to be in the team. Who is in the channel already stays there.
    pub(super) async fn invite(&self, cleared: &Cleared, channel: &str, who: &str) -> Result<Receipt, Trouble> {
        let user = self.resolve(who).await.map_err(|trouble| trouble.unseen(cleared))?;
        let path = format!("{}/members", of_channel(channel));
        let mut receipt = Receipt { id: Some(user.clone()), ..Receipt::default() };
        if cleared.doubt() {
            match self.ask(&format!("{path}/{}", segment(&user)), &[]).await {
                Ok(_) => {
                    receipt.remarks.push(format!("{} was in the channel already", clean(who)));
                    return Ok(receipt);
                }
                Err(trouble) if !trouble.code.is_empty() => {}
                Err(trouble) => return Err(trouble.unseen(cleared)),
            }
        }
        match self.tell(cleared, "POST", &path, &json!({ "user_id": user })).await {
            Ok(_) => Ok(receipt),
            Err(trouble) if trouble.code.contains("team") || trouble.code.contains("get_member") => Err(nobody(
                "Mattermost",
                who,
                "finds outside of the team",
                "add them to the team first, or invite them by hand",
            )),
            Err(trouble) => Err(trouble),
        }
    }

    /// The id of somebody.
    async fn resolve(&self, who: &str) -> Result<String, Trouble> {
        let name = who.trim().trim_start_matches('@').to_lowercase();
        let is_id = name.len() == 26 && name.chars().all(|c| c.is_ascii_alphanumeric());
        let path = if name.contains('@') {
            format!("/users/email/{}", segment(&name))
        } else if is_id {
            format!("/users/{name}")
        } else {
            format!("/users/username/{}", segment(&name))
        };
        let unknown = || nobody("Mattermost", who, "does not know", "use the user name, the e-mail address or the id");
        if name.is_empty() {
            return Err(unknown());
        }
        match self.ask(&path, &[]).await {
            Ok(reply) if !raw(&reply.json, "/id").is_empty() => Ok(raw(&reply.json, "/id").to_owned()),
            Ok(_) => Err(self.road.lacks("the user's id")),
            // A name that none may have is answered with 400.
            Err(trouble)
                if !trouble.code.is_empty()
                    && matches!(trouble.error.fault.kind, FaultKind::NotServed | FaultKind::Server) =>
            {
                Err(unknown())
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Puts a link at the channel's head as a bookmark; where there are none, as a message that is pinned.
    pub(super) async fn link(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        channel: &str,
        title: &str,
        url: &str,
    ) -> Result<Receipt, Trouble> {
        let path = format!("{}/bookmarks", of_channel(channel));
        let (title, _) = shortened(&plain(title), 64);
        if cleared.doubt() {
            match self.ask(&path, &[]).await {
                Ok(listed) => {
                    let listed = listed.json;
                    let same = |one: &&Value| raw(one, "/link_url") == url && raw(one, "/display_name") == title;
                    if let Some(there) = listed.as_array().and_then(|all| all.iter().find(same)) {
                        let remarks = vec!["it had arrived already".to_owned()];
                        return Ok(Receipt { id: Some(raw(there, "/id").to_owned()), remarks, ..Receipt::default() });
                    }
                }
                Err(trouble) if is_missing(&trouble) => {}
                Err(trouble) => return Err(trouble.unseen(cleared)),
            }
        }
        let body = json!({"display_name": title, "link_url": url, "type": "link"});
        match self.tell(cleared, "POST", &path, &body).await {
            Ok(made) => {
                let id = Some(raw(&made, "/id").to_owned()).filter(|id| !id.is_empty());
                Ok(Receipt { id, ..Receipt::default() })
            }
            Err(trouble) if is_missing(&trouble) => {
                let mut receipt = self.post(cleared, identity, channel, &format!("[{title}]({url})")).await?;
                receipt.remarks.push("this server has no bookmarks: it was posted and pinned instead".to_owned());
                let id = receipt.id.clone().unwrap_or_default();
                pinned(receipt, self.pin(cleared, &id).await)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Archives the channel, which an administrator can undo.
    pub(super) async fn archive(&self, cleared: &Cleared, channel: &str) -> Result<Receipt, Trouble> {
        match self.tell(cleared, "DELETE", &of_channel(channel), &Value::Null).await {
            Ok(_) => Ok(Receipt::default()),
            Err(trouble) if is_archived(&trouble) => {
                Ok(Receipt { remarks: vec!["it was archived already".to_owned()], ..Receipt::default() })
            }
            Err(trouble) => Err(trouble),
        }
    }
}
