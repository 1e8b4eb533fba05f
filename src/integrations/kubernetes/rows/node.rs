//! Nodes as rows.

use super::Table;
use crate::domain::Text;
use crate::domain::cluster::NodeRow;
use crate::domain::quantity::quantity;
use crate::domain::time::Instant;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::condition;
use crate::integrations::kubernetes::lean::node::LeanNode;
use crate::ports::feed::{Delta, Update};

/// The nodes' table.
#[derive(Default)]
pub struct Nodes {
    pool: Interner,
}

impl Table for Nodes {
    type Object = LeanNode;
    type Row = NodeRow;
    type Key = Text;

    fn key(&mut self, node: &LeanNode) -> Text {
        self.pool.text(&node.metadata.name)
    }

    fn row(&mut self, node: LeanNode, _now: Instant) -> Option<NodeRow> {
        let conditions = &node.status.conditions;
        let ready = condition(conditions, "Ready");
        let is_ready = ready.is_some_and(|ready| ready.status == "True");
        // Every other condition of a node is a complaint. `Ready=Unknown` means that the kubelet is not heard of.
        let mut problems: Vec<&str> =
            conditions.iter().filter(|c| c.kind != "Ready" && c.status == "True").map(|c| c.kind.as_str()).collect();
        match ready {
            Some(ready) if ready.status == "Unknown" => problems.insert(0, "kubelet does not answer"),
            Some(ready) if !is_ready && !ready.message.is_empty() => problems.insert(0, &ready.message),
            _ => {}
        }
        // Kubernetes repeats conditions and the cordon as taints; what is said already is not said again. One that is left
        // over (not-ready on a node that is) keeps pods away and is all the more worth saying.
        let said = |key: &str| match key.strip_prefix("node.kubernetes.io/") {
            Some("unschedulable") => node.spec.unschedulable,
            Some("not-ready" | "unreachable") => !is_ready,
            Some(pressure) => pressure.ends_with("-pressure") && !problems.is_empty(),
            None => false,
        };
        let taints = node.spec.taints.iter().filter(|taint| !said(&taint.key));
        let taints = taints.map(|taint| {
            let value = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
            self.pool.text(&format!("{}{value}:{}", taint.key, taint.effect))
        });
        let taints = taints.collect();
        let labels = node.metadata.labels.keys();
        let roles: Vec<&str> = labels.filter_map(|label| label.strip_prefix("node-role.kubernetes.io/")).collect();
        let allocatable = &node.status.allocatable;
        Some(NodeRow {
            taints,
            roles: self.pool.text(&roles.join(",")),
            cpu: quantity(&allocatable.cpu, 1000),
            memory: quantity(&allocatable.memory, 1),
            max_pods: u32::try_from(quantity(&allocatable.pods, 1)).unwrap_or(u32::MAX),
            name: self.key(&node),
            ready: is_ready,
            cordoned: node.spec.unschedulable,
            problem: self.pool.non_empty(Some(&problems.join(", "))),
            version: self.pool.text(&node.status.node_info.kubelet_version),
            created: node.metadata.created(),
        })
    }

    fn update(delta: Delta<NodeRow, Text>) -> Update {
        Update::Nodes(delta)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn node(spec: &Value, ready: &str) -> NodeRow {
        let object = json!({
            "metadata": {"name": "node-a", "labels": {"kubernetes.io/hostname": "node-a",
                "node-role.kubernetes.io/control-plane": ""}},
            "spec": spec,
            "status": {"allocatable": {"cpu": "3920m", "memory": "15988Ki", "pods": "110", "ephemeral-storage": "1Gi"},
                "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}],
                "nodeInfo": {"kubeletVersion": "v1.36.3"}}});
        Nodes::default().row(serde_json::from_value(object).unwrap(), "2026-01-01T00:00:00Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_node_says_what_it_has_and_what_keeps_pods_away() {
        let taints = json!({"unschedulable": true, "taints": [
            {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
            {"key": "dedicated", "value": "batch", "effect": "NoExecute"}]});
        let lost = node(&taints, "Unknown");
        assert_eq!(
            (lost.ready, lost.cordoned, lost.problem.as_deref()),
            (false, true, Some("kubelet does not answer"))
        );
        assert_eq!(lost.taints.join(" "), "dedicated=batch:NoExecute");
        let left_over = node(&taints, "True");
        assert_eq!(left_over.taints.join(" "), "node.kubernetes.io/not-ready:NoSchedule dedicated=batch:NoExecute");
        assert_eq!((left_over.cpu, left_over.memory, left_over.max_pods), (3920, 16_371_712, 110));
        assert_eq!(&*left_over.roles, "control-plane");
    }
}
