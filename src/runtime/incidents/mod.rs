//! Incidents, as far as they touch the outside: their journals on disk, and the services that they speak to. What an
//! incident means and what comes next is [`crate::incident`]'s.

pub mod actions;
pub mod answers;
pub mod clerk;
pub mod held;
pub mod journal;
pub mod office;
pub mod paper;
pub mod prepare;
mod pull;
mod reach;
pub mod services;
mod shared;
pub mod store;
pub mod writers;
mod writing;

use std::path::PathBuf;

/// Where incidents are kept, and where their post-mortems are written.
#[derive(Clone, Debug)]
pub struct IncidentHome {
    /// All of them.
    pub store: store::IncidentStore,
    /// `[incidents] post-mortems`; the incident's own directory where that is not said.
    pub post_mortems: Option<PathBuf>,
}

impl IncidentHome {
    /// In this directory.
    pub fn new(directory: PathBuf, post_mortems: Option<PathBuf>) -> Self {
        Self { store: store::IncidentStore::new(directory), post_mortems }
    }
}

impl Default for IncidentHome {
    fn default() -> Self {
        Self::new(PathBuf::from(".opsdeck/incidents"), None)
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod keeping_tests;
#[cfg(test)]
mod office_tests;
#[cfg(test)]
mod sharing_tests;
#[cfg(test)]
mod tests;
