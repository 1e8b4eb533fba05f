//! Chat on a real Matrix homeserver: rooms, people and messages by its API, a server that goes and comes back, and limits.
//!
//! [`Room`] asks the homeserver itself, behind the back of whoever is tested: what is in a room, and how often.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stack::synapse::{Limits, PASSWORD, SERVER_NAME, Synapse};
use crate::stack::unleash::ask;
use crate::support::{home, opsdeck};
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("a_room_on_synapse_takes_people_and_messages_and_each_transaction_once", Body::Own(room)),
    Case::new("synapse_comes_back_with_what_it_knew", Body::Own(comes_back)),
    Case::new("synapse_refuses_a_burst_and_says_when_to_come_back", Body::Own(burst)),
];

/// A room as the homeserver tells it to one of its members.
pub struct Room<'a> {
    synapse: &'a Synapse,
    /// Who looks.
    member: &'a str,
    /// `!…:opsdeck.test`
    pub id: String,
}

impl<'a> Room<'a> {
    /// One that is known by its id.
    pub fn new(synapse: &'a Synapse, member: &'a str, id: &str) -> Self {
        Self { synapse, member, id: id.to_owned() }
    }

    /// The one that the alias `#name:opsdeck.test` leads to, if any.
    pub fn of_alias(synapse: &'a Synapse, member: &'a str, name: &str) -> Option<Self> {
        let path = format!("/_matrix/client/v3/directory/room/%23{name}%3A{SERVER_NAME}");
        let (status, found) = synapse.ask(member, "GET", &path, None).unwrap();
        (status == 200).then(|| Self::new(synapse, member, found["room_id"].as_str().unwrap()))
    }

    /// All rooms that somebody has joined.
    pub fn joined(synapse: &'a Synapse, member: &'a str) -> Vec<Self> {
        let (status, said) = synapse.ask(member, "GET", "/_matrix/client/v3/joined_rooms", None).unwrap();
        assert_eq!(status, 200, "{said}");
        let rooms = said["joined_rooms"].as_array().unwrap();
        rooms.iter().map(|id| Self::new(synapse, member, id.as_str().unwrap())).collect()
    }

    /// Asks about the room: `rest` is what follows its id in the path.
    pub fn ask(&self, method: &str, rest: &str, body: Option<&Value>) -> (u16, Value) {
        let id = self.id.replace('!', "%21").replace(':', "%3A");
        self.synapse.ask(self.member, method, &format!("/_matrix/client/v3/rooms/{id}{rest}"), body).unwrap()
    }

    /// All its events, oldest first. A test's rooms fit into one page.
    pub fn events(&self) -> Vec<Value> {
        let (status, mut said) = self.ask("GET", "/messages?dir=b&limit=1000", None);
        assert_eq!(status, 200, "{said}");
        let mut events: Vec<Value> = said["chunk"].as_array_mut().unwrap().drain(..).collect();
        events.reverse();
        events
    }

