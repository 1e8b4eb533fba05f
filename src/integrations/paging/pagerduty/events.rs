//! The Events API v2: paging somebody, and recording a change that we made. It is another host, takes its key in the body,
//! and tells nothing afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::PagerDuty;
use super::wire::{ChangeEvents, Incidents};
use crate::config::incidents::PagingSource;
use crate::config::secret::SecretSource;
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::Cleared;
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Product, Transport};
use crate::integrations::outgoing::{Road, THERE, body, brief, judged, key_of, line, lines, refused, shortened};
use crate::integrations::secret::{self, Secret};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// Where it is.
const EVENTS: &str = "https://events.pagerduty.com";
/// The longest summary, in characters: "the maximum permitted length of this property is 1024 characters"
/// (developer.pagerduty.com/docs/send-alert-event).
const SUMMARY: usize = 1_024;
/// The longest `dedup_key`, by the same page.
const KEY: usize = 255;
/// The setting of its key; the key is in the body, and is never shown.
const SETTING: &str = "paging.routing-key";

/// The road there, and its key.
pub(super) struct Events {
    pub road: Road,
    key: Option<SecretSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    status: String,
    message: String,
    errors: Vec<String>,
}

impl Events {
    /// As configured. Token and headers are those of the other host, and stay there.
    pub fn new(source: &PagingSource) -> Self {
        let mut http = source.http.clone();
        (http.token, http.basic) = (None, None);
        http.headers.clear();
        let url = source.paging.events_url.as_deref().unwrap_or(EVENTS);
        Self::over(http::connect(&HttpSettings::new(Product::PagerDutyEvents, url, http)), source)
    }

    /// Over a road.
    pub fn over(transport: Arc<dyn Transport>, source: &PagingSource) -> Self {
        Self { road: Road::new(transport, Road::plain), key: source.paging.routing_key.clone() }
    }

    /// Its key; `None` when none is configured.
    pub async fn key(&self) -> Option<Result<Secret, Fault>> {
        Some(secret::resolve(self.key.as_ref()?, SETTING).await)
    }

    /// Sends one event, with the key.
    async fn send(&self, cleared: &Cleared, path: &str, mut event: Value) -> Result<HttpAnswer, DeliveryError> {
        let missing = || {
            Fault::new(FaultKind::NotConfigured, "PagerDuty takes events only with an integration key")
                .hint(format!("set {SETTING} to where the key of an Events API v2 integration lies"))
        };
        let key = match self.key().await {
            Some(key) => key.map_err(refused)?,
            None => return Err(refused(missing())),
        };
        if let Some(event) = event.as_object_mut() {
            event.insert("routing_key".to_owned(), Value::from(key.expose()));
        }
        let answer = self.road.send(cleared, "POST", path, &event).await?;
        // Whatever it repeats of the request goes without the key, before anything is cut from it.
        let concealed = String::from_utf8_lossy(&answer.body).replace(key.expose(), "…");
        let answer = HttpAnswer { body: concealed.into_bytes(), ..answer };
        let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 202 && said.status == "success" {
            return Ok(answer);
        }
        let who = self.road.whose();
        let words = if said.errors.is_empty() { said.message } else { said.errors.join("; ") };
        let words = brief(&words);
        let fault = match answer.status {
            429 => self.road.limited(&answer),
            400 => {
                let message = format!("{who} refuses the event (400): {words}");
                Fault::new(FaultKind::Server, message)
                    .hint(format!("check that {SETTING} is the key of an Events API v2 integration that is enabled"))
            }
            403 => {
                let message = format!("{who} refuses the key (403): {words}");
                Fault::new(FaultKind::Forbidden, message).hint(format!("check {SETTING}"))
            }
            _ => self.road.fault(&answer),
        };
        Err(judged(&answer, fault))
    }
}

