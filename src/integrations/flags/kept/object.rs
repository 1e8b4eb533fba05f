//! One object and the flags in it: rows, facts, the version that a change is based on, and who wrote them last.

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Form, Found, Reader};
use crate::domain::Text;
use crate::domain::flag::{FlagEvent, FlagFacts, FlagRow};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::integrations::kubernetes::objects::{Spot, other_writers};
use crate::ports::cluster::ClusterError;

/// Namespace and name.
pub(super) type ObjectKey = (String, String);

/// The flags of one object.
pub(super) struct Content {
    /// Each with the version of its definition.
    pub flags: Vec<Flag>,
    /// Parts that cannot be read, in words.
    pub problems: Vec<String>,
}

/// One of them.
pub(super) struct Flag {
    /// As the list shows it.
    pub row: FlagRow,
    /// Its version.
    version: String,
}

/// The place of an object; `None` for one without a name.
pub(super) fn key_of(object: &Value) -> Option<ObjectKey> {
    let part = |name: &str| object["metadata"][name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some((part("namespace")?, part("name")?))
}

/// Stands for one flag's definition in this very object.
fn version(object: &Value, part: &str, found: &Found) -> String {
    let mut digest = Sha256::new();
    for text in [object["metadata"]["uid"].as_str().unwrap_or_default(), part, &found.says] {
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    digest.finalize().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

impl<F: Form> Reader<F> {
    /// The flags of an object, if it is one of ours. What was known before tells when a flag itself changed; without it,
    /// only when its object was written.
    pub fn content(&self, object: &Value, before: Option<&Content>, now: Instant) -> Option<(ObjectKey, Content)> {
        let key = key_of(object)?;
        let spot = Spot { namespace: &key.0, name: &key.1 };
        if !self.takes(spot.namespace, spot.name) {
            return None;
        }
        let mut content = Content { flags: Vec::new(), problems: Vec::new() };
        for part in self.form.read(object) {
            match part.flags {
                Err(why) => {
                    let name = if part.name.is_empty() { String::new() } else { format!(", {}", clean(&part.name)) };
                    content.problems.push(format!("{}{name}: {why}", self.words(spot)));
                }
                Ok(found) => content.flags.extend(found.iter().map(|found| {
                    let row = self.row(object, spot, &part.name, found);
                    let version = version(object, &part.name, found);
                    let changed = match before {
                        // It was not watched yet.
                        None => row.changed.clone(),
                        Some(before) => {
                            let known = before.flags.iter().find(|flag| flag.row.id == row.id);
                            changed(known, &row, &version, now)
                        }
                    };
                    Flag { row: FlagRow { changed, ..row }, version }
                })),
            }
        }
        Some((key, content))
    }

    fn row(&self, object: &Value, spot: Spot<'_>, part: &str, found: &Found) -> FlagRow {
        let facts = &found.facts;
        FlagRow {
            id: self.flag(spot, part, &found.key),
            enabled: facts.enabled,
            serves: facts.serves().into(),
            kind: facts.kind,
            description: facts.description.as_deref().map(Text::from),
            changed: writers(object, &self.form.field(part, &found.key)).into_iter().next(),
            seen: None,
            last_seen: None,
            stale: facts.stale,
            archived: facts.archived,
            tags: Arc::from([]),
            workloads: self.settings.workloads_of(&found.key).map(Text::from).collect(),
        }
    }

    /// One flag of an object that was read just now.
    pub fn facts(&self, object: &Value, part: &str, key: &str) -> Result<FlagFacts, ClusterError> {
        let (namespace, name) = key_of(object).unwrap_or_default();
        let spot = Spot { namespace: &namespace, name: &name };
        let parts = self.form.read(object);
        let Some(found) = parts.into_iter().find(|found| found.name == part) else {
            let why = format!("key {} of {}", clean(part), self.words(spot));
            return Err(ClusterError::NotFound(why));
        };
        let flags = found.flags.map_err(|why| ClusterError::Rejected(format!("{}: {why}", self.words(spot))))?;
        let Some(found) = flags.into_iter().find(|found| found.key == key) else {
            return Err(ClusterError::NotFound(format!("flag {} in {}", clean(key), self.words(spot))));
        };
        let version = version(object, part, &found);
        let mut facts = FlagFacts { version, rehearses: true, ..found.facts };
        facts.workloads = self.settings.workloads_of(key).map(str::to_owned).collect();
        facts.warnings.extend(other_writers(object));
        Ok(facts)
    }
}

/// When a flag changed: its object's managed fields speak of the object, so that a flag whose definition stayed the same
/// keeps what was said of it before.
fn changed(known: Option<&Flag>, row: &FlagRow, version: &str, now: Instant) -> Option<FlagEvent> {
    let what = match known {
        Some(known) if known.version == version => return known.row.changed.clone(),
        None => "made",
        Some(known) if known.row.enabled != row.enabled => {
            if row.enabled {
                "switched on"
            } else {
                "switched off"
            }
        }
        Some(_) => "changed",
    };
    let by = row.changed.as_ref().map_or_else(|| "?".into(), |event| event.by.clone());
    let at = row.changed.as_ref().map_or(now, |event| event.at);
    Some(FlagEvent { at, by, what: what.into() })
}

/// Who wrote a field, or something above or below it, by the object's managed fields; the last first.
pub(super) fn writers(object: &Value, field: &[String]) -> Vec<FlagEvent> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut events: Vec<FlagEvent> = entries
        .filter(|entry| covers(&entry["fieldsV1"], field))
        .filter_map(|entry| {
            Some(FlagEvent {
                at: entry["time"].as_str()?.parse().ok()?,
                by: clean(entry["manager"].as_str().unwrap_or("?")).into(),
                what: "the object it is kept in was written".into(),
            })
        })
        .collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    events
}

/// Does a manager own the field? One that owns all above it owns it too.
fn covers(fields: &Value, field: &[String]) -> bool {
    let mut at = fields;
    for name in field {
        let Some(object) = at.as_object() else { return false };
        match object.get(&format!("f:{name}")) {
            Some(next) => at = next,
            // An atomic value is named and not opened.
            None => return !std::ptr::eq(at, fields) && object.is_empty(),
        }
    }
    true
}
