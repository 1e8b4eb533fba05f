//! A source that is asked every few seconds, as a stream of updates.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::ports::Future;
use crate::ports::feed::{Fault, Update, UpdateStream};

/// One question after the other. The poller keeps what it needs between two of them.
pub trait Poll: Send + 'static {
    /// Asks once. Several updates of one answer are yielded in order.
    fn poll(&mut self) -> Future<'_, Result<Vec<Update>, Fault>>;
}

struct Polling<P> {
    poller: P,
    period: Duration,
    ticker: Option<Interval>,
    ready: VecDeque<Update>,
}

/// Polls at once and then every `period`; a slow answer delays the next question instead of piling them up. The stream
/// does not end, and an error does not end it either: whoever reads it decides how long to wait before asking again.
pub fn every(period: Duration, poller: impl Poll) -> UpdateStream {
    // An interval of zero panics in tokio; the configuration's lower bound is far above this one.
    let period = period.max(Duration::from_millis(10));
    let start = Polling { poller, period, ticker: None, ready: VecDeque::new() };
    Box::pin(futures::stream::unfold(start, |mut polling| async move {
        let item = loop {
            if let Some(update) = polling.ready.pop_front() {
                break Ok(update);
            }
            let period = polling.period;
            let ticker = polling.ticker.get_or_insert_with(|| {
                let mut ticker = interval(period);
                ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
                ticker
            });
            ticker.tick().await;
            match polling.poller.poll().await {
                Ok(updates) => polling.ready.extend(updates),
                Err(fault) => break Err(fault),
            }
        };
        Some((item, polling))
    }))
}

/// Three missed polls and the time of a slow answer, in seconds.
pub fn patience(interval: Duration) -> u64 {
    interval.as_secs().max(1) * 3 + 10
}
