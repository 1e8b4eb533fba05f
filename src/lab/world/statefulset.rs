//! The StatefulSet controller: numbered pods, made in order, rolled from the last to the first.
//!
//! It knows `OrderedReady` and `Parallel`, `partition`, `OnDelete`, and keeps the well-known trap:
//! an ordered set waits for a broken pod for ever, even when its template was mended.

use std::sync::Arc;

use serde_json::{Value, json};

use super::events::Happening;
use super::history;
use super::naming;
use super::object::{int, int_or, is_deleting, items, label, name, namespace, text};
use super::pods::{available_at, from_template, is_active, is_ready};
use super::turn::{Refused, Turn};
use crate::lab::kubernetes::resources::{CONTROLLERREVISIONS, PERSISTENTVOLUMECLAIMS, PODS, STATEFULSETS};

/// Brings every StatefulSet a step towards its spec.
pub fn run(turn: &Turn<'_>) {
    for set in turn.all(&STATEFULSETS) {
        if !is_deleting(&set) {
            sync(turn, &set);
        }
    }
}

fn ordinal(pod: &Value) -> Option<i64> {
    name(pod).rsplit_once('-')?.1.parse().ok()
}

fn sync(turn: &Turn<'_>, set: &Value) {
    let mut pods = turn.controlled(&PODS, set);
    pods.retain(|pod| ordinal(pod).is_some());
    let current = text(set, "/status/currentRevision").to_owned();
    let in_use =
        |revision: &str| revision == current || pods.iter().any(|pod| label(pod, history::REVISION_HASH) == revision);
    let Some(update) = history::sync(turn, set, &in_use) else { return };
    let current = if current.is_empty() { name(&update).to_owned() } else { current };
    scale(turn, set, &pods, &current, &update);
    let mut pods = turn.controlled(&PODS, set);
    pods.retain(|pod| ordinal(pod).is_some());
    write_status(turn, set, &pods, &current, name(&update));
}

fn scale(turn: &Turn<'_>, set: &Value, pods: &[Arc<Value>], current: &str, update: &Value) {
    let replicas = int_or(set, "/spec/replicas", 1);
    let ordered = text(set, "/spec/podManagementPolicy") != "Parallel";
    let partition = int(set, "/spec/updateStrategy/rollingUpdate/partition");
    let on_delete = text(set, "/spec/updateStrategy/type") == "OnDelete";
    let min_ready = int(set, "/spec/minReadySeconds");
    let is_available = |pod: &Value| match available_at(pod, min_ready) {
        Some(at) => {
            turn.wake_at(at);
            at <= turn.now
        }
        None => false,
    };
    for index in 0..replicas {
        match pods.iter().find(|pod| ordinal(pod) == Some(index)) {
            None => {
                let revision = if index < partition { current } else { name(update) };
                make_pod(turn, set, index, revision, update);
                if ordered {
                    return;
                }
            }
            Some(pod) if text(pod, "/status/phase") == "Failed" => {
                turn.delete_pod(pod);
                return;
            }
            Some(pod) if ordered && (is_deleting(pod) || !is_available(pod)) => return,
            Some(_) => {}
        }
    }
    let mut surplus: Vec<_> = pods.iter().filter(|pod| ordinal(pod) >= Some(replicas)).collect();
    surplus.sort_by_key(|pod| std::cmp::Reverse(ordinal(pod)));
    for pod in surplus {
        if !is_deleting(pod) {
            delete_pod(turn, set, pod);
        }
        if ordered {
            return;
        }
    }
    if on_delete {
        return;
    }
    for index in (partition.max(0)..replicas).rev() {
        let Some(pod) = pods.iter().find(|pod| ordinal(pod) == Some(index)) else { return };
        if label(pod, history::REVISION_HASH) != name(update) && !is_deleting(pod) {
            delete_pod(turn, set, pod);
            return;
        }
        if is_deleting(pod) || !is_available(pod) {
            return;
        }
    }
}

fn delete_pod(turn: &Turn<'_>, set: &Value, pod: &Value) {
    turn.delete_pod(pod);
    let message = format!("delete Pod {} in StatefulSet {} successful", name(pod), name(set));
    turn.event(set, &Happening::normal("statefulset-controller", "SuccessfulDelete", &message));
}

