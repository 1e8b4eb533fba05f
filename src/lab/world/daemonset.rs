//! The DaemonSet controller: one pod on every node that takes it, rolled node by node.

use std::sync::Arc;

use serde_json::{Value, json};

use super::events::Happening;
use super::history;
use super::naming;
use super::object::{field, has_all, int, int_or_percent, is_deleting, label, name, text, uid};
use super::pods::{available_at, from_template, is_active, is_ready};
use super::turn::{Refused, Turn};
use crate::lab::kubernetes::resources::{DAEMONSETS, NODES, PODS};

/// Brings every DaemonSet a step towards its spec.
pub fn run(turn: &Turn<'_>) {
    let nodes = turn.all(&NODES);
    for set in turn.all(&DAEMONSETS) {
        if !is_deleting(&set) {
            sync(turn, &set, &nodes);
        }
    }
}

/// The node that a pod of a DaemonSet is for, bound or not.
fn target(pod: &Value) -> &str {
    let bound = text(pod, "/spec/nodeName");
    if bound.is_empty() {
        text(
            pod,
            "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0",
        )
    } else {
        bound
    }
}

fn sync(turn: &Turn<'_>, set: &Value, nodes: &[Arc<Value>]) {
    let pods = turn.controlled(&PODS, set);
    let in_use = |revision: &str| pods.iter().any(|pod| revision.ends_with(label(pod, history::REVISION_HASH)));
    let Some(update) = history::sync(turn, set, &in_use) else { return };
    let hash = label(&update, history::REVISION_HASH).to_owned();
    let wanted: Vec<&str> = nodes
        .iter()
        .filter(|node| {
            let selector = field(set, "/spec/template/spec/nodeSelector").and_then(Value::as_object);
            selector.is_none_or(|selector| has_all(selector, &node["metadata"]["labels"]))
        })
        .map(|node| name(node))
        .collect();
    for node in &wanted {
        let here = pods.iter().filter(|pod| target(pod) == *node);
        if here.clone().count() == 0 {
            make_pod(turn, set, node, &hash);
        }
        for finished in here.filter(|pod| !is_active(pod)) {
            turn.delete_pod(finished);
        }
    }
    for stray in pods.iter().filter(|pod| !wanted.contains(&target(pod)) && !is_deleting(pod)) {
        turn.delete_pod(stray);
    }
    if text(set, "/spec/updateStrategy/type") != "OnDelete" {
        roll(turn, set, &pods, &hash, wanted.len());
    }
    write_status(turn, set, &hash, &wanted);
}

/// Old pods go while no more than `maxUnavailable` nodes are without a ready one.
fn roll(turn: &Turn<'_>, set: &Value, pods: &[Arc<Value>], hash: &str, wanted: usize) {
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let limit = field(set, "/spec/updateStrategy/rollingUpdate/maxUnavailable");
    let limit = match limit {
        None => 1,
        given => int_or_percent(given, "1", wanted, true).max(1),
    };
    let serving = pods.iter().filter(|pod| is_active(pod) && is_ready(pod)).count();
    let mut room = limit - (wanted - i64::try_from(serving).unwrap_or(i64::MAX));
    for pod in pods.iter().filter(|pod| is_active(pod) && label(pod, history::REVISION_HASH) != hash) {
        if is_ready(pod) {
            if room <= 0 {
                continue;
            }
            room -= 1;
        }
        turn.delete_pod(pod);
        let message = format!("Deleted pod: {}", name(pod));
        turn.event(set, &Happening::normal("daemonset-controller", "SuccessfulDelete", &message));
    }
}

fn make_pod(turn: &Turn<'_>, set: &Value, node: &str, hash: &str) {
    let seed = naming::digest(&[uid(set), node, hash, &turn.store.version().to_string()]);
    let pod = pod(set, &set["spec"]["template"], node, hash, &naming::suffix(seed));
    let pod_name = name(&pod).to_owned();
    match turn.create_pod(pod) {
        Ok(_) => {
            let message = format!("Created pod: {pod_name}");
            turn.event(set, &Happening::normal("daemonset-controller", "SuccessfulCreate", &message));
        }
        Err(Refused::Taken) => {}
        Err(Refused::Forbidden(why)) => {
            let message = format!("Error creating: {why}");
            turn.remind(set, &Happening::warning("daemonset-controller", "FailedCreate", &message));
        }
    }
}

/// The pod for a node, as the controller makes it. Scenarios use it too.
pub fn pod(set: &Value, template: &Value, node: &str, hash: &str, suffix: &str) -> Value {
    let prefix = format!("{}-", name(set));
    let mut pod = from_template(set, template, &format!("{prefix}{suffix}"), Some(&prefix));
    pod["metadata"]["labels"][history::REVISION_HASH] = json!(hash);
    if !pod["metadata"]["labels"]["pod-template-generation"].is_string() {
        pod["metadata"]["labels"]["pod-template-generation"] = json!("1");
    }
    pod["spec"]["affinity"]["nodeAffinity"] = json!({"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}],
    }});
    if let Some(tolerations) = pod["spec"]["tolerations"].as_array_mut() {
        tolerations.retain(|toleration| toleration.get("tolerationSeconds").is_none());
        for (key, effect) in [
            ("node.kubernetes.io/not-ready", "NoExecute"),
            ("node.kubernetes.io/unreachable", "NoExecute"),
            ("node.kubernetes.io/disk-pressure", "NoSchedule"),
            ("node.kubernetes.io/memory-pressure", "NoSchedule"),
            ("node.kubernetes.io/pid-pressure", "NoSchedule"),
            ("node.kubernetes.io/unschedulable", "NoSchedule"),
        ] {
            tolerations.push(json!({"effect": effect, "key": key, "operator": "Exists"}));
        }
    }
    pod
}

fn write_status(turn: &Turn<'_>, set: &Value, hash: &str, wanted: &[&str]) {
    let pods = turn.controlled(&PODS, set);
    let min_ready = int(set, "/spec/minReadySeconds");
    let active: Vec<_> = pods.iter().filter(|pod| is_active(pod) && wanted.contains(&target(pod))).collect();
    let ready = active.iter().filter(|pod| is_ready(pod)).count();
    let available = active
        .iter()
        .filter(|pod| match available_at(pod, min_ready) {
            Some(at) => {
                turn.wake_at(at);
                at <= turn.now
            }
            None => false,
        })
        .count();
    let updated = active.iter().filter(|pod| label(pod, history::REVISION_HASH) == hash).count();
    let mut status = json!({
        "currentNumberScheduled": active.len(),
        "desiredNumberScheduled": wanted.len(),
        "numberMisscheduled": 0,
        "numberReady": ready,
        "observedGeneration": set["metadata"]["generation"],
    });
    let optional = [
        ("numberAvailable", available),
        ("numberUnavailable", wanted.len() - available),
        ("updatedNumberScheduled", updated),
    ];
    for (field, value) in optional {
        if value > 0 {
            status[field] = json!(value);
        }
    }
    if set["status"] != status {
        turn.modify(&DAEMONSETS, set, |set| set["status"] = status);
    }
}
