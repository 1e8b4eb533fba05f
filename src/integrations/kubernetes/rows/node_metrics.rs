//! What nodes use, as rows.

use super::Table;
use crate::domain::Text;
use crate::domain::cluster::NodeUsage;
use crate::domain::quantity::{millicores, quantity};
use crate::domain::time::Instant;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::node_metrics::LeanNodeMetrics;
use crate::ports::feed::{Delta, Update};

/// The metrics' table.
#[derive(Default)]
pub struct NodeMetrics {
    pool: Interner,
}

impl Table for NodeMetrics {
    type Object = LeanNodeMetrics;
    type Row = NodeUsage;
    type Key = Text;

    fn key(&mut self, object: &LeanNodeMetrics) -> Text {
        self.pool.text(&object.metadata.name)
    }

    fn row(&mut self, object: LeanNodeMetrics, _now: Instant) -> Option<NodeUsage> {
        let (cpu, memory) = (millicores([&*object.usage.cpu]), quantity(&object.usage.memory, 1));
        Some(NodeUsage { name: self.key(&object), cpu, memory })
    }

    fn update(delta: Delta<NodeUsage, Text>) -> Update {
        Update::NodeUsage(delta)
    }
}
