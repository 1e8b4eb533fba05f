//! Discord as it is documented, as far as we call it: for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::super::script::{Answer, Call, TOKEN, World};

pub const GUILD: &str = "100000000000000001";
pub const BOT: &str = "200000000000000001";
pub const ADA: &str = "200000000000000002";

/// A server with two people in it.
#[derive(Default)]
pub struct Guild {
    pub channels: Vec<Value>,
    /// Does it still remember nonces? It does so for some minutes.
    pub remembers: bool,
}

fn fault(status: u16, code: u64) -> Answer {
    Answer::Json(status, json!({"code": code, "message": format!("error {code}\u{1b}[31m")}))
}

fn person(id: &str) -> Option<Value> {
    [
        (BOT, "opsdeck", "Opsdeck"),
        (ADA, "ada", "Ada Lovelace"),
        ("200000000000000003", "bob", "Bob"),
        ("200000000000000004", "robert", "Bob"),
    ]
    .iter()
    .find(|person| person.0 == id)
    .map(|(id, name, shown)| json!({"id": id, "username": name, "global_name": shown}))
}

impl Guild {
    /// The channel of this name.
    pub fn named(&mut self, name: &str) -> &mut Value {
        self.channels.iter_mut().find(|channel| channel["name"] == name).unwrap()
    }

    /// All that people see.
    pub fn seen(&self) -> Value {
        json!(self.channels)
    }

    fn of_guild(&mut self, method: &str, rest: &[&str], call: &Call) -> Answer {
        match (method, rest) {
            ("GET", ["channels"]) => Answer::Json(200, json!(self.channels)),
            ("POST", ["channels"]) => {
                let mut made = call.body.clone();
                if made["name"].as_str().unwrap().len() > 100 || made["topic"].as_str().unwrap().chars().count() > 1_024
                {
                    return fault(400, 50035);
                }
                made["id"] = json!(format!("30000000000000000{}", self.channels.len()));
                made["messages"] = json!([]);
                if made["permission_overwrites"].is_null() {
                    made["permission_overwrites"] = json!([]);
                }
                self.channels.push(made.clone());
                Answer::Json(201, made)
            }
            ("GET", ["members", "search"]) => {
                // As Discord does: whose name begins with it.
                let query = call.pair("query").to_lowercase();
                let people = (1..5).filter_map(|number| person(&format!("20000000000000000{number}")));
                let begins = |user: &Value| {
                    [&user["username"], &user["global_name"]]
                        .iter()
                        .any(|name| name.as_str().unwrap().to_lowercase().starts_with(&query))
                };
                Answer::Json(200, people.filter(begins).map(|user| json!({"nick": null, "user": user})).collect())
            }
            ("GET", ["members", id]) => {
                person(id).map_or_else(|| fault(404, 10007), |user| Answer::Json(200, json!({"user": user})))
            }
            _ => fault(404, 0),
        }
    }

    fn of_channel(&mut self, at: usize, method: &str, rest: &[&str], call: &Call) -> Answer {
        let remembers = self.remembers;
        let channel = &mut self.channels[at];
        let body = &call.body;
        match (method, rest) {
            ("GET", []) => Answer::Json(200, channel.clone()),
            ("PATCH", []) => {
                channel["topic"] = body["topic"].clone();
                Self::say(channel, json!({"type": 4, "content": "changed the topic"}));
                Answer::Json(200, channel.clone())
            }
            ("PUT", ["permissions", id]) => {
                let overwrites = channel["permission_overwrites"].as_array_mut().unwrap();
                overwrites.retain(|one| one["id"] != *id);
                let mut overwrite = body.clone();
                overwrite["id"] = json!(id);
                overwrites.push(overwrite);
                Answer::Raw(204, Vec::new(), String::new())
            }
            ("GET", ["messages"]) => {
                let limit: usize = call.pair("limit").parse().unwrap();
                let before: u64 = call.pair("before").parse().unwrap_or(u64::MAX);
                let older = |message: &&Value| message["id"].as_str().unwrap().parse::<u64>().unwrap() < before;
                let messages = channel["messages"].as_array().unwrap().iter().rev().filter(older).take(limit.min(100));
                // A nonce is told to nobody afterwards.
                let told = messages.map(|message| {
                    let mut message = message.clone();
                    message.as_object_mut().unwrap().remove("nonce");
                    message
                });
                Answer::Json(200, told.collect())
            }
            ("POST", ["messages"]) => {
                let content = body["content"].as_str().unwrap();
                let nonce = body["nonce"].as_str().unwrap();
                if content.encode_utf16().count() > 2_000 || nonce.len() > 25 {
                    return fault(400, 50035);
                }
                let same = |message: &&Value| message["nonce"] == nonce && body["enforce_nonce"] == true;
                if let Some(there) = channel["messages"].as_array().unwrap().iter().find(same).filter(|_| remembers) {
                    return Answer::Json(200, there.clone());
                }
                Answer::Json(200, Self::say(channel, body.clone()))
            }
            ("PUT", ["messages", "pins", id]) => {
                let mut messages = channel["messages"].as_array_mut().unwrap().iter_mut();
                let Some(message) = messages.find(|message| message["id"] == *id) else { return fault(404, 10008) };
                message["pinned"] = json!(true);
                Answer::Raw(204, Vec::new(), String::new())
            }
            _ => fault(404, 0),
        }
    }

    fn say(channel: &mut Value, mut message: Value) -> Value {
        let messages = channel["messages"].as_array().unwrap().len();
        message["id"] = json!((400_000_000_000_000_000_u64 + messages as u64).to_string());
        message["author"] = person(BOT).unwrap();
        message["timestamp"] = json!("2026-11-21T14:32:00.123000+00:00");
        if message["type"].is_null() {
            message["type"] = json!(0);
        }
        channel["messages"].as_array_mut().unwrap().push(message.clone());
        message
    }
}

impl World for Guild {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.authorization != format!("Bot {TOKEN}") {
            return fault(401, 0);
        }
        let path = call.path();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let method = call.method();
        match (method, &path[2..]) {
            ("GET", ["users", "@me"]) => Answer::Json(200, person(BOT).unwrap()),
            ("GET", ["users", "@me", "guilds"]) => {
                // Everything but Manage Roles and Pin Messages.
                let permissions = (1_u64 << 4 | 1 << 10 | 1 << 11 | 1 << 16).to_string();
                Answer::Json(200, json!([{"id": GUILD, "name": "Shop", "permissions": permissions}]))
            }
            ("GET", ["applications", "@me"]) => Answer::Json(200, json!({"flags": 0})),
            (method, ["guilds", GUILD, rest @ ..]) => self.of_guild(method, rest, call),
            (method, ["channels", id, rest @ ..]) => {
                match self.channels.iter().position(|channel| channel["id"] == *id) {
                    Some(at) => self.of_channel(at, method, rest, call),
                    None => fault(404, 10003),
                }
            }
            _ => fault(404, 0),
        }
    }
}
