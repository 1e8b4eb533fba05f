//! An incident, from its entries. The order in which they come does not matter, and one that comes twice counts once:
//! two consoles that have the same entries show the same incident.

mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use self::state::{State, fold};
use super::parcel::{Parcel, Parcels};
use super::timeline::Row;
use crate::domain::Text;
use crate::domain::incident::delivery::{DeliveryKey, Receipt, What};
use crate::domain::incident::entry::{Declared, Entry, Impact, Moment, Stamp};
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
    /// Detected: as declared, else the first alert before that, else the declaration; earlier when an incident that was
    /// merged into it was. Acknowledged: the first thing that a person did, in the order of all entries (a clock that is
    /// behind comes first nowhere), and never before it was detected. Mitigated: when status first said that users are served (monitoring, resolved) and stayed so.
    pub fn time(&self, moment: Moment) -> Option<Instant> {
        let state = &self.state;
        if let Some(at) = state.by_hand.get(&moment) {
            return Some(*at);
        }
        match moment {
            Moment::Detected => {
                let alert = state.first_alert.filter(|at| *at <= state.declared_at);
                let own = state.declared.detected.or(alert).unwrap_or(state.declared_at);
                Some(state.absorbed_detected.map_or(own, |other| other.min(own)))
            }
            Moment::Acknowledged => {
                let detected = self.time(Moment::Detected);
                state.first_person.map(|at| detected.map_or(at, |detected| at.max(detected)))
            }
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

    /// When it was last opened again.
    pub const fn reopened_at(&self) -> Option<Instant> {
        self.state.reopened_at
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

    /// Where its messages go: the chat whose channel is open, or was planned and not left; else the chat that took the
    /// first message without one.
    pub fn chat(&self) -> Option<Chat> {
        let parcels = &self.state.parcels;
        let opens = |parcel: &&Parcel| matches!(parcel.delivery.what, What::OpenChannel { .. });
        let channels = || parcels.iter().filter(opens).filter(|parcel| !parcel.is_dropped());
        let open = channels().find(|parcel| parcel.receipt().is_some());
        if let Some(Parcel { delivery, .. }) = open.or_else(|| channels().next()) {
            return Some(Chat { service: delivery.service.clone(), channel: Some(delivery.key.clone()) });
        }
        // A message of a channel that was left says nothing of a chat that takes messages without one.
        let in_channel = |parcel: &Parcel| parcel.delivery.after.iter().any(|key| parcels.get(key).iter().any(opens));
        let is_post = |parcel: &&Parcel| matches!(parcel.delivery.what, What::Post { .. }) && !in_channel(parcel);
        let first = parcels.iter().find(is_post)?;
        Some(Chat { service: first.delivery.service.clone(), channel: None })
    }

    /// Pages that it has to do with: those that it acknowledged, noted itself on or sent on, by service and id, each once,
    /// the first first.
    pub fn pages(&self) -> Vec<(&Text, &str)> {
        let mut found: Vec<(&Text, &str)> = Vec::new();
        for parcel in self.state.parcels.iter().filter(|parcel| !parcel.is_dropped()) {
            let (What::Acknowledge { page }
            | What::PageNote { page, .. }
            | What::Escalate { page, .. }
            | What::AddResponders { page, .. }) = &parcel.delivery.what
            else {
                continue;
            };
            let named = (&parcel.delivery.service, page.as_str());
            if !found.contains(&named) {
                found.push(named);
            }
        }
        found
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

    /// The timeline, by time. Rows are shared: one that stays is the same one, so who lays them out sees what is new.
    pub fn timeline(&self) -> &[Arc<Row>] {
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

    /// The names of its alerts: those that it was declared for, and those of what was merged into it.
    pub fn alert_names(&self) -> impl Iterator<Item = &str> {
        self.state.declared.alerts.iter().chain(&self.state.absorbed_alerts).map(String::as_str)
    }

    /// Its workloads: the one that it was declared for, and those of what was merged into it.
    pub fn workloads(&self) -> impl Iterator<Item = &WorkloadRef> {
        self.state.declared.workload.iter().chain(&self.state.absorbed_workloads)
    }

    /// When somebody last decided how bad it is, other than by declaring it.
    pub const fn severity_decided(&self) -> Option<Instant> {
        self.state.severity_decided
    }

    /// One entry.
    pub fn entry(&self, stamp: &Stamp) -> Option<&Entry> {
        self.entries.get(stamp)
    }

    /// What was merged into it: ids and titles.
    pub fn absorbed(&self) -> &[(IncidentId, String)] {
        &self.state.absorbed
    }

    /// What may have caused it, in words: what was suspected when it was declared, then rollouts before the first sign.
    pub fn suspects(&self) -> Vec<String> {
        let declared = self.state.declared.suspect.as_ref();
        // What went out after the first sign did not cause it: most of it takes something back.
        let first = self.time(Moment::Detected);
        let before = self.state.changes.iter().filter(|(at, _)| first.is_none_or(|first| *at <= first));
        // What the declare suspected is in the timeline, too.
        let told = |change: &str| {
            let which = change.split_once(':').map_or(change, |(which, _)| which);
            let rest = declared.and_then(|declared| declared.strip_prefix(which));
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
        };
        let others = before.map(|(_, change)| change).filter(|change| !told(change));
        declared.into_iter().chain(others).cloned().collect()
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

    /// How often everyone is to be told how it stands: SEV1 and SEV2 twice as often as the others, unless a runbook said
    /// how often.
    pub fn update_every(&self) -> Duration {
        let seconds = self.state.declared.update_every;
        let halved = self.state.severity <= Severity::Sev2 && !self.state.declared.update_fixed;
        let seconds = if halved { seconds / 2 } else { seconds };
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
