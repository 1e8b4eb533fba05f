//! Alerting and recording rules: evaluated every five seconds of lab time, with Prometheus' alert life cycle.

pub mod file;
pub mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use self::file::{Group, Rule, RuleError};
use super::promql::{self, QueryError, Sample, Value};
use crate::lab::alertmanager::{Alertmanager, PostedAlert};
use crate::lab::telemetry::{Labels, METRIC_NAME, Telemetry};

/// Time between two evaluations, milliseconds.
pub const INTERVAL_MS: i64 = 5_000;
/// How long a resolved alert is still sent, milliseconds.
const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;
/// An alert not sent again for this long counts as resolved at the receiver, milliseconds.
const VALID_FOR_MS: i64 = 4 * 60_000;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// The condition holds, but not yet for long enough.
    Pending,
    /// It fires.
    Firing,
    /// It has resolved and is remembered for a while.
    Inactive,
}

impl AlertState {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Inactive => "inactive",
        }
    }
}

/// One instance of an alerting rule.
#[derive(Debug, Clone)]
pub struct ActiveAlert {
    /// Its labels, with `alertname`, without a metric name.
    pub labels: Labels,
    /// Its expanded annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where it stands.
    pub state: AlertState,
    /// The expression's value at the last evaluation at which it held.
    pub value: f64,
    /// Since when the condition holds.
    pub active_at: DateTime<Utc>,
    /// When it began to fire.
    fired_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
}

/// How a rule fared.
#[derive(Debug, Clone, Default)]
pub struct RuleStatus {
    /// Instances of an alerting rule, by label set.
    pub alerts: BTreeMap<Labels, ActiveAlert>,
    /// What the last evaluation failed with.
    pub error: Option<String>,
    /// When it was last evaluated.
    pub evaluated_at: Option<DateTime<Utc>>,
    /// How long that took.
    pub took: Duration,
    /// Series this rule wrote at its last evaluation, to end those it no longer writes.
    written: BTreeSet<Labels>,
}

/// Evaluates the rules. Cheap to clone; all clones share their state.
#[derive(Clone)]
pub struct RuleEngine {
    telemetry: Telemetry,
    alertmanager: Option<Alertmanager>,
    groups: Arc<Vec<Group>>,
    status: Arc<Mutex<Vec<Vec<RuleStatus>>>>,
    external_url: Arc<str>,
}

impl RuleEngine {
    /// An engine for rule files (see [`file::LAB_RULES`]). `external_url` is where this Prometheus is reached;
    /// alerts link to it.
    pub fn new(
        telemetry: Telemetry,
        files: &[&str],
        alertmanager: Option<Alertmanager>,
        external_url: &str,
    ) -> Result<Self, RuleError> {
        let mut groups = Vec::new();
        for text in files {
            groups.extend(file::parse(text)?);
        }
        let status = groups.iter().map(|g| g.rules.iter().map(|_| RuleStatus::default()).collect()).collect();
        Ok(Self {
            telemetry,
            alertmanager,
            groups: Arc::new(groups),
            status: Arc::new(Mutex::new(status)),
            external_url: external_url.trim_end_matches('/').into(),
        })
    }

    /// Evaluates the past `span` up to now, so that alerts are as old as their causes.
    pub fn replay(&self, span: TimeDelta) {
        let now = self.telemetry.now_ms();
        let mut at = next_tick(now - span.num_milliseconds());
        while at <= now {
            self.evaluate(at);
            at += INTERVAL_MS;
        }
    }

    /// Evaluates for ever, at every multiple of [`INTERVAL_MS`] of lab time.
    pub async fn run(self) {
        let clock = self.telemetry.clock().clone();
        let mut at = next_tick(self.telemetry.now_ms() + 1);
        loop {
            clock.sleep_until(DateTime::from_timestamp_millis(at).unwrap_or_default()).await;
            self.evaluate(at);
            // A stalled process skips what it missed, as Prometheus does.
            at = next_tick(self.telemetry.now_ms().max(at) + 1);
        }
    }

    /// Evaluates every rule at one instant, milliseconds, and tells the alert manager.
    pub fn evaluate(&self, at: i64) {
        let mut status = self.lock();
        let mut posted = Vec::new();
        for (group, group_status) in self.groups.iter().zip(status.iter_mut()) {
            for (rule, rule_status) in group.rules.iter().zip(group_status) {
                let started = Instant::now();
                let outcome = self.evaluate_rule(rule, rule_status, at);
                rule_status.took = started.elapsed();
                rule_status.evaluated_at = DateTime::from_timestamp_millis(at);
                rule_status.error = outcome.err().map(|why| why.to_string());
                posted.extend(rule_status.alerts.values().filter_map(|alert| self.posted(rule, alert, at)));
            }
        }
        drop(status);
        if let Some(alertmanager) = &self.alertmanager
            && let Some(at) = DateTime::from_timestamp_millis(at)
        {
            alertmanager.post(posted, at);
        }
    }

