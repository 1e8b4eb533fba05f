//! Where a rollout stands, by the questions that kubectl asks in its order.
//!
//! Source: kubectl 1.33 `pkg/polymorphichelpers/rollout_status.go`. What kubectl cannot say is added after its answer:
//! paused, held back, and complete once but degraded now.

use crate::domain::Text;
use crate::domain::rollout::{RolloutPhase, RolloutStatus};
use crate::domain::text::clean;
use crate::integrations::kubernetes::lean::condition;
use crate::integrations::kubernetes::lean::daemon_set::LeanDaemonSet;
use crate::integrations::kubernetes::lean::deployment::LeanDeployment;
use crate::integrations::kubernetes::lean::replica_set::LeanReplicaSet;
use crate::integrations::kubernetes::lean::stateful_set::LeanStatefulSet;

fn progressing(waiting_for: String) -> RolloutPhase {
    RolloutPhase::Progressing { waiting_for: waiting_for.into() }
}

fn text(words: &str) -> Text {
    clean(words).into()
}

fn on_delete(updated: u32, desired: u32) -> Text {
    format!("{updated} of {desired} pods updated: OnDelete does not roll by itself, delete pods").into()
}

/// Of a Deployment.
pub fn deployment(object: &LeanDeployment) -> RolloutStatus {
    let status = &object.status;
    let desired = object.spec.replicas.unwrap_or(1);
    let (updated, available) = (status.updated_replicas, status.available_replicas);
    let progress = condition(&status.conditions, "Progressing");
    let failure = condition(&status.conditions, "ReplicaFailure").filter(|failure| failure.status == "True");
    // The controller sets this reason when the newest ReplicaSet is fully rolled out, and keeps it until the next.
    let was_complete = progress.is_some_and(|c| c.reason == "NewReplicaSetAvailable");
    let phase = if object.metadata.generation > status.observed_generation {
        RolloutPhase::Unobserved
    } else if let Some(late) = progress.filter(|c| c.reason == "ProgressDeadlineExceeded") {
        let words = if late.message.is_empty() { "exceeded its progress deadline" } else { &late.message };
        RolloutPhase::Stuck { why: text(words) }
    } else if object.spec.paused {
        RolloutPhase::Paused
    } else if let Some(failure) = failure {
        RolloutPhase::Stuck { why: text(&failure.message) }
    } else if updated < desired {
        progressing(format!("{updated} of {desired} new pods created"))
    } else if status.replicas > updated {
        progressing(format!("{} old pods still to end", status.replicas - updated))
    } else if available < updated.max(desired) {
        let words = format!("{available} of {} pods available", updated.max(desired));
        if was_complete { RolloutPhase::Degraded { why: words.into() } } else { progressing(words) }
    } else {
        RolloutPhase::Complete
    };
    RolloutStatus {
        desired,
        total: status.replicas,
        updated,
        ready: status.ready_replicas,
        available,
        phase,
        // While a rollout goes on, only its ReplicaSet knows when it began.
        since: progress.filter(|_| was_complete).and_then(|progress| progress.last_update_time),
    }
}

/// Of a StatefulSet.
pub fn stateful_set(object: &LeanStatefulSet) -> RolloutStatus {
    let status = &object.status;
    let desired = object.spec.replicas.unwrap_or(1);
    let (updated, ready) = (status.updated_replicas, status.ready_replicas);
    let strategy = &object.spec.update_strategy;
    let partition = strategy.rolling_update.as_ref().and_then(|rolling| rolling.partition).unwrap_or(0);
    let rolled_out = status.update_revision == status.current_revision;
    let phase = if status.observed_generation == 0 || object.metadata.generation > status.observed_generation {
        RolloutPhase::Unobserved
    } else if !strategy.rolls() && !rolled_out && updated < desired {
        RolloutPhase::Held { why: on_delete(updated, desired) }
    } else if ready < desired {
        let words = format!("{ready} of {desired} pods ready");
        if rolled_out && status.replicas >= desired {
            RolloutPhase::Degraded { why: words.into() }
        } else {
            progressing(words)
        }
    } else if partition > 0 && !rolled_out {
        if updated < desired.saturating_sub(partition) {
            progressing(format!("{updated} of {} new pods created", desired.saturating_sub(partition)))
        } else {
            let words = format!("{updated} of {desired} pods updated: pods below ordinal {partition} stay (partition)");
            RolloutPhase::Held { why: words.into() }
        }
    } else if strategy.rolls() && !rolled_out {
        progressing(format!("{updated} of {desired} pods at revision {}", clean(&status.update_revision)))
    } else {
        RolloutPhase::Complete
    };
    RolloutStatus {
        desired,
        total: status.replicas,
        updated: if rolled_out && updated == 0 { status.replicas } else { updated },
        ready,
        available: status.available_replicas.unwrap_or(ready),
        phase,
        since: None,
    }
}

/// Of a DaemonSet.
pub fn daemon_set(object: &LeanDaemonSet) -> RolloutStatus {
    let status = &object.status;
    let desired = status.desired_number_scheduled;
    let (updated, available) = (status.updated_number_scheduled, status.number_available);
    let phase = if object.metadata.generation > status.observed_generation {
        RolloutPhase::Unobserved
    } else if updated < desired {
        if object.spec.update_strategy.rolls() {
            progressing(format!("{updated} of {desired} new pods created"))
        } else {
            RolloutPhase::Held { why: on_delete(updated, desired) }
        }
    } else if available < desired {
        RolloutPhase::Degraded { why: format!("{available} of {desired} pods available").into() }
    } else {
        RolloutPhase::Complete
    };
    RolloutStatus {
        desired,
        total: status.current_number_scheduled,
        updated,
        ready: status.number_ready,
        available,
        phase,
        since: None,
    }
}

