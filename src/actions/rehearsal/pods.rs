//! Pods that end and nodes that are emptied: what goes, what stays, who brings it back, what is expected of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::actions::cordon::{Cordon, Uncordon};
use crate::actions::delete_pod::DeletePod;
use crate::actions::drain::Drain;
use crate::actions::evict_pod::EvictPod;
use crate::actions::expectation::Expectation;
use crate::domain::object::ObjectKind;
use crate::domain::target::PodRef;

fn pod(name: &str, owner: Option<(&str, &str)>) -> Value {
    let mut pod = json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "labels": {"app": "payment"}},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    if let Some((kind, uid)) = owner {
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": kind, "name": uid, "uid": uid, "controller": true}]);
    }
    pod
}

/// A ReplicaSet of three under a Deployment that is whole, and a DaemonSet.
fn owners() -> Vec<Value> {
    let status = json!({"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3});
    vec![
        json!({"kind": "ReplicaSet", "apiVersion": "apps/v1", "spec": {"replicas": 3}, "status": status,
            "metadata": {"name": "payment-1", "namespace": "shop", "uid": "rs", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "payment", "uid": "deploy", "controller": true}]}}),
        json!({"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": 3}, "status": status,
            "metadata": {"name": "payment", "namespace": "shop", "uid": "deploy"}}),
    ]
}

fn budget(name: &str, allowed: u32) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "payment"}}},
        "status": {"disruptionsAllowed": allowed, "currentHealthy": 3, "desiredHealthy": 3}})
}

fn of(object: Value) -> Facts {
    Facts {
        pods: Some(vec![object.clone()]),
        object,
        owners: Some(owners()),
        budgets: Some(vec![]),
        ..Facts::default()
    }
}

fn pod_ref() -> PodRef {
    PodRef { namespace: "shop".into(), name: "p".into() }
}

fn delete(force: bool) -> ActionKind {
    ActionKind::DeletePod(DeletePod { pod: pod_ref(), force })
}

fn evict() -> ActionKind {
    ActionKind::EvictPod(EvictPod { pod: pod_ref() })
}

