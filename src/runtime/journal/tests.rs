//! The journal in one process: chain, tampering, rotation, what cannot be written.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, OpenOptions};

use serde_json::json;

use super::*;

pub(super) fn with(records: u64) -> (tempfile::TempDir, FileJournal) {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::new(directory.path().join("new/audit.jsonl"));
    for n in 0..records {
        journal.append(json!({"kind": "intent", "n": n, "seq": 999})).unwrap();
    }
    (directory, journal)
}

/// A log of several files: about two records in each.
pub(super) fn rotated(records: u64) -> (tempfile::TempDir, FileJournal) {
    let (directory, journal) = with(0);
    let journal = journal.rotate_at(150);
    for n in 0..records {
        journal.append(json!({"n": n})).unwrap();
    }
    (directory, journal)
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let mut lines: Vec<String> = fs::read_to_string(path).unwrap().lines().map(Into::into).collect();
    change(&mut lines);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

fn numbers(path: &Path) -> Vec<(u64, u64)> {
    let number = |record: &Value, key: &str| record[key].as_u64().unwrap();
    read(path).unwrap().iter().map(|record| (number(record, "seq"), number(record, "n"))).collect()
}

fn names(journal: &FileJournal) -> Vec<String> {
    let directory = journal.path().parent().unwrap();
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // Their names end as chance will have it.
    for name in &mut names {
        name.truncate(name.find("writer-").map_or(name.len(), |at| at + 6));
    }
    names.sort();
    names
}

#[test]
fn a_whole_chain_verifies_and_reads_back() {
    let (_keep, journal) = with(3);
    let summary = verify(journal.path()).unwrap();
    assert_eq!((summary.records, summary.torn.len(), summary.remarks.len()), (3, 0, 0));
    assert_eq!(numbers(journal.path()), [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(names(&journal), ["audit.head", "audit.jsonl", "audit.lock", "audit.writer"]);
    let directory = journal.path().parent().unwrap().to_owned();
    drop(journal);
    assert_eq!(fs::read_dir(directory).unwrap().count(), 3, "what says that it runs goes with it");
}

#[test]
fn every_kind_of_tampering_names_its_line() {
    type Tampering = fn(&mut Vec<String>);
    let cases: [(&str, Tampering, u64); 8] = [
        ("altered", |lines| lines[1] = lines[1].replace("\"n\":1", "\"n\":7"), 3),
        ("last altered", |lines| lines[3] = lines[3].replace("\"n\":3", "\"n\":7"), 4),
        ("removed", |lines| drop(lines.remove(1)), 2),
        ("first removed", |lines| drop(lines.remove(0)), 1),
        ("swapped", |lines| lines.swap(1, 2), 2),
        ("doubled", |lines| lines.insert(2, lines[1].clone()), 3),
        ("cut inside", |lines| lines[1].truncate(10), 3),
        ("end cut off", |lines| lines.truncate(2), 3),
    ];
    for (name, tamper, line) in cases {
        let (_keep, journal) = with(4);
        rewrite(journal.path(), tamper);
        let broken = verify(journal.path()).unwrap_err();
        assert_eq!((&*broken.file, broken.line), ("audit.jsonl", line), "{name}: {broken}");
        // What is written after that does not heal it.
        journal.append(json!({"n": 9})).unwrap();
        let still = verify(journal.path()).unwrap_err();
        assert!((line..=line + 1).contains(&still.line), "{name}: {still}");
    }
}

#[test]
fn the_chain_goes_on_across_files_and_a_file_that_is_gone_is_named() {
    let (_keep, journal) = rotated(7);
    assert_eq!(
        names(&journal),
        ["audit-0001.jsonl", "audit-0002.jsonl", "audit-0003.jsonl", "audit.head", "audit.jsonl", "audit.lock"]
    );
    let summary = verify(journal.path()).unwrap();
    assert_eq!((summary.records, summary.files), (7, 4));
    assert_eq!(numbers(journal.path()).len(), 7);
    let older = fs::read_to_string(journal.path().with_file_name("audit-0001.jsonl")).unwrap();
    let last_of_older = sha256_hex(older.lines().last().unwrap().as_bytes());
    let newer = fs::read_to_string(journal.path().with_file_name("audit-0002.jsonl")).unwrap();
    assert!(
        newer.lines().next().unwrap().contains(&last_of_older),
        "the first record of a file continues the last one's"
    );

    let gone = |name: &str| {
        let path = journal.path().with_file_name(name);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let broken = verify(journal.path()).unwrap_err().to_string();
        fs::write(&path, bytes).unwrap();
        broken
    };
    assert_eq!(
        gone("audit-0001.jsonl"),
        "audit-0002.jsonl line 1: records 1 to 2 are missing: audit-0001.jsonl is gone"
    );
    assert_eq!(
        gone("audit-0002.jsonl"),
        "audit-0003.jsonl line 1: records 3 to 4 are missing: audit-0002.jsonl is gone"
    );
    assert_eq!(gone("audit.jsonl"), "audit-0003.jsonl line 3: record 7 is missing: audit.head says that there were 7");
    assert_eq!(gone("audit.head"), "audit.head: it is gone: whether the end of the log was cut off cannot be told");
    assert!(verify(journal.path()).is_ok());
}

#[test]
fn a_log_whose_end_was_cut_off_never_passes_again() {
    let (_keep, journal) = rotated(7);
    fs::remove_file(journal.path()).unwrap();
    fs::remove_file(journal.path().with_file_name("audit-0003.jsonl")).unwrap();
    journal.append(json!({"n": 8})).unwrap();
    let broken = verify(journal.path()).unwrap_err().to_string();
    assert_eq!(broken, "audit.jsonl line 1: records 5 to 7 are missing");
    assert_eq!(numbers(journal.path()).last(), Some(&(8, 8)), "the record itself is not lost");

    // Without the head nothing can tell; that is said for good.
    let (_keep, journal) = with(3);
    fs::remove_file(journal.path().with_extension("head")).unwrap();
    journal.append(json!({"n": 3})).unwrap();
    assert_eq!(verify(journal.path()).unwrap().remarks.len(), 1);
}

#[test]
fn a_head_kept_elsewhere_notices_that_all_was_made_anew() {
    let (_keep, journal) = with(4);
    let known = verify(journal.path()).unwrap().head;
    journal.append(json!({})).unwrap();
    assert_eq!(verify_against(journal.path(), Some(&known)).unwrap().records, 5);
    let (_other, forged) = with(5);
    assert!(verify(forged.path()).is_ok());
    rewrite(forged.path(), |lines| lines[0] = lines[0].replace("intent", "nothing"));
    let broken = verify_against(forged.path(), Some(&sha256_hex(b"another"))).unwrap_err();
    assert!(broken.line > 0, "the first break is told, not the last: {broken}");
    let (_other, forged) = with(5);
    assert!(verify_against(forged.path(), Some(&sha256_hex(b"another"))).unwrap_err().why.contains("is gone"));
}

#[test]
fn reading_for_the_screen_gives_the_last_records_and_says_what_the_chain_is() {
    let (_keep, journal) = rotated(7);
    let reading = journal.read_last(3).unwrap();
    assert_eq!((reading.records.len(), reading.older), (3, 4));
    assert_eq!(reading.records[2]["n"], 6);
    assert_eq!(reading.chain, Chain::Whole { records: 7, torn: 0, remarks: Vec::new() });
    fs::remove_file(journal.path()).unwrap();
    assert!(matches!(journal.read_last(3).unwrap().chain, Chain::Broken(why) if why.contains("record 7 is missing")));
    let (_keep, empty) = with(0);
    assert_eq!(empty.read_last(3).unwrap().chain, Chain::Whole { records: 0, torn: 0, remarks: Vec::new() });
}

#[test]
fn writers_of_one_process_never_interleave() {
    let (_keep, journal) = with(0);
    let path = journal.path().to_owned();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                // A journal of its own: only the file's lock is between them.
                let journal = FileJournal::new(path).rotate_at(50_000);
                for n in 0..10 {
                    journal.append(json!({"writer": writer, "n": n, "pad": "y".repeat(9_000)})).unwrap();
                }
            });
        }
    });
    assert_eq!(verify(&path).unwrap().records, 40);
}

