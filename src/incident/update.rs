//! What everyone is told: a draft from the facts, in three parts (conditions, actions, needs), for a person to edit; and
//! when the next one is due.

use std::time::Duration;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};

use super::declare::Burn;
use super::fold::{AlertNow, Incident};
use super::template::flat;
use super::timeline::{RowKind, utc_minute};
use crate::domain::incident::entry::Moment;
use crate::domain::incident::{Role, Status};
use crate::domain::time::{Instant, span_fine};

/// Lines of one part, so that people read them.
const MOST: usize = 6;
/// How the line begins that says when the next one comes.
const PROMISE: &str = "Next update by ";

/// A draft of an update. `burn` is how budgets burn now; nothing of it, and nobody's needs, are made up.
pub fn draft(incident: &Incident, burn: &[Burn], now: Instant) -> String {
    let mut text = format!(
        "*{} {}: {}* ({}, {})\n",
        incident.severity(),
        flat(&incident.declared().service),
        flat(incident.title()),
        incident.status(),
        span_fine(incident.clock(now).num_seconds())
    );
    part(&mut text, "Conditions", conditions(incident, burn));
    part(&mut text, "Actions", actions(incident));
    part(&mut text, "Needs", needs(incident));
    if let Some(at) = next_after(incident, now) {
        text.push_str(PROMISE);
        text.push_str(&utc_minute(at));
        text.push('.');
    }
    text.trim_end().to_owned()
}

/// In how long the next update comes, as the text itself promises it (`Next update by 2026-11-22 15:02 UTC.`, or `15:02`):
/// what people read and what is reminded of are the same. `None` where it promises nothing within a day.
pub fn promised(text: &str, now: Instant) -> Option<Duration> {
    let line = text.lines().rev().find_map(|line| line.trim().strip_prefix(PROMISE))?;
    let said = line.trim().trim_end_matches('.').trim_end_matches("UTC").trim_end();
    let at = if let Ok(at) = NaiveDateTime::parse_from_str(said, "%Y-%m-%d %H:%M") {
        at.and_utc()
    } else {
        let at = now.date_naive().and_time(NaiveTime::parse_from_str(said, "%H:%M").ok()?).and_utc();
        if at > now { at } else { at + TimeDelta::days(1) }
    };
    let left = (at - now).to_std().ok()?;
    (!left.is_zero() && at - now <= TimeDelta::days(1)).then_some(left)
}

fn part(text: &mut String, title: &str, lines: Vec<String>) {
    text.extend(["*", title, "*\n"]);
    for line in lines {
        text.push_str("- ");
        text.push_str(&line);
        text.push('\n');
    }
}

fn conditions(incident: &Incident, burn: &[Burn]) -> Vec<String> {
    let mut lines = Vec::new();
    let (firing, cleared): (Vec<_>, Vec<_>) = incident.alerts().partition(|(.., alert)| alert.firing);
    // Alerts are in the order of their names.
    for alike in firing.chunk_by(|one, next| one.0 == next.0).take(MOST) {
        lines.extend(fires(alike));
    }
    if firing.is_empty() && cleared.is_empty() {
        lines.extend(incident.alert_names().take(MOST).map(|name| format!("`{}` fired", flat(name))));
    }
    if firing.is_empty() && !cleared.is_empty() {
        lines.push("no alert of it fires any more".to_owned());
    }
    lines.extend(burn.iter().filter_map(Burn::words));
    for (_, impact) in incident.impacts() {
        if let Some(spent) = impact.spent {
            lines.push(format!("{}: {:.1} % of the budget spent", flat(&impact.slo), spent * 100.0));
        }
    }
    if let Some(at) = incident.time(Moment::Mitigated).filter(|_| incident.status() >= Status::Monitoring) {
        lines.push(format!("users are served again since {}", utc_minute(at)));
    }
    if lines.is_empty() {
        lines.push("no alert is known".to_owned());
    }
    lines
}

/// One line for all alerts of one name: people who follow an incident do not count pods.
fn fires(alike: &[(&str, &str, AlertNow)]) -> Option<String> {
    let (name, subject, _) = alike.first()?;
    let since = utc_minute(alike.iter().map(|(.., alert)| alert.since).min()?);
    let about = if alike.len() == 1 { flat(subject) } else { format!("×{}", alike.len()) };
    Some(format!("`{}` ({about}) fires since {since}", flat(name)))
}

fn actions(incident: &Incident) -> Vec<String> {
    let since = incident.last_update().map(|update| update.at);
    let kinds = [RowKind::Action, RowKind::ActionFailed, RowKind::Runbook, RowKind::Change, RowKind::Status];
    let rows = incident.timeline().iter().rev().filter(|row| kinds.contains(&row.kind));
    let rows = rows.take_while(|row| since.is_none_or(|since| row.at > since)).take(MOST);
    let mut lines: Vec<String> = rows.map(|row| format!("{} {}", row.at.format("%H:%M"), flat(&row.text))).collect();
    lines.reverse();
    if lines.is_empty() {
        let first = since.is_none();
        lines.push(if first { "looking for what changed" } else { "nothing new since the last update" }.to_owned());
    }
    lines
}

fn needs(incident: &Incident) -> Vec<String> {
    let free = Role::ALL.into_iter().filter(|role| !incident.roles().contains_key(role));
    let mut lines: Vec<String> = free
        .filter(|role| *role == Role::Commander || wanted(incident))
        .map(|role| format!("{} is free", role.title()))
        .collect();
    lines.extend(incident.tasks().iter().filter(|task| !task.done).take(MOST).map(|task| flat(&task.text)));
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

/// In the two worst severities all roles are wanted.
fn wanted(incident: &Incident) -> bool {
    incident.severity() <= crate::domain::incident::Severity::Sev2
}

/// When the next update is due; `None` once it is over.
pub fn due(incident: &Incident) -> Option<Instant> {
    if !incident.is_open() {
        return None;
    }
    let every = incident.update_every().as_secs();
    // What was said before its end was said for then: after it was opened again, the time runs from there.
    let again = incident.reopened_at();
    let (from, seconds) = match incident.last_update() {
        Some(update) if again.is_none_or(|again| update.at >= again) => (update.at, update.next.unwrap_or(every)),
        _ => (again.unwrap_or(incident.declared_at()), every),
    };
    from.checked_add_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?)
}

/// When the one after an update that is sent now is due.
pub fn next_after(incident: &Incident, now: Instant) -> Option<Instant> {
    let seconds = i64::try_from(incident.update_every().as_secs()).ok()?;
    let at = now.checked_add_signed(TimeDelta::try_seconds(seconds)?)?;
    incident.is_open().then_some(at)
}
