//! Does what effects ask for: switches context, follows logs, works for the door. Answers come back as messages.
//!
//! Reads die by drop: a context switch drops feeds and log streams. Writes run to an answer: an execution and a write to
//! the audit log are tasks of their own, which no switch cancels and which quitting waits for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::feeds::FeedTasks;
use super::incidents::clerk::Clerk as Incidents;
use super::runbooks::clerk::Clerk;
use super::runbooks::perform::Tools;
use super::settlement::settle_open;
use super::wiring::{Connected, Launch, Services};
use crate::actions::exchange::{Answer, DoorEffect, DoorInput, Work};
use crate::domain::cluster::NamespaceScope;
use crate::domain::flag::FlagRef;
use crate::ports::cluster::{Look, Seen};
use crate::ports::feed::{Fault, FaultKind, LogTarget};
use crate::ports::journal::JournalError;
use crate::state::effect::Effect;
use crate::state::message::Message;
use crate::state::runbook::DeskEffect;

/// Verification looks about this often.
const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// What the loop has to do itself, because it owns the terminal.
#[derive(Debug, PartialEq, Eq)]
pub enum ForTheLoop {
    /// Leave.
    Quit,
    /// Put text on the clipboard.
    Copy(String),
}

/// Runs effects.
#[derive(Debug)]
pub struct Executor {
    launch: Arc<Launch>,
    messages: mpsc::Sender<Message>,
    epoch: u64,
    feeds: Option<FeedTasks>,
    services: Option<Services>,
    following: Option<(LogTarget, AbortHandle)>,
    context: Option<String>,
    namespace: Option<NamespaceScope>,
    connecting: Option<JoinSet<()>>,
    connected: (mpsc::Sender<Connected>, mpsc::Receiver<Connected>),
    writes: JoinSet<()>,
    clerk: Clerk,
    incidents: Incidents,
    /// Contexts whose open intents were looked up; `None` where that is nobody's business (`status`, `snapshot`).
    settled: Option<BTreeSet<String>>,
}

impl Executor {
    /// An executor that is connected to nothing yet.
    pub fn new(launch: Arc<Launch>, messages: mpsc::Sender<Message>) -> Self {
        let clerk = Clerk::new(launch.clone(), messages.clone());
        let incidents = Incidents::new(&launch, messages.clone());
        Self {
            launch,
            messages,
            clerk,
            incidents,
            epoch: 0,
            feeds: None,
            services: None,
            following: None,
            context: None,
            namespace: None,
            connecting: None,
            connected: mpsc::channel(1),
            writes: JoinSet::new(),
            settled: None,
        }
    }

    /// Looks up what crashes left open in each context, once it is connected.
    #[must_use]
    pub fn settling(mut self) -> Self {
        self.settled = Some(BTreeSet::new());
        self
    }

