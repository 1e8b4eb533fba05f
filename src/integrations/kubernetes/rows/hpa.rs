//! Autoscalers as rows.

use super::Table;
use crate::domain::Text;
use crate::domain::cluster::HpaRow;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::hpa::LeanHpa;
use crate::ports::feed::{Delta, Update};

/// The autoscalers' table.
#[derive(Default)]
pub struct Hpas {
    pool: Interner,
}

impl Table for Hpas {
    type Object = LeanHpa;
    type Row = HpaRow;
    type Key = (Text, Text);

    fn key(&mut self, hpa: &LeanHpa) -> (Text, Text) {
        (self.pool.text(&hpa.metadata.namespace), self.pool.text(&hpa.metadata.name))
    }

    fn row(&mut self, hpa: LeanHpa, _now: Instant) -> Option<HpaRow> {
        let (namespace, name) = self.key(&hpa);
        let scaled = &hpa.spec.scale_target_ref;
        let kind = WorkloadKind::ALL.into_iter().find(|kind| kind.kind() == scaled.kind);
        let target =
            kind.map(|kind| WorkloadRef { namespace: namespace.clone(), kind, name: self.pool.text(&scaled.name) });
        Some(HpaRow {
            namespace,
            name,
            target,
            min: hpa.spec.min_replicas.unwrap_or(1),
            max: hpa.spec.max_replicas,
            current: hpa.status.current_replicas,
        })
    }

    fn update(delta: Delta<HpaRow, (Text, Text)>) -> Update {
        Update::Hpas(delta)
    }
}
