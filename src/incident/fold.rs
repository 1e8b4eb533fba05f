//! An incident, from its entries. The order in which they come does not matter, and one that comes twice counts once:
//! two consoles that have the same entries show the same incident.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use chrono::TimeDelta;

use super::SELF;
use super::parcel::{Parcel, Parcels};
use super::timeline::{self, Row};
use crate::domain::Text;
use crate::domain::incident::delivery::{DeliveryKey, Receipt, What};
use crate::domain::incident::entry::{Declared, Deed, Entry, Impact, Moment, Stamp};
use crate::domain::incident::{IncidentId, Role, Severity, Status};
use crate::domain::target::WorkloadRef;
use crate::domain::time::Instant;

/// An incident.
#[derive(Clone, Debug)]
pub struct Incident {
    entries: BTreeMap<Stamp, Entry>,
    state: State,
}

/// Something to do afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What.
    pub text: String,
    /// Who.
    pub owner: Option<String>,
    /// Done?
    pub done: bool,
}

/// The last update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUpdate {
    /// When.
    pub at: Instant,
    /// The text.
    pub text: String,
    /// Seconds until the next one, when that was said.
    pub next: Option<u64>,
}

/// An alert, as the incident last heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertNow {
    /// Does it fire?
    pub firing: bool,
    /// Since when it does, or does not.
    pub since: Instant,
}

/// The incident's channel, once it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel<'a> {
    /// The configured name of the chat.
    pub service: &'a Text,
    /// Its id there.
    pub id: Option<&'a str>,
    /// Its name there.
    pub name: &'a str,
    /// Where a person can look at it.
    pub link: Option<&'a str>,
}

/// Where messages of this incident go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The configured name of the chat.
    pub service: Text,
    /// The delivery that opens the channel; `None` where the chat only takes messages.
    pub channel: Option<DeliveryKey>,
}

/// An action of ours, as the timeline has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionSeen {
    /// Its beginning is there.
    pub begun: bool,
    /// Its end is there.
    pub ended: bool,
}

