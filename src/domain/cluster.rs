//! The rest of the cluster that rows need: nodes, events, autoscalers, and what we may not see.

use serde::Serialize;

use super::Text;
use super::target::WorkloadRef;
use super::time::Instant;

/// Which namespaces a session looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamespaceScope {
    /// All that we may see.
    All,
    /// One.
    One(Text),
}

impl NamespaceScope {
    /// For the header.
    pub fn label(&self) -> &str {
        match self {
            Self::All => "all namespaces",
            Self::One(name) => name,
        }
    }
}

/// One context of the kubeconfig, for the chooser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContextEntry {
    /// Name.
    pub name: Text,
    /// Cluster entry that it names.
    pub cluster: Text,
    /// User entry that it names, empty when none.
    pub user: Text,
    /// Its default namespace.
    pub namespace: Option<Text>,
    /// Is it the kubeconfig's `current-context`?
    pub current: bool,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeRow {
    /// Name.
    pub name: Text,
    /// Condition `Ready` is `True`.
    pub ready: bool,
    /// `spec.unschedulable`.
    pub cordoned: bool,
    /// Other conditions that are true and should not be (`DiskPressure`), in words.
    pub problem: Option<Text>,
    /// Taints that keep pods away, `key=value:Effect`, without those that only repeat a condition or the cordon.
    pub taints: std::sync::Arc<[Text]>,
    /// Roles from `node-role.kubernetes.io/ROLE` labels, joined by commas; empty for a plain worker.
    pub roles: Text,
    /// CPU that pods may use, in thousandths of a core.
    pub cpu: u64,
    /// Memory that pods may use, in bytes.
    pub memory: u64,
    /// Pods that it may run.
    pub max_pods: u32,
    /// Kubelet version.
    pub version: Text,
    /// Creation time.
    pub created: Instant,
}

/// What a node uses now, as the metrics API says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeUsage {
    /// The node's name.
    pub name: Text,
    /// CPU in thousandths of a core, rounded up as kubectl does.
    pub cpu: u64,
    /// Working set in bytes.
    pub memory: u64,
}

/// One Kubernetes Event, newest occurrence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRow {
    /// Unique name, `namespace/name`.
    pub key: Text,
    /// Namespace.
    pub namespace: Text,
    /// `type: Warning`.
    pub warning: bool,
    /// Reason (`BackOff`).
    pub reason: Text,
    /// Message.
    pub message: Text,
    /// Kind of the object it is about.
    pub kind: Text,
    /// Name of the object it is about.
    pub name: Text,
    /// How often.
    pub count: u32,
    /// Last seen.
    pub last_seen: Instant,
}

/// One HorizontalPodAutoscaler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HpaRow {
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
    /// What it scales, when that is a workload that we know.
    pub target: Option<WorkloadRef>,
    /// Lower bound.
    pub min: u32,
    /// Upper bound.
    pub max: u32,
    /// Current replicas.
    pub current: u32,
}

/// The resources that the Kubernetes source watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Pods.
    Pods,
    /// Deployments.
    Deployments,
    /// ReplicaSets: revisions of Deployments.
    ReplicaSets,
    /// StatefulSets.
    StatefulSets,
    /// DaemonSets.
    DaemonSets,
    /// ControllerRevisions: revisions of the two above.
    ControllerRevisions,
    /// Nodes.
    Nodes,
    /// Events.
    Events,
    /// HorizontalPodAutoscalers.
    Hpas,
    /// Argo Rollouts, where the cluster serves them.
    Rollouts,
    /// CronJobs.
    CronJobs,
    /// Jobs.
    Jobs,
    /// What nodes use, where the cluster serves metrics.
    NodeMetrics,
    /// What pods use, likewise.
    PodMetrics,
}

impl Resource {
    /// All of them, in the order in which they matter to the first screen.
    pub const ALL: [Self; 14] = [
        Self::Pods,
        Self::Deployments,
        Self::ReplicaSets,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::ControllerRevisions,
        Self::Nodes,
        Self::Events,
        Self::Hpas,
        Self::Rollouts,
        Self::CronJobs,
        Self::Jobs,
        Self::NodeMetrics,
        Self::PodMetrics,
    ];

    /// API group, empty for core.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Pods | Self::Nodes | Self::Events => "",
            Self::Hpas => "autoscaling",
            Self::Rollouts => "argoproj.io",
            Self::CronJobs | Self::Jobs => "batch",
            Self::NodeMetrics | Self::PodMetrics => "metrics.k8s.io",
            _ => "apps",
        }
    }

    /// Version of the API that is read: the one that every supported server (1.27 and later) serves.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Hpas => "v2",
            Self::Rollouts => "v1alpha1",
            Self::NodeMetrics | Self::PodMetrics => "v1beta1",
            _ => "v1",
        }
    }

    /// Do its objects live in namespaces?
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::Nodes | Self::NodeMetrics)
    }

    /// Is it an extension that a healthy cluster may do without?
    pub const fn is_optional(self) -> bool {
        self.is_measured() || matches!(self, Self::Rollouts)
    }

    /// Is it of the metrics API, which measures now and then and cannot be watched?
    pub const fn is_measured(self) -> bool {
        matches!(self, Self::NodeMetrics | Self::PodMetrics)
    }

    /// Name on screen and in lists of sources: the plural, unless another resource has the same.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NodeMetrics => "node metrics",
            Self::PodMetrics => "pod metrics",
            other => other.plural(),
        }
    }

    /// Plural name in paths and RBAC rules.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Pods | Self::PodMetrics => "pods",
            Self::Deployments => "deployments",
            Self::ReplicaSets => "replicasets",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::ControllerRevisions => "controllerrevisions",
            Self::Nodes | Self::NodeMetrics => "nodes",
            Self::Events => "events",
            Self::Hpas => "horizontalpodautoscalers",
            Self::Rollouts => "rollouts",
            Self::CronJobs => "cronjobs",
            Self::Jobs => "jobs",
        }
    }
}
