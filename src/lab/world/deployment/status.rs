//! What a Deployment says about itself: counts and the conditions Available and Progressing.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Family, Plan, available, without_condition};
use crate::lab::kubernetes::resources::DEPLOYMENTS;
use crate::lab::world::object::{condition, instant, int, int_or, is_set, name, stamp, text};
use crate::lab::world::turn::Turn;

/// `DeploymentComplete`, by the status that was last written.
pub(super) fn is_complete(deployment: &Value, plan: Plan) -> bool {
    let count = |field: &str| int(deployment, &format!("/status/{field}"));
    count("updatedReplicas") == plan.replicas
        && count("replicas") == plan.replicas
        && count("availableReplicas") == plan.replicas
        && count("observedGeneration") >= int(deployment, "/metadata/generation")
}

/// `checkPausedConditions`: pausing and resuming stop the deadline's clock.
pub(super) fn note_pause(turn: &Turn<'_>, deployment: &Arc<Value>) -> Arc<Value> {
    let reason = condition(deployment, "Progressing").map(|c| text(c, "/reason")).unwrap_or_default();
    let paused = is_set(deployment, "/spec/paused");
    let (noted, message) = match (paused, reason) {
        (_, "ProgressDeadlineExceeded") | (true, "DeploymentPaused") => return deployment.clone(),
        (true, _) => ("DeploymentPaused", "Deployment is paused"),
        (false, "DeploymentPaused") => ("DeploymentResumed", "Deployment is resumed"),
        (false, _) => return deployment.clone(),
    };
    turn.modify(&DEPLOYMENTS, deployment, |deployment| {
        set(&mut deployment["status"], "Progressing", "Unknown", noted, message, turn.now);
    })
    .unwrap_or_else(|| deployment.clone())
}

/// The condition of a Deployment whose new ReplicaSet was just made.
pub(super) fn made_new_set(deployment: &mut Value, new: &str, now: DateTime<Utc>) {
    let message = format!("Created new replica set \"{new}\"");
    set(&mut deployment["status"], "Progressing", "True", "NewReplicaSetCreated", &message, now);
}

/// The condition of a Deployment that has none and whose ReplicaSet was there already.
pub(super) fn found_new_set(deployment: &mut Value, new: &str, now: DateTime<Utc>) {
    if condition(deployment, "Progressing").is_none() {
        let message = format!("Found new replica set \"{new}\"");
        set(&mut deployment["status"], "Progressing", "True", "FoundNewReplicaSet", &message, now);
    }
}

/// `syncRolloutStatus`: counts and conditions.
pub(super) fn write(turn: &Turn<'_>, deployment: &Arc<Value>, family: &Family, plan: Plan) {
    let old = &deployment["status"];
    let mut status = counts(deployment, family);
    if let Some(conditions) = old.get("conditions") {
        status["conditions"] = conditions.clone();
    }
    let enough = int(&status, "/availableReplicas") >= plan.replicas - plan.unavailable;
    if enough {
        set(
            &mut status,
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
            turn.now,
        );
    } else {
        let message = "Deployment does not have minimum availability.";
        set(&mut status, "Available", "False", "MinimumReplicasUnavailable", message, turn.now);
    }
    progress(turn, deployment, family, plan, &mut status);
    let failure = family.new.iter().chain(&family.old).find_map(|set| condition(set, "ReplicaFailure"));
    if let Some(failure) = failure {
        let (reason, message) = (text(failure, "/reason"), text(failure, "/message"));
        set(&mut status, "ReplicaFailure", "True", reason, message, turn.now);
    } else if condition(deployment, "ReplicaFailure").is_some() {
        without_condition(&mut status, "ReplicaFailure");
    }
    if *old != status {
        turn.modify(&DEPLOYMENTS, deployment, |deployment| deployment["status"] = status);
    }
}

