//! The timeline: what an entry says to a person, as one sentence with its time.

use chrono::SecondsFormat;

use super::parcel::Parcels;
use crate::domain::Text;
use crate::domain::incident::delivery::{Again, DeliveryKey, What};
use crate::domain::incident::entry::{Deed, Entry, Stamp};
use crate::domain::time::{Instant, span_fine};

/// What a row is about; for its colour, and to leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKind {
    /// It began, its title is another, it was merged, handed over.
    Incident,
    /// Status.
    Status,
    /// Severity.
    Severity,
    /// Role.
    Role,
    /// An alert fires.
    Firing,
    /// An alert cleared.
    Cleared,
    /// A rollout was seen.
    Change,
    /// An action of ours.
    Action,
    /// An action of ours that did not go well.
    ActionFailed,
    /// A step of a runbook.
    Runbook,
    /// What everyone was told.
    Update,
    /// A note.
    Note,
    /// A message of the channel.
    Message,
    /// Something was sent.
    Delivery,
    /// Something could not be sent, or opsdeck has a remark.
    Trouble,
    /// A task.
    Task,
    /// Something that a newer version wrote.
    Unknown,
}

/// One row of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it was.
    pub at: Instant,
    /// The entry.
    pub stamp: Stamp,
    /// Who.
    pub by: Text,
    /// What it is about.
    pub kind: RowKind,
    /// In words; several lines only where a person wrote several.
    pub text: String,
    /// Where to look at it.
    pub link: Option<String>,
}

impl Row {
    /// `14:32:07`, UTC.
    pub fn time(&self) -> String {
        self.at.format("%H:%M:%S").to_string()
    }
}

