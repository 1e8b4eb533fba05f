//! Lists, watches, tables, logs, what is not there, and a client that does all of it.

use futures::stream::StreamExt;
use opsdeck::lab::kubernetes::resources::PODS;
use reqwest::Method;
use serde_json::json;

use crate::cluster::{Cluster, SHOP_PODS, names};

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
