//! What pods use, as rows.

use super::Table;
use crate::domain::pod::PodUsage;
use crate::domain::quantity::{millicores, quantity};
use crate::domain::target::PodRef;
use crate::domain::time::Instant;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::pod_metrics::LeanPodMetrics;
use crate::ports::feed::{Delta, Update};

/// The metrics' table.
#[derive(Default)]
pub struct PodMetrics {
    pool: Interner,
}

impl Table for PodMetrics {
    type Object = LeanPodMetrics;
    type Row = PodUsage;
    type Key = PodRef;

    fn key(&mut self, object: &LeanPodMetrics) -> PodRef {
        PodRef { namespace: self.pool.text(&object.metadata.namespace), name: self.pool.text(&object.metadata.name) }
    }

    fn row(&mut self, object: LeanPodMetrics, _now: Instant) -> Option<PodUsage> {
        let cpu = millicores(object.containers.iter().map(|container| &*container.usage.cpu));
        let memory = object.containers.iter().map(|container| quantity(&container.usage.memory, 1)).sum();
        Some(PodUsage { id: self.key(&object), cpu, memory })
    }

    fn update(delta: Delta<PodUsage, PodRef>) -> Update {
        Update::PodUsage(delta)
    }
}
