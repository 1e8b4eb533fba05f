//! The world as the sources tell it, with the age of it all: tables, and the questions that are asked of them. `intake`
//! takes in what comes, `derive` draws conclusions from it.

mod derive;
mod intake;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::logs::LogRing;
use super::nodes::Nodes;
use super::resolve::Names;
use super::rows::{AlertRow, RolloutRow, SloRow, Suspect};
use super::source::Sources;
use super::table::Table;
use crate::domain::Text;
use crate::domain::alert::Alert;
use crate::domain::cluster::{EventRow, HpaRow, NodeRow, Resource};
use crate::domain::flag::FlagRow;
use crate::domain::pod::{PodRow, PodUsage};
use crate::domain::target::{Focus, PodRef, WorkloadKind, WorkloadRef};
use crate::domain::workload::{RevisionRow, WorkloadRow};
use crate::ports::feed::{FaultKind, SourceId};

/// Everything known about one context. A context switch makes a new one.
#[derive(Debug, Default)]
pub struct World {
    /// Health and age per source.
    pub sources: Sources,
    /// Alerts of all sources, merged and folded.
    pub alerts: Table<AlertRow>,
    /// Error budgets.
    pub slos: Table<SloRow>,
    /// Workloads with their current rollout.
    pub rollouts: Table<RolloutRow>,
    /// Pods.
    pub pods: Table<PodRow>,
    /// Events, by the object that they are about.
    pub events: Table<EventRow>,
    /// Logs of the target.
    pub logs: LogRing,
    /// Nodes, with their pods counted.
    pub nodes: Nodes,
    /// Feature flags of all sources.
    pub flags: Table<FlagRow>,
    usage: BTreeMap<PodRef, PodUsage>,
    hpas: BTreeMap<(Text, Text), HpaRow>,
    revisions: BTreeMap<(Text, Text), RevisionRow>,
    history: BTreeMap<WorkloadRef, BTreeSet<(u64, Text)>>,
    names: Names,
    prometheus: Vec<Arc<Alert>>,
    alertmanager: Option<Vec<Arc<Alert>>>,
    suspects: BTreeMap<WorkloadRef, Suspect>,
    counts: Counts,
    /// Namespaces as the cluster lists them, and whether these are all.
    listed_namespaces: (BTreeSet<Text>, bool),
}

/// What the header counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Firing critical alerts.
    pub critical: usize,
    /// Firing warnings.
    pub warning: usize,
    /// Budgets that burn too fast.
    pub burning: usize,
}

impl World {
    /// A world whose log ring holds this many entries.
    pub fn new(log_lines: usize) -> Self {
        Self { logs: LogRing::with_capacity(log_lines), ..Self::default() }
    }

    /// What a pod uses; `None` where no metrics are served, or none of it yet.
    pub fn usage(&self, pod: &PodRef) -> Option<&PodUsage> {
        self.usage.get(pod)
    }

    /// Counts for the header.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// What an alert is about.
    pub fn about(&self, alert: &Alert) -> Option<Focus> {
        self.known().alert(alert)
    }

    /// A workload by what a person types (`deploy/payment`, `payment`).
    pub fn find_workload(&self, namespace: Option<&str>, text: &str) -> Option<WorkloadRef> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (Some(WorkloadKind::parse(kind)?), name),
            None => (None, text),
        };
        let found = self.names.find(namespace, name).or_else(|| self.names.find(None, name))?;
        match kind {
            Some(kind) if kind != found.kind => {
                let exact = WorkloadRef { kind, ..found.clone() };
                self.rollouts.get(&exact).map(|row| row.row.id.clone())
            }
            _ => Some(found.clone()),
        }
    }

    /// Revisions of a workload, newest first.
    pub fn history(&self, workload: &WorkloadRef) -> impl Iterator<Item = &RevisionRow> {
        self.history
            .get(workload)
            .into_iter()
            .flatten()
            .rev()
            .filter_map(|(_, name)| self.revisions.get(&(workload.namespace.clone(), name.clone())))
    }

    /// The revision before the current one.
    pub fn previous_revision(&self, row: &WorkloadRow) -> Option<&RevisionRow> {
        let current = row.revision?;
        self.history(&row.id).find(|revision| revision.revision < current)
    }

    /// Events about an object, newest first.
    pub fn events_of(&self, namespace: &Text, kind: &str, name: &Text) -> Vec<&EventRow> {
        let mut found: Vec<&EventRow> = self.events.group(&(namespace.clone(), kind.into(), name.clone())).collect();
        found.sort_by_key(|event| std::cmp::Reverse(event.last_seen));
        found
    }

    /// The autoscaler of a workload.
    pub fn autoscaler(&self, workload: &WorkloadRef) -> Option<&HpaRow> {
        self.hpas.values().find(|row| row.target.as_ref() == Some(workload))
    }

    /// One node.
    pub fn node(&self, name: &str) -> Option<&NodeRow> {
        self.nodes.table.get(&Text::from(name)).map(|row| &row.node)
    }

    /// Namespaces for the picker: all that the cluster lists; where it may not be asked, those that are known.
    pub fn namespaces(&self) -> BTreeSet<Text> {
        let (listed, complete) = &self.listed_namespaces;
        if *complete {
            return listed.clone();
        }
        let pods = self.pods.iter().map(|row| row.id.namespace.clone());
        let rows = pods.chain(self.rollouts.iter().map(|row| row.row.id.namespace.clone()));
        rows.chain(listed.iter().cloned()).collect()
    }

    /// A namespace that the cluster did not list when it was last asked, and the listed one that is most like it.
    pub fn unknown_namespace(&self, name: &str) -> Option<Option<&Text>> {
        let (listed, complete) = &self.listed_namespaces;
        (*complete && !listed.contains(name)).then(|| {
            let near = listed.iter().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
            near.filter(|(distance, _)| *distance <= 2).map(|(_, known)| known)
        })
    }

    /// `only namespace shop`, when all namespaces are wanted and may not be read.
    pub fn narrowed(&self) -> Option<&str> {
        let limited = self.sources.get(&SourceId::Kubernetes(Resource::Pods))?.limited()?;
        let only = limited.message.split_once(':').map_or(&*limited.message, |(only, _)| only);
        (limited.kind == FaultKind::Forbidden).then_some(only)
    }
}

/// The sources behind the workloads table.
pub const ROLLOUT_SOURCES: [SourceId; 8] = [
    SourceId::Kubernetes(Resource::Deployments),
    SourceId::Kubernetes(Resource::StatefulSets),
    SourceId::Kubernetes(Resource::DaemonSets),
    SourceId::Kubernetes(Resource::ReplicaSets),
    SourceId::Kubernetes(Resource::ControllerRevisions),
    SourceId::Kubernetes(Resource::Rollouts),
    SourceId::Kubernetes(Resource::CronJobs),
    SourceId::Kubernetes(Resource::Jobs),
];
