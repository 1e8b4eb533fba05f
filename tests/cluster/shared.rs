//! An incident that responders share: two write at once, everyone ends with the same entries in the same order, also
//! across a restart of the API server; what is too long, broken by hand or forbidden is no end of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use opsdeck::domain::incident::IncidentId;
use opsdeck::domain::incident::entry::{Deed, Entry, Stamp};
use opsdeck::incident::clearance::{MayShare, SharedWriter as _};
use opsdeck::integrations::kubernetes::connect::{ConnectOptions, connect};
use opsdeck::integrations::kubernetes::incidents::ClusterJournal;
use opsdeck::ports::feed::{Fault, FaultKind};
use opsdeck::ports::incident::{ServiceCheck, ServiceFinding, SharedJournal as _, SharedUpdate};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::backend::{Backend, Place, until};
use crate::stack::process::Ports;
use crate::stack::{Parts, Stack, kubectl};
use crate::support::PATIENCE;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("two_writers_share_an_incident", Body::Kubernetes(shared)),
    Case::new("long_and_broken_entries_are_no_end_of_an_incident", Body::Kubernetes(hurt)),
    Case::new("a_shared_incident_outlives_an_api_server_restart", Body::Own(restarted)),
];

/// Entries of each writer.
const EACH: usize = 500;
/// Entries that are added together, as they pile up while somebody types and alerts come.
const BATCH: usize = 4;
/// Between two attempts of who was refused or cut off.
const AGAIN: Duration = Duration::from_millis(100);

type Journal = Arc<ClusterJournal>;
type Entries = BTreeMap<Stamp, Entry>;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn id() -> IncidentId {
    "20261121-1432-payment-x7k2".parse().unwrap()
}

fn pass() -> MayShare {
    MayShare::unless(false).unwrap()
}

/// The journal as another console sees it: with a connection of its own.
async fn journal(kubeconfig: &Path, namespace: &str) -> Journal {
    let options = ConnectOptions {
        kubeconfig: Some(kubeconfig.to_owned()),
        context: None,
        namespace: None,
        now: Arc::new(chrono::Utc::now),
    };
    connect(options).await.unwrap().incidents(namespace)
}

/// What one console has to say, stamped one after the other.
fn notes(writer: &str, texts: impl IntoIterator<Item = String>) -> Vec<Entry> {
    let mut last = None;
    let mut next = |text| {
        let stamp = Stamp::next(chrono::Utc::now(), &writer.into(), last.as_ref());
        last = Some(stamp.clone());
        Entry { at: stamp.at(), by: "oncall@bastion".into(), deed: Deed::Note { text }, stamp }
    };
    texts.into_iter().map(&mut next).collect()
}

fn numbered(writer: &str) -> Vec<Entry> {
    notes(writer, (0..EACH).map(|number| format!("{writer} saw {number}: connection pool exhausted, again")))
}

