//! Aggregation operators, `by` and `without`, and the statistics they share with `…_over_time`.

use std::collections::BTreeMap;

use promql_parser::parser::token::{
    T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_GROUP, T_MAX, T_MIN, T_QUANTILE, T_STDDEV, T_STDVAR, T_SUM, T_TOPK,
    TokenId,
};
use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::windows::{larger, smaller};
use super::{Evaluator, QueryError, Sample};
use crate::lab::prometheus::wire::number;
use crate::lab::telemetry::{Labels, METRIC_NAME};

/// `topk` and `bottomk` answer in order of value and keep whole label sets.
pub(super) fn is_ranking(op: TokenId) -> bool {
    matches!(op, T_TOPK | T_BOTTOMK)
}

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, aggregate: &AggregateExpr, at: i64) -> Result<Vec<Sample>, QueryError> {
        let op = aggregate.op.id();
        let samples = self.vector(&aggregate.expr, at)?;
        let modifier = aggregate.modifier.as_ref();
        if op == T_COUNT_VALUES {
            let Some(label) = &aggregate.param else { return Ok(Vec::new()) };
            return count_values(&self.text(label, at)?, samples, modifier, at);
        }
        let parameter = match &aggregate.param {
            Some(expr) => self.scalar(expr, at)?,
            None => 0.0,
        };
        let mut groups: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
        for sample in samples {
            groups.entry(group_of(&sample.labels, modifier)).or_default().push(sample);
        }
        if is_ranking(op) {
            // `as` saturates: a negative or NaN k keeps nothing.
            let keep = parameter.trunc() as usize;
            return Ok(groups.into_values().flat_map(|group| rank(group, keep, op == T_TOPK)).collect());
        }
        let mut out = Vec::with_capacity(groups.len());
        for (labels, group) in groups {
            let values = || group.iter().map(|s| s.value);
            let value = match op {
                T_SUM => values().sum(),
                T_AVG => mean(values()),
                T_COUNT => group.len() as f64,
                T_GROUP => 1.0,
                T_MIN => values().fold(f64::NAN, smaller),
                T_MAX => values().fold(f64::NAN, larger),
                T_STDDEV => variance(values()).sqrt(),
                T_STDVAR => variance(values()),
                T_QUANTILE => quantile(parameter, values().collect()),
                _ => {
                    let why = format!("aggregation operator \"{}\" is not supported", aggregate.op);
                    return Err(QueryError::Execution(why));
                }
            };
            out.push(Sample { labels, at, value });
        }
        Ok(out)
    }
}

/// The labels of the group that a series belongs to.
fn group_of(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::default(),
        Some(LabelModifier::Include(keep)) => labels.retain(|n| keep.labels.iter().any(|k| k == n)),
        Some(LabelModifier::Exclude(lose)) => {
            labels.retain(|n| n != METRIC_NAME && !lose.labels.iter().any(|k| k == n))
        }
    }
}

fn count_values(
    label: &str,
    samples: Vec<Sample>,
    modifier: Option<&LabelModifier>,
    at: i64,
) -> Result<Vec<Sample>, QueryError> {
    if !super::relabel::is_label_name(label) {
        return Err(QueryError::Execution(format!("invalid label name {label:?}")));
    }
    let mut counts: BTreeMap<Labels, f64> = BTreeMap::new();
    for sample in samples {
        let group = group_of(&sample.labels, modifier).with(label, &number(sample.value));
        *counts.entry(group).or_default() += 1.0;
    }
    Ok(counts.into_iter().map(|(labels, value)| Sample { labels, at, value }).collect())
}

/// The `keep` largest (or smallest) samples, best first; NaN is always worst.
fn rank(mut group: Vec<Sample>, keep: usize, largest: bool) -> Vec<Sample> {
    group.sort_by(|a, b| by_value(a.value, b.value, largest));
    group.truncate(keep);
    group
}

/// Order of values with NaN last, whichever way the rest goes.
pub(super) fn by_value(a: f64, b: f64, descending: bool) -> std::cmp::Ordering {
    a.is_nan().cmp(&b.is_nan()).then_with(|| if descending { b.total_cmp(&a) } else { a.total_cmp(&b) })
}

/// The arithmetic mean; NaN for no values.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    sum / count
}

/// Population variance by Welford's recurrence.
pub(super) fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}

/// The φ-quantile with linear interpolation between ranks; ±Inf outside 0..=1.
pub(super) fn quantile(phi: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    // NaN sorts first in Prometheus' quantile.
    values.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b)));
    let rank = phi * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}