fn counts(deployment: &Value, family: &Family) -> Value {
    let sum = |field: &str| -> i64 { family.all().map(|set| int(set, &format!("/status/{field}"))).sum() };
    let (replicas, ready, live) = (sum("replicas"), sum("readyReplicas"), family.all().map(|set| available(set)).sum());
    let updated = family.new.as_deref().map_or(0, |new| int(new, "/status/replicas"));
    let mut status = json!({"observedGeneration": deployment["metadata"]["generation"]});
    let fields = [
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", live),
        ("unavailableReplicas", (replicas - live).max(0)),
        ("collisionCount", int(deployment, "/status/collisionCount")),
    ];
    for (field, value) in fields.into_iter().filter(|(_, value)| *value > 0) {
        status[field] = json!(value);
    }
    status
}

fn progress(turn: &Turn<'_>, deployment: &Value, family: &Family, plan: Plan, status: &mut Value) {
    let old = &deployment["status"];
    let current = condition(deployment, "Progressing");
    let reason = current.map(|c| text(c, "/reason")).unwrap_or_default().to_owned();
    let subject = match family.new.as_deref() {
        Some(new) => format!("ReplicaSet \"{}\"", name(new)),
        None => format!("Deployment \"{}\"", name(deployment)),
    };
    let paused = is_set(deployment, "/spec/paused");
    let was_complete = int(old, "/replicas") == int(old, "/updatedReplicas") && reason == "NewReplicaSetAvailable";
    if was_complete || paused {
        return;
    }
    let count = |of: &Value, field: &str| int(of, &format!("/{field}"));
    let complete = count(status, "updatedReplicas") == plan.replicas
        && count(status, "replicas") == plan.replicas
        && count(status, "availableReplicas") == plan.replicas;
    let outdated = |of: &Value| count(of, "replicas") - count(of, "updatedReplicas");
    let moved = count(status, "updatedReplicas") > count(old, "updatedReplicas")
        || outdated(status) < outdated(old)
        || count(status, "readyReplicas") > count(old, "readyReplicas")
        || count(status, "availableReplicas") > count(old, "availableReplicas");
    if complete {
        let message = format!("{subject} has successfully progressed.");
        set(status, "Progressing", "True", "NewReplicaSetAvailable", &message, turn.now);
    } else if moved {
        let since = current.filter(|c| c["status"] == "True").map(|c| c["lastTransitionTime"].clone());
        without_condition(status, "Progressing");
        let message = format!("{subject} is progressing.");
        set(status, "Progressing", "True", "ReplicaSetUpdated", &message, turn.now);
        if let (Some(since), Some(all)) = (since, status["conditions"].as_array_mut())
            && let Some(condition) = all.iter_mut().find(|c| c["type"] == "Progressing")
        {
            condition["lastTransitionTime"] = since;
        }
    } else if timed_out(turn, deployment, current, &reason) {
        let message = format!("{subject} has timed out progressing.");
        set(status, "Progressing", "False", "ProgressDeadlineExceeded", &message, turn.now);
    }
}

/// `DeploymentTimedOut`; asks to be woken when it may come true.
fn timed_out(turn: &Turn<'_>, deployment: &Value, current: Option<&Value>, reason: &str) -> bool {
    let Some(updated) = current.and_then(|c| instant(c, "/lastUpdateTime")) else { return false };
    let deadline = updated + TimeDelta::seconds(int_or(deployment, "/spec/progressDeadlineSeconds", 600));
    match reason {
        "NewReplicaSetAvailable" => false,
        "ProgressDeadlineExceeded" => true,
        _ if deadline < turn.now => true,
        _ => {
            turn.wake_at(deadline + TimeDelta::seconds(1));
            false
        }
    }
}

/// `SetDeploymentCondition`: nothing happens while status and reason stay; the transition time
/// moves only with the status.
fn set(status: &mut Value, kind: &str, truth: &str, reason: &str, message: &str, now: DateTime<Utc>) {
    let whole = json!({"status": status});
    let current = condition(&whole, kind);
    if current.is_some_and(|c| c["status"] == truth && c["reason"] == reason) {
        return;
    }
    let since =
        current.filter(|c| c["status"] == truth).map_or_else(|| json!(stamp(now)), |c| c["lastTransitionTime"].clone());
    without_condition(status, kind);
    if let Some(all) = status["conditions"].as_array_mut() {
        all.push(json!({
            "type": kind,
            "status": truth,
            "reason": reason,
            "message": message,
            "lastUpdateTime": stamp(now),
            "lastTransitionTime": since,
        }));
    }
}
