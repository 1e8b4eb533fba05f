//! What the lab's world measures: labelled series as piecewise linear functions of time.
//!
//! A series stores a segment only when its slope or level changes, so thirty days of history cost bytes, and the
//! increase of a counter over any window has a closed form. Readers see *samples* on the scrape grid, as a real
//! Prometheus would hold them: every 5 s for the last two hours, every 60 s before.

mod grid;
mod labels;
mod series;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

pub use self::grid::{COARSE_STEP_MS, FINE_STEP_MS, FINE_WINDOW_MS, Grid};
pub use self::labels::{Labels, METRIC_NAME};
pub use self::series::{CounterWindow, Series};
use self::series::{Kind, Segment};
use crate::lab::clock::LabClock;

/// The lab's measurements. Cheap to clone; all clones share the same series.
#[derive(Clone)]
pub struct Telemetry {
    clock: LabClock,
    series: Arc<Mutex<ByName>>,
}

/// All series, by metric name and then by labels: nearly every reader knows the name.
type ByName = BTreeMap<String, BTreeMap<Labels, Arc<Series>>>;

impl Telemetry {
    /// No measurements yet; `clock` says what "now" is for readers.
    pub fn new(clock: LabClock) -> Self {
        Self { clock, series: Arc::default() }
    }

    /// The clock the measurements follow.
    pub fn clock(&self) -> &LabClock {
        &self.clock
    }

    /// Now, in milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    /// The sample grid as seen now.
    pub fn grid(&self) -> Grid {
        Grid::new(self.now_ms())
    }

    /// From `at` on, the counter grows by `per_second`. A counter that did not exist starts at zero. Calling it on
    /// every tick costs nothing while the rate stays the same.
    pub fn set_rate(&self, labels: &Labels, per_second: f64, at: DateTime<Utc>) {
        self.write(labels, Kind::counter(labels), at, |exact| (exact, per_second.max(0.0)));
    }

    /// Raises a counter by `amount` at once (a restart, a burst); its rate stays as it is.
    pub fn add(&self, labels: &Labels, amount: f64, at: DateTime<Utc>) {
        let rate = self.rate_of(labels, at);
        self.write(labels, Kind::counter(labels), at, |exact| (exact + amount.max(0.0), rate));
    }

    /// The counter's process restarted: back to zero, same rate.
    pub fn reset(&self, labels: &Labels, at: DateTime<Utc>) {
        let rate = self.rate_of(labels, at);
        self.write(labels, Kind::counter(labels), at, |_| (0.0, rate));
    }

    /// From `at` on, the gauge stands at `value`.
    pub fn set_gauge(&self, labels: &Labels, value: f64, at: DateTime<Utc>) {
        self.write(labels, Kind::Gauge, at, |_| (value, 0.0));
    }

    /// The series is no longer exposed from `at` on (a stale marker). Setting it again revives it; a counter then
    /// starts at zero.
    pub fn end(&self, labels: &Labels, at: DateTime<Utc>) {
        let mut all = self.lock();
        if let Some(series) = all.get_mut(labels.name()).and_then(|named| named.get_mut(labels)) {
            let next = Segment { start: at.timestamp_millis(), base: 0.0, slope: 0.0, live: false };
            Arc::make_mut(series).push(next);
        }
    }

    /// Ends every live series that carries all of `pairs` (a pod went away).
    pub fn end_matching(&self, pairs: &[(&str, &str)], at: DateTime<Utc>) {
        let next = Segment { start: at.timestamp_millis(), base: 0.0, slope: 0.0, live: false };
        for (labels, series) in self.lock().values_mut().flatten() {
            let live = series.segments.last().is_some_and(|s| s.live);
            if live && pairs.iter().all(|(n, v)| labels.get(n) == *v) {
                Arc::make_mut(series).push(next);
            }
        }
    }

    /// The past of a counter: from each instant on (ascending), this rate per second. Replaces what was known up to
    /// the last instant; what was written after it continues from there.
    pub fn history_rates(&self, labels: &Labels, points: &[(DateTime<Utc>, f64)]) {
        self.history(labels, Kind::counter(labels), points);
    }

    fn history(&self, labels: &Labels, kind: Kind, points: &[(DateTime<Utc>, f64)]) {
        let mut past = Series { labels: labels.clone(), kind, segments: Vec::with_capacity(points.len()) };
        for (at, value) in points {
            let start = at.timestamp_millis();
            let (base, slope) = if kind == Kind::Gauge { (*value, 0.0) } else { (past.exact(start), value.max(0.0)) };
            past.push(Segment { start, base, slope, live: true });
        }
        let Some(last) = points.last().map(|(at, _)| at.timestamp_millis()) else { return };
        let mut all = self.lock();
        let named = all.entry(labels.name().to_owned()).or_default();
        if let Some(known) = named.get(labels) {
            // What came later keeps its shape and is lifted onto the end of the past, up to its own first reset.
            let mut later = known.segments.iter().copied().filter(|s| s.start > last).peekable();
            let lift = match later.peek() {
                Some(first) if kind != Kind::Gauge => past.exact(first.start) - first.base,
                _ => 0.0,
            };
            past.segments.extend(later.map(|s| Segment { base: s.base + lift, ..s }));
        }
        named.insert(labels.clone(), Arc::new(past));
    }

    fn rate_of(&self, labels: &Labels, at: DateTime<Utc>) -> f64 {
        let all = self.lock();
        let series = all.get(labels.name()).and_then(|named| named.get(labels));
        let segment = series.and_then(|s| s.segment_index(at.timestamp_millis()).and_then(|i| s.segments.get(i)));
        segment.filter(|s| s.live).map_or(0.0, |s| s.slope)
    }

    fn write(&self, labels: &Labels, kind: Kind, at: DateTime<Utc>, next: impl Fn(f64) -> (f64, f64)) {
        let mut all = self.lock();
        if !all.contains_key(labels.name()) {
            all.insert(labels.name().to_owned(), BTreeMap::new());
        }
        let Some(named) = all.get_mut(labels.name()) else { return };
        let series = named
            .entry(labels.clone())
            .or_insert_with(|| Arc::new(Series { labels: labels.clone(), kind, segments: Vec::new() }));
        let start = at.timestamp_millis();
        let (base, slope) = next(series.exact(start));
        if let Some(last) = series.segments.last()
            && last.live
            && last.slope.to_bits() == slope.to_bits()
            && (last.at(start) - base).abs() < 1e-9
        {
            return; // nothing changed: do not copy a series that a reader holds
        }
        Arc::make_mut(series).push(Segment { start, base, slope, live: true });
    }

    /// Snapshots of the series that `wanted` accepts, in order of name and labels; only those of metric `name` when
    /// it is given.
    pub fn select(&self, name: Option<&str>, wanted: impl Fn(&Labels) -> bool) -> Vec<Arc<Series>> {
        let all = self.lock();
        let chosen = |series: &&Arc<Series>| wanted(&series.labels);
        match name {
            Some(name) => all.get(name).into_iter().flat_map(BTreeMap::values).filter(chosen).cloned().collect(),
            None => all.values().flat_map(BTreeMap::values).filter(chosen).cloned().collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, ByName> {
        // A poisoned lock only says that another writer died; every write leaves whole series behind.
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
