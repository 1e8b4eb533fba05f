//! An API server of the lab with a small world, and somebody who asks it.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use futures::stream::{BoxStream, StreamExt};
use opsdeck::lab::kubernetes::resources::{DEPLOYMENTS, NAMESPACES, NODES, PODS, REPLICASETS, SERVICES};
use opsdeck::lab::kubernetes::{self, ApiState, Identity, LogLine, LogQuery, PodLogs, Usage, Used};
use opsdeck::lab::store::Store;
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

pub struct Cluster {
    pub store: Store,
    pub url: String,
    pub client: reqwest::Client,
    pub server: JoinHandle<std::io::Result<()>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Cluster {
    pub async fn start(identity: Identity) -> Self {
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

    pub async fn admin() -> Self {
        Self::start(Identity::admin("oncall")).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn table(&self, path: &str) -> Value {
        answer(
            self.request(Method::GET, path)
                .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
        )
        .await
        .1
    }

    pub async fn patch(&self, path: &str, kind: &str, body: &Value) -> (u16, Value) {
        let kind = format!("application/{kind}+json");
        answer(self.request(Method::PATCH, path).header("content-type", kind).body(body.to_string())).await
    }

    /// The first `count` events of a watch, each as its type and its object.
    pub async fn watch(&self, path: &str, count: usize) -> Vec<(String, Value)> {
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

pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

pub fn template(image: &str) -> Value {
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

pub fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

pub const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/payment";
pub const SHOP_PODS: &str = "/api/v1/namespaces/shop/pods";