/// Adds everything in small batches and tries again until it is there; how often it failed. `done` counts batches.
async fn write_all(journal: Journal, entries: Vec<Entry>, done: Arc<AtomicUsize>) -> usize {
    let mut failed = 0;
    for batch in entries.chunks(BATCH) {
        while let Err(fault) = journal.append(pass(), &id(), batch).await {
            if failed == 0 {
                println!("first failure of a writer: {fault}");
            }
            failed += 1;
            tokio::time::sleep(AGAIN).await;
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    failed
}

/// Watches, again whenever it ends, until so many entries are there; how often it was opened.
async fn watch_all(journal: Journal, wanted: usize) -> (Entries, usize) {
    let (mut entries, mut opened) = (Entries::new(), 0);
    while entries.len() < wanted {
        opened += 1;
        let mut stream = journal.watch();
        let mut own = 0;
        let mut told = Entries::new();
        while let Some(Ok(update)) = stream.next().await {
            let SharedUpdate::Entries(of, more) = update else { continue };
            assert_eq!(of, id());
            own += more.len();
            told.extend(more.into_iter().map(|entry| (entry.stamp.clone(), entry)));
            assert_eq!(told.len(), own, "a watch tells of each entry once");
            entries.extend(told.iter().map(|(stamp, entry)| (stamp.clone(), entry.clone())));
            if entries.len() >= wanted {
                return (entries, opened);
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
    (entries, opened)
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// How long an entry takes from one console to another, over some of them.
async fn latency(from: &Journal, to: &Journal, writer: &str) -> Duration {
    let mut stream = to.watch();
    while stream.next().await.unwrap().unwrap() != SharedUpdate::Live {}
    let mut longest = Duration::ZERO;
    for entry in notes(writer, (0..20).map(|number| format!("ping {number}"))) {
        let began = Instant::now();
        from.append(pass(), &id(), std::slice::from_ref(&entry)).await.unwrap();
        loop {
            match stream.next().await.unwrap().unwrap() {
                SharedUpdate::Entries(_, more) if more.contains(&entry) => break,
                _ => {}
            }
        }
        longest = longest.max(began.elapsed());
    }
    longest
}

fn in_order(parts: &[&[Entry]]) -> Vec<Entry> {
    let mut all = parts.concat();
    all.sort_by(|one, other| one.stamp.cmp(&other.stamp));
    all
}

fn shared(backend: &Backend) {
    let place = backend.place("shared");
    runtime().block_on(async {
        let one = journal(&backend.kubeconfig, &place.namespace).await;
        let two = journal(&backend.kubeconfig, &place.namespace).await;
        let (first, second) = (numbered("w1"), numbered("w2"));
        let wanted = in_order(&[&first, &second]);
        let began = Instant::now();
        let done = Arc::<AtomicUsize>::default();
        let readers = [&one, &two].map(|console| tokio::spawn(watch_all(console.clone(), 2 * EACH)));
        let writers = [(&one, first.clone()), (&two, second)]
            .map(|(console, entries)| tokio::spawn(write_all(console.clone(), entries, done.clone())));
        for writer in writers {
            in_time("all written", writer).await.unwrap();
        }
        for reader in readers {
            let (seen, _) = in_time("all seen", reader).await.unwrap();
            assert_eq!(seen.into_values().collect::<Vec<_>>(), wanted, "all of them, once, in one order");
        }
        println!("{} entries by two writers at once: {:?}", wanted.len(), began.elapsed());
        assert_eq!(one.read(&id()).await.unwrap(), wanted);
        // A console that starts again adds what it has once more: nothing is there twice.
        let keys = |place: &Place| {
            let objects = place.get("configmaps -l opsdeck.dev/incident=20261121-1432-payment-x7k2");
            let counted = |object: &serde_json::Value| object["data"].as_object().unwrap().len();
            let items = objects["items"].as_array().unwrap();
            (items.len(), items.iter().map(counted).sum::<usize>())
        };
        let before = keys(&place);
        assert_eq!(before.1, 2 * EACH);
        journal(&backend.kubeconfig, &place.namespace).await.append(pass(), &id(), &first).await.unwrap();
        assert_eq!(keys(&place), before);
        println!("they are in {} objects", before.0);
        let longest = latency(&one, &two, "w3").await;
        println!("an entry is seen by another console after {longest:?} at most, of 20");
        assert_eq!(one.list().await.unwrap(), [(id(), 2 * EACH + 20)]);
    });
}

/// A writer's object.
fn object_of(writer: &str, number: u32) -> String {
    format!("opsdeck-{}-{writer}-{number:04}", id())
}

/// Changes one object as a person with kubectl would.
fn edit(place: &Place, object: &str, data: &serde_json::Value) {
    let file = place.home.path().join("edit.json");
    std::fs::write(&file, json!({"data": data}).to_string()).unwrap();
    place.kubectl(&format!("patch configmap {object} --type=merge --patch-file {}", file.display()));
}

fn hurt(backend: &Backend) {
    let place = backend.place("hurt");
    runtime().block_on(async {
        let one = journal(&backend.kubeconfig, &place.namespace).await;
        let long: String = "état: saturé ".repeat(22_000);
        let entries = notes("w1", ["begin".to_owned(), long, "end".to_owned()]);
        assert!(serde_json::to_string(&entries[1]).unwrap().len() > 300_000);
        one.append(pass(), &id(), &entries).await.unwrap();
        let two = journal(&backend.kubeconfig, &place.namespace).await;
        assert_eq!(two.read(&id()).await.unwrap(), entries);

        // Somebody fills an object up to what a ConfigMap may hold. Its writer knows nothing of it: when no more fits, it
        // goes on in another.
        let more = notes("w2", ["before".to_owned(), "y".repeat(25_000), "z".repeat(25_000)]);
        one.append(pass(), &id(), &more[..1]).await.unwrap();
        edit(&place, &object_of("w2", 1), &json!({"filler": "x".repeat(1_000_000)}));
        for entry in &more[1..] {
            one.append(pass(), &id(), std::slice::from_ref(entry)).await.unwrap();
        }
        let data = |number| place.get(&format!("configmap {}", object_of("w2", number)))["data"].clone();
        assert!(data(1).get(more[1].stamp.to_string()).is_some() && data(2).get(more[2].stamp.to_string()).is_some());
        let wanted = in_order(&[&entries, &more]);
        assert_eq!(two.read(&id()).await.unwrap(), wanted);

        // Somebody breaks a value: it is named, and the others are read.
        edit(&place, &object_of("w1", 1), &json!({entries[0].stamp.to_string(): "{\"stamp\": "}));
        let mut stream = two.watch();
        let (mut seen, mut said) = (Vec::new(), Vec::new());
        loop {
            match in_time("live", stream.next()).await.unwrap().unwrap() {
                SharedUpdate::Entries(_, more) => seen.extend(more),
                SharedUpdate::Limited(fault) => said.push(fault.message),
                SharedUpdate::Live => break,
            }
        }
        assert_eq!(in_order(&[&seen]), wanted[1..]);
        let names_it = |object: &str, key: &str| said.iter().any(|text| text.contains(object) && text.contains(key));
        assert!(names_it(&object_of("w1", 1), &entries[0].stamp.to_string()), "{said:?}");
        assert!(names_it(&object_of("w2", 1), "filler"), "{said:?}");
        // Its writer, started again, adds what it has: the watch tells of the one that is right again.
        let again = journal(&backend.kubeconfig, &place.namespace).await;
        again.append(pass(), &id(), &entries).await.unwrap();
        let healed = in_time("the entry put right", async {
            loop {
                if let SharedUpdate::Entries(_, more) = stream.next().await.unwrap().unwrap() {
                    return more;
                }
            }
        });
        assert_eq!(healed.await, entries[..1]);

        // Cleaned up by label, as the documentation says.
        place.kubectl(&format!("delete configmaps -l opsdeck.dev/incident={}", id()));
        assert_eq!(two.list().await.unwrap(), []);
        let nowhere = journal(&backend.kubeconfig, &format!("{}-gone", place.namespace)).await;
        let fault = nowhere.append(pass(), &id(), &entries[..1]).await.unwrap_err();
        assert!(fault.hint.unwrap().contains("kubectl create namespace"), "{}", fault.message);
    });
}

fn finding<'a>(checks: &'a [ServiceCheck], name: &str) -> &'a ServiceFinding {
    &checks.iter().find(|check| check.name == name).unwrap().result
}

fn restarted(binaries: &Path) {
    let mut stack = Stack::start(binaries, Parts::CLUSTER, Ports::free()).unwrap();
    let (admin, editor, viewer) = (stack.kubeconfig("admin"), stack.kubeconfig("editor"), stack.kubeconfig("viewer"));
    let run = |arguments: &str| {
        let output = kubectl(&admin, &arguments.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert!(output.status.success(), "kubectl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let runtime = runtime();
    let consoles = |user: &Path| runtime.block_on(journal(user, "opsdeck"));
    let [one, two, looking] = [&editor, &admin, &viewer].map(|user| consoles(user));

    // Before anything is set up: what is missing is said, with the command.
    let checks = runtime.block_on(two.check());
    let ServiceFinding::Failed(fault) = finding(&checks, "namespace") else { panic!("{checks:?}") };
    assert!(fault.hint.as_ref().unwrap().contains("kubectl create namespace opsdeck"), "{fault:?}");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/incidents-rbac.yaml");
    run(&format!("apply -f {manifest}"));
    let checks = runtime.block_on(one.check());
    assert!(matches!(finding(&checks, "read"), ServiceFinding::Failed(Fault { kind: FaultKind::Forbidden, .. })));
    // The role, and nothing else, lets this person write; the other may look.
    run("-n opsdeck create rolebinding responders --role=opsdeck-incidents-writer --user=editor");
    run("-n opsdeck create rolebinding onlookers --role=opsdeck-incidents-reader --user=viewer");
    let well = |finding: &ServiceFinding| matches!(finding, ServiceFinding::Well(_));
    until("the rights of the writer", || {
        let checks = runtime.block_on(one.check());
        well(finding(&checks, "read")) && well(finding(&checks, "write"))
    });
    let checks = runtime.block_on(looking.check());
    assert!(well(finding(&checks, "read")), "{checks:?}");
    assert!(matches!(finding(&checks, "write"), ServiceFinding::Loss(..)), "{checks:?}");

    let (first, second) = (numbered("w1"), numbered("w2"));
    let wanted = in_order(&[&first, &second]);
    let done = Arc::<AtomicUsize>::default();
    let readers = [&one, &two, &looking].map(|console| runtime.spawn(watch_all(Arc::clone(console), 2 * EACH)));
    let writers = [(&one, first), (&two, second)]
        .map(|(console, entries)| runtime.spawn(write_all(Arc::clone(console), entries, done.clone())));
    // In the middle of it the API server dies, and comes back.
    let deadline = Instant::now() + PATIENCE;
    while done.load(Ordering::Relaxed) < 40 {
        assert!(Instant::now() < deadline, "never: some batches");
        std::thread::sleep(Duration::from_millis(1));
    }
    stack.control_plane.apiserver.kill();
    let before = done.load(Ordering::Relaxed);
    println!("the API server is killed after {before} of {} batches", 2 * EACH / BATCH);
    assert!(before < 2 * EACH / BATCH, "while they write");
    stack.control_plane.apiserver.restart().unwrap();
    stack.control_plane.until_ready().unwrap();

    runtime.block_on(async {
        let mut failed = 0;
        for writer in writers {
            failed += in_time("all written", writer).await.unwrap();
        }
        assert!(failed > 0, "the writers met the outage");
        for (reader, who) in readers.into_iter().zip(["one writer", "the other", "the viewer"]) {
            let (seen, opened) = in_time("all seen", reader).await.unwrap();
            assert!(opened > 1, "{who} met the outage");
            assert_eq!(seen.into_values().collect::<Vec<_>>(), wanted, "{who} has all of them, once, in one order");
        }
        println!("{failed} attempts failed meanwhile; each of three consoles has all {}", wanted.len());
        for console in [&one, &two, &looking] {
            assert_eq!(console.read(&id()).await.unwrap(), wanted);
        }
        let fault = looking.append(pass(), &id(), &notes("w9", ["I was here".to_owned()])).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Forbidden, "{fault:?}");
        let mut stream = looking.watch();
        let limited = in_time("that it may not write", async {
            loop {
                if let SharedUpdate::Limited(fault) = stream.next().await.unwrap().unwrap() {
                    return fault;
                }
            }
        });
        assert!(limited.await.message.contains("may not write shared incidents"));
        assert_eq!(looking.read(&id()).await.unwrap().len(), wanted.len());
        let longest = latency(&one, &looking, "w1").await;
        println!("an entry is seen by the viewer after {longest:?} at most, of 20");
    });

    // Whoever wants it can have the API server refuse what only kubectl does, even to an administrator.
    run(&format!("apply -f {}", concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/incidents-append-only.yaml")));
    let object = object_of("w1", 1);
    let key = wanted.iter().find(|entry| &**entry.stamp.writer() == "w1").unwrap().stamp.to_string();
    let alter = |patch: &serde_json::Value| {
        let patch = format!("--patch={patch}");
        let arguments = ["-n", "opsdeck", "patch", "configmap", &object, "--type=merge", "--dry-run=server", &patch];
        let output = kubectl(&admin, &arguments).unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    until("the policy holds", || alter(&json!({"data": {&key: "nothing happened"}})).1.contains("never altered"));
    for patch in [json!({"data": {&key: null}}), json!({"metadata": {"labels": {"opsdeck.dev/incident": "other"}}})] {
        let (done, said) = alter(&patch);
        assert!(!done && said.contains("opsdeck-incidents-append-only"), "{patch}: {said}");
    }
    runtime.block_on(async {
        let last = notes("w2", ["and it goes on".to_owned()]);
        one.append(pass(), &id(), &last).await.unwrap();
        assert_eq!(looking.read(&id()).await.unwrap().last(), last.last());
    });
}
