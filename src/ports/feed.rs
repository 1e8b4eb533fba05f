//! Sources as streams of typed updates, and what can be wrong with one.
//!
//! A feed retries nothing and knows nothing of the app: it yields updates, and errors as items. The runtime owns
//! back-off: after an error item it waits before it polls again, and when a stream has ended it opens a new one. A feed
//! that can resume (a watch) keeps its place inside the stream.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use serde::Serialize;

use crate::domain::Text;
use crate::domain::alert::Alert;
use crate::domain::cluster::{EventRow, HpaRow, NodeRow, NodeUsage, Resource};
use crate::domain::flag::FlagRow;
use crate::domain::log::LogBatch;
use crate::domain::pod::{PodRow, PodUsage};
use crate::domain::slo::SloReading;
use crate::domain::target::{PodRef, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::{RevisionRow, WorkloadRow};

/// Where data comes from. The header shows one health per [`SourceGroup`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceId {
    /// One watched Kubernetes resource.
    Kubernetes(Resource),
    /// SLO queries against Prometheus.
    Slos,
    /// The names of the cluster's namespaces.
    Namespaces,
    /// Alerts from Prometheus' rules (pending ones, values).
    PrometheusAlerts,
    /// Alerts from Alertmanager (silenced, inhibited, deduplicated over its replicas).
    Alertmanager,
    /// Log streams of the focus.
    Logs,
    /// Feature flags of one configured source, by its name.
    Flags(Text),
}

/// The sources as the header names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceGroup {
    /// Everything watched through the API server.
    Kubernetes,
    /// Prometheus.
    Prometheus,
    /// Alertmanager.
    Alertmanager,
    /// Logs.
    Logs,
    /// Feature flags.
    Flags,
}

impl SourceGroup {
    /// All of them, in header order.
    pub const ALL: [Self; 5] = [Self::Kubernetes, Self::Prometheus, Self::Alertmanager, Self::Logs, Self::Flags];

    /// The short word of the header.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kubernetes => "k8s",
            Self::Prometheus => "prom",
            Self::Alertmanager => "am",
            Self::Logs => "logs",
            Self::Flags => "flags",
        }
    }
}

impl SourceId {
    /// Its group.
    pub const fn group(&self) -> SourceGroup {
        match self {
            Self::Kubernetes(_) | Self::Namespaces => SourceGroup::Kubernetes,
            Self::Slos | Self::PrometheusAlerts => SourceGroup::Prometheus,
            Self::Alertmanager => SourceGroup::Alertmanager,
            Self::Logs => SourceGroup::Logs,
            Self::Flags(_) => SourceGroup::Flags,
        }
    }
}

/// `pods`, `alertmanager`: as lists of sources name it.
impl std::fmt::Display for SourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Flags(name) => return write!(f, "flags {name}"),
            Self::Kubernetes(resource) => resource.word(),
            Self::Namespaces => "namespaces",
            Self::Slos => "slos",
            Self::PrometheusAlerts => "prometheus alerts",
            Self::Alertmanager => "alertmanager",
            Self::Logs => "logs",
        })
    }
}

/// What went wrong with a source, sorted by what a person can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Nothing configured and nothing found: the source says what it needs.
    NotConfigured,
    /// Name, route, port or connection.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// Certificate or TLS handshake.
    Tls,
    /// 401, expired or missing credentials, a failing exec plugin.
    Unauthorized,
    /// 403: authenticated, but not allowed.
    Forbidden,
    /// The server does not serve it (404 on an API), or another version is needed.
    NotServed,
    /// The server answered with an error of its own.
    Server,
    /// The answer made no sense (HTML from a login page, broken JSON).
    Malformed,
}

/// A source's failure: what, why, and what to do next. Cleaned text; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{message}")]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// What happened and why, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// Makes a fault without a hint.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Rows that came, changed or went. `reset` says that what was known before is void (a fresh list): rows that the
/// delta does not name are gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta<Row, Key> {
    /// Forget all rows of this source first.
    pub reset: bool,
    /// New or changed rows.
    pub upserts: Vec<Row>,
    /// Keys of rows that are gone.
    pub removes: Vec<Key>,
}

