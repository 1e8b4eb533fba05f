//! Events on the wire (`v1`, which also shows those written through `events.k8s.io`).

use serde::Deserialize;

use super::Meta;
use crate::domain::time::Instant;

/// An Event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LeanEvent {
    /// Metadata.
    pub metadata: Meta,
    /// What it is about.
    pub involved_object: Involved,
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How often (old style).
    pub count: Option<u32>,
    /// First seen (old style).
    pub first_timestamp: Option<Instant>,
    /// Last seen (old style).
    pub last_timestamp: Option<Instant>,
    /// First seen (new style).
    pub event_time: Option<Instant>,
    /// Repetitions (new style).
    pub series: Option<Series>,
}

/// What an Event is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Involved {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// Repetitions of a new-style Event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Series {
    /// How often.
    pub count: u32,
    /// Last seen.
    pub last_observed_time: Option<Instant>,
}
