//! A rollback makes of a Deployment what `kubectl rollout undo` makes of its twin; a conflicting edit is never
//! overwritten.

use serde_json::{Value, json};

use crate::backend::{Backend, Place, until, workload};
use crate::support::{Console, json_lines};
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("rollback_equals_kubectl_rollout_undo", Body::Kubernetes(|backend| twins(backend, None))),
    Case::new("rollback_to_a_chosen_revision_equals_kubectl", Body::Kubernetes(|backend| twins(backend, Some(1)))),
    Case::new("an_edit_between_plan_and_rollback_is_a_conflict", Body::Kubernetes(conflict)),
];

const GOOD: [&str; 2] = ["busybox:1.34", "busybox:1.35"];
const BAD: &str = "busybox:1.36";

/// A Deployment with three revisions; the newest crashes, and its rollout is stuck half-way.
fn in_the_middle_of_a_bad_rollout(place: &Place, name: &str) {
    let strategy = "  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 50%}}\n";
    for (image, behaviour) in [(GOOD[0], None), (GOOD[1], None), (BAD, Some("crash-loop"))] {
        place.apply(&workload(name, image, 4, behaviour, strategy));
        place.kubectl(&format!("annotate deployment {name} kubernetes.io/change-cause=release-{image} --overwrite"));
        if behaviour.is_none() {
            place.kubectl(&format!("rollout status deployment/{name} --timeout=120s"));
        }
    }
    until("half of the pods are of the bad release", || {
        let sets = place.get(&format!("replicasets -l app={name}"));
        let pods = |revision: &str| {
            let of = |set: &&Value| set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == revision;
            sets["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(of)
                .map_or(0, |set| set["status"]["replicas"].as_u64().unwrap_or(0))
        };
        pods("2") == 2 && pods("3") == 2
    });
}

fn twins(backend: &Backend, to: Option<u64>) {
    let place = backend.place("undo");
    for name in ["left", "right"] {
        in_the_middle_of_a_bad_rollout(&place, name);
    }
    let revision = to.map(|to| to.to_string());
    let mut arguments = vec!["rollback", "deployment/left", "--yes", "--json"];
    let mut undo = "rollout undo deployment/right".to_owned();
    if let Some(revision) = &revision {
        arguments.extend(["--to-revision", revision]);
        undo = format!("{undo} --to-revision={revision}");
    }
    let output = place.opsdeck(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    place.kubectl(&undo);
    place.kubectl("rollout status deployment/right --timeout=120s");
    until("both are at rest", || {
        ["left", "right"].iter().all(|name| at_rest(&place.get(&format!("deployment {name}"))))
    });

    let cause = place.get("deployment left")["metadata"]["annotations"]["kubernetes.io/change-cause"].clone();
    assert!(cause.as_str().is_some_and(|cause| cause.contains("roll")), "it says what was done: {cause}");
    let [left, right] = ["left", "right"].map(|name| comparable(place.get(&format!("deployment {name}")), name));
    assert_eq!(left, right);
    let [left, right] = ["left", "right"].map(|name| {
        let sets = place.get(&format!("replicasets -l app={name}"));
        let mut sets: Vec<Value> =
            sets["items"].as_array().unwrap().iter().map(|set| comparable(set.clone(), name)).collect();
        for set in &mut sets {
            // In how many steps a ReplicaSet was scaled is chance.
            set["metadata"].as_object_mut().unwrap().remove("generation");
        }
        sets.sort_by_key(|set| set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].to_string());
        sets
    });
    assert_eq!(left, right);
    assert_eq!(left.len(), 3);
}

fn at_rest(deployment: &Value) -> bool {
    let status = &deployment["status"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "readyReplicas", "availableReplicas", "updatedReplicas"]
            .iter()
            .all(|count| status[count] == deployment["spec"]["replicas"])
}

/// An object without what has to differ between twins: names, identities, times, who wrote it.
fn comparable(mut object: Value, name: &str) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for key in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "ownerReferences", "name"] {
        metadata.remove(key);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        // Ours says who rolled back and why; kubectl's keeps what the old revision said of itself.
        annotations.remove("kubernetes.io/change-cause");
        // What was applied names the twin; that it is still there is what counts.
        if let Some(applied) = annotations.get_mut("kubectl.kubernetes.io/last-applied-configuration") {
            *applied = json!(applied.as_str().unwrap().replace(name, "twin"));
        }
    }
    if let Some(status) = object["status"].as_object_mut() {
        if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
            for condition in conditions.iter_mut().filter_map(Value::as_object_mut) {
                condition.remove("lastUpdateTime");
                condition.remove("lastTransitionTime");
                // It names the ReplicaSet.
                condition.remove("message");
            }
            conditions.sort_by_key(|condition| condition["type"].to_string());
        }
        // How often the controller looked is no part of the result.
        status.remove("observedGeneration");
    }
    let text = object.to_string();
    // Selectors, labels and the hash of the template carry the twin's name.
    let hash = regex::Regex::new(r#""pod-template-hash":"[a-z0-9]+""#).unwrap();
    let text = hash.replace_all(&text, r#""pod-template-hash":"…""#).replace(&format!("\"{name}\""), "\"twin\"");
    serde_json::from_str(&text).unwrap()
}

fn confirm(console: &mut Console, name: &str) {
    console.wait_until("the plan", |screen| screen.contains("type the name") || screen.contains("y roll back"));
    if console.screen.screen().contents().contains("type the name") {
        console.send(name);
        console.wait_until("what was typed", |screen| screen.contains(name));
        console.send("\r");
    } else {
        console.send("y");
    }
}

fn conflict(backend: &Backend) {
    let place = backend.place("conflict");
    in_the_middle_of_a_bad_rollout(&place, "web");
    let mut console = place.console(&[], (160, 50));
    console.wait_for("CrashLoopBackOff");
    console.send("3");
    console.send("R");
    console.wait_until("the plan", |screen| screen.contains("type the name") || screen.contains("y roll back"));
    // Somebody else acts first.
    place.kubectl("set env deployment/web SOMEBODY=else");
    confirm(&mut console, "web");
    console.wait_for("CONFLICT, nothing was changed");
    let deployment = place.get("deployment web");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], BAD, "{container:#}");
    assert_eq!(container["env"][0]["name"], "SOMEBODY", "the edit stands: {container:#}");

    // One key plans again, from what is there now.
    console.send("r");
    console.wait_for("SOMEBODY");
    confirm(&mut console, "web");
    console.wait_for("Done in");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
    let records = json_lines(&place.audit_log());
    let ends: Vec<&str> = records.iter().filter_map(|record| record["end"].as_str()).collect();
    assert_eq!(ends, ["conflict", "done"]);
}
