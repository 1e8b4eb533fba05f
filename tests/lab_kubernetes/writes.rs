//! Changes: patches and their conflicts, scale, creation, deletion, eviction, quotas.

use opsdeck::lab::kubernetes::resources::{PODDISRUPTIONBUDGETS, PODS, RESOURCEQUOTAS, ROLLOUTS};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cluster::{Cluster, DEPLOYMENT, SHOP_PODS, answer, template};

#[tokio::test]
async fn a_rollback_is_one_json_patch_that_insists_on_what_it_saw() {
    let cluster = Cluster::admin().await;
    let (_, old) = cluster.get("/apis/apps/v1/namespaces/shop/replicasets/payment-old").await;
    let (_, before) = cluster.get(DEPLOYMENT).await;
    let undo = |version: &str| json!([{"op": "test", "path": "/metadata/resourceVersion", "value": version}, {"op": "replace", "path": "/spec/template", "value": old["spec"]["template"]}]);
    let (code, refused) = cluster.patch(DEPLOYMENT, "json-patch", &undo("1")).await;
    let expected = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Invalid", "details": {}, "code": 422,
        "message": "the server rejected our request due to an error in our request"});
    assert_eq!((code, refused), (422, expected));

    let good = undo(before["metadata"]["resourceVersion"].as_str().unwrap());
    let (code, rehearsed) = cluster.patch(&format!("{DEPLOYMENT}?dryRun=All"), "json-patch", &good).await;
    assert_eq!(
        (code, &rehearsed["spec"]["template"]["spec"]["containers"][0]["image"]),
        (200, &json!("payment:2.3.7"))
    );
    assert_eq!(cluster.get(DEPLOYMENT).await.1, before, "a rehearsal leaves no trace");

    let (code, after) = cluster.patch(DEPLOYMENT, "json-patch", &good).await;
    assert_eq!((code, &after["metadata"]["generation"]), (200, &json!(2)));
    assert_eq!(after["spec"]["template"], old["spec"]["template"], "the template is the old one, field by field");
    assert_eq!(after["status"], before["status"]);
}

#[tokio::test]
async fn a_stale_write_is_a_conflict_in_the_words_of_the_server() {
    let cluster = Cluster::admin().await;
    let (code, refused) = cluster
        .patch(DEPLOYMENT, "merge-patch", &json!({"metadata": {"resourceVersion": "12"}, "spec": {"replicas": 1}}))
        .await;
    let expected = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Conflict", "code": 409,
        "message": "Operation cannot be fulfilled on deployments.apps \"payment\": the object has been modified; please apply your changes to the latest version and try again",
        "details": {"name": "payment", "group": "apps", "kind": "deployments"}});
    assert_eq!((code, refused), (409, expected));
}

#[tokio::test]
async fn patches_merge_by_key_are_checked_and_need_a_known_kind() {
    let cluster = Cluster::admin().await;
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "A", "$patch": "delete"}, {"name": "C", "value": "3"}]}]}}}});
    let (code, after) = cluster.patch(DEPLOYMENT, "strategic-merge-patch", &patch).await;
    let container = &after["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((code, &container["image"]), (200, &json!("payment:2.4.0")));
    assert_eq!(container["env"], json!([{"name": "B", "value": "2"}, {"name": "C", "value": "3"}]));
    let (code, refused) = cluster.patch(DEPLOYMENT, "merge-patch", &json!({"spec": {"replicas": -1}})).await;
    assert_eq!(
        (code, &refused["message"]),
        (
            422,
            &json!(
                "Deployment.apps \"payment\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
            )
        )
    );
    assert_eq!(
        refused["details"]["causes"],
        json!([{"reason": "FieldValueInvalid", "message": "Invalid value: -1: must be greater than or equal to 0", "field": "spec.replicas"}])
    );
    assert_eq!(cluster.patch(DEPLOYMENT, "cabbage", &json!({})).await.0, 415);
}

#[tokio::test]
async fn scale_is_read_and_written_on_its_own() {
    let cluster = Cluster::admin().await;
    let scale = format!("{DEPLOYMENT}/scale");
    let (_, read) = cluster.get(&scale).await;
    assert_eq!(
        (&read["kind"], &read["spec"]["replicas"], &read["status"]["selector"]),
        (&json!("Scale"), &json!(3), &json!("app=payment"))
    );
    let (code, after) = cluster.patch(&scale, "merge-patch", &json!({"spec": {"replicas": 6}})).await;
    assert_eq!((code, &after["spec"]["replicas"]), (200, &json!(6)));
    assert_eq!(cluster.get(DEPLOYMENT).await.1["spec"]["replicas"], 6);
    let stale = json!({"metadata": {"name": "payment", "namespace": "shop", "resourceVersion": read["metadata"]["resourceVersion"]}, "spec": {"replicas": 9}});
    assert_eq!(answer(cluster.request(Method::PUT, &scale).json(&stale)).await.0, 409);
}

