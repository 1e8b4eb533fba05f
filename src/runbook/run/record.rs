//! What is written down of a run, as it happens: enough to stand at the same step again after a crash, without anything
//! being done twice. Secrets are never in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::work::Output;
use crate::domain::time::Instant;
use crate::runbook::parameter::{Value, Values};

/// One record. It has to be on disk before the effect after it is performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The run.
    pub run: String,
    /// When.
    pub at: Instant,
    /// Who.
    pub who: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As wanted.
    Passed,
    /// Not as wanted.
    Failed,
    /// Not done.
    Skipped,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum RunEnd {
    /// It came to its end; how many steps failed on the way.
    Done {
        /// Steps whose last outcome is a failure.
        failed: usize,
    },
    /// A step failed and nobody was there to say how to go on.
    Failed {
        /// The step.
        step: String,
        /// Why.
        why: String,
    },
    /// Given up.
    Aborted {
        /// Why.
        reason: String,
    },
}

impl RunEnd {
    /// Did everything pass?
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Done { failed: 0 })
    }
}

/// In words.
impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { failed: 0 } => f.write_str("done"),
            Self::Done { failed: 1 } => f.write_str("done; one step failed on the way"),
            Self::Done { failed } => write!(f, "done; {failed} steps failed on the way"),
            Self::Failed { step, why } => write!(f, "failed at {step}: {why}"),
            Self::Aborted { reason } if reason.is_empty() => f.write_str("given up"),
            Self::Aborted { reason } => write!(f, "given up: {reason}"),
        }
    }
}

/// Where a run goes on: a step's number; the number of steps is the end.
pub type Place = usize;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Event {
    /// The run began.
    Began {
        /// The runbook's id.
        runbook: String,
        /// Its title.
        title: String,
        /// The file.
        place: String,
        /// The digest of its text: the run keeps that version.
        digest: String,
        /// Parameters; a secret is a text that says so.
        values: Values,
        /// Which of them are secret.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<String>,
        /// The runbooks around it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stack: Vec<String>,
        /// Nobody is there to answer.
        unattended: bool,
    },
    /// Somebody went on with it, after a crash or from another terminal.
    Resumed,
    /// A step is about to be performed.
    StepBegan {
        /// Its number.
        step: Place,
        /// Its name.
        name: String,
        /// Counted from 1 over the whole run.
        ticket: u64,
        /// Counted from 1 for this visit.
        attempt: u32,
        /// It may change the world.
        writes: bool,
        /// What is done, in words.
        work: Vec<String>,
    },
    /// A step has ended.
    StepEnded {
        /// Its number.
        step: Place,
        /// Its name.
        name: String,
        /// How.
        verdict: Verdict,
        /// In one line.
        detail: String,
        /// What it gave.
        #[serde(default, skip_serializing_if = "is_empty")]
        output: Output,
        /// The name under which its value is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capture: Option<(String, Value)>,
        /// Id in the audit log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audit: Option<String>,
        /// Where it goes on; `None` when it halts here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Place>,
        /// After the step at `next` (a verification): where it goes on then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<Place>,
    },
    /// A step was passed over.
    Skipped {
        /// Its number.
        step: Place,
        /// Its name.
        name: String,
        /// Why.
        reason: String,
        /// Where it goes on.
        next: Place,
    },
    /// A remark.
    Noted {
        /// At which step.
        step: Place,
        /// The remark.
        text: String,
    },
    /// Somebody went to another step.
    Jumped {
        /// From where.
        from: Place,
        /// To where.
        to: Place,
    },
    /// The end.
    Finished(RunEnd),
}

fn is_empty(output: &Output) -> bool {
    output.text.is_empty() && output.value.is_none()
}
