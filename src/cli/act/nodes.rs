//! Arguments of what is done to nodes.

use clap::Args;

use super::super::drive::{Manner, named};
use super::super::output::Failure;
use super::examples;
use crate::actions::ActionKind;
use crate::actions::cordon::{Cordon, Uncordon};
use crate::actions::drain::Drain;
use crate::domain::Text;

pub const CORDON: &str = examples!("  opsdeck cordon ip-10-0-3-17 --reason 'disk errors'");

pub const UNCORDON: &str = examples!("  opsdeck uncordon ip-10-0-3-17");

pub const DRAIN: &str = examples!(
    "  opsdeck drain ip-10-0-3-17 --dry-run
  opsdeck drain node/ip-10-0-3-17 --force --reason 'disk errors'   (also pods that nothing brings back)

Pods of DaemonSets and static pods stay. What a PodDisruptionBudget holds back is tried again until the time is up."
);

/// Nothing but nodes.
#[derive(Debug, Args)]
pub struct Nodes {
    /// `ip-10-0-3-17`, with or without `node/`; several are one plan
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<String>,
    #[command(flatten)]
    pub manner: Manner,
}

/// Arguments of `drain`.
#[derive(Debug, Args)]
pub struct DrainArgs {
    #[command(flatten)]
    targets: Nodes,
    /// Also pods that no controller brings back: they are lost; confirmed by typing the name
    #[arg(long)]
    force: bool,
}

impl Nodes {
    fn each(&self, make: impl Fn(Text) -> ActionKind) -> Result<Vec<ActionKind>, Failure> {
        self.nodes.iter().map(|text| named(text, &["node", "nodes", "no"]).map(|name| make(name.into()))).collect()
    }

    pub fn cordon(&self) -> Result<Vec<ActionKind>, Failure> {
        self.each(|node| ActionKind::Cordon(Cordon { node }))
    }

    pub fn uncordon(&self) -> Result<Vec<ActionKind>, Failure> {
        self.each(|node| ActionKind::Uncordon(Uncordon { node }))
    }
}

impl DrainArgs {
    pub const fn manner(&self) -> &Manner {
        &self.targets.manner
    }

    pub fn actions(&self) -> Result<Vec<ActionKind>, Failure> {
        self.targets.each(|node| ActionKind::Drain(Drain { node, force: self.force }))
    }
}
