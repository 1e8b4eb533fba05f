//! What an incident sends once it is declared: messages to its chat, a new topic, notes on pages. Only plans; the outbox
//! sends.

use super::fold::Incident;
use super::template::{self, Values, flat};
use super::timeline::utc_minute;
use crate::domain::Text;
use crate::domain::incident::Role;
use crate::domain::incident::delivery::{Delivery, DeliveryKey, What};
use crate::domain::incident::entry::{Declared, Deed, Stamp};
use crate::domain::time::Instant;

/// The key of the delivery that opens the channel.
pub const CHANNEL: &str = "channel";
/// The key of the first message.
pub const FIRST_MESSAGE: &str = "first-message";

/// A key that no other delivery has: `update:20261121T143207123Z-0000-w7f3`.
pub fn key(kind: &str, stamp: &Stamp) -> DeliveryKey {
    format!("{kind}:{stamp}").into()
}

/// A delivery that is planned.
pub fn planned(key: impl Into<DeliveryKey>, service: &Text, what: What, after: Vec<DeliveryKey>) -> Deed {
    Deed::Planned(Delivery { key: key.into(), service: service.clone(), what, after })
}

/// A message to the incident's chat; `None` where it has none.
pub fn post(incident: &Incident, kind: &str, stamp: &Stamp, text: String) -> Option<Deed> {
    let chat = incident.chat()?;
    Some(planned(key(kind, stamp), &chat.service, What::Post { text }, chat.channel.into_iter().collect()))
}

/// The channel's topic anew, after `now` differs from what the incident says; `None` where there is none, or where nothing
/// of it is in the topic. One that a person or a runbook worded is not replaced by the template's: only what changed is.
pub fn topic(template: &str, stamp: &Stamp, incident: &Incident, now: &Now<'_>) -> Option<Deed> {
    let chat = incident.chat()?;
    let channel = chat.channel?;
    let of_topic = |parcel: &super::parcel::Parcel| match &parcel.delivery.what {
        What::Topic { topic } => Some(topic.clone()),
        _ => None,
    };
    let last = incident.parcels().iter().filter_map(of_topic).next_back()?;
    let was = Now::of(incident);
    let text = |now: &Now<'_>| {
        let values = now.values(incident.declared(), incident.declared_at());
        flat(&template::render(template, &values).unwrap_or_else(|_| plain_topic(&values)))
    };
    let as_made = text(&was);
    let is_cut = last.strip_suffix('…').is_some_and(|head| as_made.starts_with(head));
    let topic = if last == as_made || is_cut {
        text(now)
    } else {
        let pairs = [(was.title, now.title), (was.severity, now.severity), (was.commander, now.commander)];
        let changed = pairs.into_iter().filter(|(old, new)| old != new && !old.is_empty());
        changed.fold(last.clone(), |topic, (old, new)| topic.replace(&flat(old), &flat(new)))
    };
    (topic != last).then(|| planned(key("topic", stamp), &chat.service, What::Topic { topic }, vec![channel]))
}

/// The topic when its template cannot be filled in.
pub fn plain_topic(values: &Values) -> String {
    let of = |name: &str| values.get(name).map_or("", String::as_str);
    format!("{} {}", of("severity"), of("title"))
}

/// What of an incident may have changed since it was declared.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its severity's word.
    pub severity: &'a str,
    /// Who leads.
    pub commander: &'a str,
}

impl<'a> Now<'a> {
    /// As the incident has it.
    pub fn of(incident: &'a Incident) -> Self {
        Self {
            title: incident.title(),
            severity: incident.severity().word(),
            commander: incident.roles().get(&Role::Commander).map_or("nobody", String::as_str),
        }
    }

    /// What templates know.
    pub fn values(&self, declared: &Declared, at: Instant) -> Values {
        let workload = declared.workload.as_ref();
        let alerts: Vec<String> = declared.alerts.iter().map(|alert| flat(alert)).collect();
        let pairs = [
            ("id", declared.id.to_string()),
            ("title", flat(self.title)),
            ("severity", self.severity.to_owned()),
            ("service", flat(&declared.service)),
            ("workload", workload.map(ToString::to_string).unwrap_or_default()),
            ("namespace", workload.map(|workload| workload.namespace.to_string()).unwrap_or_default()),
            ("context", flat(&declared.context)),
            ("date", at.format("%Y-%m-%d").to_string()),
            ("time", at.format("%H%M").to_string()),
            ("alerts", alerts.join(", ")),
            ("burn", declared.burn.map(|burn| format!("{burn:.1}")).unwrap_or_default()),
            ("suspect", declared.suspect.as_deref().map(flat).unwrap_or_default()),
            ("runbook", declared.runbook.clone().unwrap_or_default()),
            ("commander", flat(self.commander)),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// `SEV2 payment, since 2026-11-21 14:28 UTC`: what a page is told.
pub fn page_note(declared: &Declared, now: &Now<'_>, at: Instant) -> String {
    let since = utc_minute(declared.detected.unwrap_or(at));
    format!("Incident {} declared: {} {}, since {since}.", declared.id, now.severity, flat(now.title))
}

/// One more thing for a service: what belongs into the channel waits for it, and what is published follows what was
/// published before.
pub fn more(incident: &Incident, stamp: &Stamp, service: &Text, what: What) -> Deed {
    let kind = match &what {
        What::Publish { .. } => "publish",
        What::Acknowledge { .. } => "acknowledge",
        What::Escalate { .. } => "escalate",
        What::AddResponders { .. } => "add-responders",
        What::PageNote { .. } => "page-note",
        What::ResolvePage { .. } => "resolve-page",
        What::Page { .. } => "page",
        What::Change { .. } => "change",
        What::OpenChannel { .. } => CHANNEL,
        What::Topic { .. } => "topic",
        What::Invite { .. } => "invite",
        What::Post { .. } => "post",
        What::Pin { .. } => "pin",
        What::Link { .. } => "link",
        What::Archive => "archive",
    };
    let mut after: Vec<DeliveryKey> = Vec::new();
    match &what {
        What::Publish { .. } => {
            let mut published = incident.parcels().iter().filter(|parcel| {
                let is_same = parcel.delivery.service == *service && parcel.delivery.what.is_public();
                is_same && !matches!(parcel.state, super::parcel::ParcelState::Dropped { .. })
            });
            after.extend(published.next_back().map(|parcel| parcel.delivery.key.clone()));
        }
        What::Topic { .. }
        | What::Invite { .. }
        | What::Post { .. }
        | What::Pin { .. }
        | What::Link { .. }
        | What::Archive => {
            let chat = incident.chat().filter(|chat| chat.service == *service);
            after.extend(chat.and_then(|chat| chat.channel));
            if let What::Pin { message } = &what {
                after.push(message.clone());
            }
        }
        _ => {}
    }
    planned(key(kind, stamp), service, what, after)
}
