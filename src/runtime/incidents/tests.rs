//! The journal of an incident: what is read is what was written, whatever happened in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::journal::{FILE, IncidentJournal};
use super::office::open_in;
use super::store::IncidentStore;
use crate::domain::incident::delivery::{Delivery, Receipt, What};
use crate::domain::incident::entry::{Deed, Entry, NewEntry};
use crate::domain::incident::{IncidentId, Status};
use crate::domain::time::Instant;

pub(super) fn now() -> Instant {
    "2026-11-21T14:32:07.123Z".parse().unwrap()
}

pub(super) fn id() -> IncidentId {
    "20261121-1432-payment-x7k2".parse().unwrap()
}

pub(super) fn note(text: &str) -> Vec<NewEntry> {
    vec![NewEntry { at: now(), by: "oncall".into(), deed: Deed::Note { text: text.into() } }]
}

pub(super) fn texts(entries: &[Entry]) -> Vec<&str> {
    entries
        .iter()
        .filter_map(|entry| if let Deed::Note { text } = &entry.deed { Some(text.as_str()) } else { None })
        .collect()
}

/// Two stores on one directory are two processes, as far as writers and locks go.
fn two() -> (tempfile::TempDir, IncidentStore, IncidentStore) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("state/incidents");
    let (one, other) = (IncidentStore::new(root.clone()), IncidentStore::new(root));
    (home, one, other)
}

fn raw(journal: &IncidentJournal) -> String {
    fs::read_to_string(journal.path()).unwrap()
}

#[test]
fn consoles_of_one_user_see_each_others_entries_in_one_order() {
    let (_home, here, there) = two();
    assert!(here.ids().is_empty() && here.read(&id()).is_err());
    let one = here.create(&id()).unwrap();
    assert!(there.ids().is_empty(), "nothing was written yet");
    let other = there.create(&id()).expect("a place where nothing was written is taken again");
    assert_eq!(texts(&one.append(now(), note("a")).unwrap()), ["a"]);
    assert!(there.create(&id()).is_err(), "its id is taken");
    // A clock that is behind: its entry stands last all the same.
    let early = now() - chrono::TimeDelta::hours(1);
    assert_eq!(texts(&other.append(early, note("b")).unwrap()), ["a", "b"]);
    assert_eq!(texts(&one.poll().unwrap()), ["b"]);
    assert!(one.poll().unwrap().is_empty());
    // A decision is made over everything that is there by then.
    other.append(now(), note("c")).unwrap();
    let seen = one.append_with(now(), |news, _| note(&format!("after {}", texts(news).join("+")))).unwrap();
    assert_eq!(texts(&seen), ["c", "after c"]);
    let told = there.read(&id()).unwrap();
    assert_eq!((texts(&told.entries), told.flaws.len()), (vec!["a", "b", "c", "after c"], 0));
    assert!(told.entries.is_sorted_by(|a, b| a.stamp < b.stamp));
    let writers: BTreeSet<_> = told.entries.iter().map(|entry| entry.stamp.writer().clone()).collect();
    assert_eq!(writers.len(), 2);
    // Nobody else reads it.
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(one.path()), mode(&here.directory(&id())), mode(here.root())), (0o600, 0o700, 0o700));
}

#[test]
fn what_others_stamped_is_taken_in_once_at_its_place() {
    let (_home, here, there) = two();
    let one = here.journal(&id());
    one.append(now(), note("a")).unwrap();
    let apart = tempfile::tempdir().unwrap();
    let far = IncidentStore::new(apart.path().to_owned()).journal(&id());
    let early = now() - chrono::TimeDelta::hours(1);
    let theirs = far.append(early, [note("x"), note("y")].concat()).unwrap();
    assert_eq!(texts(&one.merge(&theirs).unwrap()), ["x", "y"]);
    assert_eq!(one.merge(&theirs).unwrap(), []);
    assert_eq!(raw(&one).lines().count(), 3);
    let told = there.read(&id()).unwrap().entries;
    assert_eq!(texts(&told), ["x", "y", "a"]);
    assert_eq!(&told[..2], theirs, "as they were written");
    // What comes next stands after all of it.
    let later = far.merge(&told).and_then(|_| far.append(early, note("z"))).unwrap();
    assert!(later[0].stamp > told[2].stamp);
}

