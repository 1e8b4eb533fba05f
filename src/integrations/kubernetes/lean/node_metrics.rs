//! What nodes use, on the wire (`metrics.k8s.io/v1beta1`).

use serde::Deserialize;

use super::Meta;

/// `NodeMetrics`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanNodeMetrics {
    /// Metadata.
    pub metadata: Meta,
    /// Use.
    pub usage: Amounts,
}

/// CPU and memory as Kubernetes quantities.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Amounts {
    /// CPU.
    pub cpu: String,
    /// Memory.
    pub memory: String,
    /// Pods (of nodes).
    pub pods: String,
}
