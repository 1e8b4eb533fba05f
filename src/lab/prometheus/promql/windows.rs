//! Functions of range vectors: `rate` and its family with Prometheus' extrapolation, `…_over_time`, regression.

use promql_parser::parser::{Call, Expr};

use super::aggregate::{mean, quantile, variance};
use super::{Evaluator, QueryError, Range, Sample, Window};

impl Evaluator<'_> {
    /// The range vector an argument stands for.
    pub(super) fn matrix(&self, expr: &Expr, at: i64) -> Result<(Vec<Range>, Window), QueryError> {
        match expr {
            Expr::Paren(inner) => self.matrix(&inner.expr, at),
            Expr::MatrixSelector(selector) => self.select_range(selector, at),
            Expr::Subquery(subquery) => self.subquery(subquery, at),
            _ => Err(QueryError::BadData("expected a range vector".to_owned())),
        }
    }

    /// Calls a function whose range argument is at `index`; `None` when `call` is no such function.
    pub(super) fn window_call(&self, call: &Call, at: i64) -> Result<Option<Vec<Sample>>, QueryError> {
        let name = call.func.name;
        let extrapolated = match name {
            "rate" => Some((true, true)),
            "increase" => Some((true, false)),
            "delta" => Some((false, false)),
            _ => None,
        };
        let args = &call.args.args;
        if let Some((is_counter, is_rate)) = extrapolated {
            return self.extrapolated(&args[0], at, is_counter, is_rate).map(Some);
        }
        let index = usize::from(name == "quantile_over_time");
        let number = |i: usize| args.get(i).map_or(Ok(0.0), |arg| self.scalar(arg, at));
        let parameter = match name {
            "quantile_over_time" => number(0)?,
            "predict_linear" => number(1)?,
            _ => 0.0,
        };
        let Some(function) = window_function(name) else { return Ok(None) };
        let (ranges, _) = self.matrix(&args[index], at)?;
        let keeps_name = matches!(name, "last_over_time" | "first_over_time");
        let samples = ranges.into_iter().filter_map(|range| {
            let value = function(&range.points, parameter, at)?;
            let labels = if keeps_name { range.labels } else { range.labels.without_name() };
            Some(Sample { labels, at, value })
        });
        Ok(Some(samples.collect()))
    }

    /// `rate`, `increase`, `delta`. Counters read straight from the store use its closed form.
    fn extrapolated(&self, arg: &Expr, at: i64, is_counter: bool, is_rate: bool) -> Result<Vec<Sample>, QueryError> {
        let mut samples = Vec::new();
        let mut push = |labels: &crate::lab::telemetry::Labels, ends: Option<Ends>, window: Window| {
            if let Some(value) = ends.and_then(|ends| ends.extrapolate(window, is_counter, is_rate)) {
                samples.push(Sample { labels: labels.without_name(), at, value });
            }
        };
        if let Expr::Paren(inner) = arg {
            return self.extrapolated(&inner.expr, at, is_counter, is_rate);
        }
        if let Expr::MatrixSelector(selector) = arg
            && is_counter
        {
            let window = self.window(selector, at);
            for series in self.choose(&selector.vs).iter() {
                let ends = if let Some(w) = series.counter_window(self.grid, window.from, window.to) {
                    let change = w.last - w.first + w.correction;
                    let (first_ms, last_ms) = (w.first_ms, w.last_ms);
                    Some(Ends { first_ms, first: w.first, last_ms, change, count: w.count })
                } else {
                    let points = series.samples(self.grid, window.from, window.to);
                    self.spend(points.len())?;
                    Ends::of(&points, true)
                };
                push(series.labels(), ends, window);
            }
        } else {
            let (ranges, window) = self.matrix(arg, at)?;
            for range in &ranges {
                push(&range.labels, Ends::of(&range.points, is_counter), window);
            }
        }
        Ok(samples)
    }
}

/// What the extrapolation needs to know of a window's samples.
struct Ends {
    first_ms: i64,
    first: f64,
    last_ms: i64,
    change: f64,
    count: usize,
}

impl Ends {
    fn of(points: &[(i64, f64)], is_counter: bool) -> Option<Self> {
        let (&(first_ms, first), &(last_ms, last)) = (points.first()?, points.last()?);
        let resets: f64 = points.windows(2).filter(|p| p[1].1 < p[0].1).map(|p| p[0].1).sum();
        let change = last - first + if is_counter { resets } else { 0.0 };
        Some(Self { first_ms, first, last_ms, change, count: points.len() })
    }

