//! The lab's API server from outside: requests over a socket, answers as a real server gives them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use futures::stream::{BoxStream, StreamExt};
use opsdeck::domain::incident::entry::{Deed, Entry, Stamp};
use opsdeck::incident::clearance::{MayShare, SharedWriter as _};
use opsdeck::integrations::kubernetes::connect::{ConnectOptions, connect};
use opsdeck::integrations::kubernetes::incidents::ClusterJournal;
use opsdeck::lab::kubernetes::resources::{
    DEPLOYMENTS, NAMESPACES, NODES, PODDISRUPTIONBUDGETS, PODS, REPLICASETS, RESOURCEQUOTAS, ROLLOUTS, SERVICES,
};
use opsdeck::lab::kubernetes::{self, ApiState, Identity, LogLine, LogQuery, PodLogs, Usage, Used};
use opsdeck::lab::store::Store;
use opsdeck::ports::feed::FaultKind;
use opsdeck::ports::incident::{SharedJournal as _, SharedUpdate};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Ten lines, one each second up to now; two more when followed, the first of them already among the ten.
struct Logs(DateTime<Utc>);

impl PodLogs for Logs {
    fn lines(&self, _: &Value, container: &str, query: &LogQuery) -> Result<Vec<LogLine>, String> {
        let all = (0..10).map(|n| LogLine { at: self.0 - Duration::seconds(9 - n), text: format!("{container} {n}") });
        let lines: Vec<LogLine> = all.filter(|line| query.since.is_none_or(|since| line.at >= since)).collect();
        let skip = query.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        Ok(lines.into_iter().skip(skip).collect())
    }

    fn follow(&self, _: &Value, container: &str) -> BoxStream<'static, LogLine> {
        let at = self.0;
        let lines = [(0, "twice"), (1, "fresh")];
        let lines =
            lines.map(|(late, text)| LogLine { at: at + Duration::seconds(late), text: format!("{container} {text}") });
        futures::stream::iter(lines).boxed()
    }
}

struct Load;

impl Usage for Load {
    fn pod(&self, _: &Value) -> Vec<(String, Used)> {
        vec![("app".into(), Used { cpu_millicores: 250, memory_bytes: 64 << 20 })]
    }

    fn node(&self, _: &Value) -> Option<Used> {
        Some(Used { cpu_millicores: 1500, memory_bytes: 4 << 30 })
    }
}

struct Cluster {
    store: Store,
    url: String,
    client: reqwest::Client,
    server: JoinHandle<std::io::Result<()>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Cluster {
    async fn start(identity: Identity) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = DateTime::parse_from_rfc3339("2026-01-02T03:10:00Z").unwrap().to_utc();
        let store = Store::new(7, move || now);
        seed(&store);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = ApiState {
            store: store.clone(),
            logs: Arc::new(Logs(now)),
            usage: Arc::new(Load),
            identity,
            others: vec![
                ("look".to_owned(), Identity::viewer("viewer")),
                ("edit".to_owned(), Identity::editor("editor", "shop")),
            ],
            backends: Vec::new(),
        };
        let server = tokio::spawn(kubernetes::serve(listener, state));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { store, url, client, server }
    }

