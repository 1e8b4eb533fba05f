//! ControllerRevisions as revisions of StatefulSets and DaemonSets.

use super::{Table, workload};
use crate::domain::Text;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::RevisionRow;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::controller_revision::LeanControllerRevision;
use crate::ports::feed::{Delta, Update};

/// The ControllerRevisions' table.
#[derive(Default)]
pub struct ControllerRevisions {
    pool: Interner,
}

impl Table for ControllerRevisions {
    type Object = LeanControllerRevision;
    type Row = RevisionRow;
    type Key = (Text, Text);

    fn key(&mut self, object: &LeanControllerRevision) -> (Text, Text) {
        (self.pool.text(&object.metadata.namespace), self.pool.text(&object.metadata.name))
    }

    fn row(&mut self, object: LeanControllerRevision, _now: Instant) -> Option<RevisionRow> {
        let (namespace, name) = self.key(&object);
        let meta = &object.metadata;
        let owner = meta.controller()?;
        let kind = [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet].into_iter().find(|k| k.kind() == owner.kind)?;
        // Pods carry the short hash (DaemonSet) or the revision's whole name (StatefulSet) in this label; both are here.
        let hash =
            meta.labels.get("controller-revision-hash").or_else(|| meta.labels.get("controller.kubernetes.io/hash"));
        let hash = if kind == WorkloadKind::StatefulSet { Some(&meta.name) } else { hash };
        Some(RevisionRow {
            workload: WorkloadRef { namespace, kind, name: self.pool.text(&owner.name) },
            revision: object.revision,
            name,
            hash: self.pool.non_empty(hash.map(String::as_str)),
            images: workload::images(&mut self.pool, &object.data.spec.template),
            change_cause: workload::change_cause(&mut self.pool, meta),
            replicas: 0,
            ready: 0,
            created: meta.created(),
        })
    }

    fn update(delta: Delta<RevisionRow, (Text, Text)>) -> Update {
        Update::Revisions { controller_revisions: true, delta }
    }
}
