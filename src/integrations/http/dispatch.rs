//! Requests that carry an incident's deliveries: with the outbox's pass, sent once.

use super::{HttpAnswer, HttpTransport, JSON};
use crate::incident::clearance::Cleared;
use crate::ports::cluster::ClusterError;

/// One request of a delivery. It holds the pass, so that nothing leaves without an outbox.
#[derive(Clone, Copy, Debug)]
pub struct Dispatch<'a> {
    /// What was cleared.
    pub pass: &'a Cleared,
    /// `POST`, `PUT` or `PATCH`.
    pub method: &'static str,
    /// Path of the API, with its query.
    pub path: &'a str,
    /// The body, JSON.
    pub body: &'a [u8],
}

impl HttpTransport {
    /// Sends it.
    pub(super) async fn dispatch_once(&self, dispatch: Dispatch<'_>) -> Result<HttpAnswer, ClusterError> {
        self.alter(dispatch.method, dispatch.path, JSON, dispatch.body).await
    }
}
