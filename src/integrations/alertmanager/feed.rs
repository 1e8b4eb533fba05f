//! Alertmanager's alerts as a feed.

use std::time::Duration;

use super::{AlertmanagerClient, View};
use crate::domain::alert::Alert;
use crate::integrations::alerts::SeverityOf;
use crate::integrations::poll::{self, Poll};
use crate::ports::Future;
use crate::ports::feed::{Fault, Feed, SourceId, Update, UpdateStream};

/// Polls all replicas. While one of several is down, every answer is followed by [`Update::Limited`].
pub struct AlertmanagerFeed {
    client: AlertmanagerClient,
    interval: Duration,
    severity: SeverityOf,
}

impl AlertmanagerFeed {
    /// A feed that asks every `interval`.
    pub fn new(client: AlertmanagerClient, interval: Duration, severity: SeverityOf) -> Self {
        Self { client, interval, severity }
    }
}

impl Feed for AlertmanagerFeed {
    fn id(&self) -> SourceId {
        SourceId::Alertmanager
    }

    fn open(&self) -> UpdateStream {
        let poller = Poller { client: self.client.clone(), severity: self.severity.clone(), last: None };
        poll::every(self.interval, poller)
    }

    fn patience(&self) -> u64 {
        poll::patience(self.interval)
    }
}

struct Poller {
    client: AlertmanagerClient,
    severity: SeverityOf,
    /// What was yielded last, while nothing was missing.
    last: Option<Vec<Alert>>,
}

impl Poll for Poller {
    fn poll(&mut self) -> Future<'_, Result<Vec<Update>, Fault>> {
        Box::pin(async {
            let last = self.last.take();
            let View { alerts, down, replicas } = self.client.alerts(&self.severity).await?;
            let missing = down.len();
            // A limit holds until the next full list: so with one, and after one, the list is sent whole.
            if let Some(mut fault) = down.into_iter().next() {
                fault.message = format!("{missing} of {replicas} replicas: {}", fault.message);
                return Ok(vec![Update::Alerts(alerts), Update::Limited(fault)]);
            }
            let update = if last.as_ref() == Some(&alerts) { Update::Alive } else { Update::Alerts(alerts.clone()) };
            self.last = Some(alerts);
            Ok(vec![update])
        })
    }
}
