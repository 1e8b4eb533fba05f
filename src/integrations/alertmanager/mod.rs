//! Alertmanager, by its API v2: what is heard, what is silenced or inhibited and by whom, over all replicas of a pair.
//!
//! Replicas gossip: each knows all alerts and silences, soon. One view is made of them, one alert per fingerprint; a
//! replica that does not answer is told, and only when none answers there is no data.

mod feed;
mod silences;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use futures::future::join_all;
use serde::de::DeserializeOwned;

pub use self::feed::AlertmanagerFeed;
use self::wire::{WireAlert, WireServer, WireSilence};
use super::alerts::{SeverityOf, annotations, labels};
use super::http::{Pairs, Product, Transport, fault};
use crate::domain::Text;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::feed::{Fault, FaultKind};

/// One view over the replicas.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Alerts, one per fingerprint, in fingerprint order.
    pub alerts: Vec<Alert>,
    /// Why some replica did not answer, one for each.
    pub down: Vec<Fault>,
    /// How many replicas there are.
    pub replicas: usize,
}

/// What a replica says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// Version, as `0.28.1`.
    pub version: Text,
    /// `ready`, `settling` or `disabled`.
    pub cluster: Text,
    /// Replicas that it knows, itself included; 0 when clustering is disabled.
    pub peers: usize,
    /// Its clock.
    pub date: Option<Instant>,
}

/// A client of one Alertmanager or of the replicas of one. Cheap to clone.
#[derive(Clone)]
pub struct AlertmanagerClient {
    replicas: Vec<Arc<dyn Transport>>,
    /// The replica that silences are written to.
    writer: Arc<AtomicUsize>,
}

/// What the replicas that answer say together.
struct Told<'a> {
    seen: BTreeMap<String, WireAlert>,
    up: Vec<&'a dyn Transport>,
    down: Vec<Fault>,
}

fn not_configured() -> Fault {
    Fault::new(FaultKind::NotConfigured, "no Alertmanager is configured")
        .hint(format!("set {}", Product::Alertmanager.url_setting()))
}

impl AlertmanagerClient {
    /// A client over one transport per replica; sends nothing.
    pub fn new(replicas: Vec<Arc<dyn Transport>>) -> Self {
        Self { replicas, writer: Arc::default() }
    }

    /// The alerts of all replicas.
    pub async fn alerts(&self, severity: &SeverityOf) -> Result<View, Fault> {
        let Told { seen, up, down } = self.gather().await?;
        let silences = if seen.values().any(|alert| !alert.status.silenced_by.is_empty()) {
            silences(&up).await
        } else {
            BTreeMap::new()
        };
        let alerts = seen.values().map(|alert| convert(alert, &seen, &silences, severity)).collect();
        Ok(View { alerts, down, replicas: self.replicas.len() })
    }

    /// Every alert that some replica knows; a fault when none answers.
    async fn gather(&self) -> Result<Told<'_>, Fault> {
        if self.replicas.is_empty() {
            return Err(not_configured());
        }
        let query: Pairs<'_> =
            &[("active", "true"), ("silenced", "true"), ("inhibited", "true"), ("unprocessed", "true")];
        let answers =
            join_all(self.replicas.iter().map(|replica| fetch::<Vec<WireAlert>>(&**replica, "/api/v2/alerts", query)))
                .await;
        let mut seen: BTreeMap<String, WireAlert> = BTreeMap::new();
        let mut up = Vec::new();
        let mut down = Vec::new();
        for (replica, answer) in self.replicas.iter().zip(answers) {
            match answer {
                Ok(alerts) => {
                    up.push(&**replica);
                    for alert in alerts {
                        merge(&mut seen, alert);
                    }
                }
                Err(fault) => down.push(fault),
            }
        }
        if up.is_empty() {
            return Err(all_down(down));
        }
        Ok(Told { seen, up, down })
    }

    /// Every replica's origin, and its status or why it has none; for diagnosis.
    pub async fn status(&self) -> Vec<(String, Result<ServerStatus, Fault>)> {
        join_all(self.replicas.iter().map(|replica| async {
            let asked = fetch_dated::<WireServer>(&**replica, "/api/v2/status", &[]).await;
            let status = asked.map(|(server, date)| ServerStatus {
                version: clean(&server.version_info.version).into(),
                cluster: clean(&server.cluster.status).into(),
                peers: server.cluster.peers.map_or(0, |peers| peers.len()),
                date,
            });
            (replica.origin().to_owned(), status)
        }))
        .await
    }
}

