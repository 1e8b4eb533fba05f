//! From objects to entries: those that were not told yet, cleaned, and what is wrong with the others.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::super::fault::short;
use super::wire::{FORMAT, FORMAT_NOW, INCIDENT, Key, Object};
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Entry, Stamp};
use crate::domain::text::{clean, clean_lines};
use crate::ports::feed::{Fault, FaultKind};

/// Fields that are shown in one line, wherever they stand in an entry; all others may have several.
const ONE_LINE: &[&str] = &[
    "action",
    "alert",
    "author",
    "by",
    "channel",
    "context",
    "end",
    "from",
    "id",
    "into",
    "key",
    "kind",
    "link",
    "name",
    "namespace",
    "path",
    "role",
    "run",
    "runbook",
    "service",
    "slo",
    "stamp",
    "step",
    "subject",
    "target",
    "title",
    "to",
    "topic",
    "url",
    "who",
    "workload",
    "writer",
];

/// What came out of an object.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Of which incident; `None` when the object does not say.
    pub incident: Option<IncidentId>,
    /// Entries that were not told before.
    pub entries: Vec<Entry>,
    /// What is wrong and was not told before.
    pub faults: Vec<Fault>,
}

/// Takes objects apart, and remembers what it has told.
pub(super) struct Reader {
    namespace: Text,
    objects: HashMap<String, Told>,
    /// By how many parts there are, too: another version may have split the same entry otherwise, and both are whole.
    parts: BTreeMap<(IncidentId, Stamp, usize), Parts>,
}

/// What was told of an object, by key.
#[derive(Default)]
struct Told {
    entries: HashSet<String>,
    /// Keys that are no entry; empty text for the object itself.
    broken: HashSet<String>,
}

/// A split entry that is not complete yet: object, key and text by number.
type Parts = BTreeMap<usize, (String, String, String)>;

impl Reader {
    pub fn new(namespace: Text) -> Self {
        Self { namespace, objects: HashMap::new(), parts: BTreeMap::new() }
    }

    /// The object is gone.
    pub fn forget(&mut self, name: &str) {
        self.objects.remove(name);
    }

    /// What is new in an object.
    pub fn read(&mut self, object: Object) -> Found {
        let name = object.metadata.name;
        let labels = &object.metadata.labels;
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        let mut found = Found::default();
        if label(FORMAT) != FORMAT_NOW {
            let why = format!("is of format `{}`, which this version does not know", short(label(FORMAT)));
            found.faults.extend(self.broken(&name, "", &why, "a newer opsdeck reads it"));
            return found;
        }
        let id: IncidentId = match label(INCIDENT).parse() {
            Ok(id) => id,
            Err(error) => {
                let why = format!("belongs to no incident: {error}");
                let hint = format!("put its label {INCIDENT} right, or delete it");
                found.faults.extend(self.broken(&name, "", &short(&why), &hint));
                return found;
            }
        };
        let mut bad: Vec<(String, String)> = Vec::new();
        for (key, text) in object.data.unwrap_or_default() {
            if self.objects.get(&name).is_some_and(|told| told.entries.contains(&key)) {
                continue;
            }
            let read = match Key::read(&key) {
                None => Err("the key is no entry's stamp".to_owned()),
                Some(Key::Whole(stamp)) => entry(&text, &stamp).map(Some),
                Some(Key::Part(stamp, index, count)) => {
                    self.part(&id, stamp, (index, count), (name.clone(), key.clone(), text))
                }
            };
            match read {
                Ok(Some(entry)) => {
                    self.objects.entry(name.clone()).or_default().entries.insert(key);
                    found.entries.push(entry);
                }
                Ok(None) => {}
                Err(why) => bad.push((key, why)),
            }
        }
        found.faults.extend(self.name_bad(&name, bad));
        found.incident = Some(id);
        found
    }

    /// One fault for all keys of an object that are no entries and were not named before.
    fn name_bad(&mut self, name: &str, mut bad: Vec<(String, String)>) -> Option<Fault> {
        let known = self.objects.get(name).map(|told| &told.broken);
        bad.retain(|(key, _)| known.is_none_or(|known| !known.contains(key)));
        let more = bad.len().saturating_sub(1);
        let mut bad = bad.into_iter();
        let (key, why) = bad.next()?;
        let told = self.objects.entry(name.to_owned()).or_default();
        told.broken.extend(bad.map(|(key, _)| key));
        let more = if more > 0 { format!(", and {more} more of its keys") } else { String::new() };
        let hint = format!(
            "somebody altered it: `kubectl -n {} edit configmap {}`; without it the incident goes on",
            self.namespace,
            clean(name)
        );
        self.broken(name, &key, &format!("{why}{more}"), &hint)
    }

    /// A fault about an object, or a key of it, unless it was told before.
    fn broken(&mut self, name: &str, key: &str, why: &str, hint: &str) -> Option<Fault> {
        let told = self.objects.entry(name.to_owned()).or_default();
        told.broken.insert(key.to_owned()).then(|| {
            let object = format!("ConfigMap {}/{}", self.namespace, clean(name));
            let message = match key {
                "" => format!("{object} {why}"),
                key => format!("{object}: key {} is no entry: {why}", clean(key)),
            };
            Fault::new(FaultKind::Malformed, message).hint(hint)
        })
    }

    /// A part of a split entry; the entry when it is complete.
    fn part(
        &mut self,
        id: &IncidentId,
        stamp: Stamp,
        (index, count): (usize, usize),
        place: (String, String, String),
    ) -> Result<Option<Entry>, String> {
        let of = (id.clone(), stamp, count);
        let parts = self.parts.entry(of.clone()).or_default();
        parts.insert(index, place);
        if parts.len() < count {
            return Ok(None);
        }
        let whole: String = parts.values().map(|(_, _, text)| text.as_str()).collect();
        let entry = match entry(&whole, &of.1) {
            Ok(entry) => entry,
            Err(why) => {
                // The part at hand names them all.
                for (object, key, _) in parts.iter().filter(|(at, _)| **at != index).map(|(_, place)| place) {
                    self.objects.entry(object.clone()).or_default().broken.insert(key.clone());
                }
                return Err(why);
            }
        };
        for (object, key, _) in self.parts.remove(&of).into_iter().flatten().map(|(_, at)| at) {
            self.objects.entry(object).or_default().entries.insert(key);
        }
        Ok(Some(entry))
    }
}

/// Reads one entry and cleans all of its text.
pub(super) fn entry(text: &str, stamp: &Stamp) -> Result<Entry, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| short(&error.to_string()))?;
    scrub(&mut value, false);
    if value["kind"].as_str().is_none_or(str::is_empty) {
        return Err("it does not say what happened (`kind`)".to_owned());
    }
    let entry: Entry = serde_json::from_value(value).map_err(|error| short(&error.to_string()))?;
    if entry.stamp != *stamp {
        return Err(format!("its own stamp is {}", entry.stamp));
    }
    Ok(entry)
}

/// Cleans every string, also those of what a newer version wrote.
fn scrub(value: &mut Value, one_line: bool) {
    match value {
        Value::String(text) => {
            let cleaned = if one_line { clean(text) } else { clean_lines(text) };
            if let std::borrow::Cow::Owned(cleaned) = cleaned {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, one_line)),
        Value::Object(fields) => {
            let cleaned = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                scrub(&mut value, ONE_LINE.contains(&name.as_str()));
                (clean(&name).into_owned(), value)
            });
            *fields = cleaned.collect();
        }
        _ => {}
    }
}
