//! `metrics.k8s.io`: what pods and nodes use now.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::read::Selection;
use super::super::request::Request;
use super::super::status::{ApiError, json_response};
use super::super::{ApiState, Used, convert};
use crate::lab::store::timestamp;

/// Answers `get` and `list` of either resource.
pub fn answer(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let target = &request.target;
    let resource = target.resource;
    let now = state.store.now();
    let measure =
        |object: &Value| if resource.kind == "NodeMetrics" { node(state, object) } else { pod(state, object) };
    if target.name.is_some() {
        let measured = state.store.get(resource, target.ns(), target.object()).and_then(|object| measure(&object));
        let measured = measured.ok_or_else(|| ApiError::not_found(resource, target.object()))?;
        return Ok(json_response(
            StatusCode::OK,
            &convert::single(resource, &measured, request.form()?, "Metadata", now, true),
        ));
    }
    let selection = Selection::of(request)?;
    let (objects, _) = state.store.list(resource, selection.namespace.as_deref());
    let measured: Vec<Value> =
        objects.iter().filter(|object| selection.holds(object)).filter_map(|object| measure(object)).collect();
    Ok(json_response(
        StatusCode::OK,
        &convert::collection(resource, measured.iter(), &json!({}), request.form()?, "Metadata", now),
    ))
}

fn node(state: &ApiState, node: &Value) -> Option<Value> {
    let used = state.usage.node(node)?;
    let mut metrics = frame(state, node, "NodeMetrics");
    metrics["usage"] = quantities(used);
    Some(metrics)
}

fn pod(state: &ApiState, pod: &Value) -> Option<Value> {
    let containers = state.usage.pod(pod);
    if containers.is_empty() {
        return None;
    }
    let mut metrics = frame(state, pod, "PodMetrics");
    metrics["metadata"]["namespace"] = pod["metadata"]["namespace"].clone();
    metrics["containers"] =
        containers.into_iter().map(|(name, used)| json!({"name": name, "usage": quantities(used)})).collect();
    Some(metrics)
}

fn frame(state: &ApiState, object: &Value, kind: &str) -> Value {
    let now = timestamp(state.store.now());
    let mut meta = json!({"name": object["metadata"]["name"], "creationTimestamp": now});
    if object["metadata"]["labels"].is_object() {
        meta["labels"] = object["metadata"]["labels"].clone();
    }
    json!({"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": meta, "timestamp": now, "window": "15s"})
}

/// As the metrics server writes them: billionths of a core, and kibibytes.
fn quantities(used: Used) -> Value {
    json!({"cpu": format!("{}n", used.cpu_millicores * 1_000_000), "memory": format!("{}Ki", used.memory_bytes / 1024)})
}
