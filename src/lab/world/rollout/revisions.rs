//! Which ReplicaSet belongs to which revision of a Rollout: finding, making, numbering, forgetting.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Family, Plan, weight};
use crate::lab::kubernetes::resources::{REPLICASETS, ROLLOUTS};
use crate::lab::world::events::Happening;
use crate::lab::world::naming::{same_template, template_hash, without_hash};
use crate::lab::world::object::{
    annotate, annotation, controlled_by, int, int_or, label, name, namespace, selects, set_label, text,
};
use crate::lab::world::turn::Turn;

/// The label that tells the pods of one revision from those of another.
pub const HASH: &str = "rollouts-pod-template-hash";
/// The annotation of a Rollout's and a ReplicaSet's revision.
pub const REVISION: &str = "rollout.argoproj.io/revision";
const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// The annotation of how many replicas the Rollout wanted when the set was last scaled.
pub(super) const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
/// Annotations of a Rollout that its ReplicaSets do not take over.
const NOT_INHERITED: [&str; 4] =
    ["kubectl.kubernetes.io/last-applied-configuration", REVISION, REVISION_HISTORY, DESIRED_REPLICAS];

/// The revision of a Rollout or of one of its sets, zero when it has none yet.
pub(super) fn number(object: &Value) -> u64 {
    annotation(object, REVISION).parse().unwrap_or(0)
}

/// `getAllReplicaSetsAndSyncRevision`: the sets, the one of the current template made if `make`
/// says so. Gives back the Rollout as it is afterwards.
pub(super) fn family(turn: &Turn<'_>, rollout: &Arc<Value>, make: bool) -> (Arc<Value>, Family) {
    let mut sets = turn.controlled(&REPLICASETS, rollout);
    sets.retain(|set| selects(&rollout["spec"]["selector"], &set["metadata"]["labels"]));
    sets.sort_by_cached_key(|set| (text(set, "/metadata/creationTimestamp").to_owned(), name(set).to_owned()));
    let template = &rollout["spec"]["template"];
    let found = sets.iter().position(|set| same_template(&set["spec"]["template"], template));
    let mut new = found.map(|index| sets.remove(index));
    let wanted = sets.iter().map(|set| number(set)).max().unwrap_or(0) + 1;
    let mut rollout = rollout.clone();
    match &new {
        Some(set) if number(set) < wanted => new = renumber(turn, set, wanted),
        None if make => new = create(turn, &rollout, wanted),
        _ => {}
    }
    if let Some(current) = new.as_deref().map(|new| annotation(new, REVISION).to_owned())
        && annotation(&rollout, REVISION) != current
    {
        let written = turn.modify(&ROLLOUTS, &rollout, |rollout| {
            annotate(rollout, REVISION, &current);
        });
        turn.event(
            &rollout,
            &Happening::normal(
                "rollouts-controller",
                "RolloutUpdated",
                &format!("Rollout updated to revision {current}"),
            ),
        );
        rollout = written.unwrap_or(rollout);
    }
    let promoted = text(&rollout, "/status/stableRS");
    let stable = sets.iter().position(|set| !promoted.is_empty() && label(set, HASH) == promoted);
    let stable = stable.map(|index| sets.remove(index));
    (rollout, Family { new, stable, older: sets })
}

fn renumber(turn: &Turn<'_>, set: &Arc<Value>, wanted: u64) -> Option<Arc<Value>> {
    turn.modify(&REPLICASETS, set, |set| {
        let before = annotation(set, REVISION).to_owned();
        let history = annotation(set, REVISION_HISTORY).to_owned();
        if !before.is_empty() {
            let history = if history.is_empty() { before } else { format!("{history},{before}") };
            annotate(set, REVISION_HISTORY, &history);
        }
        annotate(set, REVISION, &wanted.to_string());
    })
}

fn create(turn: &Turn<'_>, rollout: &Arc<Value>, wanted: u64) -> Option<Arc<Value>> {
    let collisions = int(rollout, "/status/collisionCount");
    let set = replica_set(rollout, &rollout["spec"]["template"], collisions, 0, wanted);
    let set_name = name(&set).to_owned();
    let Ok(new) = turn.store.create(&REPLICASETS, set) else {
        // Another template has the same hash: the next turn tries with another count.
        turn.modify(&ROLLOUTS, rollout, |rollout| rollout["status"]["collisionCount"] = json!(collisions + 1));
        return None;
    };
    let message = format!("Created ReplicaSet {set_name} (revision {wanted})");
    turn.event(rollout, &Happening::normal("rollouts-controller", "NewReplicaSetCreated", &message));
    Some(new)
}

/// A ReplicaSet of a Rollout for a template: what the controller would make. Scenarios use it for
/// the revisions of the past.
pub fn replica_set(rollout: &Value, template: &Value, collisions: i64, count: i64, number: u64) -> Value {
    let hash = template_hash(template, collisions);
    let mut template = without_hash(template);
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = rollout["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let mut set = json!({
        "metadata": {
            "name": format!("{}-{hash}", name(rollout)),
            "namespace": namespace(rollout),
            "labels": template["metadata"]["labels"],
            "ownerReferences": [controlled_by(rollout)],
        },
        "spec": {"replicas": count, "selector": selector, "template": template},
    });
    set_label(&mut set, HASH, &hash);
    if let Some(min_ready) = rollout["spec"].get("minReadySeconds") {
        set["spec"]["minReadySeconds"] = min_ready.clone();
    }
    for (key, value) in rollout["metadata"]["annotations"].as_object().into_iter().flatten() {
        if !NOT_INHERITED.contains(&key.as_str()) {
            annotate(&mut set, key, value.as_str().unwrap_or_default());
        }
    }
    annotate(&mut set, DESIRED_REPLICAS, &Plan::of(rollout).replicas.to_string());
    annotate(&mut set, REVISION, &number.to_string());
    set
}

/// `cleanupRollouts`: old revisions beyond `revisionHistoryLimit` go.
pub(super) fn forget_oldest(turn: &Turn<'_>, rollout: &Value, family: &Family) {
    let limit = usize::try_from(int_or(rollout, "/spec/revisionHistoryLimit", 10)).unwrap_or(usize::MAX);
    let mut old: Vec<_> = family.older.iter().collect();
    old.sort_by_key(|set| number(set));
    for set in old.iter().take(old.len().saturating_sub(limit)) {
        if weight::wanted(set) == 0 && int(set, "/status/replicas") == 0 {
            // Somebody else may have removed it.
            let _ = turn.store.delete(&REPLICASETS, namespace(set), name(set));
        }
    }
}
