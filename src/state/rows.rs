//! How domain rows stand in their tables: identity, order (worst first), group, and what a filter sees.

use std::cmp::Reverse;
use std::sync::Arc;

use super::table::Row;
use crate::domain::Text;
use crate::domain::alert::{Alert, AlertState, Severity};
use crate::domain::cluster::EventRow;
use crate::domain::pod::{PodHealth, PodRow};
use crate::domain::rollout::{Blocked, RolloutPhase};
use crate::domain::slo::{BurnAlarm, SloReading};
use crate::domain::target::{Focus, PodRef, WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::WorkloadRow;

impl Row for PodRow {
    type Key = PodRef;
    /// Health, then the freshest trouble first; healthy pods by name.
    type Rank = (PodHealth, Reverse<Option<Instant>>);
    type Group = WorkloadRef;

    fn key(&self) -> PodRef {
        self.id.clone()
    }
    fn rank(&self) -> Self::Rank {
        (self.health, Reverse(self.last_restart.filter(|_| self.health.is_unhealthy())))
    }
    fn group(&self) -> Option<WorkloadRef> {
        self.owner.clone()
    }
    fn wants_attention(&self) -> bool {
        self.health.is_unhealthy()
    }
    fn is_on(&self, place: &str) -> bool {
        &*self.node == place
    }
    fn haystack(&self) -> String {
        format!(
            "{}/{} {} {} {}",
            self.id.namespace,
            self.id.name,
            self.status,
            self.reason.as_deref().unwrap_or_default(),
            self.node
        )
    }
}

/// Why a rollout is suspected: it went out shortly before an alert began.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Suspect {
    /// The alert's name.
    pub alert: Text,
    /// Seconds from the rollout to the alert.
    pub seconds_before: i64,
}

/// A workload with its suspicion.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutRow {
    /// The workload.
    pub row: WorkloadRow,
    /// Set when it is suspected.
    pub suspect: Option<Suspect>,
    /// When its last rollout was completed, as the workload itself says.
    pub completed: Option<Instant>,
    /// The pod that it waits for in vain.
    pub blocked: Option<Blocked>,
    /// A failed Job whose CronJob has succeeded since: no news.
    pub overtaken: bool,
}

impl RolloutRow {
    /// When the current revision went out, as far as known.
    pub fn since(&self) -> Instant {
        self.row.rollout.since.unwrap_or(self.row.created)
    }

    /// Does the workload itself need someone, suspicions aside?
    pub fn is_unhealthy(&self) -> bool {
        self.blocked.is_some() || (self.row.rollout.phase.is_unhealthy() && !self.overtaken)
    }
}

impl Row for RolloutRow {
    type Key = WorkloadRef;
    /// Suspects and troubled ones, then those under way, then the rest; newest first.
    type Rank = (u8, Reverse<Instant>);
    /// Itself; of a Job its CronJob, so that a focus on that shows both.
    type Group = WorkloadRef;

    fn key(&self) -> WorkloadRef {
        self.row.id.clone()
    }
    fn rank(&self) -> Self::Rank {
        let tier = match &self.row.rollout.phase {
            _ if self.suspect.is_some() => 0,
            _ if self.is_unhealthy() => 1,
            // What runs by the clock is under way all the time, and suspended for years.
            _ if !self.row.id.kind.rolls_out() => 3,
            RolloutPhase::Complete => 3,
            _ => 2,
        };
        (tier, Reverse(self.since()))
    }
    fn group(&self) -> Option<WorkloadRef> {
        let cron_job = self.row.batch().and_then(|batch| batch.cron_job.clone());
        Some(match cron_job {
            Some(name) => WorkloadRef { namespace: self.row.id.namespace.clone(), kind: WorkloadKind::CronJob, name },
            None => self.row.id.clone(),
        })
    }
    fn wants_attention(&self) -> bool {
        self.suspect.is_some() || self.is_unhealthy()
    }
    /// CronJobs and Jobs change by the hour and would bury what people changed: shown when something is wrong with them
    /// or when someone asks.
    fn is_quiet(&self) -> bool {
        match self.row.id.kind {
            WorkloadKind::Job => !self.wants_attention(),
            WorkloadKind::CronJob => self.row.rollout.phase == RolloutPhase::Complete && !self.wants_attention(),
            _ => false,
        }
    }
    fn haystack(&self) -> String {
        format!("{}/{} {}", self.row.id.namespace, self.row.id.short(), self.row.images.join(" "))
    }
}

