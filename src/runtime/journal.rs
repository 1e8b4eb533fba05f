//! The audit log as a file: JSON lines, appended under a lock, on disk when `append` returns, chained by sha256.
//!
//! Each line is `{"seq":N,"prev":"<sha256 of the line before>",…the record…}`. The chain shows that a line was altered,
//! removed or put in; it does not stop someone who may write the file from making the whole chain anew. Cutting lines
//! off the *end* leaves a shorter chain that is whole, so [`Summary`] gives number and hash of the last line, to be kept
//! elsewhere and compared ([`verify_against`]).
//!
//! A crash may leave a last line without its end. The next append notices it, ends it, and continues the chain from
//! its bytes; readers then see one line that is no JSON, which [`verify`] reports as torn and not as tampered with,
//! because the next line's `prev` vouches for it and its `after_torn` says so.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::actions::record::sha256_hex;
use crate::ports::journal::{Journal, JournalError};

/// `prev` of the first line.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// An append-only file.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    /// File locks are held by an open file; this orders the threads of one process too, on every system.
    turn: Mutex<()>,
}

impl FileJournal {
    /// A journal at `path`. Nothing is opened or created before the first record.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), turn: Mutex::new(()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append_record(&self, record: Value) -> io::Result<()> {
        let Value::Object(record) = record else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record is a JSON object"));
        };
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        if let Some(directory) = directory {
            create_directory(directory)?;
        }
        let mut file = open(&self.path)?;
        file.lock()?;
        let tail = tail(&mut file)?;
        let mut line = Map::new();
        line.insert("seq".into(), tail.seq.saturating_add(1).into());
        line.insert("prev".into(), tail.hash.into());
        if tail.torn {
            line.insert("after_torn".into(), true.into());
        }
        // Sequence and chain are the journal's: a record cannot bring its own.
        let own = ["seq", "prev", "after_torn"];
        line.extend(record.into_iter().filter(|(key, _)| !own.contains(&key.as_str())));
        let mut bytes = Vec::new();
        if tail.unended {
            bytes.push(b'\n');
        }
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        file.write_all(&bytes)?;
        file.sync_all()?;
        if tail.is_new
            && let Some(directory) = directory
        {
            // The name of a new file is on disk only when its directory is.
            File::open(directory)?.sync_all()?;
        }
        file.unlock()
    }
}

impl Journal for FileJournal {
    fn append(&self, record: Value) -> Result<(), JournalError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.append_record(record)
            .map_err(|error| JournalError { path: self.path.display().to_string(), why: error.to_string() })
    }
}

#[cfg(unix)]
fn create_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_directory(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What the next line continues.
struct Tail {
    seq: u64,
    hash: String,
    /// The last line is no JSON.
    torn: bool,
    /// The last line has no end.
    unended: bool,
    is_new: bool,
}

/// Reads the last line, and lines before it only where the last is torn.
fn tail(file: &mut File) -> io::Result<Tail> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(Tail { seq: 0, hash: GENESIS.into(), torn: false, unended: false, is_new: true });
    }
    let mut window = 8 * 1024;
    loop {
        let start = length.saturating_sub(window);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        Read::by_ref(file).take(length - start).read_to_end(&mut bytes)?;
        let unended = bytes.last() != Some(&b'\n');
        let text = if unended { &bytes[..] } else { &bytes[..bytes.len() - 1] };
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        if start > 0 {
            // The first piece of the window may be the end of a longer line.
            lines.remove(0);
        }
        let newest_seq = lines.iter().rev().find_map(|line| sequence(line));
        match (lines.last(), newest_seq) {
            (Some(last), Some(seq)) => {
                let torn = sequence(last).is_none();
                return Ok(Tail { seq, hash: sha256_hex(last), torn, unended, is_new: false });
            }
            (Some(last), None) if start == 0 => {
                return Ok(Tail { seq: 0, hash: sha256_hex(last), torn: true, unended, is_new: false });
            }
            _ => window *= 4,
        }
    }
}

fn sequence(line: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(line).ok()?.get("seq")?.as_u64()
}

