//! A Prometheus over the lab's telemetry: PromQL, alerting rules and the HTTP API v1.

mod http;
mod metadata;
mod params;
pub mod promql;
pub mod rules;
mod status;
#[cfg(test)]
mod tests;
pub mod wire;

use crate::lab::telemetry::Telemetry;

pub use self::http::serve;
use self::rules::RuleEngine;

/// What the API answers from.
#[derive(Clone)]
pub struct PrometheusState {
    /// The measurements.
    pub telemetry: Telemetry,
    /// The rules and their alerts.
    pub rules: RuleEngine,
    /// Where this server is reached; shown in its configuration.
    pub external_url: String,
    /// The Alertmanager it tells; shown by `/api/v1/alertmanagers`.
    pub alertmanager_url: Option<String>,
}
