//! The journal of one incident on disk: `journal.jsonl`, an entry a line, appended under a lock, on disk when `append`
//! returns.
//!
//! Several consoles write to one journal at once: each append first takes in what others appended, so that an entry stands
//! after everything that was there. A crash may leave a line without its end; the next append ends it, and it is named from
//! then on. A full disk leaves nothing behind: what was begun is taken back, and the caller is told. Lines that are no
//! entries are named, and all others are read.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::writers::Writers;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Entry, NewEntry, Stamp};
use crate::domain::time::Instant;
use crate::runtime::journal::files::Files;
use crate::runtime::journal::why;

/// The file in an incident's directory.
pub const FILE: &str = "journal.jsonl";

/// Why nothing was written down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the incident's journal {path}: {why}")]
pub struct KeepError {
    /// Which file.
    pub path: String,
    /// The system's words, and what to do.
    pub why: String,
}

/// A line that is no entry.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Flaw {
    /// Number of the line, from 1.
    pub line: u64,
    /// A crash cut it off; otherwise it was damaged or altered.
    pub torn: bool,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.torn {
            write!(f, "{FILE} line {}: cut off by a crash while it was written; it was never confirmed", self.line)
        } else {
            write!(f, "{FILE} line {}: not readable, left out ({})", self.line, self.why)
        }
    }
}

/// What is known of a journal.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Entries, in the one order.
    pub entries: Vec<Entry>,
    /// Lines that are none.
    pub flaws: Vec<Flaw>,
}

/// A journal that is open.
#[derive(Debug)]
pub struct IncidentJournal {
    id: IncidentId,
    files: Files,
    writers: Arc<Writers>,
    known: Mutex<Known>,
}

/// What was read of it so far.
#[derive(Debug, Default)]
struct Known {
    /// In their order, each stamp once.
    entries: Vec<Entry>,
    flaws: Vec<Flaw>,
    /// What nobody was told of yet.
    news: Vec<Entry>,
    /// So much of the file was read: always up to the end of a line.
    offset: u64,
    lines: u64,
    /// Device and number of the file.
    file: Option<(u64, u64)>,
    /// A last line without its end, when there is one.
    tail: Option<Flaw>,
}

impl Known {
    fn take(&mut self, entry: Entry) -> bool {
        match self.entries.binary_search_by(|known| known.stamp.cmp(&entry.stamp)) {
            Ok(_) => false,
            Err(at) => {
                self.news.push(entry.clone());
                self.entries.insert(at, entry);
                true
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        match read_line(line, self.lines) {
            Ok(Some(entry)) => {
                self.take(entry);
            }
            Ok(None) => {}
            Err(flaw) => self.flaws.push(flaw),
        }
    }

    fn last(&self) -> Option<&Stamp> {
        self.entries.last().map(|entry| &entry.stamp)
    }

    /// Reads what was appended since. Only while nobody appends: what has no end then was cut off.
    fn catch_up(&mut self, file: &mut File, locked: bool) -> io::Result<()> {
        let metadata = file.metadata()?;
        let identity = (metadata.dev(), metadata.ino());
        if self.file.is_some_and(|known| known != identity) || metadata.len() < self.offset {
            // Another file stands there now (restored, perhaps): what is known stays known.
            (self.offset, self.lines) = (0, 0);
            self.flaws.clear();
        }
        self.file = Some(identity);
        self.tail = None;
        if metadata.len() == self.offset {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (lines, rest) = bytes.split_at(whole);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.line(line.strip_suffix(b"\n").unwrap_or(line));
        }
        self.offset += whole as u64;
        if locked && !rest.is_empty() {
            match read_line(rest, self.lines + 1) {
                // Only its line's end is missing.
                Ok(Some(entry)) => {
                    self.take(entry);
                }
                Ok(None) => {}
                Err(flaw) => self.tail = Some(Flaw { torn: true, ..flaw }),
            }
        }
        Ok(())
    }

    fn told(&self) -> Told {
        Told { entries: self.entries.clone(), flaws: self.flaws.iter().chain(&self.tail).cloned().collect() }
    }
}

/// An entry; nothing for an empty line.
fn read_line(line: &[u8], number: u64) -> Result<Option<Entry>, Flaw> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(line).map(Some).map_err(|error| Flaw {
        line: number,
        torn: error.is_eof(),
        why: crate::domain::text::clean(&error.to_string()).into_owned(),
    })
}

impl IncidentJournal {
    pub(super) fn new(id: IncidentId, directory: &Path, writers: Arc<Writers>) -> Self {
        Self { id, files: Files::new(directory.join(FILE)), writers, known: Mutex::default() }
    }

    /// Of which incident.
    pub const fn id(&self) -> &IncidentId {
        &self.id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.files.active()
    }

