//! Adds entries: a merge patch for each object, which only adds keys. A writer finds its objects again by reading them,
//! at its first addition and after every one that failed: so what did arrive is known, and nothing is added twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use super::super::paths::{escape, with_query};
use super::super::transport::{Failure, Status, request};
use super::ClusterJournal;
use super::read::entry;
use super::wire::{self, FULL, Item, Key, Object};
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Entry, Stamp};
use crate::domain::mutation::FIELD_MANAGER;
use crate::incident::clearance::{MayShare, SharedWriter};
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};

/// An addition that is not answered within this time is left to the next attempt, which looks first.
const LONGEST: Duration = Duration::from_secs(20);
/// Requests for one object: one that is not there is made, one that was made meanwhile is patched.
const TRIES: u32 = 4;

/// What is known of a writer's objects of one incident.
#[derive(Default)]
pub(super) struct Segments {
    /// Numbers of those that are there.
    present: BTreeSet<u32>,
    /// The one that grows.
    last: u32,
    /// Its bytes.
    used: usize,
    /// Keys that are there: in which object, and is the value sound?
    keys: HashMap<String, (u32, bool)>,
}

impl Segments {
    /// Nothing is there yet.
    pub fn empty() -> Self {
        Self { last: 1, ..Self::default() }
    }

    fn of(incident: &IncidentId, writer: &str, objects: Vec<Object>) -> Self {
        let mut segments = Self::empty();
        let mut parts: BTreeMap<Stamp, BTreeMap<usize, (usize, String)>> = BTreeMap::new();
        for object in objects {
            let Some(number) = wire::segment(&object.metadata.name, incident, writer) else { continue };
            segments.present.insert(number);
            let data = object.data.unwrap_or_default();
            if number >= segments.last {
                segments.last = number;
                let closed = object.immutable == Some(true);
                segments.used = if closed { FULL } else { data.iter().map(|(key, text)| key.len() + text.len()).sum() };
            }
            for (key, text) in data {
                let sound = match Key::read(&key) {
                    None => continue,
                    Some(Key::Whole(stamp)) => entry(&text, &stamp).is_ok(),
                    Some(Key::Part(stamp, index, count)) => {
                        parts.entry(stamp).or_default().insert(index, (count, text));
                        true
                    }
                };
                segments.keys.insert(key, (number, sound));
            }
        }
        for (stamp, parts) in parts {
            let whole: String = parts.values().map(|(_, text)| text.as_str()).collect();
            let complete = parts.values().all(|(count, _)| *count == parts.len());
            if complete && entry(&whole, &stamp).is_err() {
                for (index, (count, _)) in parts {
                    if let Some((_, sound)) = segments.keys.get_mut(&format!("{stamp}.{index}-{count}")) {
                        *sound = false;
                    }
                }
            }
        }
        segments
    }

    /// Which items go into which object. Those that are there are left out, those that were broken go where they were.
    fn place(&mut self, items: Vec<Item>) -> BTreeMap<u32, Vec<Item>> {
        let mut placed: BTreeMap<u32, Vec<Item>> = BTreeMap::new();
        for item in items {
            let number = match self.keys.get(&item.key) {
                Some((_, true)) => continue,
                Some((number, false)) => *number,
                None => {
                    if self.used > 0 && self.used + item.size() > FULL {
                        self.last += 1;
                        self.used = 0;
                    }
                    self.used += item.size();
                    self.last
                }
            };
            self.keys.insert(item.key.clone(), (number, true));
            placed.entry(number).or_default().push(item);
        }
        placed
    }
}

impl ClusterJournal {
    /// What is known of a writer's objects, taken away from where it is kept: it is put back only after all went well.
    async fn segments(&self, incident: &IncidentId, writer: &Text, word: &str) -> Result<Segments, Failure> {
        let known =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&(incident.clone(), writer.clone()));
        match known {
            Some(known) => Ok(known),
            None => Ok(Segments::of(incident, word, self.objects(&wire::of_writer(incident, word)).await?)),
        }
    }

    async fn add(&self, incident: &IncidentId, writer: &Text, items: Vec<Item>) -> Result<(), Failure> {
        let word = wire::writer_word(writer);
        let mut again = true;
        'all: loop {
            let mut segments = self.segments(incident, writer, &word).await?;
            for (number, items) in segments.place(items.clone()) {
                match self.put(incident, &word, number, &items, segments.present.contains(&number)).await {
                    // Fuller than was known, as somebody else passed entries of this writer on, or closed by hand.
                    Err(Failure::Status(status)) if again && is_full(&status) => {
                        again = false;
                        continue 'all;
                    }
                    put => put?,
                }
                segments.present.insert(number);
            }
            let key = (incident.clone(), writer.clone());
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, segments);
            return Ok(());
        }
    }

    /// Adds items to one object.
    async fn put(
        &self,
        incident: &IncidentId,
        writer: &str,
        number: u32,
        items: &[Item],
        there: bool,
    ) -> Result<(), Failure> {
        let name = wire::name(incident, writer, number);
        let path = format!("{}/{}", self.collection(), escape(&name));
        let mut patching = there;
        let mut tries = 1;
        loop {
            let sent = if patching {
                self.send("PATCH", &path, "application/merge-patch+json", &wire::patch(incident, writer, items)).await
            } else {
                let object = wire::object(incident, writer, &name, items);
                self.send("POST", &self.collection(), "application/json", &object).await
            };
            match sent {
                // Cleaned up meanwhile; or made meanwhile; or passed on by another console at the same moment.
                Err(Failure::Status(status)) if tries < TRIES && patching && status.code == 404 => patching = false,
                Err(Failure::Status(status)) if tries < TRIES && status.code == 409 => patching = true,
                other => return other,
            }
            tries += 1;
        }
    }

    async fn send(&self, method: &str, path: &str, sort: &'static str, body: &Value) -> Result<(), Failure> {
        let path = with_query(path, &[("fieldManager", FIELD_MANAGER)]);
        let request = request(method, &path, Some(sort), body.to_string().into_bytes())?;
        let answer = tokio::time::timeout(LONGEST, self.transport.send(request)).await;
        answer.unwrap_or_else(|_| Err(Failure::silent(LONGEST))).map(|_| ())
    }
}

/// Does the object take no more? Too large for a ConfigMap or for the server, or immutable.
fn is_full(status: &Status) -> bool {
    status.code == 413
        || status.code == 422 && (status.message.contains("Too long") || status.message.contains("immutable"))
}

impl SharedWriter for ClusterJournal {
    fn append<'a>(
        &'a self,
        _: MayShare,
        incident: &'a IncidentId,
        entries: &'a [Entry],
    ) -> Future<'a, Result<(), Fault>> {
        Box::pin(async move {
            let mut by_writer: BTreeMap<Text, Vec<Item>> = BTreeMap::new();
            for entry in entries {
                let items = wire::items(entry).map_err(|error| {
                    Fault::new(FaultKind::Malformed, format!("entry {} cannot be written: {error}", entry.stamp))
                })?;
                by_writer.entry(entry.stamp.writer().clone()).or_default().extend(items);
            }
            for (writer, items) in by_writer {
                if let Err(failure) = self.add(incident, &writer, items).await {
                    return Err(self.fault(&failure, "write"));
                }
            }
            Ok(())
        })
    }
}
