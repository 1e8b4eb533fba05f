//! PagerDuty, by its REST API v2 and its Events API v2. Fields and limits are those of its OpenAPI documents
//! (github.com/PagerDuty/api-schema).
//!
//! It knows no idempotency keys but the `dedup_key` of events. Everything else looks at the page's state first: a note by
//! its mark, responders by who is asked already, an escalation by the level of those who are assigned.

mod deliver;
mod doctor;
mod events;
mod list;
mod responders;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use tokio::sync::OnceCell;

use self::events::Events;
use self::list::Scope;
use self::wire::{Problem, User, UserBody, Users};
use crate::config::incidents::PagingSource;
use crate::config::secret::HeaderValue;
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Product, Transport};
use crate::integrations::outgoing::{Hints, Road, line};
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{DeliveryError, OnCall, Page, Paging, Service, ServiceCheck};

/// Where its REST API is.
const REST: &str = "https://api.pagerduty.com";
/// The version that is spoken.
const VERSION: &str = "application/vnd.pagerduty+json;version=2";

/// One PagerDuty account.
pub(super) struct PagerDuty {
    source: PagingSource,
    rest: Road,
    events: Events,
    /// Who writes: the user of `from`, else the one whose token it is.
    writer: OnceCell<User>,
    /// What the configured ids are.
    scope: OnceCell<Scope>,
}

impl PagerDuty {
    /// As configured; sends nothing.
    pub fn new(source: &PagingSource) -> Self {
        let mut http = source.http.clone();
        http.headers.entry("Accept".into()).or_insert_with(|| HeaderValue::Plain(VERSION.into()));
        if let Some(from) = &source.paging.from {
            http.headers.insert("From".into(), HeaderValue::Plain(from.clone()));
        }
        let url = source.paging.url.as_deref().unwrap_or(REST);
        let rest = http::connect(&HttpSettings::new(Product::PagerDuty, url, http));
        Self::over(rest, Events::new(source), source)
    }

    /// Over two roads.
    fn over(rest: Arc<dyn Transport>, events: Events, source: &PagingSource) -> Self {
        Self {
            rest: Road::new(rest, meaning),
            events,
            source: source.clone(),
            writer: OnceCell::new(),
            scope: OnceCell::new(),
        }
    }

    /// Who writes.
    async fn writer(&self) -> Result<&User, Fault> {
        self.writer.get_or_try_init(|| self.find_writer()).await
    }

    async fn find_writer(&self) -> Result<User, Fault> {
        let Some(from) = &self.source.paging.from else {
            let own: Result<UserBody, Fault> = self.rest.fetch("/users/me", &[]).await;
            return own.map(|body| body.user).map_err(|fault| match fault.kind {
                // An account's key has no user.
                FaultKind::Server | FaultKind::NotServed => {
                    Fault::new(FaultKind::NotConfigured, "PagerDuty has to know in whose name it is written")
                        .hint("set paging.from to the e-mail address of a user of this account")
                }
                _ => fault,
            });
        };
        let found: Users = self.rest.fetch("/users", &[("query", from), ("limit", "100")]).await?;
        found.users.into_iter().find(|user| user.email.eq_ignore_ascii_case(from)).ok_or_else(|| {
            let message = format!("{} has no user {}", self.rest.whose(), line(from));
            Fault::new(FaultKind::NotConfigured, message)
                .hint("set paging.from to the e-mail address of a user of this account")
        })
    }
}

/// An unwelcome answer in words; PagerDuty's own where it gives them.
fn meaning(road: &Road, answer: &HttpAnswer) -> Fault {
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = problem.words();
    if answer.status == 400
        && (said.as_deref().is_some_and(|said| said.contains("From")) || problem.code() == Some(1008))
    {
        let told = said.map_or_else(String::new, |said| format!(": {said}"));
        let message = format!("{} wants to know who writes (400){told}", road.whose());
        return Fault::new(FaultKind::NotConfigured, message)
            .hint("set paging.from to the e-mail address of a user of this account");
    }
    road.told(
        answer,
        said.as_deref(),
        &Hints {
            key: "token",
            plan: "account",
            unknown: "paging.token was revoked or is another account's; make an API access key under Integrations, or a \
                user's under My Profile",
            forbidden: "paging.token is read-only, or its user's role may not do this; a responder's role is enough",
            missing: "it was deleted, or it is another account's",
        },
    )
}

impl Service for PagerDuty {
    fn name(&self) -> &str {
        &self.source.paging.name
    }

    fn product(&self) -> &'static str {
        self.rest.product()
    }

    fn origin(&self) -> &str {
        self.rest.origin()
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(self.checks())
    }
}

impl Paging for PagerDuty {
    fn pages(&self) -> Future<'_, Result<Vec<Page>, Fault>> {
        Box::pin(self.open_pages())
    }

    fn on_call(&self) -> Future<'_, Result<Vec<OnCall>, Fault>> {
        Box::pin(self.all_on_call())
    }
}

impl Courier for PagerDuty {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(self.send(cleared))
    }
}
