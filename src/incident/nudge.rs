//! The header's clock, and what it reminds of: never more than what is so now.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::fold::Incident;
use super::outbox::Standing;
use super::parcel::{Parcel, ParcelState};
use super::update;
use crate::domain::Text;
use crate::domain::incident::{Role, Severity, Status};
use crate::domain::time::{Instant, span, span_fine};

/// An update is named this long before it is due, in minutes.
const SOON: i64 = 5;
/// All alerts are quiet for so long: time to move the status on, in minutes.
const QUIET: i64 = 5;

/// What another console had to send is named after so many minutes: longer than between two of its own attempts.
const LEFT: i64 = 6;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NudgeKind {
    /// Something could not be sent, or nobody sends it.
    Outbox,
    /// An update.
    Update,
    /// Somebody has to take a role.
    Role,
    /// The severity looks too low.
    Severity,
    /// The status looks too low.
    Status,
}

/// A reminder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nudge {
    /// What it is about.
    pub kind: NudgeKind,
    /// In few words.
    pub text: String,
    /// Is it overdue, or wrong?
    pub urgent: bool,
}

/// `SEV2 mitigating 12m 03s`.
pub fn clock(incident: &Incident, now: Instant) -> String {
    let status = incident.status();
    format!("{} {status} {}", incident.severity(), span_fine(incident.clock(now).num_seconds()))
}

/// What there is to be reminded of, the urgent first. `standings` are those of deliveries that are not over, `review` is what
/// [`super::severity::to_review`] said.
pub fn nudges<'a>(
    incident: &Incident,
    standings: impl IntoIterator<Item = &'a Standing>,
    review: Option<&(Severity, String)>,
    now: Instant,
) -> Vec<Nudge> {
    let mut found = Vec::new();
    let mut say = |kind, urgent, text: String| found.push(Nudge { kind, text, urgent });
    let (mut asks, mut waits) = (0, 0);
    let mut others = BTreeSet::new();
    for standing in standings {
        asks += usize::from(standing.needs_somebody());
        waits += usize::from(matches!(standing, Standing::Later(_) | Standing::After(_)));
        if let Standing::Elsewhere(writer) = standing {
            others.insert(writer);
        }
    }
    if let Some(text) = left_behind(incident, &others, now) {
        say(NudgeKind::Outbox, true, text);
    }
    if asks > 0 {
        say(NudgeKind::Outbox, true, format!("{asks} not sent"));
    } else if waits > 0 {
        say(NudgeKind::Outbox, false, format!("{waits} waiting to be sent"));
    }
    if incident.is_open() {
        if let Some(due) = update::due(incident) {
            let left = (due - now).num_seconds();
            if left < 0 {
                say(NudgeKind::Update, true, format!("update overdue by {}", span(-left)));
            } else if left <= SOON * 60 {
                say(NudgeKind::Update, false, format!("update due in {}", span(left)));
            }
        }
        if !incident.roles().contains_key(&Role::Commander) {
            say(NudgeKind::Role, true, "nobody is Incident Commander".to_owned());
        } else if incident.severity() <= Severity::Sev2 {
            let free = Role::ALL.into_iter().filter(|role| !incident.roles().contains_key(role));
            let free: Vec<&str> = free.map(Role::word).collect();
            if !free.is_empty() {
                say(NudgeKind::Role, false, format!("free: {}", free.join(", ")));
            }
        }
        if let Some((severity, why)) = review.filter(|(severity, _)| is_worse(incident, *severity)) {
            say(NudgeKind::Severity, true, format!("{severity}? {why}"));
        }
        if let Some(text) = move_on(incident, now) {
            say(NudgeKind::Status, false, text);
        }
    }
    found.sort_by_key(|nudge| (!nudge.urgent, nudge.kind));
    found
}

/// What other consoles had to send and have not touched for minutes: where nobody is at them any more, nobody sends it.
fn left_behind(incident: &Incident, others: &BTreeSet<&Text>, now: Instant) -> Option<String> {
    let since = |parcel: &Parcel| match &parcel.state {
        ParcelState::Unsent { at, .. } => (*at).max(parcel.planned),
        _ => parcel.planned,
    };
    let theirs = incident.waiting().filter(|parcel| others.contains(&parcel.owner));
    let waits = theirs.map(|parcel| now - since(parcel)).filter(|waits| *waits >= TimeDelta::minutes(LEFT));
    let (count, longest) =
        waits.fold((0, TimeDelta::zero()), |(count, longest), waits| (count + 1, longest.max(waits)));
    let longest = span(longest.num_seconds());
    (count > 0).then(|| format!("{count} of another console not sent for {longest}: take over?"))
}

/// Is this worse than what a person decided knowing it? Who declared knew what the rules proposed; who set another
/// severity later knew of all alerts until then, so that only one that began afterwards is news.
fn is_worse(incident: &Incident, proposed: Severity) -> bool {
    let is_news = match incident.severity_decided() {
        None => incident.declared().proposed.is_none_or(|known| proposed < known),
        Some(at) => incident.alerts().any(|(.., alert)| alert.firing && alert.since > at),
    };
    proposed < incident.severity() && is_news
}

/// Is the status behind the alerts?
fn move_on(incident: &Incident, now: Instant) -> Option<String> {
    let mut alerts = incident.alerts().peekable();
    alerts.peek()?;
    let mut quiet_since = None::<Instant>;
    for (.., alert) in alerts {
        if alert.firing {
            return (incident.status() == Status::Monitoring).then(|| "monitoring, but an alert fires".to_owned());
        }
        quiet_since = Some(quiet_since.map_or(alert.since, |since| since.max(alert.since)));
    }
    let quiet = now - quiet_since?;
    let next = match incident.status() {
        Status::Triage | Status::Mitigating => Status::Monitoring,
        Status::Monitoring => Status::Resolved,
        Status::Resolved => return None,
    };
    let text = format!("alerts quiet for {}: {next}?", span(quiet.num_seconds()));
    (quiet >= TimeDelta::minutes(QUIET)).then_some(text)
}
