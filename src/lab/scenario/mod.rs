//! Scenarios: the worlds that the lab can start with, and what goes wrong in them.
//!
//! A scenario makes its whole past before the lab opens: the controllers themselves live through
//! it with time pinned, so that ages, revisions, events, restarts and measurements agree.

mod bad_canary;
mod bad_deploy;
mod bad_flag;
mod bad_node;
mod base;
mod blueprint;
mod calm;
mod nodes;
mod platform;
mod shop;
mod stuck_statefulset;
mod traffic_spike;

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use super::prometheus::rules::file::{LAB_RULES, ROLLOUT_RULES};
use super::world::World;

/// How much of the time before the start is lived through tick by tick, with measurements.
const WARM_UP: TimeDelta = TimeDelta::minutes(10);

/// A scenario of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ScenarioName {
    /// A release of `payment` went out six minutes ago and fails.
    #[default]
    BadDeploy,
    /// Three times the visitors, and the autoscaler is at its maximum.
    TrafficSpike,
    /// The database's update is stuck at its first pod.
    StuckStatefulset,
    /// The canary of an Argo Rollout fails part of its requests.
    BadCanary,
    /// The disk of a node takes no writes.
    BadNode,
    /// A feature flag makes `payment` slow and fail.
    BadFlag,
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
    /// Deployments of the shop that are Argo Rollouts in it.
    pub rollouts: &'static [&'static str],
    /// What happens, told once the base world stands.
    play: fn(&mut World, DateTime<Utc>),
}

/// All scenarios, the default one first.
pub static SCENARIOS: [Scenario; 7] = [
    Scenario {
        name: ScenarioName::BadDeploy,
        slug: "bad-deploy",
        summary: "payment 2.4.0 went out six minutes ago: 5xx, crash loops, the error budget burns; rolling back heals it",
        rollouts: &[],
        play: bad_deploy::play,
    },
    Scenario {
        name: ScenarioName::TrafficSpike,
        slug: "traffic-spike",
        summary: "three times the visitors at the front, and its autoscaler is at its maximum; raising that heals it",
        rollouts: &[],
        play: traffic_spike::play,
    },
    Scenario {
        name: ScenarioName::StuckStatefulset,
        slug: "stuck-statefulset",
        summary: "mysql 9.1.0 cannot open its files and holds the update up; rolling back and deleting the broken pod heals it",
        rollouts: &[],
        play: stuck_statefulset::play,
    },
    Scenario {
        name: ScenarioName::BadCanary,
        slug: "bad-canary",
        summary: "the canary of the Argo Rollout auth rejects older sessions; aborting it heals it",
        rollouts: bad_canary::ROLLOUTS_OF_SHOP,
        play: bad_canary::play,
    },
    Scenario {
        name: ScenarioName::BadNode,
        slug: "bad-node",
        summary: "the disk of worker-b2 takes no writes: pods of several workloads restart; draining it heals it",
        rollouts: &[],
        play: bad_node::play,
    },
    Scenario {
        name: ScenarioName::BadFlag,
        slug: "bad-flag",
        summary: "the flag new-pricing was switched on seven minutes ago: payment is slow and fails; switching it off heals it",
        rollouts: &[],
        play: bad_flag::play,
    },
    Scenario {
        name: ScenarioName::Calm,
        slug: "calm",
        summary: "an ordinary day: nothing is wrong",
        rollouts: &[],
        play: calm::play,
    },
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

    /// The alerting rules of its Prometheus: rule files.
    pub fn rules(self) -> &'static [&'static str] {
        if self.scenario().rollouts.is_empty() { LAB_RULES } else { ROLLOUT_RULES }
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
    base::raise(world, origin, name.scenario().rollouts);
    let warm = origin - WARM_UP;
    world.traffic().write_past(warm);
    (name.scenario().play)(world, origin);
}

#[cfg(test)]
mod tests;
