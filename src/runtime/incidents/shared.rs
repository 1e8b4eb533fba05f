//! The shared journal, as far as the office deals with it: what others wrote is taken in, what the cluster lacks is
//! uploaded. Both compare stamps, so an outage is made up for by itself, and the same entry arrives any number of times.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::held::Merged;
use super::office::{Case, Done, Office, aside, lock};
use super::services::Shared;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Entry, Stamp};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{SharedStream, SharedUpdate};
use crate::state::incident::IncidentNews;

/// The pause before it is tried again: this, then twice as long, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// After a refusal the rest of an answer comes within this.
const MOMENT: Duration = Duration::from_millis(200);

/// What is known of the shared journal.
#[derive(Default)]
pub(super) struct Sharing {
    shared: Option<Shared>,
    /// Only ever used as a whole; behind a lock because streams are not made to be looked at from two threads.
    stream: Mutex<Option<SharedStream>>,
    /// When it is opened again.
    again: Option<Instant>,
    pause: Duration,
    /// All that was there has been told.
    live: bool,
    /// It may not be written: the last that was said of that.
    refused: bool,
    /// The same, of the watch that is open.
    refused_now: bool,
    /// Why what is there is not known, or may not be written.
    fault: Option<Fault>,
    /// Incidents that the cluster has told of.
    told: BTreeSet<IncidentId>,
    /// What is in the cluster, of incidents that are looked after.
    there: HashMap<IncidentId, HashSet<Stamp>>,
    /// Incidents of which something may be missing there.
    touched: BTreeSet<IncidentId>,
    uploading: BTreeSet<IncidentId>,
    /// Uploads that failed, and when they are tried again.
    later: BTreeMap<IncidentId, (Instant, Duration)>,
}

impl std::fmt::Debug for Sharing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sharing").field("live", &self.live).finish_non_exhaustive()
    }
}

impl Sharing {
    /// Another context.
    pub(super) fn adopt(&mut self, shared: Option<Shared>) {
        *self = Self { pause: SHORTEST, again: shared.as_ref().map(|_| Instant::now()), shared, ..Self::default() };
    }

    /// Something of it is new here.
    pub(super) fn touched(&mut self, id: &IncidentId) {
        if self.shared.is_some() {
            self.touched.insert(id.clone());
        }
    }

    /// Is something on its way that could be there at once?
    pub(super) fn is_busy(&self) -> bool {
        let writes = self.shared.as_ref().is_some_and(|shared| shared.writer.is_some());
        let waits = |id: &IncidentId| !self.later.contains_key(id);
        !self.uploading.is_empty() || (writes && self.live && self.touched.iter().any(waits))
    }

    /// Is what consoles notice by themselves left to others? Everyone's console notices the same; who may not share it
    /// would have another incident than all the others. So it is as well until that is known.
    pub(super) fn leaves_to_others(&mut self, id: &IncidentId) -> bool {
        let is_asked = !self.live && self.stream().is_some();
        self.told.contains(id) && (self.refused || is_asked)
    }

    /// What it says next; pending where nothing is shared. Dropping the wait loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<SharedUpdate, Fault>> {
        loop {
            if let Some(stream) = self.stream() {
                return stream.next().await;
            }
            let (Some(shared), Some(at)) = (&self.shared, self.again) else { return std::future::pending().await };
            sleep_until(at).await;
            self.again = None;
            self.live = false;
            self.refused_now = false;
            self.there.clear();
            let stream = shared.journal.watch();
            *self.stream() = Some(stream);
        }
    }

    fn stream(&mut self) -> &mut Option<SharedStream> {
        self.stream.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&mut self) {
        *self.stream() = None;
        self.live = false;
        self.again = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
    }
}

/// Does it take a person to change that?
const fn lasts(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Forbidden
            | FaultKind::Unauthorized
            | FaultKind::NotServed
            | FaultKind::NotConfigured
            | FaultKind::Tls
    )
}

impl Office {
    /// Takes in what is there now, at most for so long; `false` when it did not come to an end.
    pub async fn catch_up(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.sharing.shared.is_some() && !self.sharing.live {
            // What will not pass by itself is not waited for; that it may not be written is said right before the end.
            let lasts = self.sharing.fault.as_ref().is_some_and(|fault| lasts(fault.kind));
            let until = if lasts { deadline.min(Instant::now() + MOMENT) } else { deadline };
            match timeout_at(until, self.sharing.next()).await {
                Ok(said) => self.shared(said).await,
                Err(_) => return false,
            }
        }
        true
    }

    /// Why what others share is not known, or may not be written.
    pub const fn sharing_fault(&self) -> Option<&Fault> {
        self.sharing.fault.as_ref()
    }

