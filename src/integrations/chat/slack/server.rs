//! Slack as it is documented, as far as we call it: for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use crate::integrations::chat::script::{Answer, Call, TOKEN, World};

/// A workspace with three people and a channel.
pub struct Workspace {
    pub channels: Vec<Value>,
    pub team: &'static str,
    pub scopes: &'static str,
    /// Messages per page of a history.
    pub page: usize,
}

impl Default for Workspace {
    fn default() -> Self {
        let mut workspace =
            Self { channels: Vec::new(), team: "T0SHOP", scopes: "chat:write,channels:manage", page: 200 };
        workspace.make("general", "U0ADA", "Company-wide");
        workspace
    }
}

fn fault(error: &str) -> Answer {
    Answer::Json(200, json!({"ok": false, "error": error}))
}

fn fine(mut with: Value) -> Answer {
    with["ok"] = json!(true);
    Answer::Json(200, with)
}

impl Workspace {
    /// A channel that is there already.
    pub fn make(&mut self, name: &str, creator: &str, purpose: &str) -> Value {
        let id = format!("C0{}", self.channels.len());
        self.channels.push(json!({
            "id": id, "name": name, "creator": creator, "is_archived": false, "is_private": false,
            "purpose": {"value": purpose}, "topic": {"value": ""}, "members": [creator], "messages": [], "bookmarks": [],
        }));
        self.channels[self.channels.len() - 1].clone()
    }

    /// The channel of this name.
    pub fn named(&mut self, name: &str) -> &mut Value {
        self.channels.iter_mut().find(|channel| channel["name"] == name).unwrap()
    }

    /// All that people see of the channels, which must not depend on what went wrong on the way.
    pub fn seen(&self) -> Value {
        let mut seen = json!(self.channels);
        for channel in seen.as_array_mut().unwrap() {
            channel["purpose"] = Value::Null;
        }
        seen
    }

    fn say(&mut self, at: usize, mut message: Value) -> String {
        // Of the channel alone, so that what is seen does not depend on other requests.
        let before = self.channels[at]["messages"].as_array().unwrap().len();
        let ts = format!("{}.000100", 1_795_000_000 + before);
        message["type"] = json!("message");
        message["ts"] = json!(ts);
        self.channels[at]["messages"].as_array_mut().unwrap().push(message);
        ts
    }

    fn user(wanted: &str) -> Option<Value> {
        [("U0ADA0000", "ada", "Ada Lovelace"), ("U0BOB0000", "bob", "Bob"), ("U0BOT0000", "opsdeck", "Opsdeck")]
            .iter()
            .map(|(id, name, real)| {
                json!({"id": id, "name": name, "deleted": false,
                    "profile": {"display_name": name, "real_name": real, "email": format!("{name}@shop.example")}})
            })
            .find(|user| user["id"] == wanted || user["profile"]["email"] == wanted)
    }
}

