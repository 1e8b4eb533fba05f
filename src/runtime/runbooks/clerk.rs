//! What the console asks for about runbooks, done one after the other: a record is on disk before the effect after it is
//! looked at. Work itself runs beside, and is stopped by its ticket.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::deed::{self, Fate};
use super::keep::{self, Ground, Kept, OpenRun, Taken};
use super::library::Library;
use super::perform::{Tools, perform};
use super::{fetch, find};
use crate::runbook::facts::Facts;
use crate::runbook::parameter::Values;
use crate::runbook::run::RunEffect;
use crate::runbook::run::work::{Outcome, Work};
use crate::runbook::{Origin, Runbook, Shelf, parse};
use crate::runtime::settlement::settle_open;
use crate::runtime::wiring::Launch;
use crate::state::message::Message;
use crate::state::runbook::{DeskEffect, DeskNews, Keep, Unfinished};

/// One thing to do.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "as large as the record that it brings; few wait at once")]
enum Order {
    /// Another context: what is read is read there.
    Tools(Box<Tools>),
    /// For the console.
    Desk(DeskEffect),
}

/// Takes orders, and does them in their order.
#[derive(Debug)]
pub struct Clerk {
    orders: mpsc::UnboundedSender<Order>,
    _task: JoinSet<()>,
}

impl Clerk {
    /// Begins to wait for orders.
    pub fn new(launch: Arc<Launch>, messages: mpsc::Sender<Message>) -> Self {
        let (orders, mut inbox) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut office = Office::new(launch, messages);
            while let Some(order) = inbox.recv().await {
                match order {
                    Order::Tools(tools) => office.tools = Some(*tools),
                    Order::Desk(effect) => office.take(effect).await,
                }
            }
        });
        Self { orders, _task: task }
    }

    /// From now on reads are done with these.
    pub fn adopt(&self, tools: Tools) {
        // The task ends only with this.
        let _ = self.orders.send(Order::Tools(Box::new(tools)));
    }

    /// Something to do.
    pub fn order(&self, effect: DeskEffect) {
        let _ = self.orders.send(Order::Desk(effect));
    }
}

/// A run on the desk.
struct Held {
    kept: Kept,
    ground: Ground,
    book: Arc<Runbook>,
    /// Its log failed: nothing more of it is done.
    broken: bool,
}

struct Office {
    launch: Arc<Launch>,
    messages: mpsc::Sender<Message>,
    tools: Option<Tools>,
    library: Option<Arc<Library>>,
    runs: HashMap<String, Held>,
    work: JoinSet<()>,
    under_way: HashMap<(String, u64), AbortHandle>,
}

impl Office {
    fn new(launch: Arc<Launch>, messages: mpsc::Sender<Message>) -> Self {
        Self {
            launch,
            messages,
            tools: None,
            library: None,
            runs: HashMap::new(),
            work: JoinSet::new(),
            under_way: HashMap::new(),
        }
    }

    async fn tell(&self, news: DeskNews) {
        let _ = self.messages.send(Message::Desk(news)).await;
    }

    async fn take(&mut self, effect: DeskEffect) {
        while self.work.try_join_next().is_some() {}
        match effect {
            DeskEffect::Find(facts) => self.find(*facts).await,
            DeskEffect::LookForRuns => self.look_for_runs().await,
            DeskEffect::Begin { book, alert } => self.begin(book.0, alert).await,
            DeskEffect::Take(id) => self.take_up(&id).await,
            DeskEffect::Run { id, effect } => self.run(id, effect).await,
            DeskEffect::LookUp { id, ticket } => self.look_up(id, ticket),
            DeskEffect::Leave { id } => {
                self.runs.remove(&id);
                self.under_way.retain(|(run, _), task| {
                    if *run == id {
                        task.abort();
                    }
                    *run != id
                });
            }
        }
    }

    /// All runbooks, read anew: somebody may just have written the one that is missing.
    async fn read_library(&mut self) -> Arc<Library> {
        let places = self.launch.runbooks.places.clone();
        let loaded = tokio::task::spawn_blocking(move || Library::load(&places)).await;
        let library = Arc::new(loaded.unwrap_or_default());
        self.library = Some(library.clone());
        library
    }

    async fn find(&mut self, mut facts: Facts) {
        let settings = self.launch.config.settings.runbooks.clone();
        let library = self.read_library().await;
        let mut remarks = Vec::new();
        let urls = facts.places.clone();
        find::add_pages(&mut facts, &settings);
        let mut fitting: Vec<(Keep<Arc<Runbook>>, String)> =
            library.fitting(&facts).into_iter().map(|(book, why)| (Keep(book), why)).collect();
        // The page itself, where nothing here stands for it.
        let by_place = fitting.iter().any(|(_, why)| why.contains("runbook_url"));
        if !by_place && let Some(url) = urls.first() {
            match self.page(url, &facts).await {
                Ok(Some((book, why))) => fitting.insert(0, (Keep(book), why)),
                Err(why) if fitting.is_empty() => remarks.push(format!("{url}: {why}")),
                // Where others fit, a page that is not there is no news.
                Ok(None) | Err(_) => {}
            }
        }
        let generic = library.generic().into_iter().map(Keep).collect();
        self.tell(DeskNews::Found { facts: Box::new(facts), fitting, generic, remarks }).await;
    }

