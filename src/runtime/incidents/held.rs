//! An incident in this process: its journal, what the entries make of it, and its outbox. Everything here touches the
//! disk; [`super::office`] does it aside.
//!
//! The order that makes a crash harmless is kept here: `sending` is on disk before the pass is given out, and what came of
//! it stays under way until that is on disk too. Whether something is due is looked at once more under the journal's lock,
//! when everything that other consoles wrote is known: so no two of them send the same.

use std::collections::{HashMap, HashSet};

use super::journal::{Flaw, IncidentJournal, KeepError};
use super::store::IncidentStore;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::{DeliveryKey, Receipt};
use crate::domain::incident::entry::{Deed, Entry, NewEntry, Stamp};
use crate::domain::time::{Instant, span_fine};
use crate::incident::clearance::Cleared;
use crate::incident::outbox::{self, Outbox};
use crate::incident::{Incident, SELF};
use crate::ports::incident::DeliveryError;

/// Seconds by which a clock is behind before it is worth a remark.
const BEHIND: i64 = 60;

/// An incident that this process looks after.
#[derive(Debug)]
pub struct Held {
    journal: IncidentJournal,
    read_only: bool,
    /// Before its declaration is there (it may come after other entries from the cluster), it is none.
    incident: Option<Incident>,
    early: Vec<Entry>,
    outbox: Option<Outbox>,
    /// What came of deliveries and could not be written yet.
    unwritten: Vec<NewEntry>,
    /// What others wrote and could not be written yet: it goes before anything of our own.
    unmerged: Vec<Entry>,
    /// What was read while that was written, and nobody was told of yet.
    untold: Vec<Entry>,
    /// Entries that were refused and named.
    refused: HashSet<Stamp>,
    /// Was it said that the clock here is behind?
    told_of_clock: bool,
}

/// What became of others' entries.
#[derive(Debug, Default)]
pub struct Merged {
    /// Entries that are news.
    pub news: Vec<Entry>,
    /// They could not be written; they are known all the same.
    pub error: Option<KeepError>,
    /// Entries in the name of a process of this store that it never wrote, and that were not named before.
    pub refused: Vec<Stamp>,
}

/// What may be sent now, and what was learnt on the way.
#[derive(Debug, Default)]
pub struct Due {
    /// Entries that are news.
    pub news: Vec<Entry>,
    /// Passes.
    pub cleared: Vec<Cleared>,
}

fn noticed(at: Instant, deed: Deed) -> NewEntry {
    NewEntry { at, by: SELF.into(), deed }
}

impl Held {
    /// Opens it. One that is read-only writes nothing and sends nothing.
    pub fn open(store: &IncidentStore, id: &IncidentId, read_only: bool) -> Result<(Self, Vec<Entry>), KeepError> {
        let journal = store.journal(id);
        let told = journal.told().map_err(|error| journal.failed(&error))?;
        // It can be read on a full disk, too; then nothing is sent until that is over.
        let writer = if read_only { None } else { store.writers().own().ok() };
        let outbox = writer.map(|writer| Outbox::new(writer, false));
        let mut held = Self {
            journal,
            read_only,
            incident: None,
            early: Vec::new(),
            outbox,
            unwritten: Vec::new(),
            unmerged: Vec::new(),
            untold: Vec::new(),
            refused: HashSet::new(),
            told_of_clock: false,
        };
        held.take(&told.entries);
        Ok((held, told.entries))
    }

    /// From now on it may be sent from, also if it was read-only before.
    pub const fn allow(&mut self) {
        self.read_only = false;
    }

    /// Gets the name of this process where that could not be had before.
    fn ready(&mut self) -> Result<(), KeepError> {
        if self.outbox.is_none() && !self.read_only {
            let own = self.journal.writers().own().map_err(|error| self.journal.failed(&error))?;
            self.outbox = Some(Outbox::new(own, false));
        }
        Ok(())
    }

    fn knows(&self, stamp: &Stamp) -> bool {
        self.incident.as_ref().is_some_and(|incident| incident.contains(stamp))
            || self.early.iter().any(|entry| entry.stamp == *stamp)
    }