impl World for Workspace {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.authorization != format!("Bearer {TOKEN}") {
            return fault("invalid_auth");
        }
        let Some(method) = call.line.split("/api/").nth(1) else { return fault("unknown_method") };
        let body = &call.body;
        let argument = |name: &str| match body[name].as_str() {
            Some(text) => text.to_owned(),
            None => call.pair(name).to_owned(),
        };
        match method {
            "auth.test" => {
                let answer = json!({"ok": true, "url": "https://shop.slack.com/", "team": "Shop", "team_id": self.team,
                    "user": "opsdeck", "user_id": "U0BOT0000", "bot_id": "B1"});
                let headers =
                    vec![("content-type", "application/json".to_owned()), ("x-oauth-scopes", self.scopes.to_owned())];
                return Answer::Raw(200, headers, answer.to_string());
            }
            "conversations.list" => {
                // One a page, so that a page is never all.
                let at: usize = call.pair("cursor").parse().unwrap_or(0);
                let next = if at + 1 < self.channels.len() { (at + 1).to_string() } else { String::new() };
                let page: Vec<_> = self.channels.get(at).into_iter().collect();
                return fine(json!({"channels": page, "response_metadata": {"next_cursor": next}}));
            }
            "conversations.create" => {
                let name = argument("name");
                if name.is_empty() || name.len() > 80 || name.chars().any(|c| c.is_uppercase() || c == ' ') {
                    return fault("invalid_name");
                }
                if self.channels.iter().any(|channel| channel["name"] == name.as_str()) {
                    return fault("name_taken");
                }
                let mut made = self.make(&name, "U0BOT0000", "");
                made["is_private"] = body["is_private"].clone();
                return fine(json!({"channel": made}));
            }
            "users.lookupByEmail" => {
                return Self::user(call.pair("email"))
                    .map_or_else(|| fault("users_not_found"), |user| fine(json!({"user": user})));
            }
            "users.info" => {
                return Self::user(call.pair("user"))
                    .map_or_else(|| fault("user_not_found"), |user| fine(json!({"user": user})));
            }
            "users.list" => {
                let ids = ["U0ADA0000", "U0BOB0000", "U0BOT0000"];
                let at: usize = call.pair("cursor").parse().unwrap_or(0);
                let next = if at + 1 < ids.len() { (at + 1).to_string() } else { String::new() };
                let page: Vec<_> = Self::user(ids[at]).into_iter().collect();
                return fine(json!({"members": page, "response_metadata": {"next_cursor": next}}));
            }
            _ => {}
        }
        let id = if method.starts_with("bookmarks") { argument("channel_id") } else { argument("channel") };
        let Some(at) = self.channels.iter().position(|channel| channel["id"] == id.as_str()) else {
            return fault("channel_not_found");
        };
        let writes = !matches!(method, "conversations.info" | "conversations.history" | "conversations.members");
        if writes && self.channels[at]["is_archived"] == true {
            return fault(if method == "conversations.archive" { "already_archived" } else { "is_archived" });
        }
        match method {
            "conversations.info" => fine(json!({"channel": self.channels[at]})),
            "conversations.members" => fine(json!({"members": self.channels[at]["members"]})),
            "conversations.setPurpose" => {
                if argument("purpose").chars().count() > 250 {
                    return fault("too_long");
                }
                self.channels[at]["purpose"]["value"] = json!(argument("purpose"));
                fine(json!({}))
            }
            "conversations.setTopic" => {
                if argument("topic").chars().count() > 250 {
                    return fault("too_long");
                }
                self.channels[at]["topic"]["value"] = json!(argument("topic"));
                self.say(at, json!({"subtype": "channel_topic", "text": "set the topic"}));
                fine(json!({}))
            }
            "conversations.invite" => {
                let user = argument("users");
                if Self::user(&user).is_none() {
                    return fault("user_not_found");
                }
                let members = self.channels[at]["members"].as_array_mut().unwrap();
                if members.iter().any(|member| member == user.as_str()) {
                    return fault("already_in_channel");
                }
                members.push(json!(user));
                self.say(at, json!({"subtype": "channel_join", "text": "joined", "user": user}));
                fine(json!({}))
            }
            "conversations.archive" => {
                self.channels[at]["is_archived"] = json!(true);
                fine(json!({}))
            }
            "chat.postMessage" => {
                let text = argument("text");
                if text.is_empty() || text.chars().count() > 4_000 {
                    return fault(if text.is_empty() { "no_text" } else { "msg_too_long" });
                }
                let ts = self
                    .say(at, json!({"text": text, "user": "U0BOT0000", "bot_id": "B1", "metadata": body["metadata"]}));
                fine(json!({"channel": id, "ts": ts}))
            }
            "pins.add" => {
                let messages = self.channels[at]["messages"].as_array_mut().unwrap();
                let wanted = argument("timestamp");
                let Some(message) = messages.iter_mut().find(|message| message["ts"] == wanted.as_str()) else {
                    return fault("message_not_found");
                };
                if message["pinned_to"].is_array() {
                    return fault("already_pinned");
                }
                message["pinned_to"] = json!([id]);
                fine(json!({}))
            }
            "bookmarks.add" => {
                let bookmarks = self.channels[at]["bookmarks"].as_array_mut().unwrap();
                let bookmark = json!({"id": format!("Bk{}", bookmarks.len()), "title": argument("title"), "link": argument("link")});
                bookmarks.push(bookmark.clone());
                fine(json!({"bookmark": bookmark}))
            }
            "bookmarks.list" => fine(json!({"bookmarks": self.channels[at]["bookmarks"]})),
            "conversations.history" => {
                let mut messages = self.channels[at]["messages"].as_array().unwrap().clone();
                messages.reverse();
                if call.pair("include_all_metadata") != "true" {
                    for message in &mut messages {
                        if let Some(message) = message.as_object_mut() {
                            message.remove("metadata");
                        }
                    }
                }
                let from: usize = call.pair("cursor").parse().unwrap_or(0);
                let limit: usize = call.pair("limit").parse::<usize>().unwrap_or(100).min(self.page);
                let next = if from + limit < messages.len() { (from + limit).to_string() } else { String::new() };
                let page: Vec<_> = messages.into_iter().skip(from).take(limit).collect();
                fine(json!({"messages": page, "response_metadata": {"next_cursor": next}}))
            }
            _ => fault("unknown_method"),
        }
    }
}
