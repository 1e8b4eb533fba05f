//! What an action, a focus or a row points at: workloads, pods, and the focus that all panes narrow to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Text;

/// The kinds of workload that opsdeck shows as rollouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// `argoproj.io/v1alpha1 Rollout`. First: where a Deployment of the same name stands beside it, the Rollout is what
    /// serves (it was migrated, or refers to the Deployment by `workloadRef`).
    Rollout,
    /// `apps/v1 Deployment`.
    Deployment,
    /// `apps/v1 StatefulSet`.
    StatefulSet,
    /// `apps/v1 DaemonSet`.
    DaemonSet,
    /// A ReplicaSet that no Deployment owns.
    ReplicaSet,
    /// `batch/v1 CronJob`; owns Jobs, has no rollout.
    CronJob,
    /// `batch/v1 Job`; owns pods, has no rollout.
    Job,
}

impl WorkloadKind {
    /// Every kind, in the order in which screens list them.
    pub const ALL: [Self; 7] = [
        Self::Rollout,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::CronJob,
        Self::Job,
    ];

    /// The API's `kind`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::CronJob => "CronJob",
            Self::Job => "Job",
        }
    }

    /// The lower-case word used on screen and in arguments (`deployment/payment`), and in audit records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::ReplicaSet => "replicaset",
            Self::CronJob => "cronjob",
            Self::Job => "job",
        }
    }

    /// kubectl's short name (`deploy`), used where space is short.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
            Self::Deployment => "deploy",
            Self::StatefulSet => "sts",
            Self::DaemonSet => "ds",
            Self::ReplicaSet => "rs",
            Self::CronJob => "cj",
            Self::Job => "job",
        }
    }

    /// Does it change from revision to revision, so that there is a rollout to follow?
    pub const fn rolls_out(self) -> bool {
        matches!(self, Self::Rollout | Self::Deployment | Self::StatefulSet | Self::DaemonSet)
    }

    /// Reads a word, a short name, a plural or a kind, as kubectl does; `None` when it is none of them.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let word = word.split('.').next().unwrap_or_default();
        // The short name of Argo's own definition; on screen the whole word says more.
        if word == "ro" {
            return Some(Self::Rollout);
        }
        Self::ALL
            .into_iter()
            .find(|kind| word == kind.word() || word == kind.short() || word.strip_suffix('s') == Some(kind.word()))
    }
}

/// One workload of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkloadRef {
    /// Namespace.
    pub namespace: Text,
    /// Kind.
    pub kind: WorkloadKind,
    /// Name.
    pub name: Text,
}

impl WorkloadRef {
    /// Makes a reference.
    pub fn new(kind: WorkloadKind, namespace: impl Into<Text>, name: impl Into<Text>) -> Self {
        Self { namespace: namespace.into(), kind, name: name.into() }
    }

    /// `deploy/payment`, for headers and titles.
    pub fn short(&self) -> String {
        format!("{}/{}", self.kind.short(), self.name)
    }
}

/// `deployment/payment`, without the namespace.
impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

/// One pod of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PodRef {
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
}

/// What all panes narrow to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Focus {
    /// A workload: its pods, its rollout, its alerts, its SLOs, its logs.
    Workload(WorkloadRef),
    /// One pod; panes that know only workloads narrow to its owner.
    Pod {
        /// The pod.
        pod: PodRef,
        /// Its owner, when known.
        owner: Option<WorkloadRef>,
    },
    /// A service name that no workload answers to (an alert on something outside the cluster).
    Service {
        /// Namespace, when the alert names one.
        namespace: Option<Text>,
        /// The service's name.
        name: Text,
    },
    /// A node: its pods, and what runs there.
    Node(Text),
}

impl Focus {
    /// The workload in focus, if the focus is one or lies in one.
    pub fn workload(&self) -> Option<&WorkloadRef> {
        match self {
            Self::Workload(workload) => Some(workload),
            Self::Pod { owner, .. } => owner.as_ref(),
            Self::Service { .. } | Self::Node(_) => None,
        }
    }
}

impl fmt::Display for Focus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload(workload) => write!(f, "{}", workload.short()),
            Self::Pod { pod, .. } => write!(f, "pod/{}", pod.name),
            Self::Service { name, .. } => write!(f, "service {name}"),
            Self::Node(name) => write!(f, "node/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_are_read_as_kubectl_reads_them() {
        for word in ["deploy", "deployment", "deployments", "Deployment", "deployments.apps"] {
            assert_eq!(WorkloadKind::parse(word), Some(WorkloadKind::Deployment), "{word}");
        }
        assert_eq!(WorkloadKind::parse("sts"), Some(WorkloadKind::StatefulSet));
        for word in ["ro", "rollout", "rollouts", "rollouts.argoproj.io"] {
            assert_eq!(WorkloadKind::parse(word), Some(WorkloadKind::Rollout), "{word}");
        }
        assert_eq!(WorkloadKind::parse("cj"), Some(WorkloadKind::CronJob));
        assert_eq!(WorkloadKind::parse("deploys"), None);
        assert_eq!(WorkloadKind::parse(""), None);
    }
}
