//! Which ReplicaSet belongs to which revision: finding, making, numbering and forgetting them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Family, Plan, rewrite, say, scaling, spec_replicas, status};
use crate::lab::kubernetes::resources::{DEPLOYMENTS, REPLICASETS};
use crate::lab::world::naming::{same_template, template_hash, without_hash};
use crate::lab::world::object::{
    REVISION, TEMPLATE_HASH, annotate, annotation, condition, controlled_by, field, int, int_or, name, namespace,
    revision, set_label,
};
use crate::lab::world::replicaset::of_deployment;
use crate::lab::world::turn::Turn;

/// The annotation of how many replicas the Deployment wanted when the set was last scaled.
pub const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
/// The annotation of how many pods the Deployment may have at most while it rolls.
pub const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
/// The annotation of the revisions that a set stood for before.
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// Annotations that a ReplicaSet does not take from its Deployment.
const NOT_INHERITED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];

/// The Deployment's ReplicaSets, sorted into the one of its template and the others.
pub(super) fn family(turn: &Turn<'_>, deployment: &Value) -> Family {
    let mut sets = of_deployment(turn, deployment);
    sets.sort_by_cached_key(|set| {
        (set["metadata"]["creationTimestamp"].as_str().map(str::to_owned), name(set).to_owned())
    });
    let template = &deployment["spec"]["template"];
    let new = sets.iter().position(|set| same_template(&set["spec"]["template"], template));
    let new = new.map(|index| sets.remove(index));
    Family { new, old: sets }
}

/// `getAllReplicaSetsAndSyncRevision`: the same, making the new set and numbering it where needed.
/// Gives back the Deployment as it is afterwards.
pub(super) fn family_with_new(turn: &Turn<'_>, deployment: &Arc<Value>, plan: Plan) -> (Arc<Value>, Family) {
    let mut family = family(turn, deployment);
    let newest_old = family.old.iter().map(|set| revision(set)).max().unwrap_or(0);
    let number = newest_old + 1;
    let mut deployment = deployment.clone();
    match family.new.as_mut() {
        Some(new) => {
            number_set(turn, &deployment, new, number);
            let current = annotation(new, REVISION).to_owned();
            let found = name(new).to_owned();
            let known = annotation(&deployment, REVISION) == current && condition(&deployment, "Progressing").is_some();
            if !known
                && let Some(written) = turn.modify(&DEPLOYMENTS, &deployment, |deployment| {
                    annotate(deployment, REVISION, &current);
                    status::found_new_set(deployment, &found, turn.now);
                })
            {
                deployment = written;
            }
        }
        None => {
            if let Some((written, new)) = make_set(turn, &deployment, &family, plan, number) {
                deployment = written;
                family.new = Some(new);
            }
        }
    }
    (deployment, family)
}

/// `SetNewReplicaSetAnnotations` for a set that exists.
fn number_set(turn: &Turn<'_>, deployment: &Value, set: &mut Arc<Value>, number: u64) {
    let min_ready = deployment["spec"].get("minReadySeconds").cloned();
    let taken = inherited(deployment).all(|(key, value)| annotation(set, key) == value.as_str().unwrap_or_default());
    if taken && revision(set) >= number && set["spec"].get("minReadySeconds") == min_ready.as_ref() {
        return;
    }
    rewrite(turn, set, |set| {
        copy_annotations(deployment, set);
        let before = revision(set);
        if before < number {
            if before > 0 {
                let history = annotation(set, REVISION_HISTORY);
                let history = if history.is_empty() { before.to_string() } else { format!("{history},{before}") };
                annotate(set, REVISION_HISTORY, &history);
            }
            annotate(set, REVISION, &number.to_string());
        }
        if let (Some(min_ready), Some(spec)) = (min_ready, set["spec"].as_object_mut()) {
            spec.insert("minReadySeconds".to_owned(), min_ready);
        }
    });
}