impl<Row, Key> Default for Delta<Row, Key> {
    fn default() -> Self {
        Self { reset: false, upserts: Vec::new(), removes: Vec::new() }
    }
}

/// A typed update.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The source answered; nothing changed (a bookmark, an empty poll). Keeps the age of its data true.
    Alive,
    /// Pods.
    Pods(Delta<PodRow, PodRef>),
    /// Workloads of one kind (each kind is its own source, a reset voids that kind only).
    Workloads(crate::domain::target::WorkloadKind, Delta<WorkloadRow, WorkloadRef>),
    /// Revisions from ReplicaSets (`false`) or ControllerRevisions (`true`); keys are (namespace, object name).
    Revisions {
        /// From ControllerRevisions?
        controller_revisions: bool,
        /// The rows.
        delta: Delta<RevisionRow, (Text, Text)>,
    },
    /// Nodes, by name.
    Nodes(Delta<NodeRow, Text>),
    /// What nodes use, by name.
    NodeUsage(Delta<NodeUsage, Text>),
    /// What pods use.
    PodUsage(Delta<PodUsage, PodRef>),
    /// Events, by key.
    Events(Delta<EventRow, Text>),
    /// Autoscalers, by (namespace, name).
    Hpas(Delta<HpaRow, (Text, Text)>),
    /// Names of namespaces, replacing those that were known. Not `complete` where they may not be listed.
    Namespaces {
        /// The names.
        names: Vec<Text>,
        /// Are these all?
        complete: bool,
    },
    /// All alerts of this source, replacing those that it gave before.
    Alerts(Vec<Alert>),
    /// All readings.
    Slos(Vec<SloReading>),
    /// All flags of this source, replacing those that it gave before.
    Flags(Vec<FlagRow>),
    /// Log lines.
    Logs(LogBatch),
    /// The source works, but not for everything: shown beside its data (`only namespace shop`) until the next whole
    /// update ([`Update::is_whole`]).
    Limited(Fault),
}

impl Update {
    /// Does it replace everything that the source gave before?
    pub const fn is_whole(&self) -> bool {
        match self {
            Self::Pods(delta) => delta.reset,
            Self::Workloads(_, delta) => delta.reset,
            Self::Revisions { delta, .. } => delta.reset,
            Self::Nodes(delta) => delta.reset,
            Self::NodeUsage(delta) => delta.reset,
            Self::PodUsage(delta) => delta.reset,
            Self::Events(delta) => delta.reset,
            Self::Hpas(delta) => delta.reset,
            Self::Alerts(_) | Self::Slos(_) | Self::Flags(_) | Self::Namespaces { .. } => true,
            Self::Alive | Self::Logs(_) | Self::Limited(_) => false,
        }
    }
}

/// A stream of updates.
pub type UpdateStream = Pin<Box<dyn Stream<Item = Result<Update, Fault>> + Send>>;

/// A source that can be opened, and opened again.
pub trait Feed: Send + Sync {
    /// Which source it is.
    fn id(&self) -> SourceId;
    /// Opens the stream. Nothing happens before it is polled.
    fn open(&self) -> UpdateStream;
    /// The longest time that a healthy stream is silent, in seconds: past it, data counts as stale.
    fn patience(&self) -> u64;
}

/// What the log source follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// All pods of a workload; new ones join by themselves.
    Workload(WorkloadRef),
    /// One pod.
    Pod(PodRef),
    /// The unhealthy pods of a namespace (or of all), worst first and bounded: what to follow when nothing is in focus.
    Pods(Arc<[PodRef]>),
}

/// Makes log feeds: the console opens a new one whenever the focus moves.
pub trait LogSource: Send + Sync {
    /// A feed that follows `target`, beginning with lines since `since` (bounded by the source).
    fn follow(&self, target: LogTarget, since: Option<Instant>) -> Box<dyn Feed>;
}