/// `2026-11-21T14:32:07Z`.
pub fn utc(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `2026-11-21 14:32 UTC`.
pub fn utc_minute(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn because(reason: Option<&String>) -> String {
    reason.filter(|reason| !reason.trim().is_empty()).map_or_else(String::new, |reason| format!(": {reason}"))
}

/// The row of an entry; `None` for what is no event for people.
pub(super) fn row(entry: &Entry, parcels: &Parcels) -> Option<Row> {
    let mut link = None;
    let (kind, text) = match &entry.deed {
        Deed::Declared(declared) => {
            (RowKind::Incident, format!("declared {} {}: {}", declared.severity, declared.service, declared.title))
        }
        Deed::Retitled { title } => (RowKind::Incident, format!("title is now: {title}")),
        Deed::Severity { to, reason } => {
            (RowKind::Severity, format!("severity is now {to}{}", because(reason.as_ref())))
        }
        Deed::Status { to, reason, .. } => (RowKind::Status, format!("status is now {to}{}", because(reason.as_ref()))),
        Deed::Role { role, who: Some(who) } => (RowKind::Role, format!("{who} is {}", role.title())),
        Deed::Role { role, who: None } => (RowKind::Role, format!("nobody is {}", role.title())),
        Deed::Time { which, to } => (RowKind::Incident, format!("time {} set to {}", which.word(), utc(*to))),
        Deed::Alert { alert, subject, firing } => {
            let about = if subject.is_empty() { String::new() } else { format!(" ({subject})") };
            if *firing {
                (RowKind::Firing, format!("alert {alert}{about} fires"))
            } else {
                (RowKind::Cleared, format!("alert {alert}{about} cleared"))
            }
        }
        Deed::Rollout { workload, change, revision } => {
            (RowKind::Change, format!("rollout of {workload}, revision {revision}: {change}"))
        }
        Deed::Action { action, target, what, end, detail, .. } => {
            let detail = because(detail.as_ref());
            match end.as_deref() {
                None if what.is_empty() => (RowKind::Action, format!("{action} of {target} began")),
                None => (RowKind::Action, format!("{action} of {target} began: {what}")),
                Some(end @ "done") => (RowKind::Action, format!("{action} of {target} {end}{detail}")),
                Some(end) => (RowKind::ActionFailed, format!("{action} of {target} {end}{detail}")),
            }
        }
        Deed::Runbook { runbook, step, result, .. } => {
            (RowKind::Runbook, format!("runbook {runbook}, step {step}: {result}"))
        }
        Deed::Update { text, .. } => (RowKind::Update, text.clone()),
        Deed::Note { text } => (RowKind::Note, text.clone()),
        Deed::Message { author, text, link: at, .. } => {
            link.clone_from(at);
            (RowKind::Message, format!("{author}: {text}"))
        }
        Deed::Task { text, owner, done, .. } => {
            let owner = owner.as_ref().map_or_else(String::new, |owner| format!(" ({owner})"));
            let word = if *done { "task done" } else { "task" };
            (RowKind::Task, format!("{word}: {text}{owner}"))
        }
        Deed::Sent { key, receipt } => {
            link.clone_from(&receipt.link);
            let (kind, said) = sent(key, receipt.name.as_deref(), parcels)?;
            let remarks = receipt.remarks.iter().fold(String::new(), |all, remark| format!("{all}; {remark}"));
            (kind, said + &remarks)
        }
        Deed::Unsent { key, why, hint, again } => {
            let then = match again {
                Again::In(seconds) => {
                    format!("; tried again in {}", span_fine(i64::try_from(*seconds).unwrap_or(i64::MAX)))
                }
                Again::Ask => String::new(),
                Again::Doubtful => "; it may have arrived".to_owned(),
            };
            let hint = hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
            (RowKind::Trouble, format!("not sent: {}: {why}{hint}{then}", named(key, parcels)))
        }
        Deed::Dropped { key, reason, with: None } => {
            (RowKind::Delivery, format!("left unsent: {}{}", named(key, parcels), because(reason.as_ref())))
        }
        Deed::Taken { writer } => (RowKind::Delivery, format!("took over what console {writer} had left to send")),
        Deed::Merged { into } => (RowKind::Incident, format!("is the same as {into}, and goes on there")),
        Deed::Absorbed { from, title, .. } => {
            (RowKind::Incident, format!("{from} ({title}) is the same, and goes on here"))
        }
        Deed::HandedOver { to, .. } => (RowKind::Incident, format!("handed over to {to}")),
        Deed::PostMortem { path } => (RowKind::Incident, format!("post-mortem drafted: {path}")),
        Deed::Remark { text } => (RowKind::Trouble, text.clone()),
        Deed::Unknown(fields) => {
            let kind = fields.get("kind").and_then(serde_json::Value::as_str).unwrap_or("?");
            (RowKind::Unknown, format!("an entry of a newer version: {kind}"))
        }
        // What was left with another has no row of its own.
        Deed::Dropped { with: Some(_), .. }
        | Deed::Impact(_)
        | Deed::Planned(_)
        | Deed::Sending { .. }
        | Deed::Retried { .. } => return None,
    };
    Some(Row { at: entry.at, stamp: entry.stamp.clone(), by: entry.by.clone(), kind, text, link })
}

/// What was sent, where people want to know it: the rest has rows of its own.
fn sent(key: &DeliveryKey, name: Option<&str>, parcels: &Parcels) -> Option<(RowKind, String)> {
    let delivery = &parcels.get(key)?.delivery;
    let service = &delivery.service;
    let said = match &delivery.what {
        What::OpenChannel { name: wanted, .. } => {
            format!("channel {} opened in {service}", name.unwrap_or(wanted))
        }
        What::Invite { who } => format!("{who} invited"),
        What::Archive => format!("channel in {service} archived"),
        What::Acknowledge { page } => format!("page {page} acknowledged in {service}"),
        What::Escalate { page, .. } => format!("page {page} escalated in {service}"),
        What::AddResponders { who, .. } => format!("{} asked to join through {service}", who.join(", ")),
        What::ResolvePage { page } => format!("page {page} resolved in {service}"),
        What::Page { summary, .. } => format!("paged through {service}: {summary}"),
        What::Publish { title, status, .. } => format!("published on {service}: {title} ({status})"),
        What::Topic { .. }
        | What::Post { .. }
        | What::Pin { .. }
        | What::Link { .. }
        | What::PageNote { .. }
        | What::Change { .. } => return None,
    };
    Some((RowKind::Delivery, said))
}

fn named(key: &DeliveryKey, parcels: &Parcels) -> String {
    parcels.get(key).map_or_else(|| key.to_string(), |parcel| describe(&parcel.delivery.what))
}

/// What a delivery is, in few words.
pub fn describe(what: &What) -> String {
    match what {
        What::OpenChannel { name, private: false, .. } => format!("open channel {name}"),
        What::OpenChannel { name, private: true, .. } => format!("open private channel {name}"),
        What::Topic { topic } => format!("set the topic: {topic}"),
        What::Invite { who } => format!("invite {who}"),
        What::Post { text } => format!("post: {}", first_line(text)),
        What::Pin { .. } => "pin the message".to_owned(),
        What::Link { title, .. } => format!("link {title}"),
        What::Archive => "archive the channel".to_owned(),
        What::Acknowledge { page } => format!("acknowledge page {page}"),
        What::Escalate { page, level: None } => format!("escalate page {page}"),
        What::Escalate { page, level: Some(level) } => format!("escalate page {page} to level {level}"),
        What::AddResponders { who, .. } => format!("ask {} to join", who.join(", ")),
        What::PageNote { page, .. } => format!("note on page {page}"),
        What::ResolvePage { page } => format!("resolve page {page}"),
        What::Page { summary, .. } => format!("page somebody: {summary}"),
        What::Change { summary, .. } => format!("record the change: {summary}"),
        What::Publish { title, status, .. } => format!("publish {title} ({status})"),
    }
}

/// The first line, so that a row stays one.
pub fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
