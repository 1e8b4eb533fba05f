//! What a step can do to the world, and what `kubectl` can read: bodies as written, and what comes of them.

use super::diagnostic::Spot;
use super::step::Template;
use crate::actions::{ActionRequest, RunbookStep};
use crate::domain::flag::FlagChange;
use crate::domain::target::WorkloadRef;

/// An `action` body: a word and its arguments, values still with templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What is done.
    pub word: String,
    /// Where the word stands.
    pub spot: Spot,
    /// Arguments by name.
    pub arguments: Vec<Argument>,
    /// It was written as a line of kubectl.
    pub from_kubectl: bool,
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub spot: Spot,
    /// Its value.
    pub value: Given,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// One.
    One(Template),
    /// Several.
    List(Vec<Template>),
    /// By name.
    Map(Vec<(String, Template)>),
}

/// What goes to the door. Where a body leaves out what only the world knows, whoever runs it looks that up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Complete.
    Request(ActionRequest),
    /// A flag: the parts that are not named are found among the flags there are, and have to be unmistakable.
    Flag {
        /// The flag's key.
        key: String,
        /// The configured source.
        provider: Option<String>,
        /// Project.
        project: Option<String>,
        /// Environment.
        environment: Option<String>,
        /// What it is set to.
        set: FlagChange,
        /// The workload that has to get well by it.
        about: Option<WorkloadRef>,
        /// Why.
        reason: Option<String>,
        /// The step that asks.
        by: Option<RunbookStep>,
    },
    /// The bounds of the autoscaler of a workload.
    Bounds {
        /// The workload.
        workload: WorkloadRef,
        /// At least.
        min: Option<i64>,
        /// At most.
        max: Option<i64>,
        /// Why.
        reason: Option<String>,
        /// The step that asks.
        by: Option<RunbookStep>,
    },
}

impl Act {
    /// Says which step asks, for the audit log.
    #[must_use]
    pub fn asked_by(mut self, step: RunbookStep) -> Self {
        match &mut self {
            Self::Request(ActionRequest { runbook, .. }) => *runbook = Some(step),
            Self::Flag { by, .. } | Self::Bounds { by, .. } => *by = Some(step),
        }
        self
    }
}

/// A line of kubectl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kubectl {
    /// Arguments after `kubectl`, one template each: a value stays one argument.
    Read(Vec<Template>),
    /// One of our actions.
    Act(Deed),
}

/// A read that kubectl would do, answered natively.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum Read {
    /// `get`.
    Get {
        /// Resource as written, lower case (`pods`, `deploy`).
        resource: String,
        /// Names; empty for all.
        names: Vec<String>,
        /// Which namespace.
        scope: Scope,
        /// `-o`.
        output: Option<String>,
    },
    /// `describe`.
    Describe {
        /// Resource as written, lower case.
        resource: String,
        /// Names; empty for all.
        names: Vec<String>,
        /// Which namespace.
        scope: Scope,
    },
    /// `logs`.
    Logs {
        /// `NAME`, or `KIND/NAME`; empty with a selector.
        target: String,
        /// Which namespace.
        scope: Scope,
        /// `-c`.
        container: Option<String>,
        /// Seconds of `--since`.
        since: Option<u64>,
        /// `--tail`.
        tail: Option<u64>,
        /// `--previous`.
        previous: bool,
    },
    /// `rollout status`.
    RolloutStatus {
        /// The workload's kind and name.
        target: String,
        /// Which namespace.
        scope: Scope,
    },
    /// `rollout history`.
    RolloutHistory {
        /// The workload's kind and name.
        target: String,
        /// Which namespace.
        scope: Scope,
        /// `--revision`.
        revision: Option<u64>,
    },
    /// `top pods` and `top nodes`.
    Top {
        /// `pods` or `nodes`.
        resource: String,
        /// One of them.
        name: Option<String>,
        /// Which namespace.
        scope: Scope,
    },
}

/// Where a read looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Scope {
    /// `-n`.
    pub namespace: Option<String>,
    /// `-A`.
    pub all_namespaces: bool,
    /// `-l`.
    pub selector: Option<String>,
    /// `--field-selector`.
    pub fields: Option<String>,
}
