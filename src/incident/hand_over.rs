//! Handing over: a summary that is posted, and a bundle without secrets that another person's console opens.

use serde::{Deserialize, Serialize};

use super::fold::Incident;
use super::redact::{redact, redact_value};
use super::template::flat;
use super::timeline::{RowKind, first_line, utc, utc_minute};
use super::update;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Deed, Entry, Moment};
use crate::domain::text::clean_lines;
use crate::domain::time::{Instant, span_fine};

/// What a bundle says that it is.
const FORMAT: &str = "opsdeck-incident";
/// The version of its format; another one is refused.
const VERSION: u32 = 1;
/// Entries that a bundle may hold.
const MOST_ENTRIES: usize = 100_000;
/// Rows of the timeline that a summary names.
const ROWS: usize = 8;

/// What who takes over has to know.
pub fn summary(incident: &Incident, now: Instant) -> String {
    let declared = incident.declared();
    let mut lines = vec![
        format!("{} {}: {}", incident.severity(), flat(&declared.service), flat(incident.title())),
        format!(
            "Status {} since {}; {} since the first sign.",
            incident.status(),
            utc_minute(incident.status_since()),
            span_fine(incident.clock(now).num_seconds())
        ),
    ];
    let times = Moment::ALL.into_iter().filter_map(|moment| Some((moment, incident.time(moment)?)));
    let times: Vec<String> = times.map(|(moment, at)| format!("{} {}", moment.word(), utc_minute(at))).collect();
    lines.push(format!("Times: {}.", times.join(", ")));
    lines.push(alerts(incident));
    for suspect in incident.suspects().iter().take(3) {
        lines.push(format!("Suspect: {}.", flat(suspect)));
    }
    for (role, who) in incident.roles() {
        lines.push(format!("{}: {}.", role.title(), flat(who)));
    }
    if let Some(channel) = incident.channel() {
        let link = channel.link.map_or_else(String::new, |link| format!(" ({link})"));
        lines.push(format!("Channel: {} in {}{link}.", channel.name, channel.service));
    }
    if let Some(runbook) = &declared.runbook {
        lines.push(format!("Runbook: {}.", flat(runbook)));
    }
    if let Some(due) = update::due(incident) {
        lines.push(format!("Next update due {}.", utc_minute(due)));
    }
    let open: Vec<String> = incident
        .tasks()
        .iter()
        .filter(|task| !task.done)
        .map(|task| format!("- to do: {}", flat(&task.text)))
        .collect();
    lines.extend(open);
    let waiting = incident.waiting().count();
    if waiting > 0 {
        lines.push(format!("Not sent yet: {waiting}."));
    }
    lines.push("Last:".to_owned());
    let told = incident.timeline().iter().filter(|row| !matches!(row.kind, RowKind::Trouble | RowKind::Delivery));
    let mut last: Vec<String> = told
        .rev()
        .take(ROWS)
        .map(|row| format!("- {} {}", row.at.format("%H:%M"), flat(first_line(&row.text))))
        .collect();
    last.reverse();
    lines.extend(last);
    lines.join("\n")
}

/// What is known of its alerts: where nobody watched them, their names and no more.
fn alerts(incident: &Incident) -> String {
    let quoted = |name: &str| format!("`{}`", flat(name));
    if incident.alerts().next().is_none() {
        let names: Vec<String> = incident.alert_names().map(quoted).collect();
        return match names.as_slice() {
            [] => "No alert is known.".to_owned(),
            _ => format!("Declared for {}; whether that still fires is not known.", names.join(", ")),
        };
    }
    let mut firing: Vec<String> =
        incident.alerts().filter(|(.., alert)| alert.firing).map(|(name, ..)| quoted(name)).collect();
    firing.dedup();
    if firing.is_empty() { "No alert of it fires.".to_owned() } else { format!("Firing: {}.", firing.join(", ")) }
}

/// An incident in one file, without secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Bundle {
    format: String,
    version: u32,
    incident: IncidentId,
    made: Instant,
    summary: String,
    entries: Vec<serde_json::Value>,
}