/// What a ReplicaSet takes over of its Deployment's annotations.
fn inherited(deployment: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let all = field(deployment, "/metadata/annotations").and_then(Value::as_object);
    all.into_iter().flatten().filter(|(key, _)| !NOT_INHERITED.contains(&key.as_str()))
}

fn copy_annotations(deployment: &Value, set: &mut Value) {
    for (key, value) in inherited(deployment) {
        annotate(set, key, value.as_str().unwrap_or_default());
    }
}

fn make_set(
    turn: &Turn<'_>,
    deployment: &Arc<Value>,
    family: &Family,
    plan: Plan,
    number: u64,
) -> Option<(Arc<Value>, Arc<Value>)> {
    let collisions = int(deployment, "/status/collisionCount");
    let count = scaling::new_set_replicas(family, plan);
    let set =
        replica_set(deployment, &deployment["spec"]["template"], collisions, count, plan.replicas + plan.surge, number);
    let set_name = name(&set).to_owned();
    let Ok(new) = turn.store.create(&REPLICASETS, set) else {
        // Another template has the same hash: the next turn tries with another count.
        turn.modify(&DEPLOYMENTS, deployment, |deployment| {
            deployment["status"]["collisionCount"] = json!(collisions + 1);
        });
        return None;
    };
    if count > 0 {
        say(turn, deployment, "ScalingReplicaSet", &format!("Scaled up replica set {set_name} from 0 to {count}"));
    }
    let written = turn.modify(&DEPLOYMENTS, deployment, |deployment| {
        annotate(deployment, REVISION, &number.to_string());
        status::made_new_set(deployment, &set_name, turn.now);
    })?;
    Some((written, new))
}

/// A ReplicaSet of a Deployment for a template: what the controller would make. Scenarios use it
/// for the revisions of the past.
pub fn replica_set(deployment: &Value, template: &Value, collisions: i64, count: i64, most: i64, number: u64) -> Value {
    let hash = template_hash(template, collisions);
    let mut template = without_hash(template);
    template["metadata"]["labels"][TEMPLATE_HASH] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][TEMPLATE_HASH] = json!(hash);
    let desired = int_or(deployment, "/spec/replicas", 1);
    let mut set = json!({
        "metadata": {
            "name": format!("{}-{hash}", name(deployment)),
            "namespace": namespace(deployment),
            "labels": template["metadata"]["labels"],
            "ownerReferences": [controlled_by(deployment)],
        },
        "spec": {"replicas": count, "selector": selector, "template": template},
    });
    set_label(&mut set, TEMPLATE_HASH, &hash);
    if let Some(min_ready) = deployment["spec"].get("minReadySeconds") {
        set["spec"]["minReadySeconds"] = min_ready.clone();
    }
    copy_annotations(deployment, &mut set);
    annotate(&mut set, DESIRED_REPLICAS, &desired.to_string());
    annotate(&mut set, MAX_REPLICAS, &most.to_string());
    annotate(&mut set, REVISION, &number.to_string());
    set
}

/// `cleanupDeployment`: old revisions beyond `revisionHistoryLimit` go.
pub(super) fn forget_oldest(turn: &Turn<'_>, deployment: &Value, family: &Family) {
    let limit = usize::try_from(int_or(deployment, "/spec/revisionHistoryLimit", 10)).unwrap_or(usize::MAX);
    let surplus = family.old.len().saturating_sub(limit);
    let mut old: Vec<_> = family.old.iter().collect();
    old.sort_by_key(|set| revision(set));
    for set in old.into_iter().take(surplus) {
        let idle = spec_replicas(set) == 0 && int(set, "/status/replicas") == 0;
        if idle && int(set, "/metadata/generation") <= int(set, "/status/observedGeneration") {
            // Somebody else may have removed it.
            let _ = turn.store.delete(&REPLICASETS, namespace(set), name(set));
        }
    }
}
