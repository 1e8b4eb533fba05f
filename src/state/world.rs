//! The world as the sources tell it: tables, what follows from them (what alerts are about, which rollouts are
//! suspected), and the age of it all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::flags;
use super::logs::LogRing;
use super::nodes::Nodes;
use super::resolve::{Known, Names};
use super::rows::{About, AlertRow, RolloutRow, SloRow, Suspect};
use super::source::Sources;
use super::standing;
use super::table::Table;
use crate::domain::Text;
use crate::domain::alert::{Alert, AlertState, Severity};
use crate::domain::cluster::{EventRow, HpaRow, NodeRow, Resource};
use crate::domain::flag::FlagRow;
use crate::domain::pod::{PodRow, PodUsage};
use crate::domain::slo::SloReading;
use crate::domain::target::{Focus, PodRef, WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::{RevisionRow, WorkloadRow};
use crate::ports::feed::{Delta, FaultKind, SourceId, Update};

/// A rollout is suspected of an alert that began within this many seconds after it.
const SUSPICION: i64 = 30 * 60;

/// A rollout that was completed so many seconds after its revision was made is a later one, back to that revision.
const LONGEST_ROLLOUT: i64 = 60 * 60;

/// Everything known about one context. A context switch makes a new one.
#[derive(Debug, Default)]
pub struct World {
    /// Health and age per source.
    pub sources: Sources,
    /// Alerts of all sources, merged and folded.
    pub alerts: Table<AlertRow>,
    /// Error budgets.
    pub slos: Table<SloRow>,
    /// Workloads with their current rollout.
    pub rollouts: Table<RolloutRow>,
    /// Pods.
    pub pods: Table<PodRow>,
    /// Events, by the object that they are about.
    pub events: Table<EventRow>,
    /// Logs of the target.
    pub logs: LogRing,
    /// Nodes, with their pods counted.
    pub nodes: Nodes,
    /// Feature flags of all sources.
    pub flags: Table<FlagRow>,
    usage: BTreeMap<PodRef, PodUsage>,
    hpas: BTreeMap<(Text, Text), HpaRow>,
    revisions: BTreeMap<(Text, Text), RevisionRow>,
    history: BTreeMap<WorkloadRef, BTreeSet<(u64, Text)>>,
    names: Names,
    prometheus: Vec<Arc<Alert>>,
    alertmanager: Option<Vec<Arc<Alert>>>,
    suspects: BTreeMap<WorkloadRef, Suspect>,
    counts: Counts,
    /// Namespaces as the cluster lists them, and whether these are all.
    listed_namespaces: (BTreeSet<Text>, bool),
}

/// What the header counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Firing critical alerts.
    pub critical: usize,
    /// Firing warnings.
    pub warning: usize,
    /// Budgets that burn too fast.
    pub burning: usize,
}

impl World {
    /// A world whose log ring holds this many entries.
    pub fn new(log_lines: usize) -> Self {
        Self { logs: LogRing::with_capacity(log_lines), ..Self::default() }
    }

    /// Takes in what a source said.
    pub fn apply(&mut self, source: &SourceId, update: Update, now: Instant) {
        if update.is_whole() {
            self.sources.entry(source).unlimited();
        }
        match update {
            Update::Limited(fault) => return self.sources.entry(source).limit(fault),
            Update::Alive => {}
            Update::Pods(delta) => self.apply_pods(delta),
            Update::Workloads(kind, delta) => self.apply_workloads(kind, delta),
            Update::Revisions { controller_revisions, delta } => self.apply_revisions(controller_revisions, delta),
            Update::Nodes(delta) => self.nodes.apply(delta),
            Update::NodeUsage(delta) => self.nodes.measure(delta),
            // Always all of them.
            Update::PodUsage(delta) => {
                self.usage = delta.upserts.into_iter().map(|usage| (usage.id.clone(), usage)).collect();
            }
            Update::Hpas(delta) => apply_map(&mut self.hpas, delta, |row| (row.namespace.clone(), row.name.clone())),
            Update::Events(delta) => {
                if delta.reset {
                    self.events.clear();
                }
                delta.removes.iter().for_each(|key| drop(self.events.remove(key)));
                delta.upserts.into_iter().for_each(|row| self.events.upsert(row));
            }
            Update::Namespaces { names, complete } => {
                self.listed_namespaces = (names.into_iter().collect(), complete);
            }
            Update::Alerts(alerts) => {
                let alerts = alerts.into_iter().map(Arc::new).collect();
                match source {
                    SourceId::Alertmanager => self.alertmanager = Some(alerts),
                    _ => self.prometheus = alerts,
                }
                self.derive_alerts();
            }
            Update::Slos(readings) => self.apply_slos(readings),
            Update::Flags(rows) => {
                if let SourceId::Flags(name) = source {
                    flags::replace(&mut self.flags, name, rows);
                }
            }
            Update::Logs(batch) => self.logs.push(batch, now),
        }
        self.sources.entry(source).data(now);
    }

