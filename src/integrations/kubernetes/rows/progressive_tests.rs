//! Rollouts as the controller writes them: the examples of argo-rollouts' own tests, and what 1.10 writes of a canary.

#![allow(clippy::unwrap_used)]
use super::super::{Pods, ReplicaSets, Rollouts, Table};
use super::*;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::workload::WorkloadRow;
use serde_json::json;

fn now() -> crate::domain::time::Instant {
    "2026-01-02T00:00:00Z".parse().unwrap()
}

fn row(object: Value) -> WorkloadRow {
    Rollouts::default().row(serde_json::from_value(object).unwrap(), now()).unwrap()
}

/// A canary as 1.10 writes it, with its strategy and what differs in its status.
fn canary(spec: &Value, status: &Value) -> WorkloadRow {
    let mut object = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "payment", "namespace": "shop", "generation": 5,
            "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {"rollout.argoproj.io/revision": "31"}},
        "spec": {"replicas": 5, "selector": {"matchLabels": {"app": "payment"}},
            "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 40},
                {"pause": {"duration": "10m"}}, {"setWeight": 60}, {"analysis": {"templates": []}},
                {"setWeight": 80}, {"pause": {"duration": 10}}]}},
            "template": {"spec": {"containers": [{"name": "app", "image": "payment:2.4.0"}]}}},
        "status": {"observedGeneration": "5", "currentPodHash": "65fb5ffc84", "stableRS": "877894d5b",
            "currentStepHash": "f64cdc9d", "currentStepIndex": 0, "replicas": 6, "updatedReplicas": 1,
            "readyReplicas": 6, "availableReplicas": 6, "blueGreen": {}, "canary": {}, "selector": "app=payment"},
    });
    json_patch::merge(&mut object["spec"], spec);
    json_patch::merge(&mut object["status"], status);
    row(object)
}

#[test]
fn a_canary_says_where_it_is_and_what_it_waits_for() {
    let paused = canary(
        &json!({}),
        &json!({"phase": "Paused", "message": "CanaryPauseStep", "controllerPause": true, "currentStepIndex": 1,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T23:00:00Z"}]}),
    );
    assert_eq!((&paused.rollout.phase, paused.revision), (&RolloutPhase::Paused, Some(31)));
    let canary_is = paused.progressive().unwrap();
    assert_eq!(canary_is.place(), "step 1/8, weight 20 %");
    let pause = canary_is.pause.as_ref().unwrap();
    assert_eq!((&*pause.why, pause.until), ("until it is promoted", None));
    assert!(!canary_is.is_promoted() && !canary_is.aborted);

    let waits = canary(
        &json!({}),
        &json!({"phase": "Paused", "message": "CanaryPauseStep", "controllerPause": true, "currentStepIndex": 3,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T23:00:00Z"}]}),
    );
    let pause = waits.progressive().unwrap().pause.clone().unwrap();
    assert_eq!(pause.until, Some("2026-01-01T23:10:00Z".parse().unwrap()));
    let Strategy::Canary { doing, .. } = &waits.progressive().unwrap().strategy else { unreachable!() };
    assert_eq!(doing.as_deref(), Some("pause 10m 00s"));

    let by_hand = canary(&json!({"paused": true}), &json!({"phase": "Paused", "message": "manually paused"}));
    assert_eq!(&*by_hand.progressive().unwrap().pause.clone().unwrap().why, "by hand, until it is resumed");
    let resumed = canary(&json!({}), &json!({"phase": "Paused", "controllerPause": true}));
    let waiting_for = "the controller to go on".into();
    assert_eq!(resumed.rollout.phase, RolloutPhase::Progressing { waiting_for });
}

#[test]
fn phases_are_the_controllers() {
    let phase = |status: Value| canary(&json!({}), &status).rollout.phase;
    assert_eq!(phase(json!({"phase": "Healthy", "stableRS": "65fb5ffc84"})), RolloutPhase::Complete);
    let waits = |words: &str| RolloutPhase::Progressing { waiting_for: words.into() };
    let progressing = |message: &str| phase(json!({"phase": "Progressing", "message": message}));
    assert_eq!(progressing("more replicas need to be updated"), waits("1 of 5 new pods created"));
    assert_eq!(progressing("updated replicas are still becoming available"), waits("1 new pod to be available"));
    assert_eq!(progressing("waiting for all steps to complete"), waits("all steps to complete"));
    assert_eq!(phase(json!({"observedGeneration": "4", "phase": "Healthy"})), RolloutPhase::Unobserved);
    let late = "ReplicaSet \"payment-65fb5ffc84\" has timed out progressing.";
    let stuck = phase(json!({"phase": "Degraded", "message": format!("ProgressDeadlineExceeded: {late}")}));
    assert_eq!(stuck, RolloutPhase::Stuck { why: late.into() });
    // Promoted, and then a pod fails: the controller calls that progressing.
    let short = json!({"phase": "Progressing", "message": "updated replicas are still becoming available",
        "stableRS": "65fb5ffc84", "updatedReplicas": 5, "availableReplicas": 3});
    assert_eq!(phase(short), RolloutPhase::Degraded { why: "3 of 5 pods available".into() });
}

#[test]
fn an_aborted_canary_has_no_traffic_and_says_which_analysis_failed() {
    let failed = "metric \"web\" assessed Failed due to failed (1) > failureLimit (0)";
    let aborted = canary(
        &json!({}),
        &json!({"abort": true, "abortedAt": "2026-01-01T23:00:00Z", "phase": "Degraded", "currentStepIndex": 4,
            "message": format!("RolloutAborted: Rollout aborted update to revision 31: {failed}"),
            "canary": {"currentBackgroundAnalysisRunStatus":
                {"name": "payment-65fb5ffc84-31", "status": "Failed", "message": failed}}}),
    );
    let words = format!("aborted: Rollout aborted update to revision 31: {failed}");
    assert_eq!(aborted.rollout.phase, RolloutPhase::Degraded { why: words.into() });
    let state = aborted.progressive().unwrap();
    assert!(state.aborted && state.place().ends_with("weight 0 %"), "{}", state.place());
    assert_eq!(state.analysis.as_deref(), Some(&*format!("payment-65fb5ffc84-31 Failed: {failed}")));
}

#[test]
fn a_router_is_believed_about_its_weights() {
    let routed = canary(
        &json!({"strategy": {"canary": {"trafficRouting": {"maxTrafficWeight": 1000, "istio": {}}}}}),
        &json!({"phase": "Progressing", "message": "waiting for all steps to complete", "currentStepIndex": 2,
            "canary": {"weights": {"canary": {"weight": 200, "podTemplateHash": "65fb5ffc84"},
                "stable": {"weight": 800, "podTemplateHash": "877894d5b"}}}}),
    );
    assert_eq!(routed.progressive().unwrap().place(), "step 2/8, weight 200/1000");
}

/// Written by 0.9, which leaves the phase to its clients.
#[test]
fn old_controllers_are_read_as_their_own_client_reads_them() {
    let blue_green = row(json!({
        "metadata": {"name": "bluegreen-demo", "namespace": "jesse-test", "generation": 410,
            "annotations": {"rollout.argoproj.io/revision": "11"}},
        "spec": {"replicas": 3, "strategy": {"blueGreen": {"activeService": "bluegreen-demo",
            "autoPromotionEnabled": false, "previewService": "bluegreen-demo-preview"}}},
        "status": {"HPAReplicas": 3, "availableReplicas": 3,
            "blueGreen": {"activeSelector": "6cbccd9f99", "previewSelector": "74b948fccb"}, "canary": {},
            "controllerPause": true, "currentPodHash": "74b948fccb", "observedGeneration": "410",
            "pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2019-10-28T04:50:20Z"}],
            "readyReplicas": 6, "replicas": 6, "stableRS": "6cbccd9f99", "updatedReplicas": 3}}));
    assert_eq!(blue_green.rollout.phase, RolloutPhase::Paused);
    assert_eq!((blue_green.rollout.ready, blue_green.rollout.total), (3, 6));
    assert_eq!(blue_green.progressive().unwrap().place(), "active 6cbccd9f99, preview 74b948fccb");

    let late = canary(
        &json!({}),
        &json!({"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": "timed out", "lastUpdateTime": "2019-10-28T04:52:55Z"}]}),
    );
    assert_eq!(late.rollout.phase, RolloutPhase::Stuck { why: "timed out".into() });
    let invalid = canary(
        &json!({}),
        &json!({"conditions": [{"type": "InvalidSpec", "status": "True", "reason": "InvalidSpec",
            "message": "`selector` does not match template `labels`"}]}),
    );
    assert!(
        matches!(invalid.rollout.phase, RolloutPhase::Stuck { why } if why.starts_with("invalid spec: `selector`"))
    );
}