#[test]
fn a_line_cut_off_at_any_byte_is_named_and_nothing_else_is_lost() {
    let (_home, here, there) = two();
    let journal = here.journal(&id());
    journal.append(now(), note("kept")).unwrap();
    let before = fs::read(journal.path()).unwrap();
    journal.append(now(), note("cut \"ö\\ off")).unwrap();
    let whole = fs::read(journal.path()).unwrap();
    for length in before.len()..=whole.len() {
        fs::write(journal.path(), &whole[..length]).unwrap();
        // Only the end of the line is missing: then nothing is.
        let expected = if length + 1 >= whole.len() { 2 } else { 1 };
        let torn = usize::from(length > before.len() && expected == 1);
        let told = there.read(&id()).unwrap();
        assert_eq!((told.entries.len(), told.flaws.len()), (expected, torn), "at {length}");
        let next = IncidentStore::new(here.root().to_owned()).journal(&id());
        next.append(now(), note("next")).unwrap();
        next.append(now(), note("and next")).unwrap();
        assert_eq!(next.flaws().len(), torn);
        let told = there.read(&id()).unwrap();
        assert_eq!((told.entries.len(), told.flaws.len()), (expected + 2, torn), "after, at {length}");
        assert!(told.flaws.iter().all(|flaw| flaw.torn && flaw.line == 2), "{:?}", told.flaws);
    }
}

#[test]
fn a_damaged_middle_is_named_and_the_rest_is_read() {
    let (_home, here, there) = two();
    let journal = here.journal(&id());
    for n in 0..5 {
        journal.append(now(), note(&format!("n{n}"))).unwrap();
    }
    let mut bytes = fs::read(journal.path()).unwrap();
    let lines: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    bytes[lines[0] + 10..lines[0] + 30].fill(0xff);
    bytes[lines[3] - 1] = b'x';
    fs::write(journal.path(), &bytes).unwrap();
    let told = there.read(&id()).unwrap();
    assert_eq!(texts(&told.entries), ["n0", "n2", "n4"]);
    let named: Vec<_> = told.flaws.iter().map(|flaw| (flaw.line, flaw.torn)).collect();
    assert_eq!(named, [(2, false), (4, false)]);
    assert!(told.flaws[0].to_string().contains("line 2: not readable"), "{}", told.flaws[0]);
    there.journal(&id()).append(now(), note("n5")).unwrap();
    // Who had read it before knows more than the file by now, and takes the new one.
    assert_eq!(texts(&journal.poll().unwrap()), ["n5"]);
    assert_eq!(texts(&journal.told().unwrap().entries), ["n0", "n1", "n2", "n3", "n4", "n5"]);
}

#[test]
fn a_file_that_was_put_in_its_place_is_read_anew() {
    let (_home, here, _) = two();
    let journal = here.journal(&id());
    journal.append(now(), [note("a"), note("b")].concat()).unwrap();
    let text = raw(&journal);
    let first = text.lines().next().unwrap();
    fs::write(journal.path(), format!("{first}\n")).unwrap();
    assert_eq!(journal.poll().unwrap(), []);
    journal.append(now(), note("c")).unwrap();
    assert_eq!(raw(&journal).lines().count(), 2, "after what is there");
    assert!(!raw(&journal).contains("\n\n"));
}

#[test]
fn a_place_that_cannot_be_written_says_so_and_is_read_on() {
    let (_home, here, there) = two();
    let journal = here.journal(&id());
    journal.append(now(), note("a")).unwrap();
    // A directory in its place: nobody can append to that, whoever runs this.
    fs::rename(journal.path(), here.root().join("aside")).unwrap();
    fs::create_dir(journal.path()).unwrap();
    let error = journal.append(now(), note("b")).unwrap_err();
    assert!(error.to_string().contains(FILE), "{error}");
    fs::remove_dir(journal.path()).unwrap();
    fs::rename(here.root().join("aside"), journal.path()).unwrap();
    assert_eq!(texts(&there.read(&id()).unwrap().entries), ["a"]);
    assert_eq!(texts(&journal.append(now(), note("c")).unwrap()), ["c"]);
}

