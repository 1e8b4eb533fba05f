//! The client against answers as the API's documentation shows them, and the feed under paused time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::domain::alert::{AlertState, Severity};
use crate::integrations::http::script::{self, Script, pair};
use crate::integrations::http::{HttpAnswer, Product};
use crate::ports::feed::{Feed, Update};

fn severity() -> SeverityOf {
    Arc::new(|labels: &Labels| match labels.get("severity").map(|text| &**text) {
        Some("critical" | "page") => Severity::Critical,
        Some("warning") => Severity::Warning,
        _ => Severity::Info,
    })
}

fn raw(status: u16, content_type: &str, body: &str) -> HttpAnswer {
    HttpAnswer {
        status,
        content_type: content_type.into(),
        location: None,
        date: None,
        retry_after: None,
        remaining: None,
        scopes: None,
        body: body.into(),
    }
}

fn always(answer: HttpAnswer) -> PrometheusClient {
    PrometheusClient::new(Script::new(Product::Prometheus, move |_| Ok(answer.clone())))
}

const ALERTS: &str = r#"{"status":"success","data":{"alerts":[
 {"activeAt":"2018-07-04T20:27:12.60602144+02:00","annotations":{"summary":"hi\u001b]0;owned\u0007 there\nsecond"},
  "labels":{"alertname":"my-\u001b[2Jalert","severity":"page"},"state":"firing","value":"1e+00"},
 {"activeAt":"2018-07-04T20:27:12Z","annotations":{},"labels":{"alertname":"p"},"state":"pending","value":"NaN"},
 {"activeAt":null,"annotations":{},"labels":{"alertname":"q"},"state":"inactive","value":""}]}}"#;

#[tokio::test]
async fn alerts_are_read_and_cleaned() {
    let alerts = always(raw(200, "application/json", ALERTS)).alerts(&severity()).await.unwrap();
    assert_eq!(alerts.len(), 2);
    let firing = &alerts[0];
    assert_eq!((&*firing.name, firing.state, firing.severity), ("my-alert", AlertState::Firing, Severity::Critical));
    assert_eq!(firing.summary(), "hi there\nsecond");
    assert_eq!((firing.since.to_rfc3339(), firing.value), ("2018-07-04T18:27:12.606021440+00:00".into(), Some(1.0)));
    assert_eq!((alerts[1].state, alerts[1].value), (AlertState::Pending, None));
    assert_eq!(firing.key.len(), 16);
    assert_ne!(firing.key, alerts[1].key);
}