    pub(super) async fn shared(&mut self, said: Option<Result<SharedUpdate, Fault>>) {
        match said {
            Some(Ok(SharedUpdate::Live)) => {
                self.sharing.live = true;
                self.sharing.refused = self.sharing.refused_now;
                self.sharing.pause = SHORTEST;
                // What is over and was never an incident of ours is let go, once it is there; all may be missing there.
                for id in self.ids() {
                    self.sharing.touched(&id);
                    self.keep_if_wanted(&id);
                    self.let_go_if_over(&id);
                }
                if !self.sharing.refused {
                    self.sharing.fault = None;
                    self.tell(IncidentNews::Shared(None));
                }
            }
            Some(Ok(SharedUpdate::Entries(id, entries))) => self.take_in(&id, &entries).await,
            Some(Ok(SharedUpdate::Limited(fault))) => {
                if fault.kind == FaultKind::Forbidden {
                    (self.sharing.refused, self.sharing.refused_now) = (true, true);
                }
                // That somebody broke an entry is no reason to know nothing of the others.
                if fault.kind != FaultKind::Malformed {
                    self.sharing.fault = Some(fault.clone());
                }
                self.tell(IncidentNews::Shared(Some(fault)));
            }
            Some(Err(fault)) => {
                self.sharing.ended();
                self.sharing.fault = Some(fault.clone());
                self.tell(IncidentNews::Shared(Some(fault)));
            }
            // A watch ends now and then; it is opened again.
            None => self.sharing.ended(),
        }
    }

    async fn take_in(&mut self, id: &IncidentId, entries: &[Entry]) {
        let Some(ground) = self.ground.clone() else { return };
        if self.sharing.live && !self.cases.contains_key(id) && self.has_on_disk(id, entries).await {
            // The echo of what was uploaded, after it was let go of.
            return;
        }
        let stamps = entries.iter().map(|entry| entry.stamp.clone());
        self.sharing.there.entry(id.clone()).or_default().extend(stamps);
        self.sharing.told.insert(id.clone());
        if let Err(error) = self.hold(id, &ground).await {
            return self.tell(IncidentNews::Remark(format!("incident {id}: {error}")));
        }
        if let Some(case) = self.cases.get_mut(id)
            && case.ground.context != ground.context
        {
            // It was looked after under another name of this cluster.
            case.ground = ground.clone();
            if ground.read_only.is_none() {
                lock(&case.held).allow();
            }
        }
        let Ok(case) = self.case(id) else { return };
        let (store, context, others, wanted) =
            (self.store.clone(), ground.context.clone(), entries.to_vec(), id.clone());
        let taken = aside(&case.held, move |held| {
            let taken = held.merge(&others);
            // Others may know this cluster by another name.
            if held.incident().is_some_and(|incident| incident.declared().context != context) {
                let _ = store.set_context(&wanted, &context);
            }
            taken
        });
        if let Some(Merged { news, error, refused }) = taken.await {
            if let Some(error) = error {
                self.tell(IncidentNews::Remark(format!("incident {id}: {error}")));
            }
            if let Some(stamp) = refused.first() {
                let count = refused.len();
                self.tell(IncidentNews::Remark(format!(
                    "incident {id}: {count} of the shared entries bear the name of a console of yours that never wrote \
                     them, and are left out ({stamp}): somebody put them there"
                )));
            }
            let known = lock(&case.held).is_wanted();
            if known {
                if self.sharing.live {
                    self.keep_if_wanted(id);
                }
                self.entries(id, news);
                self.send_due(id).await;
            } else if self.sharing.live && !news.is_empty() {
                // It ended elsewhere: that is news.
                self.entries(id, news);
            }
        }
    }

    /// Are all of these entries in the journal here?
    async fn has_on_disk(&self, id: &IncidentId, entries: &[Entry]) -> bool {
        let (store, id) = (self.store.clone(), id.clone());
        let wanted: Vec<Stamp> = entries.iter().map(|entry| entry.stamp.clone()).collect();
        let look = tokio::task::spawn_blocking(move || {
            let known = store.read(&id).map(|told| told.entries).unwrap_or_default();
            let known: BTreeSet<&Stamp> = known.iter().map(|entry| &entry.stamp).collect();
            wanted.iter().all(|stamp| known.contains(stamp))
        });
        look.await.unwrap_or(false)
    }

    /// What was open while somebody could see it stays when it is over.
    fn keep_if_wanted(&mut self, id: &IncidentId) {
        if let Some(case) = self.cases.get_mut(id) {
            case.asked_for |= lock(&case.held).is_wanted();
        }
    }

