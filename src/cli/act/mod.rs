//! The subcommands that alter the world, one variant each; their arguments are in one file per kind of target. Adding
//! one: its variant in [`ActCommand`], its line in [`ActCommand::asked`], and its words in the test that every action has
//! a subcommand. Flags, confirmation, output and exit codes come with [`Manner`] and [`drive`].

mod batch;
mod nodes;
mod pods;
mod rollouts;
mod silences;
#[cfg(test)]
mod tests;
mod workloads;

use std::process::ExitCode;

use clap::Subcommand;

use super::drive::{Manner, drive, namespace};
use super::output::Failure;
use super::{Global, start};
use crate::actions::ActionKind;
use crate::domain::Text;
use crate::domain::time::Instant;
use crate::ports::cluster::Cluster;

/// What all of them say after their options: examples, and how they end.
macro_rules! examples {
    ($examples:literal) => {
        concat!(
            "Examples:\n",
            $examples,
            "\n\nExit codes: 0 done and verified, 2 bad arguments, 3 refused or not confirmed, 4 conflict, 5 failed, 6 unverified"
        )
    };
}
use examples;

/// Every action.
#[derive(Debug, Subcommand)]
pub enum ActCommand {
    /// Roll workloads back to an earlier revision: plan, confirm, execute, verify, record
    #[command(after_help = workloads::ROLLBACK)]
    Rollback(workloads::RollbackArgs),
    /// Run another number of pods
    #[command(after_help = workloads::SCALE)]
    Scale(workloads::ScaleArgs),
    /// Set the bounds of the autoscaler of a workload, or of one named as hpa/NAME
    #[command(after_help = workloads::AUTOSCALE, visible_alias = "scale-bounds")]
    Autoscale(workloads::AutoscaleArgs),
    /// Replace all pods of workloads, within the bounds of their rollout
    #[command(after_help = workloads::RESTART)]
    Restart(workloads::Workloads),
    /// Stop a rollout where it is
    #[command(after_help = workloads::PAUSE)]
    Pause(workloads::Workloads),
    /// Let a paused rollout go on
    #[command(after_help = workloads::RESUME)]
    Resume(workloads::Workloads),
    /// Run another image in one container
    #[command(after_help = workloads::SET_IMAGE)]
    SetImage(workloads::SetImageArgs),
    /// Give the newest revision of an Argo Rollout up: the stable one serves everything
    #[command(after_help = rollouts::ABORT)]
    Abort(rollouts::Rollouts),
    /// Try the newest revision of an aborted Argo Rollout again
    #[command(after_help = rollouts::RETRY)]
    Retry(rollouts::Rollouts),
    /// Let an Argo Rollout go on: past the step at which it waits, or past everything
    #[command(after_help = rollouts::PROMOTE)]
    Promote(rollouts::PromoteArgs),
    /// Delete pods; no PodDisruptionBudget is asked
    #[command(after_help = pods::DELETE)]
    DeletePod(pods::DeletePodArgs),
    /// Evict pods: delete them as far as PodDisruptionBudgets allow
    #[command(after_help = pods::EVICT, visible_alias = "evict")]
    EvictPod(pods::Pods),
    /// Keep new pods away from nodes
    #[command(after_help = nodes::CORDON)]
    Cordon(nodes::Nodes),
    /// Let pods onto nodes again
    #[command(after_help = nodes::UNCORDON)]
    Uncordon(nodes::Nodes),
    /// Cordon nodes and evict their pods, one by one, as far as PodDisruptionBudgets allow
    #[command(after_help = nodes::DRAIN)]
    Drain(nodes::DrainArgs),
    /// Suspend CronJobs: no new run
    #[command(after_help = batch::SUSPEND)]
    Suspend(batch::SuspendArgs),
    /// Let suspended CronJobs run on their schedule again
    #[command(after_help = batch::UNSUSPEND)]
    Unsuspend(batch::CronJobs),
    /// Run a CronJob's Job now
    #[command(after_help = batch::TRIGGER)]
    Trigger(batch::CronJobs),
    /// Silence alerts, acknowledge one, extend or expire a silence
    #[command(subcommand)]
    Silence(silences::SilenceCommand),
}

/// Where names are looked for, and when.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    /// The namespace of names without one.
    pub namespace: &'a Text,
    /// For what a name leads to.
    pub cluster: &'a dyn Cluster,
    /// The time, for what is said as an instant.
    pub now: Instant,
}

/// Runs it.
pub fn run(global: &Global, command: &ActCommand) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let connected =
            start.launch.connect(start.context.clone(), start.namespace.clone(), 1).await.map_err(start::unusable)?;
        start.settle(&connected).await;
        let (namespace, now) = (namespace(&connected), start.launch.clock.now());
        let here = Here { namespace: &namespace, cluster: &*connected.services.cluster, now };
        let (actions, manner) = command.asked(here).await?;
        drive(&start.launch, &connected, manner.request(actions)?, manner).await
    })
}

impl ActCommand {
    /// What was asked for, and in which manner.
    async fn asked(&self, at: Here<'_>) -> Result<(Vec<ActionKind>, &Manner), Failure> {
        Ok(match self {
            Self::Rollback(args) => (args.actions(at)?, args.manner()),
            Self::Scale(args) => (args.actions(at)?, args.manner()),
            Self::Autoscale(args) => (args.actions(at).await?, &args.manner),
            Self::Restart(args) => (args.restart(at)?, &args.manner),
            Self::Pause(args) => (args.pause(at)?, &args.manner),
            Self::Resume(args) => (args.resume(at)?, &args.manner),
            Self::SetImage(args) => (args.actions(at)?, &args.manner),
            Self::Abort(args) => (args.abort(at)?, &args.manner),
            Self::Retry(args) => (args.retry(at)?, &args.manner),
            Self::Promote(args) => (args.actions(at)?, args.manner()),
            Self::DeletePod(args) => (args.actions(at)?, args.manner()),
            Self::EvictPod(args) => (args.evict(at)?, &args.manner),
            Self::Cordon(args) => (args.cordon()?, &args.manner),
            Self::Uncordon(args) => (args.uncordon()?, &args.manner),
            Self::Drain(args) => (args.actions()?, args.manner()),
            Self::Suspend(args) => (args.actions(at)?, args.manner()),
            Self::Unsuspend(args) => (args.suspend(at, false)?, &args.manner),
            Self::Trigger(args) => (args.trigger(at)?, &args.manner),
            Self::Silence(command) => (command.actions(at)?, command.manner()),
        })
    }
}
