//! What follows from the tables: what alerts and budgets are about, which rollouts are suspected, and what the header
//! counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Counts, World};
use crate::domain::alert::{Alert, AlertState, Severity};
use crate::domain::slo::BurnAlarm;
use crate::domain::target::{Focus, WorkloadRef};
use crate::state::resolve::Known;
use crate::state::rows::{About, AlertRow, RolloutRow, SloRow, Suspect};

/// A rollout is suspected of an alert that began within this many seconds after it.
const SUSPICION: i64 = 30 * 60;

impl World {
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            names: &self.names,
            rollouts: &self.rollouts,
            pods: &self.pods,
            nodes: &self.nodes.table,
            revisions: &self.revisions,
        }
    }

    /// Which workload each objective measures may change as workloads come.
    pub(super) fn derive_slos(&mut self) {
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
    pub(super) fn derive_alerts(&mut self) {
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

    pub(super) fn derive_suspects(&mut self) {
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

    pub(super) fn count(&mut self) {
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
                .filter(|row| row.reading.error.is_none() && row.reading.alarm() != BurnAlarm::Calm)
                .count(),
        };
    }
}
