//! How Prometheus writes numbers, times and values in JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value as Json, json};

use super::promql::{Range, Sample, Value};
use crate::lab::telemetry::Labels;

/// A sample value as text: shortest exact decimal, `NaN`, `+Inf`, `-Inf`.
pub fn number(value: f64) -> String {
    if value.is_infinite() { if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned() } else { value.to_string() }
}

/// Milliseconds as JSON seconds, without a fraction when there is none.
fn seconds(ms: i64) -> Json {
    if ms % 1000 == 0 { json!(ms / 1000) } else { json!(ms as f64 / 1000.0) }
}

/// Labels as a JSON object.
pub fn labels(labels: &Labels) -> Json {
    Json::Object(labels.iter().map(|(n, v)| (n.to_owned(), json!(v))).collect::<Map<_, _>>())
}

/// A moment the way Go marshals it.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The `data` of an instant query's answer.
pub fn instant(value: &Value, at: i64) -> Json {
    let (kind, result) = match value {
        Value::Scalar(value) => ("scalar", json!([seconds(at), number(*value)])),
        Value::Text(text) => ("string", json!([seconds(at), text])),
        Value::Vector(samples) => ("vector", samples.iter().map(sample).collect()),
        Value::Matrix(ranges) => return matrix(ranges),
    };
    json!({ "resultType": kind, "result": result })
}

/// The `data` of a range query's answer.
pub fn matrix(ranges: &[Range]) -> Json {
    let result: Vec<Json> = ranges
        .iter()
        .map(|range| {
            let values: Vec<Json> = range.points.iter().map(|(ms, v)| json!([seconds(*ms), number(*v)])).collect();
            json!({ "metric": labels(&range.labels), "values": values })
        })
        .collect();
    json!({ "resultType": "matrix", "result": result })
}

fn sample(sample: &Sample) -> Json {
    json!({ "metric": labels(&sample.labels), "value": [seconds(sample.at), number(sample.value)] })
}