    fn apply_pods(&mut self, delta: Delta<PodRow, PodRef>) {
        let (mut nodes, mut sets) = (BTreeSet::new(), BTreeSet::new());
        let mut of_set = |pod: &PodRow| {
            sets.extend(pod.owner.as_ref().filter(|owner| owner.kind == WorkloadKind::StatefulSet).cloned());
        };
        if delta.reset {
            self.pods.clear();
            self.nodes.forget_pods(&mut nodes);
        }
        for key in &delta.removes {
            if let Some(gone) = self.pods.remove(key) {
                self.nodes.count(&gone, false, &mut nodes);
                of_set(&gone);
            }
        }
        for row in delta.upserts {
            if let Some(before) = self.pods.get(&row.id) {
                self.nodes.count(before, false, &mut nodes);
            }
            self.nodes.count(&row, true, &mut nodes);
            of_set(&row);
            self.pods.upsert(row);
        }
        self.nodes.settle(nodes);
        self.stand_anew(sets);
        // Alerts name pods; whose pod it was may only be known now.
        let unknown = |row: &AlertRow| matches!(row.about, None | Some(Focus::Service { .. }));
        let names_pod = |row: &AlertRow| ["pod", "job_name"].iter().any(|label| row.alert.label(label).is_some());
        if self.alerts.iter().any(|row| unknown(row) && names_pod(row)) {
            self.derive_alerts();
        }
    }

    fn apply_workloads(&mut self, kind: WorkloadKind, delta: Delta<WorkloadRow, WorkloadRef>) {
        if delta.reset {
            let gone: Vec<WorkloadRef> =
                self.rollouts.iter().map(|r| &r.row.id).filter(|id| id.kind == kind).cloned().collect();
            for id in gone {
                self.names.remove(&id);
                self.rollouts.remove(&id);
            }
        }
        for key in &delta.removes {
            self.names.remove(key);
            self.rollouts.remove(key);
        }
        let mut jobs: Vec<WorkloadRef> = Vec::new();
        for row in delta.upserts {
            self.names.insert(&row.id);
            let suspect = self.suspects.get(&row.id).cloned();
            let completed = row.rollout.since;
            let row = self.dated(row, completed);
            let blocked = standing::blocked(&row, &self.pods);
            let overtaken = standing::overtaken(&row, &self.rollouts);
            if let Some(schedule) = row.schedule() {
                jobs.extend(schedule.last_success.map(|_| row.id.clone()));
            }
            self.rollouts.upsert(RolloutRow { row, suspect, completed, blocked, overtaken });
        }
        // A success of a CronJob settles the failures before it.
        let jobs = jobs.iter().flat_map(|id| self.rollouts.group(id)).map(|job| job.row.id.clone()).collect();
        self.stand_anew(jobs);
        self.derive_alerts();
        self.derive_slos();
    }

