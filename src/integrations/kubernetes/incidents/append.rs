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

/// Items by the number of their object.
type Placed = BTreeMap<u32, Vec<Item>>;

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
        // By how many there are, too: another version may have split it otherwise.
        let mut parts: BTreeMap<(Stamp, usize), BTreeMap<usize, String>> = BTreeMap::new();
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
                        parts.entry((stamp, count)).or_default().insert(index, text);
                        true
                    }
                };
                // One that was broken may be there a second time, put right.
                let known = segments.keys.entry(key).or_insert((number, sound));
                if sound {
                    *known = (number, true);
                }
            }
        }
        for ((stamp, count), parts) in parts {
            let whole: String = parts.values().map(String::as_str).collect();
            if parts.len() == count && entry(&whole, &stamp).is_err() {
                for index in parts.into_keys() {
                    if let Some((_, sound)) = segments.keys.get_mut(&format!("{stamp}.{index}-{count}")) {
                        *sound = false;
                    }
                }
            }
        }
        segments
    }

    /// Which items go into which object: the new ones, and those that were broken, which go where they were. Those that
    /// are there are left out.
    fn place(&mut self, items: Vec<Item>) -> (Placed, Placed) {
        let (mut new, mut broken) = (Placed::new(), Placed::new());
        for item in items {
            match self.keys.get(&item.key) {
                Some((_, true)) => {}
                Some((number, false)) => broken.entry(*number).or_default().push(item),
                None => {
                    let number = self.next(item.size());
                    self.keys.insert(item.key.clone(), (number, true));
                    new.entry(number).or_default().push(item);
                }
            }
        }
        (new, broken)
    }

    /// The object that takes so many bytes more.
    fn next(&mut self, size: usize) -> u32 {
        if self.used > 0 && self.used + size > FULL {
            self.last = self.last.saturating_add(1);
            self.used = 0;
        }
        self.used += size;
        self.last
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
            let (new, broken) = segments.place(items.clone());
            for (number, items) in new {
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
            self.repair(incident, &word, &mut segments, broken).await?;
            let key = (incident.clone(), writer.clone());
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, segments);
            return Ok(());
        }
    }

    /// Puts right what somebody broke, where it was. Where that object takes no changes any more, the entry goes into
    /// another one: nothing that is new waits for it.
    async fn repair(
        &self,
        incident: &IncidentId,
        word: &str,
        segments: &mut Segments,
        broken: Placed,
    ) -> Result<(), Failure> {
        for (number, items) in broken {
            let mut at = number;
            let mut put = self.put(incident, word, number, &items, true).await;
            if matches!(&put, Err(Failure::Status(status)) if status.code == 403 || status.code == 422) {
                at = segments.next(items.iter().map(Item::size).sum());
                if at == number {
                    segments.last = segments.last.saturating_add(1);
                    (at, segments.used) = (segments.last, FULL);
                }
                put = self.put(incident, word, at, &items, segments.present.contains(&at)).await;
            }
            put?;
            segments.present.insert(at);
            segments.keys.extend(items.into_iter().map(|item| (item.key, (at, true))));
        }
        Ok(())
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
