//! List, then watch: the state of a resource as a stream of deltas.
//!
//! Pages of a list are handed on as they arrive. A watch lives [`WATCH_SECONDS`], is opened again where it stopped, and
//! each opening says [`Update::Alive`]: so a quiet resource is known to be quiet, and a dead connection is noticed within
//! a minute. Events that arrived together make one delta. When the server no longer knows our place (410), everything is
//! listed again. Nothing is retried here: a failure is an item, and the place is kept for the next poll.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use futures::stream::{self, BoxStream, ReadyChunks, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::{fault, is_torn, short};
use super::lean::List;
use super::lines::lines;
use super::paths::{collection, with_query};
use super::rows::Table;
use super::transport::{Failure, Status, Transport, parse};
use crate::domain::Text;
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::ports::Now;
use crate::ports::feed::{Delta, Fault, FaultKind, Update, UpdateStream};

/// How long one watch lives.
pub const WATCH_SECONDS: u32 = 30;
/// The longest healthy silence: a watch's life and the opening of the next.
pub const PATIENCE_SECONDS: u64 = 45;
/// Objects per page: what etcd and the network deliver within a blink.
const PAGE: &str = "500";
/// Rows whose time has come are looked for this often.
const TICK: Duration = Duration::from_secs(5);
/// Events that are put into one delta at most.
const TOGETHER: usize = 2000;
/// The longest event line; etcd holds objects up to 1.5 MB by default.
const LONGEST_EVENT: usize = 32 << 20;
/// Watches that end at once in a row, before that is called a failure.
const SHORT_WATCHES: u32 = 3;
/// After this many watches of one namespace (five minutes), ask again whether the whole cluster may be read now.
const ASK_AGAIN_AFTER: u32 = 10;

/// What to watch.
#[derive(Clone, Debug)]
pub struct Query {
    /// The resource.
    pub resource: Resource,
    /// Wanted namespaces.
    pub scope: NamespaceScope,
    /// The namespace to be content with when the whole cluster is forbidden.
    pub fallback: Option<Text>,
    /// `labelSelector` or `fieldSelector`, and its value.
    pub selector: Option<(&'static str, String)>,
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
        limited: 0,
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
    /// Watches of the fallback since the whole cluster was asked for.
    limited: u32,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Versioned {
    metadata: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: String,
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
            NamespaceScope::One(namespace) if self.query.resource.is_namespaced() => {
                format!("{verb} {} in namespace {namespace}", self.query.resource.plural())
            }
            _ => format!("{verb} {}", self.query.resource.plural()),
        }
    }

    fn fail(&mut self, failure: &Failure, verb: &str) {
        let mut fault = fault(failure, &self.what(verb), self.transport.server());
        if fault.kind == FaultKind::Forbidden && self.query.resource.is_namespaced() {
            fault.hint = Some("ask for the right to do so, or choose a namespace that you may read".to_owned());
        }
        self.ready.push_back(Err(fault));
    }

    async fn list(&mut self, token: Option<String>) {
        let mut refused = None;
        let page = loop {
            let mut query = vec![("limit", PAGE)];
            query.extend(self.query.selector.as_ref().map(|(name, value)| (*name, value.as_str())));
            query.extend(token.as_ref().map(|token| ("continue", token.as_str())));
            let path = with_query(&collection(self.query.resource, &self.scope), &query);
            match self.transport.get_json::<List<T::Object>>(&path).await {
                Err(Failure::Status(status))
                    if status.code == 403 && self.scope == NamespaceScope::All && token.is_none() =>
                {
                    let failure = Failure::Status(status);
                    let Some(namespace) = self.query.fallback.clone() else {
                        return self.fail(&failure, "list");
                    };
                    refused = Some(fault(&failure, &self.what("list"), self.transport.server()));
                    self.scope = NamespaceScope::One(namespace);
                }
                other => break other,
            }
        };
        match page {
            Ok(list) => {
                let now = (self.now)();
                let first = token.is_none();
                if first {
                    self.table.forget(None);
                }
                let upserts = list.items.into_iter().filter_map(|object| self.table.row(object, now)).collect();
                self.ready.push_back(Ok(T::update(Delta { reset: first, upserts, removes: Vec::new() })));
                if let (Some(mut refused), NamespaceScope::One(namespace)) = (refused, &self.scope) {
                    refused.message = format!("only namespace {namespace}: {}", refused.message);
                    self.limited = 0;
                    self.ready.push_back(Ok(Update::Limited(refused)));
                }
                self.stage = if list.metadata.next.is_empty() {
                    Stage::Watch(list.metadata.resource_version)
                } else {
                    Stage::Page(list.metadata.next)
                };
            }
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

    async fn open(&mut self, version: String) {
        if self.scope != self.query.scope {
            self.limited += 1;
            if self.limited >= ASK_AGAIN_AFTER {
                self.limited = 0;
                let probe = with_query(&collection(self.query.resource, &self.query.scope), &[("limit", "1")]);
                if self.transport.get(&probe).await.is_ok() {
                    return;
                }
            }
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
                self.stage = Stage::Watch(version);
                self.fail(&failure, "watch");
            }
        }
    }

    async fn events(&mut self, mut version: String, mut events: Events, since: tokio::time::Instant, mut any: bool) {
        let Ok(chunk) = tokio::time::timeout(TICK, events.next()).await else {
            self.stage = Stage::Events { version, events, since, any };
            let due = self.table.due((self.now)());
            if !due.is_empty() {
                let upserts = due.into_iter().map(|(_, row)| row).collect();
                self.ready.push_back(Ok(T::update(Delta { upserts, ..Delta::default() })));
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
            self.ready.push_back(Ok(T::update(delta)));
        } else if applied.bookmark {
            self.ready.push_back(Ok(Update::Alive));
        }
        match stop {
            None => self.stage = Stage::Events { version, events, since, any },
            Some(Stop::Ended) => self.ended(version, since, any),
            Some(Stop::Expired) => self.stage = Stage::List,
            Some(Stop::Failed(failure)) => {
                self.stage = Stage::Watch(version);
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
        let frame: Frame<'_> = serde_json::from_slice(line)
            .map_err(|_| Stop::Failed(parse::<serde_json::Value>(line).err().unwrap_or_else(unknown_frame)))?;
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

fn unknown_frame() -> Failure {
    Failure::Malformed("a watch event of an unknown form".to_owned())
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

/// Does the server no longer know our place (or, restored from a backup, not know it yet)?
fn is_expired(status: &Status) -> bool {
    status.code == 410
        || matches!(status.reason.as_str(), "Expired" | "Gone")
        || status.message.contains("Too large resource version")
}

fn version_of(line: &[u8]) -> Option<String> {
    let frame: Frame<'_> = serde_json::from_slice(line).ok()?;
    let object: Versioned = serde_json::from_str(frame.object.get()).ok()?;
    Some(object.metadata.resource_version).filter(|version| !version.is_empty())
}
