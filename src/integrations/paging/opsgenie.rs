//! Opsgenie, by its Alert API v2 (docs.opsgenie.com/docs/alert-api) and who-is-on-call API.
//!
//! It carries requests out later and answers 202 with the request's id: whether it succeeded is asked for afterwards. Every
//! request leaves a note with the delivery's mark, by which it is found again in doubt.

mod deliver;
mod escalate;
mod list;
mod requests;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use self::requests::Requests;
use self::wire::Problem;
use crate::config::incidents::PagingSource;
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Product, Transport};
use crate::integrations::outgoing::{Hints, Road};
use crate::ports::Future;
use crate::ports::feed::Fault;
use crate::ports::incident::{DeliveryError, OnCall, Page, Paging, Service, ServiceCheck};

/// Where its API is, outside of Europe.
const API: &str = "https://api.opsgenie.com";

/// One Opsgenie account.
pub(super) struct Opsgenie {
    source: PagingSource,
    road: Road,
    requests: Requests,
}

impl Opsgenie {
    /// As configured; sends nothing.
    pub fn new(source: &PagingSource) -> Self {
        let url = source.paging.url.as_deref().unwrap_or(API);
        Self::over(http::connect(&HttpSettings::new(Product::Opsgenie, url, source.http.clone())), source)
    }

    /// Over a road.
    fn over(transport: Arc<dyn Transport>, source: &PagingSource) -> Self {
        Self { source: source.clone(), road: Road::new(transport, meaning), requests: Requests::default() }
    }
}

/// An unwelcome answer in words; Opsgenie's own where it gives them.
fn meaning(road: &Road, answer: &HttpAnswer) -> Fault {
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    road.told(
        answer,
        problem.words().as_deref(),
        &Hints {
            key: "key",
            plan: "account",
            unknown: "paging.token has to be the key of an API integration that is turned on; accounts in Europe need \
                paging.url = \"https://api.eu.opsgenie.com\"",
            forbidden: "the API integration of paging.token needs the rights to read, create and update and to access \
                configurations; one of a team sees that team's alone",
            missing: "it was deleted, or it is another account's",
        },
    )
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
