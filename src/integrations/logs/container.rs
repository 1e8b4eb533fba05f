//! The lines of one container, over restarts, rotations and broken connections.
//!
//! A log stream ends silently when the kubelet rotates the file, when a proxy loses patience, and when the container
//! ends. It is then opened again from the second of the last line, and what was shown already is dropped.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::time::Duration;

use chrono::SecondsFormat;
use futures::stream::{self, BoxStream, StreamExt};

use super::line::{Reader, stamped};
use crate::domain::Text;
use crate::domain::log::LogLine;
use crate::domain::target::PodRef;
use crate::domain::time::Instant;
use crate::integrations::kubernetes::fault::{fault, short};
use crate::integrations::kubernetes::lines::lines;
use crate::integrations::kubernetes::paths::{pod, with_query};
use crate::integrations::kubernetes::transport::{Failure, Transport};

/// Lines from before that are read at most when a container is first opened.
const TAIL: &str = "300";
/// Lines of a container's previous life that are read at most.
const TAIL_PREVIOUS: &str = "100";
/// Longest line in bytes; the rest of it is dropped.
const LONGEST_LINE: usize = 32 << 10;
/// A restarted container that says nothing for this long has its previous life shown.
const SAYS_NOTHING: Duration = Duration::from_secs(2);
/// Pause before a stream is opened again; doubles while nothing comes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// ... up to this when a stream ends again and again without a new line.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// ... up to this while a container is waiting to start: its first lines must not be late.
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId {
    /// The pod.
    pub pod: PodRef,
    /// The container's name.
    pub name: Text,
}

impl ContainerId {
    /// `pod/container`.
    pub fn label(&self) -> Text {
        format!("{}/{}", self.pod.name, self.name).into()
    }
}

/// What happens to a container's stream.
#[derive(Debug)]
pub enum Event {
    /// It is open.
    Opened,
    /// A line.
    Line(LogLine),
    /// It ended and will be opened again.
    Ended,
    /// It could not be opened; it will be tried again.
    Failed(Text),
    /// The pod or the container is gone.
    Gone,
}

/// Where to begin.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Not before this.
    pub since: Option<Instant>,
    /// Has the container been restarted? Then its previous life may be what matters.
    pub restarted: bool,
}

/// Follows a container; ends after [`Event::Gone`].
pub fn follow(transport: Transport, id: ContainerId, begin: Begin) -> BoxStream<'static, (ContainerId, Event)> {
    let reader = Reader::new(id.pod.name.clone(), id.name.clone());
    let container = Container {
        transport,
        id,
        begin,
        reader,
        last: None,
        at_last: HashSet::new(),
        stage: Stage::Open,
        pause: FIRST_PAUSE,
        opened: false,
        ready: VecDeque::new(),
    };
    stream::unfold(container, |mut container| async move {
        let event = container.next().await?;
        Some(((container.id.clone(), event), container))
    })
    .boxed()
}

enum Stage {
    Open,
    Wait,
    Read(BoxStream<'static, io::Result<Vec<u8>>>),
    Gone,
}

struct Container {
    transport: Transport,
    id: ContainerId,
    begin: Begin,
    reader: Reader,
    /// Stamp of the newest line shown, and the lines that carry it.
    last: Option<Instant>,
    at_last: HashSet<String>,
    stage: Stage,
    pause: Duration,
    opened: bool,
    ready: VecDeque<Event>,
}

impl Container {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match std::mem::replace(&mut self.stage, Stage::Wait) {
                Stage::Gone => return None,
                Stage::Wait => {
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    self.stage = Stage::Open;
                }
                Stage::Open => self.open().await,
                Stage::Read(lines) => self.read(lines).await,
            }
        }
    }

    fn path(&self, query: &[(&str, &str)]) -> String {
        let base = format!("{}/log", pod(&self.id.pod.namespace, &self.id.pod.name));
        let mut all = vec![("container", &*self.id.name), ("timestamps", "true")];
        all.extend_from_slice(query);
        with_query(&base, &all)
    }

    async fn open(&mut self) {
        // The API takes whole seconds only.
        let since = self.last.or(self.begin.since).map(|since| since.to_rfc3339_opts(SecondsFormat::Secs, true));
        let mut query = vec![("follow", "true")];
        query.extend(since.as_deref().map(|since| ("sinceTime", since)));
        if !self.opened {
            query.push(("tailLines", TAIL));
        }
        match self.transport.open(&self.path(&query)).await {
            Ok(reader) => {
                self.opened = true;
                self.stage = Stage::Read(lines(reader, LONGEST_LINE, true));
                self.ready.push_back(Event::Opened);
            }
            Err(Failure::Status(status)) if status.code == 404 => {
                self.stage = Stage::Gone;
                self.ready.push_back(Event::Gone);
            }
            Err(failure) => {
                let why = match &failure {
                    // "container "app" in pod "x" is waiting to start: trying and failing to pull image"
                    Failure::Status(status) => {
                        if status.code == 400 {
                            self.pause = self.pause.min(LONGEST_WAIT);
                        }
                        short(&status.message)
                    }
                    other => fault(other, "read logs", self.transport.server()).message,
                };
                self.ready.push_back(Event::Failed(why.into()));
            }
        }
    }

    async fn read(&mut self, mut lines: BoxStream<'static, io::Result<Vec<u8>>>) {
        let silent = self.begin.restarted && self.last.is_none();
        let patience = if silent { SAYS_NOTHING } else { Duration::MAX };
        let Ok(line) = tokio::time::timeout(patience, lines.next()).await else {
            self.begin.restarted = false;
            self.previous().await;
            self.stage = Stage::Read(lines);
            return;
        };
        if let Some(Ok(line)) = line {
            self.take(&line);
            self.stage = Stage::Read(lines);
            return;
        }
        if std::mem::take(&mut self.begin.restarted) && self.last.is_none() {
            self.previous().await;
        }
        // Whatever ended it, opening it again tells what is wrong, if anything is.
        self.ready.push_back(Event::Ended);
    }

    /// The end of the container's previous life; nothing when there is none any more.
    async fn previous(&mut self) {
        let path = self.path(&[("previous", "true"), ("tailLines", TAIL_PREVIOUS)]);
        if let Ok(answer) = self.transport.get(&path).await {
            for line in answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                self.take(line);
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let Some(line) = stamped(bytes) else { return };
        match self.last {
            Some(last) if line.at < last => return,
            Some(last) if line.at == last => {
                if !self.at_last.insert(line.text.to_string()) {
                    return;
                }
            }
            _ => {
                self.last = Some(line.at);
                self.at_last.clear();
                self.at_last.insert(line.text.to_string());
            }
        }
        self.pause = FIRST_PAUSE;
        self.ready.push_back(Event::Line(self.reader.read(&line)));
    }
}