    /// The groups with the state of their rules, in file order.
    pub fn visit<T>(&self, mut each: impl FnMut(&Group, &[RuleStatus]) -> T) -> Vec<T> {
        let status = self.lock();
        self.groups.iter().zip(status.iter()).map(|(group, status)| each(group, status)).collect()
    }

    fn evaluate_rule(&self, rule: &Rule, status: &mut RuleStatus, at: i64) -> Result<(), QueryError> {
        let samples = match promql::instant(&self.telemetry, &rule.expr, at)? {
            Value::Vector(samples) => samples,
            Value::Scalar(value) => vec![Sample { labels: Labels::default(), at, value }],
            _ => return Err(QueryError::Execution("rule result is not a vector or scalar".to_owned())),
        };
        let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
        let mut written = BTreeSet::new();
        let mut write = |labels: Labels, value: f64| {
            self.telemetry.set_gauge(&labels, value, at);
            written.insert(labels);
        };
        if rule.alerts {
            advance(rule, &mut status.alerts, samples, at)?;
            for alert in status.alerts.values().filter(|a| a.state != AlertState::Inactive) {
                let state = alert.labels.with("alertstate", alert.state.name());
                write(state.with(METRIC_NAME, "ALERTS"), 1.0);
                let since = alert.active_at.timestamp() as f64;
                write(alert.labels.with(METRIC_NAME, "ALERTS_FOR_STATE"), since);
            }
        } else {
            for sample in samples {
                let named = sample.labels.with(METRIC_NAME, &rule.name);
                write(rule.labels.iter().fold(named, |labels, (n, v)| labels.with(n, v)), sample.value);
            }
        }
        for gone in status.written.difference(&written) {
            self.telemetry.end(gone, at);
        }
        status.written = written;
        Ok(())
    }

    fn posted(&self, rule: &Rule, alert: &ActiveAlert, at: i64) -> Option<PostedAlert> {
        let starts_at = alert.fired_at?;
        let valid_until = DateTime::from_timestamp_millis(at + VALID_FOR_MS)?;
        Some(PostedAlert {
            labels: alert.labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            annotations: alert.annotations.clone(),
            starts_at: Some(starts_at),
            ends_at: Some(alert.resolved_at.unwrap_or(valid_until)),
            generator_url: self.graph_url(&rule.query),
        })
    }

    /// The link to an expression's graph.
    fn graph_url(&self, query: &str) -> String {
        let mut url = format!("{}/graph?g0.expr=", self.external_url);
        for byte in query.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
                b' ' => url.push('+'),
                // Writing to a String cannot fail.
                _ => drop(write!(url, "%{byte:02X}")),
            }
        }
        url.push_str("&g0.tab=1");
        url
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<RuleStatus>>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn next_tick(ms: i64) -> i64 {
    -((-ms).div_euclid(INTERVAL_MS)) * INTERVAL_MS
}

/// Moves the instances of an alerting rule to `at`, given what its expression found.
fn advance(
    rule: &Rule,
    alerts: &mut BTreeMap<Labels, ActiveAlert>,
    samples: Vec<Sample>,
    at: DateTime<Utc>,
) -> Result<(), QueryError> {
    let mut seen = BTreeSet::new();
    for sample in samples {
        let found = sample.labels.without_name();
        let named = rule.labels.iter().fold(found.clone(), |labels, (name, text)| {
            labels.with(name, &template::expand(text, &found, sample.value))
        });
        let labels = named.with("alertname", &rule.name);
        if !seen.insert(labels.clone()) {
            let why = "vector contains metrics with the same labelset after applying alert labels";
            return Err(QueryError::Execution(why.to_owned()));
        }
        // `$labels` are those of the series found, not those the rule adds.
        let expand = |(name, text): (&String, &String)| (name.clone(), template::expand(text, &found, sample.value));
        let annotations = rule.annotations.iter().map(expand).collect();
        if let Some(alert) = alerts.get_mut(&labels).filter(|a| a.state != AlertState::Inactive) {
            alert.value = sample.value;
            alert.annotations = annotations;
            continue;
        }
        let alert = ActiveAlert {
            labels: labels.clone(),
            annotations,
            state: AlertState::Pending,
            value: sample.value,
            active_at: at,
            fired_at: None,
            resolved_at: None,
        };
        alerts.insert(labels, alert);
    }
    alerts.retain(|labels, alert| {
        if seen.contains(labels) {
            return true;
        }
        let forgotten = alert.resolved_at.is_some_and(|r| (at - r).num_milliseconds() > RESOLVED_RETENTION_MS);
        if alert.state == AlertState::Pending || forgotten {
            return false;
        }
        if alert.state == AlertState::Firing {
            alert.state = AlertState::Inactive;
            alert.resolved_at = Some(at);
        }
        true
    });
    for alert in alerts.values_mut() {
        if alert.state == AlertState::Pending && (at - alert.active_at).num_milliseconds() >= rule.hold_ms {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(at);
        }
    }
    Ok(())
}