    /// The texts of its messages, oldest first, edits among them.
    pub fn messages(&self) -> Vec<String> {
        let events = self.events();
        let messages = events.iter().filter(|event| event["type"] == "m.room.message");
        messages.map(|event| event["content"]["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What its state of a type says; `null` where it has none.
    pub fn state(&self, kind: &str) -> Value {
        let (status, said) = self.ask("GET", &format!("/state/{kind}"), None);
        if status == 200 { said } else { Value::Null }
    }

    /// Its topic.
    pub fn topic(&self) -> Option<String> {
        self.state("m.room.topic")["topic"].as_str().map(str::to_owned)
    }

    /// The ids of the events that are pinned.
    pub fn pinned(&self) -> Vec<String> {
        let pinned = self.state("m.room.pinned_events");
        let ids = pinned["pinned"].as_array().cloned().unwrap_or_default();
        ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }

    /// What somebody is in it: `join`, `invite`, `leave`; none if they were never asked.
    pub fn membership(&self, name: &str) -> Option<String> {
        let user = Synapse::user_id(name).replace('@', "%40").replace(':', "%3A");
        self.state(&format!("m.room.member/{user}"))["membership"].as_str().map(str::to_owned)
    }

    /// Somebody who was invited accepts.
    pub fn accept(&self, name: &str) {
        let theirs = Room { synapse: self.synapse, member: name, id: self.id.clone() };
        let (status, said) = theirs.ask("POST", "/join", Some(&json!({})));
        assert_eq!(status, 200, "{said}");
    }
}

/// A configuration of the console, in a home, that knows no more than this homeserver as its chat, in the hands of somebody.
pub fn configuration(synapse: &Synapse, home: &Path, name: &str) -> PathBuf {
    let (token, path) = (home.join("matrix.token"), home.join("matrix.toml"));
    std::fs::write(&token, synapse.token(name)).unwrap();
    std::fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "[[chat]]\nname = \"matrix\"\nprovider = \"matrix\"\nurl = \"{}\"\nteam = \"{SERVER_NAME}\"\n\
         token = {{ file = \"{}\" }}\n",
        synapse.url,
        token.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Makes a room with an alias, as `oncall`.
fn make<'a>(synapse: &'a Synapse, name: &str, invite: &[&str]) -> Room<'a> {
    let invite: Vec<String> = invite.iter().map(|name| Synapse::user_id(name)).collect();
    let wanted = json!({
        "preset": "private_chat", "room_alias_name": name, "name": name, "topic": "SEV2: payment fails", "invite": invite,
    });
    let (status, made) = synapse.ask("oncall", "POST", "/_matrix/client/v3/createRoom", Some(&wanted)).unwrap();
    assert_eq!(status, 200, "{made}");
    Room::new(synapse, "oncall", made["room_id"].as_str().unwrap())
}

fn say(room: &Room<'_>, transaction: &str, text: &str) -> (u16, Value) {
    let body = json!({"msgtype": "m.text", "body": text});
    room.ask("PUT", &format!("/send/m.room.message/{transaction}"), Some(&body))
}

fn room(_: &Path) {
    let synapse = Synapse::alone(Limits::Wide).unwrap();
    // Somebody signs in as a client does, and is whom they say they are.
    let login = json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "oncall"}, "password": PASSWORD});
    let (status, signed) = ask(&synapse.url, "POST", "/_matrix/client/v3/login", "", Some(&login)).unwrap();
    assert_eq!(status, 200, "{signed}");
    let bearer = format!("Bearer {}", signed["access_token"].as_str().unwrap());
    let (_, who) = ask(&synapse.url, "GET", "/_matrix/client/v3/account/whoami", &bearer, None).unwrap();
    assert_eq!(who["user_id"], Synapse::user_id("oncall"));

    let room = make(&synapse, "inc-payment", &["payments-lead"]);
    assert_eq!(Room::of_alias(&synapse, "oncall", "inc-payment").map(|found| found.id), Some(room.id.clone()));
    assert!(Room::of_alias(&synapse, "oncall", "inc-other").is_none());
    assert_eq!(room.topic().as_deref(), Some("SEV2: payment fails"));
    assert_eq!(room.membership("payments-lead").as_deref(), Some("invite"));
    room.accept("payments-lead");
    assert_eq!(room.membership("payments-lead").as_deref(), Some("join"));

    // A transaction that is sent again is the same message, and pinning it shows.
    let (_, first) = say(&room, "inc-1.summary", "what we know");
    let (_, again) = say(&room, "inc-1.summary", "what we know");
    assert_eq!(first["event_id"], again["event_id"]);
    assert_eq!(room.messages(), ["what we know"]);
    let pins = json!({"pinned": [first["event_id"]]});
    assert_eq!(room.ask("PUT", "/state/m.room.pinned_events", Some(&pins)).0, 200);
    assert_eq!(room.pinned(), [first["event_id"].as_str().unwrap()]);

    let (status, taken) = synapse
        .ask("oncall", "POST", "/_matrix/client/v3/createRoom", Some(&json!({"room_alias_name": "inc-payment"})))
        .unwrap();
    assert_eq!((status, taken["errcode"].as_str()), (400, Some("M_ROOM_IN_USE")));
    assert_eq!(Room::joined(&synapse, "oncall").len(), 1);

    let home = home();
    let configuration = configuration(&synapse, home.path(), "oncall");
    let output = opsdeck(home.path()).arg("--config").arg(&configuration).args(["config", "check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn comes_back(_: &Path) {
    let mut synapse = Synapse::alone(Limits::Wide).unwrap();
    let id = make(&synapse, "inc-outage", &[]).id;
    say(&Room::new(&synapse, "oncall", &id), "1", "before");
    for (text, down) in [("stopped", Synapse::stop as fn(&mut Synapse)), ("killed", Synapse::kill)] {
        down(&mut synapse);
        assert!(synapse.ask("oncall", "GET", "/_matrix/client/versions", None).is_err(), "it is away");
        synapse.start_again().unwrap();
        let (status, said) = say(&Room::new(&synapse, "oncall", &id), text, text);
        assert_eq!(status, 200, "{said}");
    }
    assert_eq!(Room::new(&synapse, "oncall", &id).messages(), ["before", "stopped", "killed"]);
}

fn burst(_: &Path) {
    let synapse = Synapse::alone(Limits::Usual).unwrap();
    let room = make(&synapse, "inc-burst", &[]);
    let refused = (0..30).map(|number| say(&room, &number.to_string(), "again")).find(|(status, _)| *status != 200);
    let (status, said) = refused.expect("there is an end to it");
    assert_eq!((status, said["errcode"].as_str()), (429, Some("M_LIMIT_EXCEEDED")), "{said}");
    assert!(said["retry_after_ms"].as_u64().is_some_and(|wait| (1..=60_000).contains(&wait)), "{said}");
}
