//! The Deployment controller: revisions, rolling updates, scaling, conditions.
//!
//! It follows the real controller step by step (names in comments are those of its functions), so
//! that a half-finished, paused, scaled or undone rollout looks here as it does in a cluster.

mod revisions;
mod scaling;
mod status;

use std::sync::Arc;

use serde_json::{Value, json};

use super::events::Happening;
use super::object::{int, int_or, is_deleting, is_set, text};
use super::pods::is_active;
use super::turn::Turn;
use crate::lab::kubernetes::resources::{DEPLOYMENTS, PODS, REPLICASETS};

pub use revisions::{DESIRED_REPLICAS, MAX_REPLICAS, replica_set};

/// Brings every Deployment a step towards its spec.
pub fn run(turn: &Turn<'_>) {
    for deployment in turn.all(&DEPLOYMENTS) {
        sync(turn, &deployment);
    }
}

/// A Deployment's ReplicaSets, as one turn sees and changes them.
#[derive(Debug)]
struct Family {
    /// The set of the current template, if it exists.
    new: Option<Arc<Value>>,
    /// All others, oldest first.
    old: Vec<Arc<Value>>,
}

impl Family {
    fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(self.new.as_ref())
    }
}

/// What the spec says about how to roll, with the defaults filled in.
#[derive(Debug, Clone, Copy)]
struct Plan {
    replicas: i64,
    surge: i64,
    unavailable: i64,
    recreate: bool,
}

impl Plan {
    fn of(deployment: &Value) -> Self {
        let replicas = int_or(deployment, "/spec/replicas", 1);
        let recreate = text(deployment, "/spec/strategy/type") == "Recreate";
        if recreate {
            return Self { replicas, surge: 0, unavailable: 0, recreate };
        }
        let rolling = |parameter: &str, round_up| {
            let given = super::object::field(deployment, &format!("/spec/strategy/rollingUpdate/{parameter}"));
            super::object::int_or_percent(given, "25%", replicas, round_up)
        };
        let surge = rolling("maxSurge", true);
        // Nothing could ever move if both were zero.
        let unavailable =
            if surge == 0 { rolling("maxUnavailable", false).max(1) } else { rolling("maxUnavailable", false) };
        Self { replicas, surge, unavailable: unavailable.min(replicas), recreate }
    }
}

fn sync(turn: &Turn<'_>, deployment: &Arc<Value>) {
    let deployment = &status::note_pause(turn, deployment);
    let paused = is_set(deployment, "/spec/paused");
    let plan = Plan::of(deployment);
    if is_deleting(deployment) {
        let family = revisions::family(turn, deployment);
        status::write(turn, deployment, &family, plan);
        return;
    }
    if paused || scaling::is_scaling_event(turn, deployment) {
        let mut family = revisions::family(turn, deployment);
        scaling::scale(turn, deployment, &mut family, plan);
        if paused {
            revisions::forget_oldest(turn, deployment, &family);
        }
        status::write(turn, deployment, &family, plan);
        return;
    }
    if plan.recreate {
        recreate(turn, deployment, plan);
    } else {
        roll(turn, deployment, plan);
    }
}

/// `rolloutRolling`.
fn roll(turn: &Turn<'_>, deployment: &Arc<Value>, plan: Plan) {
    let (deployment, mut family) = revisions::family_with_new(turn, deployment, plan);
    let scaled = scaling::reconcile_new(turn, &deployment, &mut family, plan)
        || scaling::reconcile_old(turn, &deployment, &mut family, plan);
    if !scaled && status::is_complete(&deployment, plan) {
        revisions::forget_oldest(turn, &deployment, &family);
    }
    status::write(turn, &deployment, &family, plan);
}

/// `rolloutRecreate`: the old go first, all of them.
fn recreate(turn: &Turn<'_>, deployment: &Arc<Value>, plan: Plan) {
    let mut family = revisions::family(turn, deployment);
    let mut scaled = false;
    for index in 0..family.old.len() {
        scaled |= scaling::scale_set(turn, deployment, &mut family.old[index], 0, plan);
    }
    let old_pods = family.old.iter().any(|set| {
        let pods = turn.controlled(&PODS, set);
        pods.iter().any(|pod| is_active(pod) || is_deleting(pod))
    });
    if scaled || old_pods {
        status::write(turn, deployment, &family, plan);
        return;
    }
    let (deployment, mut family) = revisions::family_with_new(turn, deployment, plan);
    if let Some(new) = family.new.as_mut() {
        scaling::scale_set(turn, &deployment, new, plan.replicas, plan);
    }
    if status::is_complete(&deployment, plan) {
        revisions::forget_oldest(turn, &deployment, &family);
    }
    status::write(turn, &deployment, &family, plan);
}

/// The events of scaling are the Deployment's.
fn say(turn: &Turn<'_>, deployment: &Value, reason: &str, message: &str) {
    turn.event(deployment, &Happening::normal("deployment-controller", reason, message));
}

fn spec_replicas(set: &Value) -> i64 {
    int_or(set, "/spec/replicas", 1)
}

fn available(set: &Value) -> i64 {
    int(set, "/status/availableReplicas")
}

/// Removes a condition; used where a newer one of the same type must not inherit its times.
fn without_condition(status: &mut Value, kind: &str) {
    if let Some(all) = status["conditions"].as_array_mut() {
        all.retain(|condition| condition["type"] != kind);
    } else {
        status["conditions"] = json!([]);
    }
}

/// Changes a ReplicaSet and keeps what came of it.
fn rewrite(turn: &Turn<'_>, set: &mut Arc<Value>, change: impl FnOnce(&mut Value)) {
    if let Some(written) = turn.modify(&REPLICASETS, set, change) {
        *set = written;
    }
}