/// Of a ReplicaSet that stands alone: it has no rollout, only pods that are there or not.
pub fn replica_set(object: &LeanReplicaSet) -> RolloutStatus {
    let status = &object.status;
    let desired = object.spec.replicas.unwrap_or(1);
    let failure = condition(&status.conditions, "ReplicaFailure").filter(|failure| failure.status == "True");
    let phase = if object.metadata.generation > status.observed_generation {
        RolloutPhase::Unobserved
    } else if let Some(failure) = failure {
        RolloutPhase::Stuck { why: text(&failure.message) }
    } else if status.replicas < desired {
        progressing(format!("{} of {desired} pods created", status.replicas))
    } else if status.available_replicas < desired {
        RolloutPhase::Degraded { why: format!("{} of {desired} pods available", status.available_replicas).into() }
    } else {
        RolloutPhase::Complete
    };
    RolloutStatus {
        desired,
        total: status.replicas,
        updated: status.replicas,
        ready: status.ready_replicas,
        available: status.available_replicas,
        phase,
        since: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn word(phase: &RolloutPhase) -> String {
        match phase {
            RolloutPhase::Complete => "complete".to_owned(),
            RolloutPhase::Unobserved => "unobserved".to_owned(),
            RolloutPhase::Paused => "paused".to_owned(),
            RolloutPhase::Progressing { waiting_for } => format!("progressing: {waiting_for}"),
            RolloutPhase::Stuck { why } => format!("stuck: {why}"),
            RolloutPhase::Degraded { why } => format!("degraded: {why}"),
            RolloutPhase::Held { why } => format!("held: {why}"),
        }
    }

    #[test]
    fn deployments_are_judged_as_kubectl_judges_them() {
        let of = |generation: i64, spec: Value, status: Value| {
            let object = json!({"metadata": {"generation": generation}, "spec": spec, "status": status});
            word(&deployment(&serde_json::from_value(object).unwrap()).phase)
        };
        let status = |replicas: u32, updated: u32, available: u32, reason: &str| {
            json!({"observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated,
                "availableReplicas": available, "conditions": [{"type": "Progressing", "reason": reason, "message": ""}]})
        };
        let three = json!({"replicas": 3});
        let rolling = "ReplicaSetUpdated";
        assert_eq!(of(3, three.clone(), status(3, 3, 3, rolling)), "unobserved");
        assert_eq!(of(2, three.clone(), status(4, 1, 3, rolling)), "progressing: 1 of 3 new pods created");
        assert_eq!(of(2, three.clone(), status(4, 3, 3, rolling)), "progressing: 1 old pods still to end");
        assert_eq!(of(2, three.clone(), status(3, 3, 2, rolling)), "progressing: 2 of 3 pods available");
        assert_eq!(of(2, three.clone(), status(3, 3, 3, rolling)), "complete");
        assert_eq!(of(2, three.clone(), status(3, 3, 2, "NewReplicaSetAvailable")), "degraded: 2 of 3 pods available");
        let late = status(4, 1, 3, "ProgressDeadlineExceeded");
        assert_eq!(of(2, three, late), "stuck: exceeded its progress deadline");
        assert_eq!(of(2, json!({"replicas": 3, "paused": true}), status(3, 1, 3, rolling)), "paused");
    }

    #[test]
    fn stateful_sets_hold_at_partitions_and_on_delete() {
        let of = |strategy: Value, updated: u32, ready: u32, update: &str| {
            let object = json!({"metadata": {"generation": 1}, "spec": {"replicas": 3, "updateStrategy": strategy},
                "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": updated, "readyReplicas": ready,
                    "currentRevision": "a", "updateRevision": update}});
            word(&stateful_set(&serde_json::from_value(object).unwrap()).phase)
        };
        let rolling = json!({"type": "RollingUpdate"});
        let partition = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
        let on_delete = json!({"type": "OnDelete"});
        assert_eq!(of(rolling.clone(), 1, 3, "b"), "progressing: 1 of 3 pods at revision b");
        assert_eq!(of(rolling.clone(), 1, 2, "b"), "progressing: 2 of 3 pods ready");
        assert_eq!(of(rolling.clone(), 3, 3, "a"), "complete");
        assert_eq!(of(rolling, 3, 2, "a"), "degraded: 2 of 3 pods ready");
        assert_eq!(of(partition.clone(), 0, 3, "b"), "progressing: 0 of 1 new pods created");
        assert_eq!(of(partition, 1, 3, "b"), "held: 1 of 3 pods updated: pods below ordinal 2 stay (partition)");
        assert!(
            of(on_delete, 1, 3, "b")
                .starts_with("held: 1 of 3 pods updated: OnDelete does not roll by itself, delete pods")
        );
    }

    #[test]
    fn daemon_sets_count_nodes() {
        let of = |kind: &str, updated: u32, available: u32| {
            let object = json!({"metadata": {"generation": 1}, "spec": {"updateStrategy": {"type": kind}},
                "status": {"observedGeneration": 1, "desiredNumberScheduled": 4, "updatedNumberScheduled": updated,
                    "numberAvailable": available}});
            word(&daemon_set(&serde_json::from_value(object).unwrap()).phase)
        };
        assert_eq!(of("RollingUpdate", 2, 4), "progressing: 2 of 4 new pods created");
        assert!(of("OnDelete", 2, 4).starts_with("held:"));
        assert_eq!(of("RollingUpdate", 4, 3), "degraded: 3 of 4 pods available");
        assert_eq!(of("RollingUpdate", 4, 4), "complete");
    }
}