/// Why a bundle was not made or opened, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BundleError(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, BundleError> {
    Err(BundleError(why.into()))
}

/// The bundle, as JSON. Texts are redacted ([`super::redact`] says what is kept).
pub fn bundle(incident: &Incident, now: Instant) -> Result<String, BundleError> {
    let made = incident.entries().map(|entry| {
        let mut value = serde_json::to_value(entry)?;
        redact_value(&mut value);
        Ok(value)
    });
    let made: Result<Vec<_>, serde_json::Error> = made.collect();
    let written = made.and_then(|entries| {
        let bundle = Bundle {
            format: FORMAT.to_owned(),
            version: VERSION,
            incident: incident.id().clone(),
            made: now,
            summary: redact(&summary(incident, now)),
            entries,
        };
        serde_json::to_string_pretty(&bundle)
    });
    written.map_err(|error| BundleError(format!("the bundle could not be written: {error}")))
}

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The incident.
    pub id: IncidentId,
    /// When the bundle was made.
    pub made: Instant,
    /// What the one who made it was told.
    pub summary: String,
    /// Its entries, sorted, each once, their texts cleaned.
    pub entries: Vec<Entry>,
}

/// Opens a bundle. It comes from outside: its texts are cleaned, and what it says of itself is checked.
pub fn open(text: &str) -> Result<Opened, BundleError> {
    let mut value: serde_json::Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return refuse(format!("this is no bundle: {error}")),
    };
    if value.get("format").and_then(serde_json::Value::as_str) != Some(FORMAT) {
        return refuse(format!("this is no bundle of an incident: `format` is not `{FORMAT}`"));
    }
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return refuse(format!("its format is version {version}, this opsdeck reads {VERSION}")),
        None => return refuse("it does not say its `version`"),
    }
    clean_all(&mut value);
    let bundle: Bundle = match serde_json::from_value(value) {
        Ok(bundle) => bundle,
        Err(error) => return refuse(format!("the bundle is damaged: {error}")),
    };
    if bundle.entries.len() > MOST_ENTRIES {
        return refuse(format!("it has {} entries; at most {MOST_ENTRIES} are read", bundle.entries.len()));
    }
    let mut entries = Vec::with_capacity(bundle.entries.len());
    for (at, entry) in bundle.entries.into_iter().enumerate() {
        match serde_json::from_value::<Entry>(entry) {
            Ok(entry) => entries.push(entry),
            Err(error) => return refuse(format!("entry {} cannot be read: {error}", at + 1)),
        }
    }
    entries.sort_by(|a, b| a.stamp.cmp(&b.stamp));
    if let Some(two) = entries.windows(2).find(|two| two[0].stamp == two[1].stamp && two[0] != two[1]) {
        return refuse(format!("two different entries have the stamp {}", two[0].stamp));
    }
    entries.dedup();
    let declared = entries.iter().find_map(|entry| match &entry.deed {
        Deed::Declared(declared) => Some(&declared.id),
        _ => None,
    });
    match declared {
        None => refuse("none of its entries declares an incident"),
        Some(id) if *id != bundle.incident => {
            refuse(format!("it says that it is {}, but its entries are those of {id}", bundle.incident))
        }
        Some(_) => Ok(Opened { id: bundle.incident, made: bundle.made, summary: bundle.summary, entries }),
    }
}

fn clean_all(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = clean_lines(text).into_owned(),
        serde_json::Value::Array(all) => all.iter_mut().for_each(clean_all),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(clean_all),
        _ => {}
    }
}

/// The name of a bundle's file: `20261121-1432-payment-x7k2.incident.json`.
pub fn file_name(incident: &Incident) -> String {
    format!("{}.incident.json", incident.id())
}

/// `made 2026-11-21T14:32:07Z, 120 entries`.
pub fn words(opened: &Opened) -> String {
    format!("made {}, {} entries", utc(opened.made), opened.entries.len())
}
