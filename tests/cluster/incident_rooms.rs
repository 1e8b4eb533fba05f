//! Incidents that the binary declares on a real Matrix homeserver: a room of their own, and everything in it once, also
//! when the server goes away at any request of a declaration.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::stack::Stack;
use crate::stack::synapse::{Limits, SERVER_NAME, Synapse};
use crate::support::road::{answer, request, submit};
use crate::support::{PATIENCE, home, opsdeck, process};
use crate::synapse::{Room, configuration};
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("an_incident_has_its_room", Body::Stack(has_its_room)),
    Case::new("a_declare_survives_its_chat_being_stopped", Body::Stack(survives)),
];

/// A console on the cluster whose chat is the homeserver, with incidents of its own.
struct Responder {
    home: TempDir,
    kubeconfig: PathBuf,
    configuration: PathBuf,
}

impl Responder {
    fn new(stack: &Stack, synapse: &Synapse) -> Self {
        Self::by(stack, synapse, &synapse.url)
    }

    /// One that reaches the homeserver by another address.
    fn by(stack: &Stack, synapse: &Synapse, address: &str) -> Self {
        let home = home();
        let configuration = configuration(synapse, home.path(), "oncall");
        let text = std::fs::read_to_string(&configuration).unwrap();
        std::fs::write(&configuration, text.replace(&synapse.url, address)).unwrap();
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

/// When the homeserver goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// It has the request, and is at work on it.
    During,
    /// It has answered, and nobody hears it.
    After,
}

/// What the road between the console and the homeserver knows.
#[derive(Default)]
struct Road {
    /// The homeserver goes away at this request, counted from 1.
    at: Option<(usize, Cut)>,
    /// First lines of the requests so far.
    seen: Vec<String>,
    /// It is time: nothing is carried any more until the homeserver is there again.
    cut: bool,
}

/// Carries requests to a server. Gives its own address.
fn road_to(server: &str, road: &Arc<Mutex<Road>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (server, road) = (server.trim_start_matches("http://").to_owned(), road.clone());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (server, road) = (server.clone(), road.clone());
            std::thread::spawn(move || carry(client, &server, &road));
        }
    });
    address
}

fn carry(mut client: TcpStream, server: &str, road: &Mutex<Road>) {
    let Some(asked) = request(&mut client) else { return };
    let cut = {
        let mut road = road.lock().unwrap();
        if road.cut {
            return;
        }
        road.seen.push(String::from_utf8_lossy(&asked).lines().next().unwrap_or_default().to_owned());
        let count = road.seen.len();
        road.at.filter(|(at, _)| *at == count).map(|(_, cut)| cut)
    };
    let Ok(mut upstream) = submit(&asked, server) else { return };
    if cut == Some(Cut::During) {
        road.lock().unwrap().cut = true;
    }
    let answered = answer(&mut upstream);
    match cut {
        Some(_) => road.lock().unwrap().cut = true,
        None => {
            let _ = client.write_all(&answered);
        }
    }
}

/// Declares, and lets the homeserver go away where the road was told to.
fn declare(responder: &Responder, synapse: &mut Synapse, road: &Mutex<Road>, down: fn(&mut Synapse)) -> Option<i32> {
    let mut declare = process(responder.home.path());
    declare.args(responder.arguments(&DECLARE)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut declare = declare.spawn().unwrap();
    let (deadline, mut down) = (Instant::now() + PATIENCE, Some(down));
    loop {
        if road.lock().unwrap().cut
            && let Some(down) = down.take()
        {
            down(synapse);
        }
        if let Some(ended) = declare.try_wait().unwrap() {
            return ended.code();
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn survives(stack: &Stack) {
    let mut synapse = Synapse::alone(Limits::Wide).unwrap();
    let road = Arc::new(Mutex::new(Road::default()));
    let address = road_to(&synapse.url, &road);

    // Before anything was sent.
    let responder = Responder::new(stack, &synapse);
    synapse.stop();
    let said = responder.done(&DECLARE, 6);
    assert!(responder.keys("sent").is_empty() && responder.keys("planned").len() > 3, "{said}");
    responder.done(&["note", "chat is away, and this is written all the same"], 6);
    synapse.start_again().unwrap();
    responder.take_up("declared while it was away");
    responder.room(&synapse, "declared while it was away");

    // Undisturbed, for how many requests there are.
    let responder = Responder::by(stack, &synapse, &address);
    assert_eq!(declare(&responder, &mut synapse, &road, |_| {}), Some(0));
    responder.room(&synapse, "undisturbed");
    let requests = std::mem::take(&mut *road.lock().unwrap()).seen;
    assert!(requests.len() > 5, "{requests:#?}");

    let mut arrived = 0;
    for (at, line) in requests.iter().enumerate() {
        for (cut, down) in [(Cut::During, Synapse::kill as fn(&mut Synapse)), (Cut::After, Synapse::stop)] {
            let what = format!("away at {line}, {cut:?}");
            let responder = Responder::by(stack, &synapse, &address);
            *road.lock().unwrap() = Road { at: Some((at + 1, cut)), ..Road::default() };
            assert_eq!(declare(&responder, &mut synapse, &road, down), Some(6), "{what}");
            synapse.start_again().unwrap();
            *road.lock().unwrap() = Road::default();
            responder.take_up(&what);
            assert_eq!(responder.keys("sent"), responder.keys("planned"), "{what}");
            responder.room(&synapse, &what);
            // What had arrived without a word was found, or the same transaction was the same message.
            let found = |entry: &Value| entry["receipt"]["remarks"].to_string().contains("already");
            arrived += usize::from(responder.entries("sent").iter().any(found));
        }
    }
    // Room, invitation, message and pin, each answered to nobody.
    assert!(arrived >= 4, "{arrived} of {} were found again", 2 * requests.len());
}
