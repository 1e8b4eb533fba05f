//! What a person can do to an incident: each as the entries that say so, and the deliveries that follow; or a refusal in
//! words.

use std::time::Duration;

use chrono::TimeDelta;

use super::fold::Incident;
use super::parcel::{Parcel, ParcelState};
use super::plan::{self, Now};
use super::template::flat;
use super::timeline::describe;
use crate::config::incidents::Incidents;
use crate::domain::Text;
use crate::domain::incident::delivery::{Delivery, DeliveryKey, What};
use crate::domain::incident::entry::{Deed, Moment, Stamp};
use crate::domain::incident::{Role, Severity, Status};
use crate::domain::text::clean_lines;
use crate::domain::time::Instant;

/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 200;
/// The longest text of a note or an update, in bytes: an entry has to fit into the shared journal.
pub const LONGEST_TEXT: usize = 64 * 1024;

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Writes something down.
    Note(String),
    /// Tells everyone.
    Update {
        /// The text.
        text: String,
        /// Until the next one, when not as usual.
        next: Option<Duration>,
    },
    /// Sets the status; from resolved, only [`Command::Reopen`] leads back.
    Status {
        /// The new one.
        to: Status,
        /// Why.
        reason: Option<String>,
    },
    /// Sets the severity.
    Severity {
        /// The new one.
        to: Severity,
        /// Why.
        reason: Option<String>,
    },
    /// Gives a role away, or takes it back.
    Role {
        /// Which.
        role: Role,
        /// To whom.
        who: Option<String>,
    },
    /// Gives it another title.
    Retitle(String),
    /// Sets one of the four times.
    Time {
        /// Which.
        which: Moment,
        /// To.
        to: Instant,
    },
    /// Hands the command over.
    HandOver {
        /// To whom.
        to: String,
        /// What they are told, edited.
        summary: String,
    },
    /// Opens a resolved incident again.
    Reopen {
        /// Why.
        reason: Option<String>,
    },
    /// Notes what is left to do, or what became of it.
    Task {
        /// Its id; `None` for a new one.
        id: Option<String>,
        /// What.
        text: String,
        /// Who.
        owner: Option<String>,
        /// Done?
        done: bool,
    },
    /// Sends something more: a page is acknowledged or escalated, people are asked to join, the status page is updated.
    Send {
        /// The configured name of the service.
        service: Text,
        /// What.
        what: What,
        /// Did a person confirm it by itself? What everyone can read is not sent without that.
        confirmed: bool,
    },
    /// Tries a delivery again, now.
    Retry(DeliveryKey),
    /// Leaves a delivery.
    Drop {
        /// Which.
        key: DeliveryKey,
        /// Why.
        reason: Option<String>,
    },
    /// Sends what another console had planned and not sent.
    TakeOver {
        /// The other console.
        writer: Text,
    },
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// What commands need beside the incident.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// `[incidents]`.
    pub config: &'a Incidents,
    /// Now.
    pub now: Instant,
    /// The stamp that the first entry will get; it makes the keys of deliveries unique.
    pub stamp: &'a Stamp,
    /// This console.
    pub writer: &'a Text,
}

