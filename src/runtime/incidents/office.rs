//! The incidents that this process looks after: writes what is asked for, sends what is due, watches what other consoles
//! write. It waits for nothing but its own work ([`Office::wait`]); the console's clerk and the subcommands drive it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant as Monotonic, Interval, MissedTickBehavior, interval, timeout};

use super::held::{Due, Held};
use super::journal::KeepError;
use super::services::IncidentServices;
use super::shared::Sharing;
use super::store::IncidentStore;
use crate::config::incidents::Incidents;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::{Again, DeliveryKey, Receipt};
use crate::domain::incident::entry::Entry;
use crate::incident::clearance::Cleared;
use crate::incident::outbox::Standing;
use crate::incident::{Incident, Noticed};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{DeliveryError, SharedUpdate};
use crate::runtime::clock::Clock;
use crate::state::incident::{Here, IncidentNews};

/// Journals, due deliveries and writers that ended are looked at this often.
const TICK: Duration = Duration::from_millis(500);
/// Marked messages are pulled in after this many ticks: 20 s.
const PULL: u64 = 40;
/// Writers that ended are looked for after this many: 5 s.
const TAKE_OVER: u64 = 10;
/// A service that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(120);
/// So many files of writers that are gone are worth a look at all journals.
pub(super) const MANY_WRITERS: usize = 16;
/// Incidents that are looked through for open ones, the newest first.
const MOST: usize = 300;

/// What an office needs of a context.
#[derive(Clone, Debug)]
pub struct Ground {
    /// kubeconfig context.
    pub context: String,
    /// `[incidents]`.
    pub config: Incidents,
    /// Whom it speaks to.
    pub services: IncidentServices,
    /// Why nothing may be written or sent.
    pub read_only: Option<String>,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfficeError {
    /// The rules say no.
    #[error("{0}")]
    Refused(String),
    /// It could not be written.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// One incident, and the context that it is of.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) held: Arc<Mutex<Held>>,
    pub(super) ground: Arc<Ground>,
    told: Vec<(DeliveryKey, Standing)>,
    troubled: bool,
    /// A person asked for it: it is kept when it is over, too.
    pub(super) asked_for: bool,
}

/// Something that came of its own work.
#[derive(Debug)]
pub enum Event {
    /// A job is done.
    Done(Box<Done>),
    /// The shared journal said something, or ended.
    Shared(Option<Result<SharedUpdate, Fault>>),
    /// Time to look around.
    Tick,
}

/// A job that is done.
#[derive(Debug)]
pub enum Done {
    /// A delivery came back.
    Delivered(IncidentId, DeliveryKey, Result<Receipt, DeliveryError>),
    /// Entries were uploaded.
    Uploaded(IncidentId, Vec<Entry>, Result<(), Fault>),
    /// Marked messages were pulled.
    Pulled(IncidentId, Vec<Noticed>),
    /// An answer for the console.
    News(Box<IncidentNews>),
}

/// The office.
#[derive(Debug)]
pub struct Office {
    pub(super) store: IncidentStore,
    pub(super) clock: Clock,
    pub(super) user: Text,
    pub(super) ground: Option<Arc<Ground>>,
    pub(super) cases: BTreeMap<IncidentId, Case>,
    pub(super) sharing: Sharing,
    pub(super) jobs: JoinSet<Done>,
    news: mpsc::UnboundedSender<IncidentNews>,
    tick: Interval,
    ticks: u64,
    /// How long the journals were when they were looked through last.
    pub(super) seen: BTreeMap<IncidentId, u64>,
    /// Those that could not be opened, as it was told.
    pub(super) unopened: BTreeSet<IncidentId>,
    /// No delivery is begun any more.
    closing: bool,
}

pub(super) fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something with an incident that touches the disk.
pub(super) async fn aside<T: Send + 'static>(
    held: &Arc<Mutex<Held>>,
    work: impl FnOnce(&mut Held) -> T + Send + 'static,
) -> Option<T> {
    let held = held.clone();
    // Fails only where the work panicked, or the program ends.
    tokio::task::spawn_blocking(move || work(&mut lock(&held))).await.ok()
}

