//! Reads for plans and mutations, against the in-memory server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::access::ClusterAccess;
use super::mock::{list, ok, refuse, server};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::rollout::RolloutPhase;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Cluster, ClusterError, Look, Needs, Part};

fn target() -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment")
}

fn mutation() -> Mutation {
    let patch = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "replace", "path": "/spec/template", "value": {}}]);
    Mutation::new((&target()).into(), Change::JsonPatch(patch))
}

/// What a PATCH that the server answers so is called.
async fn patched(code: u16, message: &'static str, dry: bool) -> ClusterError {
    let (transport, _) = server(move |_, _| refuse(code, "", message));
    ClusterAccess::new(transport, "u".into()).send(&mutation(), dry).await.unwrap_err()
}

#[tokio::test]
async fn answers_of_a_mutation_are_sorted_by_what_is_known_afterwards() {
    let words = "the server rejected our request due to an error in our request";
    assert!(matches!(patched(422, words, false).await, ClusterError::Conflict(_)));
    let test = "testing value /metadata/resourceVersion failed: test failed";
    assert!(matches!(patched(422, test, false).await, ClusterError::Conflict(_)));
    assert!(matches!(patched(409, "the object has been modified", false).await, ClusterError::Conflict(_)));
    let invalid = "Deployment.apps \"payment\" is invalid: spec.template.spec.containers: Required value";
    assert!(matches!(patched(422, invalid, false).await, ClusterError::Rejected(_)));
    let hook = "Internal error occurred: failed calling admission webhook \"x\"";
    assert!(matches!(patched(500, hook, false).await, ClusterError::Rejected(_)));
    assert!(matches!(patched(403, "cannot patch", false).await, ClusterError::Forbidden(_)));
    assert!(matches!(patched(404, "not found", false).await, ClusterError::NotFound(_)));
    for code in [500, 502, 504] {
        assert!(matches!(patched(code, "timeout", false).await, ClusterError::Unknown(_)), "{code}");
        assert!(matches!(patched(code, "timeout", true).await, ClusterError::Fault(_)), "a dry run changes nothing");
    }
    assert!(matches!(patched(503, "shutting down", false).await, ClusterError::Fault(_)));
}

#[tokio::test(start_paused = true)]
async fn a_mutation_is_sent_once_and_never_waited_for_forever() {
    let (transport, log) = server(|_, _| super::mock::endless(String::new()));
    let access = ClusterAccess::new(transport, "u".into());
    assert!(matches!(access.send(&mutation(), false).await, Err(ClusterError::Unknown(_))));
    let asked = log.all();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].content_type.as_str()), ("PATCH", "application/json-patch+json"));
    assert_eq!(asked[0].path, "/apis/apps/v1/namespaces/shop/deployments/payment");
    assert_eq!(asked[0].parameter("dryRun"), "");
    assert_eq!(serde_json::from_str::<Value>(&asked[0].body).unwrap().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_dry_run_says_so_and_brings_the_warnings() {
    let (transport, log) = server(|_, _| {
        let mut answer = ok(&json!({"metadata": {"name": "payment"}}));
        answer.headers_mut().insert("warning", "299 - \"careful\"".parse().unwrap());
        answer
    });
    let dry = ClusterAccess::new(transport, "u".into()).dry_run(&mutation()).await.unwrap();
    assert_eq!(dry.warnings, ["careful"]);
    assert_eq!(dry.object["metadata"]["name"], "payment");
    assert_eq!(log.all()[0].parameter("dryRun"), "All");
}

#[tokio::test]
async fn facts_hold_only_what_the_workload_owns() {
    let (transport, log) = server(|_, asked| {
        let owned = |name: &str, uid: &str| json!({"metadata": {"name": name, "ownerReferences": [{"uid": uid, "controller": true}]}});
        if asked.path.ends_with("/replicasets") {
            match asked.parameter("continue") {
                "" => ok(&list("1", "next", &[owned("payment-1", "u1"), owned("other-1", "u2")])),
                _ => ok(&list("1", "", &[owned("payment-2", "u1"), json!({"metadata": {"name": "orphan"}})])),
            }
        } else if asked.path.ends_with("/horizontalpodautoscalers") {
            refuse(403, "Forbidden", "no")
        } else {
            ok(&json!({"metadata": {"uid": "u1"}, "spec": {"selector": {"matchLabels": {"app": "payment"}}}}))
        }
    });
    let needs = Needs { target: (&target()).into(), parts: vec![Part::Revisions, Part::Autoscalers] };
    let facts = ClusterAccess::new(transport, "u".into()).facts(&needs).await.unwrap();
    let names: Vec<_> =
        facts.revisions.as_ref().unwrap().iter().map(|set| set["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["payment-1", "payment-2"]);
    assert_eq!(facts.autoscalers, None);
    assert_eq!(log.all()[1].parameter("labelSelector"), "app=payment");
}

#[tokio::test]
async fn permissions_identity_and_rollouts_are_asked_for() {
    let (transport, _) = server(|_, asked| match asked.path.rsplit('/').next().unwrap() {
        "selfsubjectaccessreviews" => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let attributes = &body["spec"]["resourceAttributes"];
            assert_eq!((&attributes["verb"], &attributes["resource"]), (&json!("patch"), &json!("deployments")));
            ok(&json!({"status": {"allowed": false, "reason": "RBAC: no"}}))
        }
        "selfsubjectreviews" => refuse(404, "NotFound", "the server could not find the requested resource"),
        _ => ok(&json!({"metadata": {"generation": 3}, "spec": {"replicas": 2}, "status": {"observedGeneration": 2}})),
    });
    let access = ClusterAccess::new(transport, "kubeconfig-user".into());
    let look = Look { object: (&target()).into(), pods: false, signals: None };
    let permission = access.permission(&mutation()).await.unwrap();
    assert!(!permission.allowed);
    assert_eq!(permission.what, "patch deployments.apps in namespace shop");
    assert_eq!(permission.reason.as_deref(), Some("RBAC: no"));
    assert_eq!(access.identity().await.unwrap(), "kubeconfig-user");
    assert_eq!(access.look(&look).await.rollout.unwrap().phase, RolloutPhase::Unobserved);
}
