//! From wire types to rows, one file per resource. Every text is cleaned here, where it enters.

mod batch;
mod controller_revision;
mod event;
mod hpa;
mod node;
mod node_metrics;
pub mod pod;
mod pod_health;
mod pod_metrics;
mod pod_status;
pub mod progressive;
mod replica_set;
pub mod rollout;
mod workload;

pub use controller_revision::ControllerRevisions;
pub use event::Events;
pub use hpa::Hpas;
pub use node::Nodes;
pub use node_metrics::NodeMetrics;
pub use pod::Pods;
pub use pod_metrics::PodMetrics;
pub use replica_set::ReplicaSets;
pub use workload::{CronJobs, DaemonSets, Deployments, Jobs, Rollouts, StatefulSets, managed_by};

use serde::de::DeserializeOwned;

use crate::domain::time::Instant;
use crate::ports::feed::{Delta, Update};

/// How one resource becomes rows. Holds the pool of shared strings, and what rows must be looked at again later.
pub trait Table: Send + 'static {
    /// Wire type.
    type Object: DeserializeOwned + Send;
    /// Row.
    type Row: Send;
    /// Key of a row.
    type Key: Ord + Clone + Send;

    /// The row's key.
    fn key(&mut self, object: &Self::Object) -> Self::Key;
    /// The row; `None` for an object that is none of ours.
    fn row(&mut self, object: Self::Object, now: Instant) -> Option<Self::Row>;
    /// Packs a delta.
    fn update(delta: Delta<Self::Row, Self::Key>) -> Update;
    /// Packs a delta, for a table that tells more than the delta does.
    fn pack(&mut self, delta: Delta<Self::Row, Self::Key>) -> Update {
        Self::update(delta)
    }
    /// Rows that changed because time passed.
    fn due(&mut self, now: Instant) -> Vec<(Self::Key, Self::Row)> {
        let _ = now;
        Vec::new()
    }
    /// A row is gone.
    fn forget(&mut self, key: Option<&Self::Key>) {
        let _ = key;
    }
}