    /// Begins to connect; [`Executor::connected`] tells when that is done.
    pub fn connect(&mut self, context: Option<String>, namespace: Option<NamespaceScope>) {
        self.epoch += 1;
        tracing::info!(?context, ?namespace, epoch = self.epoch, "connecting");
        self.context.clone_from(&context);
        self.namespace.clone_from(&namespace);
        let (launch, epoch) = (self.launch.clone(), self.epoch);
        let (messages, done) = (self.messages.clone(), self.connected.0.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            match launch.connect(context, namespace, epoch).await {
                Ok(connected) => {
                    let _ = done.send(connected).await;
                }
                Err(failed) => {
                    let _ = messages.send(Message::Unreachable { epoch, fault: failed }).await;
                }
            }
        });
        self.connecting = Some(task);
    }

    /// Waits until a connection is made.
    pub async fn connected(&mut self) -> Connected {
        match self.connected.1.recv().await {
            Some(connected) => connected,
            None => std::future::pending().await,
        }
    }

    /// Takes over a connection: old feeds end, new ones begin. Gives the message that tells the app.
    pub fn adopt(&mut self, connected: Connected) -> Option<Message> {
        if connected.info.epoch != self.epoch {
            return None;
        }
        self.following = None;
        let settings = &self.launch.config.settings.runbooks;
        self.clerk.adopt(Tools::of(&connected, self.launch.clock, settings));
        let mut ground = connected.incidents;
        if self.settled.is_none() {
            // `status` and pictures look at what is on disk, and leave it as it is.
            ground.read_only.get_or_insert_with(|| "it only looks".to_owned());
            ground.services.shared = None;
        }
        self.incidents.adopt(ground);
        let mut feeds = FeedTasks::new(self.epoch, self.messages.clone());
        for feed in connected.feeds {
            feeds.start(feed);
        }
        self.feeds = Some(feeds);
        self.context = Some(connected.info.name.clone());
        self.namespace = Some(connected.info.namespace.clone());
        self.ask_identity(&connected.services);
        self.settle(&connected.info.name, &connected.services);
        self.services = Some(connected.services);
        Some(Message::Switched(connected.info, connected.guard))
    }

    /// Once for each context, beside everything else: nobody waits for it.
    fn settle(&mut self, context: &str, services: &Services) {
        if !self.settled.as_mut().is_some_and(|settled| settled.insert(context.to_owned())) {
            return;
        }
        let (launch, services, messages) = (self.launch.clone(), services.clone(), self.messages.clone());
        let context = context.to_owned();
        // It writes to the audit log.
        self.writes.spawn(async move {
            let message = match settle_open(&launch, &context, &services).await {
                Ok(told) if told.is_empty() => return,
                Ok(told) => Message::Settled(told),
                Err(error) => Message::Notice(format!("what a crash may have left open is not known: {error}")),
            };
            let _ = messages.send(message).await;
        });
    }

    fn ask_identity(&mut self, services: &Services) {
        let (cluster, messages, epoch) = (services.cluster.clone(), self.messages.clone(), self.epoch);
        // Dies with the connection attempt's set: a read.
        self.connecting.get_or_insert_default().spawn(async move {
            if let Ok(name) = cluster.identity().await {
                let _ = messages.send(Message::Identity { epoch, name }).await;
            }
        });
    }

    /// Runs one effect.
    pub fn run(&mut self, effect: Effect) -> Option<ForTheLoop> {
        match effect {
            Effect::Quit => return Some(ForTheLoop::Quit),
            Effect::Copy(text) => return Some(ForTheLoop::Copy(text)),
            Effect::SwitchContext(name) => self.connect(Some(name), None),
            Effect::SwitchNamespace(scope) => self.connect(self.context.clone(), Some(scope)),
            Effect::Refresh => self.connect(self.context.clone(), self.namespace.clone()),
            Effect::FollowLogs(target) => self.follow(target),
            Effect::ListContexts => self.list_contexts(),
            Effect::ReadAudit { most } => {
                let (log, messages) = (self.launch.journal.clone(), self.messages.clone());
                // Among the writes, because no context switch may leave the view without an answer.
                self.writes.spawn(async move {
                    let _ = messages.send(super::audit::read(log, most).await).await;
                });
            }
            Effect::ReadFlag(flag) => self.read_flag(flag),
            Effect::Door(effect) => self.work(effect),
            // Of runs that were left the console tells; `status` and pictures are of nobody's desk.
            Effect::Desk(DeskEffect::LookForRuns) if self.settled.is_none() => {}
            Effect::Desk(effect) => self.clerk.order(effect),
            Effect::Incident(effect) => self.incidents.order(effect),
        }
        None
    }

    /// The console ends: what of incidents is under way gets a bounded moment to come back.
    pub async fn close(&self) {
        self.incidents.close().await;
    }

    fn follow(&mut self, target: Option<LogTarget>) {
        let (Some(services), Some(feeds)) = (&self.services, &mut self.feeds) else { return };
        if let Some((_, task)) = self.following.take() {
            task.abort();
        }
        if let Some(target) = target {
            let since = self.launch.clock.now() - self.launch.config.settings.defaults.log_since;
            let task = feeds.start(services.logs.follow(target.clone(), Some(since)));
            self.following = Some((target, task));
        }
    }

    fn read_flag(&mut self, flag: FlagRef) {
        let Some(flags) = self.services.as_ref().map(|services| services.flags.clone()) else { return };
        let messages = self.messages.clone();
        self.connecting.get_or_insert_default().spawn(async move {
            let detail = flags.detail(&flag).await.map(Box::new).map_err(|error| error.to_string());
            let _ = messages.send(Message::Flag(flag, detail)).await;
        });
    }

    fn list_contexts(&mut self) {
        let (launch, messages) = (self.launch.clone(), self.messages.clone());
        self.connecting.get_or_insert_default().spawn(async move {
            let message = match launch.contexts().await {
                Ok(contexts) => Message::Contexts(contexts),
                Err(fault) => Message::Notice(fault.to_string()),
            };
            let _ = messages.send(message).await;
        });
    }

    /// Works for the door. Every piece of work is answered exactly once.
    fn work(&mut self, effect: DoorEffect) {
        let ticket = effect.ticket;
        tracing::info!(?ticket, work = effect.work.name(), "work for an action");
        let messages = self.messages.clone();
        let services = self.services.clone();
        let journal = self.launch.journal.clone();
        self.writes.spawn(async move {
            let answer = match services {
                Some(services) => answer(effect.work, &services, journal).await,
                None => not_connected(&effect.work),
            };
            let _ = messages.send(Message::Door(DoorInput::Answer(ticket, answer))).await;
        });
        while self.writes.try_join_next().is_some() {}
    }
}

