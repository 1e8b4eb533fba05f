//! When samples were scraped.

/// Scrape interval of recent samples, milliseconds.
pub const FINE_STEP_MS: i64 = 5_000;
/// Distance of samples older than [`FINE_WINDOW_MS`], milliseconds.
pub const COARSE_STEP_MS: i64 = 60_000;
/// How far back samples are [`FINE_STEP_MS`] apart, milliseconds.
pub const FINE_WINDOW_MS: i64 = 2 * 3_600_000;

/// When samples were scraped, as seen from one moment.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// The moment of seeing: nothing newer exists, milliseconds.
    pub now: i64,
    /// Where the 5-second samples begin, milliseconds.
    fine_from: i64,
}

impl Grid {
    /// The grid as seen at `now_ms`.
    pub fn new(now_ms: i64) -> Self {
        Self { now: now_ms, fine_from: (now_ms - FINE_WINDOW_MS).div_euclid(COARSE_STEP_MS) * COARSE_STEP_MS }
    }

    /// The newest scrape at or before `ms` (and not in the future).
    pub fn at_or_before(&self, ms: i64) -> i64 {
        let ms = ms.min(self.now);
        let step = if ms >= self.fine_from { FINE_STEP_MS } else { COARSE_STEP_MS };
        ms.div_euclid(step) * step
    }

    /// The oldest scrape at or after `ms`.
    pub fn at_or_after(&self, ms: i64) -> i64 {
        ceil_to(ms, if ms >= self.fine_from { FINE_STEP_MS } else { COARSE_STEP_MS })
    }

    pub(super) fn next(&self, ms: i64) -> i64 {
        ms + if ms >= self.fine_from { FINE_STEP_MS } else { COARSE_STEP_MS }
    }

    /// Number of scrapes between two scrapes, both included.
    pub(super) fn count(&self, first: i64, last: i64) -> usize {
        let coarse = (last.min(self.fine_from) - first).max(0) / COARSE_STEP_MS;
        let fine = (last - first.max(self.fine_from)).max(0) / FINE_STEP_MS;
        usize::try_from(coarse + fine + 1).unwrap_or(usize::MAX)
    }
}

/// The first multiple of `step` at or after `ms`.
pub(super) fn ceil_to(ms: i64, step: i64) -> i64 {
    -((-ms).div_euclid(step)) * step
}