fn make_pod(turn: &Turn<'_>, set: &Value, index: i64, revision: &str, update: &Value) {
    let template = match turn.store.get(&CONTROLLERREVISIONS, namespace(set), revision) {
        Some(old) if revision != name(update) => history::template(&old),
        _ => set["spec"]["template"].clone(),
    };
    let pod = pod(set, &template, index, revision);
    let pod_name = name(&pod).to_owned();
    for claim in claims(set, &pod_name) {
        // It is there already when the pod only comes back.
        let _ = turn.store.create(&PERSISTENTVOLUMECLAIMS, claim);
    }
    match turn.create_pod(pod) {
        Ok(_) => {
            let message = format!("create Pod {pod_name} in StatefulSet {} successful", name(set));
            turn.event(set, &Happening::normal("statefulset-controller", "SuccessfulCreate", &message));
        }
        Err(Refused::Taken) => {}
        Err(Refused::Forbidden(why)) => {
            let message = format!("create Pod {pod_name} in StatefulSet {} failed error: {why}", name(set));
            turn.remind(set, &Happening::warning("statefulset-controller", "FailedCreate", &message));
        }
    }
}

/// The pod of an ordinal, as the controller makes it. Scenarios use it too.
pub fn pod(set: &Value, template: &Value, index: i64, revision: &str) -> Value {
    let pod_name = format!("{}-{index}", name(set));
    let mut pod = from_template(set, template, &pod_name, None);
    pod["metadata"]["generateName"] = json!(format!("{}-", name(set)));
    pod["metadata"]["labels"][history::REVISION_HASH] = json!(revision);
    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(pod_name);
    pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = json!(index.to_string());
    pod["spec"]["hostname"] = json!(pod_name);
    pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    if let Some(volumes) = pod["spec"]["volumes"].as_array_mut() {
        for claim in items(set, "/spec/volumeClaimTemplates") {
            let volume = name(claim);
            volumes.insert(
                0,
                json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{pod_name}")}}),
            );
        }
    }
    pod
}

/// The storage claims of a pod of the set.
pub fn claims(set: &Value, pod_name: &str) -> Vec<Value> {
    items(set, "/spec/volumeClaimTemplates")
        .iter()
        .map(|template| {
            let claim = format!("{}-{pod_name}", name(template));
            let mut spec = template["spec"].clone();
            let id = naming::hex(&[&claim], 12);
            spec["volumeName"] = json!(format!("pvc-5b1c7d2e-83f4-4b0a-9c61-{id}"));
            json!({
                "metadata": {"name": claim, "namespace": namespace(set), "labels": set["spec"]["selector"]["matchLabels"]},
                "spec": spec,
                "status": {
                    "phase": "Bound",
                    "accessModes": template["spec"]["accessModes"],
                    "capacity": template["spec"]["resources"]["requests"],
                },
            })
        })
        .collect()
}

fn write_status(turn: &Turn<'_>, set: &Value, pods: &[Arc<Value>], current: &str, update: &str) {
    let replicas = int_or(set, "/spec/replicas", 1);
    let min_ready = int(set, "/spec/minReadySeconds");
    let active: Vec<_> = pods.iter().filter(|pod| is_active(pod)).collect();
    let of = |revision: &str| active.iter().filter(|pod| label(pod, history::REVISION_HASH) == revision).count();
    let updated = of(update);
    let ready = active.iter().filter(|pod| is_ready(pod)).count();
    let available = active.iter().filter(|pod| available_at(pod, min_ready).is_some_and(|at| at <= turn.now)).count();
    let rolled =
        i64::try_from(updated) == Ok(replicas) && i64::try_from(ready) == Ok(replicas) && active.len() == updated;
    let current = if rolled { update } else { current };
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"],
        "replicas": active.len(),
        "availableReplicas": available,
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": 0,
    });
    for (field, value) in [("readyReplicas", ready), ("currentReplicas", of(current)), ("updatedReplicas", updated)] {
        if value > 0 {
            status[field] = json!(value);
        }
    }
    if set["status"] != status {
        turn.modify(&STATEFULSETS, set, |set| set["status"] = status);
    }
}
