//! How many pods each ReplicaSet of a Deployment may have: rolling, scaling, sharing out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::revisions::{DESIRED_REPLICAS, MAX_REPLICAS};
use super::{Family, Plan, available, rewrite, say, spec_replicas};
use crate::lab::world::object::{annotate, annotation, int_or, name, revision};
use crate::lab::world::replicaset::of_deployment;
use crate::lab::world::turn::Turn;

/// Whether the wish for replicas changed since the sets were last scaled.
pub(super) fn is_scaling_event(turn: &Turn<'_>, deployment: &Value) -> bool {
    let wanted = int_or(deployment, "/spec/replicas", 1);
    of_deployment(turn, deployment).iter().any(|set| {
        let desired: Option<i64> = annotation(set, DESIRED_REPLICAS).parse().ok();
        spec_replicas(set) > 0 && desired.is_some_and(|desired| desired != wanted)
    })
}

/// `NewRSNewReplicas`: how many the new set may have now.
pub(super) fn new_set_replicas(family: &Family, plan: Plan) -> i64 {
    let current = family.new.as_deref().map_or(0, spec_replicas);
    if plan.recreate {
        return plan.replicas;
    }
    let total: i64 = family.all().map(|set| spec_replicas(set)).sum();
    let room = plan.replicas + plan.surge - total;
    if room <= 0 { current } else { current + room.min(plan.replicas - current) }
}

/// `reconcileNewReplicaSet`; says whether it scaled.
pub(super) fn reconcile_new(turn: &Turn<'_>, deployment: &Value, family: &mut Family, plan: Plan) -> bool {
    let Some(current) = family.new.as_deref().map(spec_replicas) else { return false };
    let count = if current > plan.replicas { plan.replicas } else { new_set_replicas(family, plan) };
    family.new.as_mut().is_some_and(|new| scale_set(turn, deployment, new, count, plan))
}

/// `reconcileOldReplicaSets`: first the broken pods of old sets, then as many healthy ones as
/// availability allows; says whether it scaled.
pub(super) fn reconcile_old(turn: &Turn<'_>, deployment: &Value, family: &mut Family, plan: Plan) -> bool {
    let least = plan.replicas - plan.unavailable;
    let total: i64 = family.all().map(|set| spec_replicas(set)).sum();
    let new_missing = family.new.as_deref().map_or(0, |new| spec_replicas(new) - available(new));
    let most = total - least - new_missing;
    if most <= 0 || family.old.iter().all(|set| spec_replicas(set) == 0) {
        return false;
    }
    let mut scaled = false;
    let mut cleaned = 0;
    for set in &mut family.old {
        let broken = spec_replicas(set) - available(set);
        let step = broken.min(most - cleaned);
        if spec_replicas(set) > 0 && step > 0 {
            cleaned += step;
            let rest = spec_replicas(set) - step;
            scaled |= scale_set(turn, deployment, set, rest, plan);
        }
    }
    let mut spare = family.all().map(|set| available(set)).sum::<i64>() - least;
    for set in &mut family.old {
        let step = spec_replicas(set).min(spare);
        if step > 0 {
            spare -= step;
            let rest = spec_replicas(set) - step;
            scaled |= scale_set(turn, deployment, set, rest, plan);
        }
    }
    scaled
}

/// `scale`: a changed wish for replicas, without rolling anything.
pub(super) fn scale(turn: &Turn<'_>, deployment: &Value, family: &mut Family, plan: Plan) {
    let active: Vec<usize> = (0..family.old.len()).filter(|index| spec_replicas(&family.old[*index]) > 0).collect();
    let new_active = family.new.as_deref().is_some_and(|new| spec_replicas(new) > 0);
    match (active.as_slice(), new_active) {
        ([], _) if family.new.is_some() => {
            if let Some(new) = family.new.as_mut() {
                scale_set(turn, deployment, new, plan.replicas, plan);
            }
        }
        ([], _) => {
            if let Some(latest) = family.old.iter_mut().max_by_key(|set| revision(set)) {
                scale_set(turn, deployment, latest, plan.replicas, plan);
            }
        }
        ([only], false) => {
            scale_set(turn, deployment, &mut family.old[*only], plan.replicas, plan);
        }
        _ if is_saturated(family, plan) => {
            for set in &mut family.old {
                scale_set(turn, deployment, set, 0, plan);
            }
        }
        _ if plan.recreate => {}
        _ => share_out(turn, deployment, family, plan),
    }
}

fn is_saturated(family: &Family, plan: Plan) -> bool {
    family.new.as_deref().is_some_and(|new| {
        spec_replicas(new) == plan.replicas
            && annotation(new, DESIRED_REPLICAS).parse() == Ok(plan.replicas)
            && available(new) == plan.replicas
    })
}

/// Proportional scaling: in the middle of a rollout every active set takes its share.
fn share_out(turn: &Turn<'_>, deployment: &Value, family: &mut Family, plan: Plan) {
    let mut sets: Vec<&mut Arc<Value>> =
        family.old.iter_mut().chain(family.new.as_mut()).filter(|set| spec_replicas(set) > 0).collect();
    let total: i64 = sets.iter().map(|set| spec_replicas(set)).sum();
    let allowed = if plan.replicas > 0 { plan.replicas + plan.surge } else { 0 };
    let to_add = allowed - total;
    // The largest first, and of equals the youngest when growing, the oldest when shrinking.
    sets.sort_by_cached_key(|set| {
        let age = revision(set).cast_signed();
        (std::cmp::Reverse(spec_replicas(set)), if to_add > 0 { -age } else { age })
    });
    let mut added = 0;
    let mut sizes: Vec<i64> = Vec::with_capacity(sets.len());
    for set in &sets {
        let size = spec_replicas(set);
        let most: i64 = annotation(set, MAX_REPLICAS).parse().unwrap_or(plan.replicas + plan.surge).max(1);
        let fair = ((size * allowed) as f64 / most as f64).round() as i64 - size;
        let left = to_add - added;
        let share = if to_add > 0 { fair.clamp(0, left) } else { fair.clamp(left.min(0), 0) };
        added += share;
        sizes.push(size + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    for (set, size) in sets.into_iter().zip(sizes) {
        scale_set(turn, deployment, set, size, plan);
    }
}

/// `scaleReplicaSet`; says whether the number of replicas changed.
pub(super) fn scale_set(turn: &Turn<'_>, deployment: &Value, set: &mut Arc<Value>, count: i64, plan: Plan) -> bool {
    let before = spec_replicas(set);
    let (desired, most) = (plan.replicas.to_string(), (plan.replicas + plan.surge).to_string());
    let noted = annotation(set, DESIRED_REPLICAS) == desired && annotation(set, MAX_REPLICAS) == most;
    if noted && before == count {
        return false;
    }
    rewrite(turn, set, |set| {
        annotate(set, DESIRED_REPLICAS, &desired);
        annotate(set, MAX_REPLICAS, &most);
        if before != count {
            set["spec"]["replicas"] = json!(count);
        }
    });
    if before == count {
        return false;
    }
    let direction = if count > before { "up" } else { "down" };
    let message = format!("Scaled {direction} replica set {} from {before} to {count}", name(set));
    say(turn, deployment, "ScalingReplicaSet", &message);
    true
}
