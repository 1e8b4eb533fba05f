//! What lies where: names, labels and keys of the ConfigMaps, and how a long entry is split over several keys.
//!
//! | field | value |
//! |---|---|
//! | `metadata.name` | `opsdeck-INCIDENT-WRITER-0001`: a writer's objects are numbered, the last one grows |
//! | `metadata.labels` | `app.kubernetes.io/managed-by: opsdeck`, `opsdeck.dev/incident`, `…/writer`, `…/format: "1"` |
//! | `data.STAMP` | the entry as JSON |
//! | `data.STAMP.2-5` | the third of five parts of an entry's JSON |

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Entry, Stamp};

/// An object that has this many bytes of entries gets no more; the next one begins. Far below what an API server takes
/// (1 MiB): each addition is sent whole to everyone who watches, and each version is kept whole until it is compacted.
pub(super) const FULL: usize = 64 << 10;
/// A longer entry is split, in bytes of JSON. Two parts and their keys fit into an object.
pub(super) const PART: usize = 30 << 10;
/// So many parts are an entry at most.
const PARTS: usize = 100_000;
/// The longest value of a label.
const LABEL: usize = 63;

pub(super) const INCIDENT: &str = "opsdeck.dev/incident";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const WRITER: &str = "opsdeck.dev/writer";
pub(super) const FORMAT: &str = "opsdeck.dev/format";
/// The format of this file.
pub(super) const FORMAT_NOW: &str = "1";

/// A ConfigMap, as far as it matters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Object {
    pub metadata: ObjectMeta,
    pub data: Option<BTreeMap<String, String>>,
    pub immutable: Option<bool>,
}

/// Its name and labels.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ObjectMeta {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub key: String,
    pub value: String,
}

