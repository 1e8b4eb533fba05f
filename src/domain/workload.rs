//! A workload and its revisions as rows.

use serde::Serialize;

use super::Text;
use super::rollout::{Progressive, RolloutStatus};
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
    /// Annotation `opsdeck.dev/flags`: globs of the feature flags that are about it, parted by commas or spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Text>,
    /// Creation time of the object.
    pub created: Instant,
    /// What only its kind knows. Boxed: most rows are Deployments, which have nothing to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<Detail>>,
}

/// What only some kinds of workload know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Of an Argo Rollout.
    Progressive(Progressive),
    /// Of a StatefulSet.
    Ordinals(Ordinals),
    /// Of a CronJob.
    Schedule(Schedule),
    /// Of a Job.
    Batch(Batch),
}

/// How a StatefulSet replaces its pods: what tells a slow update from one that can never end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ordinals {
    /// `podManagementPolicy: OrderedReady` with a rolling update: the controller waits for each pod to be ready before it
    /// touches another, also when that pod can never be ready.
    pub ordered: bool,
    /// ControllerRevision that is rolled out.
    pub update_revision: Text,
    /// ControllerRevision that the rest run.
    pub current_revision: Text,
}

/// A CronJob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Cron expression.
    pub schedule: Text,
    /// Time zone, when one is set.
    pub time_zone: Option<Text>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// When it last made a Job.
    pub last_schedule: Option<Instant>,
    /// When a Job of it last succeeded.
    pub last_success: Option<Instant>,
    /// Names of the Jobs that run now.
    pub active: std::sync::Arc<[Text]>,
}

/// A Job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// The CronJob that made it.
    pub cron_job: Option<Text>,
    /// Pods that run.
    pub active: u32,
    /// Pods that succeeded.
    pub succeeded: u32,
    /// Pods that failed.
    pub failed: u32,
    /// Began.
    pub started: Option<Instant>,
    /// Ended, one way or the other.
    pub ended: Option<Instant>,
}

impl WorkloadRow {
    /// State of a progressive delivery, of an Argo Rollout.
    pub fn progressive(&self) -> Option<&Progressive> {
        match self.detail.as_deref() {
            Some(Detail::Progressive(progressive)) => Some(progressive),
            _ => None,
        }
    }

    /// How pods are replaced, of a StatefulSet.
    pub fn ordinals(&self) -> Option<&Ordinals> {
        match self.detail.as_deref() {
            Some(Detail::Ordinals(ordinals)) => Some(ordinals),
            _ => None,
        }
    }

    /// When it runs, of a CronJob.
    pub fn schedule(&self) -> Option<&Schedule> {
        match self.detail.as_deref() {
            Some(Detail::Schedule(schedule)) => Some(schedule),
            _ => None,
        }
    }

    /// How it runs, of a Job.
    pub fn batch(&self) -> Option<&Batch> {
        match self.detail.as_deref() {
            Some(Detail::Batch(batch)) => Some(batch),
            _ => None,
        }
    }
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
