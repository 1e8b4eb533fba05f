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
