//! Scenarios: the worlds that the lab can start with, and what goes wrong in them.
//!
//! A scenario makes its whole past before the lab opens: the controllers themselves live through
//! it with time pinned, so that ages, revisions, events, restarts and measurements agree.

mod bad_deploy;
mod base;
mod blueprint;
mod calm;
mod nodes;
mod platform;
mod shop;

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use super::world::World;

/// How much of the time before the start is lived through tick by tick, with measurements.
const WARM_UP: TimeDelta = TimeDelta::minutes(10);

/// A scenario of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ScenarioName {
    /// A release of `payment` went out six minutes ago and fails.
    #[default]
    BadDeploy,
    /// Nothing is wrong.
    Calm,
}

/// What there is to know about a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Which one.
    pub name: ScenarioName,
    /// How it is called on the command line.
    pub slug: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// What happens, told once the base world stands.
    play: fn(&mut World, DateTime<Utc>),
}

/// All scenarios, the default one first.
pub static SCENARIOS: [Scenario; 2] = [
    Scenario {
        name: ScenarioName::BadDeploy,
        slug: "bad-deploy",
        summary: "payment 2.4.0 went out six minutes ago: 5xx, crash loops, the error budget burns; rolling back heals it",
        play: bad_deploy::play,
    },
    Scenario { name: ScenarioName::Calm, slug: "calm", summary: "an ordinary day: nothing is wrong", play: calm::play },
];

/// A scenario name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scenario \"{given}\"; there are: {known}")]
pub struct UnknownScenario {
    given: String,
    known: String,
}

impl ScenarioName {
    /// Everything about it.
    pub fn scenario(self) -> &'static Scenario {
        SCENARIOS.iter().find(|scenario| scenario.name == self).unwrap_or(&SCENARIOS[0])
    }

    /// How it is called on the command line.
    pub fn slug(self) -> &'static str {
        self.scenario().slug
    }
}

impl std::fmt::Display for ScenarioName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for ScenarioName {
    type Err = UnknownScenario;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        SCENARIOS.iter().find(|scenario| scenario.slug == given).map(|scenario| scenario.name).ok_or_else(|| {
            let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.slug).collect();
            UnknownScenario { given: given.to_owned(), known: known.join(", ") }
        })
    }
}

/// Fills an empty world with a scenario that begins at `origin`.
pub fn set_up(world: &mut World, name: ScenarioName, origin: DateTime<Utc>) {
    base::raise(world, origin);
    let warm = origin - WARM_UP;
    world.traffic().write_past(warm);
    (name.scenario().play)(world, origin);
}

#[cfg(test)]
mod tests;
