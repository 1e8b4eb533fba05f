//! What happens to objects, and watching it happen.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::Store;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It came into being.
    Added,
    /// It changed.
    Modified,
    /// It is gone.
    Deleted,
}

impl Change {
    /// The word that watches use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change of one object.
#[derive(Debug, Clone)]
pub struct WatchEvent {
    /// What happened.
    pub change: Change,
    /// The object after the change; a deleted object as it last was, with the version of its deletion.
    pub object: Arc<Value>,
    /// The object before the change.
    pub previous: Option<Arc<Value>>,
    /// Number of the change.
    pub version: u64,
}

/// The shelf has forgotten the changes that a watch asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {asked} ({oldest})")]
pub struct Expired {
    /// Version that was asked for.
    pub asked: u64,
    /// Oldest version that a watch can still start from.
    pub oldest: u64,
}

/// The changes of one resource, in order.
#[derive(Debug)]
pub struct Watch {
    pub(super) store: Store,
    pub(super) shelf: &'static str,
    pub(super) position: u64,
    pub(super) changed: watch::Receiver<u64>,
}

impl Watch {
    /// Version up to which this watch has seen everything.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Changes that are there now, without waiting.
    pub fn ready(&mut self) -> Result<Vec<WatchEvent>, Expired> {
        self.changed.mark_unchanged();
        let inner = self.store.lock();
        let events = match inner.shelves.get(self.shelf) {
            Some(shelf) if self.position < shelf.forgotten => {
                return Err(Expired { asked: self.position, oldest: shelf.forgotten });
            }
            Some(shelf) => {
                let from = shelf.history.partition_point(|event| event.version <= self.position);
                shelf.history.range(from..).cloned().collect()
            }
            None => Vec::new(),
        };
        self.position = inner.version;
        Ok(events)
    }

    /// Waits for changes and gives them all. Safe to cancel.
    pub async fn next(&mut self) -> Result<Vec<WatchEvent>, Expired> {
        loop {
            let events = self.ready()?;
            if !events.is_empty() {
                return Ok(events);
            }
            // The sender lives as long as `self.store`, so this only ever wakes for a change.
            if self.changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
