//! Health of the sources: what each last said, when, and what is wrong with it.

use std::collections::BTreeMap;

use crate::domain::time::Instant;
use crate::ports::feed::{Fault, FaultKind, SourceGroup, SourceId};

/// How a source stands now. Data that stays on screen while its source fails is stale, never live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    /// Nothing asked of it (logs without a target).
    Idle,
    /// No data yet, on its way.
    Connecting,
    /// Data, in time.
    Live {
        /// Of this moment.
        at: Instant,
    },
    /// Data, but old: the source fails, or has been silent for too long.
    Stale {
        /// Last data.
        since: Instant,
        /// Why, when it said so.
        fault: Option<&'a Fault>,
    },
    /// No data, and an error.
    Failed(&'a Fault),
    /// No data, because nobody said where it is.
    NotConfigured(&'a Fault),
}

impl Status<'_> {
    /// How bad it is, for choosing the worst of several: 0 is well.
    pub const fn badness(&self) -> u8 {
        match self {
            Self::Live { .. } => 0,
            Self::Idle => 1,
            Self::NotConfigured(_) => 2,
            Self::Connecting => 3,
            Self::Stale { .. } => 4,
            Self::Failed(_) => 5,
        }
    }
}

impl Status<'_> {
    /// No data, because we may not read it.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Failed(fault) if fault.kind == FaultKind::Forbidden)
    }
}

/// What is known of one source.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Last data.
    last: Option<Instant>,
    /// The error since then, and when it is tried again.
    fault: Option<(Fault, Instant)>,
    /// Works, but not for everything.
    limited: Option<Fault>,
    /// Longest healthy silence, seconds; 0 until told.
    patience: u64,
    /// Was it ever started?
    started: bool,
}

impl Source {
    /// It is being opened; healthy silence lasts `patience` seconds at most.
    pub fn connecting(&mut self, patience: u64) {
        self.patience = patience;
        self.started = true;
        // The fault stays until data comes: "failed, retrying" must not flicker into "connecting".
    }

    /// It said something.
    pub fn data(&mut self, now: Instant) {
        self.started = true;
        self.last = Some(now);
        self.fault = None;
    }

    /// It failed and is tried again in `retry_in` seconds.
    pub fn failed(&mut self, fault: Fault, retry_in: u64, now: Instant) {
        self.started = true;
        let retry = now + chrono::TimeDelta::seconds(i64::try_from(retry_in).unwrap_or(i64::MAX / 2_000));
        self.fault = Some((fault, retry));
    }

    /// It works only in part.
    pub fn limit(&mut self, fault: Fault) {
        self.limited = Some(fault);
    }

    /// It gave everything anew: what it could not give is told again, or is over.
    pub fn unlimited(&mut self) {
        self.limited = None;
    }

    /// What it cannot give, if it said so.
    pub fn limited(&self) -> Option<&Fault> {
        self.limited.as_ref()
    }

    /// When it is tried again, while it fails.
    pub fn retry_at(&self) -> Option<Instant> {
        self.fault.as_ref().map(|(_, retry)| *retry)
    }

    /// Last data.
    pub const fn last(&self) -> Option<Instant> {
        self.last
    }

    /// How it stands.
    pub fn status(&self, now: Instant) -> Status<'_> {
        match (&self.fault, self.last) {
            (Some((fault, _)), Some(since)) => Status::Stale { since, fault: Some(fault) },
            (Some((fault, _)), None) if fault.kind == FaultKind::NotConfigured => Status::NotConfigured(fault),
            (Some((fault, _)), None) => Status::Failed(fault),
            (None, Some(at)) if self.patience > 0 && (now - at).num_seconds() > self.patience.cast_signed() => {
                Status::Stale { since: at, fault: None }
            }
            (None, Some(at)) => Status::Live { at },
            (None, None) if self.started => Status::Connecting,
            (None, None) => Status::Idle,
        }
    }
}

/// All sources.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    by_id: BTreeMap<SourceId, Source>,
}

impl Sources {
    /// One source, made when first named.
    pub fn entry(&mut self, id: &SourceId) -> &mut Source {
        if !self.by_id.contains_key(id) {
            self.by_id.insert(id.clone(), Source::default());
        }
        self.by_id.entry(id.clone()).or_default()
    }

    /// One source, if it ever said something.
    pub fn get(&self, id: &SourceId) -> Option<&Source> {
        self.by_id.get(id)
    }

    /// Forgets one: it is asked something else now.
    pub fn forget(&mut self, id: &SourceId) {
        self.by_id.remove(id);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&SourceId, &Source)> {
        self.by_id.iter()
    }

