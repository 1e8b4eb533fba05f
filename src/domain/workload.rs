//! A workload and its revisions as rows.

use serde::Serialize;

use super::Text;
use super::rollout::RolloutStatus;
use super::target::WorkloadRef;
use super::time::Instant;

/// One workload with the state of its current rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkloadRow {
    /// Namespace, kind and name.
    #[serde(flatten)]
    pub id: WorkloadRef,
    /// The current rollout, as the cluster reports it.
    pub rollout: RolloutStatus,
    /// Revision of the current pod template (Deployment annotation; StatefulSet and DaemonSet: from ControllerRevisions).
    pub revision: Option<u64>,
    /// Images of the current pod template, containers in order.
    pub images: std::sync::Arc<[Text]>,
    /// Annotation `kubernetes.io/change-cause`.
    pub change_cause: Option<Text>,
    /// What else writes this object (`argocd`, `helm`, `flux`), read from labels, annotations and managers.
    pub managed_by: Option<Text>,
    /// Creation time of the object.
    pub created: Instant,
}

/// One revision in a workload's history: a ReplicaSet of a Deployment, or a ControllerRevision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevisionRow {
    /// Whose revision.
    pub workload: WorkloadRef,
    /// Its number.
    pub revision: u64,
    /// Name of the ReplicaSet or ControllerRevision.
    pub name: Text,
    /// `pod-template-hash` or `controller-revision-hash`.
    pub hash: Option<Text>,
    /// Images, containers in order.
    pub images: std::sync::Arc<[Text]>,
    /// Annotation `kubernetes.io/change-cause`.
    pub change_cause: Option<Text>,
    /// Pods that it has now (0 for ControllerRevisions).
    pub replicas: u32,
    /// Of them ready.
    pub ready: u32,
    /// When it was first rolled out (creation of the ReplicaSet or ControllerRevision).
    pub created: Instant,
}
