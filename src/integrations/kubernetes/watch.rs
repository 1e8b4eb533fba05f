//! List, then watch: the state of a resource as a stream of deltas.
//!
//! Pages of the first list are handed on as they arrive; a later list replaces everything at once, so that rows do not
//! vanish for a moment. A watch lives [`WATCH_SECONDS`], is opened again where it stopped, and each opening says
//! [`Update::Alive`]: so a quiet resource is known to be quiet. A server that neither ends its watch in time nor answers
//! is given up after [`SILENCE`]. Events that arrived together make one delta. Nothing is retried here: a failure is an
//! item, and the next poll goes on.
//!
//! A place (resource version) is only worth something while the server's store is the same. An API server accepts a
//! watch from a version that its store has not reached yet, says 200 and then drops every event up to it: after a
//! restart on an emptied or restored etcd the rows would be ghosts for ever. So after any failure that may have been a
//! restart everything is listed again, versions that go backwards mean the same, and now and then the store is asked for
//! its version.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use futures::stream::{self, BoxStream, ReadyChunks, StreamExt};
use serde::de::IgnoredAny;

use super::fault::{fault, is_torn, short};
use super::lean::List;
use super::lines::lines;
use super::paths::{Shelf, collection, with_query};
use super::rows::Table;
use super::transport::{Failure, Status, Transport, parse};
use super::watch_event::{frame, is_expired, is_not_ready, keeps_place, version_of, went_back};
use crate::domain::Text;
use crate::domain::cluster::NamespaceScope;
use crate::ports::Now;
use crate::ports::feed::{Delta, Fault, FaultKind, Update, UpdateStream};

/// How long one watch lives.
pub const WATCH_SECONDS: u32 = 25;
/// A watch that lives longer than it was asked to hangs on a dead connection or a stopped server.
const SILENCE: Duration = Duration::from_secs(30);
/// The longest healthy silence: a watch's life and the opening of the next.
pub const PATIENCE_SECONDS: u64 = 35;
/// Objects per page: what etcd and the network deliver within a blink.
pub const PAGE: &str = "500";
/// Rows whose time has come are looked for this often.
const TICK: Duration = Duration::from_secs(5);
/// Events that are put into one delta at most.
const TOGETHER: usize = 2000;
/// The longest event line; etcd holds objects up to 1.5 MB by default.
const LONGEST_EVENT: usize = 32 << 20;
/// Watches that end at once in a row, before that is called a failure.
const SHORT_WATCHES: u32 = 3;
/// After this many watches (four minutes) ask the store for its version; and at the latest after as many watches of one
/// namespace, whether the whole cluster may be read now.
const ASK_AGAIN_AFTER: u32 = 10;

