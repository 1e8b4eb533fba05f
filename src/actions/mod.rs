//! The door: the one way from a wish to a change in the world.
//!
//! ```text
//! request → preflight (fresh reads) → plan → guardrails, dry run, permission → review → confirmation
//!         → intent on disk → execute once → verify under a timeout → outcome on disk → ended
//! ```
//!
//! [`door::Door`] is a pure state machine: it takes [`exchange::DoorInput`]s and gives [`exchange::DoorEffect`]s. Who
//! executes the effects (the console's event loop or a subcommand) is the same to it. Nothing here reads a clock, a
//! file or the network.
//!
//! Adding an action: one file with its plan, a variant of [`ActionKind`] and one of [`Facts`].

pub mod approval;
pub mod compare;
pub mod door;
pub mod exchange;
pub mod guardrail;
pub mod manifest;
pub mod outcome;
pub mod ownership;
pub mod plan;
pub mod present;
pub mod record;
pub mod rollback;
pub mod verification;

use serde::Serialize;

use crate::domain::target::WorkloadRef;
use crate::ports::cluster::RollbackFacts;

/// Every action there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum ActionKind {
    /// Back to an earlier revision's pod template.
    Rollback {
        /// The workload.
        target: WorkloadRef,
        /// Which revision; `None` is the one before the current, as in kubectl.
        to: Option<u64>,
    },
}

impl ActionKind {
    /// The word in audit records, commands and arguments.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Rollback { .. } => "rollback",
        }
    }

    /// What it acts on.
    pub const fn target(&self) -> &WorkloadRef {
        match self {
            Self::Rollback { target, .. } => target,
        }
    }

    /// `Roll back deployment/payment`: the title of the box.
    pub fn title(&self) -> String {
        match self {
            Self::Rollback { target, .. } => format!("Roll back {target}"),
        }
    }
}

/// Who asked, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A key or the mouse in the console.
    Key,
    /// The command palette.
    Command,
    /// A subcommand.
    Headless,
}

/// A wish. It changes nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRequest {
    /// What.
    pub action: ActionKind,
    /// Why, in the person's words; goes to the audit log.
    pub reason: Option<String>,
    /// Who asked.
    pub origin: Origin,
    /// Plan only: the door stops at the review and never takes a confirmation.
    pub dry_run: bool,
}

impl ActionRequest {
    /// A rollback without a reason.
    pub const fn rollback(target: WorkloadRef, to: Option<u64>, origin: Origin) -> Self {
        Self { action: ActionKind::Rollback { target, to }, reason: None, origin, dry_run: false }
    }
}

/// What was read for a plan, one variant per kind of action.
#[derive(Clone, Debug, PartialEq)]
pub enum Facts {
    /// For [`ActionKind::Rollback`].
    Rollback(RollbackFacts),
}
