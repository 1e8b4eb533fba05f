//! The `scale` subresource: how many replicas a workload wants and has, whatever its kind.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::request::Request;
use super::super::selector::Labels;
use super::super::status::{ApiError, Cause, json_response};
use super::super::{ApiState, patch, write};
use crate::lab::store::StoreError;

/// Answers `GET`, `PUT` and `PATCH`.
pub fn answer(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let target = &request.target;
    let resource = target.resource;
    let store = write::store_for(state, request)?;
    let object = store
        .get(resource, target.ns(), target.object())
        .ok_or_else(|| ApiError::not_found(resource, target.object()))?;
    let current = scale_of(&object);
    let wanted = match request.method {
        Method::GET => return Ok(json_response(StatusCode::OK, &current)),
        Method::PUT => request.options()?,
        Method::PATCH => match patch::Kind::of(request)? {
            // A scale has no lists: both kinds of merging are the same.
            kind @ (patch::Kind::Json | patch::Kind::Merge | patch::Kind::Strategic) => {
                patch::run(kind, request, &current, &store)?
            }
            patch::Kind::Apply => patch::run(patch::Kind::Apply, request, &current, &store)?,
        },
        _ => return Err(ApiError::method_not_allowed()),
    };
    let replicas = match &wanted["spec"]["replicas"] {
        Value::Null => 0,
        number => number.as_i64().ok_or_else(|| ApiError::bad_request("spec.replicas: a number is expected"))?,
    };
    if replicas < 0 {
        let cause = Cause::invalid("spec.replicas", &replicas.to_string(), "must be greater than or equal to 0");
        return Err(ApiError::invalid(resource, target.object(), &[cause]));
    }
    let mut changed = (*object).clone();
    changed["spec"]["replicas"] = json!(replicas);
    // Without a version of the client's own, the last writer wins.
    let version = wanted["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if request.method == Method::PATCH && version == current["metadata"]["resourceVersion"] || version.is_empty() {
        changed["metadata"]["resourceVersion"] = json!("");
    } else {
        changed["metadata"]["resourceVersion"] = json!(version);
    }
    let updated = store
        .update(resource, changed)
        .map_err(|error: StoreError| ApiError::from_store(&error, resource, target.object()))?;
    Ok(json_response(StatusCode::OK, &scale_of(&updated)))
}

fn scale_of(object: &Value) -> Value {
    let meta = &object["metadata"];
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {
            "replicas": object["status"]["HPAReplicas"].as_i64().or(object["status"]["replicas"].as_i64()).unwrap_or(0),
            "selector": Labels::of_object(&object["spec"]["selector"]).to_string(),
        },
    })
}
