//! Pods as rows.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Table;
use super::pod_health::judge;
use super::pod_status::printed;
use crate::domain::Text;
use crate::domain::pod::PodRow;
use crate::domain::target::{PodRef, WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::pod::{LeanPod, PodMeta};
use crate::ports::feed::{Delta, Update};

/// The pods' table. Keeps the few pods that are on their way up, to judge them again when their time is over.
#[derive(Default)]
pub struct Pods {
    pool: Interner,
    names: HashSet<Arc<[Text]>>,
    starting: BTreeMap<PodRef, (Instant, LeanPod)>,
}

impl Pods {
    /// The workload behind a pod. A ReplicaSet named `NAME-HASH`, with the pod's `pod-template-hash`, is a Deployment's;
    /// with its `rollouts-pod-template-hash` it is a Rollout's.
    fn owner(&mut self, meta: &PodMeta) -> Option<WorkloadRef> {
        let owner = meta.owner_references.iter().find(|owner| owner.controller)?;
        let mut kind = WorkloadKind::ALL.into_iter().find(|kind| kind.kind() == owner.kind)?;
        let mut name = owner.name.as_str();
        let behind =
            [("rollouts-pod-template-hash", WorkloadKind::Rollout), ("pod-template-hash", WorkloadKind::Deployment)];
        for (label, workload) in behind.into_iter().filter(|_| kind == WorkloadKind::ReplicaSet) {
            if let Some(hash) = meta.labels.get(label)
                && let Some(rest) = name.strip_suffix(hash.as_str()).and_then(|rest| rest.strip_suffix('-'))
                && !rest.is_empty()
            {
                (kind, name) = (workload, rest);
                break;
            }
        }
        Some(WorkloadRef { namespace: self.pool.text(&meta.namespace), kind, name: self.pool.text(name) })
    }

    /// Pods of one template share one list of container names. Those that only initialize come first, then sidecars,
    /// then the rest: so the last [`PodRow::containers`] names are those that live as long as the pod.
    fn container_names(&mut self, pod: &LeanPod) -> Arc<[Text]> {
        let init = &pod.spec.init_containers;
        let containers = init
            .iter()
            .filter(|container| !container.is_restartable())
            .chain(init.iter().filter(|container| container.is_restartable()))
            .chain(&pod.spec.containers);
        let names: Vec<Text> = containers.map(|container| self.pool.text(&container.name)).collect();
        if let Some(known) = self.names.get(names.as_slice()) {
            return known.clone();
        }
        if self.names.len() > 4096 {
            self.names.retain(|names| Arc::strong_count(names) > 1);
        }
        let names: Arc<[Text]> = names.into();
        self.names.insert(names.clone());
        names
    }
}

impl Table for Pods {
    type Object = LeanPod;
    type Row = PodRow;
    type Key = PodRef;

    fn key(&mut self, pod: &LeanPod) -> PodRef {
        PodRef {
            namespace: self.pool.text(&pod.metadata.namespace),
            name: crate::domain::text::clean(&pod.metadata.name).into(),
        }
    }

    fn row(&mut self, pod: LeanPod, now: Instant) -> Option<PodRow> {
        let id = self.key(&pod);
        let printed = printed(&pod);
        let verdict = judge(&pod, &printed, now);
        let labels = &pod.metadata.labels;
        let hash = ["rollouts-pod-template-hash", "pod-template-hash", "controller-revision-hash"]
            .into_iter()
            .find_map(|label| labels.get(label));
        let row = PodRow {
            id: id.clone(),
            owner: self.owner(&pod.metadata),
            revision_hash: self.pool.non_empty(hash.map(String::as_str)),
            node: self.pool.text(&pod.spec.node_name),
            health: verdict.health,
            status: self.pool.text(&printed.status),
            reason: self.pool.non_empty(verdict.reason.as_deref()),
            ready: printed.ready,
            containers: printed.containers,
            restarts: printed.restarts,
            last_restart: printed.last_restart,
            created: pod.metadata.creation_timestamp.unwrap_or_default(),
            container_names: self.container_names(&pod),
        };
        match verdict.again_at {
            Some(at) => {
                self.starting.insert(id, (at, pod));
            }
            None => {
                self.starting.remove(&id);
            }
        }
        Some(row)
    }

    fn update(delta: Delta<PodRow, PodRef>) -> Update {
        Update::Pods(delta)
    }

    fn due(&mut self, now: Instant) -> Vec<(PodRef, PodRow)> {
        let due: Vec<PodRef> =
            self.starting.iter().filter(|(_, (at, _))| *at <= now).map(|(key, _)| key.clone()).collect();
        due.into_iter()
            .filter_map(|key| {
                let (_, pod) = self.starting.remove(&key)?;
                self.row(pod, now).map(|row| (key, row))
            })
            .collect()
    }

    fn forget(&mut self, key: Option<&PodRef>) {
        match key {
            Some(key) => {
                self.starting.remove(key);
            }
            None => self.starting.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::pod::PodHealth;
    use serde_json::json;

    fn pod(name: &str) -> LeanPod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"pod-template-hash": "7d9c", "app": "payment"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "payment-7d9c", "controller": true}]},
            "spec": {"nodeName": "node-1", "containers": [{"name": "app"}], "initContainers": [{"name": "init"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "app", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]},
        }))
        .unwrap()
    }

    #[test]
    fn owners_are_resolved_and_strings_shared() {
        let mut table = Pods::default();
        let now = "2026-01-01T00:10:00Z".parse().unwrap();
        let (a, b) = (table.row(pod("a"), now).unwrap(), table.row(pod("b"), now).unwrap());
        assert_eq!(a.owner, Some(WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment")));
        assert_eq!(a.revision_hash.as_deref(), Some("7d9c"));
        assert!(Text::ptr_eq(&a.node, &b.node));
        assert!(Arc::ptr_eq(&a.container_names, &b.container_names));
        assert_eq!(a.container_names.iter().map(|name| &**name).collect::<Vec<_>>(), ["init", "app"]);
    }

    #[test]
    fn a_start_that_takes_too_long_is_told_without_any_event() {
        let mut table = Pods::default();
        let row = table.row(pod("a"), "2026-01-01T00:00:30Z".parse().unwrap()).unwrap();
        assert_eq!(row.health, PodHealth::Starting);
        assert!(table.due("2026-01-01T00:00:40Z".parse().unwrap()).is_empty());
        let due = table.due("2026-01-01T00:01:00Z".parse().unwrap());
        assert_eq!(due[0].1.health, PodHealth::NotReady);
        assert!(table.due("2026-01-01T00:02:00Z".parse().unwrap()).is_empty());
    }

    #[test]
    fn a_row_stays_small() {
        // 10,000 rows are then less than 2.5 MB, besides their names.
        assert!(size_of::<PodRow>() <= 248, "{}", size_of::<PodRow>());
    }
}
