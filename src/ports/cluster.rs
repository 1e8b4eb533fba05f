//! Reads that a plan and its verification need, always fresh from the API server, never from the screen.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Future;
use super::feed::Fault;
use crate::domain::mutation::Mutation;
use crate::domain::object::ObjectRef;
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
    /// Not now: a PodDisruptionBudget forbids an eviction (429). Nothing was altered; it may be sent again later.
    #[error("{0}")]
    Blocked(String),
    /// It was sent, and no answer came: it may or may not have happened.
    #[error("no answer after sending: {0}")]
    Unknown(String),
    /// It was not sent, or a read failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What an action asks to have read, beside the object itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Revisions of a workload: its ReplicaSets or ControllerRevisions.
    Revisions,
    /// Pods: those that a workload's selector finds, those on a node, those that a pod's controller owns.
    Pods,
    /// HorizontalPodAutoscalers of the namespace.
    Autoscalers,
    /// PodDisruptionBudgets of the namespace; of all namespaces for a node.
    Budgets,
    /// ResourceQuotas of the namespace.
    Quotas,
    /// The object that a Rollout takes its template from (`spec.workloadRef`).
    Template,
    /// The controllers above the object, nearest first (pod → ReplicaSet → Deployment), as far as their kinds are known;
    /// of a node, those above its pods (ask for [`Part::Pods`] before it).
    Owners,
    /// Alerts that Alertmanager knows, silenced ones too.
    Alerts,
}

/// What to read for the plan of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The object.
    pub target: ObjectRef,
    /// What else.
    pub parts: Vec<Part>,
}

/// Everything that a plan is made from, in the API's own JSON: the plan computes on what the server said, not on rows.
///
/// A part is `None` when it was not asked for or may not be read (403, or a kind that is not served).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The object, whole; `null` when the action creates it.
    pub object: Value,
    /// [`Part::Revisions`], only those that the workload owns.
    pub revisions: Option<Vec<Value>>,
    /// [`Part::Pods`].
    pub pods: Option<Vec<Value>>,
    /// [`Part::Autoscalers`].
    pub autoscalers: Option<Vec<Value>>,
    /// [`Part::Budgets`].
    pub budgets: Option<Vec<Value>>,
    /// [`Part::Quotas`].
    pub quotas: Option<Vec<Value>>,
    /// [`Part::Template`]; also `None` when it holds its own.
    pub template: Option<Value>,
    /// [`Part::Alerts`], each as `{"fingerprint", "labels", "state"}`, the state in Alertmanager's word.
    pub alerts: Option<Vec<Value>>,
    /// [`Part::Owners`].
    pub owners: Option<Vec<Value>>,
}

/// What verification looks at, once a second.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// The object, and its rollout when it is a workload.
    pub object: ObjectRef,
    /// Also the pods that [`Part::Pods`] would read.
    pub pods: bool,
    /// Also alerts and burn that concern this workload.
    pub signals: Option<WorkloadRef>,
}

/// What there was to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The object; [`ClusterError::NotFound`] when there is none (any more).
    pub object: Result<Value, ClusterError>,
    /// Its rollout; `None` when it has none.
    pub rollout: Option<RolloutStatus>,
    /// The pods, when they were asked for.
    pub pods: Option<Result<Vec<Value>, ClusterError>>,
    /// Alerts and burn, when they were asked for. The cluster leaves them out: they come from a [`SignalSource`].
    pub signals: Option<Result<Signals, Fault>>,
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
    /// Reads what a plan needs.
    fn facts<'a>(&'a self, needs: &'a Needs) -> Future<'a, Result<Facts, ClusterError>>;
    /// May this identity send this mutation?
    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>>;
    /// Sends the mutation with `dryRun=All`.
    fn dry_run<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>>;
    /// What there is to see of an object now, without signals.
    fn look<'a>(&'a self, look: &'a Look) -> Future<'a, Seen>;
    /// Who we are to the API server (SelfSubjectReview, else the kubeconfig's user name).
    fn identity(&self) -> Future<'_, Result<String, ClusterError>>;
}

/// Fresh reads of silences, which are not in the cluster. A silence is read as `{"id", "state", "silence", "hears"}`: the
/// state in Alertmanager's word, the silence itself ([`crate::domain::mutation::Silence`]), and the names of the alerts that
/// it accepts and that are heard nevertheless.
pub trait Silences: Send + Sync {
    /// Reads what a plan needs. A silence that is not there (yet) is `null`; its name is an id or a key.
    fn facts<'a>(&'a self, needs: &'a Needs) -> Future<'a, Result<Facts, ClusterError>>;
    /// One silence now, from the replica that is written to.
    fn look<'a>(&'a self, silence: &'a ObjectRef) -> Future<'a, Result<Value, ClusterError>>;
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
