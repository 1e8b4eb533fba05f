//! The one place that reads the time.
//!
//! The console on a real cluster lives in system time. On the embedded lab it lives in the lab's time, which may begin
//! elsewhere, run faster, or stand still so that pictures come out the same on every machine.

use std::time::Duration;

use tokio::time::Instant as Monotonic;

use crate::domain::time::Instant;

/// A source of "now". Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Starts at `origin` and runs `speed` times as fast as the system; 0 stands still.
    Shifted {
        /// Where it starts.
        origin: Instant,
        /// When it was started.
        started: Monotonic,
        /// How fast it runs.
        speed: f64,
    },
}

impl Clock {
    /// A clock that starts now at `origin`.
    pub fn shifted(origin: Instant, speed: f64) -> Self {
        Self::Shifted { origin, started: Monotonic::now(), speed }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        match *self {
            Self::System => system_now(),
            Self::Shifted { origin, started, speed } => {
                let elapsed = Duration::try_from_secs_f64(started.elapsed().as_secs_f64() * speed).unwrap_or_default();
                origin + elapsed
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the room where the clock may be read")]
fn system_now() -> Instant {
    chrono::Utc::now()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_shifted_clock_runs_at_its_speed_and_a_frozen_one_not_at_all() {
        let origin: Instant = "2026-03-14T14:32:07Z".parse().unwrap();
        let (fast, frozen) = (Clock::shifted(origin, 10.0), Clock::shifted(origin, 0.0));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!((fast.now() - origin).num_seconds(), 60);
        assert_eq!(frozen.now(), origin);
    }
}
