//! The API against what a real Alertmanager answered to the same requests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 9, 28, 32).unwrap()
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Json) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (answer[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(json!(body)))
}

async fn started() -> (SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>) {
    let state = Alertmanager::new(LabClock::frozen(now()), routing::LAB_CONFIG).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(serve(listener, state)))
}

fn silence(matchers: &str, starts: &str, ends: &str) -> String {
    format!(
        "{{\"matchers\":[{matchers}],\"startsAt\":\"{starts}\",\"endsAt\":\"{ends}\",\"createdBy\":\"me\",\"comment\":\"c\"}}"
    )
}

const SERVICE: &str = r#"{"name":"service","value":"a","isRegex":false}"#;
const PAST: &str = "2026-11-20T10:00:00Z";
const FUTURE: &str = "2036-11-21T10:00:00Z";

#[tokio::test]
async fn what_a_real_alertmanager_refuses_is_refused_in_its_words() {
    let (address, server) = started().await;
    let facts = [
        ("/alerts", r#"[{"labels":{}}]"#.to_owned(), 400, json!("at least one label pair required")),
        ("/alerts", r#"[{"labels":{"a-b":"c"}}]"#.to_owned(), 400, json!("invalid label set: invalid name \"a-b\"")),
        (
            "/alerts",
            r#"[{"labels":{"a":"c"},"startsAt":"2026-11-21T10:00:00Z","endsAt":"2026-11-20T10:00:00Z"}]"#.to_owned(),
            400,
            json!("start time must be before end time"),
        ),
        ("/alerts", "[{}]".to_owned(), 422, json!({ "code": 602, "message": "0.labels in body is required" })),
        ("/alerts", String::new(), 422, json!({ "code": 602, "message": "alerts in body is required" })),
        ("/silences", "{}".to_owned(), 422, json!({ "code": 602, "message": "comment in body is required" })),
        (
            "/silences",
            silence("", PAST, FUTURE),
            422,
            json!({ "code": 612, "message": "matchers in body should have at least 1 items" }),
        ),
        (
            "/silences",
            silence(SERVICE, FUTURE, "2036-11-20T10:00:00Z"),
            400,
            json!("Failed to create silence: start time must be before end time"),
        ),
        (
            "/silences",
            silence(SERVICE, "2016-11-20T10:00:00Z", "2016-11-21T10:00:00Z"),
            400,
            json!("Failed to create silence: end time can't be in the past"),
        ),
        (
            "/silences",
            silence(r#"{"name":"a","value":"","isRegex":false}"#, PAST, FUTURE),
            400,
            json!("silence invalid: at least one matcher must not match the empty string"),
        ),
        (
            "/silences",
            silence(r#"{"name":"a","value":"b"}"#, PAST, FUTURE),
            422,
            json!({ "code": 602, "message": "matchers.0.isRegex in body is required" }),
        ),
    ];
    for (path, body, status, expected) in facts {
        assert_eq!(ask(address, "POST", &format!("/api/v2{path}"), &body).await, (status, expected), "{path} {body}");
    }
    for (path, status, expected) in [
        ("/alerts?filter=foo", 400, json!("bad matcher format: foo")),
        ("/alerts?filter=a=%22b", 400, json!("matcher value contains unescaped double quote: \"b")),
        ("/silence/xx", 422, json!({ "code": 601, "message": "silenceID in path must be of type uuid: \"xx\"" })),
        ("/silence/6bb1eb2e-0000-4000-8000-000000000000", 404, json!("")),
        ("/nope", 404, json!({ "code": 404, "message": "path /api/v2/nope was not found" })),
    ] {
        assert_eq!(ask(address, "GET", &format!("/api/v2{path}"), "").await, (status, expected), "{path}");
    }
    server.abort();
}

#[tokio::test]
async fn a_silence_suppresses_what_it_matches_until_it_is_deleted() {
    let (address, server) = started().await;
    let alert = r#"[{"labels":{"alertname":"X","severity":"critical","service":"a"},"annotations":{"summary":"s"},"generatorURL":"http://x/"}]"#;
    assert_eq!(ask(address, "POST", "/api/v2/alerts", alert).await.0, 200);
    let (_, made) = ask(address, "POST", "/api/v2/silences", &silence(SERVICE, PAST, FUTURE)).await;
    let id = made["silenceID"].as_str().unwrap().to_owned();
    let (_, alerts) = ask(address, "GET", "/api/v2/alerts", "").await;
    // Fingerprint, times and all: the real server's answer to the same post.
    assert_eq!(
        alerts,
        json!([{
            "annotations": { "summary": "s" },
            "endsAt": "2026-11-21T09:33:32.000Z",
            "fingerprint": "cbd503ff1c54c250",
            "receivers": [{ "name": "on-call-pager" }],
            "startsAt": "2026-11-21T09:28:32.000Z",
            "status": { "inhibitedBy": [], "mutedBy": [], "silencedBy": [id], "state": "suppressed" },
            "updatedAt": "2026-11-21T09:28:32.000Z",
            "generatorURL": "http://x/",
            "labels": { "alertname": "X", "service": "a", "severity": "critical" },
        }])
    );
    assert_eq!(ask(address, "GET", "/api/v2/alerts?silenced=false", "").await.1, json!([]));
    let (_, groups) = ask(address, "GET", "/api/v2/alerts/groups", "").await;
    assert_eq!(groups[0]["labels"], json!({ "alertname": "X", "service": "a" }));
    let (_, found) = ask(address, "GET", &format!("/api/v2/silence/{id}"), "").await;
    assert_eq!(
        (found["startsAt"].as_str(), found["status"]["state"].as_str()),
        (Some("2026-11-21T09:28:32.000Z"), Some("active"))
    );
    assert_eq!(ask(address, "DELETE", &format!("/api/v2/silence/{id}"), "").await.0, 200);
    let (_, alerts) = ask(address, "GET", "/api/v2/alerts?active=true", "").await;
    assert_eq!(alerts[0]["status"]["state"], "active");
    assert_eq!(ask(address, "GET", "/api/v2/silences", "").await.1[0]["status"]["state"], "expired");
    server.abort();
}

#[test]
fn changing_what_an_active_silence_matches_makes_a_new_one() {
    let matcher = |text: &str| Matcher::parse(text).unwrap();
    let mut silences = Silences::default();
    let draft = |id: &str, text: &str, hours: i64| silences::Draft {
        id: id.to_owned(),
        matchers: vec![matcher(text)],
        starts_at: now(),
        ends_at: now() + TimeDelta::hours(hours),
        created_by: "me".to_owned(),
        comment: String::new(),
    };
    let first = silences.set(draft("", "a=b", 1), now()).unwrap();
    assert_eq!(silences.set(draft(&first, "a=b", 2), now()).unwrap(), first, "longer is the same silence");
    let second = silences.set(draft(&first, "a=~\"b|c\"", 2), now()).unwrap();
    assert_ne!(second, first);
    assert_eq!(silences.get(&first).unwrap().state(now()), "expired");
    let listed = silences.list(&[matcher("a=~\"b.*\"")], now());
    assert_eq!(listed[0].json(now())["id"], json!(second), "active before expired");
}

#[test]
fn a_critical_alert_inhibits_its_own_warning_and_a_late_post_keeps_the_first_start() {
    let state = Alertmanager::new(LabClock::frozen(now()), routing::LAB_CONFIG).unwrap();
    let post = |severity: &str, at: DateTime<Utc>| {
        let labels = [("alertname", "X"), ("severity", severity)];
        let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        state.post(vec![PostedAlert { labels, ..PostedAlert::default() }], at)
    };
    post("critical", now() - TimeDelta::minutes(3));
    post("critical", now());
    post("warning", now());
    let filter =
        |inhibited| AlertFilter { active: true, silenced: true, inhibited, matchers: Vec::new(), receiver: None };
    let views = state.alerts(&filter(true));
    let by = |severity: &str| views.iter().find(|v| v.alert.labels["severity"] == severity).unwrap();
    assert_eq!(by("warning").inhibited_by, [by("critical").fingerprint.clone()]);
    assert!(by("critical").inhibited_by.is_empty());
    assert_eq!(by("critical").alert.starts_at, now() - TimeDelta::minutes(3));
    assert_eq!(state.alerts(&filter(false)).len(), 1);
}