    async fn admin() -> Self {
        Self::start(Identity::admin("oncall")).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    async fn table(&self, path: &str) -> Value {
        answer(
            self.request(Method::GET, path)
                .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
        )
        .await
        .1
    }

    async fn patch(&self, path: &str, kind: &str, body: &Value) -> (u16, Value) {
        let kind = format!("application/{kind}+json");
        answer(self.request(Method::PATCH, path).header("content-type", kind).body(body.to_string())).await
    }

    /// The first `count` events of a watch, each as its type and its object.
    async fn watch(&self, path: &str, count: usize) -> Vec<(String, Value)> {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = response.bytes_stream();
        let (mut text, mut events) = (String::new(), Vec::new());
        while events.len() < count {
            let Some(chunk) = stream.next().await else { break };
            text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            while let Some((line, rest)) = text.split_once('\n') {
                let mut event: Value = serde_json::from_str(line).unwrap();
                events.push((event["type"].as_str().unwrap().to_owned(), event["object"].take()));
                text = rest.to_owned();
            }
        }
        events
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "payment"}}, "spec": {"containers": [
        {"name": "app", "image": image, "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}})
}

fn seed(store: &Store) {
    for name in ["shop", "platform"] {
        store.create(&NAMESPACES, json!({"metadata": {"name": name}})).unwrap();
    }
    store
        .create(
            &NODES,
            json!({"metadata": {"name": "node-1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
        )
        .unwrap();
    store
        .create(
            &SERVICES,
            json!({"metadata": {"name": "prometheus", "namespace": "platform"}, "spec": {"ports": [{"port": 9090}]}}),
        )
        .unwrap();
    let selector = json!({"matchLabels": {"app": "payment"}});
    let made = json!({"metadata": {"name": "payment", "namespace": "shop", "labels": {"app": "payment"}, "creationTimestamp": "2026-01-02T03:00:00Z"},
        "spec": {"replicas": 3, "selector": selector, "template": template("payment:2.4.0")}, "status": {"readyReplicas": 2}});
    store.create(&DEPLOYMENTS, made).unwrap();
    let old = json!({"metadata": {"name": "payment-old", "namespace": "shop"}, "spec": {"replicas": 0, "selector": selector, "template": template("payment:2.3.7")}});
    store.create(&REPLICASETS, old).unwrap();
    for n in 0..5 {
        let state = if n == 0 { json!({"waiting": {"reason": "CrashLoopBackOff"}}) } else { json!({"running": {}}) };
        let pod = json!({"metadata": {"name": format!("payment-{n}"), "namespace": "shop", "labels": {"app": "payment", "n": n.to_string()}},
            "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "payment:2.4.0"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "ready": n != 0, "restartCount": 0, "state": state}]}});
        store.create(&PODS, pod).unwrap();
    }
    let waiting = json!({"metadata": {"name": "two", "namespace": "platform"}, "spec": {"nodeName": "node-1", "containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "i:1"}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}]}});
    store.create(&PODS, waiting).unwrap();
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/payment";
const SHOP_PODS: &str = "/api/v1/namespaces/shop/pods";

#[tokio::test]
async fn pages_are_one_consistent_picture_even_when_the_world_moves_between_them() {
    let cluster = Cluster::admin().await;
    let (_, first) = cluster.get(&format!("{SHOP_PODS}?limit=2")).await;
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["payment-0", "payment-1"], &json!(3)));
    assert!(first["items"][0].get("kind").is_none(), "items of a list do not repeat their kind");
    cluster.store.delete(&PODS, "shop", "payment-3").unwrap();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = cluster.get(&format!("{SHOP_PODS}?limit=9&continue={token}")).await;
    assert_eq!(names(&rest), ["payment-2", "payment-3", "payment-4"]);
    assert_eq!(rest["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let (_, cached) = cluster.get(&format!("{SHOP_PODS}?limit=2&resourceVersion=0")).await;
    assert_eq!(names(&cached).len(), 4, "any version will do: the cache does not page");
    let (code, refused) =
        cluster.get(&format!("{SHOP_PODS}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan")).await;
    assert_eq!((code, &refused["details"]["causes"][0]["reason"]), (504, &json!("ResourceVersionTooLarge")));
    let (code, refused) = cluster.get(&format!("{SHOP_PODS}?limit=2&continue=1/shop/payment-1")).await;
    assert_eq!((code, &refused["reason"]), (410, &json!("Expired")));
}

#[tokio::test]
async fn selectors_choose_by_labels_and_by_fields() {
    let cluster = Cluster::admin().await;
    let (_, list) = cluster
        .get("/api/v1/pods?labelSelector=app%3Dpayment,n+notin+(0,1)&fieldSelector=spec.nodeName%3Dnode-1")
        .await;
    assert_eq!(names(&list), ["payment-2", "payment-3", "payment-4"]);
    let (code, refused) = cluster.get(&format!("{SHOP_PODS}?fieldSelector=spec.colour%3Dred")).await;
    assert_eq!((code, &refused["message"]), (400, &json!("field label not supported: spec.colour")));
}

#[tokio::test]
async fn a_streaming_list_ends_with_its_bookmark_and_goes_on_as_a_watch() {
    let cluster = Cluster::admin().await;
    let version = cluster.store.version();
    let streamed = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let events = cluster.watch(&format!("{SHOP_PODS}?{streamed}&labelSelector=app%3Dpayment"), 6).await;
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["ADDED", "ADDED", "ADDED", "ADDED", "ADDED", "BOOKMARK"]);
    let bookmark = &events[5].1;
    assert_eq!(
        (&bookmark["kind"], &bookmark["metadata"]["annotations"]),
        (&json!("Pod"), &json!({"k8s.io/initial-events-end": "true"}))
    );
    assert_eq!(bookmark["metadata"]["resourceVersion"], version.to_string());
    cluster.store.modify(&PODS, "shop", "payment-1", |pod| pod["metadata"]["labels"]["app"] = json!("other")).unwrap();
    // From the bookmark on: the pod that no longer matches leaves the selection.
    let events =
        cluster.watch(&format!("{SHOP_PODS}?watch=1&resourceVersion={version}&labelSelector=app%3Dpayment"), 1).await;
    assert_eq!((events[0].0.as_str(), &events[0].1["metadata"]["name"]), ("DELETED", &json!("payment-1")));
    let (code, refused) = cluster.get(&format!("{SHOP_PODS}?watch=true&sendInitialEvents=true")).await;
    assert_eq!((code, &refused["details"]["causes"][0]["field"]), (422, &json!("resourceVersionMatch")));
}

#[tokio::test]
async fn a_watch_from_a_forgotten_version_is_told_so_in_the_stream() {
    let cluster = Cluster::admin().await;
    let events = cluster.watch(&format!("{SHOP_PODS}?watch=true&resourceVersion=5"), 1).await;
    assert_eq!(
        (events[0].0.as_str(), &events[0].1["code"], &events[0].1["reason"]),
        ("ERROR", &json!(410), &json!("Expired"))
    );
}

#[tokio::test]
async fn a_watch_ends_at_its_timeout_and_when_the_server_goes() {
    let cluster = Cluster::admin().await;
    let path = format!("{}{SHOP_PODS}?watch=true&resourceVersion={}", cluster.url, cluster.store.version());
    let open = cluster.client.get(&path).send().await.unwrap();
    cluster.server.abort();
    assert!(open.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn tables_have_the_columns_of_kubectl() {
    let cluster = Cluster::admin().await;
    let table = cluster.table(SHOP_PODS).await;
    let shown = |wide: u64| -> Vec<&str> {
        table["columnDefinitions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["priority"] == wide)
            .map(|c| c["name"].as_str().unwrap())
            .collect()
    };
    assert_eq!(shown(0), ["Name", "Ready", "Status", "Restarts", "Age"]);
    assert_eq!(shown(1), ["IP", "Node", "Nominated Node", "Readiness Gates"]);
    assert_eq!(
        table["rows"][0]["cells"],
        json!(["payment-0", "0/1", "CrashLoopBackOff", "0", "0s", "<none>", "node-1", "<none>", "<none>"])
    );
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let table = cluster.table("/apis/apps/v1/namespaces/shop/deployments").await;
    assert_eq!(
        table["rows"][0]["cells"],
        json!(["payment", "2/3", 0, 0, "10m", "app", "payment:2.4.0", "app=payment"])
    );
}

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
async fn logs_of_the_past_and_of_the_future_meet_without_gap_or_overlap() {
    let cluster = Cluster::admin().await;
    let text = |path: String| {
        let request = cluster.request(Method::GET, &path);
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    assert_eq!(text(format!("{SHOP_PODS}/payment-1/log?tailLines=2&follow=true")).await, "app 8\napp 9\napp fresh\n");
    assert_eq!(
        text(format!("{SHOP_PODS}/payment-1/log?sinceSeconds=1&timestamps=true")).await.lines().next(),
        Some("2026-01-02T03:09:59.000000000Z app 8")
    );
    assert_eq!(text(format!("{SHOP_PODS}/payment-1/log?limitBytes=7")).await, "app 0\na");
    for (path, message) in [
        (
            "/api/v1/namespaces/platform/pods/two/log",
            "a container name must be specified for pod two, choose one of: [a b]",
        ),
        (
            "/api/v1/namespaces/platform/pods/two/log?container=a",
            "container \"a\" in pod \"two\" is waiting to start: ContainerCreating",
        ),
        ("/api/v1/namespaces/platform/pods/two/log?container=z", "container z is not valid for pod two"),
        (
            "/api/v1/namespaces/shop/pods/payment-1/log?previous=true",
            "previous terminated container \"app\" in pod \"payment-1\" not found",
        ),
    ] {
        let (code, refused) = cluster.get(path).await;
        assert_eq!((code, refused["message"].as_str().unwrap()), (400, message));
    }
}

#[tokio::test]
async fn who_may_not_is_told_why_and_may_ask_first() {
    let cluster = Cluster::start(Identity::viewer("guest")).await;
    assert_eq!(cluster.get(SHOP_PODS).await.0, 200);
    let (code, refused) = cluster.patch(DEPLOYMENT, "merge-patch", &json!({})).await;
    let expected = "deployments.apps \"payment\" is forbidden: User \"guest\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\"";
    assert_eq!((code, refused["message"].as_str().unwrap()), (403, expected));
    let ask = |verb: &str| {
        let spec = json!({"resourceAttributes": {"namespace": "shop", "verb": verb, "group": "apps", "resource": "deployments"}});
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec});
        answer(cluster.request(Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").json(&review))
    };
    assert_eq!(ask("patch").await.1["status"]["allowed"], false);
    assert_eq!(ask("list").await.1["status"]["allowed"], true);
}

#[tokio::test]
async fn a_token_decides_who_asks() {
    let cluster = Cluster::admin().await;
    let ask = |token: &str, method: Method, path: &str| answer(cluster.request(method, path).bearer_auth(token));
    let (code, refused) = ask("look", Method::DELETE, &format!("{SHOP_PODS}/payment-1")).await;
    let expected = "pods \"payment-1\" is forbidden: User \"viewer\" cannot delete resource \"pods\" in API group \"\" in the namespace \"shop\"";
    assert_eq!((code, refused["message"].as_str().unwrap()), (403, expected));
    assert_eq!(ask("look", Method::GET, "/api/v1/pods").await.0, 200);
    let (code, refused) = ask("edit", Method::GET, "/api/v1/pods").await;
    let expected =
        "pods is forbidden: User \"editor\" cannot list resource \"pods\" in API group \"\" at the cluster scope";
    assert_eq!((code, refused["message"].as_str().unwrap()), (403, expected));
    assert_eq!(ask("edit", Method::GET, "/api/v1/namespaces/shop").await.0, 200);
    assert_eq!(ask("edit", Method::GET, "/api/v1/namespaces/platform").await.0, 403);
    assert_eq!(ask("edit", Method::DELETE, &format!("{SHOP_PODS}/payment-1")).await.0, 200);
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

#[tokio::test]
async fn what_is_not_there_is_answered_as_a_real_server_does() {
    let cluster = Cluster::admin().await;
    let response = cluster.request(Method::GET, "/apis/flagger.app/v1beta1/canaries").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (404, "404 page not found\n"));
    let (code, status) = cluster.get("/apis/apps/v1/namespaces/shop/deployments/nope").await;
    assert_eq!((code, &status["details"]), (404, &json!({"name": "nope", "group": "apps", "kind": "deployments"})));
    let (code, status) =
        cluster.get("/api/v1/namespaces/platform/services/prometheus:9090/proxy/api/v1/query?query=up").await;
    assert_eq!((code, &status["reason"]), (503, &json!("ServiceUnavailable")));
    let (_, usage) = cluster.get("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/payment-1").await;
    assert_eq!(usage["containers"], json!([{"name": "app", "usage": {"cpu": "250000000n", "memory": "65536Ki"}}]));
}

#[tokio::test]
async fn kube_clients_discover_list_and_watch() {
    use k8s_openapi::api::core::v1::Pod;
    use kube::runtime::watcher;

    let cluster = Cluster::admin().await;
    let client = kube::Client::try_from(kube::Config::new(cluster.url.parse().unwrap())).unwrap();
    let discovery = kube::Discovery::new(client.clone()).run_aggregated().await.unwrap();
    assert!(discovery.has_group("apps") && discovery.has_group("metrics.k8s.io"));
    for config in [watcher::Config::default().streaming_lists(), watcher::Config::default().page_size(2)] {
        let pods: kube::Api<Pod> = kube::Api::namespaced(client.clone(), "shop");
        let mut events = watcher(pods, config.labels("app=payment")).boxed();
        let mut initial = 0;
        loop {
            match events.next().await.unwrap().unwrap() {
                watcher::Event::InitApply(_) => initial += 1,
                watcher::Event::InitDone => break,
                _ => {}
            }
        }
        assert_eq!(initial, 5);
        let marked = cluster.store.version().to_string();
        cluster
            .store
            .modify(&PODS, "shop", "payment-2", |pod| pod["metadata"]["labels"]["marked"] = json!(marked))
            .unwrap();
        let watcher::Event::Apply(pod) = events.next().await.unwrap().unwrap() else { panic!("a change is an Apply") };
        assert_eq!(pod.metadata.name.as_deref(), Some("payment-2"));
    }
}

/// The shared journal as a person sees it whose requests go by `prefix`.
async fn journal(cluster: &Cluster, home: &std::path::Path, prefix: &str) -> Arc<ClusterJournal> {
    let path = home.join(format!("kubeconfig{}", prefix.replace('/', "-")));
    let text = format!(
        "current-context: lab\nclusters: [{{name: c, cluster: {{server: '{}{prefix}'}}}}]\n\
         contexts: [{{name: lab, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n",
        cluster.url
    );
    std::fs::write(&path, text).unwrap();
    let now = Arc::new(|| DateTime::UNIX_EPOCH);
    let options = ConnectOptions { kubeconfig: Some(path), context: None, namespace: None, now };
    connect(options).await.unwrap().incidents("shop")
}

#[tokio::test]
async fn responders_share_an_incident() {
    let cluster = Cluster::admin().await;
    let home = tempfile::tempdir().unwrap();
    let writer = journal(&cluster, home.path(), "").await;
    let other = journal(&cluster, home.path(), "/as/edit").await;
    let viewer = journal(&cluster, home.path(), "/as/look").await;
    let (id, pass) = ("20261121-1432-payment".parse().unwrap(), MayShare::unless(false).unwrap());
    let start = DateTime::parse_from_rfc3339("2026-11-21T14:32:00Z").unwrap().to_utc();
    let note = |number: i64, writer: &str, text: &str| {
        let at = start + Duration::milliseconds(number);
        let stamp = Stamp::next(at, &writer.into(), None);
        Entry { stamp, at, by: "oncall".into(), deed: Deed::Note { text: text.to_owned() } }
    };
    writer.append(pass, &id, &[note(1, "w1", "a")]).await.unwrap();
    let mut stream = viewer.watch();
    let mut seen = Vec::new();
    let mut updates = Vec::new();
    let long = note(3, "w2", &"long ".repeat(60_000));
    other.append(pass, &id, &[note(2, "w2", "b"), long.clone()]).await.unwrap();
    while seen.len() < 4 {
        match stream.next().await.unwrap().unwrap() {
            SharedUpdate::Entries(of, entries) => {
                assert_eq!(of, id);
                seen.extend(entries);
            }
            SharedUpdate::Live => writer.append(pass, &id, &[note(4, "w1", "c")]).await.unwrap(),
            SharedUpdate::Limited(fault) => updates.push(fault.message),
        }
    }
    seen.sort_by(|one, other| one.stamp.cmp(&other.stamp));
    assert_eq!(seen, [note(1, "w1", "a"), note(2, "w2", "b"), long, note(4, "w1", "c")]);
    assert!(updates.iter().all(|said| said.contains("may not write shared incidents")), "{updates:?}");
    let fault = viewer.append(pass, &id, &[note(5, "w3", "d")]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Forbidden);
    assert_eq!(viewer.read(&id).await.unwrap(), seen);
    // What a ConfigMap cannot hold is refused.
    let maps = "/api/v1/namespaces/shop/configmaps";
    let map = |key: &str, size: usize| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {key: "x".repeat(size)}});
    for (body, why) in [
        (map("a b", 1), "a valid config key must consist of"),
        (map("k", (1 << 20) + 1), "Too long: may not be more than 1048576 bytes"),
    ] {
        let (code, status) = answer(cluster.request(Method::POST, maps).body(body.to_string())).await;
        assert!(code == 422 && status["message"].as_str().unwrap().contains(why), "{status}");
    }
}
