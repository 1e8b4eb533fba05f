//! ReplicaSets on the wire.

use serde::Deserialize;

use super::{Condition, Meta, Template};

/// A ReplicaSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanReplicaSet {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: ReplicaSetSpec,
    /// Status.
    pub status: ReplicaSetStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReplicaSetSpec {
    /// Wanted pods.
    pub replicas: Option<u32>,
    /// Template.
    pub template: Template,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaSetStatus {
    /// Generation that the controller has seen.
    pub observed_generation: i64,
    /// All pods.
    pub replicas: u32,
    /// Ready.
    pub ready_replicas: u32,
    /// Available.
    pub available_replicas: u32,
    /// Conditions.
    pub conditions: Vec<Condition>,
}
