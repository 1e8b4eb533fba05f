//! How many pods the stable and the new ReplicaSet of a Rollout may have, for the weight of its
//! current step.

use std::sync::Arc;

use serde_json::{Value, json};

use super::revisions::{self, DESIRED_REPLICAS};
use super::{Family, Plan, step_index, steps};
use crate::lab::kubernetes::resources::REPLICASETS;
use crate::lab::world::events::Happening;
use crate::lab::world::object::{annotate, annotation, int, int_or, is_set, name, text};
use crate::lab::world::turn::Turn;

/// `spec.replicas` of a set.
pub(super) fn wanted(set: &Value) -> i64 {
    int_or(set, "/spec/replicas", 1)
}

fn available(set: &Value) -> i64 {
    int(set, "/status/availableReplicas")
}

/// `GetCurrentSetWeight`: the share of the new revision, in percent.
fn percent(rollout: &Value) -> i64 {
    let promoted = text(rollout, "/status/currentPodHash") == text(rollout, "/status/stableRS");
    if promoted || is_set(rollout, "/status/promoteFull") {
        return 100;
    }
    if is_set(rollout, "/status/abort") {
        return 0;
    }
    let (steps, index) = (steps(rollout), step_index(rollout));
    if index >= steps.len() {
        return 100;
    }
    steps[..=index].iter().rev().find_map(|step| step["setWeight"].as_i64()).unwrap_or(0)
}

/// `DesiredReplicaCountsForCanary`: pods of the new and of the stable set at the end of the step.
fn desired(rollout: &Value, family: &Family, plan: Plan) -> (i64, i64) {
    if family.stable.is_none() {
        return (plan.replicas, 0);
    }
    let share = |percent: i64| (plan.replicas * percent.clamp(0, 100) + 99) / 100;
    let percent = percent(rollout);
    (share(percent), share(100 - percent))
}

/// `AtDesiredReplicaCountsForCanary`: whether a step that sets a weight is over.
pub(super) fn is_reached(rollout: &Value, family: &Family, plan: Plan) -> bool {
    let (new, stable) = desired(rollout, family, plan);
    let is_at =
        |set: Option<&Arc<Value>>, count| set.is_some_and(|set| wanted(set) == count && available(set) == count);
    is_at(family.new.as_ref(), new)
        && is_at(family.stable.as_ref(), stable)
        && family.older.iter().all(|set| available(set) == 0)
}

/// `reconcileCanaryReplicaSets`.
pub(super) fn reconcile(turn: &Turn<'_>, rollout: &Value, family: &mut Family, plan: Plan) {
    let (new, stable) = counts(rollout, family, plan);
    if let Some(set) = family.stable.as_mut() {
        scale(turn, rollout, set, stable, plan);
    }
    if let Some(set) = family.new.as_mut() {
        scale(turn, rollout, set, new, plan);
    }
    // What is left of yet older revisions goes as far as availability allows.
    let serving: i64 = family.all().map(|set| available(set).min(wanted(set))).sum();
    let mut spare = (serving - (plan.replicas - plan.unavailable)).max(0);
    for set in &mut family.older {
        let broken = (wanted(set) - available(set)).max(0);
        let gone = (broken + spare).min(wanted(set));
        if gone > 0 {
            spare -= (gone - broken).max(0);
            let rest = wanted(set) - gone;
            scale(turn, rollout, set, rest, plan);
        }
    }
}

/// `CalculateReplicaCountsForCanary`: what the new and the stable set may have now. The stable one
/// grows first and shrinks last.
fn counts(rollout: &Value, family: &Family, plan: Plan) -> (i64, i64) {
    let (new_goal, stable_goal) = desired(rollout, family, plan);
    let (mut new, mut stable) = (family.new.as_deref().map_or(0, wanted), family.stable.as_deref().map_or(0, wanted));
    // Both counts are rounded up, which may take one more pod than there are replicas.
    let extra = i64::from(plan.replicas * percent(rollout) % 100 != 0);
    let total: i64 = family.all().map(|set| wanted(set)).sum();
    let mut room = plan.replicas + plan.surge + extra - total;
    for (count, goal) in [(&mut stable, stable_goal), (&mut new, new_goal)] {
        let more = (goal - *count).min(room).max(0);
        *count += more;
        room -= more;
    }
    if family.older.iter().any(|set| wanted(set) > 0) {
        return (new, stable);
    }
    // Of the set that shrinks, pods that do not serve count as if they did: they may always go.
    let growing = family.new.as_deref().is_none_or(|set| new_goal >= wanted(set));
    let counted = |set: Option<&Arc<Value>>, shrinks: bool| {
        set.map_or(0, |set| if shrinks { wanted(set) } else { wanted(set).min(available(set)) })
    };
    let counted = counted(family.new.as_ref(), !growing) + counted(family.stable.as_ref(), growing);
    let mut spare = counted - (plan.replicas - plan.unavailable);
    for (count, goal) in [(&mut new, new_goal), (&mut stable, stable_goal)] {
        let fewer = (*count - goal).min(spare).max(0);
        *count -= fewer;
        spare -= fewer;
    }
    (new, stable)
}

fn scale(turn: &Turn<'_>, rollout: &Value, set: &mut Arc<Value>, count: i64, plan: Plan) {
    let before = wanted(set);
    if before == count && annotation(set, DESIRED_REPLICAS) == plan.replicas.to_string() {
        return;
    }
    let written = turn.modify(&REPLICASETS, set, |set| {
        set["spec"]["replicas"] = json!(count);
        annotate(set, DESIRED_REPLICAS, &plan.replicas.to_string());
    });
    if before != count {
        let way = if count > before { "up" } else { "down" };
        let message = format!(
            "Scaled {way} ReplicaSet {} (revision {}) from {before} to {count}",
            name(set),
            revisions::number(set)
        );
        turn.event(rollout, &Happening::normal("rollouts-controller", "ScalingReplicaSet", &message));
    }
    if let Some(written) = written {
        *set = written;
    }
}
