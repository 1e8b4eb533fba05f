//! Chat on a real Matrix homeserver: rooms, people and messages by its API, a server that goes and comes back, and limits;
//! and incidents that the binary declares there, also while the server goes away in the middle.
//!
//! [`Room`] asks the homeserver itself, behind the back of whoever is tested: what is in a room, and how often.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stack::Stack;
use crate::stack::synapse::{Limits, PASSWORD, SERVER_NAME, Synapse};
use crate::stack::unleash::ask;
use crate::support::{PATIENCE, home, opsdeck, process};
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("a_room_on_synapse_takes_people_and_messages_and_each_transaction_once", Body::Own(room)),
    Case::new("synapse_comes_back_with_what_it_knew", Body::Own(comes_back)),
    Case::new("synapse_refuses_a_burst_and_says_when_to_come_back", Body::Own(burst)),
    Case::new("an_incident_has_its_room", Body::Stack(has_its_room)),
    Case::new("a_declare_survives_its_chat_being_stopped", Body::Stack(survives)),
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

/// A console on the cluster whose chat is the homeserver, with incidents of its own.
struct Responder {
    home: TempDir,
    kubeconfig: PathBuf,
    configuration: PathBuf,
}

impl Responder {
    fn new(stack: &Stack, synapse: &Synapse) -> Self {
        let home = home();
        let configuration = configuration(synapse, home.path(), "oncall");
        Self { home, kubeconfig: stack.kubeconfig("admin"), configuration }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let paths = [&self.kubeconfig, &self.configuration].map(|path| path.to_str().unwrap());
        [&["--kubeconfig", paths[0], "--config", paths[1], "incident"], more].concat()
    }

    /// `opsdeck incident …`: its exit code and all that it says.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = opsdeck(self.home.path()).args(self.arguments(arguments)).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The same, which has to end in this exit code.
    fn done(&self, arguments: &[&str], code: i32) -> String {
        let (ended, said) = self.run(arguments);
        assert_eq!(ended, Some(code), "{arguments:?}\n{said}");
        said
    }

    /// Continues what was left, until nothing waits.
    fn take_up(&self, what: &str) {
        let mut said = String::new();
        for _ in 0..3 {
            let (ended, told) = self.run(&["sync"]);
            if ended == Some(0) {
                return;
            }
            said += &told;
        }
        panic!("{what}: it does not come to its end\n{said}");
    }

    /// The journal of its only incident; empty before there is one.
    fn journal(&self) -> String {
        let folder =
            std::fs::read_dir(self.home.path().join("state/opsdeck/incidents")).into_iter().flatten().flatten();
        folder.filter_map(|entry| std::fs::read_to_string(entry.path().join("journal.jsonl")).ok()).collect()
    }

    /// The entries of a kind in its only incident.
    fn entries(&self, kind: &str) -> Vec<Value> {
        let journal = self.journal();
        let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.filter(|entry| entry["kind"] == kind).collect()
    }

    /// The keys of deliveries that have an entry of a kind, sorted, each once.
    fn keys(&self, kind: &str) -> Vec<String> {
        let mut keys: Vec<String> =
            self.entries(kind).iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Its incident's room, which the homeserver has once, with everything that was planned in it, each once.
    fn room<'a>(&self, synapse: &'a Synapse, what: &str) -> Room<'a> {
        let shown: Value = serde_json::from_str(&self.done(&["show", "last", "--json"], 0)).unwrap();
        let id = shown["incident"]["id"].as_str().unwrap();
        let mut rooms = Room::joined(synapse, "oncall");
        rooms.retain(|room| room.state("m.room.create")["opsdeck.mark"].as_str().is_some_and(|mark| mark.contains(id)));
        assert_eq!(rooms.len(), 1, "{what}: one room for {id}");
        let room = rooms.remove(0);
        let alias = room.state("m.room.canonical_alias")["alias"].as_str().unwrap_or_default().to_owned();
        let name = alias.trim_start_matches('#').trim_end_matches(&format!(":{SERVER_NAME}"));
        let found = Room::of_alias(synapse, "oncall", name).map(|found| found.id);
        assert_eq!(found.as_ref(), Some(&room.id), "{what}: {alias}");

        let events = room.events();
        let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
        let mut wanted: Vec<String> = self
            .entries("planned")
            .iter()
            .filter(|planned| planned["what"]["send"] == "post")
            .map(|planned| format!("{id}/{}", planned["key"].as_str().unwrap()))
            .collect();
        let mut marks: Vec<String> = of("m.room.message")
            .iter()
            .map(|event| event["content"]["opsdeck.mark"].as_str().unwrap_or("none").to_owned())
            .collect();
        wanted.sort();
        marks.sort();
        assert_eq!(marks, wanted, "{what}: each message is there, and once");
        let first = of("m.room.message").into_iter().next().unwrap();
        assert!(first["content"]["body"].as_str().unwrap().contains(id), "{what}: {first}");
        assert_eq!(room.pinned(), [first["event_id"].as_str().unwrap()], "{what}: the first message is pinned");
        assert_eq!(of("m.room.pinned_events").len(), 1, "{what}: and was so once");
        let lead = Synapse::user_id("payments-lead");
        let invited = of("m.room.member").iter().filter(|event| event["state_key"] == lead.as_str()).count();
        assert_eq!((invited, room.membership("payments-lead").as_deref()), (1, Some("invite")), "{what}");
        assert!(room.topic().is_some_and(|topic| topic.contains("Payments fail")), "{what}: {:?}", room.topic());
        room
    }
}