/// The entries of a command, in their order.
pub fn perform(incident: &Incident, command: &Command, around: Circumstances<'_>) -> Result<Vec<Deed>, Refusal> {
    if let Some(into) = incident.merged_into()
        && !matches!(command, Command::Retry(_) | Command::Drop { .. } | Command::TakeOver { .. })
    {
        return refuse(format!("{} was merged into {into}; go on there", incident.id()));
    }
    let stamp = around.stamp;
    let said = |kind: &str, text: String| plan::post(incident, kind, stamp, text);
    let mut deeds = Vec::new();
    match command {
        Command::Note(text) => deeds.push(Deed::Note { text: words("a note", text, LONGEST_TEXT)? }),
        // Also after it is resolved: people want to read that it is over, and what becomes of it.
        Command::Update { text, next } => {
            let text = words("an update", text, LONGEST_TEXT)?;
            deeds.push(Deed::Update { text: text.clone(), next: next.map(|next| next.as_secs()) });
            deeds.extend(said("update", text));
        }
        Command::Status { to, reason } => {
            if *to == incident.status() {
                return refuse(format!("status is {to} already"));
            }
            if incident.status() == Status::Resolved {
                return refuse("it is resolved; reopen it first");
            }
            deeds.push(Deed::Status { to: *to, from: Some(incident.status()), reason: reason.clone() });
            deeds.extend(said("status", format!("Status is now *{to}*{}", because(reason.as_ref()))));
        }
        Command::Reopen { reason } => {
            if incident.status() != Status::Resolved {
                return refuse(format!("it is open: status is {}", incident.status()));
            }
            let from = Some(Status::Resolved);
            deeds.push(Deed::Status { to: Status::Mitigating, from, reason: reason.clone() });
            deeds.extend(said("status", format!("Opened again: status is *mitigating*{}", because(reason.as_ref()))));
        }
        Command::Severity { to, reason } => {
            is_open(incident)?;
            if *to == incident.severity() {
                return refuse(format!("severity is {to} already"));
            }
            deeds.push(Deed::Severity { to: *to, reason: reason.clone() });
            deeds.extend(said("severity", format!("Severity is now *{to}*{}", because(reason.as_ref()))));
            let now = Now { severity: to.word(), ..Now::of(incident) };
            deeds.extend(plan::topic(&around.config.topic, stamp, incident, &now));
        }
        Command::Role { role, who } => {
            is_open(incident)?;
            let who = who.as_deref().map(str::trim).filter(|who| !who.is_empty()).map(str::to_owned);
            if incident.roles().get(role) == who.as_ref() {
                let who = who.as_deref().unwrap_or("nobody");
                return refuse(format!("{who} is {} already", role.title()));
            }
            deeds.push(Deed::Role { role: *role, who: who.clone() });
            let name = who.as_deref().unwrap_or("nobody");
            deeds.extend(said("role", format!("{} is now *{}*", role.title(), flat(name))));
            if *role == Role::Commander {
                let now = Now { commander: name, ..Now::of(incident) };
                deeds.extend(plan::topic(&around.config.topic, stamp, incident, &now));
            }
        }
        Command::Retitle(title) => {
            let title = words("a title", &title.split_whitespace().collect::<Vec<_>>().join(" "), LONGEST_TITLE)?;
            if title == incident.title() {
                return refuse("that is its title already");
            }
            deeds.push(Deed::Retitled { title: title.clone() });
            let now = Now { title: &title, ..Now::of(incident) };
            deeds.extend(plan::topic(&around.config.topic, stamp, incident, &now));
        }
        Command::Time { which, to } => deeds.push(time(incident, *which, *to, around.now)?),
        Command::HandOver { to, summary } => {
            is_open(incident)?;
            let to = words("the name of who takes over", to, LONGEST_TITLE)?;
            let summary = words("a summary", summary, LONGEST_TEXT)?;
            if incident.roles().get(&Role::Commander) != Some(&to) {
                deeds.push(Deed::Role { role: Role::Commander, who: Some(to.clone()) });
            }
            deeds.push(Deed::HandedOver { to: to.clone(), summary: summary.clone() });
            deeds.extend(said("hand-over", format!("*Handed over to {}*\n{summary}", flat(&to))));
            let now = Now { commander: &to, ..Now::of(incident) };
            deeds.extend(plan::topic(&around.config.topic, stamp, incident, &now));
        }
        Command::Task { id, text, owner, done } => {
            if let Some(id) = id
                && incident.tasks().iter().all(|task| task.id != *id)
            {
                return refuse(format!("there is no task `{id}`"));
            }
            let text = words("a task", text, LONGEST_TEXT)?;
            let id = id.clone().unwrap_or_else(|| stamp.to_string());
            deeds.push(Deed::Task { id, text, owner: owner.clone(), done: *done });
        }
        Command::Send { what, confirmed: false, .. } if what.is_public() => {
            return refuse("everyone can read that: it has a confirmation of its own");
        }
        Command::Send { what: What::OpenChannel { .. }, .. }
            if incident.chat().is_some_and(|chat| chat.channel.is_some()) =>
        {
            return refuse("its channel is planned already; retry that");
        }
        Command::Send { service, what, .. } => deeds.push(plan::more(incident, stamp, service, what.clone())),
        Command::Retry(key) => deeds.extend(retry(incident, key, around.writer)?),
        Command::Drop { key, reason } => deeds.extend(drop_it(incident, key, reason.as_ref())?),
        Command::TakeOver { writer } => {
            if writer == around.writer {
                return refuse("this console sends that anyway");
            }
            if !super::outbox::others(incident, around.writer).contains(writer) {
                return refuse(format!("console {writer} has nothing left to send"));
            }
            deeds.push(Deed::Taken { writer: writer.clone() });
        }
    }
    let overtaken: Vec<Deed> = deeds.iter().flat_map(|deed| overtaken(incident, deed)).collect();
    deeds.extend(overtaken);
    Ok(deeds)
}

