//! Status pages: what customers read of an incident. A product is a file here and its line in [`provider`].

mod statuspage;

use std::sync::Arc;

use crate::config::incidents::{StatusPageProduct, StatusPageSource};
use crate::incident::clearance::Courier;
use crate::ports::incident::StatusPage;

/// A status page that is read and, with an outbox's pass, published on.
pub trait Provider: StatusPage + Courier {}

impl<T: StatusPage + Courier> Provider for T {}

/// The registry: one line for each product. Sends nothing.
pub fn provider(source: &StatusPageSource) -> Arc<dyn Provider> {
    match source.page.provider {
        StatusPageProduct::Statuspage => Arc::new(statuspage::Statuspage::new(source)),
    }
}
