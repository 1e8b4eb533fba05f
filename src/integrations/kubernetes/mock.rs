//! An API server for tests, in memory: kube's client talks to an axum router without sockets, so paused time works and
//! nothing depends on the machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Query;
use axum::response::Response;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::transport::Transport;
use crate::domain::time::Instant;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub content_type: String,
    pub body: String,
}

impl Asked {
    pub fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub fn is_watch(&self) -> bool {
        self.parameter("watch") == "true"
    }
}

/// What was asked so far.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Asked>>>);

impl Log {
    pub fn all(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.all().into_iter().map(|asked| asked.path).collect()
    }
}

/// A transport whose server answers with `script`; the number counts requests from 0.
pub fn server(script: impl Fn(usize, &Asked) -> Response + Clone + Send + Sync + 'static) -> (Transport, Log) {
    let log = Log::default();
    let kept = log.clone();
    let router = Router::new().fallback(move |request: axum::extract::Request| {
        let (script, log) = (script.clone(), log.clone());
        async move {
            let (parts, body) = request.into_parts();
            let Query(query) = Query::try_from_uri(&parts.uri).unwrap();
            let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok());
            let asked = Asked {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query,
                content_type: content_type.unwrap_or_default().to_owned(),
                body: String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap(),
            };
            let number = {
                let mut log = log.0.lock().unwrap();
                log.push(asked.clone());
                log.len() - 1
            };
            script(number, &asked)
        }
    });
    (Transport::new(kube::Client::new(router, "default"), "http://mock".into()), kept)
}

pub fn ok(body: &Value) -> Response {
    Response::new(Body::from(body.to_string()))
}

pub fn refuse(code: u16, reason: &str, message: &str) -> Response {
    let status = json!({"kind": "Status", "code": code, "reason": reason, "message": message});
    Response::builder().status(code).body(Body::from(status.to_string())).unwrap()
}

/// An answer that never ends by itself.
pub fn endless(text: String) -> Response {
    let first = stream::iter([Ok::<_, std::io::Error>(text)]);
    Response::new(Body::from_stream(first.chain(stream::pending())))
}

/// Text that ends after a while.
pub fn ends_after(text: String, seconds: u64) -> Response {
    let wait = stream::once(async move {
        tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
        Ok::<_, std::io::Error>(String::new())
    });
    Response::new(Body::from_stream(stream::iter([Ok(text)]).chain(wait)))
}

/// Lines of a watch.
pub fn events(events: &[(&str, Value)]) -> String {
    events
        .iter()
        .fold(String::new(), |text, (kind, object)| text + &json!({"type": kind, "object": object}).to_string() + "\n")
}

pub fn bookmark(version: &str) -> (&'static str, Value) {
    ("BOOKMARK", json!({"kind": "Pod", "metadata": {"resourceVersion": version}}))
}

pub fn list(version: &str, next: &str, items: &[Value]) -> Value {
    json!({"kind": "List", "metadata": {"resourceVersion": version, "continue": next}, "items": items})
}

/// A pod of deployment `payment` that runs since the clock's beginning.
pub fn pod(name: &str, version: &str, ready: bool) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version,
            "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"pod-template-hash": "7d9c"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "payment-7d9c", "controller": true}]},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            "containerStatuses": [
                {"name": "app", "ready": ready, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]},
    })
}

thread_local! {
    static START: RefCell<Option<tokio::time::Instant>> = const { RefCell::new(None) };
}

/// Paused time as an instant; it begins at 2026-01-01 00:00:00 when first asked in a test.
pub fn now() -> Instant {
    let start = START.with_borrow_mut(|start| *start.get_or_insert_with(tokio::time::Instant::now));
    "2026-01-01T00:00:00Z".parse::<Instant>().unwrap() + start.elapsed()
}