impl Office {
    /// An office without a context, and what it tells. `user` is named in what a person writes.
    pub fn new(store: IncidentStore, clock: Clock, user: Text) -> (Self, mpsc::UnboundedReceiver<IncidentNews>) {
        let (news, told) = mpsc::unbounded_channel();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let office = Self {
            store,
            clock,
            user,
            ground: None,
            cases: BTreeMap::new(),
            sharing: Sharing::default(),
            jobs: JoinSet::new(),
            news,
            tick,
            ticks: 0,
            seen: BTreeMap::new(),
            unopened: BTreeSet::new(),
            closing: false,
        };
        (office, told)
    }

    pub(super) fn tell(&self, news: IncidentNews) {
        // Nobody listens any more: then nobody wants to know.
        let _ = self.news.send(news);
    }

    /// From now on new incidents are of this context. Those of another one are looked after as before.
    pub fn adopt(&mut self, ground: Ground) {
        let ground = Arc::new(ground);
        for case in self.cases.values_mut().filter(|case| case.ground.context == ground.context) {
            case.ground = ground.clone();
            if ground.read_only.is_none() {
                lock(&case.held).allow();
            }
        }
        let here = Here { services: ground.services.info(), config: ground.config.clone(), who: self.user.clone() };
        self.tell(IncidentNews::Services(Box::new(here)));
        self.sharing.adopt(ground.services.shared.clone());
        self.ground = Some(ground);
    }

    /// Where everything is kept.
    pub const fn store(&self) -> &IncidentStore {
        &self.store
    }

    /// Now.
    pub fn now(&self) -> crate::domain::time::Instant {
        self.clock.now()
    }

    /// An incident as it is known here now.
    pub fn incident(&self, id: &IncidentId) -> Option<Incident> {
        lock(&self.cases.get(id)?.held).incident().cloned()
    }

    /// The incidents that are looked after.
    pub fn ids(&self) -> Vec<IncidentId> {
        self.cases.keys().cloned().collect()
    }

    /// Where its deliveries stand.
    pub fn standings(&self, id: &IncidentId) -> Vec<(DeliveryKey, Standing)> {
        self.cases.get(id).map(|case| lock(&case.held).standings(self.clock.now())).unwrap_or_default()
    }

    /// Finds the open incidents of this context, and what was left to send.
    pub async fn look(&mut self) -> Result<(), OfficeError> {
        let Some(ground) = self.ground.clone() else { return Ok(()) };
        self.seen.clear();
        self.unopened.clear();
        for id in self.changed(&ground).await {
            self.hold_found(&id, &ground).await;
        }
        // Who asks again wants to be told again.
        for case in self.cases.values_mut().filter(|case| case.ground.context == ground.context) {
            case.told.clear();
        }
        for id in self.ids() {
            if let Some(case) = self.cases.get(&id).filter(|case| self.is_here(case)) {
                self.tell_all(&id, case);
                self.tell_standings(&id);
            }
        }
        self.tell(IncidentNews::Looked);
        Ok(())
    }

    /// Tells everything that is known of one.
    fn tell_all(&self, id: &IncidentId, case: &Case) {
        let entries: Vec<Entry> = lock(&case.held).incident().iter().flat_map(|one| one.entries()).cloned().collect();
        if !entries.is_empty() {
            self.tell(IncidentNews::Entries { id: id.clone(), entries });
        }
    }

    /// Removes, aside, what many consoles that ended have left behind; nobody has to wait for it. A read-only console does not.
    pub fn tidy(&self) -> Option<JoinHandle<()>> {
        self.ground.as_ref().filter(|ground| ground.read_only.is_none())?;
        let store = self.store.clone();
        Some(tokio::task::spawn_blocking(move || match store.sweep(MANY_WRITERS) {
            Ok(swept) => tracing::debug!(swept, "files of writers that are gone are removed"),
            Err(error) => tracing::warn!(%error, "files of writers that are gone stay"),
        }))
    }

