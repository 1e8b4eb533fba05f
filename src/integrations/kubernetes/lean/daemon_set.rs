//! DaemonSets on the wire.

use serde::Deserialize;

use super::stateful_set::UpdateStrategy;
use super::{Meta, Template};

/// A DaemonSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanDaemonSet {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: DaemonSetSpec,
    /// Status.
    pub status: DaemonSetStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DaemonSetSpec {
    /// Strategy.
    pub update_strategy: UpdateStrategy,
    /// Template.
    pub template: Template,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DaemonSetStatus {
    /// Generation that the controller has seen.
    pub observed_generation: i64,
    /// Nodes that should run it.
    pub desired_number_scheduled: u32,
    /// Nodes that run it and should.
    pub current_number_scheduled: u32,
    /// Of them with the newest template.
    pub updated_number_scheduled: u32,
    /// Ready.
    pub number_ready: u32,
    /// Available.
    pub number_available: u32,
}
