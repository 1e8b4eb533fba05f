//! Runs on disk: a directory each, with a log of its own (on disk before what it records has effects), and the texts of
//! the runbooks that they began with.
//!
//! | place | what it is |
//! |---|---|
//! | `runs/ID/run.jsonl` | the records, chained as the audit log is |
//! | `runs/ID/run.owner` | locked by the process that walks the run |
//! | `texts/SHA256.md` | the text of a runbook as it was when a run began |

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::actions::record::sha256_hex;
use crate::runtime::journal::{self, FileJournal};

/// Where runs are kept.
#[derive(Clone, Debug)]
pub struct RunStore {
    root: PathBuf,
}

/// A run that this process walks, as long as this value lives.
#[derive(Debug)]
pub struct HeldRun {
    id: String,
    directory: PathBuf,
    // Dropping it, and any end of the process, lets the next one take the run over.
    _owner: File,
}

/// Why a run could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// There is no such run.
    #[error("there is no run `{0}`")]
    Unknown(String),
    /// Another process walks it.
    #[error("the run `{0}` is being walked in another terminal: leave it there first")]
    Elsewhere(String),
    /// The disk.
    #[error("cannot open the run in {path}: {why}")]
    Disk {
        /// Where.
        path: String,
        /// The system's words.
        why: String,
    },
}

fn private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(directory)
}

/// Ids come from arguments: a name, and never a path.
fn is_id(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !id.is_empty() && id.len() < 250 && !id.starts_with('.') && id.chars().all(fits)
}

impl RunStore {
    /// A store in this directory; nothing is made before the first run.
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where fetched pages are kept.
    pub fn pages(&self) -> PathBuf {
        self.root.join("pages")
    }

    fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    fn file(&self, id: &str) -> PathBuf {
        self.runs().join(id).join("run.jsonl")
    }

    /// Makes a run whose id begins as said; where that is taken, a number tells them apart.
    pub fn begin(&self, wanted: &str) -> Result<HeldRun, HoldError> {
        let disk =
            |error: &io::Error| HoldError::Disk { path: self.runs().display().to_string(), why: error.to_string() };
        private(&self.runs()).map_err(|error| disk(&error))?;
        let mut number = 1;
        loop {
            let id = if number == 1 { wanted.to_owned() } else { format!("{wanted}-{number}") };
            let mut builder = fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(self.runs().join(&id)) {
                Ok(()) => {
                    let synced = File::open(self.runs()).and_then(|directory| directory.sync_all());
                    synced.map_err(|error| disk(&error))?;
                    return self.hold(&id);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(disk(&error)),
            }
        }
    }

    /// Makes a run with exactly this id, or takes it where it is there already (a runbook within another).
    pub fn begin_or_hold(&self, id: &str) -> Result<HeldRun, HoldError> {
        if !is_id(id) {
            return Err(HoldError::Unknown(id.to_owned()));
        }
        let directory = self.runs().join(id);
        if !directory.is_dir() {
            let made = private(&directory).and_then(|()| File::open(self.runs())?.sync_all());
            made.map_err(|error| HoldError::Disk { path: directory.display().to_string(), why: error.to_string() })?;
        }
        self.hold(id)
    }

    /// Takes a run, so that nobody else walks it at the same time.
    pub fn hold(&self, id: &str) -> Result<HeldRun, HoldError> {
        let directory = self.runs().join(id);
        if !is_id(id) || !directory.is_dir() {
            return Err(HoldError::Unknown(id.to_owned()));
        }
        let disk =
            |error: &io::Error| HoldError::Disk { path: directory.display().to_string(), why: error.to_string() };
        let mut options = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(options.create(true).truncate(false).write(true), 0o600);
        let owner = options.open(directory.join("run.owner")).map_err(|error| disk(&error))?;
        match owner.try_lock() {
            Ok(()) => Ok(HeldRun { id: id.to_owned(), directory, _owner: owner }),
            Err(TryLockError::WouldBlock) => Err(HoldError::Elsewhere(id.to_owned())),
            Err(TryLockError::Error(error)) => Err(disk(&error)),
        }
    }

    /// Does a process walk it now?
    pub fn is_held(&self, id: &str) -> bool {
        matches!(self.hold(id), Err(HoldError::Elsewhere(_)))
    }

    /// The records of a run, oldest first; a line that a crash left unfinished is left out.
    pub fn read(&self, id: &str) -> io::Result<Vec<Value>> {
        if !is_id(id) {
            return Err(io::ErrorKind::NotFound.into());
        }
        journal::read(&self.file(id))
    }

    /// The ids of all runs, the newest first.
    pub fn ids(&self) -> Vec<String> {
        let entries = fs::read_dir(self.runs()).into_iter().flatten().flatten();
        let mut ids: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        ids.retain(|id| is_id(id));
        ids.sort_by(|one, other| other.cmp(one));
        ids
    }

    /// Keeps a text, and gives its digest.
    pub fn keep_text(&self, text: &str) -> io::Result<String> {
        let digest = sha256_hex(text.as_bytes());
        let directory = self.root.join("texts");
        let file = directory.join(format!("{digest}.md"));
        if file.exists() {
            return Ok(digest);
        }
        private(&directory)?;
        let mut new = tempfile::NamedTempFile::new_in(&directory)?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(file)?;
        File::open(&directory)?.sync_all()?;
        Ok(digest)
    }

    /// A text that was kept; `None` when it is gone or is not what its name says.
    pub fn text(&self, digest: &str) -> Option<String> {
        if !is_id(digest) {
            return None;
        }
        let text = fs::read_to_string(self.root.join("texts").join(format!("{digest}.md"))).ok()?;
        (sha256_hex(text.as_bytes()) == digest).then_some(text)
    }
}

impl HeldRun {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its log.
    pub fn journal(&self) -> FileJournal {
        // A run's log is one file: what resumes it reads all of it.
        FileJournal::new(self.directory.join("run.jsonl")).rotate_at(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ports::journal::Journal;
    use serde_json::json;

    #[test]
    fn a_run_is_walked_in_one_place_at_a_time_and_its_text_stays() {
        let home = tempfile::tempdir().unwrap();
        let store = RunStore::new(home.path().join("runbooks"));
        assert!(store.ids().is_empty());
        let run = store.begin("20260314-143207-errors").unwrap();
        run.journal().append(json!({"kind": "began"})).unwrap();
        let second = store.begin("20260314-143207-errors").unwrap();
        assert_eq!(store.ids(), ["20260314-143207-errors-2", "20260314-143207-errors"]);
        assert!(matches!(store.hold(run.id()), Err(HoldError::Elsewhere(_))) && store.is_held(run.id()));
        let id = run.id().to_owned();
        drop((run, second));
        let again = store.hold(&id).unwrap();
        again.journal().append(json!({"kind": "step-began"})).unwrap();
        let kinds: Vec<_> = store.read(&id).unwrap().iter().map(|record| record["kind"].clone()).collect();
        assert_eq!(kinds, ["began", "step-began"]);
        for bad in ["../x", "", ".", "a/b", "none"] {
            assert!(matches!(store.hold(bad), Err(HoldError::Unknown(_))), "{bad}");
        }
        let digest = store.keep_text("# A").unwrap();
        assert_eq!(store.text(&digest).as_deref(), Some("# A"));
        fs::write(home.path().join(format!("runbooks/texts/{digest}.md")), "# B").unwrap();
        assert_eq!(store.text(&digest), None, "an altered text is none");
    }
}
