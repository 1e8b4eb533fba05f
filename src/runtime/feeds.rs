//! Owns the task of every feed: back-off, health and epoch. Feeds themselves retry nothing.
//!
//! Dropping [`FeedTasks`] ends the tasks at once (reads die by drop). A context switch drops the old set and opens a new
//! one under the next epoch; what a dying task still had in the channel is recognised by its epoch and discarded.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::ports::feed::{Fault, FaultKind, Feed};
use crate::state::message::{FeedItem, Message};

/// The longest wait, before jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long to wait after consecutive faults: half a second, doubling to ten seconds, with jitter (up to twice as long) so
/// that a bastion full of consoles does not knock all at once. No longer: whoever looks at a console whose cluster has
/// just come back wants to see it.
fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times()
        .build()
}

/// The running feeds of one epoch.
#[derive(Debug)]
pub struct FeedTasks {
    epoch: u64,
    tasks: JoinSet<()>,
    messages: mpsc::Sender<Message>,
}

impl FeedTasks {
    /// No feeds yet.
    pub fn new(epoch: u64, messages: mpsc::Sender<Message>) -> Self {
        Self { epoch, tasks: JoinSet::new(), messages }
    }

    /// The epoch that this set's messages carry.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Starts a feed; it runs until the set is dropped or the handle is aborted.
    pub fn start(&mut self, feed: Box<dyn Feed>) -> tokio::task::AbortHandle {
        self.tasks.spawn(drive(feed, self.epoch, self.messages.clone()))
    }
}

/// Drives one feed for ever. Ends only when nobody listens any more.
async fn drive(feed: Box<dyn Feed>, epoch: u64, messages: mpsc::Sender<Message>) {
    let source = feed.id();
    let silence = Duration::from_secs(feed.patience().saturating_mul(2));
    let mut waits = backoff();
    let send = |item| {
        let message = Message::Feed { epoch, source: source.clone(), item };
        let messages = messages.clone();
        async move { messages.send(message).await.is_ok() }
    };
    loop {
        if !send(FeedItem::Connecting { patience: feed.patience() }).await {
            return;
        }
        tracing::debug!(%source, epoch, "opening");
        let mut stream = feed.open();
        loop {
            let (item, hangs) = match tokio::time::timeout(silence, stream.next()).await {
                Ok(None) => break,
                Ok(Some(item)) => (item, false),
                Err(_) => (Err(silent(silence)), true),
            };
            match item {
                Ok(update) => {
                    waits = backoff();
                    if !send(FeedItem::Update(update)).await {
                        return;
                    }
                }
                Err(fault) => {
                    tracing::warn!(%source, kind = ?fault.kind, %fault, "a source failed");
                    let wait = waits.next().unwrap_or(LONGEST_WAIT);
                    if !send(FeedItem::Fault(fault, wait.as_secs().max(1))).await {
                        return;
                    }
                    tokio::time::sleep(wait).await;
                    // A stream that told its fault goes on from its place; one that says nothing is given up.
                    if hangs {
                        break;
                    }
                }
            }
        }
        // A stream that ends is opened again, but never in a tight loop.
        tokio::time::sleep(waits.next().unwrap_or(LONGEST_WAIT)).await;
    }
}

/// A stream that says nothing for twice its patience hangs on a dead connection.
fn silent(silence: Duration) -> Fault {
    Fault::new(FaultKind::Timeout, format!("no sign of life for {} s", silence.as_secs()))
        .hint("the connection is opened anew; if this stays, check the network and `opsdeck doctor`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::ports::feed::{SourceId, Update, UpdateStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Yields what its script says for each opening.
    struct Scripted {
        opened: Arc<AtomicUsize>,
        script: fn(usize) -> UpdateStream,
    }

    impl Feed for Scripted {
        fn id(&self) -> SourceId {
            SourceId::Slos
        }
        fn open(&self) -> UpdateStream {
            (self.script)(self.opened.fetch_add(1, Ordering::SeqCst))
        }
        fn patience(&self) -> u64 {
            10
        }
    }

    fn start(script: fn(usize) -> UpdateStream) -> (FeedTasks, mpsc::Receiver<Message>, Arc<AtomicUsize>) {
        let (sender, receiver) = mpsc::channel(64);
        let mut tasks = FeedTasks::new(7, sender);
        let opened = Arc::new(AtomicUsize::new(0));
        tasks.start(Box::new(Scripted { opened: opened.clone(), script }));
        (tasks, receiver, opened)
    }

    async fn next(receiver: &mut mpsc::Receiver<Message>) -> FeedItem {
        match receiver.recv().await.unwrap() {
            Message::Feed { epoch, item, .. } => {
                assert_eq!(epoch, 7);
                item
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn faults_are_told_with_growing_waits_and_the_stream_keeps_its_place() {
        let (_tasks, mut receiver, opened) = start(|_| {
            let fault = || Err(Fault::new(FaultKind::Unreachable, "refused"));
            Box::pin(
                futures::stream::iter([fault(), fault(), fault(), Ok(Update::Alive)]).chain(futures::stream::pending()),
            )
        });
        assert!(matches!(next(&mut receiver).await, FeedItem::Connecting { .. }));
        let mut waited = Vec::new();
        for _ in 0..3 {
            let FeedItem::Fault(_, wait) = next(&mut receiver).await else { panic!("expected a fault") };
            waited.push(wait);
        }
        assert!(waited.is_sorted(), "{waited:?}");
        assert!(matches!(next(&mut receiver).await, FeedItem::Update(Update::Alive)));
        assert_eq!(opened.load(Ordering::SeqCst), 1, "an error item does not reopen the stream");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_an_ended_stream_open_a_new_one() {
        let (tasks, mut receiver, opened) = start(|opening| match opening {
            0 => Box::pin(futures::stream::pending()),
            1 => Box::pin(futures::stream::empty()),
            _ => Box::pin(futures::stream::iter([Ok(Update::Alive)]).chain(futures::stream::pending())),
        });
        assert!(matches!(next(&mut receiver).await, FeedItem::Connecting { .. }));
        assert!(matches!(next(&mut receiver).await, FeedItem::Fault(fault, _) if fault.kind == FaultKind::Timeout));
        assert!(matches!(next(&mut receiver).await, FeedItem::Connecting { .. }));
        assert!(matches!(next(&mut receiver).await, FeedItem::Connecting { .. }));
        assert!(matches!(next(&mut receiver).await, FeedItem::Update(Update::Alive)));
        assert_eq!(opened.load(Ordering::SeqCst), 3);
        drop(tasks);
        assert!(receiver.recv().await.is_none(), "dropping the set ends its tasks");
    }
}