    /// The incident, once it is known what it is.
    pub const fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref()
    }

    /// Lines of its journal that are no entries.
    pub fn flaws(&self) -> Vec<Flaw> {
        self.journal.flaws()
    }

    /// Where each delivery stands.
    pub fn standings(&self, now: Instant) -> Vec<(Text, outbox::Standing)> {
        let read_only = Outbox::new("".into(), true);
        let outbox = self.outbox.as_ref().unwrap_or(&read_only);
        let all = self.incident.iter().flat_map(|incident| outbox.standings(incident, now));
        all.map(|(parcel, standing)| (parcel.delivery.key.clone(), standing)).collect()
    }

    /// Is there something to look after: it is open, or something waits to be sent?
    pub fn is_wanted(&self) -> bool {
        self.incident.as_ref().is_none_or(|incident| incident.is_open() || incident.waiting().next().is_some())
    }

    /// Is a delivery under way?
    pub fn is_busy(&self) -> bool {
        self.outbox.as_ref().is_some_and(Outbox::is_busy) || !self.unwritten.is_empty()
    }

    fn take(&mut self, entries: &[Entry]) {
        if let Some(incident) = &mut self.incident {
            incident.extend(entries.iter().cloned());
            return;
        }
        self.early.extend(entries.iter().cloned());
        self.incident = Incident::of(self.early.iter().cloned());
        if self.incident.is_some() {
            self.early = Vec::new();
        }
    }

    /// A clock that is behind what was written before is told of once: the order stays, the times are off.
    fn clock_jumped(&mut self, now: Instant) -> Option<NewEntry> {
        let behind = (self.incident.as_ref()?.last()?.at() - now).num_seconds();
        if behind < BEHIND || std::mem::replace(&mut self.told_of_clock, true) {
            return None;
        }
        let behind = span_fine(behind);
        let text =
            format!("the clock here is {behind} behind what was written before: the order is kept, times are off");
        Some(noticed(now, Deed::Remark { text }))
    }

    /// Writes entries; gives what is news.
    pub fn write(&mut self, now: Instant, mut new: Vec<NewEntry>) -> Result<Vec<Entry>, KeepError> {
        self.make_up()?;
        if !new.is_empty() {
            new.splice(0..0, self.clock_jumped(now));
        }
        let news = self.journal.append(now, new)?;
        self.take(&news);
        Ok(news)
    }

    /// Writes what is made of it by then; gives what is news.
    pub fn write_with(
        &mut self,
        now: Instant,
        make: impl FnOnce(&Incident, &Stamp) -> Vec<NewEntry>,
    ) -> Result<Vec<Entry>, KeepError> {
        self.make_up()?;
        let jumped = self.clock_jumped(now);
        let incident = &mut self.incident;
        let news = self.journal.append_with(now, |news, stamp| {
            let Some(incident) = incident else { return Vec::new() };
            incident.extend(news.iter().cloned());
            let mut new = make(incident, stamp);
            if !new.is_empty() {
                // Last: what was made counts on its own place.
                new.extend(jumped);
            }
            new
        })?;
        self.take(&news);
        Ok(news)
    }

    /// Takes in what others wrote elsewhere. Where that cannot be written, it is known all the same, and written later.
    ///
    /// Whoever may write to the shared journal could put an entry there in the name of a process of this store, and it
    /// would send what that entry plans. What those processes wrote is on disk here already; anything else is refused.
    pub fn merge(&mut self, others: &[Entry]) -> Merged {
        let mut merged = Merged::default();
        match self.journal.poll() {
            Ok(news) => {
                self.take(&news);
                merged.news = news;
            }
            Err(error) => merged.error = Some(self.journal.failed(&error)),
        }
        let mut fresh: Vec<Entry> = Vec::new();
        let mut ours: HashMap<&Text, bool> = HashMap::new();
        let unknown: Vec<&Entry> = others.iter().filter(|entry| !self.knows(&entry.stamp)).collect();
        for entry in unknown {
            let writer = entry.stamp.writer();
            if !*ours.entry(writer).or_insert_with(|| self.journal.writers().belongs_here(writer)) {
                fresh.push(entry.clone());
            } else if merged.error.is_none() && self.refused.insert(entry.stamp.clone()) {
                // As long as the disk cannot be read, nobody knows whether it was forged.
                merged.refused.push(entry.stamp.clone());
            }
        }
        if fresh.is_empty() {
            return merged;
        }
        self.unmerged.extend(fresh.iter().cloned());
        match self.make_up() {
            Ok(()) => {
                fresh.retain(|entry| !self.untold.iter().any(|told| told.stamp == entry.stamp));
                merged.news.append(&mut self.untold);
            }
            Err(error) => merged.error = Some(error),
        }
        self.take(&fresh);
        merged.news.extend(fresh);
        merged
    }

    /// Writes what others wrote and could not be written when it came.
    fn make_up(&mut self) -> Result<(), KeepError> {
        if !self.unmerged.is_empty() {
            let mut news = self.journal.merge(&self.unmerged)?;
            self.unmerged.clear();
            news.retain(|entry| !self.knows(&entry.stamp));
            self.take(&news);
            self.untold.extend(news);
        }
        Ok(())
    }

    /// What other consoles appended.
    pub fn poll(&mut self) -> std::io::Result<Vec<Entry>> {
        // Where the disk is still full, that was told when it came.
        let _ = self.make_up();
        let mut news = self.journal.poll()?;
        self.take(&news);
        news.append(&mut self.untold);
        Ok(news)
    }

    /// Are there entries of which `is_known` says no?
    pub fn lacks(&self, is_known: impl Fn(&Stamp) -> bool) -> bool {
        self.incident.iter().flat_map(Incident::entries).any(|entry| !is_known(&entry.stamp))
    }

    /// Entries of which `is_known` says no, by their writers.
    pub fn unknown(&self, is_known: impl Fn(&Stamp) -> bool) -> Vec<Vec<Entry>> {
        let mut by_writer: std::collections::BTreeMap<&Text, Vec<Entry>> = std::collections::BTreeMap::new();
        let entries = self.incident.iter().flat_map(Incident::entries);
        for entry in entries.filter(|entry| !is_known(&entry.stamp)) {
            by_writer.entry(entry.stamp.writer()).or_default().push(entry.clone());
        }
        by_writer.into_values().collect()
    }

    /// Takes over what processes of this store that are gone had left to send.
    pub fn take_over(&mut self, now: Instant) -> Result<Vec<Entry>, KeepError> {
        self.ready()?;
        let (Some(incident), Some(_)) = (&mut self.incident, &self.outbox) else { return Ok(Vec::new()) };
        let writers = self.journal.writers();
        let left = |incident: &Incident| -> Vec<Text> {
            let Ok(own) = writers.own() else { return Vec::new() };
            outbox::others(incident, &own).into_iter().filter(|writer| writers.is_gone(writer)).collect()
        };
        if left(incident).is_empty() {
            return Ok(Vec::new());
        }
        let news = self.journal.append_with(now, |news, _| {
            incident.extend(news.iter().cloned());
            left(incident).into_iter().map(|writer| noticed(now, Deed::Taken { writer })).collect()
        })?;
        self.take(&news);
        Ok(news)
    }

    /// What is due, with `sending` on disk.
    pub fn begin_due(&mut self, now: Instant) -> Result<Due, KeepError> {
        self.ready()?;
        self.make_up()?;
        let mut due = Due::default();
        if !self.unwritten.is_empty() {
            due.news = self.journal.append(now, self.unwritten.clone())?;
            self.unwritten.clear();
            self.take(&due.news.clone());
        }
        let (Some(incident), Some(outbox)) = (&mut self.incident, &mut self.outbox) else { return Ok(due) };
        if outbox.next(incident, now).is_empty() {
            return Ok(due);
        }
        let mut begun: Vec<DeliveryKey> = Vec::new();
        let written = self.journal.append_with(now, |news, _| {
            incident.extend(news.iter().cloned());
            let keys = outbox.next(incident, now).into_iter();
            let deeds = keys.filter_map(|key| {
                let deed = outbox.begin(incident, &key, now)?;
                begun.push(key);
                Some(noticed(now, deed))
            });
            deeds.collect()
        });
        match written {
            Ok(news) => {
                incident.extend(news.iter().cloned());
                due.cleared = begun.iter().filter_map(|key| outbox.recorded(incident, key)).collect();
                due.news.extend(news);
                Ok(due)
            }
            Err(error) => {
                for key in &begun {
                    outbox.not_recorded(key);
                }
                Err(error)
            }
        }
    }

    /// What came of a delivery. Where it cannot be written, it is written later, and nothing is sent again until then.
    pub fn came_back(
        &mut self,
        key: &DeliveryKey,
        result: Result<Receipt, DeliveryError>,
        now: Instant,
    ) -> Result<Vec<Entry>, KeepError> {
        let Some(deed) = self.outbox.as_mut().and_then(|outbox| outbox.came_back(key, result)) else {
            return Ok(Vec::new());
        };
        self.unwritten.push(noticed(now, deed));
        let news = self.journal.append(now, self.unwritten.clone())?;
        self.unwritten.clear();
        self.take(&news);
        Ok(news)
    }
}