    /// Lets go of what is over, nobody here has seen, and others have the whole of.
    fn let_go_if_over(&mut self, id: &IncidentId) {
        let Some(case) = self.cases.get(id) else { return };
        if case.asked_for || self.sharing.uploading.contains(id) || lock(&case.held).is_wanted() {
            return;
        }
        let writes = self.sharing.shared.as_ref().is_some_and(|shared| shared.writer.is_some());
        if !self.is_here(case) || (writes && self.is_missing_there(id, case)) {
            return;
        }
        self.cases.remove(id);
        self.sharing.there.remove(id);
        self.sharing.touched.remove(id);
        self.sharing.later.remove(id);
    }

    /// Is it of the context that this console looks at?
    pub(super) fn is_here(&self, case: &Case) -> bool {
        self.ground.as_ref().is_some_and(|ground| ground.context == case.ground.context)
    }

    /// Does the cluster lack something of it?
    fn is_missing_there(&self, id: &IncidentId, case: &Case) -> bool {
        let there = self.sharing.there.get(id);
        lock(&case.held).lacks(|stamp| there.is_some_and(|there| there.contains(stamp)))
    }

    /// Begins to upload what the cluster lacks.
    pub(super) fn upload(&mut self) {
        let now = Instant::now();
        if !self.sharing.live {
            return;
        }
        let Some(Shared { writer: Some((writer, pass)), .. }) = self.sharing.shared.clone() else {
            self.sharing.touched.clear();
            return;
        };
        let due: Vec<IncidentId> = self
            .sharing
            .touched
            .iter()
            .filter(|id| !self.sharing.uploading.contains(*id))
            .filter(|id| self.sharing.later.get(*id).is_none_or(|(at, _)| *at <= now))
            .cloned()
            .collect();
        for id in due {
            self.sharing.touched.remove(&id);
            let Some(case) = self.cases.get(&id) else { continue };
            if !self.is_here(case) {
                continue;
            }
            let there = self.sharing.there.entry(id.clone()).or_default();
            let missing = lock(&case.held).unknown(|stamp| there.contains(stamp));
            if missing.is_empty() {
                continue;
            }
            self.sharing.uploading.insert(id.clone());
            let writer = writer.clone();
            self.jobs.spawn(async move {
                let mut done = Vec::new();
                for entries in missing {
                    if let Err(fault) = writer.append(pass, &id, &entries).await {
                        return Done::Uploaded(id, done, Err(fault));
                    }
                    done.extend(entries);
                }
                Done::Uploaded(id, done, Ok(()))
            });
        }
    }

    pub(super) fn uploaded(&mut self, id: &IncidentId, entries: &[Entry], result: Result<(), Fault>) {
        self.sharing.uploading.remove(id);
        let there = self.sharing.there.entry(id.clone()).or_default();
        there.extend(entries.iter().map(|entry| entry.stamp.clone()));
        match result {
            Ok(()) => {
                // The right was given meanwhile.
                self.sharing.refused = false;
                self.sharing.fault = None;
                if self.sharing.later.remove(id).is_some() {
                    self.tell(IncidentNews::Shared(None));
                }
                if self.sharing.live {
                    self.let_go_if_over(id);
                }
            }
            Err(fault) => {
                let pause = self.sharing.later.get(id).map_or(SHORTEST, |(_, pause)| (*pause * 2).min(LONGEST));
                self.sharing.later.insert(id.clone(), (Instant::now() + pause, pause));
                self.sharing.touched.insert(id.clone());
                let fault = self.only_here(id, fault);
                self.sharing.fault = Some(fault.clone());
                self.tell(IncidentNews::Shared(Some(fault)));
            }
        }
    }

    /// The fault, with what others cannot see because of it.
    fn only_here(&self, id: &IncidentId, fault: Fault) -> Fault {
        let there = self.sharing.there.get(id);
        let is_there = |stamp: &Stamp| there.is_some_and(|there| there.contains(stamp));
        let missing = self.cases.get(id).map(|case| lock(&case.held).unknown(is_there)).unwrap_or_default();
        match missing.iter().map(Vec::len).sum::<usize>() {
            0 => fault,
            1 => Fault { message: format!("1 entry is only here: {}", fault.message), ..fault },
            many => Fault { message: format!("{many} entries are only here: {}", fault.message), ..fault },
        }
    }

    /// Is everything that is looked after in the cluster as well? `None` where nothing is shared.
    pub fn is_shared(&self) -> Option<bool> {
        self.sharing.shared.as_ref()?;
        let lacks = |(id, case): (&IncidentId, &Case)| self.is_here(case) && self.is_missing_there(id, case);
        Some(self.sharing.live && self.sharing.uploading.is_empty() && !self.cases.iter().any(lacks))
    }
}