#[test]
fn writers_that_are_gone_are_known_and_swept_when_nobody_needs_them() {
    let (_home, here, there) = two();
    let (one, other) = (here.writers().own().unwrap(), there.writers().own().unwrap());
    assert_ne!(one, other);
    assert!(here.writers().is_own(&one) && !here.writers().is_gone(&one), "it is this one");
    assert!(!here.writers().is_gone(&other), "it runs");
    for strange in ["never", "../x", ""] {
        assert!(!here.writers().is_gone(strange), "`{strange}` was never here");
    }
    drop(there);
    assert!(here.writers().is_gone(&other));
    assert_eq!(here.sweep(2).unwrap(), 0, "one is not worth the look");
    assert!(here.writers().is_gone(&other));
    assert_eq!(here.sweep(1).unwrap(), 1);
    assert!(!here.writers().is_gone(&other), "nobody knows of it any more");
    assert!(here.root().join(format!("writer-{one}")).exists(), "it runs");
}

#[test]
fn files_of_writers_stay_as_long_as_something_of_theirs_is_to_be_sent() {
    let home = tempfile::tempdir().unwrap();
    let store = || IncidentStore::new(home.path().to_owned());
    let deliver = |key: &str| {
        let delivery = Delivery { key: key.into(), service: "chat".into(), what: What::Archive, after: Vec::new() };
        NewEntry { at: now(), by: "oncall".into(), deed: Deed::Planned(delivery) }
    };
    let new = |deed: Deed| NewEntry { at: now(), by: "oncall".into(), deed };
    // Each is a process that has ended: one had sent all, one had not, one wrote into what nobody has declared yet.
    let mut gone = Vec::new();
    for (id, key, sent) in [("a", "x", true), ("a", "y", false), ("b", "z", true)] {
        let store = store();
        let journal = store.journal(&IncidentId::made_of(&format!("20261121-1432-payment-{id}")));
        if key == "x" {
            journal.append(now(), vec![new(super::office_tests::declared().remove(0))]).unwrap();
        }
        let mut entries = vec![deliver(key)];
        if sent {
            entries.push(new(Deed::Sent { key: key.into(), receipt: Receipt::default() }));
        }
        journal.append(now(), entries).unwrap();
        gone.push(store.own_writer().unwrap());
    }
    let (one, other, begins) = (store(), store(), store());
    let alive = one.own_writer().unwrap();
    // Two that sweep at once, and one that begins meanwhile.
    let swept = std::thread::scope(|scope| {
        let both = [&one, &other].map(|store| scope.spawn(|| store.sweep(1).unwrap()));
        begins.own_writer().unwrap();
        both.map(|one| one.join().unwrap())
    });
    assert_eq!(swept.iter().sum::<usize>(), 1, "{swept:?}");
    assert!(begins.writers().gone().unwrap().is_disjoint(&[alive.clone(), begins.own_writer().unwrap()].into()));
    let there = |writer: &str| home.path().join(format!("writer-{writer}")).exists();
    assert_eq!(gone.iter().map(|writer| there(writer)).collect::<Vec<_>>(), [false, true, true]);
    assert!(there(&alive));
    assert!(other.writers().is_gone(&gone[1]), "it can be taken over");
}

#[test]
fn of_incidents_that_are_held_or_over_nothing_is_found() {
    let (_home, here, _) = two();
    let journal = here.journal(&id());
    let new = |deed| vec![NewEntry { at: now(), by: "oncall".into(), deed }];
    journal.append(now(), new(super::office_tests::declared().remove(0))).unwrap();
    let none = (BTreeMap::new(), BTreeSet::new());
    let found = open_in(&here, "prod", &none.0, &none.1);
    assert_eq!(found.wanted, [id()]);
    let seen = found.seen;
    assert!(open_in(&here, "prod", &seen, &none.1).wanted.is_empty(), "nothing has changed");
    assert!(open_in(&here, "prod", &none.0, &BTreeSet::from([id()])).wanted.is_empty(), "who holds it reads it");
    assert!(open_in(&here, "other", &none.0, &none.1).wanted.is_empty());
    journal.append(now(), new(Deed::Status { to: Status::Resolved, reason: None, from: None })).unwrap();
    assert!(open_in(&here, "prod", &seen, &none.1).wanted.is_empty(), "it is over");
}

#[test]
fn names_of_files_that_are_no_incidents_are_left_alone() {
    let (_home, here, _) = two();
    here.journal(&id()).append(now(), note("a")).unwrap();
    fs::create_dir_all(here.root().join("Not.One")).unwrap();
    fs::create_dir_all(here.root().join("empty")).unwrap();
    OpenOptions::new().create(true).append(true).open(here.root().join("notes")).unwrap().write_all(b"x").unwrap();
    assert_eq!(here.ids(), [id()]);
}