#[test]
fn what_cannot_be_written_is_an_error_that_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let blocker = directory.path().join("file");
    fs::write(&blocker, "").unwrap();
    // A file where a directory is needed: fails for root too.
    let error = FileJournal::new(blocker.join("audit.jsonl")).append(json!({})).unwrap_err();
    assert!(error.path.ends_with("file/audit.jsonl"), "{error}");
    assert!(!error.why.is_empty());
    assert!(FileJournal::new(directory.path().join("a")).append(json!([1])).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_says_what_to_do() {
    let (_keep, journal) = with(0);
    journal.files.create_directory().unwrap();
    std::os::unix::fs::symlink("/dev/full", journal.path()).unwrap();
    let error = journal.append(json!({})).unwrap_err();
    assert!(error.why.contains("No space left on device") && error.why.contains("[audit] directory"), "{error}");
    // The head cannot be written: the record is taken back, because the caller is told that it failed.
    let (_keep, journal) = with(2);
    let head = journal.path().with_extension("head");
    fs::remove_file(&head).unwrap();
    fs::create_dir(head.with_extension("head.new")).unwrap();
    assert!(journal.append(json!({})).is_err());
    assert_eq!(numbers(journal.path()), [(1, 0), (2, 1)]);
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it_unless_a_group_shares_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (_keep, journal) = with(1);
    let of = |journal: &FileJournal| {
        ["jsonl", "head", "lock"].map(|extension| mode(&journal.path().with_extension(extension)))
    };
    assert_eq!((of(&journal), mode(journal.path().parent().unwrap())), ([0o600; 3], 0o700));
    let (_keep, journal) = with(0);
    let directory = journal.path().parent().unwrap();
    fs::create_dir(directory).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o770)).unwrap();
    journal.append(json!({})).unwrap();
    assert_eq!(of(&journal), [0o660; 3]);
}

