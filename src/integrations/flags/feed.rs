//! One source of flags as a feed: the whole list, every so often.

use std::sync::Arc;
use std::time::Duration;

use super::Provider;
use crate::domain::flag::FlagRow;
use crate::integrations::poll::{self, Poll};
use crate::ports::Future;
use crate::ports::feed::{Fault, Feed, SourceId, Update, UpdateStream};
use crate::ports::flags::FlagList;

/// Polls one source.
pub struct FlagsFeed {
    provider: Arc<dyn Provider>,
    interval: Duration,
}

impl FlagsFeed {
    /// A feed that asks every `interval`.
    pub fn new(provider: Arc<dyn Provider>, interval: Duration) -> Self {
        Self { provider, interval }
    }
}

impl Feed for FlagsFeed {
    fn id(&self) -> SourceId {
        SourceId::Flags(self.provider.source().into())
    }

    fn open(&self) -> UpdateStream {
        poll::every(self.interval, Poller { provider: self.provider.clone(), last: None })
    }

    fn patience(&self) -> u64 {
        poll::patience(self.interval)
    }
}

struct Poller {
    provider: Arc<dyn Provider>,
    /// What was yielded last, while nothing was missing.
    last: Option<Vec<FlagRow>>,
}

impl Poll for Poller {
    fn poll(&mut self) -> Future<'_, Result<Vec<Update>, Fault>> {
        Box::pin(async {
            let last = self.last.take();
            let FlagList { rows, limited } = self.provider.list().await?;
            // A limit holds until the next full list: so with one, and after one, the list is sent whole.
            if let Some(fault) = limited {
                return Ok(vec![Update::Flags(rows), Update::Limited(fault)]);
            }
            let update = if last.as_ref() == Some(&rows) { Update::Alive } else { Update::Flags(rows.clone()) };
            self.last = Some(rows);
            Ok(vec![update])
        })
    }
}
