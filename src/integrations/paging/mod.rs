//! Paging services: who is on call, which pages are open, and what an incident sends to them. A service is a file here and
//! its line in [`provider`].

mod opsgenie;
mod pagerduty;

use std::sync::Arc;

use crate::config::incidents::{PagingProduct, PagingSource};
use crate::incident::clearance::Courier;
use crate::ports::incident::Paging;

/// A paging service that is read and, with an outbox's pass, written to.
pub trait Provider: Paging + Courier {}

impl<T: Paging + Courier> Provider for T {}

/// The registry: one line for each product. Sends nothing.
pub fn provider(source: &PagingSource) -> Arc<dyn Provider> {
    match source.paging.provider {
        PagingProduct::PagerDuty => Arc::new(pagerduty::PagerDuty::new(source)),
        PagingProduct::Opsgenie => Arc::new(opsgenie::Opsgenie::new(source)),
    }
}