/// What to watch.
#[derive(Clone, Debug)]
pub struct Query {
    /// What it reads.
    pub resource: Shelf,
    /// Wanted namespaces.
    pub scope: NamespaceScope,
    /// The namespace to be content with when the whole cluster is forbidden.
    pub fallback: Option<Text>,
    /// `labelSelector` or `fieldSelector`, and its value.
    pub selector: Option<(&'static str, String)>,
    /// Objects per page of a list: [`PAGE`], or fewer where they are large.
    pub page: &'static str,
}

/// Opens the stream.
pub fn watch<T: Table>(transport: Transport, table: T, query: Query, now: Now) -> UpdateStream {
    let scope = query.scope.clone();
    let watcher = Watcher {
        transport,
        table,
        query,
        now,
        scope,
        stage: Stage::List,
        ready: VecDeque::new(),
        short: 0,
        watches: 0,
        ask_after: 1,
        listed: false,
        relisted: None,
        missing: false,
    };
    stream::unfold(watcher, |mut watcher| async move { Some((watcher.next().await, watcher)) }).boxed()
}

type Events = ReadyChunks<BoxStream<'static, io::Result<Vec<u8>>>>;

enum Stage {
    /// From the beginning.
    List,
    /// The next page of a list.
    Page(String),
    /// Open a watch from a version.
    Watch(String),
    /// Watching.
    Events { version: String, events: Events, since: tokio::time::Instant, any: bool },
}

struct Watcher<T: Table> {
    transport: Transport,
    table: T,
    query: Query,
    now: Now,
    /// What is read now: the wanted scope, or the fallback.
    scope: NamespaceScope,
    stage: Stage,
    ready: VecDeque<Result<Update, Fault>>,
    /// Watches in a row that ended at once.
    short: u32,
    /// Watches since the last list, or since the store was asked last.
    watches: u32,
    /// Watches of the fallback before the whole cluster is asked for again. Grows: a server that has just started
    /// refuses for a moment what it will allow, a role that is missing is missing for days.
    ask_after: u32,
    /// Was there a complete list?
    listed: bool,
    /// Rows of a later list, until it is complete.
    relisted: Option<Vec<T::Row>>,
    /// The namespace does not exist: look again at every opening.
    missing: bool,
}

impl<T: Table> Watcher<T> {
    async fn next(&mut self) -> Result<Update, Fault> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return item;
            }
            match std::mem::replace(&mut self.stage, Stage::List) {
                Stage::List => {
                    self.scope = self.query.scope.clone();
                    self.list(None).await;
                }
                Stage::Page(token) => self.list(Some(token)).await,
                Stage::Watch(version) => self.open(version).await,
                Stage::Events { version, events, since, any } => self.events(version, events, since, any).await,
            }
        }
    }

    fn what(&self, verb: &str) -> String {
        match &self.scope {
            NamespaceScope::One(namespace) if self.query.resource.namespaced => {
                format!("{verb} {} in namespace {namespace}", self.query.resource.plural)
            }
            _ => format!("{verb} {}", self.query.resource.plural),
        }
    }

    fn fail(&mut self, failure: &Failure, verb: &str) {
        let mut fault = fault(failure, &self.what(verb), self.transport.server());
        if fault.kind == FaultKind::Forbidden && self.query.resource.namespaced {
            fault.hint = Some("ask for the right to do so, or choose a namespace that you may read".to_owned());
        }
        self.ready.push_back(Err(fault));
    }

    /// The first namespace-wide refusal: content with the fallback, if there is one and the refusal is meant.
    fn narrow(&mut self, status: &Status) -> Option<Fault> {
        let namespace = self.query.fallback.clone()?;
        if is_not_ready(status) {
            return None;
        }
        let resource = self.query.resource.plural;
        let fault = Fault::new(
            FaultKind::Forbidden,
            format!("only namespace {namespace}: listing {resource} in all namespaces is forbidden"),
        )
        .hint("ask for a ClusterRole with list and watch, or choose another namespace");
        self.scope = NamespaceScope::One(namespace);
        Some(fault)
    }

    async fn list(&mut self, token: Option<String>) {
        let mut narrowed = None;
        let page = loop {
            let mut query = vec![("limit", self.query.page)];
            query.extend(self.query.selector.as_ref().map(|(name, value)| (*name, value.as_str())));
            query.extend(token.as_ref().map(|token| ("continue", token.as_str())));
            let path = with_query(&collection(self.query.resource, &self.scope), &query);
            match self.transport.get_json::<List<T::Object>>(&path).await {
                Err(Failure::Status(status))
                    if status.code == 403 && self.scope == NamespaceScope::All && token.is_none() =>
                {
                    narrowed = self.narrow(&status);
                    if narrowed.is_none() {
                        return self.fail(&Failure::Status(status), "list");
                    }
                }
                other => break other,
            }
        };
        match page {
            Ok(list) => self.page(list, token.is_none(), narrowed).await,
            Err(failure) => {
                // An expired token cannot be continued; a page that merely failed can.
                let expired = matches!(&failure, Failure::Status(status) if is_expired(status));
                if let (Some(token), false) = (token, expired) {
                    self.stage = Stage::Page(token);
                }
                self.fail(&failure, "list");
            }
        }
    }

    /// Takes a page in. `narrowed` says that it is the first one of the fallback, and why.
    async fn page(&mut self, list: List<T::Object>, first: bool, narrowed: Option<Fault>) {
        let now = (self.now)();
        let last = list.metadata.next.is_empty();
        let nothing = first && last && list.items.is_empty();
        if first {
            self.table.forget(None);
            self.relisted = None;
            if self.scope == self.query.scope {
                self.ask_after = 1;
            }
        }
        let mut upserts: Vec<T::Row> =
            list.items.into_iter().filter_map(|object| self.table.row(object, now)).collect();
        if self.listed {
            let mut rows = self.relisted.take().unwrap_or_default();
            rows.append(&mut upserts);
            if last {
                self.ready.push_back(Ok(self.table.pack(Delta { reset: true, upserts: rows, removes: Vec::new() })));
            } else {
                self.relisted = Some(rows);
            }
        } else {
            self.ready.push_back(Ok(self.table.pack(Delta { reset: first, upserts, removes: Vec::new() })));
        }
        self.missing = false;
        if nothing {
            self.look_for_namespace().await;
        }
        self.ready.extend(narrowed.map(|fault| Ok(Update::Limited(fault))));
        self.stage = if last {
            self.listed = true;
            self.watches = 0;
            Stage::Watch(list.metadata.resource_version)
        } else {
            Stage::Page(list.metadata.next)
        };
    }

    /// An empty list may be that of a namespace which is not there; the API server does not say so by itself.
    async fn look_for_namespace(&mut self) {
        let NamespaceScope::One(namespace) = &self.scope else { return };
        if !self.query.resource.namespaced {
            return;
        }
        // Who may not ask gets 403 also for what does not exist: then nothing is claimed.
        if let Err(Failure::Status(status)) = self.transport.get(&super::paths::namespace(namespace)).await
            && status.code == 404
        {
            let fault = Fault::new(FaultKind::NotServed, format!("namespace {namespace} does not exist"))
                .hint("choose another namespace; if it is made, its rows appear by themselves");
            self.missing = true;
            self.ready.push_back(Ok(Update::Limited(fault)));
        }
    }

    /// Is it time to look whether our place still means something, or whether more may be read? Then the answer may be
    /// that everything must be listed again.
    async fn must_list(&mut self, version: &str) -> bool {
        let narrowed = self.scope != self.query.scope;
        let after = if narrowed { self.ask_after } else { ASK_AGAIN_AFTER };
        if self.watches <= after && !(self.missing && self.watches > 1) {
            return false;
        }
        if self.missing {
            return true;
        }
        self.watches = 1;
        self.ask_after = (self.ask_after * 2).min(ASK_AGAIN_AFTER);
        let probe = with_query(&collection(self.query.resource, &self.query.scope), &[("limit", "1")]);
        match self.transport.get_json::<List<IgnoredAny>>(&probe).await {
            Ok(list) => narrowed || went_back(version, &list.metadata.resource_version),
            Err(_) => false,
        }
    }

    async fn open(&mut self, version: String) {
        self.watches += 1;
        if self.must_list(&version).await {
            return;
        }
        let seconds = WATCH_SECONDS.to_string();
        let mut query = vec![
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version.as_str()),
            ("timeoutSeconds", seconds.as_str()),
        ];
        query.extend(self.query.selector.as_ref().map(|(name, value)| (*name, value.as_str())));
        let path = with_query(&collection(self.query.resource, &self.scope), &query);
        match self.transport.open(&path).await {
            Ok(reader) => {
                let events = lines(reader, LONGEST_EVENT, false).ready_chunks(TOGETHER);
                let since = tokio::time::Instant::now();
                self.stage = Stage::Events { version, events, since, any: false };
                self.ready.push_back(Ok(Update::Alive));
            }
            Err(Failure::Status(status)) if is_expired(&status) => {}
            Err(failure) => {
                if keeps_place(&failure) {
                    self.stage = Stage::Watch(version);
                }
                self.fail(&failure, "watch");
            }
        }
    }

    async fn events(&mut self, mut version: String, mut events: Events, since: tokio::time::Instant, mut any: bool) {
        let Ok(chunk) = tokio::time::timeout(TICK, events.next()).await else {
            if since.elapsed() >= SILENCE {
                return self.fail(&Failure::silent(SILENCE), "watch");
            }
            self.stage = Stage::Events { version, events, since, any };
            let due = self.table.due((self.now)());
            if !due.is_empty() {
                let upserts = due.into_iter().map(|(_, row)| row).collect();
                self.ready.push_back(Ok(self.table.pack(Delta { upserts, ..Delta::default() })));
            }
            return;
        };
        let Some(chunk) = chunk else {
            return self.ended(version, since, any);
        };
        any = true;
        let mut applied = Applied { rows: BTreeMap::new(), bookmark: false };
        let mut last = None;
        let mut stop = None;
        for line in chunk {
            let applied = line
                .map_err(|error| {
                    if is_torn(&error) {
                        Stop::Ended
                    } else {
                        Stop::Failed(Failure::Transport(kube::Error::ReadEvents(error)))
                    }
                })
                .and_then(|line| self.apply(&line, &mut applied).map(|()| line));
            match applied {
                Ok(line) => last = Some(line),
                Err(reason) => {
                    stop = Some(reason);
                    break;
                }
            }
        }
        if let Some(known) = last.as_deref().and_then(version_of) {
            if went_back(&version, &known) {
                stop = Some(Stop::Expired);
            }
            version = known;
        }
        for (key, row) in self.table.due((self.now)()) {
            applied.rows.entry(key).or_insert(Some(row));
        }
        if !applied.rows.is_empty() {
            let mut delta = Delta::default();
            for (key, row) in applied.rows {
                match row {
                    Some(row) => delta.upserts.push(row),
                    None => delta.removes.push(key),
                }
            }
            self.ready.push_back(Ok(self.table.pack(delta)));
        } else if applied.bookmark {
            self.ready.push_back(Ok(Update::Alive));
        }
        match stop {
            None => self.stage = Stage::Events { version, events, since, any },
            Some(Stop::Ended) => self.ended(version, since, any),
            Some(Stop::Expired) => self.stage = Stage::List,
            Some(Stop::Failed(failure)) => {
                if keeps_place(&failure) {
                    self.stage = Stage::Watch(version);
                }
                self.fail(&failure, "watch");
            }
        }
    }

    /// The server ended the watch, as it does after its time. One that ends at once, again and again, is a failure.
    fn ended(&mut self, version: String, since: tokio::time::Instant, any: bool) {
        self.stage = Stage::Watch(version);
        self.short = if any || since.elapsed() > Duration::from_secs(1) { 0 } else { self.short + 1 };
        if self.short >= SHORT_WATCHES {
            self.short = 0;
            let message = format!("{}: the server ends every watch at once", self.what("watch"));
            self.ready.push_back(Err(Fault::new(FaultKind::Server, short(&message))
                .hint("a proxy between here and the API server may not let long answers through")));
        }
    }

    fn apply(&mut self, line: &[u8], applied: &mut Applied<T>) -> Result<(), Stop> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let frame = frame(line).map_err(Stop::Failed)?;
        match frame.kind {
            "BOOKMARK" => applied.bookmark = true,
            "ERROR" => {
                let status: Status = parse(frame.object.get().as_bytes()).map_err(Stop::Failed)?;
                return Err(if is_expired(&status) { Stop::Expired } else { Stop::Failed(Failure::Status(status)) });
            }
            kind => {
                let object: T::Object = parse(frame.object.get().as_bytes()).map_err(Stop::Failed)?;
                let key = self.table.key(&object);
                let row = if kind == "DELETED" { None } else { self.table.row(object, (self.now)()) };
                if row.is_none() {
                    self.table.forget(Some(&key));
                }
                applied.rows.insert(key, row);
            }
        }
        Ok(())
    }
}

struct Applied<T: Table> {
    rows: BTreeMap<T::Key, Option<T::Row>>,
    bookmark: bool,
}

/// Why the events of a watch stop.
enum Stop {
    Ended,
    Expired,
    Failed(Failure),
}