    /// Looks after one, whatever its status.
    pub async fn open(&mut self, id: &IncidentId) -> Result<(), OfficeError> {
        if !self.cases.contains_key(id) && !self.store.contains(id) {
            return Err(OfficeError::Refused(format!("there is no incident `{id}`")));
        }
        self.reach(id).await?;
        self.tell_all(id, &self.case(id)?);
        Ok(())
    }

    pub(super) async fn hold(&mut self, id: &IncidentId, ground: &Arc<Ground>) -> Result<(), OfficeError> {
        if self.cases.contains_key(id) {
            return Ok(());
        }
        let (store, wanted, read_only) = (self.store.clone(), id.clone(), ground.read_only.is_some());
        let opened = tokio::task::spawn_blocking(move || Held::open(&store, &wanted, read_only)).await;
        let (held, _) = opened.map_err(|error| OfficeError::Refused(error.to_string()))??;
        for flaw in held.flaws() {
            self.tell(IncidentNews::Remark(format!("incident {id}: {flaw}")));
        }
        let held = Arc::new(Mutex::new(held));
        self.cases.insert(
            id.clone(),
            Case { held, ground: ground.clone(), told: Vec::new(), troubled: false, asked_for: false },
        );
        // Nobody may have uploaded what was written before.
        self.sharing.touched(id);
        self.take_over(id).await;
        Ok(())
    }

    pub(super) fn case(&self, id: &IncidentId) -> Result<Case, OfficeError> {
        self.cases
            .get(id)
            .cloned()
            .ok_or_else(|| OfficeError::Refused(format!("incident {id} is not looked after here: open it first")))
    }