const DECLARE: [&str; 12] = [
    "declare",
    "--title",
    "Payments fail",
    "--service",
    "payment",
    "--severity",
    "SEV2",
    "--invite",
    "payments-lead",
    "--wait",
    "0",
    "--yes",
];

fn has_its_room(stack: &Stack) {
    let synapse = Synapse::alone(Limits::Wide).unwrap();
    let responder = Responder::new(stack, &synapse);
    let said = responder.done(&[&DECLARE[..], &["--invite", "nobody-here"]].concat(), 6);
    assert!(said.contains("does not know `nobody-here`"), "{said}");
    assert_eq!(responder.keys("unsent"), ["invite:nobody-here"], "only that waits: {said}");
    let mut sent = responder.keys("sent");
    sent.push("invite:nobody-here".to_owned());
    sent.sort();
    assert_eq!(sent, responder.keys("planned"), "{said}");
    let room = responder.room(&synapse, "declared");
    assert!(room.topic().unwrap().starts_with("SEV2 Payments fail"), "{:?}", room.topic());
    assert_eq!(room.membership("nobody-here"), None);
    let declared = room.messages().len();

    responder.done(&["update", "We roll payment back", "--next", "30"], 6);
    responder.done(&["severity", "SEV1", "--reason", "checkout is down"], 6);
    let room = responder.room(&synapse, "told");
    let told = room.messages().split_off(declared);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("We roll payment back") && told[1].contains("SEV1"), "{told:#?}");
    let events = room.events();
    let topics = events
        .iter()
        .filter(|event| event["type"] == "m.room.topic")
        .filter_map(|event| event["content"]["topic"].as_str());
    assert_eq!(topics.filter(|topic| topic.starts_with("SEV1 Payments fail")).count(), 1);
    assert!(room.topic().unwrap().starts_with("SEV1 Payments fail"), "{:?}", room.topic());

    // Who does not exist is left, and nothing waits any more.
    responder.done(&["drop", "invite:nobody-here"], 0);
}

/// Lets the homeserver go away as soon as the journal has so many lines, and says whether anything was left to send.
fn cut(responder: &Responder, synapse: &mut Synapse, lines: usize, down: fn(&mut Synapse)) -> bool {
    let mut declare = process(responder.home.path());
    declare.args(responder.arguments(&DECLARE)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut declare = declare.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut down = Some(down);
    loop {
        if responder.journal().matches('\n').count() >= lines
            && let Some(down) = down.take()
        {
            down(synapse);
        }
        if let Some(ended) = declare.try_wait().unwrap() {
            assert!(matches!(ended.code(), Some(0 | 6)) && down.is_none(), "{ended}");
            return ended.code() == Some(6);
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn survives(stack: &Stack) {
    let mut synapse = Synapse::alone(Limits::Wide).unwrap();
    // Undisturbed, for the moments that there are: before anything is sent, and at each line from then on.
    let responder = Responder::new(stack, &synapse);
    responder.done(&DECLARE, 0);
    responder.room(&synapse, "undisturbed");
    let journal = responder.journal();
    let (begins, ends) =
        (journal.lines().position(|line| line.contains("\"sending\"")).unwrap(), journal.lines().count());

    let responder = Responder::new(stack, &synapse);
    synapse.stop();
    let said = responder.done(&DECLARE, 6);
    assert!(responder.keys("sent").is_empty() && responder.keys("planned").len() > 3, "{said}");
    responder.done(&["note", "chat is away, and this is written all the same"], 6);
    synapse.start_again().unwrap();
    responder.take_up("declared while it was away");
    responder.room(&synapse, "declared while it was away");

    let mut interrupted = 0;
    for (at, down) in (begins..ends).zip([Synapse::kill as fn(&mut Synapse), Synapse::stop].into_iter().cycle()) {
        let responder = Responder::new(stack, &synapse);
        let what = format!("away at line {at} of {ends}");
        interrupted += usize::from(cut(&responder, &mut synapse, at, down));
        synapse.start_again().unwrap();
        responder.take_up(&what);
        assert_eq!(responder.keys("sent"), responder.keys("planned"), "{what}");
        responder.room(&synapse, &what);
    }
    assert!(interrupted > 0, "none of {} was cut off", ends - begins);
    println!("{interrupted} of {} declarations were cut off", ends - begins);
}