#[test]
fn the_template_may_be_another_objects() {
    let object = json!({
        "metadata": {"name": "payment", "namespace": "shop", "generation": 1,
            "annotations": {"rollout.argoproj.io/revision": "2", "rollout.argoproj.io/workload-generation": "7"}},
        "spec": {"replicas": 1, "strategy": {"canary": {}},
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "payment-base"}},
        "status": {"phase": "Healthy", "observedGeneration": "1", "workloadObservedGeneration": "6"}});
    let mut seen = object.clone();
    seen["status"]["workloadObservedGeneration"] = json!("7");
    let late = row(object);
    assert_eq!(late.rollout.phase, RolloutPhase::Unobserved);
    assert!(late.images.is_empty());
    assert_eq!(late.progressive().unwrap().template_of.as_deref(), Some("Deployment/payment-base"));
    assert_eq!(row(seen).rollout.phase, RolloutPhase::Complete);
}

#[test]
fn pods_and_revisions_lead_to_their_rollout() {
    let payment = WorkloadRef::new(WorkloadKind::Rollout, "shop", "payment");
    let labels = json!({"app": "payment", "rollouts-pod-template-hash": "65fb5ffc84"});
    let set = json!({
        "metadata": {"name": "payment-65fb5ffc84", "namespace": "shop", "labels": labels,
            "annotations": {"rollout.argoproj.io/revision": "31", "rollout.argoproj.io/desired-replicas": "5"},
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "payment",
                "controller": true}]},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": "payment:2.4.0"}]}}},
        "status": {"replicas": 1}});
    let revision = ReplicaSets::default().row(serde_json::from_value(set).unwrap(), now()).unwrap();
    assert_eq!((revision.workload, revision.revision), (payment.clone(), 31));
    assert_eq!((revision.hash.as_deref(), &*revision.images[0]), (Some("65fb5ffc84"), "payment:2.4.0"));
    let pod = json!({
        "metadata": {"name": "payment-65fb5ffc84-x2xkq", "namespace": "shop", "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "name": "payment-65fb5ffc84", "controller": true}]},
        "status": {"phase": "Running"}});
    let pod = Pods::default().row(serde_json::from_value(pod).unwrap(), now()).unwrap();
    assert_eq!((pod.owner, pod.revision_hash.as_deref()), (Some(payment), Some("65fb5ffc84")));
}