    /// What an alert's address leads to: a file in a configured directory that is not among the places, else the page.
    async fn page(&self, url: &str, facts: &Facts) -> Result<Option<(Arc<Runbook>, String)>, String> {
        let settings = &self.launch.config.settings.runbooks;
        if let Some(path) = facts.places.iter().find(|place| place.starts_with('/')) {
            let entry = super::library::from_file(std::path::Path::new(path))?;
            return Ok(Some((entry.book, "the alert's runbook_url".into())));
        }
        if !settings.fetch || !url.contains("://") {
            return Ok(None);
        }
        let now = self.launch.clock.now();
        let page = fetch::fetch(url, &self.launch.runbooks.store.pages(), settings.timeout, now).await?;
        let origin = Origin { place: url.to_owned(), shelf: Shelf::Fetched, modified: Some(page.at) };
        let parsed = parse(&page.text, origin);
        let book = parsed.runbook.ok_or("it is no runbook")?;
        let why = match page.stale {
            Some(why) => format!("the alert's runbook_url, as it was kept: {why}"),
            None => "the alert's runbook_url".to_owned(),
        };
        Ok(Some((Arc::new(book), why)))
    }

    async fn look_for_runs(&self) {
        let store = self.launch.runbooks.store.clone();
        let open = tokio::task::spawn_blocking(move || keep::open_runs(&store)).await.unwrap_or_default();
        let here = self.tools.as_ref().map(|tools| tools.context.clone());
        let open = open.into_iter().filter(|run| here.as_ref() == Some(&run.context));
        // Those that are on this desk are no news.
        let open = open.filter(|run| !self.runs.contains_key(&run.id)).map(unfinished).collect();
        self.tell(DeskNews::Unfinished(open)).await;
    }

    async fn begin(&mut self, book: Arc<Runbook>, alert: Option<String>) {
        let Some(tools) = &self.tools else {
            return self.tell(DeskNews::Refused("not connected yet".into())).await;
        };
        let ground = Ground::new(&tools.context, alert, &book.origin);
        let (store, now) = (self.launch.runbooks.store.clone(), self.launch.clock.now());
        let (kept_book, kept_ground) = (book.clone(), ground.clone());
        let kept = tokio::task::spawn_blocking(move || keep::begin(&store, &kept_book, &kept_ground, now)).await;
        match kept {
            Ok(Ok(kept)) => {
                let id = kept.id().to_owned();
                self.runs.insert(id.clone(), Held { kept, ground, book: book.clone(), broken: false });
                self.tell(DeskNews::Begun { id, book: Keep(book) }).await;
            }
            Ok(Err(why)) => self.tell(DeskNews::Refused(why)).await,
            Err(error) => self.tell(DeskNews::Refused(error.to_string())).await,
        }
    }

    async fn take_up(&mut self, id: &str) {
        let Some(tools) = &self.tools else {
            return self.tell(DeskNews::Refused("not connected yet".into())).await;
        };
        let context = tools.context.clone();
        let (store, wanted) = (self.launch.runbooks.store.clone(), id.to_owned());
        let taken = tokio::task::spawn_blocking(move || keep::take(&store, &wanted)).await;
        match taken {
            Ok(Ok(taken)) if taken.ground.context != context => {
                let why = format!("this run belongs to context {}: go there first", taken.ground.context);
                self.tell(DeskNews::Refused(why)).await;
            }
            Ok(Ok(Taken { kept, ground, book, records, edited })) => {
                if self.library.is_none() {
                    self.read_library().await;
                }
                self.runs.insert(id.to_owned(), Held { kept, ground, book: book.clone(), broken: false });
                self.tell(DeskNews::Taken { book: Keep(book), records, edited }).await;
            }
            Ok(Err(why)) => self.tell(DeskNews::Refused(why)).await,
            Err(error) => self.tell(DeskNews::Refused(error.to_string())).await,
        }
    }

    async fn run(&mut self, id: String, effect: RunEffect) {
        let Some(held) = self.runs.get_mut(&id).filter(|held| !held.broken) else {
            // The console counts what it does not know to be on disk.
            if matches!(effect, RunEffect::Record(_)) {
                self.tell(DeskNews::Written).await;
            }
            return;
        };
        match effect {
            RunEffect::Record(record) => match held.kept.append(&record).await {
                Ok(()) => self.tell(DeskNews::Written).await,
                Err(error) => {
                    // Nothing that follows may happen.
                    held.broken = true;
                    self.tell(DeskNews::Broken { id, why: error.why }).await;
                }
            },
            RunEffect::Perform { ticket, work, patience, .. } => self.perform(id, ticket, *work, patience).await,
            RunEffect::Cancel { ticket } => {
                if let Some(task) = self.under_way.remove(&(id, ticket)) {
                    task.abort();
                }
            }
            RunEffect::Say(_) | RunEffect::Finished(_) => {}
        }
    }

