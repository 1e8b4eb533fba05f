//! A homeserver as the specification has it, as far as we call it: for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::script::{Answer, Call, TOKEN, World};

pub const BOT: &str = "@opsdeck:shop.example";

/// A homeserver with three people.
#[derive(Default)]
pub struct Homeserver {
    /// Rooms by id: `{"state": {"type|key": content}, "events": […]}`.
    pub rooms: BTreeMap<String, Value>,
    /// Room ids by alias.
    pub aliases: BTreeMap<String, String>,
    /// Event ids by room and transaction.
    pub transactions: BTreeMap<String, String>,
    /// Does it forget transactions (another device, a restart)?
    pub forgets: bool,
    /// Events of a page at most.
    pub page: usize,
}

fn fault(status: u16, code: &str) -> Answer {
    Answer::Json(status, json!({"errcode": code, "error": format!("{code} it is\u{1b}[31m")}))
}

impl Homeserver {
    /// A room of somebody else's, with an alias.
    pub fn strange(&mut self, alias: &str) {
        let id = format!("!r{}:shop.example", self.rooms.len());
        self.rooms.insert(id.clone(), json!({"state": {}, "events": [], "strange": true}));
        self.aliases.insert(format!("#{alias}:shop.example"), id);
    }

    /// The only room of ours.
    pub fn ours(&mut self) -> &mut Value {
        self.rooms.values_mut().find(|room| room["strange"] != true).unwrap()
    }

    /// All that people see.
    pub fn seen(&self) -> Value {
        json!([self.rooms, self.aliases])
    }

    fn event(room: &mut Value, mut event: Value) -> String {
        let events = room["events"].as_array_mut().unwrap();
        let id = format!("$e{}", events.len());
        event["event_id"] = json!(id);
        event["sender"] = json!(BOT);
        event["origin_server_ts"] = json!(1_795_000_000_000_i64 + i64::try_from(events.len()).unwrap());
        events.push(event);
        id
    }

    fn create(&mut self, body: &Value) -> Answer {
        let alias = format!("#{}:shop.example", body["room_alias_name"].as_str().unwrap());
        if self.aliases.contains_key(&alias) {
            return fault(400, "M_ROOM_IN_USE");
        }
        let id = format!("!r{}:shop.example", self.rooms.len());
        let mut state = json!({
            "m.room.create|": body["creation_content"],
            "m.room.name|": {"name": body["name"]},
            "m.room.topic|": {"topic": body["topic"]},
            "m.room.power_levels|": {"events_default": 0, "users": {BOT: 100}},
            "m.room.join_rules|": {"join_rule": "invite"},
            "m.room.history_visibility|": {"history_visibility": "shared"},
            "m.room.canonical_alias|": {"alias": alias},
            "preset": body["preset"],
        });
        state[format!("m.room.member|{BOT}")] = json!({"membership": "join"});
        self.rooms.insert(id.clone(), json!({"state": state, "events": []}));
        self.aliases.insert(alias, id.clone());
        Answer::Json(200, json!({"room_id": id}))
    }

    fn in_room(&mut self, id: &str, method: &str, rest: &[&str], call: &Call) -> Answer {
        let Some(room) = self.rooms.get_mut(id).filter(|room| room["strange"] != true) else {
            return fault(403, "M_FORBIDDEN");
        };
        let body = &call.body;
        match (method, rest) {
            ("GET", ["state", kind, key @ ..]) => {
                let key = key.first().copied().unwrap_or_default();
                match room["state"].get(format!("{kind}|{key}")) {
                    Some(content) => Answer::Json(200, content.clone()),
                    None => fault(404, "M_NOT_FOUND"),
                }
            }
            ("PUT", ["state", kind, key @ ..]) => {
                let key = key.first().copied().unwrap_or_default();
                room["state"][format!("{kind}|{key}")] = body.clone();
                let id = Self::event(room, json!({"type": kind, "state_key": key, "content": body}));
                Answer::Json(200, json!({"event_id": id}))
            }
            ("POST", ["invite"]) => {
                let user = body["user_id"].as_str().unwrap();
                let key = format!("m.room.member|{user}");
                if room["state"][&key]["membership"] == "join" {
                    return fault(403, "M_FORBIDDEN");
                }
                room["state"][key] = json!({"membership": "invite"});
                Self::event(room, json!({"type": "m.room.member", "state_key": user}));
                Answer::Json(200, json!({}))
            }
            ("PUT", ["send", kind, transaction]) => {
                if body.to_string().len() > 65_000 {
                    return fault(413, "M_TOO_LARGE");
                }
                let transaction = format!("{id}|{transaction}");
                if let Some(there) = self.transactions.get(&transaction).filter(|_| !self.forgets) {
                    return Answer::Json(200, json!({"event_id": there}));
                }
                let id = Self::event(room, json!({"type": kind, "content": body}));
                self.transactions.insert(transaction, id.clone());
                Answer::Json(200, json!({"event_id": id}))
            }
            ("GET", ["joined_members"]) => {
                let joined = json!({BOT: {"display_name": "Opsdeck"}, "@ada:shop.example": {"display_name": null}});
                Answer::Json(200, json!({"joined": joined}))
            }
            ("GET", ["messages"]) => {
                let from: usize = call.pair("from").parse().unwrap_or(0);
                let limit =
                    call.pair("limit").parse::<usize>().unwrap().min(if self.page == 0 { 1_000 } else { self.page });
                let events = room["events"].as_array().unwrap();
                let chunk: Vec<&Value> = events.iter().rev().skip(from).take(limit).collect();
                let mut page = json!({"chunk": chunk});
                if from + limit < events.len() {
                    page["end"] = json!((from + limit).to_string());
                }
                Answer::Json(200, page)
            }
            _ => fault(404, "M_UNRECOGNIZED"),
        }
    }
}

impl World for Homeserver {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.authorization != format!("Bearer {TOKEN}") {
            return fault(401, "M_UNKNOWN_TOKEN");
        }
        let path = call.path();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let method = call.method();
        match (method, &path[3..]) {
            ("GET", ["account", "whoami"]) => Answer::Json(200, json!({"user_id": BOT, "device_id": "D"})),
            ("GET", ["directory", "room", alias]) => match self.aliases.get(*alias) {
                Some(id) => Answer::Json(200, json!({"room_id": id, "servers": ["shop.example"]})),
                None => fault(404, "M_NOT_FOUND"),
            },
            ("GET", ["profile", user]) => match *user {
                "@ada:shop.example" | "@bob:shop.example" | BOT => Answer::Json(200, json!({})),
                user if user.ends_with(":away.example") => fault(502, "M_UNKNOWN"),
                // As Synapse 1.163 says it.
                _ => fault(404, "M_UNKNOWN"),
            },
            ("POST", ["createRoom"]) => self.create(&call.body),
            (method, ["rooms", id, rest @ ..]) => self.in_room(id, method, rest, call),
            _ => fault(404, "M_UNRECOGNIZED"),
        }
    }
}
