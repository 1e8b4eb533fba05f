//! Channels: what Slack calls their opening, topic, people, links and end.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::board::{Board as _, holds, marked_purpose, shortened};
use super::super::road::{Outcome, Trouble, items, nobody, raw, text};
use super::super::rooms::{Rooms, Wanted, there_already};
use super::writing::{escaped, unescaped};
use super::{Identity, Slack};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::ports::incident::{ChannelView, ServiceCheck};

/// The longest purpose, in characters.
const PURPOSE: usize = 250;

/// So many pages of channels or people are read at most, of [`PAGE`] each.
pub(super) const PAGES: usize = 100;
/// Items of a page, as Slack recommends.
pub(super) const PAGE: &str = "200";

impl Rooms for Slack {
    type Identity = Identity;

    const BOOKMARK: Option<usize> = Some(100);

    fn account(&self) -> &Account<Identity> {
        &self.account
    }

    async fn whoami(&self) -> Outcome<Identity> {
        let whose = self.ask("auth.test", &[]).await?.json;
        if let Some(fault) = self.foreign(&whose) {
            return Err(Trouble::ask(fault).coded("foreign_workspace"));
        }
        Ok(Identity { user: raw(&whose, "/user_id").to_owned(), url: raw(&whose, "/url").to_owned() })
    }

