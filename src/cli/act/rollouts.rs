//! Arguments of what is done to Argo Rollouts only.

use clap::Args;

use super::super::drive::{Manner, workload_of};
use super::super::output::Failure;
use super::{Here, examples};
use crate::actions::ActionKind;
use crate::actions::abort::{Abort, Retry};
use crate::actions::promote::Promote;
use crate::domain::target::{WorkloadKind, WorkloadRef};

pub const ABORT: &str = examples!(
    "  opsdeck abort checkout --reason '5xx from the canary'
  opsdeck abort rollout/checkout --yes --json

Its spec still names the new version: `opsdeck rollback rollout/NAME` takes that back too."
);

pub const RETRY: &str = examples!("  opsdeck retry checkout --dry-run");

pub const PROMOTE: &str = examples!(
    "  opsdeck promote checkout
  opsdeck promote checkout --full --reason 'hotfix'   (past all steps, pauses and analysis)"
);

/// Nothing but Argo Rollouts.
#[derive(Debug, Args)]
pub struct Rollouts {
    /// `checkout`, or `rollout/checkout`; several are one plan
    #[arg(value_name = "ROLLOUT", required = true)]
    rollouts: Vec<String>,
    #[command(flatten)]
    pub manner: Manner,
}

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub struct PromoteArgs {
    #[command(flatten)]
    targets: Rollouts,
    /// Past all steps, pauses and analysis
    #[arg(long)]
    full: bool,
}

impl Rollouts {
    fn each(&self, at: Here<'_>, make: impl Fn(WorkloadRef) -> ActionKind) -> Result<Vec<ActionKind>, Failure> {
        let named = self.rollouts.iter().map(|text| workload_of(WorkloadKind::Rollout, text, at.namespace));
        named.map(|target| target.map(&make)).collect()
    }

    pub fn abort(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |target| ActionKind::Abort(Abort { target }))
    }

    pub fn retry(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |target| ActionKind::Retry(Retry { target }))
    }
}

impl PromoteArgs {
    pub const fn manner(&self) -> &Manner {
        &self.targets.manner
    }

    pub fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.targets.each(at, |target| ActionKind::Promote(Promote { target, full: self.full }))
    }
}
