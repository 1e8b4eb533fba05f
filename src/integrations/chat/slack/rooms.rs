//! Channels: opened once, with a topic, people, links, and an end.

use serde_json::{Value, json};

use super::super::board::{NAMES, cut, holds, marked_purpose, nth, plain_name, shortened};
use super::super::road::{Trouble, items, nobody, raw, text};
use super::super::words::plain;
use super::writing::escaped;
use super::{Identity, LIMITS, PURPOSE, Slack};
use crate::domain::incident::delivery::{Again, Receipt};
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::ports::feed::{Fault, FaultKind};

/// So many pages of channels or people are read at most, of [`PAGE`] each.
pub(super) const PAGES: usize = 100;
/// Items of a page, as Slack recommends.
pub(super) const PAGE: &str = "200";

/// An earlier attempt's channel.
struct Found {
    id: String,
    name: String,
    has_mark: bool,
}

impl Slack {
    /// Opens the channel, or finds the one that an earlier attempt opened: Slack's purpose of it holds the mark.
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
        // Without the characters that Slack wants escaped, the mark comes back as it was sent.
        let purpose = plain(purpose).replace(['&', '<', '>'], " ");
        let purpose = marked_purpose(&purpose, &cleared.mark(), PURPOSE);
        let mut remarks = Vec::new();
        if cleared.doubt() {
            let found = self.opened_before(cleared, identity, &name, private).await;
            if let Some(found) = found.map_err(|trouble| trouble.unseen(cleared))? {
                return Ok(self.adopted(cleared, identity, found, &purpose).await);
            }
        }
        for number in 1..=NAMES {
            let tried = nth(&name, number, LIMITS.name);
            let arguments = json!({"name": tried, "is_private": private});
            match self.tell(cleared, "conversations.create", &arguments).await {
                Ok(made) => {
                    let id = raw(&made, "/channel/id").to_owned();
                    if id.is_empty() {
                        return Err(self.road.lacks("the new channel's id"));
                    }
                    let name = text(&made, "/channel/name");
                    if name != wanted {
                        remarks.push(format!("the channel is named {name}, not {}", clean(wanted)));
                    }
                    if let Err(trouble) = self.set_purpose(cleared, &id, &purpose).await {
                        remarks.push(format!("its purpose was not set: {}", trouble.said()));
                    }
                    return Ok(Self::receipt(identity, id, name, remarks));
                }
                // Somebody else's, unless an attempt of ours is found that nobody remembers.
                Err(taken) if taken.is(&["name_taken"]) => {
                    if number > 1 || cleared.doubt() {
                        continue;
                    }
                    match self.opened_before(cleared, identity, &name, private).await {
                        Ok(Some(found)) => return Ok(self.adopted(cleared, identity, found, &purpose).await),
                        Ok(None) => {}
                        Err(trouble) if trouble.error.again == Again::Ask => {
                            remarks.push(format!("whose the channel {name} is could not be seen: {}", trouble.said()));
                        }
                        Err(trouble) => return Err(trouble),
                    }
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let message = format!("channels named {name} to {} all exist already", nth(&name, NAMES, LIMITS.name));
        Err(Trouble::ask(Fault::new(FaultKind::Server, message).hint("choose another name")).coded("name_taken"))
    }

    /// Looks for the channel of an earlier attempt.
    async fn opened_before(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        name: &str,
        private: bool,
    ) -> Result<Option<Found>, Trouble> {
        let mark = cleared.mark();
        let names: Vec<String> = (1..=NAMES).map(|number| nth(name, number, LIMITS.name)).collect();
        let kind = if private { "private_channel" } else { "public_channel" };
        let mut half = None;
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let arguments = [("types", kind), ("exclude_archived", "false"), ("limit", PAGE), ("cursor", &cursor)];
            let arguments = if cursor.is_empty() { &arguments[..3] } else { &arguments[..] };
            let page = self.ask("conversations.list", arguments).await?.json;
            for channel in items(&page, "/channels") {
                let purpose = raw(channel, "/purpose/value");
                let found =
                    |has_mark| Found { id: raw(channel, "/id").to_owned(), name: text(channel, "/name"), has_mark };
                if holds(purpose, &mark) {
                    return Ok(Some(found(true)));
                }
                // Between making it and writing its purpose, the attempt may have ended.
                let nobodys = purpose.is_empty() && channel["is_archived"].as_bool() != Some(true);
                let made_here = !identity.user.is_empty() && raw(channel, "/creator") == identity.user;
                let named = names.iter().any(|name| name == raw(channel, "/name"));
                if cleared.doubt() && nobodys && made_here && named {
                    half = Some(found(false));
                }
            }
            raw(&page, "/response_metadata/next_cursor").clone_into(&mut cursor);
            if cursor.is_empty() {
                break;
            }
        }
        Ok(half)
    }

    async fn adopted(&self, cleared: &Cleared, identity: &Identity, found: Found, purpose: &str) -> Receipt {
        let mut remarks = vec!["it was there already: an earlier attempt had arrived".to_owned()];
        if !found.has_mark
            && let Err(trouble) = self.set_purpose(cleared, &found.id, purpose).await
        {
            remarks.push(format!("its purpose was not set: {}", trouble.said()));
        }
        Self::receipt(identity, found.id, found.name, remarks)
    }

    async fn set_purpose(&self, cleared: &Cleared, channel: &str, purpose: &str) -> Result<Value, Trouble> {
        let arguments = json!({"channel": channel, "purpose": purpose});
        self.tell(cleared, "conversations.setPurpose", &arguments).await
    }

    fn receipt(identity: &Identity, id: String, name: String, remarks: Vec<String>) -> Receipt {
        let link = (!identity.url.is_empty()).then(|| clean(&format!("{}archives/{id}", identity.url)).into_owned());
        Receipt { id: Some(id), name: Some(name), link, remarks }
    }

    /// Sets the topic. Done twice it would say so twice in the channel.
    pub(super) async fn set_topic(&self, cleared: &Cleared, channel: &str, topic: &str) -> Result<Receipt, Trouble> {
        let (line, was_cut) = shortened(&plain(topic), LIMITS.topic);
        let topic = fitting(&line, LIMITS.topic);
        let mut remarks = Vec::new();
        if was_cut || topic != escaped(&line) {
            remarks.push(cut("topic", LIMITS.topic));
        }
        if cleared.doubt() {
            let info = self.ask("conversations.info", &[("channel", channel)]).await;
            let info = info.map_err(|trouble| trouble.unseen(cleared))?.json;
            if [topic.as_str(), &line].contains(&raw(&info, "/channel/topic/value")) {
                remarks.push("it had arrived already".to_owned());
                return Ok(Receipt { remarks, ..Receipt::default() });
            }
        }
        self.tell(cleared, "conversations.setTopic", &json!({"channel": channel, "topic": topic})).await?;
        Ok(Receipt { remarks, ..Receipt::default() })
    }

    /// Invites one person.
    pub(super) async fn invite(&self, cleared: &Cleared, channel: &str, who: &str) -> Result<Receipt, Trouble> {
        let user = self.resolve(who).await.map_err(|trouble| trouble.unseen(cleared))?;
        let arguments = json!({"channel": channel, "users": user});
        let mut receipt = Receipt { id: Some(user), ..Receipt::default() };
        match self.tell(cleared, "conversations.invite", &arguments).await {
            Ok(_) => {}
            Err(trouble) if trouble.is(&["already_in_channel", "cant_invite_self"]) => {
                receipt.remarks.push(format!("{} was in the channel already", clean(who)));
            }
            Err(trouble) if trouble.is(&["user_not_found", "users_not_found", "user_is_deactivated"]) => {
                return Err(nobody("Slack", who, "does not know", "correct the name, or invite them by hand"));
            }
            Err(trouble) => return Err(trouble),
        }
        Ok(receipt)
    }

    /// Puts a link at the channel's head, as a bookmark.
    pub(super) async fn link(
        &self,
        cleared: &Cleared,
        channel: &str,
        title: &str,
        url: &str,
    ) -> Result<Receipt, Trouble> {
        let (title, _) = shortened(&plain(title), 100);
        if cleared.doubt() {
            let listed = self.road.read_form("/api/bookmarks.list", &[("channel_id", channel)]).await;
            let listed = self.heed(listed).await.map_err(|trouble| trouble.unseen(cleared))?.json;
            let same = |one: &&Value| {
                raw(one, "/link") == url && [title.as_str(), &escaped(&title)].contains(&raw(one, "/title"))
            };
            if let Some(there) = items(&listed, "/bookmarks").iter().find(same) {
                let remarks = vec!["it had arrived already".to_owned()];
                return Ok(Receipt { id: Some(raw(there, "/id").to_owned()), remarks, ..Receipt::default() });
            }
        }
        let arguments = json!({"channel_id": channel, "title": title, "type": "link", "link": url});
        let added = self.tell(cleared, "bookmarks.add", &arguments).await?;
        let id = Some(raw(&added, "/bookmark/id").to_owned()).filter(|id| !id.is_empty());
        Ok(Receipt { id, ..Receipt::default() })
    }

    /// Closes the channel.
    pub(super) async fn archive(&self, cleared: &Cleared, channel: &str) -> Result<Receipt, Trouble> {
        match self.tell(cleared, "conversations.archive", &json!({"channel": channel})).await {
            Ok(_) => Ok(Receipt::default()),
            Err(trouble) if trouble.is(&["already_archived", "is_archived"]) => {
                Ok(Receipt { remarks: vec!["it was archived already".to_owned()], ..Receipt::default() })
            }
            Err(trouble) => Err(trouble),
        }
    }
}

/// A line in Slack's writing, so short that it is no longer than `limit` as it is sent.
fn fitting(line: &str, limit: usize) -> String {
    let mut room = limit;
    loop {
        let sent = escaped(&shortened(line, room).0);
        let over = sent.chars().count().saturating_sub(limit);
        if over == 0 || room == 0 {
            return sent;
        }
        room = room.saturating_sub(over);
    }
}
