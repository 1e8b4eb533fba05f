//! Prometheus' HTTP API v1 as JSON: the envelope, and the answers that the console reads.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::domain::alert::Labels;
use crate::integrations::alerts::{WireLabels, labels};

/// Every answer, good or bad, comes in this. Borrowed from the body; `data` is read when its type is known.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    #[serde(rename = "errorType", default)]
    pub error_type: String,
    #[serde(default)]
    pub error: String,
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// `[unix seconds, "value"]`.
type WirePoint = (f64, String);

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum WireResult {
    Vector(Vec<WireSample>),
    Matrix(Vec<WireSeries>),
    Scalar(WirePoint),
    String(IgnoredAny),
}

#[derive(Deserialize)]
pub(super) struct WireSample {
    metric: WireLabels,
    // Absent when the sample is a native histogram, which none of our queries ends in.
    value: Option<WirePoint>,
}

#[derive(Deserialize)]
pub(super) struct WireSeries {
    metric: WireLabels,
    #[serde(default)]
    values: Vec<WirePoint>,
}

/// A value of a query, with unix seconds of the server's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Unix seconds.
    pub at: f64,
    /// Value; may be NaN or infinite.
    pub value: f64,
}

/// What a query evaluated to.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryResult {
    /// Instant vector.
    Vector(Vec<(Labels, Point)>),
    /// Range vector, each series in time order.
    Matrix(Vec<(Labels, Vec<Point>)>),
    /// One number.
    Scalar(Point),
    /// A string literal; carries nothing that the console shows.
    String,
}

impl QueryResult {
    /// The only number of a result: a scalar, or a vector's first sample. NaN counts as none.
    pub fn number(&self) -> Option<f64> {
        let point = match self {
            Self::Scalar(point) => Some(point),
            Self::Vector(samples) => samples.first().map(|(_, point)| point),
            Self::Matrix(_) | Self::String => None,
        };
        point.map(|point| point.value).filter(|value| !value.is_nan())
    }
}

/// Go prints `NaN`, `+Inf`, `1e+06`; Rust reads all of them. What is no number is NaN.
fn point(wire: &WirePoint) -> Point {
    Point { at: wire.0, value: wire.1.parse().unwrap_or(f64::NAN) }
}

impl From<WireResult> for QueryResult {
    fn from(wire: WireResult) -> Self {
        match wire {
            WireResult::Vector(samples) => Self::Vector(
                samples.iter().filter_map(|s| Some((labels(&s.metric), point(s.value.as_ref()?)))).collect(),
            ),
            WireResult::Matrix(series) => {
                Self::Matrix(series.iter().map(|s| (labels(&s.metric), s.values.iter().map(point).collect())).collect())
            }
            WireResult::Scalar(value) => Self::Scalar(point(&value)),
            WireResult::String(_) => Self::String,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct WireAlerts {
    pub alerts: Vec<WireAlert>,
}

/// One alert of `/alerts`, or of a rule.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAlert {
    #[serde(default)]
    pub labels: WireLabels,
    #[serde(default)]
    pub annotations: WireLabels,
    pub state: String,
    pub active_at: Option<chrono::DateTime<chrono::FixedOffset>>,
    #[serde(default)]
    pub value: String,
}

#[derive(Deserialize)]
pub(super) struct WireRules {
    #[serde(default)]
    pub groups: Vec<WireGroup>,
}

#[derive(Deserialize)]
pub(super) struct WireGroup {
    pub name: String,
    #[serde(default)]
    pub rules: Vec<WireRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireRule {
    pub name: String,
    pub query: String,
    /// Seconds of `for`; absent for recording rules.
    pub duration: Option<f64>,
    #[serde(default)]
    pub labels: WireLabels,
    #[serde(default)]
    pub annotations: WireLabels,
    #[serde(default)]
    pub health: String,
    #[serde(default)]
    pub last_error: String,
    pub state: Option<String>,
}

/// `/status/buildinfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct BuildInfo {
    /// Version, as `3.5.0`.
    #[serde(default)]
    pub version: String,
    /// Commit.
    #[serde(default)]
    pub revision: String,
}
