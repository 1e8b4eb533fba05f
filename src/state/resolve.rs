//! From what labels say to the workload that is meant: how an alert or a service name becomes a focus.

use std::collections::{BTreeMap, BTreeSet};

use super::nodes::NodeState;
use super::rows::{About, RolloutRow};
use super::table::Table;
use crate::domain::Text;
use crate::domain::alert::{Alert, Subject};
use crate::domain::pod::PodRow;
use crate::domain::target::{Focus, PodRef, WorkloadRef};

/// Workloads by name, kept by the world as they come and go.
#[derive(Debug, Default)]
pub struct Names {
    by_name: BTreeMap<Text, BTreeSet<WorkloadRef>>,
}

impl Names {
    /// A workload exists.
    pub fn insert(&mut self, workload: &WorkloadRef) {
        self.by_name.entry(workload.name.clone()).or_default().insert(workload.clone());
    }

    /// It is gone.
    pub fn remove(&mut self, workload: &WorkloadRef) {
        if let Some(found) = self.by_name.get_mut(&workload.name) {
            found.remove(workload);
            if found.is_empty() {
                self.by_name.remove(&workload.name);
            }
        }
    }

    /// The one workload of this name: within the namespace where one is given, else only if no other namespace has one
    /// of that name. Of several kinds the first in the order of [`crate::domain::target::WorkloadKind::ALL`].
    pub fn find(&self, namespace: Option<&str>, name: &str) -> Option<&WorkloadRef> {
        let found = self.by_name.get(name)?;
        let mut fitting = found.iter().filter(|w| namespace.is_none_or(|namespace| &*w.namespace == namespace));
        let first = fitting.next()?;
        let ambiguous = fitting.any(|other| other.namespace != first.namespace);
        (!ambiguous).then_some(first)
    }
}

/// What the resolver looks into.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Names of workloads.
    pub names: &'a Names,
    /// Workloads.
    pub rollouts: &'a Table<RolloutRow>,
    /// Pods.
    pub pods: &'a Table<PodRow>,
    /// Nodes.
    pub nodes: &'a Table<NodeState>,
    /// Owners of ReplicaSets and ControllerRevisions, by (namespace, name).
    pub revisions: &'a BTreeMap<(Text, Text), crate::domain::workload::RevisionRow>,
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known")
    }
}

impl Known<'_> {
    /// What an alert is about: the first of its subjects that exists; else the first name that it gives.
    pub fn alert(&self, alert: &Alert) -> Option<Focus> {
        let namespace = alert.label("namespace");
        let subjects = alert.subjects();
        // An alert about a node is about that, and not about the exporter that noticed.
        let named = subjects.iter().any(|subject| matches!(subject, Subject::Workload(..) | Subject::Pod(_)));
        let node = ["node", "nodename", "kubernetes_node"].iter().find_map(|label| alert.label(label));
        if let Some(node) = node.filter(|node| !named && self.nodes.get(node).is_some()) {
            return Some(Focus::Node(node.clone()));
        }
        if let Some(found) = subjects.iter().find_map(|subject| self.subject(namespace, subject)) {
            return Some(found);
        }
        subjects.into_iter().find_map(|subject| match subject {
            Subject::Workload(_, name) | Subject::Name(name) => {
                Some(Focus::Service { namespace: namespace.cloned(), name })
            }
            // A pod that is gone without a known owner says nothing that panes could narrow to.
            Subject::Pod(_) => None,
        })
    }

    fn subject(&self, namespace: Option<&Text>, subject: &Subject) -> Option<Focus> {
        match subject {
            Subject::Workload(kind, name) => {
                let Some(namespace) = namespace else {
                    return self.names.find(None, name).filter(|w| w.kind == *kind).cloned().map(Focus::Workload);
                };
                let exact = WorkloadRef::new(*kind, namespace.clone(), name.clone());
                if self.rollouts.get(&exact).is_some() || self.pods.group(&exact).next().is_some() {
                    return Some(Focus::Workload(exact));
                }
                let owner = self.revisions.get(&(namespace.clone(), name.clone()))?.workload.clone();
                Some(Focus::Workload(owner))
            }
            Subject::Pod(name) => {
                let pod = PodRef { namespace: namespace?.clone(), name: name.clone() };
                match self.pods.get(&pod) {
                    Some(row) => Some(match &row.owner {
                        Some(owner) => Focus::Workload(owner.clone()),
                        None => Focus::Pod { pod, owner: None },
                    }),
                    // The pod may be gone already, its workload is not: generated names append one or two parts.
                    None => std::iter::successors(name.rfind('-'), |at| name[..*at].rfind('-'))
                        .take(2)
                        .find_map(|at| self.names.find(namespace.map(|text| &**text), &name[..at]))
                        .cloned()
                        .map(Focus::Workload),
                }
            }
            Subject::Name(name) => self.names.find(namespace.map(|text| &**text), name).cloned().map(Focus::Workload),
        }
    }

    /// What a service name is about.
    pub fn service(&self, namespace: Option<&str>, name: &Text) -> About {
        self.names
            .find(namespace, name)
            .map_or_else(|| About::Service(name.clone()), |workload| About::Workload(workload.clone()))
    }
}