#[derive(Clone, Debug)]
struct State {
    declared: Declared,
    declared_at: Instant,
    declared_by: Text,
    title: String,
    severity: Severity,
    status: Status,
    status_since: Instant,
    roles: BTreeMap<Role, String>,
    by_hand: BTreeMap<Moment, Instant>,
    first_alert: Option<Instant>,
    first_person: Option<Instant>,
    mitigated: Option<Instant>,
    resolved: Option<Instant>,
    reopened: u32,
    alerts: BTreeMap<(String, String), AlertNow>,
    rollouts: BTreeSet<(WorkloadRef, u64)>,
    changes: Vec<(Instant, String)>,
    actions: BTreeMap<String, ActionSeen>,
    steps: HashSet<(String, String, String)>,
    messages: HashSet<(Text, String)>,
    parcels: Parcels,
    rows: Vec<Row>,
    tasks: Vec<Task>,
    impacts: BTreeMap<String, (Instant, Impact)>,
    merged_into: Option<IncidentId>,
    absorbed: Vec<(IncidentId, String)>,
    update: Option<LastUpdate>,
    updates: usize,
    people: BTreeSet<Text>,
    post_mortem: Option<String>,
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
            update: None,
            updates: 0,
            people: BTreeSet::new(),
            post_mortem: None,
        }
    }

    /// Takes the next entry in order. What another console noticed as well says nothing new, and has no row.
    fn take(&mut self, entry: &Entry) {
        if entry.by.as_ref() != SELF {
            self.first_person = Some(self.first_person.map_or(entry.at, |first| first.min(entry.at)));
            if !self.people.contains(&entry.by) {
                self.people.insert(entry.by.clone());
            }
        }
        self.parcels.take(entry);
        if self.take_deed(entry)
            && let Some(row) = timeline::row(entry, &self.parcels)
        {
            let place = self.rows.partition_point(|known| (known.at, &known.stamp) < (row.at, &row.stamp));
            self.rows.insert(place, row);
        }
    }

    /// Is it something new?
    fn take_deed(&mut self, entry: &Entry) -> bool {
        match &entry.deed {
            Deed::Retitled { title } => self.title.clone_from(title),
            Deed::Severity { to, .. } => self.severity = *to,
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
                    self.changes.push((entry.at, format!("{workload}, revision {revision}: {change}")));
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
            Deed::Absorbed { from, title } => {
                if self.absorbed.iter().any(|(known, _)| known == from) {
                    return false;
                }
                self.absorbed.push((from.clone(), title.clone()));
            }
            Deed::PostMortem { path } => self.post_mortem = Some(path.clone()),
            // Only the first declares; another copy of it is nothing new.
            Deed::Declared(_) => return self.rows.iter().all(|row| row.kind != timeline::RowKind::Incident),
            _ => {}
        }
        true
    }

    fn take_status(&mut self, to: Status, at: Instant) {
        if to == self.status {
            return;
        }
        if self.status == Status::Resolved {
            self.reopened += 1;
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

impl Incident {
    /// The incident that these entries tell of; `None` while none of them declares it.
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Option<Self> {
        let entries: BTreeMap<Stamp, Entry> = entries.into_iter().map(|entry| (entry.stamp.clone(), entry)).collect();
        let state = fold(&entries)?;
        Some(Self { entries, state })
    }

    /// Adds an entry; `false` when it was there. Entries at the end cost nothing that grows with the incident.
    pub fn insert(&mut self, entry: Entry) -> bool {
        self.extend([entry]) == 1
    }

    /// Adds entries, in any order; how many were new. One that comes late costs one fold, however many they are.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) -> usize {
        let before = self.entries.len();
        let mut late = false;
        for entry in entries {
            if self.entries.contains_key(&entry.stamp) {
                continue;
            }
            late |= self.entries.last_key_value().is_some_and(|(last, _)| *last > entry.stamp);
            if !late {
                self.state.take(&entry);
            }
            self.entries.insert(entry.stamp.clone(), entry);
        }
        if late && let Some(state) = fold(&self.entries) {
            self.state = state;
        }
        self.entries.len() - before
    }

    /// All entries, in their order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: an incident has at least the entry that declared it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Is this entry there?
    pub fn contains(&self, stamp: &Stamp) -> bool {
        self.entries.contains_key(stamp)
    }

    /// The stamp of the last entry: the next one comes after it.
    pub fn last(&self) -> Option<&Stamp> {
        self.entries.last_key_value().map(|(stamp, _)| stamp)
    }

    /// Its id.
    pub const fn id(&self) -> &IncidentId {
        &self.state.declared.id
    }

    /// As it was declared.
    pub const fn declared(&self) -> &Declared {
        &self.state.declared
    }

    /// When it was declared.
    pub const fn declared_at(&self) -> Instant {
        self.state.declared_at
    }

    /// Who declared it.
    pub const fn declared_by(&self) -> &Text {
        &self.state.declared_by
    }

    /// Its title now.
    pub fn title(&self) -> &str {
        &self.state.title
    }

    /// How bad it is now.
    pub const fn severity(&self) -> Severity {
        self.state.severity
    }

    /// How far it has come.
    pub const fn status(&self) -> Status {
        self.state.status
    }

    /// Since when it has this status.
    pub const fn status_since(&self) -> Instant {
        self.state.status_since
    }

    /// Does it go on? Not when it was resolved or merged.
    pub fn is_open(&self) -> bool {
        self.state.status != Status::Resolved && self.merged_into().is_none()
    }

    /// Who has which role.
    pub const fn roles(&self) -> &BTreeMap<Role, String> {
        &self.state.roles
    }

    /// One of the four times. Set by hand it stands, unless it is one of an end that turned out to be none: what opens
    /// an incident again, or falls back from monitoring, takes back when it was mitigated and resolved.
    ///
    /// Detected: as declared, else the first alert before that, else the declaration. Acknowledged: the first thing that a
    /// person did. Mitigated: when status first said that users are served (monitoring, resolved) and stayed so.
    pub fn time(&self, moment: Moment) -> Option<Instant> {
        let state = &self.state;
        if let Some(at) = state.by_hand.get(&moment) {
            return Some(*at);
        }
        match moment {
            Moment::Detected => {
                let alert = state.first_alert.filter(|at| *at <= state.declared_at);
                Some(state.declared.detected.or(alert).unwrap_or(state.declared_at))
            }
            Moment::Acknowledged => state.first_person,
            Moment::Mitigated => state.mitigated,
            Moment::Resolved => state.resolved,
        }
    }

    /// Was this time set by hand?
    pub fn is_by_hand(&self, moment: Moment) -> bool {
        self.state.by_hand.contains_key(&moment)
    }

    /// How long it has lasted, or did: since it was detected.
    pub fn clock(&self, now: Instant) -> TimeDelta {
        let end = self.time(Moment::Resolved).unwrap_or(now);
        self.time(Moment::Detected).map_or_else(TimeDelta::zero, |from| (end - from).max(TimeDelta::zero()))
    }

    /// How often it was opened again.
    pub const fn reopened(&self) -> u32 {
        self.state.reopened
    }

    /// All deliveries.
    pub const fn parcels(&self) -> &Parcels {
        &self.state.parcels
    }

    /// Deliveries that are neither sent nor dropped.
    pub fn waiting(&self) -> impl Iterator<Item = &Parcel> {
        self.state.parcels.iter().filter(|parcel| !parcel.is_over())
    }

    /// Where its messages go: the chat whose channel was planned, else the chat that took the first message.
    pub fn chat(&self) -> Option<Chat> {
        let of = |is: fn(&What) -> bool| self.state.parcels.iter().find(|parcel| is(&parcel.delivery.what));
        if let Some(parcel) = of(|what| matches!(what, What::OpenChannel { .. })) {
            let delivery = &parcel.delivery;
            return Some(Chat { service: delivery.service.clone(), channel: Some(delivery.key.clone()) });
        }
        let first = of(|what| matches!(what, What::Post { .. }))?;
        Some(Chat { service: first.delivery.service.clone(), channel: None })
    }

    /// The channel, once it is open.
    pub fn channel(&self) -> Option<Channel<'_>> {
        self.state.parcels.iter().find_map(|parcel| {
            let What::OpenChannel { name, .. } = &parcel.delivery.what else { return None };
            let Receipt { id, name: given, link, .. } = parcel.receipt()?;
            let name = given.as_ref().unwrap_or(name);
            Some(Channel { service: &parcel.delivery.service, id: id.as_deref(), name, link: link.as_deref() })
        })
    }

    /// The timeline, by time.
    pub fn timeline(&self) -> &[Row] {
        &self.state.rows
    }

    /// What is left to do afterwards, in the order in which it was noted.
    pub fn tasks(&self) -> &[Task] {
        &self.state.tasks
    }

    /// What it cost, by SLO: the newest of each.
    pub fn impacts(&self) -> impl Iterator<Item = (Instant, &Impact)> {
        self.state.impacts.values().map(|(at, impact)| (*at, impact))
    }

    /// Where it goes on, when it was merged. Of two that were merged into each other at once, the older goes on.
    pub fn merged_into(&self) -> Option<&IncidentId> {
        let into = self.state.merged_into.as_ref()?;
        let crossed = self.state.absorbed.iter().any(|(from, _)| from == into);
        (!crossed || into < self.id()).then_some(into)
    }

    /// What was merged into it: ids and titles.
    pub fn absorbed(&self) -> &[(IncidentId, String)] {
        &self.state.absorbed
    }

    /// What may have caused it, in words: what was suspected when it was declared, then rollouts that were seen.
    pub fn suspects(&self) -> Vec<String> {
        let declared = self.state.declared.suspect.iter().cloned();
        declared.chain(self.state.changes.iter().map(|(_, change)| change.clone())).collect()
    }

    /// The alerts that it heard of, by name and subject.
    pub fn alerts(&self) -> impl Iterator<Item = (&str, &str, AlertNow)> {
        self.state.alerts.iter().map(|((name, subject), now)| (name.as_str(), subject.as_str(), *now))
    }

    /// One alert.
    pub fn alert(&self, name: &str, subject: &str) -> Option<AlertNow> {
        self.state.alerts.get(&(name.to_owned(), subject.to_owned())).copied()
    }

    /// Is this rollout in the timeline?
    pub fn has_rollout(&self, workload: &WorkloadRef, revision: u64) -> bool {
        self.state.rollouts.contains(&(workload.clone(), revision))
    }

    /// What the timeline has of an action.
    pub fn action(&self, id: &str) -> ActionSeen {
        self.state.actions.get(id).copied().unwrap_or_default()
    }

    /// Is this step of a runbook in the timeline?
    pub fn has_step(&self, run: &str, step: &str, result: &str) -> bool {
        self.state.steps.contains(&(run.to_owned(), step.to_owned(), result.to_owned()))
    }

    /// Is this message of the channel in the timeline?
    pub fn has_message(&self, service: &Text, id: &str) -> bool {
        self.state.messages.contains(&(service.clone(), id.to_owned()))
    }

    /// The last update.
    pub const fn last_update(&self) -> Option<&LastUpdate> {
        self.state.update.as_ref()
    }

    /// How many updates there were.
    pub const fn updates(&self) -> usize {
        self.state.updates
    }

    /// How often everyone is to be told how it stands: SEV1 and SEV2 twice as often as the others.
    pub fn update_every(&self) -> Duration {
        let seconds = self.state.declared.update_every;
        let seconds = if self.state.severity <= Severity::Sev2 { seconds / 2 } else { seconds };
        Duration::from_secs(seconds)
    }

    /// Everyone who wrote an entry.
    pub fn people(&self) -> impl Iterator<Item = &Text> {
        self.state.people.iter()
    }

    /// The file of the post-mortem's draft.
    pub fn post_mortem(&self) -> Option<&str> {
        self.state.post_mortem.as_deref()
    }
}

fn fold(entries: &BTreeMap<Stamp, Entry>) -> Option<State> {
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