fn texts(plan: &Plan) -> String {
    plan.warnings.iter().map(|warning| warning.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn expected(plan: &Plan) -> Vec<String> {
    plan.expect
        .iter()
        .map(|(_, expectation)| match expectation {
            Expectation::Gone { object, uid } => format!("gone {object} {}", uid.as_deref().unwrap_or("-")),
            Expectation::Rollout { workload, .. } => format!("whole {workload}"),
            Expectation::Object { object, .. } => format!("fields {object}"),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_pod_goes_by_its_uid_and_its_workload_is_whole_again() {
    for (action, force) in [(delete(false), None), (delete(true), Some(0)), (evict(), None)] {
        let planned = plan(&action, &of(pod("p", Some(("ReplicaSet", "rs"))))).unwrap();
        let (Change::Delete { grace_seconds, preconditions } | Change::Evict { grace_seconds, preconditions }) =
            &planned.steps[0].mutation.change
        else {
            panic!("{planned:?}")
        };
        assert_eq!((*grace_seconds, preconditions.uid.as_deref()), (force, Some("uid-p")));
        assert_eq!(planned.blast.moves, "1 pod ends; deployment/payment makes a new one");
        assert_eq!((planned.blast.share_percent(), planned.blast.at_once), (Some(34), true));
        assert_eq!(expected(&planned), ["gone pod/p uid-p", "whole deployment/payment"]);
        assert_eq!(planned.confirm, if force.is_some() { ConfirmLevel::Name } else { ConfirmLevel::None });
        assert!(planned.undo.actions.is_empty());
        assert_eq!(texts(&planned).contains("may run on"), force.is_some());
    }
}

#[test]
fn what_was_broken_before_is_not_expected_to_heal() {
    let mut facts = of(pod("p", Some(("ReplicaSet", "rs"))));
    let deployment = &mut facts.owners.as_mut().unwrap()[1];
    deployment["status"]["readyReplicas"] = json!(1);
    assert_eq!(expected(&plan(&delete(false), &facts).unwrap()), ["gone pod/p uid-p"], "another pod is missing too");
    // The broken pod is the one that goes.
    facts.object["status"]["conditions"][0]["status"] = json!("False");
    facts.owners.as_mut().unwrap()[1]["status"]["readyReplicas"] = json!(2);
    assert_eq!(expected(&plan(&delete(false), &facts).unwrap()).len(), 2);
    facts.owners.as_mut().unwrap()[1]["spec"]["paused"] = json!(true);
    assert_eq!(expected(&plan(&delete(false), &facts).unwrap()).len(), 1, "a paused rollout is never complete");
}

#[test]
fn what_nothing_brings_back_has_to_be_typed() {
    let planned = plan(&delete(false), &of(pod("p", None))).unwrap();
    assert_eq!(planned.confirm, ConfirmLevel::Name);
    assert!(planned.blast.moves.contains("NOTHING brings it back"), "{}", planned.blast.moves);
    assert!(planned.warnings.iter().any(|warning| warning.kind == WarningKind::Destructive));
    assert!(planned.undo.words.contains("cannot be undone"));
    // An ended pod has nothing to lose; a static one cannot be deleted; a stranger's pod is its owner's affair.
    let mut ended = pod("p", None);
    ended["status"]["phase"] = json!("Succeeded");
    assert_eq!(plan(&delete(false), &of(ended)).unwrap().confirm, ConfirmLevel::None);
    let mut fixed = pod("p", Some(("Node", "n1")));
    fixed["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("x");
    assert!(plan(&delete(false), &of(fixed)).unwrap_err().to_string().contains("static pod"));
    let strange = plan(&delete(false), &of(pod("p", Some(("Rocket", "x"))))).unwrap();
    assert!(strange.blast.moves.contains("rocket/x makes a new one"), "{}", strange.blast.moves);
}

#[test]
fn budgets_hold_evictions_and_are_named() {
    let mut facts = of(pod("p", Some(("ReplicaSet", "rs"))));
    facts.budgets = Some(vec![budget("tight", 0)]);
    assert!(texts(&plan(&evict(), &facts).unwrap()).contains("tight allows no disruption now: it waits"));
    assert!(texts(&plan(&delete(false), &facts).unwrap()).contains("deleting does not ask it"));
    // A pod that is not ready is no loss while the others are enough.
    facts.object["status"]["conditions"][0]["status"] = json!("False");
    assert_eq!(texts(&plan(&evict(), &facts).unwrap()), "");
    // A budget of another namespace has nothing to do with it, a second one makes every eviction an error.
    let mut elsewhere = budget("elsewhere", 0);
    elsewhere["metadata"]["namespace"] = json!("other");
    facts.budgets = Some(vec![budget("a", 1), elsewhere]);
    assert!(plan(&evict(), &facts).is_ok());
    facts.budgets = Some(vec![budget("a", 1), budget("b", 1)]);
    let refusal = plan(&evict(), &facts).unwrap_err();
    assert!(refusal.to_string().contains("2 PodDisruptionBudgets (a, b)"), "{refusal}");
    assert_eq!(refusal.offer(), Some(delete(false)));
    facts.object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(plan(&evict(), &facts).is_err());
    assert_eq!(plan(&delete(false), &facts).unwrap_err().offer(), Some(delete(true)), "by force it still goes");
}

fn node() -> Value {
    json!({"metadata": {"name": "n1", "uid": "n", "resourceVersion": "900"}, "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn drain(force: bool) -> ActionKind {
    ActionKind::Drain(Drain { node: "n1".into(), force })
}

/// Two pods of `payment`, one of a DaemonSet, a static one.
fn on_node() -> Facts {
    let mut fixed = pod("fixed", Some(("Node", "n1")));
    fixed["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("x");
    let pods = vec![
        pod("a", Some(("ReplicaSet", "rs"))),
        pod("b", Some(("ReplicaSet", "rs"))),
        pod("daemon", Some(("DaemonSet", "ds"))),
        fixed,
    ];
    Facts { object: node(), pods: Some(pods), ..of(Value::Null) }
}

/// One of each kind here, with what is read for it.
pub fn examples() -> Vec<(ActionKind, Facts)> {
    let cordoned = Facts { object: with_unschedulable(node()), ..on_node() };
    let uncordon = ActionKind::Uncordon(Uncordon { node: "n1".into() });
    vec![
        (delete(false), of(pod("p", Some(("ReplicaSet", "rs"))))),
        (evict(), of(pod("p", Some(("ReplicaSet", "rs"))))),
        (ActionKind::Cordon(Cordon { node: "n1".into() }), on_node()),
        (uncordon, cordoned),
        (drain(true), on_node()),
    ]
}

fn with_unschedulable(mut node: Value) -> Value {
    node["spec"]["unschedulable"] = json!(true);
    node
}

#[test]
fn a_drain_cordons_and_evicts_what_can_go_one_by_one() {
    let mut facts = on_node();
    facts.pods.as_mut().unwrap()[1]["spec"]["volumes"] = json!([{"name": "tmp", "emptyDir": {}}]);
    facts.budgets = Some(vec![budget("tight", 1)]);
    let planned = plan(&drain(false), &facts).unwrap();
    let steps: Vec<&str> = planned.steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(steps, ["cordon node/n1", "evict pod/a in namespace shop", "evict pod/b in namespace shop"]);
    assert_eq!(
        expected(&planned),
        ["fields node/n1", "gone pod/a uid-a", "gone pod/b uid-b", "whole deployment/payment"]
    );
    assert_eq!((planned.blast.pods, planned.blast.of, planned.blast.workloads), (2, Some(3), 1));
    assert_eq!(planned.blast.namespaces.iter().map(|name| &**name).collect::<Vec<_>>(), ["shop"]);
    let texts = texts(&planned);
    for words in [
        "1 DaemonSet pod stays (daemon)",
        "1 static pod stays (fixed)",
        "what shop/b keep in emptyDir volumes is lost",
        "PodDisruptionBudget tight allows 1 of the 2 evictions now",
    ] {
        assert!(texts.contains(words), "{words}: {texts}");
    }
    assert!(planned.confirm >= ConfirmLevel::Yes);
}

#[test]
fn a_drain_refuses_what_would_be_lost_and_goes_on_by_force() {
    let mut facts = on_node();
    facts.pods.as_mut().unwrap().push(pod("bare", None));
    let refusal = plan(&drain(false), &facts).unwrap_err();
    assert!(refusal.to_string().contains("shop/bare"), "{refusal}");
    assert_eq!(refusal.offer(), Some(drain(true)));
    let planned = plan(&drain(true), &facts).unwrap();
    assert_eq!((planned.steps.len(), planned.confirm), (4, ConfirmLevel::Name));
    assert!(texts(&planned).contains("NOTHING brings back shop/bare"));
    // An ended one is no loss.
    facts.pods.as_mut().unwrap()[4]["status"]["phase"] = json!("Failed");
    assert!(plan(&drain(false), &facts).is_ok());
    facts.pods = None;
    assert!(plan(&drain(false), &facts).is_err(), "pods that may not be listed are not none");
    let nothing = Facts {
        pods: Some(vec![]),
        object: json!({"metadata": {"uid": "n"}, "spec": {"unschedulable": true}}),
        ..facts
    };
    assert!(plan(&drain(false), &nothing).unwrap_err().to_string().contains("nothing to do"));
}

#[test]
fn undo_of_a_drain_and_of_a_cordon_restores_the_node() {
    let cordon = ActionKind::Cordon(Cordon { node: "n1".into() });
    for action in [cordon.clone(), drain(false)] {
        let facts = on_node();
        let mut there = plan(&action, &facts).unwrap();
        there.steps.retain(|step| step.target().kind == ObjectKind::Node);
        let after = apply(&there, &facts.object).unwrap();
        assert!(there.steps[0].leaves[0].holds(&after) && !there.steps[0].leaves[0].holds(&facts.object));
        let back: ActionKind = serde_json::from_value(serde_json::to_value(&there.undo.actions[0]).unwrap()).unwrap();
        assert_eq!(back, ActionKind::Uncordon(Uncordon { node: "n1".into() }));
        let cordoned = Facts { object: after.clone(), ..facts.clone() };
        let undo = plan(&back, &cordoned).unwrap();
        assert_eq!(apply(&undo, &after).unwrap(), facts.object);
        assert!(apply(&undo, &facts.object).is_err(), "somebody else has uncordoned it");
        assert_eq!(undo.undo.actions, std::slice::from_ref(&cordon));
        // A drain of what is cordoned already leaves it so.
        let again = plan(&drain(false), &cordoned).unwrap();
        assert!(again.steps.iter().all(|step| step.target().kind == ObjectKind::Pod));
        assert!(again.undo.actions.is_empty());
    }
    assert!(plan(&ActionKind::Uncordon(Uncordon { node: "n1".into() }), &on_node()).is_err());
}
