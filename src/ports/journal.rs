//! The durable record of intents and outcomes.

use serde_json::Value;

/// Why a record could not be written. An intent that cannot be written refuses the action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the audit log {path}: {why}")]
pub struct JournalError {
    /// Which file.
    pub path: String,
    /// Why, in the system's words.
    pub why: String,
}

/// Append-only records, on disk (fsynced) when `append` returns.
pub trait Journal: Send + Sync {
    /// Appends one record (a JSON object); the journal adds sequence number and chain hash.
    fn append(&self, record: Value) -> Result<(), JournalError>;
}

/// A journal that can be looked at, too. Reading takes as long as the disk likes: never from where a key would wait.
pub trait AuditLog: Journal {
    /// Intents without an outcome, written by processes that do not run any more: a crash lies between. What this
    /// process, or another console, has under way is none of them.
    fn open_intents(&self) -> Result<Vec<Value>, JournalError>;

    /// The last `most` records, and whether the whole chain (older records too) is unbroken. A log that was never
    /// written to reads as empty.
    fn read_last(&self, most: usize) -> Result<Reading, JournalError>;
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The file with the newest records.
    pub path: String,
    /// Records as written, oldest first.
    pub records: Vec<Value>,
    /// How many older ones there are.
    pub older: usize,
    /// Is the chain whole?
    pub chain: Chain,
}

/// What checking the chain gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Nothing was altered, removed or put in.
    Whole {
        /// Records, all of them.
        records: u64,
        /// Lines that a crash left unfinished.
        torn: u64,
        /// What is no break, but should be known.
        remarks: Vec<String>,
    },
    /// The first place where it is broken, in words.
    Broken(String),
}