/// What an alert or an objective is about, as far as panes narrow to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A workload that exists.
    Workload(WorkloadRef),
    /// A pod that no workload owns.
    Pod(PodRef),
    /// A name that no workload answers to.
    Service(Text),
    /// A node.
    Node(Text),
}

impl About {
    /// The group that a focus narrows to.
    pub fn of(focus: &Focus) -> Self {
        match focus {
            Focus::Workload(workload) | Focus::Pod { owner: Some(workload), .. } => Self::Workload(workload.clone()),
            Focus::Pod { pod, owner: None } => Self::Pod(pod.clone()),
            Focus::Service { name, .. } => Self::Service(name.clone()),
            Focus::Node(name) => Self::Node(name.clone()),
        }
    }

    /// The name to show.
    pub fn name(&self) -> &str {
        match self {
            Self::Workload(workload) => &workload.name,
            Self::Pod(pod) => &pod.name,
            Self::Service(name) | Self::Node(name) => name,
        }
    }
}

/// Alerts of one name about one thing, as one row.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// The one that speaks for all: the newest.
    pub alert: Arc<Alert>,
    /// All of them, the newest first.
    pub all: Vec<Arc<Alert>>,
    /// What it is about; `None` when its labels say nothing that helps.
    pub about: Option<Focus>,
}

impl AlertRow {
    /// Began: the oldest of them.
    pub fn since(&self) -> Instant {
        self.all.iter().map(|alert| alert.since).min().unwrap_or(self.alert.since)
    }

    /// Counts as firing?
    pub fn is_firing(&self) -> bool {
        self.alert.state == AlertState::Firing
    }
}

/// Identity of an alert row: name, state, severity and what it is about.
pub type AlertKey = (Text, AlertState, Severity, Option<About>);

impl Row for AlertRow {
    type Key = AlertKey;
    /// Firing, pending, suppressed; severity; symptoms before budgets; newest first.
    type Rank = (AlertState, Severity, bool, Reverse<Instant>);
    type Group = About;

    fn key(&self) -> AlertKey {
        (self.alert.name.clone(), self.alert.state, self.alert.severity, self.group())
    }
    fn rank(&self) -> Self::Rank {
        (self.alert.state, self.alert.severity, self.alert.is_burn_alert(), Reverse(self.since()))
    }
    fn group(&self) -> Option<About> {
        self.about.as_ref().map(About::of)
    }
    fn wants_attention(&self) -> bool {
        self.is_firing() && self.alert.severity != Severity::Info
    }
    fn haystack(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!("{} {}", self.alert.name, self.alert.summary());
        for (name, value) in self.all.iter().flat_map(|alert| &alert.labels) {
            // Writing to a string cannot fail.
            let _ = write!(text, " {name}={value}");
        }
        text
    }
}

/// A reading with what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct SloRow {
    /// The reading.
    pub reading: SloReading,
    /// Its service, resolved.
    pub about: About,
}

impl Row for SloRow {
    type Key = Text;
    /// Alarm, then the fastest burn of the last hour.
    type Rank = (bool, BurnAlarm, Reverse<u64>);
    type Group = About;

    fn key(&self) -> Text {
        self.reading.objective.name.clone()
    }
    fn rank(&self) -> Self::Rank {
        let burn = self.reading.burn[2].or(self.reading.burn[0]).unwrap_or(0.0).max(0.0);
        (self.reading.error.is_some(), self.reading.alarm(), Reverse((burn * 10.0) as u64))
    }
    fn group(&self) -> Option<About> {
        Some(self.about.clone())
    }
    fn wants_attention(&self) -> bool {
        self.reading.error.is_some() || self.reading.alarm() != BurnAlarm::Calm
    }
    fn haystack(&self) -> String {
        format!("{} {}", self.reading.objective.name, self.reading.objective.service)
    }
}

impl Row for EventRow {
    type Key = Text;
    type Rank = Reverse<Instant>;
    /// Namespace, kind and name of the object that it is about.
    type Group = (Text, Text, Text);

    fn key(&self) -> Text {
        self.key.clone()
    }
    fn rank(&self) -> Reverse<Instant> {
        Reverse(self.last_seen)
    }
    fn group(&self) -> Option<Self::Group> {
        Some((self.namespace.clone(), self.kind.clone(), self.name.clone()))
    }
    fn wants_attention(&self) -> bool {
        self.warning
    }
    fn haystack(&self) -> String {
        format!("{} {}", self.reason, self.message)
    }
}
