//! The lab's clock: lab time as a function of tokio's time.
//!
//! Lab time starts at a chosen origin and runs at a chosen speed. It is derived from
//! [`tokio::time::Instant`], so that a test with paused time moves the whole world by hand, and a
//! frozen clock makes a world that can be photographed twice with the same result.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// A clock of the embedded world. Clones tell the same time.
#[derive(Debug, Clone)]
pub struct LabClock {
    origin: DateTime<Utc>,
    base: Instant,
    speed: f64,
}

impl LabClock {
    /// A clock that says `origin` now and advances by `speed` lab seconds per second.
    ///
    /// A speed that is zero, negative or not a number gives a frozen clock.
    pub fn new(origin: DateTime<Utc>, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 0.0 };
        Self { origin, base: Instant::now(), speed }
    }

    /// A clock that always says `at`. Nothing moves in a world with a frozen clock.
    pub fn frozen(at: DateTime<Utc>) -> Self {
        Self::new(at, 0.0)
    }

    /// The lab time now.
    pub fn now(&self) -> DateTime<Utc> {
        if self.is_frozen() {
            return self.origin;
        }
        let lab = self.base.elapsed().mul_f64(self.speed);
        TimeDelta::from_std(lab).ok().and_then(|passed| self.origin.checked_add_signed(passed)).unwrap_or(self.origin)
    }

    /// The lab time at which this clock was started: the beginning of the scenario.
    pub fn origin(&self) -> DateTime<Utc> {
        self.origin
    }

    /// Lab seconds per second; zero when frozen.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Whether time stands still.
    pub fn is_frozen(&self) -> bool {
        self.speed == 0.0
    }

    /// Sleeps until the lab time `at`; returns at once when it has passed, and never when the
    /// clock is frozen before it.
    pub async fn sleep_until(&self, at: DateTime<Utc>) {
        let now = self.now();
        let Ok(lab) = (at - now).to_std() else { return };
        self.sleep(lab).await;
    }

    /// Sleeps for a span of lab time; for ever when the clock is frozen and the span is not zero.
    pub async fn sleep(&self, lab: Duration) {
        if lab.is_zero() {
            return;
        }
        if self.is_frozen() {
            return std::future::pending().await;
        }
        tokio::time::sleep(lab.div_f64(self.speed)).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use chrono::TimeZone;

    fn noon() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 14, 12, 0, 0).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn runs_at_its_speed_on_tokio_time() {
        let clock = LabClock::new(noon(), 10.0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(30));
        clock.sleep_until(noon() + TimeDelta::seconds(50)).await;
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(50));
    }

    #[tokio::test(start_paused = true)]
    async fn frozen_time_stands_still_and_sleep_never_ends() {
        let clock = LabClock::frozen(noon());
        let slept = tokio::time::timeout(Duration::from_secs(3600), clock.sleep(Duration::from_millis(1))).await;
        assert!(slept.is_err());
        assert_eq!(clock.now(), noon());
    }
}