/// All replicas failed: the first one's fault stands for them, with how many there were.
fn all_down(mut down: Vec<Fault>) -> Fault {
    let count = down.len();
    let mut first = down.swap_remove(0);
    if count > 1 {
        first.message = format!("none of {count} replicas answered; {}", first.message);
    }
    first
}

/// Replicas may disagree for as long as gossip takes: the newer state counts, and of two equally new ones the
/// suppressed one, because a silence is learned after the alert.
fn merge(seen: &mut BTreeMap<String, WireAlert>, alert: WireAlert) {
    let rank = |alert: &WireAlert| (alert.updated_at, alert.status.is_suppressed());
    match seen.get_mut(&alert.fingerprint) {
        Some(known) if rank(known) >= rank(&alert) => {}
        Some(known) => *known = alert,
        None => {
            seen.insert(alert.fingerprint.clone(), alert);
        }
    }
}

/// Silences by id, of whichever replica knows them. Who made them is good to know, not worth a fault: without an
/// answer the ids stand for them.
async fn silences(replicas: &[&dyn Transport]) -> BTreeMap<String, WireSilence> {
    let answers =
        join_all(replicas.iter().map(|replica| fetch::<Vec<WireSilence>>(*replica, "/api/v2/silences", &[]))).await;
    answers.into_iter().flatten().flatten().map(|silence| (silence.id.clone(), silence)).collect()
}

fn convert(
    alert: &WireAlert,
    all: &BTreeMap<String, WireAlert>,
    silences: &BTreeMap<String, WireSilence>,
    severity: &SeverityOf,
) -> Alert {
    let labels = labels(&alert.labels);
    let suppressed = alert.status.is_suppressed();
    Alert {
        key: clean(&alert.fingerprint).into(),
        name: labels.get("alertname").cloned().unwrap_or_else(|| "(no name)".into()),
        severity: severity(&labels),
        state: if suppressed { AlertState::Suppressed } else { AlertState::Firing },
        suppressed_by: suppressed.then(|| suppressors(alert, all, silences).into()),
        silences: alert.status.silenced_by.iter().map(|id| clean(id).into()).collect(),
        labels,
        annotations: annotations(&alert.annotations),
        since: alert.starts_at.to_utc(),
        value: None,
    }
}

/// `silenced by alice until 14:30 UTC: deploying; inhibited by NodeDown`.
fn suppressors(
    alert: &WireAlert,
    all: &BTreeMap<String, WireAlert>,
    silences: &BTreeMap<String, WireSilence>,
) -> String {
    let status = &alert.status;
    let mut words = Vec::new();
    for id in &status.silenced_by {
        words.push(silences.get(id).map_or_else(
            || format!("silenced ({})", clean(id)),
            |silence| {
                let until = silence.ends_at.to_utc().format("%b %-d %H:%M UTC");
                format!("silenced by {} until {until}: {}", clean(&silence.created_by), clean(&silence.comment))
            },
        ));
    }
    for fingerprint in &status.inhibited_by {
        let name = all.get(fingerprint).and_then(|by| by.labels.get("alertname"));
        words.push(format!("inhibited by {}", clean(name.unwrap_or(fingerprint))));
    }
    words.extend(status.muted_by.iter().map(|interval| format!("muted during {}", clean(interval))));
    if words.is_empty() { "suppressed".to_owned() } else { words.join("; ") }
}

async fn fetch<T: DeserializeOwned>(replica: &dyn Transport, path: &str, query: Pairs<'_>) -> Result<T, Fault> {
    fetch_dated(replica, path, query).await.map(|(data, _)| data)
}

async fn fetch_dated<T: DeserializeOwned>(
    replica: &dyn Transport,
    path: &str,
    query: Pairs<'_>,
) -> Result<(T, Option<Instant>), Fault> {
    let answer = replica.get(path, query).await?;
    if answer.status == 200
        && let Ok(data) = serde_json::from_slice(&answer.body)
    {
        return Ok((data, answer.date));
    }
    Err(fault::of_answer(&answer, replica.product(), replica.origin()))
}
