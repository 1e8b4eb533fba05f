//! Prometheus, by its HTTP API v1 (also Thanos, Mimir, VictoriaMetrics): queries, alerts, rules, version.
//!
//! The console never writes here. Queries go by GET while they fit into a query string, because read-only proxies and
//! the API server's service proxy (verb `get`) let that through; longer ones go by POST.

mod feed;
#[cfg(test)]
mod tests;
pub mod wire;

use std::sync::Arc;

use serde::de::DeserializeOwned;

pub use self::feed::PrometheusAlertsFeed;
use self::wire::{BuildInfo, Envelope, QueryResult, WireAlerts, WireResult, WireRules};
use super::alerts::{SeverityOf, annotations, labels};
use super::http::{Pairs, Transport, fault};
use crate::domain::Text;
use crate::domain::alert::{Alert, Labels};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::feed::{Fault, FaultKind};

/// Queries with more bytes than this are sent in a body. Common limits of proxies begin at 4 KiB for the whole head.
const GET_LIMIT: usize = 2_000;

/// Data, and what the server warned about.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// The data.
    pub data: T,
    /// Warnings: the data is not to be trusted fully (a store did not answer). Cleaned. The server's `infos` are hints
    /// on style and not kept.
    pub warnings: Vec<String>,
}

/// A rule as loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its group.
    pub group: Text,
    /// Alert name, or recorded metric.
    pub name: Text,
    /// Its PromQL.
    pub query: Text,
    /// Alerting rule? (Recording rules have no `for` and no state.)
    pub alerting: bool,
    /// `for`, in seconds.
    pub hold: f64,
    /// Labels that it adds.
    pub labels: Labels,
    /// Annotations, templates not expanded.
    pub annotations: Labels,
    /// `firing`, `pending`, `inactive`; alerting rules only.
    pub state: Option<Text>,
    /// Why its last evaluation failed, if it did.
    pub error: Option<Text>,
}

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct PrometheusClient {
    transport: Arc<dyn Transport>,
}

impl PrometheusClient {
    /// A client over a transport; sends nothing.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    /// The server, for people.
    pub fn origin(&self) -> &str {
        self.transport.origin()
    }

    /// Evaluates at one instant; the server's now when `at` is `None`.
    pub async fn query(&self, promql: &str, at: Option<Instant>) -> Result<Answer<QueryResult>, Fault> {
        let at = at.map(unix);
        let mut pairs = vec![("query", promql)];
        pairs.extend(at.as_deref().map(|at| ("time", at)));
        self.evaluate("/api/v1/query", &pairs).await
    }

    /// Evaluates every `step` seconds from `start` to `end`. The server refuses more than 11 000 points a series.
    pub async fn query_range(
        &self,
        promql: &str,
        start: Instant,
        end: Instant,
        step: u64,
    ) -> Result<Answer<QueryResult>, Fault> {
        let (start, end, step) = (unix(start), unix(end), step.max(1).to_string());
        let pairs = [("query", promql), ("start", start.as_str()), ("end", end.as_str()), ("step", step.as_str())];
        self.evaluate("/api/v1/query_range", &pairs).await
    }

    async fn evaluate(&self, path: &str, pairs: Pairs<'_>) -> Result<Answer<QueryResult>, Fault> {
        let Answer { data, warnings } = self.fetch::<WireResult>(path, pairs).await?;
        Ok(Answer { data: data.into(), warnings })
    }

    /// The server's clock. Everything of one reading is evaluated at one such instant, so that this machine's clock
    /// does not matter.
    pub async fn now(&self) -> Result<Instant, Fault> {
        let seconds = self.query("time()", None).await?.data.number();
        seconds.and_then(|seconds| chrono::DateTime::from_timestamp_millis((seconds * 1000.0) as i64)).ok_or_else(
            || {
                let message = format!("Prometheus at {} did not tell the time when asked for time()", self.origin());
                Fault::new(FaultKind::Malformed, message).hint("check that prometheus.url leads to Prometheus")
            },
        )
    }

    /// Pending and firing alerts of its alerting rules.
    pub async fn alerts(&self, severity: &SeverityOf) -> Result<Vec<Alert>, Fault> {
        let answer = self.fetch::<WireAlerts>("/api/v1/alerts", &[]).await?;
        Ok(answer.data.alerts.iter().filter_map(|alert| feed::alert(alert, severity)).collect())
    }

    /// All rules, in file order.
    pub async fn rules(&self) -> Result<Vec<Rule>, Fault> {
        let answer = self.fetch::<WireRules>("/api/v1/rules", &[]).await?;
        let text = |text: &str| Text::from(clean(text));
        Ok(answer
            .data
            .groups
            .iter()
            .flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
            .map(|(group, rule)| Rule {
                group: text(&group.name),
                name: text(&rule.name),
                query: text(&rule.query),
                alerting: rule.duration.is_some() || rule.state.is_some(),
                hold: rule.duration.unwrap_or_default(),
                labels: labels(&rule.labels),
                annotations: annotations(&rule.annotations),
                state: rule.state.as_deref().map(text),
                error: (rule.health == "err").then(|| text(&rule.last_error)),
            })
            .collect())
    }

    /// Version of the server.
    pub async fn buildinfo(&self) -> Result<BuildInfo, Fault> {
        let info = self.fetch::<BuildInfo>("/api/v1/status/buildinfo", &[]).await?.data;
        Ok(BuildInfo { version: clean(&info.version).into(), revision: clean(&info.revision).into() })
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str, pairs: Pairs<'_>) -> Result<Answer<T>, Fault> {
        let size: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let answer = if size > GET_LIMIT {
            self.transport.post_form(path, pairs).await?
        } else {
            self.transport.get(path, pairs).await?
        };
        let unexpected = || fault::of_answer(&answer, self.transport.product(), self.origin());
        if matches!(answer.status, 300..=399 | 401 | 403) {
            return Err(unexpected());
        }
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&answer.body) else { return Err(unexpected()) };
        match (&*envelope.status, envelope.data) {
            ("success", Some(data)) => {
                let data = serde_json::from_str(data.get()).map_err(|error| {
                    let message = format!("Prometheus at {} answered in an unknown shape: {error}", self.origin());
                    Fault::new(FaultKind::Malformed, clean(&message))
                })?;
                let warnings = envelope.warnings.iter().map(|warning| clean(warning).into_owned()).collect();
                Ok(Answer { data, warnings })
            }
            ("error", _) => Err(refusal(&envelope)),
            _ => Err(unexpected()),
        }
    }
}

/// An error of the API in the server's own words; they name the place in the query.
fn refusal(envelope: &Envelope<'_>) -> Fault {
    let said = clean(&envelope.error).into_owned();
    match envelope.error_type.as_str() {
        "timeout" | "canceled" => Fault::new(FaultKind::Server, format!("Prometheus gave the query up: {said}"))
            .hint("the query is too heavy for the server, or the server is overloaded"),
        "bad_data" => Fault::new(FaultKind::Server, format!("Prometheus refuses the query: {said}")),
        "not_found" => Fault::new(FaultKind::NotServed, format!("Prometheus does not serve this: {said}")),
        "" => Fault::new(FaultKind::Server, format!("Prometheus: {said}")),
        other => Fault::new(FaultKind::Server, format!("Prometheus ({}): {said}", clean(other))),
    }
}

/// Unix seconds with milliseconds, as the API reads them.
fn unix(at: Instant) -> String {
    format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis())
}