#[tokio::test]
async fn results_of_all_types_are_read() {
    let answer = |data: serde_json::Value| always(raw(200, "", &json!({"status":"success","data":data}).to_string()));
    let vector = json!({"resultType":"vector","result":[
        {"metric":{"job":"a"},"value":[1_435_781_451.781,"+Inf"]},
        {"metric":{"job":"h"},"histogram":[1_435_781_451.781,{"count":"1"}]}]});
    let read = answer(vector).query("up", None).await.unwrap().data;
    let QueryResult::Vector(samples) = &read else { panic!("{read:?}") };
    assert_eq!((samples.len(), read.number()), (1, Some(f64::INFINITY)));
    let matrix = json!({"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2.5,"1e-06"]]}]});
    let read = answer(matrix).query("up[5m]", None).await.unwrap().data;
    let QueryResult::Matrix(series) = read else { panic!("{read:?}") };
    assert!(series[0].1[0].value.is_nan());
    assert_eq!((series[0].1[1].at, series[0].1[1].value), (2.5, 1e-6));
    let now = answer(json!({"resultType":"scalar","result":[1_435_781_460.781,"1435781460.781"]})).now().await.unwrap();
    assert_eq!(now.timestamp_millis(), 1_435_781_460_781);
    let none = answer(json!({"resultType":"vector","result":[]}));
    assert_eq!(none.query("up", None).await.unwrap().data.number(), None);
    assert_eq!(none.now().await.unwrap_err().kind, FaultKind::Malformed);
}

#[tokio::test]
async fn errors_keep_the_servers_words() {
    let parse = r#"invalid parameter "query": 1:5: parse error: unexpected \u001b[1mend of input"#;
    let body = format!(r#"{{"status":"error","errorType":"bad_data","error":"{}"}}"#, parse.replace('"', "\\\""));
    let fault = always(raw(400, "application/json", &body)).query("up +", None).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Server);
    assert!(
        fault.message.ends_with(r#"invalid parameter "query": 1:5: parse error: unexpected end of input"#),
        "{fault}"
    );
    let cases = [
        (
            422,
            r#"{"status":"error","errorType":"execution","error":"many-to-many matching"}"#,
            FaultKind::Server,
            "(execution): many-to-many",
        ),
        (
            503,
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
            FaultKind::Server,
            "gave the query up",
        ),
        (401, r#"{"status":"error","errorType":"x","error":"y"}"#, FaultKind::Unauthorized, "wants credentials"),
        (200, "<html><title>Sign in</title>", FaultKind::Malformed, "a web page"),
        (200, r#"{"status":"success","data":{"resultType":"tensor"}}"#, FaultKind::Malformed, "unknown shape"),
        (200, r#"{"status":"success"}"#, FaultKind::Malformed, "something else"),
        (200, r#"{"status":"succ"#, FaultKind::Malformed, "something else"),
        (404, "404 page not found", FaultKind::NotServed, "does not serve"),
        (502, "<html>", FaultKind::Server, "502 Bad Gateway"),
    ];
    for (status, body, kind, part) in cases {
        let fault = always(raw(status, "", body)).query("up", None).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{status} {body}: {fault}");
        assert!(fault.message.contains(part), "{fault}");
    }
}

#[tokio::test]
async fn rules_and_build_are_read() {
    let rules = json!({"status":"success","data":{"groups":[{"name":"example","file":"/rules.yaml","interval":60,"rules":[
        {"alerts":[],"annotations":{"summary":"High"},"duration":600,"health":"err","lastError":"boom\u{7}",
         "labels":{"severity":"page"},"name":"HighLatency","query":"x > 0.5","state":"inactive","type":"alerting"},
        {"health":"ok","name":"job:x:sum","query":"sum by (job) (x)","type":"recording"}]}]}});
    let read = always(raw(200, "", &rules.to_string())).rules().await.unwrap();
    assert_eq!((read[0].alerting, read[0].hold, read[0].error.as_deref()), (true, 600.0, Some("boom")));
    assert_eq!((read[1].alerting, &*read[1].name, &read[1].error), (false, "job:x:sum", &None));
    let info = json!({"status":"success","data":{"version":"3.5.0","revision":"cb7","goVersion":"go1.24"}});
    assert_eq!(always(raw(200, "", &info.to_string())).buildinfo().await.unwrap().version, "3.5.0");
}

#[tokio::test(start_paused = true)]
async fn the_feed_asks_at_once_and_then_at_its_pace() {
    let calls = AtomicU32::new(0);
    let script = Script::new(Product::Prometheus, move |asked| {
        assert_eq!(asked.0, "/api/v1/alerts");
        match calls.fetch_add(1, Ordering::Relaxed) {
            2 => Ok(raw(500, "", "oops")),
            _ => Ok(raw(200, "", ALERTS)),
        }
    });
    let feed = PrometheusAlertsFeed::new(PrometheusClient::new(script.clone()), Duration::from_secs(5), severity());
    let mut stream = feed.open();
    assert!(script.asked().is_empty(), "opening asks nothing");
    let start = tokio::time::Instant::now();
    let at = |item: Option<Result<Update, Fault>>| (start.elapsed().as_secs(), item.unwrap());
    let (when, first) = at(stream.next().await);
    assert!(when == 0 && matches!(&first, Ok(Update::Alerts(alerts)) if alerts.len() == 2), "{when} {first:?}");
    let (when, second) = at(stream.next().await);
    assert_eq!((when, second), (5, Ok(Update::Alive)));
    let (when, third) = at(stream.next().await);
    assert!(when == 10 && third.is_err());
    // After a fault the whole list is given again; a late reader finds one question waiting, not three.
    tokio::time::advance(Duration::from_secs(17)).await;
    let (when, fourth) = at(stream.next().await);
    assert!(when == 27 && matches!(fourth, Ok(Update::Alerts(_))));
    assert_eq!(at(stream.next().await), (32, Ok(Update::Alive)));
}

#[tokio::test]
async fn long_queries_do_not_ride_in_the_address() {
    use crate::integrations::http::{HttpSettings, connect};
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let server = MockServer::start().await;
    let scalar = json!({"status":"success","data":{"resultType":"scalar","result":[1,"1"]},"warnings":["w\u{1b}[0m"]});
    for verb in ["GET", "POST"] {
        let answer = ResponseTemplate::new(200).set_body_json(&scalar);
        Mock::given(method(verb)).respond_with(answer).expect(1).mount(&server).await;
    }
    let client = PrometheusClient::new(connect(&HttpSettings::new(Product::Prometheus, server.uri(), script::plain())));
    assert_eq!(client.query("1", None).await.unwrap().warnings, ["w"]);
    client.query(&"1+".repeat(2_000), None).await.unwrap();
}

#[tokio::test]
async fn ranges_are_asked_in_the_servers_units() {
    let script = Script::new(Product::Prometheus, |_| {
        script::json(&json!({"status":"success","data":{"resultType":"matrix","result":[]}}))
    });
    let at = chrono::DateTime::from_timestamp_millis(1_435_781_460_781).unwrap();
    let client = PrometheusClient::new(script.clone());
    client.query_range("up", at - chrono::TimeDelta::seconds(60), at, 15).await.unwrap();
    let asked = script.asked().remove(0);
    let values = ["start", "end", "step"].map(|name| pair(&asked, name));
    assert_eq!((asked.0.as_str(), values), ("/api/v1/query_range", ["1435781400.781", "1435781460.781", "15"]));
}
