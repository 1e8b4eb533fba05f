//! Mattermost as it is documented, as far as we call it: for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::super::script::{Answer, Call, TOKEN, World};

/// A team with three people and two channels.
pub struct Team {
    pub channels: Vec<Value>,
    /// Are there bookmarks (not in every edition)?
    pub bookmarks: bool,
    /// Posts that the server still remembers by their `pending_post_id`.
    pub remembers: bool,
}

const PEOPLE: [(&str, &str); 4] = [
    ("aaaaaaaaaaaaaaaaaaaaaaaada", "ada"),
    ("aaaaaaaaaaaaaaaaaaaaaaabob", "bob"),
    ("aaaaaaaaaaaaaaaaaaaaaaabot", "opsdeck"),
    ("aaaaaaaaaaaaaaaaaaaaaaaout", "outsider"),
];
const BOT: &str = "aaaaaaaaaaaaaaaaaaaaaaabot";

impl Default for Team {
    fn default() -> Self {
        let mut team = Self { channels: Vec::new(), bookmarks: true, remembers: false };
        team.make("town-square", "", "");
        team
    }
}

fn fault(status: u16, id: &str) -> Answer {
    Answer::Json(status, json!({"id": id, "message": format!("message of {id}\u{1b}[31m"), "status_code": status}))
}

fn user(wanted: &str) -> Option<Value> {
    let found =
        PEOPLE.iter().find(|(id, name)| *id == wanted || *name == wanted || format!("{name}@shop.example") == wanted);
    found.map(|(id, name)| json!({"id": id, "username": name}))
}

impl Team {
    /// A channel that is there already.
    pub fn make(&mut self, name: &str, purpose: &str, kind: &str) -> Value {
        let id = format!("c{}", self.channels.len());
        self.channels
            .push(json!({"id": id, "name": name, "purpose": purpose, "header": "", "type": kind, "delete_at": 0,
            "members": [BOT], "posts": [], "bookmarks": []}));
        self.channels[self.channels.len() - 1].clone()
    }

    /// The channel of this name.
    pub fn named(&mut self, name: &str) -> &mut Value {
        self.channels.iter_mut().find(|channel| channel["name"] == name).unwrap()
    }

    /// All that people see.
    pub fn seen(&self) -> Value {
        json!(self.channels)
    }

    fn of_channel(&mut self, at: usize, method: &str, rest: &[&str], call: &Call) -> Answer {
        let channel = &mut self.channels[at];
        let body = &call.body;
        if channel["delete_at"] != 0 && method != "GET" {
            return fault(
                400,
                if method == "DELETE" {
                    "api.channel.delete_channel.deleted.app_error"
                } else {
                    "api.channel.patch_update_channel.deleted.app_error"
                },
            );
        }
        match (method, rest) {
            ("GET", []) => Answer::Json(200, channel.clone()),
            ("DELETE", []) => {
                channel["delete_at"] = json!(1);
                Answer::Json(200, json!({"status": "OK"}))
            }
            ("PUT", ["patch"]) => {
                if body["header"].as_str().unwrap_or_default().chars().count() > 1_024 {
                    return fault(400, "model.channel.is_valid.header.app_error");
                }
                channel["header"] = body["header"].clone();
                Self::say(channel, json!({"type": "system_header_change", "message": "changed", "user_id": BOT}));
                Answer::Json(200, channel.clone())
            }
            ("GET", ["members", wanted]) => {
                let is_there = channel["members"].as_array().unwrap().iter().any(|member| member == *wanted);
                if is_there {
                    Answer::Json(200, json!({"user_id": wanted}))
                } else {
                    fault(404, "app.channel.get_member.missing.app_error")
                }
            }
            ("POST", ["members"]) => {
                let id = body["user_id"].as_str().unwrap();
                if id.ends_with("out") {
                    return fault(400, "api.channel.add_user.to.channel.failed.team.app_error");
                }
                if !channel["members"].as_array().unwrap().iter().any(|member| member == id) {
                    channel["members"].as_array_mut().unwrap().push(json!(id));
                    Self::say(channel, json!({"type": "system_add_to_channel", "message": "added", "user_id": id}));
                }
                Answer::Json(201, json!({"user_id": id}))
            }
            (_, ["bookmarks"]) if !self.bookmarks => fault(501, "license.error"),
            ("GET", ["bookmarks"]) => Answer::Json(200, channel["bookmarks"].clone()),
            ("POST", ["bookmarks"]) => {
                let mut made = body.clone();
                made["id"] = json!(format!("b{}", channel["bookmarks"].as_array().unwrap().len()));
                channel["bookmarks"].as_array_mut().unwrap().push(made.clone());
                Answer::Json(201, made)
            }
            ("GET", ["posts"]) => {
                let page: usize = call.pair("page").parse().unwrap();
                let size: usize = call.pair("per_page").parse().unwrap();
                let posts: Vec<Value> =
                    channel["posts"].as_array().unwrap().iter().rev().skip(page * size).take(size).cloned().collect();
                let order: Vec<&Value> = posts.iter().map(|post| &post["id"]).collect();
                let by_id: serde_json::Map<String, Value> =
                    posts.iter().map(|post| (post["id"].as_str().unwrap().to_owned(), post.clone())).collect();
                Answer::Json(200, json!({"order": order, "posts": by_id}))
            }
            _ => fault(404, "api.context.404.app_error"),
        }
    }