    /// The header's dot: the worst status within a group. A source that is not configured beside one that works (alerts
    /// come from either Prometheus or Alertmanager) does not spoil its group.
    pub fn group(&self, group: SourceGroup, now: Instant) -> Status<'_> {
        let all: Vec<Status<'_>> =
            self.by_id.iter().filter(|(id, _)| id.group() == group).map(|(_, source)| source.status(now)).collect();
        // What may not be read (nodes, for the editor of a namespace) is no failure of what may.
        let some = all.iter().any(|status| matches!(status, Status::Live { .. } | Status::Stale { .. }));
        all.into_iter()
            .filter(|status| !some || !status.is_refused())
            .max_by_key(Status::badness)
            .unwrap_or(Status::Idle)
    }

    /// Several sources as one: what a pane that shows all of them may say of itself. Data of any makes it live or stale;
    /// without any data the most telling reason wins.
    pub fn together(&self, ids: &[SourceId], now: Instant) -> Status<'_> {
        let all: Vec<Status<'_>> =
            ids.iter().filter_map(|id| self.by_id.get(id)).map(|source| source.status(now)).collect();
        let with_data = all.iter().filter(|s| matches!(s, Status::Live { .. } | Status::Stale { .. }));
        if let Some(worst) = with_data.max_by_key(|s| s.badness()) {
            return worst.clone();
        }
        let rank = |s: &Status<'_>| match s {
            Status::Failed(_) => 3,
            Status::Connecting => 2,
            Status::NotConfigured(_) => 1,
            _ => 0,
        };
        // Where nothing is configured, nothing is on its way.
        let none = if ids.is_empty() || ids == [SourceId::Logs] { Status::Idle } else { Status::Connecting };
        all.into_iter().max_by_key(rank).unwrap_or(none)
    }

    /// Everything that is wrong with these sources, each with its name, for the notes under a pane.
    pub fn faults<'a>(&'a self, ids: &'a [SourceId]) -> impl Iterator<Item = (&'a SourceId, &'a Fault)> {
        ids.iter().filter_map(|id| {
            let source = self.by_id.get(id)?;
            let fault = source.fault.as_ref().map(|(fault, _)| fault).or(source.limited.as_ref())?;
            Some((id, fault))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::cluster::Resource;
    use chrono::TimeDelta;

    #[test]
    fn data_of_a_failing_or_silent_source_is_stale() {
        let t0 = chrono::DateTime::from_timestamp(1_000_000, 0).unwrap();
        let mut source = Source::default();
        assert_eq!(source.status(t0), Status::Idle);
        source.connecting(30);
        assert_eq!(source.status(t0), Status::Connecting);
        source.data(t0);
        assert_eq!(source.status(t0 + TimeDelta::seconds(30)), Status::Live { at: t0 });
        assert_eq!(source.status(t0 + TimeDelta::seconds(31)), Status::Stale { since: t0, fault: None });
        source.failed(Fault::new(FaultKind::Timeout, "no answer"), 5, t0);
        assert!(matches!(source.status(t0), Status::Stale { fault: Some(_), .. }));
        source.data(t0);
        assert_eq!(source.status(t0), Status::Live { at: t0 });
    }

    #[test]
    fn what_may_not_be_read_does_not_spoil_what_may() {
        let t0 = chrono::DateTime::from_timestamp(1_000_000, 0).unwrap();
        let [pods, nodes] = [Resource::Pods, Resource::Nodes].map(SourceId::Kubernetes);
        let mut sources = Sources::default();
        sources.entry(&nodes).failed(Fault::new(FaultKind::Forbidden, "no"), 5, t0);
        assert!(sources.group(SourceGroup::Kubernetes, t0).is_refused());
        sources.entry(&pods).data(t0);
        assert_eq!(sources.group(SourceGroup::Kubernetes, t0), Status::Live { at: t0 });
        sources.entry(&nodes).failed(Fault::new(FaultKind::Timeout, "away"), 5, t0);
        assert!(matches!(sources.group(SourceGroup::Kubernetes, t0), Status::Failed(_)));
    }

    #[test]
    fn a_pane_of_several_sources_fails_only_without_any_data() {
        let t0 = chrono::DateTime::from_timestamp(1_000_000, 0).unwrap();
        let ids = [SourceId::PrometheusAlerts, SourceId::Alertmanager];
        let mut sources = Sources::default();
        sources.entry(&ids[0]).failed(Fault::new(FaultKind::NotConfigured, "no url"), 60, t0);
        assert!(matches!(sources.together(&ids, t0), Status::NotConfigured(_)));
        sources.entry(&ids[1]).failed(Fault::new(FaultKind::Timeout, "no answer"), 5, t0);
        assert!(matches!(sources.together(&ids, t0), Status::Failed(f) if f.kind == FaultKind::Timeout));
        sources.entry(&ids[1]).data(t0);
        assert_eq!(sources.together(&ids, t0), Status::Live { at: t0 });
        assert_eq!(sources.faults(&ids).count(), 1);
        assert_eq!(sources.group(SourceId::Kubernetes(Resource::Pods).group(), t0), Status::Idle);
    }
}
