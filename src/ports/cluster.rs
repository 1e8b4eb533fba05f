//! Reads that a plan and its verification need, always fresh from the API server, never from the screen.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Future;
use super::feed::Fault;
use crate::domain::mutation::Mutation;
use crate::domain::rollout::RolloutStatus;
use crate::domain::target::WorkloadRef;

/// Why a request of a plan or an execution did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The object does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The object changed since it was read (409, or a failed `test` of a JSON Patch).
    #[error("{0}")]
    Conflict(String),
    /// The server refused it as invalid or by admission (400, 403 of a webhook, 422).
    #[error("{0}")]
    Rejected(String),
    /// RBAC says no.
    #[error("{0}")]
    Forbidden(String),
    /// It was sent, and no answer came: it may or may not have happened.
    #[error("no answer after sending: {0}")]
    Unknown(String),
    /// It was not sent, or a read failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Everything that a rollback of a workload is planned from, in the API's own JSON: the plan computes on what the
/// server said, not on rows.
#[derive(Clone, Debug, PartialEq)]
pub struct RollbackFacts {
    /// The workload, whole.
    pub workload: Value,
    /// Its ReplicaSets or ControllerRevisions (already narrowed to those it owns), whole.
    pub revisions: Vec<Value>,
    /// HorizontalPodAutoscalers of the namespace; `None` when they may not be read.
    pub autoscalers: Option<Vec<Value>>,
}

/// Answer of a SelfSubjectAccessReview. Denials are never cached: access may be granted just in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// May we?
    pub allowed: bool,
    /// `patch deployments.apps in namespace shop`.
    pub what: String,
    /// The server's reason, when it gives one.
    pub reason: Option<String>,
}

/// The server's answer to a dry run.
#[derive(Clone, Debug, PartialEq)]
pub struct DryRun {
    /// The object as it would be.
    pub object: Value,
    /// `Warning` headers.
    pub warnings: Vec<String>,
}

/// Fresh reads.
pub trait Cluster: Send + Sync {
    /// Facts for a rollback.
    fn rollback_facts<'a>(&'a self, target: &'a WorkloadRef) -> Future<'a, Result<RollbackFacts, ClusterError>>;
    /// May this identity send this mutation?
    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>>;
    /// Sends the mutation with `dryRun=All`.
    fn dry_run<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>>;
    /// The rollout as the cluster reports it now.
    fn rollout<'a>(&'a self, target: &'a WorkloadRef) -> Future<'a, Result<RolloutStatus, ClusterError>>;
    /// Who we are to the API server (SelfSubjectReview, else the kubeconfig's user name).
    fn identity(&self) -> Future<'_, Result<String, ClusterError>>;
}

/// What the signals say about a workload now; absent where no source tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// Alerts firing for it (names), burn alerts apart because they clear only when their windows pass.
    pub firing: Option<Vec<String>>,
    /// Burn alerts firing for it.
    pub burn_alerts: Option<Vec<String>>,
    /// Its fastest burn over 5 m, over all of its SLOs.
    pub burn: Option<f64>,
}

/// Fresh signals for verification.
pub trait SignalSource: Send + Sync {
    /// Reads alerts and burn that concern `target`.
    fn signals<'a>(&'a self, target: &'a WorkloadRef) -> Future<'a, Result<Signals, Fault>>;
}
