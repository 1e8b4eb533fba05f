//! All containers of a target as one stream of batches.
//!
//! There is no queue between the network and the batch: a console that is too slow slows the reading, and what does not
//! fit a batch is dropped, oldest first, and counted.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::time::Duration;

use futures::stream::{self, BoxStream, ReadyChunks, SelectAll, StreamExt, select_all};
use tokio::time::{Instant as Moment, sleep_until};

use super::container::{self, Begin, ContainerId, Event};
use super::pods::{PodStream, discover};
use crate::domain::Text;
use crate::domain::log::{LogBatch, LogLine};
use crate::domain::pod::PodRow;
use crate::domain::time::Instant;
use crate::integrations::kubernetes::transport::Transport;
use crate::ports::Now;
use crate::ports::feed::{Fault, LogTarget, Update, UpdateStream};

/// Streams open at once; more would be queued or refused by API servers.
pub const MOST_STREAMS: usize = 50;
/// The longest healthy silence.
pub const PATIENCE_SECONDS: u64 = 15;
/// Silence after which the feed says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Lines are gathered for this long.
const GATHER: Duration = Duration::from_millis(100);
/// Lines of one batch: 20,000 lines a second.
const MOST_LINES: usize = 2000;
/// The first batch holds what was said before; it waits for all containers, at most this long, so that their lines come
/// in the order of time and not of arrival.
const OPENING: Duration = Duration::from_secs(2);
/// Lines of that first batch.
const MOST_OPENING_LINES: usize = 20_000;
/// Pause before a failing pod watch is tried again while logs flow.
const PODS_PAUSE: Duration = Duration::from_secs(10);

/// Opens the stream.
pub fn follow(transport: Transport, target: LogTarget, since: Option<Instant>, now: Now) -> UpdateStream {
    // A stream that never speaks keeps the collection from ending while nothing is followed yet.
    let silent: BoxStream<'static, (ContainerId, Event)> = stream::pending().boxed();
    let follow = Follow {
        pods: discover(transport.clone(), target, now),
        pods_after: None,
        pods_over: false,
        transport,
        since,
        streams: select_all([silent]).ready_chunks(256),
        known: BTreeMap::new(),
        waiting: VecDeque::new(),
        lines: VecDeque::new(),
        lost: 0,
        deadline: None,
        opening_until: None,
        opened: false,
        said: Moment::now(),
        ready: VecDeque::new(),
    };
    stream::unfold(follow, |mut follow| async move { Some((follow.next().await, follow)) }).boxed()
}

/// How a followed container is.
#[derive(Default)]
struct State {
    open: bool,
    /// It answered, with lines, an end or an error.
    spoke: bool,
    failed: Option<Text>,
}

struct Follow {
    transport: Transport,
    since: Option<Instant>,
    pods: PodStream,
    /// Not before this, after a failure.
    pods_after: Option<Moment>,
    pods_over: bool,
    streams: ReadyChunks<SelectAll<BoxStream<'static, (ContainerId, Event)>>>,
    known: BTreeMap<ContainerId, State>,
    /// Containers for which there is no room.
    waiting: VecDeque<(ContainerId, Begin)>,
    lines: VecDeque<LogLine>,
    lost: u64,
    /// When the batch goes out.
    deadline: Option<Moment>,
    /// When the first batch goes out, however many containers are still silent.
    opening_until: Option<Moment>,
    /// The first batch is out.
    opened: bool,
    /// When something was last said.
    said: Moment,
    ready: VecDeque<Result<Update, Fault>>,
}