    /// The processes that write here.
    pub fn writers(&self) -> &Writers {
        &self.writers
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of a file of this journal, with what to do.
    pub(super) fn failed(&self, error: &io::Error) -> KeepError {
        KeepError { path: self.path().display().to_string(), why: why(error, "[incidents] directory") }
    }

    /// Appends what `decide` makes of it, which is given what others appended since the caller was told last, and the stamp
    /// that the first new entry gets; nobody else appends between its look and the writing. Gives everything that the
    /// caller was not told of before, its own among it.
    pub fn append_with(
        &self,
        now: Instant,
        decide: impl FnOnce(&[Entry], &Stamp) -> Vec<NewEntry>,
    ) -> Result<Vec<Entry>, KeepError> {
        let mut known = self.known();
        let written = self.write(&mut known, |known, writer| {
            let mut stamp = Stamp::next(now, writer, known.last());
            let mut entries = Vec::new();
            for new in decide(&known.news, &stamp) {
                let next = Stamp::next(now, writer, Some(&stamp));
                entries.push(new.stamped(std::mem::replace(&mut stamp, next)));
            }
            entries
        });
        written.map_err(|error| self.failed(&error))?;
        Ok(std::mem::take(&mut known.news))
    }

    /// Appends entries that are of now.
    pub fn append(&self, now: Instant, new: Vec<NewEntry>) -> Result<Vec<Entry>, KeepError> {
        self.append_with(now, |_, _| new)
    }

    /// Takes in entries that others stamped; those that are there already are left out. Gives what the caller was not told
    /// of before.
    pub fn merge(&self, others: &[Entry]) -> Result<Vec<Entry>, KeepError> {
        let mut known = self.known();
        let written = self.write(&mut known, |known, _| {
            let is_new = |entry: &&Entry| known.entries.binary_search_by(|one| one.stamp.cmp(&entry.stamp)).is_err();
            let mut fresh: Vec<Entry> = others.iter().filter(is_new).cloned().collect();
            fresh.sort_by(|one, other| one.stamp.cmp(&other.stamp));
            fresh.dedup_by(|one, other| one.stamp == other.stamp);
            fresh
        });
        written.map_err(|error| self.failed(&error))?;
        Ok(std::mem::take(&mut known.news))
    }

    /// What others appended since the caller was told last. Cheap where nothing was.
    pub fn poll(&self) -> io::Result<Vec<Entry>> {
        let mut known = self.known();
        self.read(&mut known)?;
        Ok(std::mem::take(&mut known.news))
    }

    /// Everything that is there now.
    pub fn told(&self) -> io::Result<Told> {
        let mut known = self.known();
        self.read(&mut known)?;
        known.news.clear();
        Ok(known.told())
    }

    /// Lines that are no entries, as far as it was read.
    pub fn flaws(&self) -> Vec<Flaw> {
        let known = self.known();
        known.flaws.iter().chain(&known.tail).cloned().collect()
    }

    fn read(&self, known: &mut Known) -> io::Result<()> {
        let metadata = match std::fs::metadata(self.path()) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if known.file == Some((metadata.dev(), metadata.ino())) && metadata.len() == known.offset {
            return Ok(());
        }
        let lock = self.files.lock_to_read()?;
        known.catch_up(&mut File::open(self.path())?, lock.is_some())
    }

    fn write(
        &self,
        known: &mut Known,
        make: impl FnOnce(&Known, &crate::domain::Text) -> Vec<Entry>,
    ) -> io::Result<()> {
        let writer = self.writers.own()?;
        self.files.create_directory()?;
        let _lock = self.files.lock_to_write()?;
        let (mut file, is_new) = self.files.open_active()?;
        known.catch_up(&mut file, true)?;
        let entries = make(known, &writer);
        if entries.is_empty() {
            return Ok(());
        }
        let length = file.metadata()?.len();
        let mut bytes = Vec::new();
        if length > known.offset {
            // Ends what a crash cut off.
            bytes.push(b'\n');
        }
        for entry in &entries {
            serde_json::to_writer(&mut bytes, entry)?;
            bytes.push(b'\n');
        }
        let written = file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| {
            // The name of a new file is on disk only when its directory is.
            if is_new { self.files.sync_directory() } else { Ok(()) }
        });
        if let Err(error) = written {
            // The caller is told that nothing was written: then nothing may be found later. If this fails too, the next
            // append finds a torn line, or entries that nobody acted upon.
            let _ = file.set_len(length).and_then(|()| file.sync_all());
            return Err(error);
        }
        if let Some(flaw) = known.tail.take() {
            known.flaws.push(flaw);
        }
        known.lines += u64::from(length > known.offset) + entries.len() as u64;
        known.offset = length + bytes.len() as u64;
        for entry in entries {
            known.take(entry);
        }
        Ok(())
    }
}
