//! Crashes, full disks and several processes: this test binary starts itself again as the writers that are then killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::store::IncidentStore;
use super::tests::{id, note, now, texts};
use crate::domain::incident::entry::Deed;

/// Tells a started copy of this binary where to write: `ROOT NAME COUNT PAD`.
const ORDER: &str = "OPSDECK_TEST_INCIDENT";

/// Starts a copy of this test binary that only runs [`writer`].
fn start(order: &str, before: Option<&str>) -> Child {
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{}; exec \"$0\" \"$@\"", before.unwrap_or("true"))).arg(own);
    command.args(["--exact", "runtime::incidents::crashes::writer", "--nocapture", "--test-threads=1"]);
    command.env(ORDER, order).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Not a test of its own: what the started copies do. It says `wrote NAME/N` only after the entry is on disk.
#[test]
fn writer() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let mut words = order.split(' ');
    let mut word = || words.next().unwrap();
    let store = IncidentStore::new(word().into());
    let (name, count, pad) = (word(), word().parse::<usize>().unwrap(), word().parse::<usize>().unwrap());
    // All begin at once: when their standard input ends.
    std::io::stdin().lines().for_each(drop);
    let journal = store.journal(&id());
    for n in 0..count {
        let text = format!("{name}/{n}{}", " ".repeat(if pad == 0 { 0 } else { n * 7_919 % pad }));
        let line = match journal.append(now(), note(&text)) {
            Ok(_) => format!("\nwrote {name}/{n}\n"),
            Err(error) => format!("\nfailed {error}\n"),
        };
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn several_processes_append_at_once_and_all_see_one_order() {
    let home = tempfile::tempdir().unwrap();
    let store = IncidentStore::new(home.path().join("incidents"));
    let journal = store.create(&id()).unwrap();
    let mut children: Vec<Child> =
        (0..4).map(|n| start(&format!("{} p{n} 60 300", store.root().display()), None)).collect();
    for child in &mut children {
        drop(child.stdin.take());
    }
    let mut seen = journal.append(now(), note("me")).unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).matches("wrote ").count(), 60);
        seen.extend(journal.poll().unwrap());
    }
    let told = store.read(&id()).unwrap();
    assert_eq!((told.entries.len(), told.flaws.len()), (241, 0));
    assert!(told.entries.is_sorted_by(|one, other| one.stamp < other.stamp), "each stamp once");
    assert_eq!(told.entries.iter().map(|entry| entry.stamp.writer()).collect::<BTreeSet<_>>().len(), 5);
    let names: BTreeSet<String> = texts(&told.entries).iter().map(|text| text.trim().to_owned()).collect();
    assert_eq!(names.len(), 241, "every entry once");
    // Who looked on all the time was told of each once.
    seen.sort_by(|one, other| one.stamp.cmp(&other.stamp));
    assert_eq!(seen, told.entries);
}

#[test]
fn killed_writers_lose_nothing_that_they_had_been_told_is_written() {
    let home = tempfile::tempdir().unwrap();
    let store = IncidentStore::new(home.path().join("incidents"));
    let mut told = Vec::new();
    for process in 0..10_usize {
        let mut child = start(&format!("{} p{process} 100000 60000", store.root().display()), None);
        drop(child.stdin.take());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (after, mut seen) = (1 + process * 5 % 11, 0);
        while seen < after {
            if let Some(name) = lines.next().unwrap().unwrap().strip_prefix("wrote ") {
                told.push(name.to_owned());
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("wrote ")?.to_owned())));
        let read = store.read(&id()).unwrap();
        assert!(read.flaws.iter().all(|flaw| flaw.torn), "{:?}", read.flaws);
        assert!(read.flaws.len() <= process + 1);
    }
    let read = store.read(&id()).unwrap().entries;
    let names: BTreeSet<&str> = texts(&read).iter().map(|text| text.trim()).collect();
    for name in &told {
        assert!(names.contains(name.as_str()), "{name} was written and is gone");
    }
    let writers: BTreeSet<_> = read.iter().map(|entry| entry.stamp.writer().clone()).collect();
    assert!(writers.iter().all(|writer| store.writers().is_gone(writer)), "all of them were killed");
}

/// The limit on file sizes stands for a disk that fills up in the middle of a write: the system writes a part of it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = IncidentStore::new(home.path().join("incidents"));
    // 16 blocks of 512 bytes; the signal that comes with it is ignored, so that the write fails instead.
    let mut child = start(&format!("{} p 40 5000", store.root().display()), Some("trap '' XFSZ; ulimit -f 16"));
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrote = said.matches("wrote ").count();
    assert!(wrote > 0 && said.contains("cannot write the incident's journal") && said.contains("ulimit -f"), "{said}");
    let told = store.read(&id()).unwrap();
    assert_eq!((told.entries.len(), told.flaws.len()), (wrote, 0), "no half entry is left");
    let after = store.journal(&id()).append(now(), note("there is room again")).unwrap();
    assert!(matches!(&after.last().unwrap().deed, Deed::Note { text } if text.contains("room")));
    assert_eq!(store.read(&id()).unwrap().entries.len(), wrote + 1);
}
