//! One series: segments, and the samples and windows that readers see of them.

use super::grid::{FINE_STEP_MS, Grid, ceil_to};
use super::labels::Labels;

/// What a series counts, which decides what a write means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A level that jumps.
    Gauge,
    /// A counter of whole events: samples are rounded down.
    Events,
    /// A counter of an amount such as seconds.
    Amount,
}

impl Kind {
    pub(super) fn counter(labels: &Labels) -> Self {
        let name = labels.name();
        let amount = name.ends_with("_seconds_total") || name.ends_with("_sum") || name.ends_with("_bytes_total");
        if amount { Self::Amount } else { Self::Events }
    }
}

/// From `start` on, the value is `base + slope × seconds since start`; absent when `live` is false.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) start: i64,
    pub(super) base: f64,
    pub(super) slope: f64,
    pub(super) live: bool,
}

impl Segment {
    pub(super) fn at(&self, ms: i64) -> f64 {
        self.base + self.slope * ((ms - self.start) as f64 / 1000.0)
    }
}

/// One series as readers see it. A snapshot: later writes do not show in it.
#[derive(Debug, Clone)]
pub struct Series {
    pub(super) labels: Labels,
    pub(super) kind: Kind,
    pub(super) segments: Vec<Segment>,
}

/// The ends of a counter over a window: all that `rate` and `increase` need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CounterWindow {
    /// Time of the first sample in the window, milliseconds.
    pub first_ms: i64,
    /// Value of the first sample.
    pub first: f64,
    /// Time of the last sample in the window, milliseconds.
    pub last_ms: i64,
    /// Value of the last sample.
    pub last: f64,
    /// What to add to `last - first` for the resets in between.
    pub correction: f64,
    /// Number of samples in the window.
    pub count: usize,
}

impl Series {
    /// The series' labels, with its name.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether writes gave rates rather than levels.
    pub fn is_counter(&self) -> bool {
        self.kind != Kind::Gauge
    }

    pub(super) fn segment_index(&self, ms: i64) -> Option<usize> {
        self.segments.partition_point(|s| s.start <= ms).checked_sub(1)
    }

    /// The sample scraped exactly at `ms`, if the series existed then.
    fn sample(&self, ms: i64) -> Option<f64> {
        self.segment_index(ms).and_then(|i| self.sample_in(i, ms))
    }

    fn sample_in(&self, index: usize, ms: i64) -> Option<f64> {
        let segment = self.segments.get(index).filter(|s| s.live)?;
        let value = segment.at(ms);
        // A hair of float error must not cost a whole event.
        Some(if self.kind == Kind::Events { (value + 1e-6).floor() } else { value })
    }

    /// The newest sample at or before `at` that is not older than `lookback_ms`. A series that ended has none:
    /// its end leaves a stale marker.
    pub fn latest(&self, grid: Grid, at: i64, lookback_ms: i64) -> Option<(i64, f64)> {
        let ms = grid.at_or_before(at);
        (ms >= at - lookback_ms).then(|| self.sample(ms).map(|v| (ms, v))).flatten()
    }

    /// All samples in `[from, to]`.
    pub fn samples(&self, grid: Grid, from: i64, to: i64) -> Vec<(i64, f64)> {
        let Some(first) = self.segments.first() else { return Vec::new() };
        let mut ms = grid.at_or_after(from.max(first.start));
        let to = to.min(grid.now);
        let mut index = self.segment_index(ms).unwrap_or(0);
        let mut out = Vec::new();
        while ms <= to {
            while self.segments.get(index + 1).is_some_and(|s| s.start <= ms) {
                index += 1;
            }
            if let Some(value) = self.sample_in(index, ms) {
                out.push((ms, value));
            } else if index + 1 == self.segments.len() {
                break; // ended for good
            }
            ms = grid.next(ms);
        }
        out
    }

    /// The window `[from, to]` of a counter in closed form, however long it is. `None` when the window holds no
    /// sample, or when only reading each sample can tell (the series paused inside it).
    pub fn counter_window(&self, grid: Grid, from: i64, to: i64) -> Option<CounterWindow> {
        let from = from.max(self.segments.first()?.start);
        let (first_ms, last_ms) = (grid.at_or_after(from), grid.at_or_before(to.min(grid.now)));
        if first_ms > last_ms || !self.is_counter() {
            return None;
        }
        let (i, j) = (self.segment_index(first_ms)?, self.segment_index(last_ms)?);
        if self.segments[i..=j].iter().any(|s| !s.live) {
            return None;
        }
        let (first, last) = (self.sample_in(i, first_ms)?, self.sample_in(j, last_ms)?);
        let (mut correction, mut seen) = (0.0, first_ms);
        for pair in i + 1..=j {
            // Only a segment that begins below where its predecessor arrived can hide a reset.
            let (start, base) = (self.segments[pair].start, self.segments[pair].base);
            let after = grid.at_or_after(start).min(last_ms);
            if base < self.segments[pair - 1].at(start) && after > seen {
                let before = grid.at_or_before(start - 1).max(first_ms);
                if let (Some(before), Some(after)) = (self.sample(before), self.sample(after))
                    && after < before
                {
                    correction += before;
                }
                seen = after;
            }
        }
        let count = grid.count(first_ms, last_ms);
        Some(CounterWindow { first_ms, first, last_ms, last, correction, count })
    }

    /// Whether any sample lies in `[from, to]`.
    pub fn exists_in(&self, from: i64, to: i64) -> bool {
        let Some(last) = self.segment_index(to) else { return false };
        let first = self.segment_index(from).unwrap_or(0);
        self.segments[first..=last].iter().any(|s| s.live)
    }

    pub(super) fn push(&mut self, next: Segment) {
        while let Some(last) = self.segments.last() {
            // A segment that ends before the next scrape is never seen: it goes.
            if ceil_to(last.start, FINE_STEP_MS) >= next.start {
                self.segments.pop();
            } else {
                break;
            }
        }
        let same = self.segments.last().is_some_and(|last| {
            last.live == next.live
                && (!next.live
                    || last.slope.to_bits() == next.slope.to_bits() && (last.at(next.start) - next.base).abs() < 1e-9)
        });
        if !same {
            self.segments.push(next);
        }
    }

    /// The exact (unrounded) value at `ms`; zero before the series began or after it ended.
    pub(super) fn exact(&self, ms: i64) -> f64 {
        self.segment_index(ms).and_then(|i| self.segments.get(i)).filter(|s| s.live).map_or(0.0, |s| s.at(ms))
    }
}
