//! Runbooks, as far as they touch the outside: finding and fetching them, keeping runs on disk, and doing what a step
//! asks for. What a runbook means and what comes next is [`crate::runbook`]'s.

pub mod clerk;
pub mod command;
pub mod deed;
pub mod fetch;
pub mod find;
pub mod keep;
pub mod kubectl;
pub mod library;
pub mod logs;
pub mod perform;
pub mod request;
pub mod store;
pub mod table;
pub mod trust;

use std::path::PathBuf;

/// Where runbooks are, and where their runs are kept.
#[derive(Clone, Debug)]
pub struct RunbookHome {
    /// Places of runbooks, the least binding first.
    pub places: Vec<find::Place>,
    /// Runs.
    pub store: store::RunStore,
}

impl Default for RunbookHome {
    fn default() -> Self {
        Self { places: vec![find::Place::Shipped], store: store::RunStore::new(PathBuf::from(".opsdeck/runbooks")) }
    }
}
