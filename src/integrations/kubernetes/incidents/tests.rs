//! The shared journal against a small server of ConfigMaps, in memory and in paused time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::super::connect::Connection;
use super::super::mock::{Asked, Log, list, ok, refuse, server};
use super::wire::{FULL, PART};
use super::{ClusterJournal, wire};
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Deed, Entry, Stamp};
use crate::domain::time::Instant;
use crate::incident::clearance::{MayShare, SharedWriter};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ServiceFinding, SharedJournal, SharedStream, SharedUpdate};

/// The stamp of the `number`th moment.
pub(super) fn stamp(number: i64, writer: &str) -> Stamp {
    let start: Instant = "2026-11-21T14:32:00Z".parse().unwrap();
    Stamp::next(start + chrono::TimeDelta::milliseconds(number), &writer.into(), None)
}

/// A note.
pub(super) fn note(number: i64, writer: &str, text: &str) -> Entry {
    let stamp = stamp(number, writer);
    Entry { at: stamp.at(), by: "oncall@bastion".into(), deed: Deed::Note { text: text.to_owned() }, stamp }
}

fn id() -> IncidentId {
    "20261121-1432-payment-x7k2".parse().unwrap()
}

fn pass() -> MayShare {
    MayShare::unless(false).unwrap()
}

/// ConfigMaps of one namespace, as an API server keeps them.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of what can be the matter with it")]
struct Shelf {
    objects: BTreeMap<String, Value>,
    history: Vec<(&'static str, Value)>,
    /// Is the namespace not there?
    missing: bool,
    /// May nobody write?
    viewer: bool,
    /// Is it away? Watches end then too.
    away: bool,
    /// The next write is done, and not answered.
    mute: bool,
}

#[derive(Clone, Default)]
struct Cluster(Arc<Mutex<Shelf>>);

impl Cluster {
    fn with<T>(&self, look: impl FnOnce(&mut Shelf) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn journal(&self) -> (Arc<ClusterJournal>, Log) {
        let cluster = self.clone();
        let (transport, log) = server(move |_, asked| cluster.answer(asked));
        (Connection::for_test(transport).incidents("opsdeck"), log)
    }

    fn write(shelf: &mut Shelf, event: &'static str, mut object: Value) -> Value {
        object["metadata"]["resourceVersion"] = json!((shelf.history.len() + 1).to_string());
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        shelf.history.push((event, object.clone()));
        if event == "DELETED" {
            shelf.objects.remove(&name)
        } else {
            shelf.objects.insert(name, object.clone())
        };
        object
    }

    /// Somebody with kubectl.
    fn edit(&self, name: &str, key: &str, value: &str) {
        self.with(|shelf| {
            let mut object = shelf.objects[name].clone();
            object["data"][key] = json!(value);
            Self::write(shelf, "MODIFIED", object);
        });
    }

    fn answer(&self, asked: &Asked) -> Response {
        let mut shelf = self.0.lock().unwrap();
        if shelf.away {
            return refuse(503, "ServiceUnavailable", "apiserver is shutting down");
        }
        if asked.path.ends_with("/selfsubjectaccessreviews") {
            let review: Value = serde_json::from_str(&asked.body).unwrap();
            let verb = review["spec"]["resourceAttributes"]["verb"].as_str().unwrap();
            return ok(&json!({"status": {"allowed": !shelf.viewer || ["get", "list", "watch"].contains(&verb)}}));
        }
        if asked.path == "/api/v1/namespaces/opsdeck" {
            let gone = refuse(404, "NotFound", "namespaces \"opsdeck\" not found");
            return if shelf.missing { gone } else { ok(&json!({})) };
        }
        let root = "/api/v1/namespaces/opsdeck/configmaps";
        let name = asked.path.strip_prefix(root).unwrap().trim_start_matches('/').to_owned();
        if asked.method == "GET" {
            return if asked.is_watch() { self.watch(asked) } else { Self::list(&shelf, asked) };
        }
        if shelf.viewer {
            return refuse(403, "Forbidden", "configmaps is forbidden: User \"viewer\" cannot patch resource");
        }
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let written = match (asked.method.as_str(), shelf.objects.get(&name)) {
            ("POST", _) if shelf.missing => return refuse(404, "NotFound", "namespaces \"opsdeck\" not found"),
            ("POST", _) if shelf.objects.contains_key(body["metadata"]["name"].as_str().unwrap()) => {
                return refuse(409, "AlreadyExists", "configmaps already exists");
            }
            ("POST", _) => Self::write(&mut shelf, "ADDED", body),
            ("PATCH", Some(old)) => {
                assert_eq!(asked.content_type, "application/merge-patch+json");
                let mut object = old.clone();
                json_patch::merge(&mut object, &body);
                Self::write(&mut shelf, "MODIFIED", object)
            }
            ("PATCH", None) => return refuse(404, "NotFound", "configmaps not found"),
            (other, _) => panic!("a journal never sends {other}"),
        };
        if std::mem::take(&mut shelf.mute) { refuse(504, "Timeout", "request timed out") } else { ok(&written) }
    }

    fn list(shelf: &Shelf, asked: &Asked) -> Response {
        let holds = |object: &&Value| {
            asked.parameter("labelSelector").split(',').all(|part| {
                let (key, value) = part.split_once('=').unwrap_or((part, ""));
                let label = object["metadata"]["labels"][key].as_str();
                if value.is_empty() { label.is_some() } else { label == Some(value) }
            })
        };
        let items: Vec<Value> = shelf.objects.values().filter(holds).cloned().collect();
        ok(&list(&shelf.history.len().to_string(), "", &items))
    }

    /// Events since a version, for as long as the server is there.
    fn watch(&self, asked: &Asked) -> Response {
        let since: usize = asked.parameter("resourceVersion").parse().unwrap();
        let events = stream::unfold((self.clone(), since), async |(cluster, since)| {
            loop {
                let next =
                    cluster.with(|shelf| if shelf.away { Err(()) } else { Ok(shelf.history.get(since).cloned()) });
                match next.ok()? {
                    Some((kind, object)) => {
                        let line = json!({"type": kind, "object": object}).to_string() + "\n";
                        return Some((Ok::<_, std::io::Error>(line), (cluster, since + 1)));
                    }
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        Response::new(Body::from_stream(events))
    }

    /// Every key that is there, with the object that it is in.
    fn keys(&self) -> Vec<(String, String)> {
        self.with(|shelf| {
            let of = |(name, object): (&String, &Value)| {
                let keys = object["data"].as_object().unwrap().keys();
                keys.map(|key| (key.clone(), name.clone())).collect::<Vec<_>>()
            };
            shelf.objects.iter().flat_map(of).collect()
        })
    }
}

/// Reads a stream until it has told of `count` entries; what else it said.
async fn collect(stream: &mut SharedStream, count: usize) -> (Vec<Entry>, Vec<SharedUpdate>) {
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    while entries.len() < count {
        match stream.next().await.unwrap().unwrap() {
            SharedUpdate::Entries(of, more) => {
                assert_eq!(of, id());
                entries.extend(more);
            }
            other => others.push(other),
        }
    }
    (entries, others)
}

async fn limited(stream: &mut SharedStream) -> Fault {
    loop {
        if let SharedUpdate::Limited(fault) = stream.next().await.unwrap().unwrap() {
            return fault;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_writers_at_once_and_every_entry_is_there_once() {
    let cluster = Cluster::default();
    let (reader, _) = cluster.journal();
    let mut stream = reader.watch();
    assert_eq!(stream.next().await.unwrap().unwrap(), SharedUpdate::Live);
    let all: Vec<Vec<Entry>> =
        ["w1", "w2"].map(|writer| (0..500).map(|n| note(n, writer, &"x".repeat(200))).collect()).into();
    let writing = futures::future::join_all(all.iter().map(|own| {
        let cluster = &cluster;
        async move {
            let (journal, _) = cluster.journal();
            for batch in own.chunks(7) {
                journal.append(pass(), &id(), batch).await.unwrap();
            }
        }
    }));
    let (_, (mut seen, _)) = tokio::join!(writing, collect(&mut stream, 1_000));
    seen.sort_by(|one, other| one.stamp.cmp(&other.stamp));
    let mut wanted = all.concat();
    wanted.sort_by(|one, other| one.stamp.cmp(&other.stamp));
    assert_eq!(seen, wanted);
    assert_eq!(reader.read(&id()).await.unwrap(), wanted);
    assert_eq!(reader.list().await.unwrap(), [(id(), 1_000)]);
    // Bounded objects, each of one writer, found by their labels.
    let objects = cluster.with(|shelf| shelf.objects.clone());
    assert!(objects.len() > 4, "{:?}", objects.keys());
    for (name, object) in objects {
        let writer = object["metadata"]["labels"]["opsdeck.dev/writer"].as_str().unwrap();
        let data = object["data"].as_object().unwrap();
        assert!(data.keys().all(|key| key.ends_with(writer)), "{name}");
        assert!(data.iter().map(|(key, text)| key.len() + text.as_str().unwrap().len()).sum::<usize>() <= FULL);
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_goes_on_after_a_restart_and_adds_nothing_twice() {
    let cluster = Cluster::default();
    let long = note(2, "w1", &"€".repeat(100_000));
    let first = [note(1, "w1", "a"), long.clone()];
    cluster.journal().0.append(pass(), &id(), &first).await.unwrap();
    let before = cluster.keys();
    assert!(before.len() > 10, "the long one is in parts: {before:?}");
    let (journal, log) = cluster.journal();
    journal.append(pass(), &id(), &first).await.unwrap();
    assert_eq!(log.all().iter().map(|asked| asked.method.as_str()).collect::<Vec<_>>(), ["GET"], "nothing to add");
    journal.append(pass(), &id(), &[note(3, "w1", "b")]).await.unwrap();
    assert_eq!(log.all().last().unwrap().method, "PATCH", "the last object goes on");
    assert_eq!(cluster.keys().len(), before.len() + 1);
    let read = journal.read(&id()).await.unwrap();
    assert_eq!(read, [first.to_vec(), vec![note(3, "w1", "b")]].concat());
    assert!(serde_json::to_string(&long).unwrap().len() > 9 * PART);
}

#[tokio::test(start_paused = true)]
async fn what_arrived_without_an_answer_is_not_added_again() {
    let cluster = Cluster::default();
    let (journal, _) = cluster.journal();
    journal.append(pass(), &id(), &[note(1, "w1", &"x".repeat(FULL - PART))]).await.unwrap();
    // The next one fills the object; done and not answered, it must not be put into the one after it.
    let entries: Vec<Entry> = (2..9).map(|n| note(n, "w1", &"y".repeat(9_000))).collect();
    cluster.with(|shelf| shelf.mute = true);
    let fault = journal.append(pass(), &id(), &entries).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout);
    journal.append(pass(), &id(), &entries).await.unwrap();
    let keys = cluster.keys();
    let distinct: BTreeSet<&String> = keys.iter().map(|(key, _)| key).collect();
    assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    assert_eq!(journal.read(&id()).await.unwrap().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_deleted_or_made_meanwhile_is_no_obstacle() {
    let cluster = Cluster::default();
    let (one, _) = cluster.journal();
    let (other, _) = cluster.journal();
    one.append(pass(), &id(), &[note(1, "w1", "a")]).await.unwrap();
    // Another console passes on what this writer wrote: it knows the object from reading, the first from writing.
    other.append(pass(), &id(), &[note(1, "w1", "a"), note(2, "w1", "b")]).await.unwrap();
    one.append(pass(), &id(), &[note(2, "w1", "b"), note(3, "w1", "c")]).await.unwrap();
    assert_eq!(cluster.keys().len(), 3);
    cluster.with(|shelf| {
        let object = shelf.objects.values().next().unwrap().clone();
        Cluster::write(shelf, "DELETED", object);
    });
    one.append(pass(), &id(), &[note(4, "w1", "d")]).await.unwrap();
    // It believes that there is none, and somebody makes it at the same moment.
    let (late, _) = cluster.journal();
    late.known.lock().unwrap().insert((id(), "w1".into()), super::append::Segments::empty());
    late.append(pass(), &id(), &[note(5, "w1", "e")]).await.unwrap();
    assert_eq!(one.read(&id()).await.unwrap(), [note(4, "w1", "d"), note(5, "w1", "e")]);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_reads_is_told_and_may_not_write() {
    let cluster = Cluster::default();
    cluster.journal().0.append(pass(), &id(), &[note(1, "w1", "a")]).await.unwrap();
    cluster.with(|shelf| shelf.viewer = true);
    let (journal, log) = cluster.journal();
    let mut stream = journal.watch();
    let (seen, before) = collect(&mut stream, 1).await;
    assert_eq!((seen.len(), before.len()), (1, 0), "entries come before it is live");
    let fault = limited(&mut stream).await;
    assert_eq!(stream.next().await.unwrap().unwrap(), SharedUpdate::Live, "what it may not is known by then");
    assert_eq!(fault.kind, FaultKind::Forbidden);
    assert!(
        fault.message.contains("may not write shared incidents: create configmaps in namespace opsdeck"),
        "{fault}"
    );
    let writes =
        |log: &Log| log.all().iter().filter(|asked| asked.path.contains("configmaps") && asked.method != "GET").count();
    let fault = journal.append(pass(), &id(), &[note(2, "w3", "b")]).await.unwrap_err();
    assert_eq!((fault.kind, writes(&log)), (FaultKind::Forbidden, 1), "{fault:?}");
    assert!(fault.hint.unwrap().contains("opsdeck-incidents-writer"));
    let checks = journal.check().await;
    assert!(
        matches!(&checks[..], [a, b, c] if matches!(a.result, ServiceFinding::Well(_))
        && matches!(b.result, ServiceFinding::Well(_)) && matches!(c.result, ServiceFinding::Loss(..))),
        "{checks:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_not_there_comes_with_the_command_that_makes_it() {
    let cluster = Cluster::default();
    cluster.with(|shelf| shelf.missing = true);
    let (journal, _) = cluster.journal();
    let command = "kubectl create namespace opsdeck";
    let fault = journal.append(pass(), &id(), &[note(1, "w1", "a")]).await.unwrap_err();
    assert!(fault.message.contains("does not exist") && fault.hint.unwrap().contains(command));
    let checks = journal.check().await;
    assert!(
        matches!(&checks[0].result, ServiceFinding::Failed(fault) if fault.hint.as_ref().unwrap().contains(command))
    );
    let mut stream = journal.watch();
    assert!(limited(&mut stream).await.hint.unwrap().contains(command));
    // Made by somebody: it works without a new watch.
    cluster.with(|shelf| shelf.missing = false);
    journal.append(pass(), &id(), &[note(1, "w1", "a")]).await.unwrap();
    assert_eq!(collect(&mut stream, 1).await.0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_somebody_broke_is_named_once_and_put_right_by_its_writer() {
    let cluster = Cluster::default();
    let (journal, _) = cluster.journal();
    let entries = [note(1, "w1", "a"), note(2, "w1", "b"), note(3, "w1", "c")];
    journal.append(pass(), &id(), &entries).await.unwrap();
    let name = wire::name(&id(), "w1", 1);
    let key = stamp(2, "w1").to_string();
    for broken in ["{", "[]", "{\"stamp\": 1}", &serde_json::to_string(&entries[0]).unwrap()] {
        cluster.edit(&name, &key, broken);
        assert_eq!(journal.read(&id()).await.unwrap(), [entries[0].clone(), entries[2].clone()], "{broken}");
    }
    cluster.edit(&name, "notes.txt\u{1b}[2J", "mine");
    let mut stream = journal.watch();
    let (seen, _) = collect(&mut stream, 2).await;
    assert_eq!(seen, [entries[0].clone(), entries[2].clone()]);
    let fault = limited(&mut stream).await;
    assert_eq!(fault.kind, FaultKind::Malformed);
    let named = format!("ConfigMap opsdeck/{name}: key {key} is no entry: its own stamp is");
    assert!(fault.message.starts_with(&named) && fault.message.ends_with("and 1 more of its keys"), "{fault}");
    assert!(!format!("{fault:?}").contains('\u{1b}'));
    // Its writer starts again and adds what it has: the broken one is right again, where it was.
    cluster.journal().0.append(pass(), &id(), &entries).await.unwrap();
    let (healed, others) = collect(&mut stream, 1).await;
    assert_eq!(healed, [entries[1].clone()]);
    assert!(others.iter().all(|other| !matches!(other, SharedUpdate::Limited(_))), "named once: {others:?}");
    assert_eq!(cluster.keys().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn text_of_others_is_cleaned_however_deep_it_lies() {
    let cluster = Cluster::default();
    let (journal, _) = cluster.journal();
    journal.append(pass(), &id(), &[note(1, "w1", "a")]).await.unwrap();
    let evil = "x\u{1b}]0;title\u{7}\u{202e}y\nz";
    let value = json!({"stamp": stamp(2, "w1").to_string(), "at": "2026-11-21T14:32:00Z", "by": evil,
        "kind": "sang", "song": [{"deep": evil, evil: 1}]});
    cluster.edit(&wire::name(&id(), "w1", 1), &stamp(2, "w1").to_string(), &value.to_string());
    let read = journal.read(&id()).await.unwrap().pop().unwrap();
    assert_eq!(&*read.by, "xy z");
    let Deed::Unknown(fields) = read.deed else { panic!("{read:?}") };
    assert_eq!(fields["song"], json!([{"deep": "xy\nz", "xy z": 1}]), "what is unknown is kept");
}

#[tokio::test(start_paused = true)]
async fn objects_that_are_none_of_ours_are_left_alone_or_named() {
    let cluster = Cluster::default();
    let object = |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}, "data": {"k": "v"}});
    let ours = "app.kubernetes.io/managed-by";
    cluster.with(|shelf| {
        for object in [
            object("settings", json!({ours: "opsdeck"})),
            object("kube-root-ca.crt", json!({})),
            object("later", json!({ours: "opsdeck", wire::INCIDENT: "a", wire::FORMAT: "2"})),
            object("lost", json!({ours: "opsdeck", wire::INCIDENT: "A B", wire::FORMAT: "1"})),
            json!({"metadata": {"name": "empty", "labels": {ours: "opsdeck", wire::INCIDENT: "a", wire::FORMAT: "1"}}, "data": null}),
        ] {
            Cluster::write(shelf, "ADDED", object);
        }
    });
    let (journal, _) = cluster.journal();
    let mut stream = journal.watch();
    let said = [limited(&mut stream).await.message, limited(&mut stream).await.message];
    assert!(
        said[0].contains("opsdeck/later is of format `2`") && said[1].contains("opsdeck/lost belongs to no"),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_everything_that_was_missed_comes() {
    let cluster = Cluster::default();
    let (journal, _) = cluster.journal();
    journal.append(pass(), &id(), &[note(1, "w1", "a")]).await.unwrap();
    let mut stream = journal.watch();
    collect(&mut stream, 1).await;
    cluster.with(|shelf| shelf.away = true);
    let fault = loop {
        match stream.next().await.unwrap() {
            Ok(SharedUpdate::Live) => {}
            other => break other.unwrap_err(),
        }
    };
    assert_eq!(fault.kind, FaultKind::Server);
    assert!(stream.next().await.is_none(), "it ends, to be opened again");
    let missed = [note(2, "w1", "b"), note(3, "w1", "c")];
    assert!(journal.append(pass(), &id(), &missed).await.is_err());
    cluster.with(|shelf| shelf.away = false);
    let mut stream = journal.watch();
    assert_eq!(collect(&mut stream, 1).await.0, [note(1, "w1", "a")]);
    journal.append(pass(), &id(), &missed).await.unwrap();
    assert_eq!(collect(&mut stream, 2).await.0, missed);
}
