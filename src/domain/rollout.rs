//! Is a rollout done, going on, or stuck? The same questions that `kubectl rollout status` asks.
//!
//! Source: kubectl `pkg/polymorphichelpers/rollout_status.go`.

use serde::Serialize;

use super::Text;

/// Where a rollout stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum RolloutPhase {
    /// Everything updated and available.
    Complete,
    /// The controller has not seen the newest spec yet.
    Unobserved,
    /// Going on.
    Progressing {
        /// What it waits for, in words.
        waiting_for: Text,
    },
    /// `spec.paused`.
    Paused,
    /// `Progressing=False, reason ProgressDeadlineExceeded`, or replicas cannot be created.
    Stuck {
        /// Why, in the cluster's words.
        why: Text,
    },
    /// The rollout completed, but fewer pods are available now than are wanted.
    Degraded {
        /// What is missing, in words.
        why: Text,
    },
    /// The strategy is `OnDelete`, or a `partition` holds pods back: it does not roll by itself.
    Held {
        /// Why, in words.
        why: Text,
    },
}

impl RolloutPhase {
    /// Does someone have to look at it?
    pub const fn is_unhealthy(&self) -> bool {
        matches!(self, Self::Stuck { .. } | Self::Degraded { .. })
    }
}

/// Counts and phase of a rollout. All counts are pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolloutStatus {
    /// Wanted (`spec.replicas`, or nodes that should run a daemon).
    pub desired: u32,
    /// Existing, of any revision.
    pub total: u32,
    /// Of the newest revision.
    pub updated: u32,
    /// Of the newest revision and ready, where the API or the pods tell; else all ready pods.
    pub ready: u32,
    /// Available for at least `minReadySeconds`.
    pub available: u32,
    /// Where it stands.
    #[serde(flatten)]
    pub phase: RolloutPhase,
    /// When the current revision went out, when known. From a source that sees only the workload: when its rollout was
    /// completed; the World knows better from the revision's creation.
    pub since: Option<super::time::Instant>,
}

/// State of a progressive delivery (Argo Rollouts): where between two revisions it stands and why it stands there.
///
/// Source: `argoproj.io/v1alpha1` `RolloutStatus`, and what `kubectl argo rollouts get rollout` makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progressive {
    /// How traffic moves.
    pub strategy: Strategy,
    /// Pod hash of the newest revision.
    pub current: Text,
    /// Pod hash of the revision that is known to be good.
    pub stable: Text,
    /// Aborted: the stable revision serves although the spec wants another.
    pub aborted: bool,
    /// Why it waits for someone, when it does.
    pub pause: Option<Pause>,
    /// Promotion past all remaining steps was asked for.
    pub promoting: bool,
    /// Analysis that is under way or ended badly: name, phase and message in words.
    pub analysis: Option<Text>,
    /// The controller's own words.
    pub message: Option<Text>,
    /// `Deployment/payment` when the template is that of another object (`spec.workloadRef`).
    pub template_of: Option<Text>,
}

/// How a progressive delivery moves traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// In steps.
    Canary {
        /// Steps done.
        step: u32,
        /// All steps; 0 when there are none.
        steps: u32,
        /// Share of traffic that the newest revision should have now, in percent of `weight_of`.
        weight: u32,
        /// The whole, 100 unless the traffic router is told otherwise.
        weight_of: u32,
        /// The step under way, in words (`pause 5m`).
        doing: Option<Text>,
    },
    /// At once.
    BlueGreen {
        /// Pod hash behind the active service.
        active: Text,
        /// Pod hash behind the preview service.
        preview: Text,
    },
}

/// Why a progressive delivery waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// What it waits for, in words (`until it is promoted`).
    pub why: Text,
    /// Since when.
    pub since: Option<super::time::Instant>,
    /// Until when by itself; `None` waits for a person.
    pub until: Option<super::time::Instant>,
}

impl Progressive {
    /// Is the newest revision the stable one, so that nothing is under way?
    pub fn is_promoted(&self) -> bool {
        self.current == self.stable
    }

    /// `step 3/8, weight 20 %`, or which hash serves.
    pub fn place(&self) -> String {
        match &self.strategy {
            Strategy::Canary { step, steps, weight, weight_of, .. } => {
                let share = if *weight_of == 100 { format!("{weight} %") } else { format!("{weight}/{weight_of}") };
                if *steps == 0 { format!("weight {share}") } else { format!("step {step}/{steps}, weight {share}") }
            }
            Strategy::BlueGreen { active, preview } if active == preview || preview.is_empty() => {
                format!("active {active}")
            }
            Strategy::BlueGreen { active, preview } => format!("active {active}, preview {preview}"),
        }
    }
}

/// A pod that keeps a StatefulSet from going on: it is waited for, and can never be ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// Its name.
    pub pod: Text,
    /// Does it run the revision that is rolled out? Otherwise it was left over, and is not replaced by itself.
    pub newest: bool,
}

impl Blocked {
    /// What it means, and what helps.
    ///
    /// Source: Kubernetes documentation, StatefulSets, "Forced rollback".
    pub fn words(&self) -> String {
        let pod = &self.pod;
        if self.newest {
            format!("{pod} is broken and blocks the update: a rollback alone does not move it")
        } else {
            format!("{pod} is broken at another revision and blocks the update: delete it")
        }
    }
}
