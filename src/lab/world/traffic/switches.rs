//! The feature flags that the shop's programs ask for, over time, and what they do to the services while they are on.

use chrono::{DateTime, TimeDelta, Utc};

use super::Troubles;

/// How long a change takes until the programs have it: their clients ask every few seconds.
const POLLED: TimeDelta = TimeDelta::seconds(5);

/// What a flag does to a service.
struct Effect {
    flag: &'static str,
    service: &'static str,
    harm: Harm,
}

/// The share of the requests to a service that fail, and the share that is slow, because of flags.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Harm {
    /// Fail.
    pub fails: f64,
    /// Take seconds.
    pub slow: f64,
}

/// Every flag that does harm.
static EFFECTS: [Effect; 1] = [Effect { flag: PRICING, service: "payment", harm: Harm { fails: 0.21, slow: 0.3 } }];

/// The flag that the scenario `bad-flag` is about: every quote asks the pricing table's second version, which is slow
/// and lacks regions.
pub const PRICING: &str = "new-pricing";

/// For which share of the users each flag is on in production, over time. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Switches {
    on: Troubles,
}

impl Switches {
    /// From `at` on, the flag is on for this share of the users. Moments must not go backwards.
    pub fn set(&self, flag: &str, at: DateTime<Utc>, share: f64) {
        self.on.set(flag, at, share);
    }

    /// Every change so far: from when on, and for which share of the users.
    pub fn changes(&self, flag: &str) -> Vec<(DateTime<Utc>, f64)> {
        self.on.moments(flag).into_iter().map(|at| (at, self.on.at(flag, at))).collect()
    }

    /// For which share of the users the programs take the flag to be on at a moment.
    pub fn known_at(&self, flag: &str, at: DateTime<Utc>) -> f64 {
        self.on.at(flag, at - POLLED)
    }

    /// What flags do to a service at a moment.
    pub fn harm(&self, service: &str, at: DateTime<Utc>) -> Harm {
        let mut harm = Harm::default();
        for effect in EFFECTS.iter().filter(|effect| effect.service == service) {
            let share = self.known_at(effect.flag, at);
            harm.fails += effect.harm.fails * share;
            harm.slow += effect.harm.slow * share;
        }
        harm
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn harm_follows_the_share_of_users_as_soon_as_programs_know() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let switches = Switches::default();
        switches.set(PRICING, at(100), 1.0);
        switches.set(PRICING, at(200), 0.5);
        switches.set(PRICING, at(300), 0.0);
        let fails = |seconds| switches.harm("payment", at(seconds)).fails;
        assert_eq!((fails(104), fails(106), fails(206), fails(306)), (0.0, 0.21, 0.105, 0.0));
        assert_eq!(switches.harm("auth", at(106)), Harm::default());
        assert_eq!(switches.changes(PRICING), [(at(100), 1.0), (at(200), 0.5), (at(300), 0.0)]);
    }
}
