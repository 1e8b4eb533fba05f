//! Whole programs share an incident: two consoles of two people and one of somebody who may only look, each with a home of
//! its own, beside them subcommands in the same homes. What is typed anywhere is on every screen; in the end the three
//! journals on disk hold the same entries, each once, in one order, also across a restart of the API server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::backend::{deployment, until};
use crate::stack::process::Ports;
use crate::stack::{Parts, Stack, kubectl};
use crate::support::{Console, home, json_lines, opsdeck, process};
use crate::{Body, Case};

pub const CASES: &[Case] =
    &[Case::new("two_consoles_and_a_viewer_share_an_incident_across_an_api_server_restart", Body::Own(consoles))];

/// Notes of each person's loop of subcommands, each a process of its own.
const EACH: usize = 50;
/// Notes typed into each console meanwhile, so that each of the two people writes 500.
const TYPED: usize = 450;
/// Notes that are typed without looking up.
const BREATH: usize = 25;
const SIZE: (u16, u16) = (160, 60);
const PROMPT: &str = "note, with the time of now:";

/// A person: a home with configuration and kubeconfig.
struct Person {
    home: TempDir,
}

impl Person {
    fn new(kubeconfig: &str) -> Self {
        let home = home();
        std::fs::write(home.path().join("kubeconfig"), kubeconfig).unwrap();
        std::fs::write(home.path().join("opsdeck.toml"), "[incidents]\nshare = \"cluster\"\n").unwrap();
        Self { home }
    }

