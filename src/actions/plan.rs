//! A plan: what an action would do, what stands against it, and how to undo it. Plain values for screen, text and JSON.

use serde::Serialize;

use super::guardrail::ConfirmLevel;
use crate::domain::mutation::Mutation;
use crate::domain::target::WorkloadRef;
use crate::domain::time::Instant;

/// What an action would do. All text is cleaned; the mutation holds the API's own bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// `Roll back deployment/payment`.
    pub title: String,
    /// The workload.
    pub target: WorkloadRef,
    /// What runs now.
    pub from: Revision,
    /// What would run.
    pub to: Revision,
    /// What changes in the pod template, field by field; bounded by [`super::compare::MOST_CHANGES`].
    pub changes: Vec<FieldChange>,
    /// The same as a unified diff of the templates written as YAML.
    pub diff: String,
    /// Every revision that there is, newest first, for the chooser.
    pub revisions: Vec<Revision>,
    /// How pods move.
    pub moves: Moves,
    /// What else writes this object (`Argo CD app shop`).
    pub managed_by: Option<String>,
    /// What the server said about our right to do it.
    pub permission: Verdict,
    /// What the server said to the dry run.
    pub dry_run: Verdict,
    /// What to be careful about.
    pub warnings: Vec<Warning>,
    /// How to undo it.
    pub undo: String,
    /// How it has to be confirmed.
    pub confirm: ConfirmLevel,
    /// sha256 of the mutation, hex. The audit log carries it; two plans with one digest do the same.
    pub digest: String,
    /// What would be sent.
    pub mutation: Mutation,
}

/// One revision of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// Its number; 0 when the cluster does not say (the current template has no ReplicaSet yet).
    pub revision: u64,
    /// Name of its ReplicaSet, empty when there is none.
    pub name: String,
    /// Images, containers in order.
    pub images: Vec<String>,
    /// Annotation `kubernetes.io/change-cause`.
    pub change_cause: Option<String>,
    /// When it was first rolled out.
    pub created: Option<Instant>,
    /// Pods that it has now.
    pub pods: u32,
    /// Its template is the current one.
    pub current: bool,
}

/// One field that changes, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// `image`, `env PRICING_TABLE`, `resources limits.memory`; with several containers `sidecar: image`.
    pub path: String,
    /// Now; `None` when absent.
    pub before: Option<String>,
    /// After the action; `None` when absent.
    pub after: Option<String>,
}

/// How pods move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// Pods that are replaced.
    pub pods: u32,
    /// At most so many missing meanwhile.
    pub max_unavailable: u32,
    /// At most so many more meanwhile.
    pub max_surge: u32,
    /// Strategy `Recreate`: all stop before the first new one starts.
    pub recreate: bool,
}

/// What the server said to a question asked beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "text")]
pub enum Verdict {
    /// Asked, no answer yet.
    Asking,
    /// Yes, in words.
    Yes(String),
    /// It could not be asked, and why.
    Unknown(String),
}

/// Something to be careful about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What kind.
    pub kind: WarningKind,
    /// In words.
    pub text: String,
}

/// Kinds of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// Something else keeps writing this object and may put the old state back.
    Managed,
    /// `kubectl apply` was used: a later apply of the same files reverts this.
    LastApplied,
    /// An autoscaler owns the number of pods, or autoscalers may not be read.
    Autoscaler,
    /// A rollout is going on.
    InProgress,
    /// The controller has not seen the newest template.
    Unobserved,
    /// All pods stop at once.
    Recreate,
    /// The server said so to the dry run.
    Server,
    /// A question could not be asked.
    Unchecked,
}

impl Warning {
    /// Makes a warning.
    pub fn new(kind: WarningKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl Plan {
    /// Is the plan complete: did the server answer both questions?
    pub const fn is_checked(&self) -> bool {
        !matches!(self.permission, Verdict::Asking) && !matches!(self.dry_run, Verdict::Asking)
    }

    /// `deployment/payment is back on revision 41`: what is true once it is done.
    pub fn done(&self) -> String {
        format!("{} is back on the template of revision {}", self.target, self.to.revision)
    }

    /// The confirmation that it takes, with what it warns of: nothing that warns goes through unseen.
    pub fn needed_confirmation(&self) -> ConfirmLevel {
        if self.warnings.is_empty() { self.confirm } else { self.confirm.max(ConfirmLevel::Yes) }
    }
}
