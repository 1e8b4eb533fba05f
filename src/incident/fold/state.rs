//! One entry after the other: what each makes of an incident.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{ActionSeen, AlertNow, LastUpdate, Task};
use crate::domain::Text;
use crate::domain::incident::delivery::DeliveryKey;
use crate::domain::incident::entry::{Declared, Deed, Entry, Impact, Moment, Stamp};
use crate::domain::incident::{IncidentId, Role, Severity, Status};
use crate::domain::target::WorkloadRef;
use crate::domain::time::Instant;
use crate::incident::SELF;
use crate::incident::parcel::Parcels;
use crate::incident::timeline::{self, Row};

/// Everything that is computed from the entries.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) declared: Declared,
    pub(super) declared_at: Instant,
    pub(super) declared_by: Text,
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) status: Status,
    pub(super) status_since: Instant,
    pub(super) roles: BTreeMap<Role, String>,
    pub(super) by_hand: BTreeMap<Moment, Instant>,
    pub(super) first_alert: Option<Instant>,
    pub(super) first_person: Option<Instant>,
    pub(super) mitigated: Option<Instant>,
    pub(super) resolved: Option<Instant>,
    pub(super) reopened: u32,
    pub(super) reopened_at: Option<Instant>,
    pub(super) severity_decided: Option<Instant>,
    pub(super) alerts: BTreeMap<(String, String), AlertNow>,
    pub(super) rollouts: BTreeSet<(WorkloadRef, u64)>,
    pub(super) changes: Vec<(Instant, String)>,
    pub(super) actions: BTreeMap<String, ActionSeen>,
    pub(super) steps: HashSet<(String, String, String)>,
    pub(super) messages: HashSet<(Text, String)>,
    pub(super) parcels: Parcels,
    pub(super) rows: Vec<Arc<Row>>,
    pub(super) tasks: Vec<Task>,
    pub(super) impacts: BTreeMap<String, (Instant, Impact)>,
    pub(super) merged_into: Option<IncidentId>,
    pub(super) absorbed: Vec<(IncidentId, String)>,
    pub(super) absorbed_detected: Option<Instant>,
    pub(super) absorbed_alerts: Vec<String>,
    pub(super) absorbed_workloads: Vec<WorkloadRef>,
    /// Failures that have a row: of which delivery and why, where the row is, and how many there were.
    failures: HashMap<(DeliveryKey, String), (Instant, Stamp, u32)>,
    pub(super) update: Option<LastUpdate>,
    pub(super) updates: usize,
    pub(super) people: BTreeSet<Text>,
    pub(super) post_mortem: Option<String>,
}

impl State {
    fn new(declared: &Declared, entry: &Entry) -> Self {
        Self {
            declared: declared.clone(),
            declared_at: entry.at,
            declared_by: entry.by.clone(),
            title: declared.title.clone(),
            severity: declared.severity,
            status: Status::Triage,
            status_since: entry.at,
            roles: BTreeMap::new(),
            by_hand: BTreeMap::new(),
            first_alert: None,
            first_person: None,
            mitigated: None,
            resolved: None,
            reopened: 0,
            reopened_at: None,
            severity_decided: None,
            alerts: BTreeMap::new(),
            rollouts: BTreeSet::new(),
            changes: Vec::new(),
            actions: BTreeMap::new(),
            steps: HashSet::new(),
            messages: HashSet::new(),
            parcels: Parcels::default(),
            rows: Vec::new(),
            tasks: Vec::new(),
            impacts: BTreeMap::new(),
            merged_into: None,
            absorbed: Vec::new(),
            absorbed_detected: None,
            absorbed_alerts: Vec::new(),
            absorbed_workloads: Vec::new(),
            failures: HashMap::new(),
            update: None,
            updates: 0,
            people: BTreeSet::new(),
            post_mortem: None,
        }
    }

    /// Takes the next entry in order. What another console noticed as well says nothing new, and has no row.
    pub(super) fn take(&mut self, entry: &Entry) {
        if entry.by.as_ref() != SELF {
            self.first_person.get_or_insert(entry.at);
            if !self.people.contains(&entry.by) {
                self.people.insert(entry.by.clone());
            }
        }
        self.parcels.take(entry);
        let is_late = self.is_late(&entry.deed);
        if self.take_deed(entry)
            && let Some(mut row) = timeline::row(entry, &self.parcels)
            && !self.is_told(entry, &row)
        {
            if is_late {
                row.text.push_str("; it was resolved meanwhile, and stays so");
            }
            let place = self.rows.partition_point(|known| (known.at, &known.stamp) < (row.at, &row.stamp));
            self.rows.insert(place, Arc::new(row));
        }
    }

    /// A delivery that fails again for the same reason is told in the row of the first time.
    fn is_told(&mut self, entry: &Entry, row: &Row) -> bool {
        let Deed::Unsent { key, why, .. } = &entry.deed else { return false };
        let first = self.failures.entry((key.clone(), why.clone())).or_insert((row.at, row.stamp.clone(), 0));
        first.2 += 1;
        let (at, stamp, times) = &*first;
        let place = self.rows.binary_search_by(|known| (known.at, &known.stamp).cmp(&(*at, stamp)));
        let Ok(place) = place else { return false };
        Arc::make_mut(&mut self.rows[place]).text = format!("{} (×{times}, last at {})", row.text, row.time());
        true
    }

