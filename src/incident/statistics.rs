//! Looking back: the list of incidents, how long things took, and which work was done again and again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::Serialize;

use super::fold::Incident;
use crate::domain::incident::entry::{Deed, Moment};
use crate::domain::incident::{IncidentId, Severity, Status};
use crate::domain::time::Instant;

/// One incident of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListRow {
    /// Its id.
    pub id: IncidentId,
    /// Its title.
    pub title: String,
    /// The service.
    pub service: String,
    /// How bad it was.
    pub severity: Severity,
    /// How far it has come.
    pub status: Status,
    /// Where it goes on, when it was merged.
    pub merged_into: Option<IncidentId>,
    /// When it was declared.
    pub declared: Instant,
    /// The first sign.
    pub detected: Option<Instant>,
    /// Somebody took it on.
    pub acknowledged: Option<Instant>,
    /// Users were served again.
    pub mitigated: Option<Instant>,
    /// It was over.
    pub resolved: Option<Instant>,
}

impl ListRow {
    /// The row of an incident.
    pub fn of(incident: &Incident) -> Self {
        Self {
            id: incident.id().clone(),
            title: incident.title().to_owned(),
            service: incident.declared().service.clone(),
            severity: incident.severity(),
            status: incident.status(),
            merged_into: incident.merged_into().cloned(),
            declared: incident.declared_at(),
            detected: incident.time(Moment::Detected),
            acknowledged: incident.time(Moment::Acknowledged),
            mitigated: incident.time(Moment::Mitigated),
            resolved: incident.time(Moment::Resolved),
        }
    }

    fn took(&self, until: Option<Instant>) -> Option<i64> {
        Some((until? - self.detected?).max(TimeDelta::zero()).num_seconds())
    }

    /// Seconds from the first sign until somebody took it on.
    pub fn to_acknowledge(&self) -> Option<i64> {
        self.took(self.acknowledged)
    }

    /// Seconds from the first sign until users were served again.
    pub fn to_mitigate(&self) -> Option<i64> {
        self.took(self.mitigated)
    }

    /// Seconds from the first sign until it was over.
    pub fn to_resolve(&self) -> Option<i64> {
        self.took(self.resolved)
    }
}

/// How long things took, in seconds: medians over the incidents that came so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Medians {
    /// Incidents.
    pub incidents: usize,
    /// Until somebody took it on.
    pub to_acknowledge: Option<i64>,
    /// Until users were served again.
    pub to_mitigate: Option<i64>,
    /// Until it was over.
    pub to_resolve: Option<i64>,
}

impl Medians {
    fn of(rows: &[&ListRow]) -> Self {
        let of = |took: fn(&ListRow) -> Option<i64>| median(rows.iter().filter_map(|row| took(row)).collect());
        Self {
            incidents: rows.len(),
            to_acknowledge: of(ListRow::to_acknowledge),
            to_mitigate: of(ListRow::to_mitigate),
            to_resolve: of(ListRow::to_resolve),
        }
    }
}

/// The middle one; of two in the middle, halfway between them.
fn median(mut all: Vec<i64>) -> Option<i64> {
    all.sort_unstable();
    let middle = all.len() / 2;
    let upper = *all.get(middle)?;
    Some(if all.len() % 2 == 1 { upper } else { all[middle - 1].midpoint(upper) })
}

/// Medians of all, of each service and of each severity. Merged incidents are the same as others and do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Of all.
    pub all: Medians,
    /// By service.
    pub by_service: BTreeMap<String, Medians>,
    /// By severity.
    pub by_severity: BTreeMap<Severity, Medians>,
}

impl Statistics {
    /// Over these.
    pub fn of(rows: &[ListRow]) -> Self {
        let rows: Vec<&ListRow> = rows.iter().filter(|row| row.merged_into.is_none()).collect();
        let mut by_service: BTreeMap<String, Vec<&ListRow>> = BTreeMap::new();
        let mut by_severity: BTreeMap<Severity, Vec<&ListRow>> = BTreeMap::new();
        for row in &rows {
            by_service.entry(row.service.clone()).or_default().push(row);
            by_severity.entry(row.severity).or_default().push(row);
        }
        Self {
            all: Medians::of(&rows),
            by_service: by_service.into_iter().map(|(key, rows)| (key, Medians::of(&rows))).collect(),
            by_severity: by_severity.into_iter().map(|(key, rows)| (key, Medians::of(&rows))).collect(),
        }
    }
}

/// Work that was done by hand for an alert: what a program could do, when it comes often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Toil {
    /// The alert; empty for incidents without one.
    pub alert: String,
    /// The action.
    pub action: String,
    /// How often it was done.
    pub times: usize,
    /// In how many incidents.
    pub incidents: usize,
    /// To what, each once.
    pub targets: Vec<String>,
    /// When it was last done.
    pub last: Instant,
}

/// Which actions were done how often, by alert, the most frequent first. An action counts once for each of the alerts of its
/// incident, also when two incidents took it in; incidents that were merged are the same as others and do not count. Only
/// what took effect (`done`, `unverified`) was work that a program could have done: what failed, was refused, cancelled or
/// came too late was not.
pub fn toil<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> Vec<Toil> {
    struct Sum {
        times: usize,
        incidents: BTreeSet<IncidentId>,
        targets: BTreeSet<String>,
        last: Instant,
    }
    let mut sums: BTreeMap<(String, String), Sum> = BTreeMap::new();
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for incident in incidents.into_iter().filter(|incident| incident.merged_into().is_none()) {
        let mut alerts: BTreeSet<&str> = incident.alert_names().collect();
        if alerts.is_empty() {
            alerts.insert("");
        }
        for entry in incident.entries() {
            let Deed::Action { id, action, target, end: Some(end), .. } = &entry.deed else { continue };
            if !matches!(end.as_str(), "done" | "unverified") {
                continue;
            }
            for alert in &alerts {
                if !seen.insert((alert, id)) {
                    continue;
                }
                let sum = sums.entry(((*alert).to_owned(), action.clone())).or_insert_with(|| Sum {
                    times: 0,
                    incidents: BTreeSet::new(),
                    targets: BTreeSet::new(),
                    last: entry.at,
                });
                sum.times += 1;
                sum.incidents.insert(incident.id().clone());
                sum.targets.insert(target.clone());
                sum.last = sum.last.max(entry.at);
            }
        }
    }
    let mut all: Vec<Toil> = sums
        .into_iter()
        .map(|((alert, action), sum)| Toil {
            alert,
            action,
            times: sum.times,
            incidents: sum.incidents.len(),
            targets: sum.targets.into_iter().collect(),
            last: sum.last,
        })
        .collect();
    all.sort_by_key(|toil| std::cmp::Reverse((toil.times, toil.incidents)));
    all
}
