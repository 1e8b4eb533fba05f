//! Statuspage, by its API v1 (developer.statuspage.io). One key may ask once a second.
//!
//! It knows no idempotency keys. What we published carries the marks of its deliveries in its `metadata`, which customers do
//! not see: by them it is found again.

mod publish;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::config::diagnostic::did_you_mean;
use crate::config::incidents::StatusPageSource;
use crate::domain::incident::delivery::{Receipt, What};
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::flags::segment;
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Product, Transport};
use crate::integrations::outgoing::{Hints, Road, brief, check, line, rate_and_clock, refused, those};
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{DeliveryError, Service, ServiceCheck, ServiceFinding, StatusPage};

/// Where its API is.
const API: &str = "https://api.statuspage.io";
/// The most components that one answer holds, and how many answers are read.
const LIMIT: usize = 100;
const ANSWERS: usize = 20;

/// One page.
pub(super) struct Statuspage {
    source: StatusPageSource,
    road: Road,
}

/// A component.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Component {
    id: String,
    name: String,
    status: String,
    /// Is it a heading over others?
    group: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct About {
    name: String,
    domain: String,
    subdomain: String,
}

impl Statuspage {
    /// As configured; sends nothing.
    pub fn new(source: &StatusPageSource) -> Self {
        let url = source.page.url.as_deref().unwrap_or(API);
        Self::over(http::connect(&HttpSettings::new(Product::Statuspage, url, source.http.clone())), source)
    }

    /// Over a road.
    fn over(transport: Arc<dyn Transport>, source: &StatusPageSource) -> Self {
        Self { source: source.clone(), road: Road::new(transport, meaning) }
    }

    /// `/v1/pages/kctbh9vrtdwd` and what follows.
    fn path(&self, rest: &str) -> String {
        format!("/v1/pages/{}{rest}", segment(&self.source.page.page))
    }

    /// All components, headings apart.
    async fn all_components(&self) -> Result<Vec<Component>, Fault> {
        let mut found: Vec<Component> = Vec::new();
        for number in 1..=ANSWERS {
            let (page, limit) = (number.to_string(), LIMIT.to_string());
            let query = [("page", page.as_str()), ("per_page", limit.as_str())];
            let read: Vec<Component> = self.road.fetch(&self.path("/components"), &query).await?;
            let more = read.len() >= LIMIT;
            found.extend(read.into_iter().filter(|one| !one.group));
            if !more {
                break;
            }
        }
        Ok(found)
    }

    async fn checks(&self) -> Vec<ServiceCheck> {
        let (about, answer) = match self.road.token::<About>(&self.path(""), &[]).await {
            Ok(read) => read,
            Err(checks) => return checks,
        };
        let place = if about.domain.is_empty() { format!("{}.statuspage.io", about.subdomain) } else { about.domain };
        let page = format!("{} ({})", line(&about.name), line(&place));
        let mut checks =
            vec![check("token", ServiceFinding::Well("accepted".into())), check("page", ServiceFinding::Well(page))];
        checks.push(match self.all_components().await {
            Err(fault) => check("components", ServiceFinding::Failed(fault)),
            Ok(known) => {
                let names: Vec<String> = self.source.page.components.keys().cloned().collect();
                let wrong = names.iter().find_map(|name| found(&known, name).err());
                wrong.map_or_else(
                    || {
                        let said = format!("{} on the page, {} configured", known.len(), names.len());
                        check("components", ServiceFinding::Well(said))
                    },
                    |fault| check("components", ServiceFinding::Failed(fault)),
                )
            }
        });
        checks.extend(rate_and_clock(&answer, "minute"));
        checks
    }
}

/// The component of a name; a fault with those that there are.
fn found<'a>(known: &'a [Component], wanted: &str) -> Result<&'a Component, Fault> {
    let exact = known.iter().filter(|one| line(&one.name) == wanted || one.id == wanted);
    let loose = known.iter().filter(|one| line(&one.name).eq_ignore_ascii_case(wanted.trim()));
    let mut candidates: Vec<&Component> = exact.collect();
    if candidates.is_empty() {
        candidates = loose.collect();
    }
    match candidates.as_slice() {
        [one] => Ok(one),
        [] => {
            let names: Vec<String> = known.iter().map(|one| line(&one.name)).collect();
            let near =
                did_you_mean(wanted, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let message = format!("the status page has no component `{}`{near}", line(wanted));
            let hint = format!("correct status-page.components; {}", those(&names));
            Err(Fault::new(FaultKind::NotConfigured, message).hint(hint))
        }
        several => {
            let ids: Vec<String> = several.iter().map(|one| line(&one.id)).collect();
            let message = format!("the status page has several components `{}`: {}", line(wanted), ids.join(", "));
            Err(Fault::new(FaultKind::NotConfigured, message).hint("write its id in status-page.components"))
        }
    }
}

/// An unwelcome answer in words; Statuspage's own where it gives them.
fn meaning(road: &Road, answer: &HttpAnswer) -> Fault {
    road.told(
        answer,
        words(&answer.body).as_deref(),
        &Hints {
            key: "key",
            plan: "page",
            unknown: "status-page.token has to be an API key of a user; it may have been revoked",
            forbidden: "the user of status-page.token has to be an incident manager of this page",
            missing: "check status-page.page: the page's id is in the address of its settings",
        },
    )
}

/// What an error says: `{"error": "…"}`, `{"error": ["…"]}` or `{"message": "…"}`.
fn words(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let said = value.get("error").or_else(|| value.get("errors")).or_else(|| value.get("message"))?;
    let text = match said {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    Some(brief(&text))
}

impl Service for Statuspage {
    fn name(&self) -> &str {
        &self.source.page.name
    }

    fn product(&self) -> &'static str {
        self.road.product()
    }

    fn origin(&self) -> &str {
        self.road.origin()
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(self.checks())
    }
}

impl StatusPage for Statuspage {
    fn components(&self) -> Future<'_, Result<Vec<(String, String)>, Fault>> {
        Box::pin(async move {
            let known = self.all_components().await?;
            Ok(known.into_iter().map(|one| (line(&one.name), line(&one.status))).collect())
        })
    }
}

impl Courier for Statuspage {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move {
            let What::Publish { title, status, body, components } = &cleared.delivery().what else {
                let message = "Statuspage is a status page: that is not for it";
                return Err(refused(Fault::new(FaultKind::NotServed, message)));
            };
            self.publish(cleared, &publish::Update { title, status, body, components }).await
        })
    }
}
