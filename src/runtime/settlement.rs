//! At the start: what a crash left open is looked up, judged, told and written down.
//!
//! An intent whose object cannot be read stays open: the next start asks again.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::time::sleep;

use super::clock::Clock;
use super::wiring::{Launch, Services};
use crate::actions::settle::{Settlement, Sight, Verdict, expectations, record, settle};
use crate::domain::text::clean;
use crate::ports::cluster::{ClusterError, Look};
use crate::ports::journal::{AuditLog, JournalError};

/// What was sent right before the crash may still be on its way: so young an intent is looked at again.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Settles what is open in `context`. One sentence for each intent, for the person; none when nothing was open.
pub async fn settle_open(launch: &Launch, context: &str, services: &Services) -> Result<Vec<String>, JournalError> {
    let log = launch.journal.clone();
    let open = aside(move || log.open_intents()).await?;
    let mut told = Vec::new();
    for intent in open.iter().filter(|intent| intent.get("context").and_then(Value::as_str) == Some(context)) {
        let (settlement, is_seen) = judge(intent, services, launch.clock).await;
        if !is_seen {
            told.push(format!("{} was cut off by a crash and stays open: {}", name(intent), settlement.why));
            continue;
        }
        let outcome = record(intent, &settlement, &launch.user, launch.clock.now());
        let detail = outcome.get("detail").and_then(Value::as_str).unwrap_or_default().to_owned();
        if write(launch.journal.clone(), intent.get("id").cloned(), outcome).await? {
            told.push(format!("{}: {detail}", name(intent)));
        }
    }
    Ok(told)
}

/// `rollback deployment/payment (alice, 2026-03-04 14:30:07Z)`.
fn name(intent: &Value) -> String {
    let of = |key: &str| clean(intent.get(key).and_then(Value::as_str).unwrap_or("?")).into_owned();
    format!("{} {} ({}, {})", of("action"), of("target"), of("user"), of("at"))
}

/// The judgement, and whether everything could be looked at.
async fn judge(intent: &Value, services: &Services, clock: Clock) -> (Settlement, bool) {
    let (settlement, is_seen) = look(intent, services).await;
    if settlement.verdict == Verdict::Happened {
        return (settlement, is_seen);
    }
    let begun = intent.get("at").and_then(Value::as_str).and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
    let age = begun.and_then(|at| (clock.now() - at.to_utc()).to_std().ok());
    match age.and_then(|age| ON_ITS_WAY.checked_sub(age)) {
        None => (settlement, is_seen),
        Some(left) => {
            sleep(left).await;
            look(intent, services).await
        }
    }
}

async fn look(intent: &Value, services: &Services) -> (Settlement, bool) {
    let looks: Vec<Look> =
        expectations(intent).iter().map(|expected| Look { signals: None, ..expected.look() }).collect();
    let seen = join_all(looks.iter().map(|look| services.look(look))).await;
    let sights: Vec<Sight> = seen
        .into_iter()
        .map(|seen| match seen.object {
            Ok(object) => Sight::There(object),
            Err(ClusterError::NotFound(_)) => Sight::Gone,
            Err(error) => Sight::Unseen(error.to_string()),
        })
        .collect();
    let is_seen = !sights.iter().any(|sight| matches!(sight, Sight::Unseen(_)));
    (settle(intent, &sights), is_seen)
}

/// Writes the outcome, unless another console was faster.
async fn write(log: Arc<dyn AuditLog>, id: Option<Value>, outcome: Value) -> Result<bool, JournalError> {
    aside(move || {
        let is_open = log.open_intents()?.iter().any(|intent| intent.get("id") == id.as_ref());
        if is_open {
            log.append(outcome)?;
        }
        Ok(is_open)
    })
    .await
}

/// Disks take as long as they like: off the loop's threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(JournalError { path: String::new(), why: error.to_string() }))
}
