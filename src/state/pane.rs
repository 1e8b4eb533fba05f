//! The panes by name: what the session can stand in. What they show and do is in `panes`.

use crate::domain::cluster::Resource;
use crate::ports::feed::SourceId;

use super::world::ROLLOUT_SOURCES;

/// A pane. The order is the order on screen and of the number keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaneId {
    /// What fires.
    Alerts,
    /// How fast budgets burn.
    Slo,
    /// What changed.
    Rollouts,
    /// What is unwell.
    Pods,
    /// What it says.
    Logs,
    /// Where it runs. Takes the place of the rollouts while someone looks at it.
    Nodes,
    /// What is switched on. Takes the place of the rollouts likewise.
    Flags,
}

impl PaneId {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Alerts, Self::Slo, Self::Rollouts, Self::Pods, Self::Logs, Self::Nodes, Self::Flags];

    /// Place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The pane after (`1`) or before (`-1`) this one, round and round.
    #[must_use]
    pub const fn neighbour(self, steps: isize) -> Self {
        let count = Self::ALL.len().cast_signed();
        Self::ALL[(self.index().cast_signed() + steps).rem_euclid(count).cast_unsigned()]
    }

    /// Is it one of those that share a place, of which one is on screen?
    pub const fn shares(self) -> bool {
        matches!(self, Self::Rollouts | Self::Nodes | Self::Flags)
    }

    /// Where its rows come from.
    pub const fn sources(self) -> &'static [SourceId] {
        match self {
            Self::Alerts => &[SourceId::PrometheusAlerts, SourceId::Alertmanager],
            Self::Slo => &[SourceId::Slos],
            Self::Rollouts => &ROLLOUT_SOURCES,
            Self::Pods => &[SourceId::Kubernetes(Resource::Pods)],
            Self::Logs => &[SourceId::Logs],
            Self::Nodes => &[SourceId::Kubernetes(Resource::Nodes)],
            // As many as are configured: [`super::world::World::flag_sources`].
            Self::Flags => &[],
        }
    }
}
