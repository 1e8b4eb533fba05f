//! Alertmanager's API v2 as JSON: only what the console reads.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use crate::integrations::alerts::WireLabels;

/// `gettableAlert`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAlert {
    pub fingerprint: String,
    #[serde(default)]
    pub labels: WireLabels,
    #[serde(default)]
    pub annotations: WireLabels,
    pub starts_at: DateTime<FixedOffset>,
    pub updated_at: DateTime<FixedOffset>,
    pub status: WireStatus,
}

/// `alertStatus`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireStatus {
    pub state: String,
    #[serde(default)]
    pub silenced_by: Vec<String>,
    /// Fingerprints of the alerts that inhibit it.
    #[serde(default)]
    pub inhibited_by: Vec<String>,
    /// Names of time intervals; since 0.28.
    #[serde(default)]
    pub muted_by: Vec<String>,
}

impl WireStatus {
    pub fn is_suppressed(&self) -> bool {
        self.state == "suppressed"
    }
}

/// `gettableSilence`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireSilence {
    pub id: String,
    #[serde(default)]
    pub created_by: String,
    #[serde(default)]
    pub comment: String,
    pub ends_at: DateTime<FixedOffset>,
}

/// `alertmanagerStatus`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireServer {
    pub version_info: WireVersion,
    pub cluster: WireCluster,
}

#[derive(Deserialize)]
pub(super) struct WireVersion {
    #[serde(default)]
    pub version: String,
}

#[derive(Deserialize)]
pub(super) struct WireCluster {
    #[serde(default)]
    pub status: String,
    /// Absent when clustering is disabled.
    #[serde(default)]
    pub peers: Option<Vec<serde::de::IgnoredAny>>,
}
