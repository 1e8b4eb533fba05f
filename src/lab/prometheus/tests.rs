//! The server as clients meet it: over HTTP, and the life of an alert from cause to cure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::rules::{AlertState, RuleEngine, file};
use super::{PrometheusState, serve};
use crate::lab::alertmanager::{AlertFilter, Alertmanager, routing};
use crate::lab::clock::LabClock;
use crate::lab::telemetry::{Labels, Telemetry};

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 14, 12, 0, 2).unwrap()
}

fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn requests(code: &str) -> Labels {
    Labels::new("http_requests_total", &[("namespace", "shop"), ("service", "payment"), ("code", code)])
}

fn waiting() -> Labels {
    let pod = [("namespace", "shop"), ("pod", "payment-x"), ("container", "payment"), ("reason", "CrashLoopBackOff")];
    Labels::new("kube_pod_container_status_waiting_reason", &pod)
}

/// Payment fails 17 % since six minutes ago.
fn bad_deploy(clock: LabClock) -> (Telemetry, Alertmanager, RuleEngine) {
    let telemetry = Telemetry::new(clock.clone());
    telemetry.history_rates(&requests("200"), &[(ago(30 * 86_400), 40.0), (ago(360), 33.2)]);
    telemetry.history_rates(&requests("500"), &[(ago(30 * 86_400), 0.01), (ago(360), 6.8)]);
    telemetry.set_gauge(&waiting(), 1.0, ago(300));
    telemetry.set_gauge(&Labels::new("up", &[("job", "payment"), ("instance", "10.0.0.1:8080")]), 1.0, ago(9000));
    let alertmanager = Alertmanager::new(clock, routing::LAB_CONFIG).unwrap();
    let engine =
        RuleEngine::new(telemetry.clone(), file::LAB_RULES, Some(alertmanager.clone()), "http://prom.test").unwrap();
    (telemetry, alertmanager, engine)
}

fn everything() -> AlertFilter {
    AlertFilter { active: true, silenced: true, inhibited: true, matchers: Vec::new(), receiver: None }
}

fn firing(alertmanager: &Alertmanager) -> Vec<String> {
    let mut names: Vec<String> =
        alertmanager.alerts(&everything()).into_iter().map(|v| v.alert.labels["alertname"].clone()).collect();
    names.sort();
    names
}

#[test]
fn replaying_the_past_makes_alerts_as_old_as_their_causes() {
    let (_, alertmanager, engine) = bad_deploy(LabClock::frozen(now()));
    engine.replay(TimeDelta::minutes(10));
    assert_eq!(firing(&alertmanager), ["ErrorBudgetBurn", "HighErrorRate", "PodCrashLooping", "Watchdog"]);
    let rule =
        engine.visit(|group, status| (group.name == "availability").then(|| status[0].clone())).remove(0).unwrap();
    let alert = rule.alerts.values().next().unwrap();
    assert_eq!(alert.state, AlertState::Firing);
    // A third of the 30 s window had to fail before the ratio passed 5 %.
    let age = (now() - alert.active_at).num_seconds();
    assert!((340..360).contains(&age), "{age}");
    assert_eq!(alert.annotations["summary"], "payment fails 17% of its requests");
    let view = alertmanager.alerts(&everything());
    let high = view.iter().find(|v| v.alert.labels["alertname"] == "HighErrorRate").unwrap();
    assert_eq!((high.alert.starts_at - alert.active_at).num_seconds(), 30, "it was pending for 30 s");
    assert_eq!(high.alert.labels["deployment"], "payment");
    assert!(high.alert.generator_url.starts_with("http://prom.test/graph?g0.expr=sum+by"));
    assert_eq!(high.groups[0].0, "on-call-pager");
}

#[tokio::test(start_paused = true)]
async fn an_alert_clears_within_a_minute_of_the_cure_and_its_series_end() {
    let clock = LabClock::new(now(), 1.0);
    let (telemetry, alertmanager, engine) = bad_deploy(clock.clone());
    engine.replay(TimeDelta::minutes(10));
    telemetry.set_rate(&requests("500"), 0.0, now());
    telemetry.set_rate(&requests("200"), 40.0, now());
    telemetry.end(&waiting(), now());
    let running = tokio::spawn(engine.clone().run());
    tokio::time::sleep(Duration::from_secs(60)).await;
    running.abort();
    // The budget's short window is five minutes: it still burns.
    assert_eq!(firing(&alertmanager), ["ErrorBudgetBurn", "Watchdog"]);
    let expr = super::promql::parse("ALERTS{alertname=\"HighErrorRate\"}").unwrap();
    let at = clock.now().timestamp_millis();
    let series = super::promql::instant(&telemetry, &expr, at).unwrap();
    assert_eq!(series, super::promql::Value::Vector(Vec::new()));
    let expr = super::promql::parse("max_over_time(ALERTS{alertname=\"HighErrorRate\"}[20m])").unwrap();
    let super::promql::Value::Vector(past) = super::promql::instant(&telemetry, &expr, at).unwrap() else { panic!() };
    let states: Vec<&str> = past.iter().map(|s| s.labels.get("alertstate")).collect();
    assert_eq!(states, ["firing", "pending"], "the past remembers");
}

