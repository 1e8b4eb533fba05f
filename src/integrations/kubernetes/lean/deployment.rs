//! Deployments on the wire.

use serde::Deserialize;

use super::{Condition, Meta, Template};

/// A Deployment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanDeployment {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: DeploymentSpec,
    /// Status.
    pub status: DeploymentStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeploymentSpec {
    /// Wanted pods; the server defaults it to 1.
    pub replicas: Option<u32>,
    /// Paused?
    pub paused: bool,
    /// Template.
    pub template: Template,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// Generation that the controller has seen.
    pub observed_generation: i64,
    /// All pods.
    pub replicas: u32,
    /// Of the newest template.
    pub updated_replicas: u32,
    /// Ready.
    pub ready_replicas: u32,
    /// Available.
    pub available_replicas: u32,
    /// Conditions.
    pub conditions: Vec<Condition>,
}
