//! Reading the audit log for the console.

use std::sync::Arc;

use crate::ports::journal::{AuditLog, JournalError};
use crate::state::message::Message;

/// Reads the last `most` records and checks the chain, off the loop's threads: the log may be long and the disk slow.
pub async fn read(log: Arc<dyn AuditLog>, most: usize) -> Message {
    let reading = tokio::task::spawn_blocking(move || log.read_last(most)).await;
    Message::Audit(reading.unwrap_or_else(|error| Err(JournalError { path: String::new(), why: error.to_string() })))
}
