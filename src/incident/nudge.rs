//! The header's clock, and what it reminds of: never more than what is so now.

use chrono::TimeDelta;

use super::fold::Incident;
use super::outbox::{Outbox, Standing};
use super::update;
use crate::domain::incident::{Role, Severity, Status};
use crate::domain::time::{Instant, span, span_fine};

/// An update is named this long before it is due, in minutes.
const SOON: i64 = 5;
/// All alerts are quiet for so long: time to move the status on, in minutes.
const QUIET: i64 = 5;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NudgeKind {
    /// An update.
    Update,
    /// Somebody has to take a role.
    Role,
    /// The severity looks too low.
    Severity,
    /// Something could not be sent.
    Outbox,
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

/// What there is to be reminded of, the urgent first. `review` is what [`super::severity::to_review`] said.
pub fn nudges(incident: &Incident, outbox: &Outbox, review: Option<&(Severity, String)>, now: Instant) -> Vec<Nudge> {
    let mut found = Vec::new();
    let mut say = |kind, urgent, text: String| found.push(Nudge { kind, text, urgent });
    let standings = outbox.standings(incident, now);
    let asks = standings.iter().filter(|(_, standing)| standing.needs_somebody()).count();
    let waits =
        standings.iter().filter(|(_, standing)| matches!(standing, Standing::Later(_) | Standing::After(_))).count();
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
        if let Some((severity, why)) = review.filter(|(severity, _)| *severity < incident.severity()) {
            say(NudgeKind::Severity, true, format!("{severity}? {why}"));
        }
        if let Some(text) = move_on(incident, now) {
            say(NudgeKind::Status, false, text);
        }
    }
    found.sort_by_key(|nudge| (!nudge.urgent, nudge.kind));
    found
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