/// A journal whose chain is whole.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Records.
    pub records: u64,
    /// Lines that a crash left unfinished, by line number from 1.
    pub torn: Vec<u64>,
    /// sha256 of the last line: keep it elsewhere to notice when the end is cut off.
    pub head: String,
}

/// Where and how a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Broken {
    /// Line number from 1; 0 when the file as a whole cannot be read.
    pub line: u64,
    /// Why.
    pub why: String,
}

/// Checks the whole chain.
pub fn verify(path: &Path) -> Result<Summary, Broken> {
    verify_against(path, None)
}

/// Checks the whole chain, and that the line with hash `head` (a [`Summary::head`] kept from before) is in it.
pub fn verify_against(path: &Path, head: Option<&str>) -> Result<Summary, Broken> {
    let lines = lines(path).map_err(|error| Broken { line: 0, why: error.to_string() })?;
    let mut summary = Summary { records: 0, torn: Vec::new(), head: GENESIS.into() };
    let mut seen = head.is_none_or(|head| head == GENESIS);
    let mut pending_torn = false;
    let mut number = 0;
    for line in lines {
        number += 1;
        let broken = |why: String| Broken { line: number, why };
        let line = line.map_err(|error| broken(error.to_string()))?;
        match serde_json::from_slice::<Value>(&line) {
            Ok(record) => {
                let (prev, seq) =
                    (record.get("prev").and_then(Value::as_str), record.get("seq").and_then(Value::as_u64));
                if prev != Some(&*summary.head) {
                    return Err(broken(
                        "it does not continue the line before: one of both was altered, removed or put in".into(),
                    ));
                }
                if seq != Some(summary.records + 1) {
                    let found = seq.map_or_else(|| "none".into(), |seq| seq.to_string());
                    return Err(broken(format!("sequence number {found}, expected {}", summary.records + 1)));
                }
                if pending_torn && record.get("after_torn") != Some(&Value::Bool(true)) {
                    return Err(Broken { line: number - 1, why: "it is no JSON".into() });
                }
                pending_torn = false;
                summary.records += 1;
            }
            // A second one in a row cannot come from a crash: the append in between would have vouched for the first.
            Err(_) if pending_torn => return Err(broken("it is no JSON".into())),
            Err(_) => {
                pending_torn = true;
                summary.torn.push(number);
            }
        }
        summary.head = sha256_hex(&line);
        seen = seen || head == Some(&*summary.head);
    }
    if seen {
        Ok(summary)
    } else {
        Err(Broken {
            line: number + 1,
            why: "the line that was last when it was checked before is gone: the end was cut off".into(),
        })
    }
}

/// All records, oldest first; torn lines are left out.
pub fn read(path: &Path) -> io::Result<Vec<Value>> {
    let mut records = Vec::new();
    for line in lines(path)? {
        records.extend(serde_json::from_slice::<Value>(&line?).ok());
    }
    Ok(records)
}