#[test]
fn what_runs_leaves_nothing_open_and_what_ended_does() {
    let (_keep, journal) = with(0);
    let intent = |id: &str| json!({"kind": "intent", "id": id});
    assert_eq!(journal.open_intents().unwrap(), Vec::<Value>::new());
    let other = FileJournal::new(journal.path());
    other.append(intent("ended")).unwrap();
    other.append(json!({"kind": "outcome", "id": "ended", "end": "done"})).unwrap();
    other.append(intent("under way")).unwrap();
    other.append(json!({"kind": "intent", "id": "tried", "dry_run": true})).unwrap();
    journal.append(intent("own")).unwrap();
    assert_eq!(journal.open_intents().unwrap(), Vec::<Value>::new(), "both run");
    drop(other);
    let open = journal.open_intents().unwrap();
    assert_eq!(open.iter().map(|intent| intent["id"].clone()).collect::<Vec<_>>(), ["under way"]);
    journal.append(json!({"kind": "outcome", "id": "under way", "end": "unverified"})).unwrap();
    assert_eq!(journal.open_intents().unwrap(), Vec::<Value>::new());
    assert!(!writer::runs(&journal.files, "../../etc/passwd"));
}

#[test]
fn files_that_only_look_alike_are_not_read() {
    let (_keep, journal) = with(2);
    for name in ["audit-1.jsonl", "audit-old.jsonl", "audit-0001.jsonl.gz"] {
        fs::write(journal.path().with_file_name(name), "x\n").unwrap();
    }
    assert_eq!(verify(journal.path()).unwrap().files, 1);
    OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(b"{\"no\":\"record\"}\n").unwrap();
    assert_eq!(verify(journal.path()).unwrap().torn.len(), 1);
}

#[test]
fn a_lock_that_is_never_given_back_is_told_and_not_waited_for() {
    let (_keep, mut journal) = with(1);
    journal.files = journal.files.clone().patient(std::time::Duration::from_millis(30));
    let lock = journal.path().with_extension("lock");
    // Another process would hold it by a file of its own, too.
    let held = OpenOptions::new().write(true).open(&lock).unwrap();
    held.lock().unwrap();
    let error = journal.append(json!({"n": 1})).unwrap_err();
    assert!(error.why.contains(lock.to_str().unwrap()) && error.why.contains("fuser"), "{error}");
    assert!(journal.open_intents().is_err());
    let read = journal.read_last(1).unwrap_err();
    assert!(read.why.contains("another process"), "{read}");
    drop(held);
    journal.append(json!({"n": 1})).unwrap();
    assert_eq!(verify(journal.path()).unwrap().records, 2, "nothing was half done");
}
