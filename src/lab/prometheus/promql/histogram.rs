//! `histogram_quantile` over classic histograms: cumulative buckets labelled `le`.

use std::collections::BTreeMap;

use super::Sample;
use crate::lab::telemetry::{Labels, METRIC_NAME};

/// The label that carries a bucket's upper bound.
const UPPER_BOUND: &str = "le";

/// The φ-quantile of every histogram among `buckets`. Samples without a usable `le` are left out.
pub(super) fn quantiles(phi: f64, buckets: Vec<Sample>, at: i64) -> Vec<Sample> {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in buckets {
        if let Ok(upper) = sample.labels.get(UPPER_BOUND).parse::<f64>() {
            let labels = sample.labels.retain(|n| n != METRIC_NAME && n != UPPER_BOUND);
            histograms.entry(labels).or_default().push((upper, sample.value));
        }
    }
    let answer = |(labels, buckets)| Sample { labels, at, value: quantile(phi, buckets) };
    histograms.into_iter().map(answer).collect()
}

/// Buckets are (upper bound, cumulative count) in any order.
fn quantile(phi: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    if phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    if buckets.last().is_none_or(|(upper, _)| *upper != f64::INFINITY) {
        return f64::NAN;
    }
    // Buckets of one bound are one bucket, and scrapes at different moments may break monotonicity.
    let mut merged: Vec<(f64, f64)> = Vec::with_capacity(buckets.len());
    for (upper, count) in buckets {
        match merged.last_mut() {
            Some(last) if last.0.total_cmp(&upper).is_eq() => last.1 += count,
            _ => merged.push((upper, count)),
        }
    }
    let mut highest = f64::NEG_INFINITY;
    for bucket in &mut merged {
        highest = highest.max(bucket.1);
        bucket.1 = highest;
    }
    let last = merged.len() - 1;
    let observations = merged[last].1;
    if last == 0 || observations == 0.0 {
        return f64::NAN;
    }
    let rank = phi * observations;
    let found = merged[..last].partition_point(|(_, count)| *count < rank);
    if found == last {
        return merged[last - 1].0;
    }
    if found == 0 && merged[0].0 <= 0.0 {
        return merged[0].0;
    }
    let (start, below) = if found == 0 { (0.0, 0.0) } else { merged[found - 1] };
    let (end, cumulative) = merged[found];
    start + (end - start) * ((rank - below) / (cumulative - below))
}
