//! Crashes and several processes: this test binary starts itself again as the writers that are then killed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::files::Files;
use super::tests::with;
use super::*;

/// Tells a started copy of this binary what to write, as JSON.
const ORDER: &str = "OPSDECK_TEST_JOURNAL";

/// Starts a copy of this test binary that only runs [`writer`].
fn start(order: &Value, shell: Option<&str>) -> Child {
    let own = std::env::current_exe().unwrap();
    let mut command = match shell {
        None => Command::new(own),
        Some(before) => {
            let mut command = Command::new("sh");
            command.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(own);
            command
        }
    };
    command.args(["--exact", "runtime::journal::crashes::writer", "--nocapture", "--test-threads=1"]);
    command.env(ORDER, order.to_string()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Not a test of its own: what the started copies do. It says `wrote <name>` only after the record is on disk.
#[test]
fn writer() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let order: Value = serde_json::from_str(&order).unwrap();
    let number = |key: &str| order[key].as_u64().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..number("writers") {
            let (order, number) = (&order, &number);
            scope.spawn(move || {
                let path = order["path"].as_str().unwrap();
                let journal = FileJournal::new(path).rotate_at(number("rotate_at"));
                for n in 0..number("records") {
                    let name = format!("{}/{writer}/{n}", order["process"]);
                    // From a few bytes to many pages: the system may be stopped between two pages of one write.
                    let pad = "x".repeat((n * 7_919 % number("pad").max(1)) as usize);
                    let written = journal.append(json!({"kind": order["kind"], "id": name, "name": name, "pad": pad}));
                    // One write for the line: threads share the pipe.
                    let line = match written {
                        Ok(()) => format!("\nwrote {name}\n"),
                        Err(error) => format!("\nfailed {error}\n"),
                    };
                    io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

fn names(path: &Path) -> Vec<String> {
    read(path).unwrap().iter().map(|record| record["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn two_hundred_writers_of_several_processes_lose_nothing() {
    let (_keep, journal) = with(0);
    let path = journal.path();
    let files = Files::new(path.to_owned());
    files.create_directory().unwrap();
    // All of them wait for this one lock, so that all start at once.
    let gate = files.lock_to_write().unwrap();
    let children: Vec<Child> = (0..8)
        .map(|process| {
            let order = json!({
                "path": path, "process": process, "writers": 25, "records": 3, "rotate_at": 20_000, "pad": 300,
            });
            start(&order, None)
        })
        .collect();
    drop(gate);
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout).matches("wrote ").count(), 75);
    }
    let summary = verify(path).unwrap();
    assert_eq!((summary.records, summary.torn.len(), summary.remarks.len()), (600, 0, 0));
    assert!(summary.files > 5, "it was rotated meanwhile: {} files", summary.files);
    let mut names = names(path);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 600, "every record once");
}

#[test]
fn killed_writers_leave_a_whole_chain_and_lose_nothing_that_they_had_been_told_is_written() {
    let (_keep, journal) = with(0);
    let path = journal.path();
    let mut told = Vec::new();
    for process in 0..12_usize {
        let order = json!({
            "path": path, "process": process, "writers": 2, "records": 100_000, "rotate_at": 200_000, "pad": 60_000,
        });
        let mut child = start(&order, None);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Another number of records each time; where between two of them it hits is up to the scheduler.
        let after = 1 + process * 5 % 11;
        let mut seen = 0;
        while seen < after {
            let line = lines.next().unwrap().unwrap();
            if let Some(name) = line.strip_prefix("wrote ") {
                told.push(name.to_owned());
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("wrote ")?.to_owned())));
        verify(path).unwrap_or_else(|broken| unreachable!("after kill {process}: {broken}"));
    }
    journal.append(json!({"name": "after all"})).unwrap();
    let summary = verify(path).unwrap();
    assert!(summary.remarks.is_empty(), "{:?}", summary.remarks);
    let names = names(path);
    for name in &told {
        assert!(names.contains(name), "{name} was written and is gone");
    }
}

#[test]
fn an_intent_of_a_killed_process_is_open_and_one_of_a_running_process_is_not() {
    let (_keep, journal) = with(0);
    let order = json!({
        "path": journal.path(), "process": 1, "writers": 1, "records": 100_000, "rotate_at": u64::MAX, "kind": "intent",
        "pad": 10,
    });
    let mut child = start(&order, None);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("wrote "))).unwrap().unwrap();
    assert_eq!(journal.open_intents().unwrap(), Vec::<Value>::new());
    child.kill().unwrap();
    child.wait().unwrap();
    let open = journal.open_intents().unwrap();
    assert_eq!(open.len() as u64, verify(journal.path()).unwrap().records);
    assert!(!open.is_empty());
    let left = fs::read_dir(journal.path().parent().unwrap()).unwrap();
    assert_eq!(left.filter(|entry| entry.as_ref().unwrap().path().to_string_lossy().contains("writer-")).count(), 0);
}

/// A crash after each byte of an append, and between its steps: the log stays whole, and the next record goes in.
#[test]
fn a_crash_at_every_byte_of_an_append_is_survived() {
    let (_keep, journal) = with(2);
    let (path, head) = (journal.path().to_owned(), journal.path().with_extension("head"));
    let (before, old_head) = (fs::read(&path).unwrap(), fs::read(&head).unwrap());
    journal.append(json!({"n": 2})).unwrap();
    let after = fs::read(&path).unwrap();
    for length in before.len()..=after.len() {
        fs::write(&path, &after[..length]).unwrap();
        fs::write(&head, &old_head).unwrap();
        fs::write(head.with_extension("head.new"), "{\"seq\":3").unwrap();
        let whole = length + 1 >= after.len();
        let found = verify(&path).unwrap();
        let torn = usize::from(!whole && length > before.len());
        assert_eq!((found.records, found.torn.len()), (if whole { 3 } else { 2 }, torn), "before, at {length}");
        // A second crash, in the append that would have ended the first fragment.
        if torn == 1 {
            OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\n{\"seq\":3,\"pre").unwrap();
        }
        for n in 3..5 {
            journal.append(json!({"n": n})).unwrap();
        }
        let found = verify(&path).unwrap_or_else(|broken| unreachable!("after {length}: {broken}"));
        assert_eq!((found.records, found.torn.len()), (if whole { 5 } else { 4 }, torn * 2), "after, at {length}");
    }
}

#[test]
fn a_crash_around_a_rotation_is_survived() {
    let (_keep, journal) = with(2);
    let files = Files::new(journal.path().to_owned());
    // Moved aside, and nothing written since.
    files.rotate().unwrap();
    assert_eq!(verify(journal.path()).unwrap().records, 2);
    // The new file was begun, and its first record is a fragment longer than what is read at once.
    fs::write(journal.path(), format!("{{\"seq\":3,\"pad\":\"{}", "x".repeat(50_000))).unwrap();
    assert_eq!(verify(journal.path()).unwrap().torn.len(), 1);
    for n in 2..4 {
        journal.append(json!({"n": n})).unwrap();
    }
    let summary = verify(journal.path()).unwrap();
    assert_eq!((summary.records, summary.torn.len(), summary.files), (4, 1, 2));
    // A crash in the very first append of all: there is no head yet, and nothing to say about it.
    let (_keep, journal) = with(1);
    fs::remove_file(journal.path().with_extension("head")).unwrap();
    assert_eq!(verify(journal.path()).unwrap().records, 1);
}

/// The limit on file sizes stands for a disk that fills up in the middle of a write: the system writes a part of it.
#[cfg(target_os = "linux")]
#[test]
fn a_write_that_stops_half_way_is_taken_back() {
    let (_keep, journal) = with(1);
    let order = json!({
        "path": journal.path(), "process": 0, "writers": 1, "records": 40, "rotate_at": u64::MAX, "pad": 5_000,
    });
    // 16 blocks of 512 bytes; the signal that comes with it is ignored, so that the write fails instead.
    let output = start(&order, Some("trap '' XFSZ; ulimit -f 16")).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrote = said.matches("wrote ").count();
    assert!(wrote > 0 && said.contains("ulimit -f"), "{said}");
    let summary = verify(journal.path()).unwrap();
    assert_eq!((summary.records, summary.torn.len()), (wrote as u64 + 1, 0), "no half record is left");
    journal.append(json!({"name": "there is room again"})).unwrap();
    assert_eq!(verify(journal.path()).unwrap().records, wrote as u64 + 2);
}