    pub(super) fn entries(&mut self, id: &IncidentId, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.sharing.touched(id);
            // The console looks at another context by now: what goes on here is told when it comes back.
            if !self.cases.get(id).is_some_and(|case| self.is_here(case)) {
                return;
            }
            self.tell(IncidentNews::Entries { id: id.clone(), entries });
        }
    }

    async fn take_over(&mut self, id: &IncidentId) {
        let Ok(case) = self.case(id) else { return };
        if case.ground.read_only.is_some() || self.closing {
            return;
        }
        let now = self.clock.now();
        match aside(&case.held, move |held| held.take_over(now)).await {
            Some(Ok(news)) => self.entries(id, news),
            Some(Err(error)) => self.trouble(id, &error),
            None => {}
        }
    }

    /// Sends what is due of one.
    pub(super) async fn send_due(&mut self, id: &IncidentId) {
        let Ok(case) = self.case(id) else { return };
        if self.closing || case.ground.read_only.is_some() {
            return;
        }
        let now = self.clock.now();
        match aside(&case.held, move |held| held.begin_due(now)).await {
            Some(Ok(Due { news, cleared })) => {
                if let Some(case) = self.cases.get_mut(id) {
                    case.troubled = false;
                }
                self.entries(id, news);
                for pass in cleared {
                    self.send(id, &case.ground, pass);
                }
            }
            Some(Err(error)) => self.trouble(id, &error),
            None => {}
        }
        self.tell_standings(id);
    }

    /// A full disk is told once, until it is not full any more.
    fn trouble(&mut self, id: &IncidentId, error: &KeepError) {
        if let Some(case) = self.cases.get_mut(id)
            && !std::mem::replace(&mut case.troubled, true)
        {
            self.tell(IncidentNews::Remark(format!("incident {id}: {error}; nothing is sent until that works")));
        }
    }

    fn send(&mut self, id: &IncidentId, ground: &Arc<Ground>, pass: Cleared) {
        let (id, ground) = (id.clone(), ground.clone());
        self.jobs.spawn(async move {
            let key = pass.delivery().key.clone();
            let service = pass.delivery().service.clone();
            let Some(courier) = ground.services.courier_of(&service) else {
                let fault = Fault::new(FaultKind::NotServed, format!("no service `{service}` is configured here"))
                    .hint("configure it again, or drop the delivery");
                return Done::Delivered(id, key, Err(DeliveryError { fault, again: Again::Ask }));
            };
            let result = timeout(PATIENCE, courier.deliver(&pass)).await.unwrap_or_else(|_| {
                let why = format!("{service} has not answered for {} s", PATIENCE.as_secs());
                Err(DeliveryError { fault: Fault::new(FaultKind::Timeout, why), again: Again::Doubtful })
            });
            Done::Delivered(id, key, result)
        });
    }

    fn tell_standings(&mut self, id: &IncidentId) {
        let over = |standing: &Standing| matches!(standing, Standing::Sent | Standing::Dropped);
        let standings: Vec<_> = self.standings(id).into_iter().filter(|(_, standing)| !over(standing)).collect();
        if !self.cases.get(id).is_some_and(|case| self.is_here(case)) {
            return;
        }
        if let Some(case) = self.cases.get_mut(id)
            && case.told != standings
        {
            case.told.clone_from(&standings);
            self.tell(IncidentNews::Standings { id: id.clone(), standings });
        }
    }

    /// Waits for something of its own. Dropping the wait loses nothing.
    pub async fn wait(&mut self) -> Event {
        tokio::select! {
            Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => match done {
                Ok(done) => Event::Done(Box::new(done)),
                Err(_) => Event::Tick,
            },
            said = self.sharing.next() => Event::Shared(said),
            _ = self.tick.tick() => Event::Tick,
        }
    }

    /// Does what follows from it.
    pub async fn handle(&mut self, event: Event) {
        match event {
            Event::Tick => self.look_around().await,
            Event::Shared(said) => self.shared(said).await,
            Event::Done(done) => match *done {
                Done::Delivered(id, key, result) => self.came_back(&id, key, result).await,
                Done::Uploaded(id, entries, result) => self.uploaded(&id, &entries, result),
                Done::Pulled(id, noticed) => {
                    if let Err(error) = self.notice(&id, noticed).await {
                        self.tell(IncidentNews::Remark(format!("incident {id}: {error}")));
                    }
                }
                Done::News(news) => self.tell(*news),
            },
        }
        self.upload();
    }

    async fn came_back(&mut self, id: &IncidentId, key: DeliveryKey, result: Result<Receipt, DeliveryError>) {
        let Ok(case) = self.case(id) else { return };
        let now = self.clock.now();
        match aside(&case.held, move |held| held.came_back(&key, result, now)).await {
            Some(Ok(news)) => self.entries(id, news),
            Some(Err(error)) => self.trouble(id, &error),
            None => {}
        }
        self.send_due(id).await;
    }

    async fn look_around(&mut self) {
        self.ticks += 1;
        self.find_new().await;
        for id in self.ids() {
            let Ok(case) = self.case(&id) else { continue };
            match aside(&case.held, Held::poll).await {
                Some(Ok(news)) => self.entries(&id, news),
                Some(Err(error)) => tracing::warn!(%id, %error, "the journal cannot be read"),
                None => {}
            }
            if self.ticks.is_multiple_of(TAKE_OVER) {
                self.take_over(&id).await;
            }
            self.send_due(&id).await;
            if self.ticks.is_multiple_of(PULL) {
                self.pull(&id);
            }
        }
    }

    /// Open ones that are not looked after yet.
    async fn changed(&mut self, ground: &Arc<Ground>) -> Vec<IncidentId> {
        let (store, context, seen) = (self.store.clone(), ground.context.clone(), std::mem::take(&mut self.seen));
        let held: BTreeSet<IncidentId> = self.cases.keys().cloned().collect();
        let looked = tokio::task::spawn_blocking(move || open_in(&store, &context, &seen, &held)).await;
        let Found { wanted, unreadable, seen } = looked.unwrap_or_default();
        self.seen = seen;
        for (id, why) in unreadable {
            self.not_opened(&id, &why);
        }
        wanted
    }

    /// What other consoles of this user have declared or opened again meanwhile.
    async fn find_new(&mut self) {
        let Some(ground) = self.ground.clone() else { return };
        for id in self.changed(&ground).await {
            if self.hold_found(&id, &ground).await
                && let Some(case) = self.cases.get(&id)
            {
                self.tell_all(&id, case);
            }
        }
    }

    /// Is anything under way, or due at once?
    pub fn is_busy(&self) -> bool {
        let busy = |case: &Case| {
            let held = lock(&case.held);
            held.is_busy() || held.standings(self.clock.now()).iter().any(|(_, standing)| *standing == Standing::Ready)
        };
        !self.jobs.is_empty() || self.sharing.is_busy() || self.cases.values().any(busy)
    }

    /// Works until nothing more can be done at once, or so long.
    pub async fn settle(&mut self, patience: Duration) {
        let deadline = Monotonic::now() + patience;
        self.upload();
        while self.is_busy() {
            match tokio::time::timeout_at(deadline, self.wait()).await {
                Ok(event) => self.handle(event).await,
                Err(_) => return,
            }
        }
    }

    /// Ends: nothing new is begun, and what is under way is waited for, so long.
    pub async fn close(&mut self, patience: Duration) {
        self.closing = true;
        let deadline = Monotonic::now() + patience;
        self.upload();
        let under_way =
            |office: &Self| !office.jobs.is_empty() || office.cases.values().any(|case| lock(&case.held).is_busy());
        while under_way(self) {
            match tokio::time::timeout_at(deadline, self.wait()).await {
                Ok(event) => self.handle(event).await,
                Err(_) => return,
            }
        }
    }
}