    async fn perform(&mut self, id: String, ticket: u64, work: Work, patience: Option<u64>) {
        let Some(held) = self.runs.get(&id) else { return };
        let (book, ground) = (held.book.clone(), held.ground.clone());
        let Some(tools) = self.tools.clone() else {
            let outcome = Outcome::failed("not connected to a cluster");
            return self.tell(DeskNews::Done { id, ticket, outcome }).await;
        };
        // Another world than the one in which the run belongs.
        if tools.context != ground.context {
            let outcome = Outcome::failed(format!("this run belongs to context {}: go there first", ground.context));
            return self.tell(DeskNews::Done { id, ticket, outcome }).await;
        }
        if let Work::Runbook { id: name, with, run, stack } = work {
            return self.within(id, ticket, (name, with, run, stack), &ground).await;
        }
        let messages = self.messages.clone();
        let key = (id.clone(), ticket);
        let task = self.work.spawn(async move {
            let news = match work {
                Work::Act(act) => {
                    let mark = deed::mark(&id, ticket);
                    match deed::request(&act, mark, &tools).await {
                        Ok(request) => DeskNews::Act { id, ticket, request: Box::new(request) },
                        Err(why) => DeskNews::Done { id, ticket, outcome: Outcome::failed(why) },
                    }
                }
                work => {
                    let outcome = perform(&work, patience, &book.origin, &tools).await;
                    DeskNews::Done { id, ticket, outcome }
                }
            };
            let _ = messages.send(Message::Desk(news)).await;
        });
        self.under_way.insert(key, task);
    }

    /// A runbook within another: begun, or taken up where it stands.
    async fn within(
        &mut self,
        parent: String,
        ticket: u64,
        (name, with, run, stack): (String, std::collections::BTreeMap<String, String>, String, Vec<String>),
        around: &Ground,
    ) {
        match self.place_within(name, &with, &run, around).await {
            Ok((held, values, records)) => {
                let book = held.book.clone();
                self.runs.insert(run.clone(), held);
                self.tell(DeskNews::Within { parent, ticket, id: run, book: Keep(book), values, stack, records }).await;
            }
            Err(why) => self.tell(DeskNews::Done { id: parent, ticket, outcome: Outcome::failed(why) }).await,
        }
    }

    async fn place_within(
        &mut self,
        name: String,
        with: &std::collections::BTreeMap<String, String>,
        run: &str,
        around: &Ground,
    ) -> Result<(Held, Values, Vec<crate::runbook::run::record::Record>), String> {
        let library = match &self.library {
            Some(library) => library.clone(),
            None => self.read_library().await,
        };
        let book = library.get(&name).ok_or_else(|| format!("there is no runbook `{name}`"))?.book.clone();
        let values = book.read_values(with)?;
        let ground = Ground::new(&around.context, around.alert.clone(), &book.origin);
        let (store, id, for_disk) =
            (self.launch.runbooks.store.clone(), run.to_owned(), (book.clone(), ground.clone()));
        let placed =
            tokio::task::spawn_blocking(move || keep::begin_within(&store, &id, &for_disk.0, &for_disk.1)).await;
        match placed.map_err(|error| error.to_string())?? {
            Ok(kept) => Ok((Held { kept, ground, book, broken: false }, values, Vec::new())),
            Err(Taken { kept, ground, book, records, .. }) => {
                Ok((Held { kept, ground, book, broken: false }, values, records))
            }
        }
    }

    /// First what a crash left open is settled: only then the log tells what became of it.
    fn look_up(&mut self, id: String, ticket: u64) {
        let known = self.runs.contains_key(&id);
        let Some(tools) = self.tools.clone().filter(|_| known) else { return };
        let (launch, messages) = (self.launch.clone(), self.messages.clone());
        self.work.spawn(async move {
            let _ = settle_open(&launch, &tools.context, &tools.services).await;
            let (log, mark) = (launch.journal.clone(), deed::mark(&id, ticket));
            let fate = tokio::task::spawn_blocking(move || deed::fate(&*log, &mark)).await;
            let (happened, why) = match fate {
                Ok(Ok(Fate::Happened(why))) => (Some(true), why),
                Ok(Ok(Fate::NeverHappened(why))) => (Some(false), why),
                Ok(Ok(Fate::CannotTell(why))) => (None, why),
                Ok(Err(error)) => (None, format!("the audit log cannot be read: {error}")),
                Err(error) => (None, error.to_string()),
            };
            let _ = messages.send(Message::Desk(DeskNews::Fate { id, ticket, happened, why })).await;
        });
    }
}

fn unfinished(run: OpenRun) -> Unfinished {
    let OpenRun { id, title, step, began, who, elsewhere, .. } = run;
    Unfinished { id, title, step, began, who, elsewhere }
}
