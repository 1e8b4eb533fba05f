//! The evaluator against facts: queries with the answers that a real Prometheus 2.42 gave over the same samples.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};

use super::*;
use crate::lab::clock::LabClock;

/// Each line is a query; the indented lines under it are its answer at [`now`].
const FACTS: &str = include_str!("facts.txt");

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 14, 12, 0, 2).unwrap()
}

fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

/// Half an hour of a small world: changing rates, a restart, a late birth, a death, a histogram, a NaN.
fn world() -> Telemetry {
    let telemetry = Telemetry::new(LabClock::frozen(now()));
    let requests = |service: &str, code: &str| {
        Labels::new("http_requests_total", &[("namespace", "shop"), ("service", service), ("code", code)])
    };
    telemetry.set_rate(&requests("payment", "200"), 40.0, ago(1800));
    telemetry.set_rate(&requests("payment", "500"), 0.02, ago(1800));
    telemetry.set_rate(&requests("payment", "500"), 6.8, ago(360));
    telemetry.set_rate(&requests("payment", "503"), 0.7, ago(100));
    telemetry.set_rate(&requests("frontend", "200"), 120.5, ago(1800));
    telemetry.reset(&requests("frontend", "200"), ago(197));
    telemetry.set_rate(&requests("frontend", "500"), 0.1, ago(1800));
    telemetry.set_rate(&requests("auth", "200"), 17.25, ago(1800));
    telemetry.end(&requests("auth", "200"), ago(700));
    for (le, rate) in [("0.1", 60.0), ("0.3", 110.0), ("1", 118.0), ("+Inf", 120.5)] {
        let bucket = Labels::new("http_request_duration_seconds_bucket", &[("service", "frontend"), ("le", le)]);
        telemetry.set_rate(&bucket, rate, ago(1800));
    }
    for (pod, memory) in [("payment-a", 200e6), ("payment-b", 250e6), ("frontend-a", 90e6)] {
        let labels = Labels::new("container_memory_working_set_bytes", &[("namespace", "shop"), ("pod", pod)]);
        for minute in 0..30_i32 {
            let wave = f64::from((minute * 7) % 5) * 1e6 + f64::from(minute) * 1e5;
            telemetry.set_gauge(&labels, memory + wave, ago(1800 - 60 * i64::from(minute)));
        }
    }
    for (pod, service) in [("payment-a", "payment"), ("payment-b", "payment"), ("frontend-a", "frontend")] {
        telemetry.set_gauge(&Labels::new("kube_pod_labels", &[("pod", pod), ("label_app", service)]), 1.0, ago(1800));
    }
    telemetry.set_gauge(&Labels::new("replicas", &[("service", "payment")]), 6.0, ago(1800));
    telemetry.set_gauge(&Labels::new("replicas", &[("service", "payment")]), 3.0, ago(400));
    telemetry.set_gauge(&Labels::new("replicas", &[("service", "frontend")]), 4.0, ago(1800));
    telemetry.set_gauge(&Labels::new("replicas", &[("service", "broken")]), f64::NAN, ago(1800));
    telemetry
}

/// An answer as text: one line per series, sorted unless the query orders it, values to nine digits.
fn answer(telemetry: &Telemetry, query: &str) -> String {
    let at = now().timestamp_millis();
    let value = |v: f64| {
        let rounded = if v.is_finite() { format!("{v:.8e}").parse::<f64>().unwrap() } else { v };
        crate::lab::prometheus::wire::number(rounded)
    };
    let value = match parse(query).and_then(|expr| instant(telemetry, &expr, at)) {
        Ok(Value::Scalar(scalar)) => format!("  {}\n", value(scalar)),
        Ok(Value::Text(text)) => format!("  {text:?}\n"),
        Ok(Value::Vector(samples)) => samples.iter().fold(String::new(), |mut out, s| {
            writeln!(out, "  {} {}", s.labels, value(s.value)).unwrap();
            out
        }),
        Ok(Value::Matrix(ranges)) => ranges.iter().fold(String::new(), |mut out, r| {
            let points: Vec<String> = r.points.iter().map(|(t, v)| format!("{}@{}", value(*v), t / 1000)).collect();
            writeln!(out, "  {} {}", r.labels, points.join(" ")).unwrap();
            out
        }),
        Err(QueryError::BadData(_)) => "  bad_data\n".to_owned(),
        Err(QueryError::Execution(why)) => format!("  execution: {why}\n"),
    };
    if value.is_empty() { "  (nothing)\n".to_owned() } else { value }
}

#[test]
fn answers_agree_with_the_real_prometheus() {
    let telemetry = world();
    let mut ours = String::new();
    for query in FACTS.lines().filter(|l| !l.starts_with([' ', '#']) && !l.is_empty()) {
        let _ = write!(ours, "{query}\n{}", answer(&telemetry, query));
    }
    let facts: Vec<&str> = FACTS.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    let wrong: Vec<_> = facts.iter().zip(ours.lines()).filter(|(fact, our)| *fact != our).collect();
    assert!(facts.len() > 700, "the table of facts is there");
    assert!(wrong.is_empty(), "(Prometheus, ours): {wrong:#?}");
    assert_eq!(facts.len(), ours.lines().count());
}

#[test]
fn thirty_days_are_answered_from_the_closed_form() {
    let telemetry = Telemetry::new(LabClock::frozen(now()));
    for service in ["payment", "frontend", "auth", "user", "inventory"] {
        for (code, rate) in [("200", 50.0), ("404", 1.0), ("500", 0.01)] {
            let hourly: Vec<_> = (0..=720_i32)
                .map(|hour| (ago(3600 * i64::from(720 - hour) + 60), rate * (1.0 + f64::from(hour % 24) / 24.0)))
                .collect();
            let labels = Labels::new("http_requests_total", &[("service", service), ("code", code)]);
            telemetry.history_rates(&labels, &hourly);
        }
    }
    let ratio = |window: &str| {
        format!(
            "sum(rate(http_requests_total{{service=\"payment\",code=~\"5..\"}}[{window}])) \
             / sum(rate(http_requests_total{{service=\"payment\"}}[{window}]))"
        )
    };
    // Sample by sample, one window of 30 days alone would exceed the limit of what a query may read.
    let query = parse(&ratio("30d")).unwrap();
    let at = now().timestamp_millis();
    let evaluator = Evaluator::new(&telemetry, at, at);
    let Value::Vector(found) = evaluator.eval(&query, at).unwrap() else { panic!("a vector") };
    assert!((found[0].value - 0.01 / 51.01).abs() < 1e-6, "{}", found[0].value);
    assert_eq!(evaluator.samples.get(), 0, "no sample was read one by one");
    // … and a month of five-minute ratios still fits a range query.
    let month = range(&telemetry, &parse(&ratio("5m")).unwrap(), at - 29 * 86_400_000, at, 6 * 3_600_000).unwrap();
    assert_eq!(month[0].points.len(), 117);
}

#[test]
fn a_range_query_gathers_each_instant_and_refuses_what_has_no_instants() {
    let telemetry = world();
    let end = now().timestamp_millis();
    let ranges = range(&telemetry, &parse("sum(replicas{service!=\"broken\"})").unwrap(), end - 600_000, end, 200_000);
    let values: Vec<f64> = ranges.unwrap()[0].points.iter().map(|p| p.1).collect();
    assert_eq!(values, [10.0, 10.0, 7.0, 7.0]);
    let refused = range(&telemetry, &parse("replicas[5m]").unwrap(), end, end, 1000);
    assert!(matches!(refused, Err(QueryError::BadData(why)) if why.contains("\"range vector\"")));
}