    fn apply_revisions(&mut self, controller_revisions: bool, delta: Delta<RevisionRow, (Text, Text)>) {
        let mut gone = delta.removes;
        let mut touched = BTreeSet::new();
        if delta.reset {
            // ReplicaSets belong to Deployments and Rollouts, ControllerRevisions to the others.
            let of_sets =
                |row: &RevisionRow| matches!(row.workload.kind, WorkloadKind::Deployment | WorkloadKind::Rollout);
            let old = self.revisions.iter().filter(|(_, row)| of_sets(row) != controller_revisions);
            gone.extend(old.map(|(key, _)| key.clone()));
        }
        for key in gone {
            self.forget_revision(&key);
        }
        for row in delta.upserts {
            let key = (row.workload.namespace.clone(), row.name.clone());
            self.forget_revision(&key);
            self.history.entry(row.workload.clone()).or_default().insert((row.revision, row.name.clone()));
            touched.insert(row.workload.clone());
            self.revisions.insert(key, row);
        }
        for workload in touched {
            let Some(known) = self.rollouts.get(&workload).cloned() else { continue };
            let dated = self.dated(known.row.clone(), known.completed);
            if dated != known.row {
                self.rollouts.upsert(RolloutRow { row: dated, ..known });
            }
        }
        // Which rollout went out shortly before an alert may be known only now.
        self.derive_suspects();
    }

    /// The workload with the revision that it runs and when that went out, as its history tells. A revision that was
    /// rolled back to is older than its latest rollout: then the time of completion is the better answer.
    fn dated(&self, mut row: WorkloadRow, completed: Option<Instant>) -> WorkloadRow {
        let wanted = row.revision;
        let current = self
            .history(&row.id)
            .find(|known| wanted.is_none_or(|wanted| wanted == known.revision))
            .map(|known| (known.revision, known.created, known.images.clone()));
        if let Some((revision, created, images)) = current {
            // A Rollout whose template is another object's has no images of its own.
            if row.images.is_empty() {
                row.images = images;
            }
            let again = completed.filter(|completed| (*completed - created).num_seconds() > LONGEST_ROLLOUT);
            row.rollout.since = Some(again.unwrap_or(created));
            row.revision = Some(revision);
        }
        row
    }

    /// Looks again at what stands in the way of these workloads.
    fn stand_anew(&mut self, workloads: BTreeSet<WorkloadRef>) {
        for id in workloads {
            let Some(known) = self.rollouts.get(&id) else { continue };
            let blocked = standing::blocked(&known.row, &self.pods);
            let overtaken = standing::overtaken(&known.row, &self.rollouts);
            if blocked != known.blocked || overtaken != known.overtaken {
                let row = RolloutRow { blocked, overtaken, ..known.clone() };
                self.rollouts.upsert(row);
            }
        }
    }

    fn forget_revision(&mut self, key: &(Text, Text)) {
        if let Some(row) = self.revisions.remove(key)
            && let Some(history) = self.history.get_mut(&row.workload)
        {
            history.remove(&(row.revision, row.name));
            if history.is_empty() {
                self.history.remove(&row.workload);
            }
        }
    }

    fn apply_slos(&mut self, readings: Vec<SloReading>) {
        let rows: Vec<SloRow> = readings
            .into_iter()
            .map(|reading| {
                let objective = &reading.objective;
                let about = self.known().service(objective.namespace.as_deref(), &objective.service);
                SloRow { reading, about }
            })
            .collect();
        self.slos.clear();
        for row in rows {
            self.slos.upsert(row);
        }
        self.count();
    }