/// The lines of a journal, with writers kept out until they are read.
fn lines(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>>> {
    let file = File::open(path)?;
    file.lock_shared()?;
    Ok(BufReader::new(file).split(b'\n'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use serde_json::json;

    fn with(records: u64) -> (tempfile::TempDir, FileJournal) {
        let directory = tempfile::tempdir().unwrap();
        let journal = FileJournal::new(directory.path().join("new/audit.jsonl"));
        for n in 0..records {
            journal.append(json!({"kind": "intent", "n": n, "seq": 999})).unwrap();
        }
        (directory, journal)
    }

    fn rewrite(journal: &FileJournal, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines: Vec<String> = std::fs::read_to_string(journal.path()).unwrap().lines().map(Into::into).collect();
        change(&mut lines);
        std::fs::write(journal.path(), lines.join("\n") + "\n").unwrap();
    }

    #[test]
    fn a_whole_chain_verifies_and_reads_back() {
        let (_keep, journal) = with(3);
        let summary = verify(journal.path()).unwrap();
        assert_eq!((summary.records, summary.torn.len()), (3, 0));
        let numbers: Vec<_> =
            read(journal.path()).unwrap().iter().map(|r| (r["seq"].clone(), r["n"].clone())).collect();
        assert_eq!(numbers, [(json!(1), json!(0)), (json!(2), json!(1)), (json!(3), json!(2))]);
    }

    #[test]
    fn every_kind_of_tampering_names_its_line() {
        type Tampering = fn(&mut Vec<String>);
        let cases: [(&str, Tampering, u64); 6] = [
            ("altered", |lines| lines[1] = lines[1].replace("\"n\":1", "\"n\":7"), 3),
            ("removed", |lines| drop(lines.remove(1)), 2),
            ("first removed", |lines| drop(lines.remove(0)), 1),
            ("swapped", |lines| lines.swap(1, 2), 2),
            ("doubled", |lines| lines.insert(2, lines[1].clone()), 3),
            ("cut inside", |lines| lines[1].truncate(10), 3),
        ];
        for (name, tamper, line) in cases {
            let (_keep, journal) = with(4);
            rewrite(&journal, tamper);
            assert_eq!(verify(journal.path()).map_err(|broken| broken.line), Err(line), "{name}");
        }
    }

    #[test]
    fn a_cut_end_is_noticed_with_the_head_from_before() {
        let (_keep, journal) = with(4);
        let head = verify(journal.path()).unwrap().head;
        rewrite(&journal, |lines| drop(lines.pop()));
        assert_eq!(verify(journal.path()).unwrap().records, 3);
        assert_eq!(verify_against(journal.path(), Some(&head)).unwrap_err().line, 4);
        assert_eq!(verify_against(journal.path(), Some(GENESIS)).unwrap().records, 3);
    }

    #[test]
    fn a_line_torn_by_a_crash_is_ended_vouched_for_and_reported() {
        for torn in ["{\"seq\":3,\"pre", "{\"seq\":3"] {
            let (_keep, journal) = with(2);
            OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(torn.as_bytes()).unwrap();
            assert_eq!(verify(journal.path()).unwrap().torn, [3], "noticed before anything is appended");
            journal.append(json!({"n": "next"})).unwrap();
            journal.append(json!({"n": "and next"})).unwrap();
            let summary = verify(journal.path()).unwrap();
            assert_eq!((summary.records, summary.torn), (4, vec![3]));
            let last = read(journal.path()).unwrap().pop().unwrap();
            assert_eq!((last["seq"].clone(), last["n"].clone()), (json!(4), json!("and next")));
        }
        // A whole record that lacks only its end is no loss.
        let (_keep, journal) = with(2);
        let text = std::fs::read_to_string(journal.path()).unwrap();
        std::fs::write(journal.path(), text.trim_end()).unwrap();
        journal.append(json!({})).unwrap();
        assert_eq!(verify(journal.path()).unwrap(), Summary { torn: vec![], ..verify(journal.path()).unwrap() });
        assert_eq!(verify(journal.path()).unwrap().records, 3);
    }

    #[test]
    fn a_torn_first_line_and_lines_longer_than_the_window_are_found() {
        let (_keep, journal) = with(0);
        std::fs::create_dir_all(journal.path().parent().unwrap()).unwrap();
        std::fs::write(journal.path(), "{\"se").unwrap();
        for _ in 0..2 {
            journal.append(json!({"long": "x".repeat(50_000)})).unwrap();
        }
        let summary = verify(journal.path()).unwrap();
        assert_eq!((summary.records, summary.torn), (2, vec![1]));
    }

    #[test]
    fn two_writers_never_interleave() {
        let (_keep, journal) = with(0);
        let path = journal.path().to_owned();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    // A journal of its own: only the file's lock is between them.
                    let journal = FileJournal::new(path);
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
        std::fs::write(&blocker, "").unwrap();
        // A file where a directory is needed: fails for root too.
        let error = FileJournal::new(blocker.join("audit.jsonl")).append(json!({})).unwrap_err();
        assert!(error.path.ends_with("file/audit.jsonl"), "{error}");
        assert!(!error.why.is_empty());
        assert!(FileJournal::new(directory.path().join("a")).append(json!([1])).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_keep, journal) = with(1);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(journal.path()), mode(journal.path().parent().unwrap())), (0o600, 0o700));
    }
}
