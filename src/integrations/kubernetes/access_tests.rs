//! Reads for plans and mutations, against the in-memory server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::access::ClusterAccess;
use super::mock::{list, ok, refuse, server};
use crate::domain::mutation::{Change, Mutation, Preconditions, Subresource};
use crate::domain::object::{ObjectKind, ObjectRef};
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

/// Sends a change in earnest and tells what the server saw.
async fn sent(mutation: &Mutation, dry: bool) -> super::mock::Asked {
    let (transport, log) = server(|_, _| ok(&json!({"metadata": {}})));
    ClusterAccess::new(transport, "u".into()).send(mutation, dry).await.unwrap();
    log.all().remove(0)
}

#[tokio::test]
async fn every_change_goes_where_the_api_wants_it() {
    let pod = || ObjectRef::new(ObjectKind::Pod, "shop", "payment-1");
    let node = || ObjectRef::global(ObjectKind::Node, "node-1");
    let preconditions = || Preconditions { uid: Some("p1".into()), resource_version: None };
    let deployment = || ObjectRef::from(&target());
    let rollout = ObjectRef::new(ObjectKind::Rollout, "shop", "web");
    let cases = [
        (
            Mutation::of(deployment(), Subresource::Scale, Change::JsonPatch(json!([]))),
            "PATCH /apis/apps/v1/namespaces/shop/deployments/payment/scale application/json-patch+json",
        ),
        (
            Mutation::new(node(), Change::StrategicPatch(json!({}))),
            "PATCH /api/v1/nodes/node-1 application/strategic-merge-patch+json",
        ),
        (
            Mutation::of(rollout, Subresource::Status, Change::MergePatch(json!({}))),
            "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status application/merge-patch+json",
        ),
        (
            Mutation::new(pod(), Change::Delete { grace_seconds: Some(0), preconditions: preconditions() }),
            "DELETE /api/v1/namespaces/shop/pods/payment-1 application/json",
        ),
        (
            Mutation::new(pod(), Change::Evict { grace_seconds: None, preconditions: preconditions() }),
            "POST /api/v1/namespaces/shop/pods/payment-1/eviction application/json",
        ),
        (
            Mutation::new(ObjectRef::new(ObjectKind::Job, "shop", "x"), Change::Create(json!({"kind": "Job"}))),
            "POST /apis/batch/v1/namespaces/shop/jobs application/json",
        ),
    ];
    for (mutation, expected) in cases {
        let asked = sent(&mutation, false).await;
        assert_eq!(format!("{} {} {}", asked.method, asked.path, asked.content_type), expected);
        assert_eq!(asked.parameter("dryRun"), "", "{expected}");
        let rehearsed = sent(&mutation, true).await;
        assert_eq!(rehearsed.parameter("dryRun"), "All", "{expected}");
        let body: Value = serde_json::from_str(&rehearsed.body).unwrap();
        let options = if rehearsed.method == "DELETE" { &body } else { &body["deleteOptions"] };
        if mutation.change.removes() {
            assert_eq!((&options["dryRun"], &options["preconditions"]), (&json!(["All"]), &json!({"uid": "p1"})));
        }
    }
}

#[tokio::test]
async fn the_status_of_an_old_rollout_goes_to_the_object_itself() {
    let rollout = ObjectRef::new(ObjectKind::Rollout, "shop", "web");
    let abort = |target| Mutation::of(target, Subresource::Status, Change::JsonPatch(json!([])));
    let (transport, log) = server(|_, asked| {
        if asked.path.ends_with("/status") {
            refuse(404, "NotFound", "no status")
        } else {
            ok(&json!({"metadata": {}}))
        }
    });
    let access = ClusterAccess::new(transport, "u".into());
    access.send(&abort(rollout), true).await.unwrap();
    let sent: Vec<String> = log.all().into_iter().map(|asked| asked.path + &asked.method).collect();
    assert_eq!(sent.len(), 2);
    assert!(sent[1].contains("/rollouts/web") && !sent[1].contains("status"), "{sent:?}");
    // Nothing else is sent anywhere else than where it was meant to go.
    let node = ObjectRef::global(ObjectKind::Node, "n");
    assert!(matches!(access.send(&abort(node), false).await, Err(ClusterError::NotFound(_))));
    assert_eq!(log.all().len(), 3);
}

#[tokio::test]
async fn a_budget_blocks_an_eviction_and_a_silence_is_nothing_of_the_cluster() {
    let pod = ObjectRef::new(ObjectKind::Pod, "shop", "payment-1");
    let evict = Mutation::new(pod, Change::Evict { grace_seconds: None, preconditions: Preconditions::default() });
    let (transport, _) = server(|_, _| {
        refuse(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.")
    });
    let access = ClusterAccess::new(transport, "u".into());
    assert!(matches!(access.send(&evict, false).await, Err(ClusterError::Blocked(why)) if why.contains("budget")));
    // Any other request that the server is too busy for was not done, and is not waited with.
    assert!(matches!(access.send(&mutation(), false).await, Err(ClusterError::Fault(_))));
    let silence = Mutation::new(ObjectRef::global(ObjectKind::Silence, "id"), Change::ExpireSilence);
    assert!(matches!(access.send(&silence, false).await, Err(ClusterError::Rejected(_))));
}

#[tokio::test]
async fn parts_are_read_by_what_the_object_is_and_hidden_ones_are_none() {
    let (transport, log) = server(|_, asked| match asked.path.as_str() {
        "/api/v1/namespaces/shop/pods/p-1" => {
            ok(&json!({"metadata": {"name": "p-1", "namespace": "shop", "uid": "p1", "ownerReferences": [
            {"kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "p", "uid": "r1", "controller": true}]}}))
        }
        "/api/v1/namespaces/shop/pods" => ok(&list(
            "1",
            "",
            &[
                json!({"metadata": {"name": "p-1", "ownerReferences": [{"uid": "r1", "controller": true}]}}),
                json!({"metadata": {"name": "other"}}),
            ],
        )),
        "/apis/apps/v1/namespaces/shop/replicasets/p" => ok(&json!({"metadata": {"name": "p", "ownerReferences": [
            {"kind": "Rocket", "apiVersion": "space/v1", "name": "x", "uid": "x", "controller": true}]}})),
        path if path.ends_with("resourcequotas") => refuse(403, "Forbidden", "no"),
        path => panic!("{path}"),
    });
    let target = ObjectRef::new(ObjectKind::Pod, "shop", "p-1");
    let needs = Needs { target, parts: vec![Part::Pods, Part::Owners, Part::Quotas] };
    let facts = ClusterAccess::new(transport, "u".into()).facts(&needs).await.unwrap();
    assert_eq!(facts.pods.unwrap().len(), 1);
    assert_eq!(facts.owners.unwrap()[0]["metadata"]["name"], "p", "up to the first kind that is not known");
    assert_eq!((facts.quotas, facts.budgets), (None, None));
    assert_eq!(log.all().len(), 4);
}
