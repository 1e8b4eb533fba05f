//! Incidents: from entries to status, timeline, outbox and post-mortem. Pure: nothing here waits, sends, reads a file or a
//! clock; `runtime` does what is asked for here, and tells what came of it as entries.

pub mod clearance;
pub mod command;
pub mod declare;
pub mod fold;
pub mod outbox;
pub mod parcel;
pub mod plan;
pub mod severity;
pub mod template;
pub mod timeline;

pub use fold::Incident;

use crate::domain::incident::entry::Deed;
use crate::domain::time::Instant;

/// Who is named for what opsdeck noticed by itself.
pub const SELF: &str = "opsdeck";

/// Something that was noticed, and is to be recorded in the name of [`SELF`].
#[derive(Clone, Debug, PartialEq)]
pub struct Noticed {
    /// When it was, by its source's clock.
    pub at: Instant,
    /// What.
    pub deed: Deed,
}

#[cfg(test)]
mod tests;
