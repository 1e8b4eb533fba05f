//! Any object that an action acts on: workloads, pods, nodes, autoscalers, jobs, silences, and feature flags.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Text;
use super::target::{PodRef, WorkloadKind, WorkloadRef};

/// The kinds of object that actions act on or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ObjectKind {
    /// `apps/v1 Deployment`.
    Deployment,
    /// `apps/v1 StatefulSet`.
    StatefulSet,
    /// `apps/v1 DaemonSet`.
    DaemonSet,
    /// `apps/v1 ReplicaSet`.
    ReplicaSet,
    /// `batch/v1 Job`.
    Job,
    /// `batch/v1 CronJob`.
    CronJob,
    /// `v1 Pod`.
    Pod,
    /// `v1 Node`.
    Node,
    /// `v1 Event`: what an action leaves on the object that it changed.
    Event,
    /// `autoscaling/v2 HorizontalPodAutoscaler`.
    HorizontalPodAutoscaler,
    /// `argoproj.io/v1alpha1 Rollout`.
    Rollout,
    /// A silence of Alertmanager. It is no object of the cluster.
    Silence,
    /// A feature flag in one environment; its name is [`super::flag::FlagRef::object`]'s. It is no object of the cluster.
    Flag,
}

/// Where the API server keeps a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// API group, empty for core.
    pub group: &'static str,
    /// Version that every supported server (1.27 and later) serves.
    pub version: &'static str,
    /// Plural name in paths and RBAC rules.
    pub plural: &'static str,
}

impl ObjectKind {
    /// The API's `kind`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Pod => "Pod",
            Self::Node => "Node",
            Self::Event => "Event",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::Rollout => "Rollout",
            Self::Silence => "Silence",
            Self::Flag => "Flag",
        }
    }

    /// The lower-case word on screen, in arguments and in audit records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::ReplicaSet => "replicaset",
            Self::Job => "job",
            Self::CronJob => "cronjob",
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Event => "event",
            Self::HorizontalPodAutoscaler => "hpa",
            Self::Rollout => "rollout",
            Self::Silence => "silence",
            Self::Flag => "flag",
        }
    }

    /// Where the API server keeps it; `None` for what is not in the cluster.
    pub const fn api(self) -> Option<Api> {
        let (group, version, plural) = match self {
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::StatefulSet => ("apps", "v1", "statefulsets"),
            Self::DaemonSet => ("apps", "v1", "daemonsets"),
            Self::ReplicaSet => ("apps", "v1", "replicasets"),
            Self::Job => ("batch", "v1", "jobs"),
            Self::CronJob => ("batch", "v1", "cronjobs"),
            Self::Pod => ("", "v1", "pods"),
            Self::Node => ("", "v1", "nodes"),
            Self::Event => ("", "v1", "events"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
            Self::Rollout => ("argoproj.io", "v1alpha1", "rollouts"),
            Self::Silence | Self::Flag => return None,
        };
        Some(Api { group, version, plural })
    }

    /// `apps/v1`, as in `apiVersion`; empty for what is not in the cluster.
    pub fn api_version(self) -> String {
        match self.api() {
            None => String::new(),
            Some(Api { group: "", version, .. }) => version.to_owned(),
            Some(Api { group, version, .. }) => format!("{group}/{version}"),
        }
    }

    /// The workload kind of the same name.
    pub const fn workload(self) -> Option<WorkloadKind> {
        Some(match self {
            Self::Deployment => WorkloadKind::Deployment,
            Self::StatefulSet => WorkloadKind::StatefulSet,
            Self::DaemonSet => WorkloadKind::DaemonSet,
            Self::ReplicaSet => WorkloadKind::ReplicaSet,
            Self::Job => WorkloadKind::Job,
            Self::CronJob => WorkloadKind::CronJob,
            Self::Rollout => WorkloadKind::Rollout,
            _ => return None,
        })
    }
}

impl From<WorkloadKind> for ObjectKind {
    fn from(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Deployment => Self::Deployment,
            WorkloadKind::StatefulSet => Self::StatefulSet,
            WorkloadKind::DaemonSet => Self::DaemonSet,
            WorkloadKind::ReplicaSet => Self::ReplicaSet,
            WorkloadKind::Job => Self::Job,
            WorkloadKind::CronJob => Self::CronJob,
            WorkloadKind::Rollout => Self::Rollout,
        }
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Kind.
    pub kind: ObjectKind,
    /// Namespace; `None` for what belongs to none (nodes, silences).
    #[serde(default)]
    pub namespace: Option<Text>,
    /// Name.
    pub name: Text,
}

impl ObjectRef {
    /// An object of a namespace.
    pub fn new(kind: ObjectKind, namespace: impl Into<Text>, name: impl Into<Text>) -> Self {
        Self { kind, namespace: Some(namespace.into()), name: name.into() }
    }

    /// An object of no namespace.
    pub fn global(kind: ObjectKind, name: impl Into<Text>) -> Self {
        Self { kind, namespace: None, name: name.into() }
    }

    /// The workload that it is, if it is one.
    pub fn workload(&self) -> Option<WorkloadRef> {
        let kind = self.kind.workload()?;
        Some(WorkloadRef { namespace: self.namespace.clone()?, kind, name: self.name.clone() })
    }

    /// ` in namespace shop`, or nothing.
    pub fn place(&self) -> String {
        self.namespace.as_ref().map_or_else(String::new, |namespace| format!(" in namespace {namespace}"))
    }
}

/// `deployment/payment`, without the namespace.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

impl From<&WorkloadRef> for ObjectRef {
    fn from(workload: &WorkloadRef) -> Self {
        Self::new(workload.kind.into(), workload.namespace.clone(), workload.name.clone())
    }
}

impl From<&PodRef> for ObjectRef {
    fn from(pod: &PodRef) -> Self {
        Self::new(ObjectKind::Pod, pod.namespace.clone(), pod.name.clone())
    }
}
