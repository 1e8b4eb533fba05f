//! Pods on the wire.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Condition, Owner};
use crate::domain::time::Instant;

/// A pod. Its metadata is read apart from [`super::Meta`]: annotations and managed fields make up most of a pod's bytes
/// and no row needs them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanPod {
    /// Metadata.
    pub metadata: PodMeta,
    /// Spec.
    pub spec: PodSpec,
    /// Status.
    pub status: PodStatus,
}

/// What a pod row needs of `ObjectMeta`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodMeta {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Owners.
    pub owner_references: Vec<Owner>,
    /// Created.
    pub creation_timestamp: Option<Instant>,
    /// Being deleted since.
    pub deletion_timestamp: Option<Instant>,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Node.
    pub node_name: String,
    /// `Always`, `OnFailure`, `Never`.
    pub restart_policy: String,
    /// Init containers.
    pub init_containers: Vec<Container>,
    /// Containers.
    pub containers: Vec<Container>,
}

/// A container of the spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Name.
    pub name: String,
    /// `Always` on an init container makes it a sidecar.
    pub restart_policy: Option<String>,
}

impl Container {
    /// Is this init container a sidecar?
    pub fn is_restartable(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// Phase.
    pub phase: String,
    /// Reason of the phase (`Evicted`, `NodeLost`).
    pub reason: String,
    /// Its words.
    pub message: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Init containers.
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Containers.
    pub container_statuses: Vec<ContainerStatus>,
}

/// Status of one container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    /// Name.
    pub name: String,
    /// Ready?
    pub ready: bool,
    /// Startup probe passed?
    pub started: Option<bool>,
    /// Restarts.
    pub restart_count: u32,
    /// Now.
    pub state: ContainerState,
    /// Before the last restart.
    pub last_state: ContainerState,
}

/// One of three; none of them means waiting.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Not running yet, or not any more.
    pub waiting: Option<Waiting>,
    /// Running.
    pub running: Option<Running>,
    /// Ended.
    pub terminated: Option<Terminated>,
}

/// Waiting.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// Why.
    pub reason: String,
    /// In words.
    pub message: String,
}

/// Running.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Running {
    /// Since.
    pub started_at: Option<Instant>,
}

/// Ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    /// Exit code.
    pub exit_code: i32,
    /// Signal, 0 for none.
    pub signal: i32,
    /// Why (`Error`, `OOMKilled`, `Completed`).
    pub reason: String,
    /// When.
    pub finished_at: Option<Instant>,
}
