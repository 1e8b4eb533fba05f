//! The controller of Argo Rollouts' canaries: revisions, weights by replica counts, steps, pauses,
//! aborts, promotions.
//!
//! It follows the real controller (names in comments are those of its functions), without traffic
//! routers, analyses and experiments: a step of those is over as soon as it begins.

mod revisions;
mod status;
mod weight;

use std::sync::Arc;

use serde_json::Value;

use super::object::{field, instant, int_or, int_or_percent, is_deleting, is_set, items, label};
use super::pods::{is_active, is_ready};
use super::turn::Turn;
use crate::lab::kubernetes::resources::{PODS, ROLLOUTS};

pub use revisions::{HASH, REVISION, replica_set};

/// Brings every Rollout a step towards its spec.
pub fn run(turn: &Turn<'_>) {
    for rollout in turn.all(&ROLLOUTS) {
        if !is_deleting(&rollout) {
            sync(turn, &rollout);
        }
    }
}

/// A Rollout's ReplicaSets, as one turn sees and changes them.
#[derive(Debug)]
struct Family {
    /// The set of the current template, if it exists.
    new: Option<Arc<Value>>,
    /// The set that was last promoted, when it is another one.
    stable: Option<Arc<Value>>,
    /// All others, oldest first.
    older: Vec<Arc<Value>>,
}

impl Family {
    fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.older.iter().chain(&self.stable).chain(&self.new)
    }

    /// The hash of the current template's set.
    fn current(&self) -> &str {
        self.new.as_deref().map_or("", |new| label(new, HASH))
    }
}

/// What the spec says about how to roll, with the defaults filled in.
#[derive(Debug, Clone, Copy)]
struct Plan {
    replicas: i64,
    surge: i64,
    unavailable: i64,
}

impl Plan {
    fn of(rollout: &Value) -> Self {
        let replicas = int_or(rollout, "/spec/replicas", 1);
        let given = |name: &str| field(rollout, &format!("/spec/strategy/canary/{name}"));
        let surge = int_or_percent(given("maxSurge"), "25%", replicas, true);
        let unavailable = int_or_percent(given("maxUnavailable"), "25%", replicas, false);
        // Nothing could ever move if both were zero.
        let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
        Self { replicas, surge, unavailable }
    }
}

fn steps(rollout: &Value) -> &[Value] {
    items(rollout, "/spec/strategy/canary/steps")
}

/// `GetCurrentCanaryStep`: where the rollout is among its steps.
fn step_index(rollout: &Value) -> usize {
    let index = field(rollout, "/status/currentStepIndex").and_then(Value::as_u64).unwrap_or(0);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// `podRestarter`: what is older than `spec.restartAt` goes, as many pods at once as may be away.
fn restart(turn: &Turn<'_>, rollout: &Value, family: &Family) {
    let Some(at) = instant(rollout, "/spec/restartAt") else { return };
    if at > turn.now {
        return turn.wake_at(at);
    }
    let plan = Plan::of(rollout);
    let pods: Vec<_> = family.all().flat_map(|set| turn.controlled(&PODS, set)).filter(|pod| is_active(pod)).collect();
    let serving = i64::try_from(pods.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(i64::MAX);
    let old = pods.iter().filter(|pod| instant(pod, "/metadata/creationTimestamp").is_some_and(|made| made < at));
    let may_go = (serving - (plan.replicas - plan.unavailable.max(1))).max(0);
    let mut kept = old.clone().count();
    for pod in old.take(usize::try_from(may_go).unwrap_or(0)) {
        turn.delete_pod(pod);
        kept -= 1;
    }
    if kept == 0 && rollout["status"]["restartedAt"] != rollout["spec"]["restartAt"] {
        let written = rollout["spec"]["restartAt"].clone();
        turn.modify(&ROLLOUTS, rollout, |rollout| rollout["status"]["restartedAt"] = written);
    }
}

fn sync(turn: &Turn<'_>, rollout: &Arc<Value>) {
    let rollout = status::note_pause(turn, rollout);
    let (rollout, mut family) = revisions::family(turn, &rollout, !is_set(&rollout, "/spec/paused"));
    if !is_set(&rollout, "/spec/paused") && status::is_known(&rollout, &family) {
        weight::reconcile(turn, &rollout, &mut family, Plan::of(&rollout));
    }
    status::write(turn, &rollout, &family, Plan::of(&rollout));
    restart(turn, &rollout, &family);
    revisions::forget_oldest(turn, &rollout, &family);
}