    fn known(&self) -> Known<'_> {
        Known {
            names: &self.names,
            rollouts: &self.rollouts,
            pods: &self.pods,
            nodes: &self.nodes.table,
            revisions: &self.revisions,
        }
    }

    /// Which workload each objective measures may change as workloads come.
    fn derive_slos(&mut self) {
        let changed: Vec<SloRow> = self
            .slos
            .iter()
            .filter_map(|row| {
                let objective = &row.reading.objective;
                let about = self.known().service(objective.namespace.as_deref(), &objective.service);
                (about != row.about).then(|| SloRow { reading: row.reading.clone(), about })
            })
            .collect();
        for row in changed {
            self.slos.upsert(row);
        }
    }

    /// Merges the sources' alerts, folds those of one name about one thing, and finds suspects anew.
    fn derive_alerts(&mut self) {
        let merged = self.merged_alerts();
        let mut rows: BTreeMap<_, AlertRow> = BTreeMap::new();
        for alert in merged {
            let about = self.known().alert(&alert);
            let key = (alert.state, alert.severity, alert.name.clone(), about.as_ref().map(About::of));
            rows.entry(key)
                .or_insert_with(|| AlertRow { alert: alert.clone(), all: Vec::new(), about })
                .all
                .push(alert);
        }
        self.alerts.clear();
        for mut row in rows.into_values() {
            row.all.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.key.cmp(&b.key)));
            if let Some(newest) = row.all.first() {
                row.alert = newest.clone();
            }
            self.alerts.upsert(row);
        }
        self.derive_suspects();
        self.count();
    }

    /// Alertmanager knows silences, Prometheus knows values and what is pending. An alert that both give is one: its
    /// labels in Prometheus are all among those in Alertmanager (which may add external ones).
    fn merged_alerts(&self) -> Vec<Arc<Alert>> {
        let Some(managed) = &self.alertmanager else { return self.prometheus.clone() };
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, alert) in managed.iter().enumerate() {
            by_name.entry(&alert.name).or_default().push(index);
        }
        let mut merged = managed.clone();
        for alert in &self.prometheus {
            let twin =
                by_name.get(&*alert.name).into_iter().flatten().copied().find(|index| {
                    alert.labels.iter().all(|(name, value)| managed[*index].labels.get(name) == Some(value))
                });
            match twin {
                Some(index) => {
                    let twin = Arc::make_mut(&mut merged[index]);
                    twin.value = twin.value.or(alert.value);
                    twin.since = twin.since.min(alert.since);
                }
                None => merged.push(alert.clone()),
            }
        }
        merged
    }

    fn derive_suspects(&mut self) {
        let mut found: BTreeMap<WorkloadRef, Suspect> = BTreeMap::new();
        // In the order of the table symptoms come before budgets: the first alert names the suspicion.
        for row in self.alerts.worst() {
            let Some(Focus::Workload(workload)) = &row.about else { continue };
            let Some(since) =
                self.rollouts.get(workload).filter(|r| r.row.id.kind.rolls_out()).and_then(|r| r.row.rollout.since)
            else {
                continue;
            };
            let seconds_before = (row.since() - since).num_seconds();
            if (0..=SUSPICION).contains(&seconds_before) {
                found
                    .entry(workload.clone())
                    .or_insert_with(|| Suspect { alert: row.alert.name.clone(), seconds_before });
            }
        }
        let touched: BTreeSet<WorkloadRef> = found.keys().chain(self.suspects.keys()).cloned().collect();
        for workload in touched {
            let suspect = found.get(&workload).cloned();
            if let Some(row) = self.rollouts.get(&workload)
                && row.suspect != suspect
            {
                let row = RolloutRow { suspect, ..row.clone() };
                self.rollouts.upsert(row);
            }
        }
        self.suspects = found;
    }

    fn count(&mut self) {
        let firing = |severity: Severity| {
            self.alerts
                .iter()
                .filter(|row| row.alert.state == AlertState::Firing && row.alert.severity == severity)
                .count()
        };
        self.counts = Counts {
            critical: firing(Severity::Critical),
            warning: firing(Severity::Warning),
            burning: self
                .slos
                .iter()
                .filter(|row| row.reading.error.is_none() && row.reading.alarm() != crate::domain::slo::BurnAlarm::Calm)
                .count(),
        };
    }

    /// What a pod uses; `None` where no metrics are served, or none of it yet.
    pub fn usage(&self, pod: &PodRef) -> Option<&PodUsage> {
        self.usage.get(pod)
    }

    /// Counts for the header.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// What an alert is about.
    pub fn about(&self, alert: &Alert) -> Option<Focus> {
        self.known().alert(alert)
    }

    /// A workload by what a person types (`deploy/payment`, `payment`).
    pub fn find_workload(&self, namespace: Option<&str>, text: &str) -> Option<WorkloadRef> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (Some(WorkloadKind::parse(kind)?), name),
            None => (None, text),
        };
        let found = self.names.find(namespace, name).or_else(|| self.names.find(None, name))?;
        match kind {
            Some(kind) if kind != found.kind => {
                let exact = WorkloadRef { kind, ..found.clone() };
                self.rollouts.get(&exact).map(|row| row.row.id.clone())
            }
            _ => Some(found.clone()),
        }
    }

    /// Revisions of a workload, newest first.
    pub fn history(&self, workload: &WorkloadRef) -> impl Iterator<Item = &RevisionRow> {
        self.history
            .get(workload)
            .into_iter()
            .flatten()
            .rev()
            .filter_map(|(_, name)| self.revisions.get(&(workload.namespace.clone(), name.clone())))
    }

    /// The revision before the current one.
    pub fn previous_revision(&self, row: &WorkloadRow) -> Option<&RevisionRow> {
        let current = row.revision?;
        self.history(&row.id).find(|revision| revision.revision < current)
    }

    /// Events about an object, newest first.
    pub fn events_of(&self, namespace: &Text, kind: &str, name: &Text) -> Vec<&EventRow> {
        let mut found: Vec<&EventRow> = self.events.group(&(namespace.clone(), kind.into(), name.clone())).collect();
        found.sort_by_key(|event| std::cmp::Reverse(event.last_seen));
        found
    }

    /// The autoscaler of a workload.
    pub fn autoscaler(&self, workload: &WorkloadRef) -> Option<&HpaRow> {
        self.hpas.values().find(|row| row.target.as_ref() == Some(workload))
    }

    /// One node.
    pub fn node(&self, name: &str) -> Option<&NodeRow> {
        self.nodes.table.get(&Text::from(name)).map(|row| &row.node)
    }

    /// Namespaces for the picker: all that the cluster lists; where it may not be asked, those that are known.
    pub fn namespaces(&self) -> BTreeSet<Text> {
        let (listed, complete) = &self.listed_namespaces;
        if *complete {
            return listed.clone();
        }
        let pods = self.pods.iter().map(|row| row.id.namespace.clone());
        let rows = pods.chain(self.rollouts.iter().map(|row| row.row.id.namespace.clone()));
        rows.chain(listed.iter().cloned()).collect()
    }

    /// A namespace that the cluster did not list when it was last asked, and the listed one that is most like it.
    pub fn unknown_namespace(&self, name: &str) -> Option<Option<&Text>> {
        let (listed, complete) = &self.listed_namespaces;
        (*complete && !listed.contains(name)).then(|| {
            let near = listed.iter().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
            near.filter(|(distance, _)| *distance <= 2).map(|(_, known)| known)
        })
    }

    /// `only namespace shop`, when all namespaces are wanted and may not be read.
    pub fn narrowed(&self) -> Option<&str> {
        let limited = self.sources.get(&SourceId::Kubernetes(Resource::Pods))?.limited()?;
        let only = limited.message.split_once(':').map_or(&*limited.message, |(only, _)| only);
        (limited.kind == FaultKind::Forbidden).then_some(only)
    }
}

fn apply_map<Row, Key: Ord>(map: &mut BTreeMap<Key, Row>, delta: Delta<Row, Key>, key: impl Fn(&Row) -> Key) {
    if delta.reset {
        map.clear();
    }
    for gone in &delta.removes {
        map.remove(gone);
    }
    map.extend(delta.upserts.into_iter().map(|row| (key(&row), row)));
}

/// The sources behind the workloads table.
pub const ROLLOUT_SOURCES: [SourceId; 8] = [
    SourceId::Kubernetes(Resource::Deployments),
    SourceId::Kubernetes(Resource::StatefulSets),
    SourceId::Kubernetes(Resource::DaemonSets),
    SourceId::Kubernetes(Resource::ReplicaSets),
    SourceId::Kubernetes(Resource::ControllerRevisions),
    SourceId::Kubernetes(Resource::Rollouts),
    SourceId::Kubernetes(Resource::CronJobs),
    SourceId::Kubernetes(Resource::Jobs),
];
