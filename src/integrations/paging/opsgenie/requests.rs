//! Requests that Opsgenie takes and carries out later (202 and the request's id; docs.opsgenie.com/docs/alert-api, "Get
//! Request Status"). It knows no idempotency keys, and does not say how long a request may wait. So a request that may
//! still be waiting is asked after by its id, and one of which not even the id is known is given time: nothing that would
//! count twice is sent again before [`WINDOW`] is over, however often it is looked for until then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Opsgenie;
use super::wire::{Data, Outcome, Taken};
use crate::domain::incident::delivery::Again;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{body, judged, line, refused};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// How often a request is asked after, and how long lies between: together three seconds.
const LOOKS: u32 = 6;
const BETWEEN: Duration = Duration::from_millis(500);
/// After so long a request that left no trace counts as lost. Opsgenie documents no bound; usually it takes seconds.
pub(super) const WINDOW: Duration = Duration::from_secs(120);

/// Where new alerts are sent.
pub(super) const ALERTS: &str = "/v2/alerts";

/// What came of a request would be, if it were carried out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// The same as once: a state, or an alert by its alias.
    Same,
    /// There twice.
    More,
}

/// A request that may be waiting.
#[derive(Clone, Debug)]
struct Waiting {
    /// Since when, at the latest.
    since: Instant,
    /// Its id, where an answer told it.
    id: Option<String>,
}

/// The requests whose end is not known yet, by path and content, which holds the mark.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<BTreeMap<String, Waiting>>);

impl Requests {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that may be waiting; for one that a console before this one sent, the time begins now.
    fn known(&self, key: &str) -> Waiting {
        self.all().entry(key.to_owned()).or_insert_with(|| Waiting { since: Instant::now(), id: None }).clone()
    }

    /// Remembers one; `None` where it came to its end.
    fn put(&self, key: &str, waiting: Option<Waiting>) {
        let mut all = self.all();
        match waiting {
            Some(waiting) => all.insert(key.to_owned(), waiting),
            None => all.remove(key),
        };
    }
}

impl Opsgenie {
    /// Sends a request, and waits for a moment to learn what came of it. In doubt whoever calls has looked already, and saw
    /// nothing of an earlier one.
    pub(super) async fn request(
        &self,
        cleared: &Cleared,
        path: &str,
        mut fields: Value,
        twice: Twice,
    ) -> Result<Outcome, DeliveryError> {
        fields["source"] = json!("opsdeck");
        let key = format!("{path} {fields}");
        let before = cleared.doubt().then(|| self.requests.known(&key));
        if let Some(waiting) = &before {
            let is_young = waiting.since.elapsed() < WINDOW;
            match &waiting.id {
                Some(id) => match self.outcome(&key, id).await {
                    Err(error) if error.again == Again::Doubtful && !is_young => {}
                    known => return known,
                },
                None if is_young && twice == Twice::More => return Err(self.may_be_waiting()),
                None => {}
            }
        }
        let query = if path == ALERTS { "" } else { "?identifierType=id" };
        // Before it is sent: whoever waits for this may give up.
        self.requests.put(&key, Some(Waiting { since: Instant::now(), id: None }));
        let sent = self.road.send(cleared, "POST", &format!("{path}{query}"), &fields).await;
        let taken =
            sent.and_then(|answer| body::<Taken>(&answer).ok_or_else(|| judged(&answer, self.road.fault(&answer))));
        match taken {
            Ok(Taken { request_id: id }) => {
                self.requests.put(&key, Some(Waiting { since: Instant::now(), id: Some(id.clone()) }));
                self.outcome(&key, &id).await
            }
            Err(error) => {
                if error.again != Again::Doubtful {
                    // It was not taken; one before it may be waiting all the same.
                    self.requests.put(&key, before);
                }
                Err(error)
            }
        }
    }

    /// What came of a request that was taken.
    async fn outcome(&self, key: &str, id: &str) -> Result<Outcome, DeliveryError> {
        let path = format!("/v2/alerts/requests/{}", segment(id));
        let mut why = Fault::new(FaultKind::Timeout, format!("{} has not carried it out yet", self.road.whose()));
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN).await;
            }
            match self.road.ask(&path, &[]).await {
                // "It might not be processed, yet."
                Ok(answer) if answer.status == 404 => {}
                Ok(answer) => {
                    let Some(Data { data: outcome }) = body::<Data<Outcome>>(&answer) else {
                        why = self.road.fault(&answer);
                        break;
                    };
                    self.requests.put(key, None);
                    if outcome.is_success {
                        return Ok(outcome);
                    }
                    let said = line(&outcome.status);
                    let message = format!("{} did not carry it out: {said}", self.road.whose());
                    return Err(refused(Fault::new(FaultKind::Server, message)));
                }
                Err(fault) => {
                    why = fault;
                    break;
                }
            }
        }
        let message = format!("Opsgenie took it, and whether it was carried out is not known: {}", why.message);
        Err(DeliveryError { fault: Fault { message, ..why }, again: Again::Doubtful })
    }

    fn may_be_waiting(&self) -> DeliveryError {
        let message = format!("{} may have taken it and not carried it out yet", self.road.whose());
        let hint = format!("it is looked for, and sent again only after {} s", WINDOW.as_secs());
        DeliveryError { fault: Fault::new(FaultKind::Timeout, message).hint(hint), again: Again::Doubtful }
    }
}
