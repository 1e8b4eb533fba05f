//! The shared journal against a small server of ConfigMaps, in memory and in paused time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod shelf;

use std::collections::BTreeSet;

use futures::StreamExt;
use serde_json::{Value, json};

use self::shelf::Cluster;
use super::super::mock::Log;
use super::wire;
use super::wire::{FULL, PART};
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
async fn an_entry_that_two_versions_split_otherwise_is_read_once() {
    let cluster = Cluster::default();
    let (journal, _) = cluster.journal();
    let long = note(1, "w1", &"y".repeat(4 * PART));
    journal.append(pass(), &id(), std::slice::from_ref(&long)).await.unwrap();
    let mut stream = journal.watch();
    assert_eq!(collect(&mut stream, 1).await.0, std::slice::from_ref(&long));
    // A version with shorter parts passes it on: its keys lie among ours, in the same objects.
    let text = serde_json::to_string(&long).unwrap();
    let parts: Vec<&str> = text.as_bytes().chunks(PART / 2).map(|part| std::str::from_utf8(part).unwrap()).collect();
    for (index, part) in parts.iter().enumerate() {
        let key = format!("{}.{index}-{}", long.stamp, parts.len());
        cluster.edit(&wire::name(&id(), "w1", u32::try_from(index % 2).unwrap() + 1), &key, part);
    }
    assert!(parts.len() > 7, "{}", parts.len());
    assert_eq!(journal.read(&id()).await.unwrap(), std::slice::from_ref(&long));
    // One of the others is broken: ours are sound, and what is broken is put right where it is.
    let name = wire::name(&id(), "w1", 1);
    cluster.edit(&name, &format!("{}.0-{}", long.stamp, parts.len()), "x");
    assert_eq!(journal.read(&id()).await.unwrap(), std::slice::from_ref(&long));
    cluster.edit(&name, &format!("{}.0-{}", long.stamp, wire::items(&long).unwrap().len()), "x");
    assert_eq!(journal.read(&id()).await.unwrap(), [], "now neither is whole");
    cluster.journal().0.append(pass(), &id(), std::slice::from_ref(&long)).await.unwrap();
    assert_eq!(journal.read(&id()).await.unwrap(), [long]);
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_in_a_closed_object_is_added_to_the_next_and_stops_nothing() {
    let cluster = Cluster::default();
    let entries = [note(1, "w1", "a"), note(2, "w1", "b")];
    cluster.journal().0.append(pass(), &id(), &entries).await.unwrap();
    let name = wire::name(&id(), "w1", 1);
    cluster.edit(&name, &stamp(1, "w1").to_string(), "{");
    cluster.with(|shelf| {
        let mut object = shelf.objects[&name].clone();
        object["immutable"] = json!(true);
        Cluster::write(shelf, "MODIFIED", object);
    });
    let all = [entries.to_vec(), vec![note(3, "w1", "c")]].concat();
    let (journal, _) = cluster.journal();
    journal.append(pass(), &id(), &all).await.unwrap();
    assert_eq!(journal.read(&id()).await.unwrap(), all);
    // The next start finds the sound one, and adds nothing.
    let before = cluster.keys();
    cluster.journal().0.append(pass(), &id(), &all).await.unwrap();
    assert_eq!((cluster.keys(), before.len()), (before.clone(), 4));
}

#[tokio::test(start_paused = true)]
async fn a_broken_value_that_may_not_be_put_right_where_it_is_holds_nothing_up() {
    let cluster = Cluster::default();
    let (journal, _) = cluster.journal();
    let entries: Vec<Entry> = (1..5).map(|n| note(n, "w1", "x")).collect();
    journal.append(pass(), &id(), &entries[..2]).await.unwrap();
    cluster.edit(&wire::name(&id(), "w1", 1), &stamp(1, "w1").to_string(), "{");
    cluster.with(|shelf| shelf.append_only = true);
    let (again, _) = cluster.journal();
    again.append(pass(), &id(), &entries[..3]).await.unwrap();
    again.append(pass(), &id(), &entries).await.unwrap();
    // The sound one beside it counts, for who reads and for the next writer.
    assert_eq!(cluster.journal().0.read(&id()).await.unwrap(), entries);
    let before = cluster.keys();
    cluster.journal().0.append(pass(), &id(), &entries).await.unwrap();
    assert_eq!(cluster.keys(), before);
    assert_eq!(before.len(), 5, "{before:?}");
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
