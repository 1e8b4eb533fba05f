//! The watch of the shared journal: list, then watch by label; entries are told once. A failure is the stream's last item.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt};

use super::super::rows::Table;
use super::super::watch::{Query, watch};
use super::check::may_write;
use super::read::Reader;
use super::wire::{self, Object};
use super::{CONFIG_MAPS, ClusterJournal, PAGE, hinted};
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::Entry;
use crate::domain::time::Instant;
use crate::ports::feed::{Delta, Fault, Update, UpdateStream};
use crate::ports::incident::{SharedStream, SharedUpdate};

/// What the table has read since somebody looked.
#[derive(Default)]
struct Collected {
    entries: BTreeMap<IncidentId, Vec<Entry>>,
    faults: Vec<Fault>,
    /// Was there an update of rows?
    rows: bool,
}

type Shared = Arc<Mutex<Collected>>;

/// The objects, as the watch of rows sees them: what is in them goes another way.
struct Objects {
    reader: Reader,
    collected: Shared,
}

impl Table for Objects {
    type Object = Object;
    type Row = ();
    type Key = String;

    fn key(&mut self, object: &Object) -> String {
        object.metadata.name.clone()
    }

    fn row(&mut self, object: Object, _: Instant) -> Option<()> {
        let found = self.reader.read(object);
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = found.incident
            && !found.entries.is_empty()
        {
            collected.entries.entry(id).or_default().extend(found.entries);
        }
        collected.faults.extend(found.faults);
        Some(())
    }

    fn update(_: Delta<(), String>) -> Update {
        Update::Alive
    }

    fn pack(&mut self, delta: Delta<(), String>) -> Update {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner).rows = true;
        Self::update(delta)
    }

    fn forget(&mut self, key: Option<&String>) {
        if let Some(name) = key {
            self.reader.forget(name);
        }
    }
}

/// The stream; nothing happens before it is polled.
pub(super) fn open(journal: &ClusterJournal) -> SharedStream {
    let collected = Shared::default();
    let table = Objects { reader: Reader::new(journal.namespace.clone()), collected: collected.clone() };
    let query = Query {
        resource: CONFIG_MAPS,
        scope: journal.scope(),
        fallback: None,
        selector: Some(("labelSelector", wire::every())),
        page: PAGE,
    };
    let follower = Follower {
        updates: watch(journal.transport.clone(), table, query, journal.now.clone()),
        collected,
        access: journal.access(),
        namespace: journal.namespace.clone(),
        ready: VecDeque::new(),
        live: false,
        over: false,
    };
    stream::unfold(follower, |mut follower| async move { Some((follower.next().await?, follower)) }).boxed()
}

struct Follower {
    updates: UpdateStream,
    collected: Shared,
    access: super::ClusterAccess,
    namespace: Text,
    ready: VecDeque<Result<SharedUpdate, Fault>>,
    /// Has it been told that the journal is watched?
    live: bool,
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<SharedUpdate, Fault>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.over {
                return None;
            }
            let item = self.updates.next().await;
            let rows = self.take();
            match item {
                None => self.over = true,
                Some(Err(fault)) => {
                    self.ready.push_back(Err(hinted(fault, &self.namespace, false)));
                    self.over = true;
                }
                Some(Ok(Update::Limited(fault))) => {
                    let fault = hinted(fault, &self.namespace, false);
                    self.ready.push_back(Ok(SharedUpdate::Limited(fault)));
                }
                Some(Ok(_)) if !rows && !self.live => {
                    self.live = true;
                    // Before anything is made of what was read. An answer that does not come claims nothing.
                    if let Ok(Some(fault)) = may_write(&self.access, &self.namespace).await {
                        self.ready.push_back(Ok(SharedUpdate::Limited(fault)));
                    }
                    self.ready.push_back(Ok(SharedUpdate::Live));
                }
                Some(Ok(_)) => {}
            }
        }
    }

    /// Makes updates of what was read; says whether rows came at all.
    fn take(&mut self) -> bool {
        let collected = std::mem::take(&mut *self.collected.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, entries) in collected.entries {
            self.ready.push_back(Ok(SharedUpdate::Entries(id, entries)));
        }
        self.ready.extend(collected.faults.into_iter().map(|fault| Ok(SharedUpdate::Limited(fault))));
        collected.rows
    }
}
