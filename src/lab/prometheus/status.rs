//! The API about the server itself: rules, alerts, targets, metadata, build and configuration.

use axum::extract::State;
use axum::response::Response;
use chrono::DateTime;
use serde_json::{Value as Json, json};

use super::http::{failure, success};
use super::metadata::METRICS;
use super::params::{Params, invalid};
use super::rules::file::Rule;
use super::rules::{ActiveAlert, AlertState, RuleStatus};
use super::{PrometheusState, wire};

/// The release whose behaviour this server follows.
const VERSION: &str = "2.53.0";
const RULE_FILE: &str = "/etc/prometheus/lab.rules.yml";

fn alert_json(alert: &ActiveAlert) -> Json {
    json!({
        "labels": wire::labels(&alert.labels),
        "annotations": alert.annotations,
        "state": alert.state.name(),
        "activeAt": wire::time(alert.active_at),
        "value": exponent(alert.value),
    })
}

/// Go's `%e` with the shortest digits: how the API writes an alert's value.
fn exponent(value: f64) -> String {
    if !value.is_finite() {
        return wire::number(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// What counts as an alert for the API: pending or firing.
fn live(status: &RuleStatus) -> impl Iterator<Item = &ActiveAlert> {
    status.alerts.values().filter(|a| a.state != AlertState::Inactive)
}

pub(super) async fn alerts(State(state): State<PrometheusState>) -> Response {
    let groups = state.rules.visit(|_, status| status.iter().flat_map(live).map(alert_json).collect::<Vec<_>>());
    success(&json!({ "alerts": groups.concat() }))
}

pub(super) async fn rules(State(state): State<PrometheusState>, params: Params) -> Response {
    let wanted = match params.get("type").map(str::to_ascii_lowercase).as_deref() {
        None => (true, true),
        Some("alert") => (true, false),
        Some("record") => (false, true),
        Some(other) => return failure(&invalid("type", &format!("not supported value {other:?}"))),
    };
    let (names, groups): (Vec<_>, Vec<_>) = (params.all("rule_name[]").collect(), params.all("rule_group[]").collect());
    let found = state.rules.visit(|group, status| {
        if !groups.is_empty() && !groups.contains(&group.name.as_str()) {
            return None;
        }
        let chosen = group.rules.iter().zip(status).filter(|(rule, _)| {
            (if rule.alerts { wanted.0 } else { wanted.1 }) && (names.is_empty() || names.contains(&rule.name.as_str()))
        });
        let rules: Vec<Json> = chosen.map(|(rule, status)| rule_json(rule, status)).collect();
        let took: f64 = status.iter().map(|s| s.took.as_secs_f64()).sum();
        let last = status.iter().filter_map(|s| s.evaluated_at).max();
        // A group of which no rule was asked for is left out, unless everything was asked for.
        let all = wanted == (true, true) && names.is_empty();
        (all || !rules.is_empty()).then(|| {
            json!({
                "name": group.name,
                "file": RULE_FILE,
                "rules": rules,
                "interval": group.interval_ms as f64 / 1000.0,
                "limit": 0,
                "evaluationTime": took,
                "lastEvaluation": wire::time(last.unwrap_or_default()),
            })
        })
    });
    success(&json!({ "groups": found.into_iter().flatten().collect::<Vec<_>>() }))
}

fn rule_json(rule: &Rule, status: &RuleStatus) -> Json {
    let health = match (&status.error, status.evaluated_at) {
        (Some(_), _) => "err",
        (None, Some(_)) => "ok",
        (None, None) => "unknown",
    };
    let mut json = json!({
        "name": rule.name,
        "query": rule.query,
        "labels": rule.labels,
        "health": health,
        "evaluationTime": status.took.as_secs_f64(),
        "lastEvaluation": wire::time(status.evaluated_at.unwrap_or_default()),
        "type": if rule.alerts { "alerting" } else { "recording" },
    });
    if let Some(error) = &status.error {
        json["lastError"] = json!(error);
    }
    if rule.alerts {
        let worst = live(status).map(|a| a.state).max_by_key(|s| *s == AlertState::Firing);
        json["state"] = json!(worst.unwrap_or(AlertState::Inactive).name());
        json["duration"] = json!(rule.hold_ms as f64 / 1000.0);
        json["keepFiringFor"] = json!(0);
        json["annotations"] = json!(rule.annotations);
        json["alerts"] = live(status).map(alert_json).collect();
    }
    json
}

pub(super) async fn targets(State(state): State<PrometheusState>) -> Response {
    let grid = state.telemetry.grid();
    let up = state.telemetry.select(Some("up"), |_| true);
    let active: Vec<Json> = up
        .iter()
        .filter_map(|series| {
            let (at, value) = series.latest(grid, grid.now, super::promql::LOOKBACK_MS)?;
            let labels = series.labels().without_name();
            // Pods are scraped under their name when nothing else names them.
            let instance = [labels.get("instance"), labels.get("pod")].into_iter().find(|name| !name.is_empty());
            let (job, instance) = (labels.get("job").to_owned(), instance.unwrap_or_default().to_owned());
            let up = value > 0.0;
            Some(json!({
                "discoveredLabels": { "__address__": instance, "job": job },
                "labels": wire::labels(&labels),
                "scrapePool": job,
                "scrapeUrl": format!("http://{instance}/metrics"),
                "globalUrl": format!("http://{instance}/metrics"),
                "lastError": if up { "" } else { "connection refused" },
                "lastScrape": wire::time(DateTime::from_timestamp_millis(at).unwrap_or_default()),
                "lastScrapeDuration": 0.004,
                "health": if up { "up" } else { "down" },
                "scrapeInterval": "5s",
                "scrapeTimeout": "5s",
            }))
        })
        .collect();
    success(&json!({ "activeTargets": active, "droppedTargets": [] }))
}

pub(super) async fn alertmanagers(State(state): State<PrometheusState>) -> Response {
    let active: Vec<Json> =
        state.alertmanager_url.iter().map(|url| json!({ "url": format!("{url}/api/v2/alerts") })).collect();
    success(&json!({ "activeAlertmanagers": active, "droppedAlertmanagers": [] }))
}

pub(super) async fn metadata(params: Params) -> Response {
    let metrics = METRICS.iter().filter(|(name, ..)| params.get("metric").is_none_or(|wanted| wanted == *name));
    let described =
        metrics.map(|(name, kind, help)| ((*name).to_owned(), json!([{ "type": kind, "help": help, "unit": "" }])));
    success(&Json::Object(described.collect()))
}

pub(super) async fn build() -> Response {
    success(&json!({
        "version": VERSION,
        "revision": "lab",
        "branch": "HEAD",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

pub(super) async fn runtime(State(state): State<PrometheusState>) -> Response {
    success(&json!({
        "startTime": wire::time(state.telemetry.clock().origin()),
        "CWD": "/prometheus",
        "reloadConfigSuccess": true,
        "lastConfigTime": wire::time(state.telemetry.clock().origin()),
        "corruptionCount": 0,
        "goroutineCount": 1,
        "GOMAXPROCS": 1,
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "30d",
    }))
}

pub(super) async fn flags(State(state): State<PrometheusState>) -> Response {
    success(&json!({
        "config.file": "/etc/prometheus/prometheus.yml",
        "query.lookback-delta": "5m",
        "query.max-samples": "20000000",
        "storage.tsdb.retention.time": "30d",
        "web.external-url": state.external_url,
    }))
}

pub(super) async fn config(State(state): State<PrometheusState>) -> Response {
    let target = state.alertmanager_url.as_deref().map(|url| url.trim_start_matches("http://"));
    let alerting = target.map_or_else(String::new, |t| {
        format!("alerting:\n  alertmanagers:\n  - static_configs:\n    - targets:\n      - {t}\n")
    });
    let yaml = format!(
        "global:\n  scrape_interval: 5s\n  scrape_timeout: 5s\n  evaluation_interval: 1m\n{alerting}rule_files:\n- {RULE_FILE}\n"
    );
    success(&json!({ "yaml": yaml }))
}
