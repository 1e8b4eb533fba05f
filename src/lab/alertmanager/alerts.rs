//! The alerts Alertmanager holds: how posts are checked and merged, and what an alert's life looks like.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

/// How long an alert without an end lives after its last post.
const RESOLVE_TIMEOUT: TimeDelta = TimeDelta::minutes(5);

/// An alert as a client posts it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostedAlert {
    /// Its identity.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What to tell people.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When it began; now if absent.
    #[serde(default)]
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends or ended; after the resolve timeout if absent.
    #[serde(default)]
    pub ends_at: Option<DateTime<Utc>>,
    /// Link to what raised it.
    #[serde(default, rename = "generatorURL")]
    pub generator_url: String,
}

/// An alert as held.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its identity.
    pub labels: BTreeMap<String, String>,
    /// What to tell people.
    pub annotations: BTreeMap<String, String>,
    /// When it began.
    pub starts_at: DateTime<Utc>,
    /// When it ends unless posted again.
    pub ends_at: DateTime<Utc>,
    /// When it was last posted.
    pub updated_at: DateTime<Utc>,
    /// Link to what raised it.
    pub generator_url: String,
    /// Whether the end is only the resolve timeout.
    timeout: bool,
}

impl Alert {
    /// Whether it has ended.
    pub fn resolved(&self, now: DateTime<Utc>) -> bool {
        self.ends_at <= now
    }

    /// Checks a post made at `now`; the error is Alertmanager's.
    pub fn accept(posted: PostedAlert, now: DateTime<Utc>) -> Result<Self, String> {
        // Alertmanager takes the zero time for "not given".
        let given = |at: Option<DateTime<Utc>>| at.filter(|at| at.timestamp() > 0);
        let ends_at = given(posted.ends_at);
        let starts_at = given(posted.starts_at).unwrap_or_else(|| ends_at.map_or(now, |ends| ends.min(now)));
        let alert = Self {
            labels: posted.labels.into_iter().filter(|(_, v)| !v.is_empty()).collect(),
            annotations: posted.annotations,
            starts_at,
            ends_at: ends_at.unwrap_or(now + RESOLVE_TIMEOUT),
            updated_at: now,
            generator_url: posted.generator_url,
            timeout: ends_at.is_none(),
        };
        if alert.starts_at > alert.ends_at {
            return Err("start time must be before end time".to_owned());
        }
        if alert.labels.is_empty() {
            return Err("at least one label pair required".to_owned());
        }
        if let Some(name) = alert.labels.keys().find(|name| !is_label_name(name)) {
            return Err(format!("invalid label set: invalid name {name:?}"));
        }
        Ok(alert)
    }

    /// This alert after `newer` (same labels) came in.
    #[must_use]
    pub fn merge(self, newer: Self, now: DateTime<Utc>) -> Self {
        let overlap = newer.ends_at > self.starts_at && newer.ends_at < self.ends_at
            || newer.starts_at > self.starts_at && newer.starts_at < self.ends_at;
        if !overlap {
            return newer;
        }
        let mut merged = newer;
        merged.starts_at = merged.starts_at.min(self.starts_at);
        let keep_end = if merged.resolved(now) { self.resolved(now) } else { merged.timeout && !self.timeout };
        if keep_end {
            merged.ends_at = merged.ends_at.max(self.ends_at);
        }
        merged
    }
}

fn is_label_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// FNV-1a over names and values, as Prometheus' client model computes it, in hexadecimal.
pub fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (name, value) in labels {
        feed(name.as_bytes());
        feed(value.as_bytes());
    }
    format!("{hash:016x}")
}
