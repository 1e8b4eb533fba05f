//! Incidents: from entries to status, timeline, outbox and post-mortem. Pure: nothing here waits, sends, reads a file or a
//! clock; `runtime` does what is asked for here, and tells what came of it as entries.

pub mod clearance;
pub mod command;
pub mod declare;
pub mod fold;
pub mod hand_over;
pub mod nudge;
pub mod outbox;
pub mod parcel;
pub mod plan;
pub mod post_mortem;
pub mod publication;
pub mod redact;
pub mod severity;
pub mod statistics;
pub mod template;
pub mod timeline;
pub mod update;
pub mod watch;

pub use fold::Incident;

use crate::domain::Text;
use crate::domain::incident::entry::Deed;
use crate::domain::time::Instant;

/// Who is named for what opsdeck noticed by itself.
pub const SELF: &str = "opsdeck";

/// Something that was noticed, and is to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Noticed {
    /// When it was, by its source's clock.
    pub at: Instant,
    /// In whose name: [`SELF`], or who did it.
    pub by: Text,
    /// What.
    pub deed: Deed,
}

#[cfg(test)]
mod tests;
