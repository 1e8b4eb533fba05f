//! A paging service in the shape of PagerDuty's REST API v2 and Events API v2, as far as a console needs them, which the
//! lab's own alerts page.
//!
//! What PagerDuty does, and this one does too:
//! - `Authorization: Token token=…`, or a `Bearer`. Errors are `{"error": {"message", "code", "errors"}}`: 401 for a token
//!   that is not known, 403 for one that may only look, 404, 429 with `ratelimit-reset` in seconds.
//! - A write with an account's token needs a header `From` with the address of a user: without it a 400 (2016), with one that
//!   nobody has a 400 (1008). A user's own token needs none. `GET /users/me` wants a user's token.
//! - Lists come in pages: `offset`, `limit` (25 unless told otherwise, at most 100) and `more`; `total` only when asked for.
//! - A resolved incident stays resolved: it is changed no more (400). Acknowledging what is acknowledged is fine, and happens once more.
//! - Escalating to a level gives the incident to who is on call there, and it is triggered again. Snoozing acknowledges.
//! - Events carry a routing key and no token; they are taken with a 202. An event for a `dedup_key` that is open joins it. A
//!   change event pages nobody.
//!
//! Critical alerts that nothing mutes page, as groups of the lab's Alertmanager, after its group wait; their incident resolves when
//! no alert of the group fires any more (`alarms`). Nobody acknowledges by themselves, and nothing escalates by itself.

mod access;
mod alarms;
mod events;
mod http;
mod incident;
mod lists;
mod people;
mod reads;
#[cfg(test)]
mod tests;
mod writes;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use self::access::{ACCOUNT_TOKEN, READ_TOKEN, USER_TOKEN};
pub use self::http::serve;
use self::incident::Incident;
pub use self::people::routing_key;
use crate::lab::alertmanager::Alertmanager;
use crate::lab::bucket::Bucket;
use crate::lab::clock::LabClock;

/// Calls at once, and calls a second after them: 960 a minute.
const BURST: u32 = 960;
const RATE: f64 = 16.0;

/// One account. Clones share their state.
#[derive(Clone)]
pub struct PagerDuty {
    clock: LabClock,
    url: Arc<str>,
    alerts: Alertmanager,
    held: Arc<Mutex<Held>>,
}

/// What changes.
struct Held {
    /// Oldest first.
    incidents: Vec<Incident>,
    /// Change events, oldest first.
    changes: Vec<Value>,
    /// Groups of alerts that have paged and still fire: they do so once.
    paged: BTreeSet<String>,
    /// How many identifiers were given.
    given: u64,
    /// How fast calls may come.
    pace: Bucket,
}

impl PagerDuty {
    /// An account at `url` that the alerts of an Alertmanager page.
    pub fn new(clock: LabClock, alerts: Alertmanager, url: &str) -> Self {
        let held = Held {
            incidents: Vec::new(),
            changes: Vec::new(),
            paged: BTreeSet::new(),
            given: 0,
            pace: Bucket::new(BURST, RATE),
        };
        let server = Self { clock, url: url.into(), alerts, held: Arc::new(Mutex::new(held)) };
        server.lock().remember(server.now());
        server
    }

    /// Takes alerts for ever, so that an incident begins and ends when its alerts do, and not when somebody looks.
    pub async fn run(self) {
        loop {
            drop(self.lock());
            self.clock.sleep(alarms::LOOK).await;
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The state, with all alerts taken until now.
    fn lock(&self) -> MutexGuard<'_, Held> {
        // Every change leaves whole incidents behind, so a poisoned lock is still sound.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        alarms::take(&mut held, &self.alerts, self.now());
        held
    }
}

/// A time as the API writes it: whole seconds.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
