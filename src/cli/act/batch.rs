//! Arguments of what is done to CronJobs.

use clap::Args;

use super::super::drive::{Manner, workload_of};
use super::super::output::Failure;
use super::{Here, examples};
use crate::actions::ActionKind;
use crate::actions::suspend::Suspend;
use crate::actions::trigger::Trigger;
use crate::domain::target::{WorkloadKind, WorkloadRef};

pub const SUSPEND: &str = examples!(
    "  opsdeck suspend nightly-report --reason 'it locks the orders table'
  opsdeck suspend cronjob/nightly-report --off   (the same as unsuspend)"
);

pub const UNSUSPEND: &str = examples!("  opsdeck unsuspend nightly-report");

pub const TRIGGER: &str = examples!("  opsdeck trigger nightly-report --dry-run");

/// Nothing but CronJobs.
#[derive(Debug, Args)]
pub struct CronJobs {
    /// `nightly-report`, or `cronjob/nightly-report`; several are one plan
    #[arg(value_name = "CRONJOB", required = true)]
    cron_jobs: Vec<String>,
    #[command(flatten)]
    pub manner: Manner,
}

/// Arguments of `suspend`.
#[derive(Debug, Args)]
pub struct SuspendArgs {
    #[command(flatten)]
    targets: CronJobs,
    /// Let them run again instead
    #[arg(long)]
    off: bool,
}

impl CronJobs {
    fn each(&self, at: Here<'_>, make: impl Fn(WorkloadRef) -> ActionKind) -> Result<Vec<ActionKind>, Failure> {
        let named = self.cron_jobs.iter().map(|text| workload_of(WorkloadKind::CronJob, text, at.namespace));
        named.map(|target| target.map(&make)).collect()
    }

    pub fn suspend(&self, at: Here<'_>, suspended: bool) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |target| ActionKind::Suspend(Suspend { target, suspended }))
    }

    pub fn trigger(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |target| ActionKind::Trigger(Trigger { target }))
    }
}

impl SuspendArgs {
    pub const fn manner(&self) -> &Manner {
        &self.targets.manner
    }

    pub fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.targets.suspend(at, !self.off)
    }
}
