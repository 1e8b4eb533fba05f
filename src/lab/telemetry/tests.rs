//! Series as readers see them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use chrono::{TimeDelta, TimeZone};

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 14, 12, 0, 0).unwrap()
}

fn ago(seconds: i64) -> DateTime<Utc> {
    noon() - TimeDelta::seconds(seconds)
}

fn ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn one(telemetry: &Telemetry) -> Arc<Series> {
    telemetry.select(None, |_| true).remove(0)
}

#[test]
fn a_counter_is_the_integral_of_its_rates_rounded_down_and_unchanged_writes_cost_nothing() {
    let telemetry = Telemetry::new(LabClock::frozen(noon()));
    let labels = Labels::new("http_requests_total", &[("code", "200")]);
    telemetry.set_rate(&labels, 0.5, ago(20));
    for second in (10..20).rev() {
        telemetry.set_rate(&labels, 0.5, ago(second));
    }
    telemetry.set_rate(&labels, 2.0, ago(9));
    let series = one(&telemetry);
    assert_eq!(series.segments.len(), 2);
    let values: Vec<f64> = series.samples(telemetry.grid(), 0, ms(noon())).iter().map(|s| s.1).collect();
    assert_eq!(values, [0.0, 2.0, 5.0, 13.0, 23.0]);
}

#[test]
fn the_closed_form_of_a_window_agrees_with_its_samples_across_resets_and_grid_steps() {
    let telemetry = Telemetry::new(LabClock::frozen(noon()));
    let labels = Labels::new("http_requests_total", &[]);
    telemetry.set_rate(&labels, 1.5, ago(20_000));
    telemetry.reset(&labels, ago(9_001));
    telemetry.reset(&labels, ago(8_999)); // the same minute: one reset is all that anyone can see
    telemetry.set_rate(&labels, 7.0, ago(3_000));
    telemetry.reset(&labels, ago(601));
    let (series, grid) = (one(&telemetry), telemetry.grid());
    for (from, to) in [(20_000, 0), (9_050, 8_900), (15_000, 700), (602, 590), (300, 2), (30, 0)] {
        let samples = series.samples(grid, ms(ago(from)), ms(ago(to)));
        let window = series.counter_window(grid, ms(ago(from)), ms(ago(to))).unwrap();
        let resets: f64 = samples.windows(2).filter(|p| p[1].1 < p[0].1).map(|p| p[0].1).sum();
        assert_eq!(window.count, samples.len(), "{from}..{to}");
        assert_eq!((window.first_ms, window.first), samples[0], "{from}..{to}");
        assert_eq!((window.last_ms, window.last), *samples.last().unwrap(), "{from}..{to}");
        assert!((window.correction - resets).abs() < 1e-9, "{from}..{to}");
    }
}

#[test]
fn an_ended_series_is_stale_at_once_and_its_window_must_be_read_sample_by_sample() {
    let telemetry = Telemetry::new(LabClock::frozen(noon()));
    let labels = Labels::new("up", &[("pod", "a")]);
    telemetry.set_gauge(&labels, 1.0, ago(60));
    telemetry.end_matching(&[("pod", "a")], ago(29));
    let series = one(&telemetry);
    let grid = telemetry.grid();
    assert_eq!(series.latest(grid, ms(ago(30)), 300_000), Some((ms(ago(30)), 1.0)));
    assert_eq!(series.latest(grid, ms(ago(25)), 300_000), None);
    assert_eq!(series.samples(grid, ms(ago(60)), ms(noon())).len(), 7);
    assert!(series.exists_in(ms(ago(40)), ms(noon())));
    assert!(!series.exists_in(ms(ago(10)), ms(noon())));
}

#[test]
fn history_comes_before_what_is_already_known() {
    let telemetry = Telemetry::new(LabClock::frozen(noon()));
    let labels = Labels::new("http_requests_total", &[]);
    telemetry.set_rate(&labels, 10.0, ago(10));
    telemetry.history_rates(&labels, &[(ago(110), 1.0), (ago(60), 2.0)]);
    let values = one(&telemetry).samples(telemetry.grid(), ms(ago(10)), ms(noon()));
    assert_eq!(values.iter().map(|s| s.1).collect::<Vec<_>>(), [150.0, 200.0, 250.0]);
}

#[test]
fn labels_are_sorted_and_empty_values_are_absent() {
    let labels = Labels::new("up", &[("z", "1"), ("a", "2"), ("gone", "")]);
    assert_eq!(labels.to_string(), r#"up{a="2", z="1"}"#);
    assert_eq!(labels.with("m", "x").with("z", "").without_name().to_string(), r#"{a="2", m="x"}"#);
}
