//! `Approved<T>`: the pass that mutating ports ask for, and that only the door can issue.
//!
//! Architecture invariant: nothing outside `actions` can construct an [`Approved`], and [`Mutator`] takes nothing else,
//! so a mutation that goes round the door does not compile.
//!
//! ```compile_fail
//! use opsdeck::actions::approval::Approved;
//! let forged = Approved { inner: 1 };
//! ```

use crate::domain::mutation::Mutation;
use crate::ports::Future;
use crate::ports::cluster::ClusterError;

/// Something that passed preflight, guardrails and confirmation and whose intent is on disk.
#[derive(Debug, PartialEq)]
pub struct Approved<T> {
    inner: T,
}

impl<T> Approved<T> {
    /// Issues the pass. Only the door does, after the intent was recorded.
    pub(in crate::actions) fn issue(inner: T) -> Self {
        Self { inner }
    }

    /// What was approved.
    pub fn get(&self) -> &T {
        &self.inner
    }
}

/// What the server said to an executed mutation.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// `metadata.resourceVersion` after it.
    pub resource_version: String,
    /// `metadata.generation` after it: verification waits until it is observed.
    pub generation: i64,
    /// `Warning` headers.
    pub warnings: Vec<String>,
}

/// Alters the world. Implementations never retry.
pub trait Mutator: Send + Sync {
    /// Sends the mutation once and reports what came of it.
    fn execute(&self, approved: Approved<Mutation>) -> Future<'_, Result<Receipt, ClusterError>>;
}
