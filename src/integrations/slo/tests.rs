//! Readings from scripted answers, under paused time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp, clippy::cast_possible_wrap)]

use std::sync::Mutex;

use futures::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::domain::slo::BurnAlarm;
use crate::integrations::http::script::{self, Asked, Script, pair};
use crate::integrations::http::{HttpAnswer, Product};

fn objective(errors: &str, total: &str) -> Arc<Objective> {
    Arc::new(Objective {
        name: "payment availability".into(),
        service: "payment".into(),
        namespace: Some("shop".into()),
        target: 0.999,
        period: 2_592_000,
        errors: errors.into(),
        total: total.into(),
    })
}

fn rates() -> Arc<Objective> {
    objective("rate(bad[$window])", "rate(all[{{.window}}])")
}

fn vector(value: &str) -> Value {
    json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, value]}]}})
}

/// The server's clock in seconds.
const NOW: u64 = 1_700_000_000;

/// A server whose ratios are 2 % over 5 m and 30 m, nothing over 6 h, 0.05 % over the period, and 40 bad of 2000 events
/// in the hour.
fn answer(asked: &Asked, now: u64) -> Value {
    let query = pair(asked, "query");
    if query == "time()" {
        return json!({"status": "success", "data": {"resultType": "scalar", "result": [now, now.to_string()]}});
    }
    if asked.0.ends_with("query_range") {
        let first: f64 = pair(asked, "start").parse().unwrap();
        let values = json!([[first, "0.5"], [first + 60.0, "NaN"], [first + 59.0 * 60.0, "0.02"]]);
        let result = json!([{"metric": {}, "values": values}]);
        return json!({"status": "success", "data": {"resultType": "matrix", "result": result}});
    }
    assert_eq!(pair(asked, "time"), format!("{now}.000"));
    match query {
        q if q.contains("[6h]") => vector("NaN"),
        q if q.contains("[30d]") => vector("0.0005"),
        q if q.contains("[1h]") && q.contains("bad") => vector("0.011111111111111112"),
        q if q.contains("[1h]") => vector("0.5555555555555556"),
        _ => vector("0.02"),
    }
}

fn slos(item: Option<Result<Update, Fault>>) -> Vec<SloReading> {
    match item {
        Some(Ok(Update::Slos(readings))) => readings,
        other => panic!("{other:?}"),
    }
}

fn close(number: Option<f64>, expected: f64) {
    assert!(number.is_some_and(|number| (number - expected).abs() < 1e-6), "{number:?} is not {expected}");
}

