//! Nodes with what runs and what is used there: joined from nodes, metrics and pods as each changes.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Row, Table};
use crate::domain::Text;
use crate::domain::cluster::{NodeRow, NodeUsage};
use crate::domain::pod::PodRow;
use crate::ports::feed::Delta;

/// Pods on one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodsThere {
    /// All that are bound to it and have not ended.
    pub all: u32,
    /// Of them unhealthy.
    pub unhealthy: u32,
}

/// A node with what is known of it from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// The node.
    pub node: NodeRow,
    /// What it uses; `None` where no metrics are served.
    pub usage: Option<NodeUsage>,
    /// Its pods, of those that this console may see.
    pub pods: PodsThere,
}

impl NodeState {
    /// Are so many of its pods unhealthy that the node itself may be the reason?
    pub const fn fails_its_pods(&self) -> bool {
        self.pods.unhealthy >= 3 && self.pods.unhealthy * 2 >= self.pods.all
    }
}

impl Row for NodeState {
    type Key = Text;
    /// Not ready, complaining, failing its pods, with the most unhealthy pods, cordoned, well.
    type Rank = (u8, std::cmp::Reverse<u32>);
    /// Its name: a focus narrows to the nodes where something runs.
    type Group = Text;

    fn key(&self) -> Text {
        self.node.name.clone()
    }
    fn rank(&self) -> Self::Rank {
        let tier = match self {
            _ if !self.node.ready => 0,
            _ if self.node.problem.is_some() => 1,
            _ if self.fails_its_pods() => 2,
            _ if self.pods.unhealthy > 0 => 3,
            _ if self.node.cordoned => 4,
            _ => 5,
        };
        (tier, std::cmp::Reverse(self.pods.unhealthy))
    }
    fn group(&self) -> Option<Text> {
        Some(self.node.name.clone())
    }
    fn wants_attention(&self) -> bool {
        !self.node.ready || self.node.problem.is_some() || self.fails_its_pods()
    }
    fn haystack(&self) -> String {
        let node = &self.node;
        let state = match (node.ready, node.cordoned) {
            (true, false) => "ready",
            (true, true) => "ready cordoned",
            (false, _) => "not-ready",
        };
        let problem = node.problem.as_deref().unwrap_or_default();
        format!("{} {state} {problem} {} {} {}", node.name, node.roles, node.version, node.taints.join(" "))
    }
}

/// All nodes.
#[derive(Debug, Default)]
pub struct Nodes {
    /// The rows.
    pub table: Table<NodeState>,
    usage: BTreeMap<Text, NodeUsage>,
    pods: BTreeMap<Text, PodsThere>,
}

impl Nodes {
    /// Takes in nodes.
    pub fn apply(&mut self, delta: Delta<NodeRow, Text>) {
        if delta.reset {
            self.table.clear();
        }
        for name in &delta.removes {
            self.table.remove(name);
        }
        for node in delta.upserts {
            let usage = self.usage.get(&node.name).cloned();
            let pods = self.pods.get(&node.name).copied().unwrap_or_default();
            self.table.upsert(NodeState { node, usage, pods });
        }
    }

    /// Takes in what they use: always all of them.
    pub fn measure(&mut self, delta: Delta<NodeUsage, Text>) {
        self.usage = delta.upserts.into_iter().map(|usage| (usage.name.clone(), usage)).collect();
        let changed: Vec<NodeState> = self
            .table
            .iter()
            .filter(|row| row.usage.as_ref() != self.usage.get(&row.node.name))
            .map(|row| NodeState { usage: self.usage.get(&row.node.name).cloned(), ..row.clone() })
            .collect();
        for row in changed {
            self.table.upsert(row);
        }
    }

    /// All pods are listed anew.
    pub fn forget_pods(&mut self, touched: &mut BTreeSet<Text>) {
        touched.extend(std::mem::take(&mut self.pods).into_keys());
    }

