//! The ReplicaSet controller: as many pods as `spec.replicas` says, and the counts in `status`.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::events::Happening;
use super::naming;
use super::object::{condition, field, int, int_or, is_deleting, name, selects, stamp, uid};
use super::pods::{available_at, expendable_first, from_template, is_active, is_ready};
use super::turn::{Refused, Turn};
use crate::lab::kubernetes::resources::{PODS, REPLICASETS};

/// Most pods that one turn makes or removes for one set, as the real controller's burst.
const BURST: usize = 500;

/// Brings every ReplicaSet a step towards its spec.
pub fn run(turn: &Turn<'_>) {
    for set in turn.all(&REPLICASETS) {
        if !is_deleting(&set) {
            sync(turn, &set);
        }
    }
}

fn sync(turn: &Turn<'_>, set: &Value) {
    let mut pods = turn.controlled(&PODS, set);
    pods.retain(|pod| is_active(pod));
    let wanted = usize::try_from(int_or(set, "/spec/replicas", 1)).unwrap_or(0);
    let mut refused = None;
    if pods.len() < wanted {
        for index in 0..(wanted - pods.len()).min(BURST) {
            match make_pod(turn, set, index) {
                Ok(pod) => pods.push(pod),
                Err(Refused::Taken) => {}
                Err(Refused::Forbidden(why)) => {
                    let message = format!("Error creating: {why}");
                    turn.remind(set, &Happening::warning("replicaset-controller", "FailedCreate", &message));
                    turn.wake_at(turn.now + TimeDelta::seconds(5));
                    refused = Some(why);
                    break;
                }
            }
        }
    } else if pods.len() > wanted {
        expendable_first(&mut pods);
        let surplus = (pods.len() - wanted).min(BURST);
        for pod in pods.drain(..surplus) {
            turn.delete_pod(&pod);
            let message = format!("Deleted pod: {}", name(&pod));
            turn.event(set, &Happening::normal("replicaset-controller", "SuccessfulDelete", &message));
        }
    }
    write_status(turn, set, &pods, refused.as_deref());
}

fn make_pod(turn: &Turn<'_>, set: &Value, index: usize) -> Result<Arc<Value>, Refused> {
    let prefix = format!("{}-", name(set));
    let version = turn.store.version();
    // A name may be taken by a pod that is still going; the next seed gives another.
    for attempt in 0..8_u64 {
        let seed = naming::digest(&[uid(set), &version.to_string()]) ^ naming::mix(index as u64) ^ (attempt << 17);
        let pod_name = format!("{prefix}{}", naming::suffix(seed));
        let pod = from_template(set, &set["spec"]["template"], &pod_name, Some(&prefix));
        match turn.create_pod(pod) {
            Err(Refused::Taken) => {}
            Err(refused) => return Err(refused),
            Ok(made) => {
                let message = format!("Created pod: {pod_name}");
                turn.event(set, &Happening::normal("replicaset-controller", "SuccessfulCreate", &message));
                return Ok(made);
            }
        }
    }
    Err(Refused::Taken)
}

fn write_status(turn: &Turn<'_>, set: &Value, pods: &[Arc<Value>], refused: Option<&str>) {
    let min_ready = int(set, "/spec/minReadySeconds");
    let count = |keep: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| keep(pod)).count();
    let labels = field(set, "/spec/template/metadata/labels");
    let labelled = count(&|pod| {
        labels
            .and_then(Value::as_object)
            .is_none_or(|labels| super::object::has_all(labels, &pod["metadata"]["labels"]))
    });
    let ready = count(&is_ready);
    let available = count(&|pod| match available_at(pod, min_ready) {
        Some(at) if at <= turn.now => true,
        Some(at) => {
            turn.wake_at(at);
            false
        }
        None => false,
    });
    let mut status = json!({"observedGeneration": set["metadata"]["generation"], "replicas": pods.len()});
    for (field, value) in
        [("fullyLabeledReplicas", labelled), ("readyReplicas", ready), ("availableReplicas", available)]
    {
        if value > 0 {
            status[field] = json!(value);
        }
    }
    if let Some(why) = refused {
        // The name in the message is another each time; only the reason counts.
        let kept = condition(set, "ReplicaFailure").filter(|kept| kept["status"] == "True").cloned();
        status["conditions"] = json!([kept.unwrap_or_else(|| json!({
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": why,
            "lastTransitionTime": stamp(turn.now),
        }))]);
    }
    if set["status"] != status {
        turn.modify(&REPLICASETS, set, |set| set["status"] = status);
    }
}

/// The ReplicaSets of a Deployment: those that it controls and whose labels it still selects.
pub fn of_deployment(turn: &Turn<'_>, deployment: &Value) -> Vec<Arc<Value>> {
    let mut sets = turn.controlled(&REPLICASETS, deployment);
    sets.retain(|set| selects(&deployment["spec"]["selector"], &set["metadata"]["labels"]));
    sets
}