/// A new topic takes the place of those that wait: sent later, one of them would stand over it.
fn overtaken(incident: &Incident, planned: &Deed) -> Vec<Deed> {
    let Deed::Planned(Delivery { key: newer, service, what: What::Topic { .. }, .. }) = planned else {
        return Vec::new();
    };
    let is_older = |parcel: &&Parcel| {
        matches!(parcel.delivery.what, What::Topic { .. })
            && parcel.delivery.service == *service
            && matches!(parcel.state, ParcelState::Planned | ParcelState::Unsent { .. })
    };
    let left = |parcel: &Parcel| Deed::Dropped {
        key: parcel.delivery.key.clone(),
        reason: Some("a newer topic takes its place".to_owned()),
        with: Some(newer.clone()),
    };
    incident.parcels().iter().filter(is_older).map(left).collect()
}

/// Was another topic planned after this one, that is not left?
fn is_overtaken(incident: &Incident, parcel: &Parcel) -> bool {
    let newer = incident.parcels().iter().filter(|other| other.stamp > parcel.stamp && !other.is_dropped());
    let mut topics = newer.filter(|other| matches!(other.delivery.what, What::Topic { .. }));
    matches!(parcel.delivery.what, What::Topic { .. })
        && topics.any(|other| other.delivery.service == parcel.delivery.service)
}

fn because(reason: Option<&String>) -> String {
    reason.filter(|reason| !reason.trim().is_empty()).map_or_else(String::new, |reason| format!(": {reason}"))
}

fn words(what: &str, text: &str, most: usize) -> Result<String, Refusal> {
    // The same text here and with others: what they read is cleaned.
    let text = clean_lines(text.trim());
    let text = text.trim();
    if text.is_empty() {
        return refuse(format!("{what} needs some words"));
    }
    if text.len() > most {
        return refuse(format!("{what} takes {most} bytes, this is {}", text.len()));
    }
    Ok(text.to_owned())
}

fn is_open(incident: &Incident) -> Result<(), Refusal> {
    if incident.status() == Status::Resolved {
        return refuse("it is resolved; reopen it first");
    }
    Ok(())
}

/// The four times have one order; a clock may be off by a minute.
fn time(incident: &Incident, which: Moment, to: Instant, now: Instant) -> Result<Deed, Refusal> {
    if to > now + TimeDelta::minutes(1) {
        return refuse(format!("{} is not over yet", super::timeline::utc(to)));
    }
    if which == Moment::Resolved && incident.status() != Status::Resolved {
        return refuse(format!("it is not resolved: status is {}", incident.status()));
    }
    if which == Moment::Mitigated && incident.status() < Status::Monitoring {
        return refuse(format!("it is not mitigated: status is {}", incident.status()));
    }
    for other in Moment::ALL {
        let Some(at) = incident.time(other) else { continue };
        if (other < which && at > to) || (other > which && at < to) {
            let order = if other < which { "after" } else { "before" };
            return refuse(format!(
                "{} has to be {order} it was {} ({}); set that first",
                which.word(),
                other.word(),
                super::timeline::utc(at)
            ));
        }
    }
    Ok(Deed::Time { which, to })
}

