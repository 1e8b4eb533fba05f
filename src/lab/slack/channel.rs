//! A channel and what is in it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::TEAM;
use super::life::Beat;
use super::people::{self, Person};
use crate::lab::bucket::Bucket;

/// Messages at once, before it goes by the rate.
const BURST: u32 = 5;
/// Messages a second.
const RATE: f64 = 1.0;

/// A topic or a purpose.
#[derive(Debug, Clone, Default)]
pub(super) struct Saying {
    value: String,
    creator: String,
    last_set: i64,
}

impl Saying {
    pub(super) fn set(&mut self, value: &str, by: &str, at: DateTime<Utc>) {
        *self = Self { value: value.to_owned(), creator: by.to_owned(), last_set: at.timestamp() };
    }

    fn json(&self) -> Value {
        json!({"value": self.value, "creator": self.creator, "last_set": self.last_set})
    }
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub ts: String,
    pub user: String,
    /// What kind it is, if no ordinary one.
    pub subtype: Option<&'static str>,
    pub text: String,
    pub blocks: Value,
    pub metadata: Value,
    /// The message that it answers.
    pub thread: Option<String>,
    /// Names of emoji, each with those who gave it.
    pub reactions: Vec<(String, Vec<String>)>,
}

impl Message {
    /// An ordinary one.
    pub(super) fn said(ts: String, user: &str, text: &str) -> Self {
        Self {
            ts,
            user: user.to_owned(),
            subtype: None,
            text: text.to_owned(),
            blocks: Value::Null,
            metadata: Value::Null,
            thread: None,
            reactions: Vec::new(),
        }
    }

    /// Adds a reaction; has somebody given it before, it is an error.
    pub(super) fn react(&mut self, name: &str, user: &str) -> Result<(), &'static str> {
        match self.reactions.iter_mut().find(|(known, _)| known == name) {
            Some((_, users)) if users.iter().any(|known| known == user) => return Err("already_reacted"),
            Some((_, users)) => users.push(user.to_owned()),
            None => self.reactions.push((name.to_owned(), vec![user.to_owned()])),
        }
        Ok(())
    }
}

/// A message that is pinned.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    pub ts: String,
    pub by: String,
    pub at: i64,
}

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub id: String,
    pub name: String,
    pub private: bool,
    creator: String,
    pub opened: DateTime<Utc>,
    pub topic: Saying,
    pub purpose: Saying,
    /// In the order in which they came.
    pub members: Vec<String>,
    pub archived: bool,
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Oldest first.
    pub pins: Vec<Pin>,
    pub bookmarks: Vec<Value>,
    /// How fast messages may come.
    pub pace: Bucket,
    /// What people will do in it, soonest first.
    pub plan: Vec<&'static Beat>,
}

impl Channel {
    /// An empty one, in which only its creator is.
    pub(super) fn new(id: String, name: &str, private: bool, creator: &str, at: DateTime<Utc>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            private,
            creator: creator.to_owned(),
            opened: at,
            topic: Saying::default(),
            purpose: Saying::default(),
            members: vec![creator.to_owned()],
            archived: false,
            messages: Vec::new(),
            pins: Vec::new(),
            bookmarks: Vec::new(),
            pace: Bucket::new(BURST, RATE),
            plan: Vec::new(),
        }
    }

    /// Is somebody in it?
    pub(super) fn has(&self, user: &str) -> bool {
        self.members.iter().any(|member| member == user)
    }

    /// May the bot see that it is there?
    pub(super) fn is_seen(&self) -> bool {
        !self.private || self.has(people::bot().id)
    }

    /// Somebody comes in, and a line says so.
    pub(super) fn enter(&mut self, user: &str, ts: String) {
        self.members.push(user.to_owned());
        let line = Message::said(ts, user, &format!("<@{user}> has joined the channel"));
        self.messages.push(Message { subtype: Some("channel_join"), ..line });
    }

    /// A message in it.
    pub(super) fn message(&mut self, ts: &str) -> Result<&mut Message, &'static str> {
        self.messages.iter_mut().find(|message| message.ts == ts).ok_or("message_not_found")
    }

    /// As lists have it.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "name_normalized": self.name, "is_channel": !self.private,
            "is_group": false, "is_im": false, "is_mpim": false, "is_private": self.private,
            "created": self.opened.timestamp(), "creator": self.creator, "is_archived": self.archived,
            "is_general": self.name == "general", "unlinked": 0, "is_shared": false, "is_ext_shared": false,
            "is_org_shared": false, "pending_shared": [], "is_pending_ext_shared": false,
            "is_member": self.has(people::bot().id), "topic": self.topic.json(), "purpose": self.purpose.json(),
            "previous_names": [], "num_members": self.members.len(), "context_team_id": TEAM,
            "updated": self.opened.timestamp_millis(),
        })
    }

    /// A message of it; `whole` is with all metadata.
    pub(super) fn message_json(&self, message: &Message, whole: bool) -> Value {
        let mut told = json!({
            "type": "message", "user": message.user, "text": message.text, "ts": message.ts, "team": TEAM,
        });
        if message.user == people::bot().id {
            told["bot_id"] = json!("B0LABBOT001");
            told["app_id"] = json!("A0LABAPP001");
        } else if let Some(person) = Person::of(&message.user) {
            told["user_profile"] =
                json!({"name": person.name, "real_name": person.shown, "display_name": person.shown, "team": TEAM});
        }
        if let Some(subtype) = message.subtype {
            told["subtype"] = json!(subtype);
        }
        for (name, value) in [("blocks", &message.blocks), ("metadata", &message.metadata)] {
            if !value.is_null() {
                told[name] = value.clone();
            }
        }
        if !whole && let Some(metadata) = told.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("event_payload");
        }
        let answers = self.messages.iter().filter(|other| other.thread.as_deref() == Some(&message.ts)).count();
        if let Some(thread) = &message.thread {
            told["thread_ts"] = json!(thread);
        } else if answers > 0 {
            told["thread_ts"] = json!(message.ts);
            told["reply_count"] = json!(answers);
        }
        if !message.reactions.is_empty() {
            let reaction =
                |(name, users): &(String, Vec<String>)| json!({"name": name, "users": users, "count": users.len()});
            told["reactions"] = message.reactions.iter().map(reaction).collect();
        }
        if let Some(pin) = self.pins.iter().find(|pin| pin.ts == message.ts) {
            told["pinned_to"] = json!([self.id]);
            told["pinned_info"] = json!({"channel": self.id, "pinned_by": pin.by, "pinned_ts": pin.at});
        }
        told
    }
}
