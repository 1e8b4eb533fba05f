//! The incidents that this process looks after: writes what is asked for, sends what is due, watches what other consoles
//! write. It waits for nothing but its own work ([`Office::wait`]); the console's clerk and the subcommands drive it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
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
use crate::domain::incident::entry::{Deed, Entry, NewEntry};
use crate::incident::clearance::Cleared;
use crate::incident::command::{Circumstances, Command, merge, perform};
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
    user: Text,
    pub(super) ground: Option<Arc<Ground>>,
    pub(super) cases: BTreeMap<IncidentId, Case>,
    pub(super) sharing: Sharing,
    pub(super) jobs: JoinSet<Done>,
    news: mpsc::UnboundedSender<IncidentNews>,
    tick: Interval,
    ticks: u64,
    /// How long the journals were when they were looked through last.
    seen: BTreeMap<IncidentId, u64>,
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
        for id in self.changed(&ground).await {
            self.hold(&id, &ground).await?;
        }
        // Who asks again wants to be told again.
        for (id, case) in &self.cases {
            if case.ground.context == ground.context
                && let Some(incident) = lock(&case.held).incident()
            {
                self.tell(IncidentNews::Entries { id: id.clone(), entries: incident.entries().cloned().collect() });
            }
        }
        self.tell(IncidentNews::Looked);
        Ok(())
    }

    /// Looks after one, whatever its status.
    pub async fn open(&mut self, id: &IncidentId) -> Result<(), OfficeError> {
        let Some(ground) = self.ground.clone() else { return Err(unconnected()) };
        if !self.cases.contains_key(id) && !self.store.contains(id) {
            return Err(OfficeError::Refused(format!("there is no incident `{id}`")));
        }
        self.hold(id, &ground).await?;
        if let Some(case) = self.cases.get_mut(id) {
            case.asked_for = true;
        }
        let incident = self.incident(id);
        let entries = incident.iter().flat_map(Incident::entries).cloned().collect();
        self.tell(IncidentNews::Entries { id: id.clone(), entries });
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
        self.take_over(id).await;
        Ok(())
    }

    /// Makes a new incident.
    pub async fn begin(&mut self, id: &IncidentId, deeds: Vec<Deed>) -> Result<(), OfficeError> {
        let Some(ground) = self.ground.clone() else { return Err(unconnected()) };
        may_write(&ground)?;
        let (store, wanted) = (self.store.clone(), id.clone());
        let made = tokio::task::spawn_blocking(move || store.create(&wanted).map(drop)).await;
        made.map_err(|error| OfficeError::Refused(error.to_string()))??;
        self.hold(id, &ground).await?;
        let new = self.by_person(deeds);
        if let Err(error) = self.write(id, move |held, now| held.write(now, new)).await {
            self.cases.remove(id);
            return Err(error);
        }
        self.send_due(id).await;
        Ok(())
    }

    fn by_person(&self, deeds: Vec<Deed>) -> Vec<NewEntry> {
        let at = self.clock.now();
        deeds.into_iter().map(|deed| NewEntry { at, by: self.user.clone(), deed }).collect()
    }

    /// Writes with the disk aside, and tells what is news.
    async fn write(
        &mut self,
        id: &IncidentId,
        work: impl FnOnce(&mut Held, crate::domain::time::Instant) -> Result<Vec<Entry>, KeepError> + Send + 'static,
    ) -> Result<(), OfficeError> {
        let case = self.case(id)?;
        may_write(&case.ground)?;
        let now = self.clock.now();
        match aside(&case.held, move |held| work(held, now)).await {
            Some(Ok(news)) => {
                self.entries(id, news);
                Ok(())
            }
            Some(Err(error)) => Err(error.into()),
            None => Err(OfficeError::Refused("the journal could not be written".into())),
        }
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
            self.tell(IncidentNews::Entries { id: id.clone(), entries });
        }
    }

    /// Does what a person wants, over everything that is known by then.
    pub async fn perform(&mut self, id: &IncidentId, command: Command) -> Result<(), OfficeError> {
        let (ground, by) = (self.case(id)?.ground, self.user.clone());
        let refused = Arc::new(Mutex::new(None));
        let said = refused.clone();
        let writer = self.writer().await?;
        self.write(id, move |held, now| {
            held.write_with(now, |incident, stamp| {
                let around = Circumstances { config: &ground.config, now, stamp, writer: &writer };
                match perform(incident, &command, around) {
                    Ok(deeds) => deeds.into_iter().map(|deed| NewEntry { at: now, by: by.clone(), deed }).collect(),
                    Err(why) => {
                        *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.0);
                        Vec::new()
                    }
                }
            })
        })
        .await?;
        if let Some(why) = refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(OfficeError::Refused(why));
        }
        self.send_due(id).await;
        Ok(())
    }

    async fn writer(&self) -> Result<Text, OfficeError> {
        let store = self.store.clone();
        let own = tokio::task::spawn_blocking(move || store.own_writer()).await;
        Ok(own.map_err(|error| OfficeError::Refused(error.to_string()))??)
    }

    /// Merges one into another. The duplicate is ended first: a crash in between leaves it saying where it goes on.
    pub async fn merge(&mut self, from: &IncidentId, into: &IncidentId) -> Result<(), OfficeError> {
        let unknown = |id: &IncidentId| OfficeError::Refused(format!("incident {id} is not known here"));
        let one = self.incident(from).ok_or_else(|| unknown(from))?;
        let other = self.incident(into).ok_or_else(|| unknown(into))?;
        let (writer, now) = (self.writer().await?, self.clock.now());
        let stamp = |incident: &Incident| crate::domain::incident::entry::Stamp::next(now, &writer, incident.last());
        let deeds = merge(&one, &other, (&stamp(&one), &stamp(&other))).map_err(|why| OfficeError::Refused(why.0))?;
        for (id, deeds) in [(from, deeds.from), (into, deeds.into)] {
            let new = self.by_person(deeds);
            self.write(id, move |held, now| held.write(now, new)).await?;
            self.send_due(id).await;
        }
        Ok(())
    }

    /// Writes down entries that a person confirmed (a publication, a plan that was made elsewhere).
    pub async fn record(&mut self, id: &IncidentId, deeds: Vec<Deed>) -> Result<(), OfficeError> {
        let new = self.by_person(deeds);
        self.write(id, move |held, now| held.write(now, new)).await?;
        self.send_due(id).await;
        Ok(())
    }

    /// Writes down what this console noticed by itself, unless consoles that may share it do.
    pub async fn notice(&mut self, id: &IncidentId, noticed: Vec<Noticed>) -> Result<(), OfficeError> {
        if self.sharing.leaves_to_others(id) { Ok(()) } else { self.put_down(id, noticed).await }
    }

    /// Writes down what was noticed; what is known by then already is left out by the fold.
    pub async fn put_down(&mut self, id: &IncidentId, noticed: Vec<Noticed>) -> Result<(), OfficeError> {
        let entry = |Noticed { at, by, deed }| NewEntry { at, by, deed };
        let new = noticed.into_iter().map(entry).collect();
        self.write(id, move |held, now| held.write(now, new)).await
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
        let looked = tokio::task::spawn_blocking(move || open_in(&store, &context, &seen)).await;
        let (mut found, now) = looked.unwrap_or_default();
        self.seen = now;
        found.retain(|id| !self.cases.contains_key(id));
        found
    }

    /// What other consoles of this user have declared or opened again meanwhile.
    async fn find_new(&mut self) {
        let Some(ground) = self.ground.clone() else { return };
        for id in self.changed(&ground).await {
            if self.hold(&id, &ground).await.is_ok()
                && let Some(incident) = self.incident(&id)
            {
                self.tell(IncidentNews::Entries { id, entries: incident.entries().cloned().collect() });
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

fn unconnected() -> OfficeError {
    OfficeError::Refused("not connected yet".into())
}

fn may_write(ground: &Ground) -> Result<(), OfficeError> {
    match &ground.read_only {
        Some(why) => {
            Err(OfficeError::Refused(format!("this console is read-only ({why}): it writes and sends nothing")))
        }
        None => Ok(()),
    }
}

/// Of the incidents that were added or changed since they were looked at last: those of a context that are open or have
/// something left to send. And how all are now.
fn open_in(
    store: &IncidentStore,
    context: &str,
    seen: &BTreeMap<IncidentId, u64>,
) -> (Vec<IncidentId>, BTreeMap<IncidentId, u64>) {
    let now: BTreeMap<IncidentId, u64> = store.sizes().into_iter().take(MOST).collect();
    let changed = now.iter().filter(|(id, length)| seen.get(*id) != Some(*length));
    let wanted = changed.map(|(id, _)| id).filter(|id| {
        let incident = store.read(id).ok().and_then(|told| Incident::of(told.entries));
        incident.is_some_and(|incident| {
            let here = store.context_of(id).unwrap_or_else(|| incident.declared().context.clone());
            here == context && (incident.is_open() || incident.waiting().next().is_some())
        })
    });
    (wanted.cloned().collect(), now)
}
