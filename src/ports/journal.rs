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
