//! Where an action stands, how it ended, and the exit code of each end.

use serde::Serialize;

use super::ActionKind;
use super::step::StepState;
use super::verification::Check;
use crate::domain::target::WorkloadKind;
use crate::ports::journal::JournalError;

/// Where an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Reading the cluster, then asking the server about the plan (the plan may be there already).
    Preflight,
    /// The plan waits for a confirmation.
    Review,
    /// The intent is being written.
    RecordingIntent,
    /// It is being sent.
    Executing,
    /// Waiting for proof that it worked.
    Verifying,
    /// The outcome is being written.
    RecordingOutcome,
    /// Over.
    Ended,
}

impl Stage {
    /// May it still be left without a trace? (Before the intent is written, or when it is over.)
    pub const fn can_cancel(self) -> bool {
        matches!(self, Self::Preflight | Self::Review)
    }

    /// Is something under way that quitting must wait for?
    pub const fn holds_quit(self) -> bool {
        matches!(self, Self::RecordingIntent | Self::Executing | Self::RecordingOutcome)
    }
}

/// The ways in which an action ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Done, and everything that could be checked came true.
    Done,
    /// Not allowed, or nothing to do; nothing was altered.
    Refused,
    /// The person said no; nothing was altered.
    Cancelled,
    /// The object changed since the plan; nothing was altered.
    Conflict,
    /// It did not work; what happened is in the detail.
    Failed,
    /// It was sent, but not everything that it should bring came true.
    Unverified,
}

impl End {
    /// Exit code of a subcommand.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused | Self::Cancelled => 3,
            Self::Conflict => 4,
            Self::Failed => 5,
            Self::Unverified => 6,
        }
    }

    /// The word on screen and in audit records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Unverified => "unverified",
        }
    }
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Which way.
    pub end: End,
    /// What happened and why, in one sentence.
    pub detail: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What can be planned instead ([`super::exchange::DoorInput::Replan`] does).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<ActionKind>,
    /// The verification, where it came to one.
    pub checks: Vec<Check>,
    /// How each step ended, where there are several: what it was, and what came of it.
    pub steps: Vec<StepEnd>,
    /// From the intent to the end; 0 when it did not come to an intent.
    pub duration_ms: u64,
    /// The outcome could not be written to the audit log, and why (the intent was).
    pub unrecorded: Option<String>,
}

/// How one of several steps ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepEnd {
    /// `evict pod/payment-1`.
    pub step: String,
    /// What came of it.
    #[serde(flatten)]
    pub state: StepState,
}

/// Why the door does not let an action through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The context, or this session, is read-only.
    #[error("read-only: {why}")]
    ReadOnly {
        /// Where that was said.
        why: String,
    },
    /// RBAC says no.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// The server or an admission webhook refused the dry run.
    #[error("the server refuses it: {0}")]
    Rejected(String),
    /// There is no such workload.
    #[error("{0}")]
    NotFound(String),
    /// `spec.paused`.
    #[error("{0} is paused")]
    Paused(String),
    /// No earlier revision.
    #[error("{target} has only one revision ({only}): there is nothing to go back to")]
    SingleRevision {
        /// The workload.
        target: String,
        /// That revision, or `none`.
        only: String,
    },
    /// The revision's template is the current one.
    #[error("nothing to do: the pod template of {target} is already that of revision {revision}")]
    NothingToDo {
        /// The workload.
        target: String,
        /// The revision.
        revision: u64,
    },
    /// No such revision.
    #[error("{target} has no revision {wanted}; there are {}", join(.known))]
    UnknownRevision {
        /// The workload.
        target: String,
        /// What was asked for.
        wanted: u64,
        /// What there is, newest first.
        known: Vec<u64>,
    },
    /// This kind cannot be rolled back from here.
    #[error("{} cannot be rolled back from here", plural(*.0))]
    UnsupportedKind(WorkloadKind),
    /// The server's answer lacks what a plan needs.
    #[error("the server's answer makes no plan possible: {0}")]
    Malformed(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    BadInput(String),
    /// A guardrail says no.
    #[error("a guardrail forbids it: {0}")]
    Guardrail(String),
    /// It cannot be done to this object, and what to do instead.
    #[error("{why}")]
    NotHere {
        /// Why.
        why: String,
        /// What to do instead.
        instead: Option<String>,
        /// The same as an action: planning again takes it.
        offer: Option<Box<ActionKind>>,
    },
    /// No intent on disk, no action.
    #[error("the intent cannot be recorded, so nothing was sent: {0}")]
    Unrecordable(JournalError),
}

fn plural(kind: WorkloadKind) -> String {
    format!("{}s", kind.kind())
}

fn join(known: &[u64]) -> String {
    if known.is_empty() {
        return "none".into();
    }
    known.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

impl Refusal {
    /// It cannot be done to this object, and nothing is offered instead.
    pub fn not_here(why: impl Into<String>) -> Self {
        Self::NotHere { why: why.into(), instead: None, offer: None }
    }

    /// What can be planned instead.
    pub fn offer(&self) -> Option<ActionKind> {
        match self {
            Self::NotHere { offer, .. } => offer.as_deref().cloned(),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ReadOnly { .. } => Some("run without --read-only, in a context that is not read-only".into()),
            Self::Forbidden(_) => {
                Some("ask for the right, or elevate, then plan again: denials are not remembered".into())
            }
            Self::Paused(target) => {
                Some(format!("resume it first, as kubectl demands: kubectl rollout resume {target}"))
            }
            Self::UnsupportedKind(_) => {
                Some("only Deployments, StatefulSets, DaemonSets and Argo Rollouts keep revisions to go back to".into())
            }
            Self::Unrecordable(_) => Some("make the audit directory writable, or set [audit] directory".into()),
            Self::SingleRevision { .. } => {
                Some("spec.revisionHistoryLimit says how many old revisions the cluster keeps".into())
            }
            Self::Guardrail(_) => Some("with a reason, --break-glass overrides it; that is recorded".into()),
            Self::NotHere { instead, .. } => instead.clone(),
            Self::Rejected(_)
            | Self::BadInput(_)
            | Self::NotFound(_)
            | Self::NothingToDo { .. }
            | Self::UnknownRevision { .. }
            | Self::Malformed(_) => None,
        }
    }
}