/// Does one piece of work.
pub async fn answer(work: Work, services: &Services, journal: Arc<dyn crate::ports::journal::Journal>) -> Answer {
    match work {
        Work::Gather(needs) => Answer::Gathered(services.facts(&needs).await),
        Work::CheckPermission(mutation) => Answer::Permission(services.permission(&mutation).await),
        Work::DryRun(mutation) => Answer::DryRun(services.dry_run(&mutation).await),
        Work::Record(record) => {
            // fsync takes as long as the disk likes.
            let written = tokio::task::spawn_blocking(move || journal.append(record)).await;
            Answer::Recorded(
                written.unwrap_or_else(|error| Err(JournalError { path: String::new(), why: error.to_string() })),
            )
        }
        Work::Execute(approved) => Answer::Executed(services.execute(approved).await),
        Work::Observe(looks) => {
            tokio::time::sleep(OBSERVE_EVERY).await;
            Answer::Observed(join_all(looks.iter().map(|look| observe(services, look))).await)
        }
        Work::Wait(seconds) => {
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            Answer::Waited
        }
        Work::Announce(approved) => Answer::Announced(services.execute(approved).await),
    }
}

async fn observe(services: &Services, look: &Look) -> Seen {
    let signals = async {
        match &look.signals {
            Some(workload) => Some(services.signals.signals(workload).await),
            None => None,
        }
    };
    let (seen, signals) = tokio::join!(services.look(look), signals);
    Seen { signals, ..seen }
}

/// The answer to work before there is a cluster: the app offers no action then, so this is only for completeness.
fn not_connected(work: &Work) -> Answer {
    let fault = || Fault::new(FaultKind::Unreachable, "not connected to a cluster");
    match work {
        Work::Gather(_) => Answer::Gathered(Err(fault().into())),
        Work::CheckPermission(_) => Answer::Permission(Err(fault().into())),
        Work::DryRun(_) => Answer::DryRun(Err(fault().into())),
        Work::Record(_) => Answer::Recorded(Err(JournalError { path: String::new(), why: "not connected".into() })),
        Work::Execute(_) => Answer::Executed(Err(fault().into())),
        Work::Observe(looks) => {
            let unseen =
                |_| Seen { object: Err(fault().into()), rollout: None, pods: None, signals: Some(Err(fault())) };
            Answer::Observed(looks.iter().map(unseen).collect())
        }
        Work::Wait(_) => Answer::Waited,
        Work::Announce(_) => Answer::Announced(Err(fault().into())),
    }
}