    fn arguments<'a>(&self, more: &[&'a str]) -> Vec<String> {
        let path = |file: &str| self.home.path().join(file).display().to_string();
        let begin = ["--kubeconfig".into(), path("kubeconfig"), "--config".into(), path("opsdeck.toml")];
        begin.into_iter().chain(more.iter().map(|&word: &&'a str| word.to_owned())).collect()
    }

    fn console(&self) -> Console {
        let arguments = self.arguments(&[]);
        let mut console =
            Console::start(self.home.path(), &arguments.iter().map(|one| &**one).collect::<Vec<_>>(), SIZE);
        console.wait_until("the workload", |screen| screen.contains("3 Rollouts") && screen.contains("web"));
        console
    }

    fn journal(&self, id: &str) -> PathBuf {
        self.home.path().join("state/opsdeck/incidents").join(id).join("journal.jsonl")
    }

    /// The entries of its journal as they lie on disk.
    fn entries(&self, id: &str) -> Vec<Value> {
        let path = self.journal(id);
        // A line that is being written has no end yet.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |at| &text[..at]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The only incident that it knows of.
    fn incident(&self) -> Option<String> {
        let found = std::fs::read_dir(self.home.path().join("state/opsdeck/incidents")).ok()?.flatten();
        let mut ids = found.filter(|entry| entry.path().join("journal.jsonl").is_file());
        let id = ids.next()?.file_name().into_string().unwrap();
        assert!(ids.next().is_none(), "one incident");
        Some(id)
    }

    /// The entries in the order that the program gives them.
    fn shown(&self, id: &str) -> Vec<Value> {
        let output =
            opsdeck(self.home.path()).args(self.arguments(&["incident", "show", id, "--json"])).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        shown["entries"].as_array().unwrap().clone()
    }

    /// Writes notes, one subcommand after the other.
    fn notes(&self, id: &str, who: &str) {
        for number in 0..EACH {
            let text = looped(who, number);
            let mut command = process(self.home.path());
            let output = command.args(self.arguments(&["incident", "note", &text, "--incident", id])).output().unwrap();
            assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn looped(who: &str, number: usize) -> String {
    format!("{who} loops {number:02}: still slow")
}

fn typed(who: &str, number: usize) -> String {
    format!("{who} types {number:03} end")
}

/// Many notes by keys, as fast as the terminal takes them; the last of them has to come up.
fn notes(console: &mut Console, texts: &[String]) {
    for text in texts {
        console.send(&format!("i{text}\r"));
    }
    console.wait_for(texts.last().unwrap());
}

/// A note by keys, into the incident that is shown.
fn note(console: &mut Console, text: &str) {
    console.send("i");
    console.wait_for(PROMPT);
    console.send(text);
    console
        .wait_until("what was typed", |screen| screen.lines().any(|line| line.contains(PROMPT) && line.contains(text)));
    console.send("\r");
    console.wait_until("the line taken", |screen| !screen.contains(PROMPT) && screen.contains(text));
}

/// Who may do what: the namespace, a writer by name, a writer with a service account, a reader. Kubeconfigs of the three.
fn people(stack: &Stack) -> [Person; 3] {
    let admin = stack.kubeconfig("admin");
    let run = |arguments: &str| {
        let output = kubectl(&admin, &arguments.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert!(output.status.success(), "kubectl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let manifest = stack.directory().join("web.yaml");
    std::fs::write(&manifest, deployment("web", "busybox:1.36", 2)).unwrap();
    run(&format!("-n shop apply -f {}", manifest.display()));
    run(&format!("apply -f {}", concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/incidents-rbac.yaml")));
    run("-n opsdeck create serviceaccount second");
    run("-n shop create rolebinding second --clusterrole=edit --serviceaccount=opsdeck:second");
    run(
        "-n opsdeck create rolebinding responders --role=opsdeck-incidents-writer --user=editor --serviceaccount=opsdeck:second",
    );
    run("-n opsdeck create rolebinding onlookers --role=opsdeck-incidents-reader --user=viewer");
    run("-n shop rollout status deployment/web --timeout=120s");
    let plane = &stack.control_plane;
    let token = format!("token: {}", run("-n opsdeck create token second").trim());
    [
        Person::new(&plane.kubeconfig_of("editor", "shop")),
        Person::new(&plane.kubeconfig_with(&plane.certificates.authority, "second", &token)),
        Person::new(&plane.kubeconfig_of("viewer", "shop")),
    ]
}

/// Every entry that is in the cluster, by its stamp.
fn in_cluster(stack: &Stack, id: &str) -> Vec<(String, Value)> {
    let selector = format!("opsdeck.dev/incident={id}");
    let output =
        kubectl(&stack.kubeconfig("admin"), &["-n", "opsdeck", "get", "configmaps", "-l", &selector, "-o", "json"]);
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let objects = found["items"].as_array().unwrap().iter();
    let data = objects.flat_map(|object| object["data"].as_object().unwrap());
    let mut all: Vec<(String, Value)> =
        data.map(|(stamp, text)| (stamp.clone(), serde_json::from_str(text.as_str().unwrap()).unwrap())).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn notes_of(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter(|entry| entry["kind"] == "note").map(|entry| entry["text"].as_str().unwrap()).collect()
}

/// What the viewer asked the API server to change. Reviews are questions, though they are created.
fn changed_by_viewer(stack: &Stack) -> Vec<String> {
    let asked = stack.control_plane.audit().into_iter().filter(|entry| entry["user"]["username"] == "viewer");
    let verbs = ["create", "update", "patch", "delete", "deletecollection"];
    let asked = asked.filter(|entry| verbs.iter().any(|verb| entry["verb"] == *verb));
    let said =
        asked.map(|entry| format!("{} {} {}", entry["verb"], entry["requestURI"], entry["responseStatus"]["code"]));
    said.filter(|request| !request.contains("reviews")).collect()
}

fn consoles(binaries: &Path) {
    let mut stack = Stack::start(binaries, Parts::CLUSTER, Ports::free()).unwrap();
    let [one, two, looking] = people(&stack);
    let [mut first, mut second, mut viewer] = [&one, &two, &looking].map(Person::console);

    // Declared by keys: no chat is configured, so nothing is sent. The others need nothing but the key that shows it.
    first.send("3");
    first.send("I");
    first.wait_until("the proposal", |screen| {
        screen.contains("Declare an incident") && screen.contains("Nothing is sent")
    });
    let declared = Instant::now();
    first.declare();
    first.wait_for("Times (UTC)");
    let id = one.incident().unwrap();
    for (console, person, who) in [(&mut second, &two, "the second"), (&mut viewer, &looking, "the viewer")] {
        until("the incident in another home", || person.incident().as_deref() == Some(&*id));
        println!("{who} has the incident {:?} after the key", declared.elapsed());
        // The header names it as soon as it is known; then the key shows it and declares no second one.
        console.wait_for("SEV");
        console.send("I");
        console.wait_until("the incident", |screen| screen.contains("Times (UTC)") && screen.contains(&id));
    }

    // One types, the others read.
    for number in 0..3 {
        let text = format!("ping {number} from the first");
        note(&mut first, &text);
        let sent = Instant::now();
        second.wait_for(&text);
        let took = sent.elapsed();
        viewer.wait_for(&text);
        println!("a note is on the second screen after {took:?}, on the viewer's after {:?} at most", sent.elapsed());
    }
    note(&mut second, "pong from the second");
    first.wait_for("pong from the second");
    viewer.wait_for("pong from the second");

    // Both write at once, by keys and by subcommands, while the API server dies and comes back.
    let began = Instant::now();
    std::thread::scope(|scope| {
        let loops = [scope.spawn(|| one.notes(&id, "one")), scope.spawn(|| two.notes(&id, "two"))];
        let numbers: Vec<usize> = (0..TYPED).collect();
        for (breath, numbers) in numbers.chunks(BREATH).enumerate() {
            if breath == TYPED / BREATH / 2 {
                until("some of the notes", || notes_of(&one.entries(&id)).len() > 20);
                stack.control_plane.apiserver.kill();
                assert!(loops.iter().any(|one| !one.is_finished()), "killed while they write");
            }
            for (console, who) in [(&mut first, "one"), (&mut second, "two")] {
                notes(console, &numbers.iter().map(|&number| typed(who, number)).collect::<Vec<_>>());
            }
        }
        stack.control_plane.apiserver.restart().unwrap();
        stack.control_plane.until_ready().unwrap();
        println!("the API server is back {:?} after the writing began", began.elapsed());
        for one in loops {
            one.join().unwrap();
        }
    });
    println!("{} notes by processes and {} by keys: {:?}", 2 * EACH, 2 * TYPED, began.elapsed());
    let written = Instant::now();
    let homes = [&one, &two, &looking];
    let notes = 4 + 2 * EACH + 2 * TYPED;
    let stamps = |entries: &[Value]| -> BTreeSet<String> {
        entries.iter().map(|entry| entry["stamp"].as_str().unwrap().to_owned()).collect()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let all = homes.map(|person| person.entries(&id));
        if all.iter().all(|entries| notes_of(entries).len() >= notes && stamps(entries) == stamps(&all[0])) {
            break;
        }
        let lengths = all.each_ref().map(|entries| (entries.len(), notes_of(entries).len()));
        let differ: Vec<&Value> =
            all.iter().flatten().filter(|entry| !all.iter().all(|one| one.contains(entry))).collect();
        assert!(Instant::now() < deadline, "never the same: {lengths:?} of {notes} notes; {differ:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("all three have everything {:?} after the last was written", written.elapsed());
    // The last of the order is on every screen.
    let last = note_that_is_last(&one.shown(&id));
    for console in [&mut first, &mut second, &mut viewer] {
        console.wait_for(&last);
        console.send("\u{3}");
    }
    assert_eq!([first, second, viewer].map(Console::end), [0, 0, 0]);

    // On disk each stamp once; read, one order, which is the cluster's too.
    let order = one.shown(&id);
    let in_order: Vec<&str> = order.iter().map(|entry| entry["stamp"].as_str().unwrap()).collect();
    assert!(in_order.is_sorted_by(|before, after| before < after), "{in_order:#?}");
    for (person, who) in homes.into_iter().zip(["the first", "the second", "the viewer"]) {
        let lines = json_lines(&person.journal(&id));
        assert_eq!(lines.len(), stamps(&lines).len(), "{who} has each once");
        assert_eq!(person.shown(&id), order, "{who} has all of them in one order");
    }
    let cluster: Vec<Value> = in_cluster(&stack, &id).into_iter().map(|(_, entry)| entry).collect();
    assert_eq!(cluster, order);
    // Nothing that was said is missing, or there twice; and what a person said stands in the order in which it was said.
    let said = notes_of(&order);
    assert_eq!(said.len(), notes, "{said:#?}");
    for who in ["one", "two"] {
        let of = |word: &str| {
            said.iter().filter(|text| text.starts_with(&format!("{who} {word}"))).copied().collect::<Vec<_>>()
        };
        assert_eq!(of("loops"), (0..EACH).map(|number| looped(who, number)).collect::<Vec<_>>());
        assert_eq!(of("types"), (0..TYPED).map(|number| typed(who, number)).collect::<Vec<_>>());
    }
    assert_eq!(order.iter().filter(|entry| entry["kind"] == "declared").count(), 1);
    // The viewer was watched, and changed nothing, nor tried.
    let seen = stack.control_plane.audit();
    let watched = |entry: &&Value| {
        entry["user"]["username"] == "viewer" && entry["requestURI"].as_str().unwrap().contains("/opsdeck/configmaps")
    };
    assert!(seen.iter().filter(watched).count() > 1, "the viewer's watch is in the audit log");
    assert_eq!(changed_by_viewer(&stack), Vec::<String>::new());
    println!("{} entries in each of three homes and in the cluster", order.len());
}

/// The text of the last note.
fn note_that_is_last(entries: &[Value]) -> String {
    (*notes_of(entries).last().unwrap()).to_owned()
}
