//! What pods use, on the wire (`metrics.k8s.io/v1beta1`).

use serde::Deserialize;

use super::Meta;
use super::node_metrics::Amounts;

/// `PodMetrics`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanPodMetrics {
    /// Metadata.
    pub metadata: Meta,
    /// Its containers.
    pub containers: Vec<LeanContainerMetrics>,
}

/// `ContainerMetrics`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanContainerMetrics {
    /// Use.
    pub usage: Amounts,
}
