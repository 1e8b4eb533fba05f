//! What nodes say of themselves: heartbeats, and the taint of a cordon.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::object::{instant, is_set, items, stamp};
use super::turn::Turn;
use crate::lab::kubernetes::resources::NODES;

/// Seconds between two heartbeats in a node's status, as a kubelet writes them when nothing changes.
const HEARTBEAT: i64 = 300;
/// The taint that a cordon leads to.
const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// Keeps every node's heartbeats and taints.
pub fn run(turn: &Turn<'_>) {
    for node in turn.all(&NODES) {
        let last = items(&node, "/status/conditions").iter().filter_map(|c| instant(c, "/lastHeartbeatTime")).max();
        let due = last.map_or(turn.now, |last| last + TimeDelta::seconds(HEARTBEAT));
        let tainted = items(&node, "/spec/taints").iter().any(|taint| taint["key"] == CORDONED);
        let cordoned = is_set(&node, "/spec/unschedulable");
        if due > turn.now {
            turn.wake_at(due);
        } else {
            turn.modify(&NODES, &node, |node| beat(node, &stamp(turn.now)));
            turn.wake_at(turn.now + TimeDelta::seconds(HEARTBEAT));
        }
        if tainted != cordoned {
            turn.modify(&NODES, &node, |node| taint(node, cordoned, &stamp(turn.now)));
        }
    }
}

fn beat(node: &mut Value, now: &str) {
    for condition in node["status"]["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastHeartbeatTime"] = json!(now);
    }
}

fn taint(node: &mut Value, cordoned: bool, now: &str) {
    let mut taints = items(node, "/spec/taints").to_vec();
    taints.retain(|taint| taint["key"] != CORDONED);
    if cordoned {
        taints.push(json!({"key": CORDONED, "effect": "NoSchedule", "timeAdded": now}));
    }
    let Some(spec) = node["spec"].as_object_mut() else { return };
    if taints.is_empty() {
        spec.remove("taints");
    } else {
        spec.insert("taints".to_owned(), json!(taints));
    }
}
