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
    #[serde(default)]
    pub starts_at: Option<DateTime<FixedOffset>>,
    pub ends_at: DateTime<FixedOffset>,
    #[serde(default)]
    pub matchers: Vec<WireMatcher>,
    #[serde(default)]
    pub status: WireSilenceStatus,
    /// Since 0.29.
    #[serde(default)]
    pub annotations: WireLabels,
}

/// `silenceStatus`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireSilenceStatus {
    /// `pending`, `active` or `expired`.
    pub state: String,
}

/// `matcher`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireMatcher {
    pub name: String,
    pub value: String,
    #[serde(default)]
    pub is_regex: bool,
    /// Absent before 0.22, which knew no other.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

const fn yes() -> bool {
    true
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
