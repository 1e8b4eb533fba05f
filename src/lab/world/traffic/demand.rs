//! How much is asked of each service: the rhythm of the day, and surges on top of it.

use chrono::{DateTime, Timelike, Utc};

use super::Troubles;
use crate::lab::world::naming;

/// The demand for all services over time. Clones share the surges.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    /// By how much demand exceeds the ordinary, as a share of it.
    surges: Troubles,
}

impl Demand {
    /// The demand at a moment, as a share of that at noon of an ordinary day.
    pub fn at(&self, service: &str, at: DateTime<Utc>) -> f64 {
        ordinary(service, at) * (1.0 + self.surges.at(service, at))
    }

    /// From `at` on, demand is this many times the ordinary one. Moments must not go backwards.
    pub fn surge(&self, service: &str, at: DateTime<Utc>, times: f64) {
        self.surges.set(service, at, (times - 1.0).max(0.0));
    }
}

/// The demand of an ordinary day.
pub fn ordinary(service: &str, at: DateTime<Utc>) -> f64 {
    let seed = naming::digest(&[service, "demand"]);
    let hour = f64::from(at.num_seconds_from_midnight()) / 3600.0;
    // Quiet at four in the morning, busiest in the afternoon.
    let day = 0.72 + 0.3 * ((hour - 10.0) / 24.0 * std::f64::consts::TAU).sin();
    let seconds = at.timestamp() as f64;
    let unrest = 0.035 * naming::wobble(seed, seconds / 40.0) + 0.05 * naming::wobble(seed ^ 1, seconds / 700.0);
    (day + unrest).max(0.05)
}