    fn say(channel: &mut Value, mut post: Value) -> Value {
        let posts = channel["posts"].as_array().unwrap().len();
        post["id"] = json!(format!("{}p{posts}", channel["id"].as_str().unwrap()));
        post["create_at"] = json!(1_795_000_000_000_i64 + i64::try_from(posts).unwrap());
        channel["posts"].as_array_mut().unwrap().push(post.clone());
        post
    }
}

impl World for Team {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.authorization != format!("Bearer {TOKEN}") {
            return fault(401, "api.context.session_expired.app_error");
        }
        let path = call.path();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let method = call.method();
        let body = &call.body;
        let found = |found: Option<Value>| {
            found.map_or_else(|| fault(404, "store.sql_user.missing"), |user| Answer::Json(200, user))
        };
        match (method, &path[2..]) {
            ("GET", ["users", "me"]) => found(user(BOT)),
            ("GET", ["users", "me", "teams"]) => Answer::Json(200, json!([{"id": "t1", "name": "shop"}])),
            ("GET", ["users", "username" | "email", name]) => found(user(name)),
            ("GET", ["users", id]) => found(user(id)),
            ("GET", ["users"]) => {
                let channel = self.channels.iter().find(|channel| channel["id"] == call.pair("in_channel"));
                let ids = channel.unwrap()["members"].as_array().unwrap().clone();
                Answer::Json(200, ids.iter().filter_map(|id| user(id.as_str().unwrap())).collect())
            }
            ("GET", ["teams", "t1", "channels", "name", name]) => {
                // Somebody else's private channel is none.
                let there =
                    self.channels.iter().find(|channel| channel["name"] == *name && channel["type"] != "hidden");
                there.map_or_else(
                    || fault(404, "app.channel.get_by_name.missing.app_error"),
                    |there| Answer::Json(200, there.clone()),
                )
            }
            ("POST", ["channels"]) => {
                let name = body["name"].as_str().unwrap();
                let too_long = name.len() > 64 || body["purpose"].as_str().unwrap().chars().count() > 250;
                if body["team_id"] != "t1" || too_long {
                    return fault(400, "model.channel.is_valid.app_error");
                }
                if self.channels.iter().any(|channel| channel["name"] == name) {
                    return fault(400, "store.sql_channel.save_channel.exists.app_error");
                }
                Answer::Json(201, self.make(name, body["purpose"].as_str().unwrap(), body["type"].as_str().unwrap()))
            }
            ("POST", ["posts"]) => {
                let Some(channel) = self.channels.iter_mut().find(|channel| channel["id"] == body["channel_id"]) else {
                    return fault(404, "app.channel.get.existing.app_error");
                };
                if channel["delete_at"] != 0 {
                    return fault(400, "api.post.create_post.can_not_post_to_deleted.error");
                }
                if body["message"].as_str().unwrap().chars().count() > 16_383 {
                    return fault(400, "model.post.is_valid.message_length.app_error");
                }
                let same = |post: &&Value| post["pending_post_id"] == body["pending_post_id"];
                if let Some(there) = channel["posts"].as_array().unwrap().iter().find(same).filter(|_| self.remembers) {
                    return Answer::Json(201, there.clone());
                }
                let mut post = body.clone();
                post["user_id"] = json!(BOT);
                Answer::Json(201, Self::say(channel, post))
            }
            ("POST", ["posts", id, "pin"]) => {
                let mut posts = self.channels.iter_mut().flat_map(|channel| channel["posts"].as_array_mut().unwrap());
                let Some(post) = posts.find(|post| post["id"] == *id) else {
                    return fault(404, "app.post.get.app_error");
                };
                post["is_pinned"] = json!(true);
                Answer::Json(200, json!({"status": "OK"}))
            }
            (method, ["channels", id, rest @ ..]) => {
                match self.channels.iter().position(|channel| channel["id"] == *id) {
                    Some(at) => self.of_channel(at, method, rest, call),
                    None => fault(404, "app.channel.get.existing.app_error"),
                }
            }
            _ => fault(404, "api.context.404.app_error"),
        }
    }
}