/// The delivery, and what was left because of it; what was left belongs to whoever wants it again.
fn retry(incident: &Incident, key: &DeliveryKey, writer: &Text) -> Result<Vec<Deed>, Refusal> {
    let Some(parcel) = incident.parcels().get(key) else {
        return refuse(format!("there is no delivery `{key}`"));
    };
    if matches!(parcel.state, ParcelState::Sent { .. }) {
        return refuse(format!("{}: was sent already", describe(&parcel.delivery.what)));
    }
    if parcel.owner != *writer && !parcel.is_dropped() {
        return refuse(format!("console {} sends it; take that over first", parcel.owner));
    }
    if matches!(parcel.state, ParcelState::Planned) {
        return refuse("it waits for its turn already");
    }
    if is_overtaken(incident, parcel) {
        return refuse(format!("{}: a newer topic took its place", describe(&parcel.delivery.what)));
    }
    let opens = matches!(parcel.delivery.what, What::OpenChannel { .. });
    if opens && incident.chat().and_then(|chat| chat.channel).is_some_and(|channel| channel != *key) {
        return refuse("another channel was opened in its place");
    }
    let left = incident.parcels().iter().filter(|other| {
        let with_it = matches!(&other.state, ParcelState::Dropped { with: Some(with), .. } if with == key);
        // Topics that it took the place of stay where they are.
        with_it && !matches!(parcel.delivery.what, What::Topic { .. }) && !is_overtaken(incident, other)
    });
    let keys = std::iter::once(key).chain(left.map(|other| &other.delivery.key));
    Ok(keys.map(|key| Deed::Retried { key: key.clone() }).collect())
}

/// The delivery, and what cannot be sent without it.
fn drop_it(incident: &Incident, key: &DeliveryKey, reason: Option<&String>) -> Result<Vec<Deed>, Refusal> {
    let Some(parcel) = incident.parcels().get(key) else {
        return refuse(format!("there is no delivery `{key}`"));
    };
    let waiting = incident.parcels().waiting_for(key);
    let mut deeds = Vec::new();
    match &parcel.state {
        ParcelState::Sent { .. } => {
            return refuse(format!("{}: was sent already", describe(&parcel.delivery.what)));
        }
        ParcelState::Dropped { .. } if waiting.is_empty() => return refuse("it was left already"),
        ParcelState::Dropped { .. } => {}
        _ => deeds.push(Deed::Dropped { key: key.clone(), reason: reason.cloned(), with: None }),
    }
    deeds.extend(waiting.into_iter().map(|other| Deed::Dropped {
        key: other.delivery.key.clone(),
        reason: None,
        with: Some(key.clone()),
    }));
    Ok(deeds)
}

/// What merging writes: into the one that ends, and into the one where it goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// For the one that is a duplicate.
    pub from: Vec<Deed>,
    /// For the one that goes on.
    pub into: Vec<Deed>,
}

/// Says that `from` is the same as `into`. `stamps` are those that the first entry of each will get.
pub fn merge(from: &Incident, into: &Incident, stamps: (&Stamp, &Stamp)) -> Result<Merge, Refusal> {
    if from.id() == into.id() {
        return refuse("an incident cannot be merged into itself");
    }
    for one in [from, into] {
        if let Some(other) = one.merged_into() {
            return refuse(format!("{} was merged into {other} already", one.id()));
        }
    }
    if into.status() == Status::Resolved {
        return refuse(format!("{} is resolved; reopen it first", into.id()));
    }
    let (id, title) = (from.id().clone(), from.title().to_owned());
    let place = into.channel().map_or_else(String::new, |channel| format!(" in {}", channel.name));
    let told_there = format!("{id} ({}) is the same and was merged into this one.", flat(&title));
    let told_here = format!("This is the same as {} ({}); it goes on there{place}.", into.id(), flat(into.title()));
    let absorbed = Deed::Absorbed {
        from: id,
        title,
        detected: from.time(Moment::Detected),
        alerts: from.alert_names().map(str::to_owned).collect(),
        workloads: from.workloads().cloned().collect(),
    };
    let mut merge = Merge { from: vec![Deed::Merged { into: into.id().clone() }], into: vec![absorbed] };
    merge.from.extend(plan::post(from, "merged", stamps.0, told_here));
    merge.into.extend(plan::post(into, "absorbed", stamps.1, told_there));
    Ok(merge)
}
