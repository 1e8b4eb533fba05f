//! HorizontalPodAutoscalers on the wire (`autoscaling/v2`).

use serde::Deserialize;

use super::Meta;

/// A HorizontalPodAutoscaler.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanHpa {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: HpaSpec,
    /// Status.
    pub status: HpaStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HpaSpec {
    /// What it scales.
    pub scale_target_ref: Target,
    /// Lower bound; the server defaults it to 1.
    pub min_replicas: Option<u32>,
    /// Upper bound.
    pub max_replicas: u32,
}

/// What an autoscaler scales.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Target {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HpaStatus {
    /// Replicas now.
    pub current_replicas: u32,
}