#[tokio::test]
async fn creating_deleting_and_evicting() {
    let cluster = Cluster::admin().await;
    let maps = "/api/v1/namespaces/shop/configmaps";
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"a": "b"}});
    let (code, made) = answer(cluster.request(Method::POST, maps).json(&map)).await;
    assert_eq!((code, &made["metadata"]["creationTimestamp"]), (201, &json!("2026-01-02T03:10:00Z")));
    let (code, refused) = answer(cluster.request(Method::POST, maps).json(&map)).await;
    assert_eq!(
        (code, &refused["reason"], &refused["message"]),
        (409, &json!("AlreadyExists"), &json!("configmaps \"flags\" already exists"))
    );
    let (code, gone) = answer(cluster.request(Method::DELETE, &format!("{maps}/flags"))).await;
    assert_eq!((code, &gone["status"], &gone["details"]["uid"]), (200, &json!("Success"), &made["metadata"]["uid"]));
    assert_eq!(
        answer(cluster.request(Method::POST, "/api/v1/namespaces/nowhere/configmaps").json(&map)).await.1["message"],
        "namespaces \"nowhere\" not found"
    );

    let (_, pod) = answer(cluster.request(Method::DELETE, &format!("{SHOP_PODS}/payment-0"))).await;
    assert_eq!((&pod["kind"], &pod["metadata"]["deletionTimestamp"]), (&json!("Pod"), &json!("2026-01-02T03:10:30Z")));
    let now = json!({"gracePeriodSeconds": 0});
    assert_eq!(answer(cluster.request(Method::DELETE, &format!("{SHOP_PODS}/payment-0")).json(&now)).await.0, 200);
    assert_eq!(cluster.get(&format!("{SHOP_PODS}/payment-0")).await.1["message"], "pods \"payment-0\" not found");
}

#[tokio::test]
async fn evictions_are_paid_from_the_budget_at_once_and_hold_to_their_preconditions() {
    let cluster = Cluster::admin().await;
    let budget = json!({"metadata": {"name": "payment", "namespace": "shop"}, "spec": {"minAvailable": 4, "selector": {"matchLabels": {"app": "payment"}}},
        "status": {"disruptionsAllowed": 1, "desiredHealthy": 4, "currentHealthy": 5, "observedGeneration": 1}});
    cluster.store.create(&PODDISRUPTIONBUDGETS, budget).unwrap();
    for n in 1..4 {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let name = format!("payment-{n}");
        cluster.store.modify(&PODS, "shop", &name, |pod| pod["status"]["conditions"] = ready).unwrap();
    }
    let evict = |pod: &str, options: Value| {
        let body =
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}, "deleteOptions": options});
        answer(cluster.request(Method::POST, &format!("{SHOP_PODS}/{pod}/eviction")).json(&body))
    };
    assert_eq!(evict("payment-1", json!({"preconditions": {"uid": "another"}})).await.0, 409);
    assert_eq!(evict("payment-1", json!({"dryRun": ["All"]})).await.0, 201);
    assert_eq!(evict("payment-1", json!({})).await.0, 201);
    let (code, refused) = evict("payment-2", json!({})).await;
    assert_eq!(
        (code, refused["message"].as_str().unwrap()),
        (429, "Cannot evict pod as it would violate the pod's disruption budget.")
    );
    // What does not serve costs nothing while enough others do; what is not known to be current is not trusted.
    assert_eq!(evict("payment-0", json!({})).await.0, 201);
    cluster
        .store
        .modify(&PODDISRUPTIONBUDGETS, "shop", "payment", |budget| {
            budget["spec"]["minAvailable"] = json!(1);
            budget["status"]["disruptionsAllowed"] = json!(3);
        })
        .unwrap();
    assert_eq!(
        evict("payment-2", json!({})).await.1["details"]["causes"][0]["message"],
        "The disruption budget payment is still being processed by the server."
    );
}

#[tokio::test]
async fn a_full_quota_forbids_another_pod() {
    let cluster = Cluster::admin().await;
    let quota = json!({"metadata": {"name": "few", "namespace": "shop"}, "spec": {"hard": {"pods": "5"}}});
    cluster.store.create(&RESOURCEQUOTAS, quota).unwrap();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one-more"}, "spec": {"containers": [{"name": "a", "image": "i:1"}]}});
    let (code, refused) = answer(cluster.request(Method::POST, SHOP_PODS).json(&pod)).await;
    assert_eq!(
        (code, refused["message"].as_str().unwrap()),
        (403, "pods \"one-more\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=5, limited: pods=5")
    );
}

#[tokio::test]
async fn rollouts_are_custom_resources_with_status_and_scale() {
    let cluster = Cluster::admin().await;
    let (_, listed) = cluster.get("/apis/argoproj.io/v1alpha1").await;
    let found: Vec<&str> =
        listed["resources"].as_array().unwrap().iter().map(|resource| resource["name"].as_str().unwrap()).collect();
    assert_eq!(found, ["rollouts", "rollouts/status", "rollouts/scale"]);
    let rollout = json!({"metadata": {"name": "auth", "namespace": "shop"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "auth"}}, "template": template("auth:1")}, "status": {"HPAReplicas": 3}});
    cluster.store.create(&ROLLOUTS, rollout).unwrap();
    let path = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/auth";
    let abort = json!({"status": {"abort": true}, "spec": {"replicas": 9}});
    let (code, aborted) = cluster.patch(&format!("{path}/status"), "merge-patch", &abort).await;
    assert_eq!((code, &aborted["status"]["abort"], &aborted["spec"]["replicas"]), (200, &json!(true), &json!(4)));
    assert_eq!(aborted["metadata"]["generation"], 1);
    assert_eq!(cluster.patch(path, "strategic-merge-patch", &json!({})).await.0, 415);
    let (_, scale) = cluster.get(&format!("{path}/scale")).await;
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["replicas"]), (&json!(4), &json!(3)));
    let (_, scaled) = cluster.patch(&format!("{path}/scale"), "merge-patch", &json!({"spec": {"replicas": 6}})).await;
    assert_eq!(scaled["spec"]["replicas"], 6);
}
