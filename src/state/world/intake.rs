//! Takes in what sources say: which table each update goes into, and what has to be looked at anew after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::World;
use crate::domain::Text;
use crate::domain::pod::PodRow;
use crate::domain::slo::SloReading;
use crate::domain::target::{Focus, PodRef, WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::{RevisionRow, WorkloadRow};
use crate::ports::feed::{Delta, SourceId, Update};
use crate::state::rows::{AlertRow, RolloutRow, SloRow};
use crate::state::{flags, standing};

/// A rollout that was completed so many seconds after its revision was made is a later one, back to that revision.
const LONGEST_ROLLOUT: i64 = 60 * 60;

impl World {
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