/// One request on its own connection; status and body.
async fn ask(address: std::net::SocketAddr, request: &str, form: Option<&str>) -> (u16, Json) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (method, kind) =
        if form.is_some() { ("POST", "application/x-www-form-urlencoded") } else { ("GET", "text/plain") };
    let body = form.unwrap_or_default();
    let text = format!(
        "{method} {request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer[9..12].parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap_or(json!(body)))
}

#[tokio::test]
async fn the_api_answers_and_complains_as_prometheus_does() {
    let (telemetry, _, rules) = bad_deploy(LabClock::frozen(now()));
    rules.replay(TimeDelta::minutes(10));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = PrometheusState {
        telemetry,
        rules,
        external_url: "http://prom.test".to_owned(),
        alertmanager_url: Some("http://am.test".to_owned()),
    };
    let server = tokio::spawn(serve(listener, state));
    let bad = |error: &str| (400, json!({ "status": "error", "errorType": "bad_data", "error": error }));
    // The texts are those of the real server.
    for (request, expected) in [
        (
            "/api/v1/query_range?query=up&start=1&end=50000&step=1",
            bad(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ),
        ),
        (
            "/api/v1/query?query=up&time=zz",
            bad("invalid parameter \"time\": Invalid time value for 'time': cannot parse \"zz\" to a valid timestamp"),
        ),
        (
            "/api/v1/query_range?query=up&start=1&end=0&step=1",
            bad("invalid parameter \"end\": end timestamp must not be before start time"),
        ),
        (
            "/api/v1/query_range?query=up[5m]&start=1&end=5&step=1",
            bad("invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"),
        ),
        ("/api/v1/series", bad("no match[] parameter provided")),
        ("/api/v1/label/a-b/values", bad("invalid label name: \"a-b\"")),
        ("/api/v1/rules?type=foo", bad("invalid parameter \"type\": not supported value \"foo\"")),
        (
            "/api/v1/query?query=up/on()http_requests_total",
            (
                422,
                json!({
                    "status": "error",
                    "errorType": "execution",
                    "error": "found duplicate series for the match group {} on the right hand-side of the operation: \
                              [{__name__=\"http_requests_total\", code=\"500\", namespace=\"shop\", service=\"payment\"}, \
                              {__name__=\"http_requests_total\", code=\"200\", namespace=\"shop\", service=\"payment\"}]\
                              ;many-to-many matching not allowed: matching labels must be unique on one side",
                }),
            ),
        ),
    ] {
        assert_eq!(ask(address, request, None).await, expected, "{request}");
    }
    let (_, answer) = ask(address, "/api/v1/query", Some("query=up%2B1&time=1773489602.25")).await;
    assert_eq!(
        answer["data"],
        json!({ "resultType": "vector", "result": [
            { "metric": { "instance": "10.0.0.1:8080", "job": "payment" }, "value": [1_773_489_602.25, "2"] }
        ]})
    );
    let (_, names) = ask(address, "/api/v1/label/__name__/values?match[]=%7Bservice%3D%22payment%22%7D", None).await;
    let payment = names["data"].as_array().unwrap();
    assert!(payment.contains(&json!("http_requests_total")) && payment.contains(&json!("ALERTS")), "{names}");
    let (_, alerts) = ask(address, "/api/v1/alerts", None).await;
    let high =
        alerts["data"]["alerts"].as_array().unwrap().iter().find(|a| a["labels"]["alertname"] == "HighErrorRate");
    assert_eq!(high.unwrap()["state"], "firing");
    assert!(high.unwrap()["value"].as_str().unwrap().ends_with("e-01"));
    let (_, rules) = ask(address, "/api/v1/rules?type=record", None).await;
    assert_eq!(rules["data"]["groups"].as_array().unwrap().len(), 1);
    assert_eq!(rules["data"]["groups"][0]["rules"][0]["health"], "ok");
    let (_, targets) = ask(address, "/api/v1/targets", None).await;
    assert_eq!(targets["data"]["activeTargets"][0]["health"], "up");
    server.abort();
}