impl Follow {
    async fn next(&mut self) -> Result<Update, Fault> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                self.said = Moment::now();
                return item;
            }
            let heartbeat = self.said + HEARTBEAT;
            let deadline = self.deadline;
            let pods_after = self.pods_after;
            let over = self.pods_over;
            let pods = &mut self.pods;
            let next_pods = async move {
                if over {
                    return pending().await;
                }
                if let Some(after) = pods_after {
                    sleep_until(after).await;
                }
                pods.next().await
            };
            // In this order: a flood of lines must hold back neither the batch nor the discovery of pods.
            tokio::select! {
                biased;
                () = at(deadline) => self.flush(),
                pods = next_pods => self.pods_came(pods),
                Some(events) = self.streams.next() => {
                    for (id, event) in events {
                        self.took(&id, event);
                    }
                }
                () = sleep_until(heartbeat) => self.ready.push_back(Ok(Update::Alive)),
            }
        }
    }

    fn flush(&mut self) {
        self.deadline = None;
        let limit = self.opening_until.unwrap_or_else(Moment::now);
        if !self.opened && Moment::now() < limit && self.known.values().any(|state| !state.spoke) {
            self.deadline = Some(limit.min(Moment::now() + GATHER));
            return;
        }
        self.opened = true;
        let mut lines: Vec<LogLine> = std::mem::take(&mut self.lines).into();
        // Lines of one container keep their order: the sort is stable.
        lines.sort_by(|a, b| (a.at, &a.pod, &a.container).cmp(&(b.at, &b.pod, &b.container)));
        let mut failed: Vec<(Text, Text)> =
            self.known.iter().filter_map(|(id, state)| state.failed.clone().map(|why| (id.label(), why))).collect();
        if !self.waiting.is_empty() {
            failed.push((
                format!("{} more containers", self.waiting.len()).into(),
                format!("only {MOST_STREAMS} are followed at once").into(),
            ));
        }
        let streams = self.known.values().filter(|state| state.open).count() as u32;
        let lost = std::mem::take(&mut self.lost);
        self.ready.push_back(Ok(Update::Logs(LogBatch { lines, lost, streams, failed })));
    }

    /// Something is to be told: the batch goes out soon.
    fn touch(&mut self) {
        let soon = Moment::now() + GATHER;
        if self.opened {
            self.deadline.get_or_insert(soon);
        } else {
            // Until the first batch is out, every line puts it off: the past comes as one.
            let limit = *self.opening_until.get_or_insert_with(|| Moment::now() + OPENING);
            self.deadline = Some(limit.min(soon));
        }
    }

    fn pods_came(&mut self, pods: Option<Result<Vec<PodRow>, Fault>>) {
        self.pods_after = None;
        match pods {
            None => self.pods_over = true,
            Some(Ok(mut pods)) => {
                // Newest first: when there is no room for all, the new rollout matters most.
                pods.sort_by_key(|pod| std::cmp::Reverse(pod.created));
                for pod in pods {
                    self.add(&pod);
                }
            }
            Some(Err(fault)) => {
                let flowing = self.known.values().any(|state| state.open);
                self.pods_after = flowing.then(|| Moment::now() + PODS_PAUSE);
                self.ready.push_back(if flowing { Ok(Update::Limited(fault)) } else { Err(fault) });
            }
        }
    }

    /// Containers of a pod that are not followed yet. Those that only initialize matter only while they do.
    fn add(&mut self, pod: &PodRow) {
        let initializing = pod.ready == 0 && (pod.status.starts_with("Init:") || &*pod.status == "PodInitializing");
        let only_init = pod.container_names.len().saturating_sub(usize::from(pod.containers));
        let skip = if initializing { 0 } else { only_init };
        for name in pod.container_names.iter().skip(skip) {
            let id = ContainerId { pod: pod.id.clone(), name: name.clone() };
            if self.known.contains_key(&id) || self.waiting.iter().any(|(waiting, _)| *waiting == id) {
                continue;
            }
            self.waiting.push_back((id, Begin { since: self.since, restarted: pod.restarts > 0 }));
        }
        self.fill();
    }

    fn fill(&mut self) {
        while self.known.len() < MOST_STREAMS {
            let Some((id, begin)) = self.waiting.pop_front() else { break };
            self.streams.get_mut().push(container::follow(self.transport.clone(), id.clone(), begin));
            self.known.insert(id, State::default());
        }
        self.touch();
    }

    fn took(&mut self, id: &ContainerId, event: Event) {
        let state = self.known.entry(id.clone()).or_default();
        match event {
            Event::Line(line) => {
                let most = if self.opened { MOST_LINES } else { MOST_OPENING_LINES };
                if self.lines.len() >= most {
                    self.lines.pop_front();
                    self.lost += 1;
                }
                self.lines.push_back(line);
            }
            Event::Opened => *state = State { open: true, spoke: true, failed: None },
            Event::Ended => state.open = false,
            Event::Failed(why) => *state = State { open: false, spoke: true, failed: Some(why) },
            Event::Gone => {
                self.known.remove(id);
                self.fill();
            }
        }
        self.touch();
    }
}

async fn at(moment: Option<Moment>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