    /// Is it something new?
    fn take_deed(&mut self, entry: &Entry) -> bool {
        match &entry.deed {
            Deed::Retitled { title } => self.title.clone_from(title),
            Deed::Severity { to, .. } => {
                self.severity = *to;
                self.severity_decided = Some(entry.at);
            }
            Deed::Status { .. } if self.is_late(&entry.deed) => {}
            Deed::Status { to, .. } => self.take_status(*to, entry.at),
            Deed::Role { role, who } => match who {
                Some(who) => {
                    let before = self.roles.insert(*role, who.clone());
                    return before.as_ref() != Some(who);
                }
                None => return self.roles.remove(role).is_some(),
            },
            Deed::Time { which, to } => {
                self.by_hand.insert(*which, *to);
            }
            Deed::Alert { alert, subject, firing } => return self.take_alert(alert, subject, *firing, entry.at),
            Deed::Rollout { workload, change, revision } => {
                let is_new = self.rollouts.insert((workload.clone(), *revision));
                if is_new {
                    self.changes.push((entry.at, format!("rollout of {workload} to revision {revision}: {change}")));
                }
                return is_new;
            }
            Deed::Action { id, end, .. } => {
                let seen = self.actions.entry(id.clone()).or_default();
                let known = if end.is_some() { &mut seen.ended } else { &mut seen.begun };
                return !std::mem::replace(known, true);
            }
            Deed::Runbook { run, step, result, .. } => {
                return self.steps.insert((run.clone(), step.clone(), result.clone()));
            }
            Deed::Message { service, id, .. } => return self.messages.insert((service.clone(), id.clone())),
            Deed::Update { text, next } => {
                self.updates += 1;
                self.update = Some(LastUpdate { at: entry.at, text: text.clone(), next: *next });
            }
            Deed::Task { id, text, owner, done } => {
                let task = Task { id: id.clone(), text: text.clone(), owner: owner.clone(), done: *done };
                match self.tasks.iter_mut().find(|known| known.id == *id) {
                    Some(known) => *known = task,
                    None => self.tasks.push(task),
                }
            }
            Deed::Impact(impact) => {
                let known = self.impacts.get(&impact.slo).is_some_and(|(at, _)| *at > entry.at);
                if !known {
                    self.impacts.insert(impact.slo.clone(), (entry.at, impact.clone()));
                }
            }
            Deed::Merged { into } => self.merged_into = Some(into.clone()),
            Deed::Absorbed { from, title, detected, alerts, workloads } => {
                if self.absorbed.iter().any(|(known, _)| known == from) {
                    return false;
                }
                self.absorbed.push((from.clone(), title.clone()));
                self.absorb(*detected, alerts, workloads);
            }
            Deed::PostMortem { path } => self.post_mortem = Some(path.clone()),
            // Only the first declares; another copy of it is nothing new.
            Deed::Declared(_) => return self.rows.iter().all(|row| row.kind != timeline::RowKind::Incident),
            _ => {}
        }
        true
    }

    /// What was merged into it goes on here, with what it was about.
    fn absorb(&mut self, detected: Option<Instant>, alerts: &[String], workloads: &[WorkloadRef]) {
        self.absorbed_detected = self.absorbed_detected.into_iter().chain(detected).min();
        for name in alerts {
            if !self.declared.alerts.contains(name) && !self.absorbed_alerts.contains(name) {
                self.absorbed_alerts.push(name.clone());
            }
        }
        for workload in workloads {
            if self.declared.workload.as_ref() != Some(workload) && !self.absorbed_workloads.contains(workload) {
                self.absorbed_workloads.push(workload.clone());
            }
        }
    }

    /// A status that was set without knowing that it is over does not count: only opening it again opens it.
    fn is_late(&self, deed: &Deed) -> bool {
        let Deed::Status { to, from: Some(from), .. } = deed else { return false };
        self.status == Status::Resolved && *to != Status::Resolved && *from != Status::Resolved
    }

    fn take_status(&mut self, to: Status, at: Instant) {
        if to == self.status {
            return;
        }
        if self.status == Status::Resolved {
            self.reopened += 1;
            self.reopened_at = Some(at);
        }
        let served = |status| status >= Status::Monitoring;
        if !served(to) {
            // It was not over: what was said to be its end, also by hand, was none.
            self.mitigated = None;
            self.by_hand.remove(&Moment::Mitigated);
        } else if !served(self.status) {
            self.mitigated = Some(at);
        }
        if to == Status::Resolved {
            self.resolved = Some(at);
        } else {
            self.resolved = None;
            self.by_hand.remove(&Moment::Resolved);
        }
        self.status = to;
        self.status_since = at;
    }

    fn take_alert(&mut self, alert: &str, subject: &str, firing: bool, at: Instant) -> bool {
        let key = (alert.to_owned(), subject.to_owned());
        if let Some(known) = self.alerts.get(&key)
            && (known.firing == firing || at <= known.since)
        {
            return false;
        }
        if firing {
            self.first_alert = Some(self.first_alert.map_or(at, |first| first.min(at)));
        }
        self.alerts.insert(key, AlertNow { firing, since: at });
        true
    }
}

/// All entries in their order; `None` while none of them declares an incident.
pub(super) fn fold(entries: &BTreeMap<Stamp, Entry>) -> Option<State> {
    let begun = entries.values().find_map(|entry| match &entry.deed {
        Deed::Declared(declared) => Some(State::new(declared, entry)),
        _ => None,
    });
    let mut state = begun?;
    for entry in entries.values() {
        state.take(entry);
    }
    Some(state)
}