impl PagerDuty {
    /// Pages somebody. The same `dedup_key` never makes a second alert while the first is open; in doubt it is looked for
    /// in any state, because one that was resolved meanwhile would page anew.
    pub(super) async fn trigger(
        &self,
        cleared: &Cleared,
        summary: &str,
        source: &str,
        severity: &str,
    ) -> Result<Receipt, DeliveryError> {
        let mut remarks = Vec::new();
        let mark = cleared.mark();
        let key = key_of(&mark, KEY);
        let known = ["critical", "error", "warning", "info"];
        let wanted = severity.to_lowercase();
        let severity = known.into_iter().find(|word| *word == wanted).unwrap_or_else(|| {
            remarks.push(format!("PagerDuty knows no severity `{}`: it was sent as error", line(severity)));
            "error"
        });
        let event = json!({
            "event_action": "trigger",
            "dedup_key": key,
            "client": "opsdeck",
            "payload": {
                "summary": shortened(&line(summary), SUMMARY, "the summary", &mut remarks),
                "source": named_source(source),
                "severity": severity,
                "custom_details": {"opsdeck": mark},
            },
        });
        // Without that, only those of the last month are looked through.
        let query = [("incident_key", key.as_str()), ("date_range", "all"), ("limit", "1")];
        let may_look = self.source.http.token.is_some();
        if cleared.doubt() && may_look {
            let known: Incidents =
                self.rest.fetch("/incidents", &query).await.map_err(|fault| self.rest.unseen(cleared, fault))?;
            if let Some(page) = known.incidents.first() {
                let remarks = vec![format!("{THERE}, and is {}", line(&page.status))];
                let link = page.html_url.as_deref().map(line);
                return Ok(Receipt { id: Some(line(&page.id)), name: Some(line(&key)), link, remarks });
            }
        }
        self.events.send(cleared, "/v2/enqueue", event).await?;
        // What it made of the event has a number only where it can be looked up, and only after a while.
        let made: Option<Incidents> =
            if may_look { self.rest.ask("/incidents", &query).await.ok().as_ref().and_then(body) } else { None };
        let page = made.and_then(|made| made.incidents.into_iter().next());
        if page.is_none() {
            remarks.push("PagerDuty took it; the page is not there yet".to_owned());
        }
        let (id, link) = page.map_or((None, None), |page| (Some(line(&page.id)), page.html_url));
        Ok(Receipt { id, name: Some(line(&key)), link: link.as_deref().map(line), remarks })
    }

    /// Records a change. Nothing makes it idempotent: in doubt the newest changes are looked through, and a person decides
    /// where it is not among them: what they retry is sent.
    pub(super) async fn change(
        &self,
        cleared: &Cleared,
        summary: &str,
        source: &str,
        details: &BTreeMap<String, String>,
    ) -> Result<Receipt, DeliveryError> {
        let mark = cleared.mark();
        if cleared.doubt() {
            match self.find_change(&mark).await {
                // A person looked there and wants it.
                Err(_) if cleared.insisted() => {}
                known => return known,
            }
        }
        let mut remarks = Vec::new();
        let mut custom: BTreeMap<String, String> =
            details.iter().map(|(name, value)| (line(name), lines(value))).collect();
        custom.insert("opsdeck".to_owned(), mark);
        let event = json!({
            "payload": {
                "summary": shortened(&line(summary), SUMMARY, "the summary", &mut remarks),
                "source": named_source(source),
                "custom_details": custom,
            },
        });
        self.events.send(cleared, "/v2/change/enqueue", event).await?;
        Ok(Receipt { remarks, ..Receipt::default() })
    }

    async fn find_change(&self, mark: &str) -> Result<Receipt, DeliveryError> {
        let unclear = |why: String| {
            let message = format!("the change event may have arrived at PagerDuty: {why}");
            let hint =
                "look at Recent Changes of the service there: drop it if it is there; retrying records it once more";
            refused(Fault::new(FaultKind::Timeout, message).hint(hint))
        };
        let read: Result<ChangeEvents, Fault> = self.rest.fetch("/change_events", &[("limit", "100")]).await;
        let known = read.map_err(|fault| unclear(format!("the list of changes cannot be read ({fault})")))?;
        let ours = |event: &&_| {
            let super::wire::ChangeEvent { custom_details, .. } = event;
            custom_details.get("opsdeck").and_then(Value::as_str) == Some(mark)
        };
        let found = known.change_events.iter().find(ours);
        let found = found.ok_or_else(|| unclear("it is not among the changes that are listed".to_owned()))?;
        Ok(Receipt {
            id: found.id.as_deref().map(line),
            link: found.html_url.as_deref().map(line),
            remarks: vec![THERE.to_owned()],
            ..Receipt::default()
        })
    }
}

/// Where it comes from; an event without it is refused.
fn named_source(source: &str) -> String {
    let source = line(source);
    if source.is_empty() { "opsdeck".to_owned() } else { source }
}
