//! Requests that alter something: with the door's or the outbox' pass, sent once, and honest about what is known afterwards.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::{HttpAnswer, HttpTransport, fault};
use crate::actions::approval::Approved;
use crate::domain::mutation::Mutation;
use crate::incident::clearance::Cleared;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// The usual content type.
pub const JSON: &str = "application/json";

/// Who let it pass.
#[derive(Clone, Copy, Debug)]
pub enum Pass<'a> {
    /// The door.
    Door(&'a Approved<Mutation>),
    /// An incident's outbox.
    Outbox(&'a Cleared),
}

impl<'a> From<&'a Approved<Mutation>> for Pass<'a> {
    fn from(pass: &'a Approved<Mutation>) -> Self {
        Self::Door(pass)
    }
}

impl<'a> From<&'a Cleared> for Pass<'a> {
    fn from(pass: &'a Cleared) -> Self {
        Self::Outbox(pass)
    }
}

/// One write. It holds the pass, so that nothing can be written without the door or the outbox.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// What it was approved or cleared by.
    pub pass: Pass<'a>,
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Path of the API.
    pub path: &'a str,
    /// Of the body.
    pub content_type: &'static str,
    /// The body; empty for none.
    pub body: &'a [u8],
}

/// A change that the product is to try and not to keep. It needs no pass, because the road itself adds what makes it no
/// more than that, and sends it to no product that does not know it.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal<'a> {
    /// Path of the API, without a query.
    pub path: &'a str,
    /// Of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: &'a [u8],
}

impl HttpTransport {
    /// Sends it as a PATCH.
    pub(super) async fn rehearse_once(&self, rehearsal: Rehearsal<'_>) -> Result<HttpAnswer, Fault> {
        let Some(mark) = self.product.rehearsal().filter(|_| !rehearsal.path.contains(['?', '#'])) else {
            return Err(Fault::new(FaultKind::NotServed, format!("{} has no dry run", self.product.name())));
        };
        let (headers, _) = self.headers().await?;
        let request = self.client.request(Method::PATCH, format!("{}{}", self.base, rehearsal.path)).query(&[mark]);
        let request = request.header(CONTENT_TYPE, rehearsal.content_type).body(rehearsal.body.to_vec());
        self.exchange(request, headers).await
    }

    /// Sends it. A 401 was not carried out: credentials are read again, and only then it is sent again; by
    /// the caller, where they may be for another place.
    pub(super) async fn write_once(&self, write: Write<'_>) -> Result<HttpAnswer, ClusterError> {
        let method = Method::from_bytes(write.method.as_bytes()).unwrap_or(Method::POST);
        loop {
            let (headers, from_cache) = self.headers().await?;
            let mut request = self.client.request(method.clone(), format!("{}{}", self.base, write.path));
            if !write.body.is_empty() {
                request = request.header(CONTENT_TYPE, write.content_type).body(write.body.to_vec());
            }
            let response = request.headers(headers.clone()).send().await.map_err(|error| {
                let never_sent = error.is_connect() || error.is_builder();
                let fault = fault::of_request(error, self.product, &self.origin, self.http.timeout);
                if never_sent { ClusterError::Fault(fault) } else { ClusterError::Unknown(fault.message) }
            })?;
            let answer = self.read(response, &headers).await.map_err(|fault| ClusterError::Unknown(fault.message))?;
            if answer.status == 401 {
                *self.secrets.lock().await = None;
                // A chat is asked first whose the new token is: it may be for another workspace.
                if from_cache && self.has_secrets() && !self.product.has_workspaces() {
                    continue;
                }
            }
            return Ok(answer);
        }
    }
}
