//! The audit log as files: JSON lines, appended under a lock, on disk when `append` returns, chained by sha256.
//!
//! | file | what it is |
//! |---|---|
//! | `audit.jsonl` | the newest records |
//! | `audit-0001.jsonl`… | older ones, moved aside when the file had reached its size |
//! | `audit.head` | number and hash of the last record, so that a cut end is noticed |
//! | `audit.lock` | empty; locked by whoever appends (exclusive) or reads (shared) |
//! | `audit.writer-…` | empty; locked by a process that wrote an intent, as long as it runs |
//!
//! Each line is `{"seq":N,"prev":"<sha256 of the record's line before>",…the record…}`. Numbers and hashes go on across
//! files. The chain shows that a record was altered, removed or put in, and `audit.head` that the end was cut off; neither
//! stops someone who may write all of these files from making them anew. For that, keep the hash that [`verify`] gives
//! elsewhere and compare ([`verify_against`]).
//!
//! A crash may leave a line without its end. The next append ends it and names its hash in `after_torn`, so the fragment
//! stays as it is, and the chain goes from record to record past it. A full disk leaves nothing behind: what was begun is
//! taken back, and the caller is told. When the files hold less than `audit.head` says, a new record continues from
//! the head and not from what is left, so that the gap stays visible for good.

mod chain;
pub(super) mod files;
mod head;
mod tail;
mod writer;

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

pub use chain::{Broken, Summary, Torn, verify, verify_against};
use files::Files;
use head::Head;
use writer::Writer;

use crate::actions::record::sha256_hex;
use crate::ports::journal::{AuditLog, Chain, Journal, JournalError, Reading};

/// `prev` of the first record.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A file that has reached this size is moved aside, where nothing else is said: 10 MB.
pub const ROTATE_AT: u64 = 10_000_000;

/// An append-only log.
#[derive(Debug)]
pub struct FileJournal {
    files: Files,
    rotate_at: u64,
    /// File locks are held by an open file; this orders the threads of one process too, on every system.
    turn: Mutex<Option<Writer>>,
}

impl FileJournal {
    /// A journal at `path`. Nothing is opened or created before the first record.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { files: Files::new(path.into()), rotate_at: ROTATE_AT, turn: Mutex::new(None) }
    }

    /// Moves the file aside once it has this many bytes.
    #[must_use]
    pub const fn rotate_at(mut self, bytes: u64) -> Self {
        self.rotate_at = bytes;
        self
    }

    /// Where the newest records are.
    pub fn path(&self) -> &Path {
        self.files.active()
    }

    fn append_record(&self, record: Value, writer: &mut Option<Writer>) -> io::Result<()> {
        let Value::Object(record) = record else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record is a JSON object"));
        };
        self.files.create_directory()?;
        let _lock = self.files.lock_to_write()?;
        let tail = tail::read(&self.files)?;
        if tail.is_ended && tail.active_length >= self.rotate_at {
            self.files.rotate()?;
        }
        let head = head::read(&self.files)?;
        let mut line = Map::new();
        let (seq, prev) = match &head {
            // Records are gone, or the last one was altered: what is left must not become the end.
            Head::At { seq, hash } if *seq > tail.seq || (*seq == tail.seq && *hash != tail.hash) => (*seq, hash),
            _ => (tail.seq, &tail.hash),
        };
        let seq = seq.saturating_add(1);
        line.insert("seq".into(), seq.into());
        line.insert("prev".into(), prev.as_str().into());
        if !tail.torn.is_empty() {
            line.insert("after_torn".into(), tail.torn.into());
        }
        if tail.seq > 0 && !matches!(head, Head::At { .. }) {
            line.insert("head_missing".into(), true.into());
        }
        if record.get("kind").is_some_and(|kind| kind == "intent") {
            let writer = match writer {
                Some(writer) => writer,
                None => writer.insert(Writer::new(&self.files)?),
            };
            line.insert("writer".into(), writer.id().into());
        }
        // These are the journal's: a record cannot bring its own.
        let own = ["seq", "prev", "after_torn", "head_missing", "writer"];
        line.extend(record.into_iter().filter(|(key, _)| !own.contains(&key.as_str())));
        self.write(seq, &serde_json::to_vec(&line)?)
    }

    /// Writes one line and the head, or, when one of them fails, neither.
    fn write(&self, seq: u64, line: &[u8]) -> io::Result<()> {
        let (mut file, is_new) = self.files.open_active()?;
        let length = file.metadata()?.len();
        let mut bytes = Vec::with_capacity(line.len() + 2);
        if !is_new && !tail::ends(&mut file, length)? {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        let written = file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| {
            if is_new {
                // The name of a new file is on disk only when its directory is.
                self.files.sync_directory()?;
            }
            head::write(&self.files, seq, &sha256_hex(line))
        });
        if written.is_err() {
            // The caller is told that nothing was recorded: then nothing may be found later. If this fails too, the next
            // append finds a torn line, or an intent that was never carried out.
            let _ = file.set_len(length).and_then(|()| file.sync_all());
        }
        written
    }

    fn error(&self, error: &io::Error) -> JournalError {
        JournalError { path: self.path().display().to_string(), why: why(error, "[audit] directory") }
    }
}

