//! ReplicaSets as revisions of their Deployments and Rollouts.

use super::{Table, workload};
use crate::domain::Text;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::RevisionRow;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::replica_set::LeanReplicaSet;
use crate::ports::feed::{Delta, Update};

/// The ReplicaSets' table.
#[derive(Default)]
pub struct ReplicaSets {
    pool: Interner,
}

impl Table for ReplicaSets {
    type Object = LeanReplicaSet;
    type Row = RevisionRow;
    type Key = (Text, Text);

    fn key(&mut self, object: &LeanReplicaSet) -> (Text, Text) {
        (self.pool.text(&object.metadata.namespace), self.pool.text(&object.metadata.name))
    }

    fn row(&mut self, object: LeanReplicaSet, _now: Instant) -> Option<RevisionRow> {
        let (namespace, name) = self.key(&object);
        let meta = &object.metadata;
        let owner = meta.controller()?;
        let (kind, number, hash) = match owner.kind.as_str() {
            "Deployment" => (WorkloadKind::Deployment, "deployment.kubernetes.io/revision", "pod-template-hash"),
            "Rollout" => (WorkloadKind::Rollout, workload::ARGO_REVISION, "rollouts-pod-template-hash"),
            _ => return None,
        };
        Some(RevisionRow {
            workload: WorkloadRef { namespace, kind, name: self.pool.text(&owner.name) },
            // The controller numbers a ReplicaSet a moment after it made it.
            revision: meta.annotations.get(number)?.parse().ok()?,
            name,
            hash: self.pool.non_empty(meta.labels.get(hash).map(String::as_str)),
            images: workload::images(&mut self.pool, &object.spec.template),
            change_cause: workload::change_cause(&mut self.pool, meta),
            replicas: object.status.replicas,
            ready: object.status.ready_replicas,
            created: meta.created(),
        })
    }

    fn update(delta: Delta<RevisionRow, (Text, Text)>) -> Update {
        Update::Revisions { controller_revisions: false, delta }
    }
}