#[tokio::test(start_paused = true)]
async fn readings_follow_the_formulas_and_long_windows_are_kept() {
    let clock = Arc::new(Mutex::new(NOW));
    let server_clock = clock.clone();
    let script =
        Script::new(Product::Prometheus, move |asked| script::json(&answer(asked, *server_clock.lock().unwrap())));
    let client = PrometheusClient::new(script.clone());
    let mut stream = SloFeed::new(client, Duration::from_secs(5), vec![rates()]).open();
    let reading = slos(stream.next().await).remove(0);
    close(reading.burn[0], 20.0);
    close(reading.burn[1], 20.0);
    close(reading.burn[2], 20.0);
    assert_eq!((reading.burn[3], reading.error.as_deref()), (None, None));
    close(reading.remaining, 0.5);
    let (bad, all) = reading.events.unwrap();
    close(Some(bad), 40.0);
    close(Some(all), 2_000.0);
    assert_eq!((reading.at.timestamp(), reading.alarm()), (NOW as i64, BurnAlarm::Page));
    assert_eq!((reading.history.len(), reading.history[0], reading.history[59]), (60, 0.5, 0.02));
    assert_eq!(reading.history.iter().filter(|ratio| ratio.is_nan()).count(), 58);

    let asked = script.asked();
    // time(), what is recorded, four ratios, two for the hour, one range.
    assert_eq!(asked.len(), 9);
    let expected = "(sum(rate(bad[5m]\u{29}\n) or vector(0)) / sum(rate(all[5m])\n)";
    assert!(asked.iter().any(|asked| pair(asked, "query") == expected), "{asked:?}");

    // Five seconds later only the shortest window (and the time) is asked for again, a minute later everything.
    *clock.lock().unwrap() += 5;
    let reading = slos(stream.next().await).remove(0);
    close(reading.remaining, 0.5);
    assert_eq!(reading.at.timestamp(), NOW as i64 + 5);
    assert_eq!(script.asked().len(), 2);
    *clock.lock().unwrap() += 60;
    slos(stream.next().await);
    assert_eq!(script.asked().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_failing_query_is_told_beside_what_is_known() {
    let script = Script::new(Product::Prometheus, |asked| {
        if pair(asked, "query").contains("[30d]") {
            let body = r#"{"status":"error","errorType":"execution","error":"too many samples\u001b[0m"}"#;
            return Ok(HttpAnswer { status: 422, body: body.into(), ..HttpAnswer::default() });
        }
        let mut answer = answer(asked, NOW);
        if pair(asked, "query").contains("[6h]") {
            answer["warnings"] = json!(["store eu-2 did not answer"]);
        }
        script::json(&answer)
    });
    let objectives = vec![rates(), objective("rate(bad[5m])", "rate(all[$window])")];
    let mut stream = SloFeed::new(PrometheusClient::new(script), Duration::from_secs(5), objectives).open();
    let readings = slos(stream.next().await);
    assert_eq!(readings[0].error.as_deref(), Some("Prometheus (execution): too many samples"));
    assert_eq!(readings[0].remaining, None);
    close(readings[0].burn[0], 20.0);
    assert_eq!(readings[1].error.as_deref(), Some("the queries of \"payment availability\" have no $window"));
    assert_eq!(readings[1].burn, [None; 4]);
    let Some(Ok(Update::Limited(fault))) = stream.next().await else { panic!("no warning") };
    assert!(fault.message.contains("store eu-2"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_is_one_fault() {
    let script = Script::new(Product::Prometheus, |_| Err(Fault::new(FaultKind::Unreachable, "gone")));
    let client = PrometheusClient::new(script.clone());
    let mut stream = SloFeed::new(client, Duration::from_secs(5), vec![rates(), rates()]).open();
    assert_eq!(stream.next().await, Some(Err(Fault::new(FaultKind::Unreachable, "gone"))));
    assert_eq!(script.asked().len(), 1);
}

/// What a server with Sloth's rules holds of one objective.
fn recorded(query: &str) -> Value {
    let series = |name: &str, value: &str| {
        json!({"metric": {"__name__": name, "sloth_id": "payment-availability", "sloth_service": "payment",
            "sloth_slo": "availability", "sloth_objective": "99.9"}, "value": [0, value]})
    };
    assert!(query.contains("sloth_slo_info"), "{query}");
    let result = json!([
        series("slo:objective:ratio", "0.999"),
        series("slo:error_budget:ratio", "0.0009999999999998899"),
        series("slo:time_period:days", "30"),
        series("slo:sli_error:ratio_rate5m", "0.5"),
        series("slo:sli_error:ratio_rate30m", "0.012345678"),
        series("slo:sli_error:ratio_rate1h", "0.00123456789"),
        series("slo:current_burn_rate:ratio", "17.123456789"),
        series("slo:period_error_budget_remaining:ratio", "0.8765432109"),
        series("sloth_slo_info", "1"),
        json!({"metric": {"__name__": "slo:objective:ratio"}, "value": [0, "0.5"]}),
    ]);
    json!({"status": "success", "data": {"resultType": "vector", "result": result}})
}

#[tokio::test(start_paused = true)]
async fn what_rules_recorded_is_shown_as_it_is_and_not_computed_again() {
    let script = Script::new(Product::Prometheus, |asked| {
        let query = pair(asked, "query");
        if query.starts_with('{') {
            return script::json(&recorded(query));
        }
        assert!(!query.contains("bad["), "the declared twin is not asked for");
        script::json(&answer(asked, NOW))
    });
    let declared = [rates(), objective("rate(x)", "rate(y)")];
    let other = Arc::new(Objective { name: "other".into(), ..(*declared[1]).clone() });
    let mut stream =
        SloFeed::new(PrometheusClient::new(script), Duration::from_secs(5), vec![declared[0].clone(), other]).open();
    let readings = slos(stream.next().await);
    let names: Vec<&str> = readings.iter().map(|reading| &*reading.objective.name).collect();
    assert_eq!(names, ["payment availability", "other"]);
    let reading = &readings[0];
    assert_eq!(reading.burn[0], Some(17.123_456_789), "not the ratio over the budget");
    close(reading.burn[1], 12.345_678);
    close(reading.burn[2], 1.234_567_89);
    assert_eq!(reading.burn[3], None, "no rule, no number");
    assert_eq!(reading.remaining, Some(0.876_543_210_9));
    assert_eq!((reading.objective.target, reading.objective.period), (0.999, 2_592_000));
    assert!(readings[1].error.as_ref().unwrap().contains("no $window"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_tell_what_is_recorded_says_so_beside_the_declared() {
    let refusal = |asked: &Asked| {
        let query = pair(asked, "query");
        if query.starts_with('{') {
            let body = json!({"status": "error", "errorType": "execution", "error": "too many samples"});
            return script::json(&body);
        }
        script::json(&answer(asked, NOW))
    };
    let feed = |objectives| {
        let client = PrometheusClient::new(Script::new(Product::Prometheus, refusal));
        SloFeed::new(client, Duration::from_secs(5), objectives).open()
    };
    let mut stream = feed(vec![rates()]);
    close(slos(stream.next().await)[0].burn[0], 20.0);
    let Some(Ok(Update::Limited(fault))) = stream.next().await else { panic!("not limited") };
    assert!(fault.message.contains("too many samples"), "{fault}");
    assert!(feed(Vec::new()).next().await.unwrap().unwrap_err().message.contains("too many samples"));
}
