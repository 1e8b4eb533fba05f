//! What goes into a run and what comes out of it, and how it stands in between.

use super::record::{Place, Record, RunEnd, Verdict};
use super::work::{Outcome, Output, Question, Work};
use crate::domain::time::Instant;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::parameter::{Problem, Values};

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunInput {
    /// Do the step at which it stands.
    Start,
    /// Pass over it.
    Skip {
        /// Why.
        reason: String,
    },
    /// To the step before, as it was walked.
    Back,
    /// To this step.
    Jump(Place),
    /// Again, after a failure or when nobody knows how it ended.
    Retry,
    /// A person looked: the step whose end is unknown was done.
    MarkDone {
        /// What was seen.
        detail: String,
    },
    /// Give the run up.
    Abort {
        /// Why.
        reason: String,
    },
    /// A remark.
    Note(String),
    /// What was typed as an answer.
    Answer(String),
    /// Which option, counted from 0.
    Choose(usize),
    /// Yes; or "done" for a manual step.
    Approve,
    /// No.
    Decline {
        /// Why.
        reason: String,
    },
    /// A secret that was asked again after a replay.
    Secret {
        /// The parameter.
        name: String,
        /// Its value.
        value: String,
    },
    /// Work has ended. An answer whose ticket is not open is dropped.
    Done {
        /// Of which [`RunEffect::Perform`].
        ticket: u64,
        /// How.
        outcome: Outcome,
    },
    /// Time has passed.
    Tick,
}

/// What is to be done about it.
#[allow(clippy::large_enum_variant)] // one at a time, moved once
#[derive(Clone, Debug, PartialEq)]
pub enum RunEffect {
    /// Write this down, before anything that follows.
    Record(Record),
    /// Do this and say how it ended.
    Perform {
        /// For the answer.
        ticket: u64,
        /// Number of the step.
        step: Place,
        /// What.
        work: Box<Work>,
        /// Seconds after which it has failed; `None`: it takes its own time.
        patience: Option<u64>,
    },
    /// Stop what is under way (kill the process, drop the request); its answer is not wanted any more.
    Cancel {
        /// Which.
        ticket: u64,
    },
    /// The input makes no sense here; why, for the footer.
    Say(String),
    /// The run is over.
    Finished(RunEnd),
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// At a step, nothing of it has begun.
    Ready,
    /// A person is asked.
    Asking(Question),
    /// Work is under way.
    Running {
        /// Which.
        ticket: u64,
        /// What, as it was resolved.
        work: Box<Work>,
    },
    /// The step failed, and nothing follows by itself.
    Halted {
        /// Why.
        why: String,
        /// The step that takes it back, if there is one.
        rollback: Option<Place>,
    },
    /// A write began and nobody knows how it ended: look at the audit log, then mark it done, retry or skip.
    Unknown {
        /// What was being done.
        work: Vec<String>,
        /// When it began.
        since: Instant,
    },
    /// Over.
    Ended(RunEnd),
}

/// What came of a step so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visit {
    /// When it last began.
    pub began: Option<Instant>,
    /// When it last ended.
    pub ended: Option<Instant>,
    /// How.
    pub verdict: Option<Verdict>,
    /// In one line.
    pub detail: String,
    /// What it gave.
    pub output: Output,
    /// Who began it, or ended it.
    pub who: String,
    /// Attempts of the last visit.
    pub attempt: u32,
    /// How often it ended.
    pub times: u32,
    /// Id in the audit log.
    pub audit: Option<String>,
    /// What was done, in words.
    pub work: Vec<String>,
}

/// How a run begins.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Its id, unique on this machine.
    pub id: String,
    /// Who runs it.
    pub who: String,
    /// When.
    pub now: Instant,
    /// Values of parameters.
    pub values: Values,
    /// Nobody is there to answer: what needs a person fails.
    pub unattended: bool,
    /// The ids of the runbooks around it, outermost first.
    pub stack: Vec<String>,
}

/// Why a run does not begin, or cannot be taken up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Parameters are missing or wrong.
    #[error("{}", .0.iter().map(|problem| problem.why.as_str()).collect::<Vec<_>>().join("; "))]
    Parameters(Vec<Problem>),
    /// Templates name what nothing gives.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Templates(Vec<Diagnostic>),
    /// It would run inside of itself, or too deep.
    #[error("{0}")]
    Loop(String),
    /// The records are of another runbook, another version of it, or of none.
    #[error("{0}")]
    Records(String),
}
