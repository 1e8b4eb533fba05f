//! What goes in and out of the door: inputs of a person, work for the runtime, and the runtime's answers.

use serde_json::Value;

use super::approval::{Approved, Receipt};
use crate::domain::mutation::Mutation;
use crate::ports::cluster::{ClusterError, DryRun, Facts, Look, Needs, Permission, Seen};
use crate::ports::journal::JournalError;

/// Names one piece of work. An answer carries the ticket of its work, so that a late answer to an action that was
/// cancelled, or to a plan that was made again, cannot be taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Which door of this process.
    pub(in crate::actions) door: u64,
    /// Which of its pieces of work.
    pub(in crate::actions) step: u32,
}

/// One piece of work for the runtime. It is done once and answered once, with [`DoorInput::Answer`] and the same ticket.
#[derive(Debug, PartialEq)]
pub struct DoorEffect {
    /// To be given back with the answer.
    pub ticket: Ticket,
    /// What to do.
    pub work: Work,
}

/// What the runtime does for the door.
#[derive(Debug, PartialEq)]
pub enum Work {
    /// Read what a plan needs, fresh → [`Answer::Gathered`].
    Gather(Needs),
    /// Ask whether we may → [`Answer::Permission`].
    CheckPermission(Mutation),
    /// Send it with `dryRun=All` → [`Answer::DryRun`].
    DryRun(Mutation),
    /// Append to the journal and fsync → [`Answer::Recorded`].
    Record(Value),
    /// Alter the world, once, never retried → [`Answer::Executed`]. Quitting waits for it.
    Execute(Approved<Mutation>),
    /// About a second from now, look at all of these → [`Answer::Observed`], in the same order.
    Observe(Vec<Look>),
    /// Wait so many seconds → [`Answer::Waited`].
    Wait(u32),
    /// Leave word in the cluster of what was done (an Event on the object). Best effort: the answer changes nothing.
    Announce(Approved<Mutation>),
}

impl Work {
    /// One word, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Gather(_) => "gather",
            Self::CheckPermission(_) => "check-permission",
            Self::DryRun(_) => "dry-run",
            Self::Record(_) => "record",
            Self::Execute(_) => "execute",
            Self::Observe(_) => "observe",
            Self::Wait(_) => "wait",
            Self::Announce(_) => "announce",
        }
    }
}

/// The runtime's answer to one [`Work`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Work::Gather`].
    Gathered(Result<Facts, ClusterError>),
    /// To [`Work::CheckPermission`].
    Permission(Result<Permission, ClusterError>),
    /// To [`Work::DryRun`].
    DryRun(Result<DryRun, ClusterError>),
    /// To [`Work::Record`].
    Recorded(Result<(), JournalError>),
    /// To [`Work::Execute`].
    Executed(Result<Receipt, ClusterError>),
    /// To [`Work::Observe`].
    Observed(Vec<Seen>),
    /// To [`Work::Wait`].
    Waited,
    /// To [`Work::Announce`].
    Announced(Result<Receipt, ClusterError>),
}

/// What the door is told.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "few are alive at once, and answers are as large as what they bring")]
pub enum DoorInput {
    /// The confirmation field's whole content, after every edit.
    Type(String),
    /// Go ahead (`y`, enter).
    Confirm,
    /// Do not. Ignored once the intent is being written: from then on the action takes its course.
    Cancel,
    /// Plan for another revision.
    SelectRevision(u64),
    /// Show or hide the full diff.
    ToggleDiff,
    /// After a conflict: plan again from fresh data.
    Replan,
    /// Stop waiting for proof; the end is then unverified.
    StopVerifying,
    /// Time passed.
    Tick,
    /// The runtime did what it was asked.
    Answer(Ticket, Answer),
}
