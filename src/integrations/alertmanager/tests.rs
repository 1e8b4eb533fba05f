//! One view over replicas, from answers as the API v2 gives them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::domain::alert::{Labels, Severity};
use crate::integrations::http::HttpAnswer;
use crate::integrations::http::script::{self, Script, pair};
use crate::ports::feed::{Feed, Update};

fn severity() -> SeverityOf {
    Arc::new(|_: &Labels| Severity::Warning)
}

fn alert(fingerprint: &str, name: &str, updated: &str, status: &Value) -> Value {
    json!({"fingerprint": fingerprint, "labels": {"alertname": name}, "annotations": {"summary": "a\u{1b}[31mb"},
        "startsAt": "2026-01-01T10:00:00.000Z", "updatedAt": updated, "endsAt": "2026-01-01T11:00:00Z",
        "generatorURL": "http://p", "receivers": [{"name": "r"}], "status": status})
}

fn active() -> Value {
    json!({"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []})
}

const EARLY: &str = "2026-01-01T10:01:00.000Z";
const LATE: &str = "2026-01-01T10:02:00.000Z";

/// A replica that knows these alerts and one silence.
fn replica(alerts: Vec<Value>) -> Arc<Script> {
    Script::new(Product::Alertmanager, move |asked| match asked.0.as_str() {
        "/api/v2/alerts" => {
            assert_eq!(pair(asked, "silenced"), "true");
            script::json(&json!(alerts))
        }
        "/api/v2/silences" => script::json(&json!([{"id": "s-1", "createdBy": "alice\u{7}", "comment": "deploying",
            "endsAt": "2026-01-01T12:30:00Z", "startsAt": EARLY, "matchers": [], "status": {"state": "active"}}])),
        other => panic!("{other}"),
    })
}

fn broken() -> Arc<Script> {
    Script::new(Product::Alertmanager, |_| {
        Ok(HttpAnswer {
            status: 502,
            content_type: String::new(),
            location: None,
            date: None,
            retry_after: None,
            remaining: None,
            scopes: None,
            body: b"<h1>x".to_vec(),
        })
    })
}

#[tokio::test]
async fn a_pair_is_one_view() {
    let silenced = json!({"state": "suppressed", "silencedBy": ["s-1", "s-9"], "inhibitedBy": ["f1"]});
    let muted = json!({"state": "suppressed", "silencedBy": [], "inhibitedBy": [], "mutedBy": ["weekend"]});
    let one = replica(vec![
        alert("f1", "NodeDown", LATE, &active()),
        alert("f2", "Slow", EARLY, &active()),
        alert("f3", "Muted", EARLY, &muted),
    ]);
    let two = replica(vec![alert("f1", "NodeDown", EARLY, &active()), alert("f2", "Slow", EARLY, &silenced)]);
    for replicas in [vec![one.clone(), two.clone()], vec![two, one]] {
        let client = AlertmanagerClient::new(replicas.into_iter().map(|r| r as Arc<dyn Transport>).collect());
        let view = client.alerts(&severity()).await.unwrap();
        let seen: Vec<_> = view.alerts.iter().map(|a| (&*a.key, a.state, a.suppressed_by.as_deref())).collect();
        assert_eq!(
            seen,
            [
                ("f1", AlertState::Firing, None),
                (
                    "f2",
                    AlertState::Suppressed,
                    Some("silenced by alice until Jan 1 12:30 UTC: deploying; silenced (s-9); inhibited by NodeDown")
                ),
                ("f3", AlertState::Suppressed, Some("muted during weekend")),
            ]
        );
        assert_eq!((view.alerts[0].summary(), view.down.len()), ("ab", 0));
    }
}

#[tokio::test]
async fn all_down_is_a_fault_and_none_is_not_configured() {
    let fault = AlertmanagerClient::new(vec![broken(), broken()]).alerts(&severity()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Server);
    assert!(fault.message.starts_with("none of 2 replicas answered; "), "{fault}");
    let fault = AlertmanagerClient::new(vec![]).alerts(&severity()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotConfigured);
}

#[tokio::test(start_paused = true)]
async fn one_down_limits_until_it_is_back() {
    let up = Arc::new(AtomicBool::new(false));
    let answers = up.clone();
    let flaky = Script::new(Product::Alertmanager, move |_| {
        if answers.load(Ordering::Relaxed) {
            script::json(&json!([]))
        } else {
            Ok(HttpAnswer { status: 502, ..HttpAnswer::default() })
        }
    });
    let client = AlertmanagerClient::new(vec![replica(vec![alert("f1", "A", LATE, &active())]), flaky]);
    let mut stream = AlertmanagerFeed::new(client, Duration::from_secs(5), severity()).open();
    for _ in 0..2 {
        assert!(matches!(stream.next().await, Some(Ok(Update::Alerts(alerts))) if alerts.len() == 1));
        let Some(Ok(Update::Limited(fault))) = stream.next().await else { panic!("no limit told") };
        assert!(fault.message.starts_with("1 of 2 replicas: "), "{fault}");
    }
    up.store(true, Ordering::Relaxed);
    // The list again, although nothing in it changed: it ends the limit.
    assert!(matches!(stream.next().await, Some(Ok(Update::Alerts(_)))));
    assert_eq!(stream.next().await, Some(Ok(Update::Alive)));
}

#[tokio::test]
async fn status_is_told_per_replica() {
    let ok = Script::new(Product::Alertmanager, |_| {
        script::json(&json!({"cluster": {"name": "01", "status": "ready", "peers": [{"name": "01", "address": "x"}]},
            "versionInfo": {"version": "0.28.1"}, "config": {"original": ""}, "uptime": EARLY}))
    });
    let status = AlertmanagerClient::new(vec![ok, broken()]).status().await;
    assert_eq!(
        status[0].1,
        Ok(ServerStatus { version: "0.28.1".into(), cluster: "ready".into(), peers: 1, date: None })
    );
    assert_eq!(status[1].1.as_ref().unwrap_err().kind, FaultKind::Server);
}