impl Journal for FileJournal {
    fn append(&self, record: Value) -> Result<(), JournalError> {
        let mut writer = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.append_record(record, &mut writer).map_err(|error| self.error(&error))
    }
}

impl AuditLog for FileJournal {
    fn open_intents(&self) -> Result<Vec<Value>, JournalError> {
        self.find_open().map_err(|error| self.error(&error))
    }

    fn read_last(&self, most: usize) -> Result<Reading, JournalError> {
        let mut records = VecDeque::new();
        let mut total = 0;
        let walked = chain::walk(&self.files, None, |record| {
            total += 1;
            if records.len() == most {
                records.pop_front();
            }
            records.push_back(record);
        });
        let chain = match walked {
            Ok(Ok(summary)) => {
                Chain::Whole { records: summary.records, torn: summary.torn.len() as u64, remarks: summary.remarks }
            }
            Ok(Err(broken)) => Chain::Broken(broken.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Chain::Whole { records: 0, torn: 0, remarks: Vec::new() }
            }
            Err(error) => return Err(self.error(&error)),
        };
        Ok(Reading {
            path: self.path().display().to_string(),
            older: total - records.len(),
            records: records.into(),
            chain,
        })
    }
}

impl FileJournal {
    /// Intents without an outcome that nobody who runs has written; files of dead processes are removed on the way.
    fn find_open(&self) -> io::Result<Vec<Value>> {
        let intents = match read(self.path()) {
            Ok(records) => crate::domain::audit::open_intents(records),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let runs = |intent: &Value| {
            intent.get("writer").and_then(Value::as_str).is_some_and(|id| writer::runs(&self.files, id))
        };
        let left: Vec<Value> = intents.into_iter().filter(|intent| !runs(intent)).collect();
        let _lock = self.files.lock_to_write()?;
        writer::sweep(&self.files)?;
        Ok(left)
    }
}

/// All records, oldest first; torn lines are left out, and the chain is not looked at.
pub fn read(path: &Path) -> io::Result<Vec<Value>> {
    let mut records = Vec::new();
    // Where the chain breaks, the records are read on all the same.
    let _ = chain::walk(&Files::new(path.to_owned()), None, |record| records.push(record))?;
    Ok(records)
}

/// The system's words, and what to do where that is known; `setting` says where the files are.
pub(super) fn why(error: &io::Error, setting: &str) -> String {
    let next = match error.kind() {
        io::ErrorKind::StorageFull => format!("free some space there, or set {setting} to another file system"),
        io::ErrorKind::QuotaExceeded => format!("free some of your quota, or set {setting} to another file system"),
        io::ErrorKind::FileTooLarge => "the limit of this process on file sizes (ulimit -f) is too low".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => format!("set {setting} to a place that can be written"),
        io::ErrorKind::PermissionDenied => {
            format!("make the directory and its files writable for you, or set {setting} to a place of your own")
        }
        _ => return error.to_string(),
    };
    format!("{error}; {next}")
}
