//! Opsgenie, by its Alert API v2 (docs.opsgenie.com/docs/alert-api) and who-is-on-call API.
//!
//! It carries requests out later and answers 202 with the request's id: whether it succeeded is asked for afterwards. Every
//! request leaves a note with the delivery's mark, by which it is found again in doubt.

mod deliver;
mod escalate;
mod list;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use serde::de::DeserializeOwned;

use self::wire::Problem;
use crate::config::incidents::PagingSource;
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Pairs, Product, Transport};
use crate::integrations::outgoing::{Road, body};
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{DeliveryError, OnCall, Page, Paging, Service, ServiceCheck};

/// Where its API is, outside of Europe.
const API: &str = "https://api.opsgenie.com";

/// One Opsgenie account.
pub(super) struct Opsgenie {
    source: PagingSource,
    road: Road,
}

impl Opsgenie {
    /// As configured; sends nothing.
    pub fn new(source: &PagingSource) -> Self {
        let url = source.paging.url.as_deref().unwrap_or(API);
        Self::over(http::connect(&HttpSettings::new(Product::Opsgenie, url, source.http.clone())), source)
    }

    /// Over a road.
    fn over(transport: Arc<dyn Transport>, source: &PagingSource) -> Self {
        Self { source: source.clone(), road: Road::new(transport) }
    }

    /// An unwelcome answer in words; Opsgenie's own where it gives them.
    fn fault(&self, answer: &HttpAnswer) -> Fault {
        let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
        let said = problem.words();
        let told = said.as_ref().map_or_else(String::new, |said| format!(": {said}"));
        let who = self.road.whose();
        let fault = |kind, what: &str| Fault::new(kind, format!("{who} {what}{told}"));
        match answer.status {
            429 => self.road.limited(answer),
            401 => fault(FaultKind::Unauthorized, "does not accept the key (401)").hint(
                "paging.token has to be the key of an API integration that is turned on; accounts in Europe need \
                 paging.url = \"https://api.eu.opsgenie.com\"",
            ),
            402 => fault(FaultKind::Forbidden, "has no such feature in this account's plan (402)")
                .hint("do it in Opsgenie itself, or have the plan changed"),
            403 => fault(FaultKind::Forbidden, "does not allow it (403)").hint(
                "the API integration of paging.token needs the rights to read, create and update and to access \
                 configurations; one of a team sees that team's alone",
            ),
            404 if said.is_some() => {
                fault(FaultKind::NotServed, "does not know it (404)").hint("it was deleted, or it is another account's")
            }
            400 | 422 if said.is_some() => fault(FaultKind::Server, "refuses it"),
            _ => self.road.fault(answer),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, answer: &HttpAnswer) -> Result<T, Fault> {
        body(answer).ok_or_else(|| self.fault(answer))
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<T, Fault> {
        self.parsed(&self.road.ask(path, query).await?)
    }
}

impl Service for Opsgenie {
    fn name(&self) -> &str {
        &self.source.paging.name
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

impl Paging for Opsgenie {
    fn pages(&self) -> Future<'_, Result<Vec<Page>, Fault>> {
        Box::pin(self.open_pages())
    }

    fn on_call(&self) -> Future<'_, Result<Vec<OnCall>, Fault>> {
        Box::pin(self.all_on_call())
    }
}

impl Courier for Opsgenie {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(self.send(cleared))
    }
}
