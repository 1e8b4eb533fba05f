//! Arguments of what is done to pods.

use clap::Args;

use super::super::drive::{Manner, named};
use super::super::output::Failure;
use super::{Here, examples};
use crate::actions::ActionKind;
use crate::actions::delete_pod::DeletePod;
use crate::actions::evict_pod::EvictPod;
use crate::domain::target::PodRef;

pub const DELETE: &str = examples!(
    "  opsdeck delete-pod payment-7d9c8f6b5-x2xkq
  opsdeck delete-pod pod/db-0 --force --reason 'its node is gone'   (whatever runs there may run on)"
);

pub const EVICT: &str = examples!(
    "  opsdeck evict payment-7d9c8f6b5-x2xkq
  opsdeck -n shop evict-pod pod/db-0 pod/db-1 --go-on --yes

While a PodDisruptionBudget forbids it, it waits; nothing forces it: see `opsdeck delete-pod`."
);

/// Nothing but pods.
#[derive(Debug, Args)]
pub struct Pods {
    /// `payment-7d9c8f6b5-x2xkq`, with or without `pod/`; several are one plan
    #[arg(value_name = "POD", required = true)]
    pods: Vec<String>,
    #[command(flatten)]
    pub manner: Manner,
}

/// Arguments of `delete-pod`.
#[derive(Debug, Args)]
pub struct DeletePodArgs {
    #[command(flatten)]
    targets: Pods,
    /// Without waiting for its node to say that it has ended; confirmed by typing the name
    #[arg(long)]
    force: bool,
}

impl Pods {
    fn each(&self, at: Here<'_>, make: impl Fn(PodRef) -> ActionKind) -> Result<Vec<ActionKind>, Failure> {
        let pod = |text: &String| {
            let name = named(text, &["pod", "pods", "po"])?;
            Ok(PodRef { namespace: at.namespace.clone(), name: name.into() })
        };
        self.pods.iter().map(|text| pod(text).map(&make)).collect()
    }

    pub fn evict(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |pod| ActionKind::EvictPod(EvictPod { pod }))
    }
}

impl DeletePodArgs {
    pub const fn manner(&self) -> &Manner {
        &self.targets.manner
    }

    pub fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.targets.each(at, |pod| ActionKind::DeletePod(DeletePod { pod, force: self.force }))
    }
}
