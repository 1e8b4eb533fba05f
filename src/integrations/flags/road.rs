//! The road to one provider: what is asked and sent, and the waits that it asks for.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::patience::{self, Patience};
use crate::actions::approval::Approved;
use crate::domain::mutation::Mutation;
use crate::domain::text::clean;
use crate::integrations::http::{HttpAnswer, Pairs, Rehearsal, Transport, Write};
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// A transport that leaves its server alone after a 429.
pub(super) struct Road {
    transport: Arc<dyn Transport>,
    patience: Patience,
}

/// One request that changes something.
pub(super) struct Request {
    /// `POST`, `PATCH` or `PUT`.
    pub method: &'static str,
    /// Path of the API, with its query.
    pub path: String,
    /// Of the body.
    pub content_type: &'static str,
    /// The body; `null` for none.
    pub body: serde_json::Value,
}

impl Road {
    /// Over a transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, patience: Patience::default() }
    }

    /// Where it leads, without secrets.
    pub fn origin(&self) -> &str {
        self.transport.origin()
    }

    /// `LaunchDarkly at https://app.launchdarkly.com`.
    pub fn whose(&self) -> String {
        format!("{} at {}", self.transport.product().name(), self.origin())
    }

    /// May it be asked now?
    pub fn ready(&self) -> Result<(), Fault> {
        self.patience.left().map_or(Ok(()), |left| Err(self.too_many(left)))
    }

    /// Asks. Any status is an answer.
    pub async fn ask(&self, path: &str, query: Pairs<'_>) -> Result<HttpAnswer, Fault> {
        self.ready()?;
        let answer = self.transport.get(path, query).await?;
        self.patience.heed(&answer);
        Ok(answer)
    }

    /// Sends what was approved. Any status is an answer.
    pub async fn send(&self, pass: &Approved<Mutation>, request: &Request) -> Result<HttpAnswer, ClusterError> {
        let Request { method, path, content_type, body } = request;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self
            .transport
            .write(Write { pass: pass.into(), method, path, content_type, body: body.as_bytes() })
            .await?;
        self.patience.heed(&answer);
        Ok(answer)
    }

    /// Lets the product try it and keep nothing.
    pub async fn rehearse(&self, request: &Request) -> Result<HttpAnswer, Fault> {
        self.ready()?;
        let Request { path, content_type, body, .. } = request;
        let body = body.to_string();
        let answer = self.transport.rehearse(Rehearsal { path, content_type, body: body.as_bytes() }).await?;
        self.patience.heed(&answer);
        Ok(answer)
    }

    /// Why it is not asked for a while.
    pub fn too_many(&self, seconds: u64) -> Fault {
        let message = format!("{} had too many requests and is left alone for {seconds} s", self.whose());
        Fault::new(FaultKind::Server, message).hint("a longer flags.interval asks less often")
    }

    /// What a 429 means.
    pub fn limited(&self, answer: &HttpAnswer) -> Fault {
        self.too_many(patience::wait(answer))
    }

    /// What a status and a shape mean where the product has no words of its own.
    pub fn fault(&self, answer: &HttpAnswer) -> Fault {
        crate::integrations::http::fault::of_answer(answer, self.transport.product(), self.origin())
    }

    /// A name of the settings that the product does not know, and those that it does.
    pub fn no_such(&self, what: &str, name: &str, known: &[String], setting: &str) -> Fault {
        let message = format!("{} has no {what} `{}`; {}", self.whose(), clean(name), those(known));
        Fault::new(FaultKind::NotConfigured, message).hint(format!("correct {setting}"))
    }

    /// A list that was not whole after some attempts.
    pub fn restless(&self) -> Fault {
        let message = format!("the list of flags of {} changes faster than it can be read", self.whose());
        Fault::new(FaultKind::Malformed, message).hint("it is tried again; flags.projects would make it shorter")
    }
}

/// The body of a good answer; `None` for everything else.
pub(super) fn body<T: DeserializeOwned>(answer: &HttpAnswer) -> Option<T> {
    let fine = (200..300).contains(&answer.status) && !answer.is_html();
    fine.then(|| serde_json::from_slice(&answer.body).ok()).flatten()
}

/// `there are: a, b`.
pub(super) fn those(known: &[String]) -> String {
    if known.is_empty() {
        return "there are none that the token may see".into();
    }
    let named: Vec<_> = known.iter().take(20).map(|name| clean(name)).collect();
    let more = known.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("there are: {}{more}", named.join(", "))
}