    /// Slack's purpose of the channel holds the mark.
    async fn opened_before(&self, wanted: &Wanted<'_, Identity>) -> Outcome<Option<Receipt>> {
        let kind = if wanted.private { "private_channel" } else { "public_channel" };
        let mut half = None;
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let arguments = [("types", kind), ("exclude_archived", "false"), ("limit", PAGE), ("cursor", &cursor)];
            let arguments = if cursor.is_empty() { &arguments[..3] } else { &arguments[..] };
            let page = self.ask("conversations.list", arguments).await?.json;
            for channel in items(&page, "/channels") {
                let purpose = raw(channel, "/purpose/value");
                if holds(purpose, &wanted.mark) {
                    return Ok(Some(receipt(wanted.me, channel)));
                }
                // Between making it and writing its purpose, the attempt may have ended.
                let nobodys = purpose.is_empty() && channel["is_archived"].as_bool() != Some(true);
                let made_here = !wanted.me.user.is_empty() && raw(channel, "/creator") == wanted.me.user;
                let named = wanted.names.iter().any(|name| name == raw(channel, "/name"));
                if wanted.cleared.doubt() && nobodys && made_here && named {
                    half = Some(receipt(wanted.me, channel));
                }
            }
            raw(&page, "/response_metadata/next_cursor").clone_into(&mut cursor);
            if cursor.is_empty() {
                break;
            }
        }
        let Some(half) = half else { return Ok(None) };
        Ok(Some(self.with_purpose(wanted, half).await))
    }

    async fn create(&self, wanted: &Wanted<'_, Identity>, name: &str) -> Outcome<Option<Receipt>> {
        let arguments = json!({"name": name, "is_private": wanted.private});
        match self.tell(wanted.cleared, "POST", "conversations.create", &arguments).await {
            Ok(made) if raw(&made, "/channel/id").is_empty() => Err(self.account.road.lacks("the new channel's id")),
            Ok(made) => Ok(Some(self.with_purpose(wanted, receipt(wanted.me, &made["channel"])).await)),
            Err(taken) if taken.is(&["name_taken"]) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// It counts as it is sent, with `&`, `<` and `>` written out.
    fn topic_of(line: &str) -> String {
        let limit = Self::LIMITS.topic;
        let mut room = limit;
        loop {
            let fits = shortened(line, room).0;
            let over = escaped(&fits).chars().count().saturating_sub(limit);
            if over == 0 || room == 0 {
                return fits;
            }
            room = room.saturating_sub(over);
        }
    }

    async fn topic(&self, channel: &str) -> Outcome<Option<String>> {
        let info = self.ask("conversations.info", &[("channel", channel)]).await?.json;
        Ok(Some(unescaped(raw(&info, "/channel/topic/value"))))
    }

    async fn set_topic(&self, cleared: &Cleared, channel: &str, topic: &str) -> Outcome<bool> {
        let arguments = json!({"channel": channel, "topic": escaped(topic)});
        self.tell(cleared, "POST", "conversations.setTopic", &arguments).await?;
        Ok(true)
    }

    async fn resolve(&self, _: &Identity, who: &str) -> Outcome<String> {
        self.id_of(who).await
    }

    async fn add(&self, cleared: &Cleared, _: &Identity, channel: &str, user: &str, who: &str) -> Outcome<Vec<String>> {
        let arguments = json!({"channel": channel, "users": user});
        match self.tell(cleared, "POST", "conversations.invite", &arguments).await {
            Ok(_) => Ok(Vec::new()),
            Err(trouble) if trouble.is(&["already_in_channel", "cant_invite_self"]) => Ok(vec![there_already(who)]),
            Err(trouble) if trouble.is(&["user_not_found", "users_not_found", "user_is_deactivated"]) => {
                Err(nobody("Slack", who, "does not know", "correct the name, or invite them by hand"))
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn pin(&self, cleared: &Cleared, channel: &str, message: &str) -> Outcome<bool> {
        match self.tell(cleared, "POST", "pins.add", &json!({"channel": channel, "timestamp": message})).await {
            Ok(_) => Ok(true),
            Err(trouble) if trouble.is(&["already_pinned"]) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    async fn bookmarked(&self, channel: &str, title: &str, url: &str) -> Outcome<Option<String>> {
        let listed = self.account.road.read_form("bookmarks.list", &[("channel_id", channel)]).await?.json;
        let same = |one: &&Value| raw(one, "/link") == url && unescaped(raw(one, "/title")) == title;
        Ok(items(&listed, "/bookmarks").iter().find(same).map(|there| raw(there, "/id").to_owned()))
    }

    async fn bookmark(&self, cleared: &Cleared, channel: &str, title: &str, url: &str) -> Outcome<Option<String>> {
        let arguments = json!({"channel_id": channel, "title": title, "type": "link", "link": url});
        let added = self.tell(cleared, "POST", "bookmarks.add", &arguments).await?;
        Ok(Some(raw(&added, "/bookmark/id").to_owned()))
    }

    async fn archive(&self, cleared: &Cleared, _: &Identity, channel: &str) -> Outcome<Option<&'static str>> {
        match self.tell(cleared, "POST", "conversations.archive", &json!({"channel": channel})).await {
            Ok(_) => Ok(None),
            Err(trouble) if trouble.is(&["already_archived", "is_archived"]) => Ok(Some("it was archived already")),
            Err(trouble) => Err(trouble),
        }
    }

    /// What `chat.getPermalink` answers.
    fn permalink(&self, me: &Identity, channel: &str, ts: &str) -> Option<String> {
        let link = || clean(&format!("{}archives/{channel}/p{}", me.url, ts.replace('.', ""))).into_owned();
        (!me.url.is_empty()).then(link)
    }

    async fn look(&self, me: &Identity, channel: &str) -> Outcome<ChannelView> {
        self.seen(me, channel).await
    }

    async fn checks(&self) -> Vec<ServiceCheck> {
        self.doctor().await
    }
}

impl Slack {
    /// Writes the purpose, and with it the mark, into a channel that has none. Without, it would only not be found again.
    async fn with_purpose(&self, wanted: &Wanted<'_, Identity>, mut channel: Receipt) -> Receipt {
        // Without the characters that Slack wants escaped, the mark comes back as it was sent.
        let purpose = marked_purpose(&wanted.purpose.replace(['&', '<', '>'], " "), &wanted.mark, PURPOSE);
        let arguments = json!({"channel": channel.id, "purpose": purpose});
        if let Err(trouble) = self.tell(wanted.cleared, "POST", "conversations.setPurpose", &arguments).await {
            channel.remarks.push(format!("its purpose was not set: {}", trouble.said()));
        }
        channel
    }
}

fn receipt(me: &Identity, channel: &Value) -> Receipt {
    let id = raw(channel, "/id").to_owned();
    let link = (!me.url.is_empty()).then(|| clean(&format!("{}archives/{id}", me.url)).into_owned());
    Receipt { id: Some(id), name: Some(text(channel, "/name")), link, remarks: Vec::new() }
}
