//! The door: the one way from a wish to a change in the world.
//!
//! ```text
//! request → guardrails → preflight (fresh reads) → plan → limits, permission, dry run → review → confirmation
//!         → intent on disk → execute each step once → verify under a timeout → outcome on disk → ended
//! ```
//!
//! [`door::Door`] is a pure state machine: it takes [`exchange::DoorInput`]s and gives [`exchange::DoorEffect`]s. Who
//! executes the effects (the console's event loop or a subcommand) is the same to it. Nothing here reads a clock, a
//! file or the network.
//!
//! # Adding an action
//!
//! 1. A file `actions/NAME.rs` with a plain struct of what was asked for, and `impl Action` for it ([`kind::Action`]):
//!    its word, target, title, what it needs read ([`kind::Action::needs`]), what it refuses before anything is read
//!    ([`kind::Action::admit`]), and its plan. `plan` is a pure function from [`crate::ports::cluster::Facts`] to a
//!    [`plan::Plan`], begun with [`plan::Plan::begin`]: steps (each one [`crate::domain::mutation::Mutation`] with its
//!    own precondition), field changes, blast radius, warnings, undo (as [`ActionKind`]s), what verification expects
//!    ([`expectation::Expectation`]), and `confirm` when it is destructive. Copy `rollback.rs` or `scale.rs`.
//! 2. Its variant in [`ActionKind`] and its line in `ActionKind::action` (both in `kind.rs`).
//! 3. Its subcommand: a variant and a line in `cli/act/mod.rs`. Its command in the console: an entry in `app/offers.rs` (menu,
//!    palette, forms, bulk, footer and help derive from it), and its key in `keymaps/default.toml`.
//!
//! Several targets are several actions of one request ([`ActionRequest::bulk`]): a plan is for one target, and the door
//! joins them. Guardrails, permission, dry run, confirmation, audit records, execution step by step, verification and
//! presentation need nothing new. A new kind of *read* is a [`crate::ports::cluster::Part`], a new kind of *proof* an
//! [`expectation::Expectation`], a new kind of *request* a [`crate::domain::mutation::Change`].

pub mod abort;
pub mod announcement;
pub mod approval;
pub mod before;
pub mod capacity;
pub mod compare;
pub mod cordon;
pub mod delete_pod;
pub mod delivery;
pub mod door;
pub mod drain;
pub mod evict_pod;
#[cfg(test)]
pub(crate) mod examples;
pub mod exchange;
pub mod expectation;
pub mod flag;
pub mod guardrail;
pub mod kind;
pub mod manifest;
pub mod outcome;
pub mod ownership;
pub mod pause;
pub mod plan;
pub mod pod;
pub mod present;
pub mod promote;
pub mod record;
#[cfg(test)]
mod rehearsal;
pub mod restart;
pub mod rollback;
pub mod scale;
pub mod scale_bounds;
pub mod set_image;
pub mod settle;
pub mod silence;
pub mod silence_change;
pub mod step;
pub mod suspend;
pub mod trigger;
pub mod undo;
pub mod verification;
pub mod workload;

use serde::{Deserialize, Serialize};

pub use self::kind::ActionKind;
use crate::domain::target::WorkloadRef;

/// Who asked, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A key or the mouse in the console.
    Key,
    /// The command palette.
    Command,
    /// A subcommand.
    Headless,
    /// A step of a runbook; [`ActionRequest::runbook`] says which.
    Runbook,
}

/// The step of a runbook that asked, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookStep {
    /// The runbook's id.
    pub id: String,
    /// The step's name.
    pub step: String,
}

/// What happens to the steps that are left when one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// They are not sent.
    #[default]
    Stop,
    /// They are sent all the same.
    GoOn,
}

/// A wish. It changes nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRequest {
    /// What.
    pub action: ActionKind,
    /// The rest of a bulk: the same kind of action on other targets.
    pub more: Vec<ActionKind>,
    /// Why, in the person's words; goes to the audit log.
    pub reason: Option<String>,
    /// The incident that it belongs to.
    pub incident: Option<String>,
    /// The step of a runbook that asks for it.
    pub runbook: Option<RunbookStep>,
    /// Why the guardrails are overridden; forces the name to be typed, and is recorded. Never overrides read-only.
    pub break_glass: Option<String>,
    /// What happens when one of several steps fails.
    pub on_failure: OnFailure,
    /// Who asked.
    pub origin: Origin,
    /// Plan only: the door stops at the review and never takes a confirmation.
    pub dry_run: bool,
    /// Id of the recorded action that this one takes back.
    pub undo_of: Option<String>,
    /// The step of a runbook's run that asks for it (`RUN/TICKET`). The records hold it: after a crash they tell whether
    /// that step was done.
    pub step: Option<String>,
}

impl ActionRequest {
    /// A request for one action, without a reason.
    pub const fn new(action: ActionKind, origin: Origin) -> Self {
        Self {
            action,
            more: Vec::new(),
            reason: None,
            incident: None,
            runbook: None,
            break_glass: None,
            on_failure: OnFailure::Stop,
            origin,
            dry_run: false,
            undo_of: None,
            step: None,
        }
    }

    /// The same action on several targets, planned, confirmed and recorded as one; `None` when there is none at all.
    pub fn bulk(actions: impl IntoIterator<Item = ActionKind>, origin: Origin) -> Option<Self> {
        let mut actions = actions.into_iter();
        let first = actions.next()?;
        Some(Self { more: actions.collect(), ..Self::new(first, origin) })
    }

    /// A rollback without a reason.
    pub const fn rollback(target: WorkloadRef, to: Option<u64>, origin: Origin) -> Self {
        Self::new(ActionKind::Rollback(rollback::Rollback { target, to }), origin)
    }

    /// Every action of it, the first one first.
    pub fn actions(&self) -> impl Iterator<Item = &ActionKind> {
        std::iter::once(&self.action).chain(&self.more)
    }

    /// How many targets it has.
    pub fn len(&self) -> usize {
        1 + self.more.len()
    }

    /// Never: a request has at least one action.
    pub const fn is_empty(&self) -> bool {
        false
    }
}
