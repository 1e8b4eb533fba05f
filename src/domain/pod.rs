//! A pod as a row: a few hundred bytes that say whether it is well and, if not, why, in words.

use serde::Serialize;

use super::Text;
use super::target::{PodRef, WorkloadRef};
use super::time::Instant;

/// How a pod is, worst first: the order in which rows stand on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodHealth {
    /// A container waits in `CrashLoopBackOff`, or died and is about to.
    CrashLoop,
    /// An image cannot be pulled, or a container cannot be created.
    CannotStart,
    /// Failed, evicted, lost node, or cannot be scheduled.
    Failed,
    /// Running, but not ready for longer than a start takes.
    NotReady,
    /// Ready, but a container restarted within the last hour.
    Restarted,
    /// On its way up, within the time that a start may take.
    Starting,
    /// Being deleted.
    Terminating,
    /// All containers ready.
    Ready,
    /// Ended well (a Job's pod).
    Succeeded,
}

impl PodHealth {
    /// Does someone have to look at it?
    pub const fn is_unhealthy(self) -> bool {
        matches!(self, Self::CrashLoop | Self::CannotStart | Self::Failed | Self::NotReady | Self::Restarted)
    }
}

/// One pod. `status` is what `kubectl get pods` prints in its STATUS column; `reason` says more, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PodRow {
    /// Namespace and name.
    #[serde(flatten)]
    pub id: PodRef,
    /// The workload that it belongs to, ReplicaSets resolved to their Deployment.
    pub owner: Option<WorkloadRef>,
    /// `pod-template-hash` or `controller-revision-hash`: which revision of its owner it runs.
    pub revision_hash: Option<Text>,
    /// Node, empty while unscheduled.
    pub node: Text,
    /// How it is, worst first.
    pub health: PodHealth,
    /// kubectl's STATUS: `Running`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`…
    pub status: Text,
    /// In words, when something is wrong: `exit 1`, `back-off pulling image`, `readiness probe failing for 3m`.
    pub reason: Option<Text>,
    /// Ready containers.
    pub ready: u16,
    /// All containers (restartable init containers included, as kubectl counts).
    pub containers: u16,
    /// Restarts of all containers.
    pub restarts: u32,
    /// When a container last ended before a restart.
    pub last_restart: Option<Instant>,
    /// Creation time.
    pub created: Instant,
    /// Container names (init containers first), for logs.
    pub container_names: std::sync::Arc<[Text]>,
}

/// What a pod uses now, all its containers together, as the metrics API says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PodUsage {
    /// The pod.
    #[serde(flatten)]
    pub id: PodRef,
    /// CPU in thousandths of a core, rounded up as kubectl does.
    pub cpu: u64,
    /// Working set in bytes.
    pub memory: u64,
}

impl PodUsage {
    /// CPU and memory as `kubectl top` prints them: `250m`, `96Mi`.
    pub fn words(&self) -> [String; 2] {
        [format!("{}m", self.cpu), format!("{}Mi", self.memory >> 20)]
    }
}