impl Item {
    pub fn size(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// What a key says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A whole entry.
    Whole(Stamp),
    /// A part of one: which, from 0, of how many.
    Part(Stamp, usize, usize),
}

impl Key {
    /// Reads a key; `None` for one that nobody of us has written.
    pub fn read(text: &str) -> Option<Self> {
        let canonical = |text: &str| text.parse::<Stamp>().ok().filter(|stamp| stamp.to_string() == text);
        let Some((stamp, part)) = text.split_once('.') else { return canonical(text).map(Self::Whole) };
        let (index, count) = part.split_once('-')?;
        let (index, count) = (index.parse().ok()?, count.parse().ok()?);
        let fits = index < count && (2..=PARTS).contains(&count) && part == format!("{index}-{count}");
        canonical(stamp).filter(|_| fits).map(|stamp| Self::Part(stamp, index, count))
    }
}

/// What is written for an entry: one item, or several for a long one. The same entry always gives the same.
pub(super) fn items(entry: &Entry) -> Result<Vec<Item>, serde_json::Error> {
    let (stamp, text) = (entry.stamp.to_string(), serde_json::to_string(entry)?);
    if text.len() <= PART {
        return Ok(vec![Item { key: stamp, value: text }]);
    }
    let mut parts = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let end = (1..=PART.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (part, next) = rest.split_at(end);
        parts.push(part);
        rest = next;
    }
    let count = parts.len();
    let item = |(index, part): (usize, &str)| Item { key: format!("{stamp}.{index}-{count}"), value: part.to_owned() };
    Ok(parts.into_iter().enumerate().map(item).collect())
}

/// The writer in names and labels: itself, or a digest of one that cannot stand there.
pub(super) fn writer_word(writer: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !writer.is_empty() && writer.len() <= LABEL && writer.bytes().all(plain) {
        return writer.to_owned();
    }
    let digest = Sha256::digest(writer.as_bytes());
    digest.iter().take(16).fold("x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Name of an object; at most 8 + 63 + 1 + 63 + 1 + 10 of the 253 characters that it may have.
pub(super) fn name(incident: &IncidentId, writer: &str, segment: u32) -> String {
    format!("opsdeck-{incident}-{writer}-{segment:04}")
}

/// The number of one of a writer's objects, by its name.
pub(super) fn segment(name: &str, incident: &IncidentId, writer: &str) -> Option<u32> {
    let number = name.strip_prefix(&format!("opsdeck-{incident}-{writer}-"))?.parse().ok()?;
    (name == self::name(incident, writer, number)).then_some(number)
}

/// Selector of all incidents.
pub(super) fn every() -> String {
    format!("{MANAGED_BY}=opsdeck,{INCIDENT}")
}

/// Selector of one incident.
pub(super) fn of_incident(incident: &IncidentId) -> String {
    format!("{MANAGED_BY}=opsdeck,{INCIDENT}={incident}")
}

/// Selector of what one writer has written of an incident.
pub(super) fn of_writer(incident: &IncidentId, writer: &str) -> String {
    format!("{},{WRITER}={writer}", of_incident(incident))
}

/// A merge patch that adds items and nothing else; labels that somebody took away come back, or nobody would find it.
pub(super) fn patch(incident: &IncidentId, writer: &str, items: &[Item]) -> Value {
    let data: BTreeMap<&str, &str> = items.iter().map(|item| (item.key.as_str(), item.value.as_str())).collect();
    json!({
        "metadata": {"labels": {
            MANAGED_BY: "opsdeck", INCIDENT: incident.as_str(), WRITER: writer, FORMAT: FORMAT_NOW,
        }},
        "data": data,
    })
}

/// The same as a new object.
pub(super) fn object(incident: &IncidentId, writer: &str, name: &str, items: &[Item]) -> Value {
    let mut object = patch(incident, writer, items);
    object["apiVersion"] = json!("v1");
    object["kind"] = json!("ConfigMap");
    object["metadata"]["name"] = json!(name);
    object
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::tests::{note, stamp};
    use super::*;

    #[test]
    fn keys_and_names_are_read_as_they_are_written() {
        let stamp = stamp(7, "w1");
        assert_eq!(Key::read(&stamp.to_string()), Some(Key::Whole(stamp.clone())));
        assert_eq!(Key::read(&format!("{stamp}.2-5")), Some(Key::Part(stamp.clone(), 2, 5)));
        for bad in [".0-1", ".5-5", ".02-5", ".2-", ".2-5x", ".2-100001", "."] {
            assert_eq!(Key::read(&format!("{stamp}{bad}")), None, "{bad}");
        }
        assert_eq!(Key::read("notes"), None);
        let id: IncidentId = "a".repeat(63).parse().unwrap();
        for (writer, same) in [("w1".to_owned(), true), ("w".repeat(64), false), ("Ü/x".to_owned(), false)] {
            let word = writer_word(&writer);
            assert_eq!(word == writer, same, "{word}");
            assert!(word.len() <= LABEL && word.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{word}");
            let name = name(&id, &word, u32::MAX);
            assert!(name.len() <= 253, "{name}");
            assert_eq!(segment(&name, &id, &word), Some(u32::MAX));
        }
        // Another incident whose name begins the same, and a number that is written otherwise.
        let short: IncidentId = "a".parse().unwrap();
        assert_eq!(segment("opsdeck-a-b-w1-0001", &short, "w1"), None);
        assert_eq!(segment("opsdeck-a-w1-1", &short, "w1"), None);
    }

    #[test]
    fn a_long_entry_is_split_between_characters_and_whole_again_together() {
        let short = note(1, "w1", "x");
        assert_eq!(items(&short).unwrap().len(), 1);
        let long = note(2, "w1", &"€ä".repeat(60_000));
        let parts = items(&long).unwrap();
        assert!(parts.len() > 9 && parts.iter().all(|part| part.value.len() <= PART), "{}", parts.len());
        let whole: String = parts.iter().map(|part| part.value.as_str()).collect();
        assert_eq!(serde_json::from_str::<Entry>(&whole).unwrap(), long);
        assert_eq!(items(&long).unwrap(), parts);
    }
}
