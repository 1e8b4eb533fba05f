//! The alerts of Prometheus' own rules as a feed: the only source of pending alerts and of values.

use std::time::Duration;

use super::PrometheusClient;
use super::wire::WireAlert;
use crate::domain::alert::{Alert, AlertState};
use crate::integrations::alerts::{SeverityOf, annotations, fingerprint, labels};
use crate::integrations::poll::{self, Poll};
use crate::ports::Future;
use crate::ports::feed::{Fault, Feed, SourceId, Update, UpdateStream};

/// Reads one alert; `None` when it neither fires nor is pending.
pub(super) fn alert(wire: &WireAlert, severity: &SeverityOf) -> Option<Alert> {
    let state = match wire.state.as_str() {
        "firing" => AlertState::Firing,
        "pending" => AlertState::Pending,
        _ => return None,
    };
    let labels = labels(&wire.labels);
    Some(Alert {
        key: fingerprint(&wire.labels),
        name: labels.get("alertname").cloned().unwrap_or_else(|| "(no name)".into()),
        severity: severity(&labels),
        state,
        suppressed_by: None,
        silences: Vec::new(),
        labels,
        annotations: annotations(&wire.annotations),
        since: wire.active_at?.to_utc(),
        value: wire.value.parse().ok().filter(|value: &f64| !value.is_nan()),
    })
}

/// Polls `/api/v1/alerts`.
pub struct PrometheusAlertsFeed {
    client: PrometheusClient,
    interval: Duration,
    severity: SeverityOf,
}

impl PrometheusAlertsFeed {
    /// A feed that asks every `interval`.
    pub fn new(client: PrometheusClient, interval: Duration, severity: SeverityOf) -> Self {
        Self { client, interval, severity }
    }
}

impl Feed for PrometheusAlertsFeed {
    fn id(&self) -> SourceId {
        SourceId::PrometheusAlerts
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
    client: PrometheusClient,
    severity: SeverityOf,
    last: Option<Vec<Alert>>,
}

impl Poll for Poller {
    fn poll(&mut self) -> Future<'_, Result<Vec<Update>, Fault>> {
        Box::pin(async {
            // Taken, so that after a fault the next answer counts as new.
            let last = self.last.take();
            let alerts = self.client.alerts(&self.severity).await?;
            let update = if last.as_ref() == Some(&alerts) { Update::Alive } else { Update::Alerts(alerts.clone()) };
            self.last = Some(alerts);
            Ok(vec![update])
        })
    }
}