pub(super) fn unconnected() -> OfficeError {
    OfficeError::Refused("not connected yet".into())
}

pub(super) fn may_write(ground: &Ground) -> Result<(), OfficeError> {
    match &ground.read_only {
        Some(why) => {
            Err(OfficeError::Refused(format!("this console is read-only ({why}): it writes and sends nothing")))
        }
        None => Ok(()),
    }
}

/// What was found on disk.
#[derive(Default)]
pub(super) struct Found {
    /// Incidents to look after.
    pub(super) wanted: Vec<IncidentId>,
    /// Journals that cannot be read, and why.
    unreadable: Vec<(IncidentId, String)>,
    /// How long the journals are that were looked through.
    pub(super) seen: BTreeMap<IncidentId, u64>,
}

/// Of the incidents that were added or changed since they were looked at last: those of a context that are open or have
/// something left to send. And how all are now. Those that are held are read as they grow, by who holds them; of all
/// others nothing is kept.
pub(super) fn open_in(
    store: &IncidentStore,
    context: &str,
    seen: &BTreeMap<IncidentId, u64>,
    held: &BTreeSet<IncidentId>,
) -> Found {
    let mut found = Found { seen: store.sizes().into_iter().take(MOST).collect(), ..Found::default() };
    let changed = found.seen.iter().filter(|(id, length)| seen.get(*id) != Some(*length) && !held.contains(*id));
    for id in changed.map(|(id, _)| id) {
        match store.read(id) {
            Ok(told) => {
                let incident = Incident::of(told.entries);
                let is_wanted = |incident: Incident| {
                    (incident.is_open() || incident.waiting().next().is_some()) && store.is_seen_in(&incident, context)
                };
                if incident.is_some_and(is_wanted) {
                    found.wanted.push(id.clone());
                }
            }
            Err(error) => found.unreadable.push((id.clone(), error.to_string())),
        }
    }
    // They are looked at again.
    for (id, _) in &found.unreadable {
        found.seen.remove(id);
    }
    found
}