    /// A pod was (`there` is false) or is on a node; notes the nodes whose counts change.
    pub fn count(&mut self, pod: &PodRow, there: bool, touched: &mut BTreeSet<Text>) {
        use crate::domain::pod::PodHealth;
        if pod.node.is_empty() || pod.health == PodHealth::Succeeded {
            return;
        }
        let unhealthy = u32::from(pod.health.is_unhealthy());
        let counts = self.pods.entry(pod.node.clone()).or_default();
        if there {
            counts.all += 1;
            counts.unhealthy += unhealthy;
        } else {
            counts.all = counts.all.saturating_sub(1);
            counts.unhealthy = counts.unhealthy.saturating_sub(unhealthy);
        }
        if !touched.contains(&pod.node) {
            touched.insert(pod.node.clone());
        }
    }

    /// Puts the counts of these nodes into their rows.
    pub fn settle(&mut self, touched: BTreeSet<Text>) {
        for name in touched {
            let pods = self.pods.get(&name).copied().unwrap_or_default();
            if pods == PodsThere::default() {
                self.pods.remove(&name);
            }
            if let Some(row) = self.table.get(&name)
                && row.pods != pods
            {
                let row = NodeState { pods, ..row.clone() };
                self.table.upsert(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::domain::cluster::{NodeRow, Resource};
    use crate::domain::pod::{PodHealth, PodRow};
    use crate::domain::target::PodRef;
    use crate::ports::feed::{Delta, SourceId, Update};
    use crate::state::world::World;
    use std::sync::Arc;

    fn now() -> crate::domain::time::Instant {
        chrono::DateTime::from_timestamp(1_770_000_000, 0).unwrap()
    }

    fn node(name: &str, ready: bool) -> NodeRow {
        NodeRow {
            name: name.into(),
            ready,
            cordoned: false,
            problem: None,
            taints: Arc::from([]),
            roles: "".into(),
            cpu: 4000,
            memory: 1 << 34,
            max_pods: 110,
            version: "v1.36.0".into(),
            created: now(),
        }
    }

    fn pod(number: u32, node: &str, health: PodHealth) -> PodRow {
        PodRow {
            id: PodRef { namespace: "shop".into(), name: format!("pod-{number}").into() },
            owner: None,
            revision_hash: None,
            node: node.into(),
            health,
            status: "".into(),
            reason: None,
            ready: 0,
            containers: 1,
            restarts: 0,
            last_restart: None,
            created: now(),
            container_names: Arc::from([]),
        }
    }

    fn say(world: &mut World, update: Update) {
        world.apply(&SourceId::Kubernetes(Resource::Pods), update, now());
    }

    fn pods(world: &mut World, reset: bool, upserts: Vec<PodRow>) {
        say(world, Update::Pods(Delta { reset, upserts, removes: Vec::new() }));
    }

    fn counts(world: &World) -> Vec<(&str, u32, u32)> {
        world.nodes.table.shown().map(|row| (&*row.node.name, row.pods.all, row.pods.unhealthy)).collect()
    }

    #[test]
    fn pods_are_counted_where_they_are_and_the_node_that_fails_them_stands_first() {
        let mut world = World::new(10);
        pods(&mut world, true, (0..4).map(|n| pod(n, "a", PodHealth::Ready)).collect());
        let nodes = Delta { reset: true, upserts: vec![node("a", true), node("b", true)], removes: Vec::new() };
        say(&mut world, Update::Nodes(nodes));
        assert_eq!(counts(&world), [("a", 4, 0), ("b", 0, 0)], "pods that came before their node");
        pods(&mut world, false, (0..3).map(|n| pod(n, "b", PodHealth::CrashLoop)).collect());
        assert_eq!(counts(&world), [("b", 3, 3), ("a", 1, 0)], "moved, and failing");
        assert_eq!(world.nodes.table.attention(), 1);
        pods(&mut world, false, vec![pod(0, "b", PodHealth::Succeeded)]);
        say(
            &mut world,
            Update::Pods(Delta {
                removes: vec![PodRef { namespace: "shop".into(), name: "pod-1".into() }],
                ..Delta::default()
            }),
        );
        assert_eq!(counts(&world), [("b", 1, 1), ("a", 1, 0)]);
        pods(&mut world, true, vec![pod(7, "a", PodHealth::Ready)]);
        assert_eq!(counts(&world), [("a", 1, 0), ("b", 0, 0)], "a fresh list voids the old one");
        say(&mut world, Update::Nodes(Delta { upserts: vec![node("b", false)], ..Delta::default() }));
        assert_eq!(counts(&world)[0].0, "b", "not ready comes first");
    }
}