    /// Prometheus' `extrapolatedRate`: stretches the change between the outermost samples to the window's edges,
    /// or by half an interval when an edge is too far for the series to have existed there.
    fn extrapolate(&self, window: Window, is_counter: bool, is_rate: bool) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let mut to_start = seconds(self.first_ms - window.from);
        let to_end = seconds(window.to - self.last_ms);
        let sampled = seconds(self.last_ms - self.first_ms);
        let between = sampled / (self.count - 1) as f64;
        if is_counter && self.change > 0.0 && self.first >= 0.0 {
            // A counter cannot have been below zero.
            to_start = to_start.min(sampled * (self.first / self.change));
        }
        let threshold = between * 1.1;
        let stretch = |gap: f64| if gap < threshold { gap } else { between / 2.0 };
        let factor = (sampled + stretch(to_start) + stretch(to_end)) / sampled;
        let value = self.change * factor;
        Some(if is_rate { value / seconds(window.to - window.from) } else { value })
    }
}

type WindowFunction = fn(&[(i64, f64)], f64, i64) -> Option<f64>;

fn window_function(name: &str) -> Option<WindowFunction> {
    Some(match name {
        "irate" => |p, _, _| instantaneous(p, true),
        "idelta" => |p, _, _| instantaneous(p, false),
        "deriv" => |p, _, _| (p.len() >= 2).then(|| regression(p, p[0].0).0),
        "predict_linear" => |p, ahead, at| {
            (p.len() >= 2).then(|| {
                let (slope, intercept) = regression(p, at);
                slope * ahead + intercept
            })
        },
        "avg_over_time" => |p, _, _| Some(mean(p.iter().map(|s| s.1))),
        "sum_over_time" => |p, _, _| Some(p.iter().map(|s| s.1).sum()),
        "count_over_time" => |p, _, _| Some(p.len() as f64),
        "min_over_time" => |p, _, _| p.iter().map(|s| s.1).reduce(smaller),
        "max_over_time" => |p, _, _| p.iter().map(|s| s.1).reduce(larger),
        "last_over_time" => |p, _, _| p.last().map(|s| s.1),
        "first_over_time" => |p, _, _| p.first().map(|s| s.1),
        "present_over_time" => |_, _, _| Some(1.0),
        "stddev_over_time" => |p, _, _| Some(variance(p.iter().map(|s| s.1)).sqrt()),
        "stdvar_over_time" => |p, _, _| Some(variance(p.iter().map(|s| s.1))),
        "quantile_over_time" => |p, q, _| Some(quantile(q, p.iter().map(|s| s.1).collect())),
        "changes" => |p, _, _| Some(p.windows(2).filter(|w| differs(w[0].1, w[1].1)).count() as f64),
        "resets" => |p, _, _| Some(p.windows(2).filter(|w| w[1].1 < w[0].1).count() as f64),
        _ => return None,
    })
}

fn differs(a: f64, b: f64) -> bool {
    a.partial_cmp(&b) != Some(std::cmp::Ordering::Equal) && !(a.is_nan() && b.is_nan())
}

/// The smaller number; NaN yields to anything, as in Prometheus.
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if b < a || a.is_nan() { b } else { a }
}

/// The larger number; NaN yields to anything, as in Prometheus.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if b > a || a.is_nan() { b } else { a }
}

/// The change between the last two samples, per second for `irate`.
fn instantaneous(points: &[(i64, f64)], is_rate: bool) -> Option<f64> {
    let [.., (before_ms, before), (last_ms, last)] = *points else { return None };
    if last_ms == before_ms {
        return None;
    }
    let change = if is_rate && last < before { last } else { last - before };
    Some(if is_rate { change / ((last_ms - before_ms) as f64 / 1000.0) } else { change })
}

/// Least squares: slope per second, and the value at `origin_ms`.
fn regression(points: &[(i64, f64)], origin_ms: i64) -> (f64, f64) {
    let first = points[0].1;
    #[allow(clippy::float_cmp)] // exact, and NaN is not constant
    if points.iter().all(|p| p.1 == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let n = points.len() as f64;
    let (mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) = (0.0, 0.0, 0.0, 0.0);
    for (ms, y) in points {
        let x = (ms - origin_ms) as f64 / 1000.0;
        sum_x += x;
        sum_y += y;
        sum_xy += x * y;
        sum_xx += x * x;
    }
    let covariance = sum_xy - sum_x * sum_y / n;
    let spread = sum_xx - sum_x * sum_x / n;
    let slope = covariance / spread;
    (slope, sum_y / n - slope * sum_x / n)
}
