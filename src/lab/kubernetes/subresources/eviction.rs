//! Evictions: deletions of pods that disruption budgets may refuse.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::request::Request;
use super::super::resources::{PODDISRUPTIONBUDGETS, PODS};
use super::super::selector::Labels;
use super::super::status::{ApiError, json_response};
use super::super::{ApiState, deletion, write};
use crate::lab::store::{Store, timestamp};

/// `POST` to `pods/NAME/eviction`.
pub fn answer(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let target = &request.target;
    let body = request.options()?;
    let options = deletion::Options::read(&body["deleteOptions"], request)?;
    let store = write::store_for(state, request)?;
    let store = if options.dry_run { store.dry_run() } else { store };
    let pod =
        store.get(&PODS, target.ns(), target.object()).ok_or_else(|| ApiError::not_found(&PODS, target.object()))?;
    options.check(&PODS, &pod)?;
    let charged = budget(&store, &pod)?;
    deletion::delete(&store, &PODS, &pod, &options)?;
    if let Some(budget) = charged {
        charge(&store, &budget, &pod);
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(json_response(StatusCode::CREATED, &status))
}

/// The budget that pays for the eviction; `None` when it costs nothing.
fn budget(store: &Store, pod: &Value) -> Result<Option<Arc<Value>>, ApiError> {
    // A pod that does not run yet or any more, or that is going already, costs no budget.
    if !pod["metadata"]["deletionTimestamp"].is_null() || pod["status"]["phase"] != "Running" {
        return Ok(None);
    }
    let mut budgets = store.list(&PODDISRUPTIONBUDGETS, pod["metadata"]["namespace"].as_str()).0;
    budgets.retain(|budget| Labels::of_object(&budget["spec"]["selector"]).matches(&pod["metadata"]["labels"]));
    if budgets.len() > 1 {
        return Err(ApiError::internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        ));
    }
    let Some(budget) = budgets.pop() else { return Ok(None) };
    let count = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    let name = budget["metadata"]["name"].as_str().unwrap_or_default();
    let ready = pod["status"]["conditions"].as_array().into_iter().flatten();
    let is_ready = ready.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    if !is_ready {
        // A pod that does not serve is no loss to a workload that is healthy without it.
        let healthy = count("desiredHealthy") > 0 && count("currentHealthy") >= count("desiredHealthy");
        if healthy || budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" {
            return Ok(None);
        }
    }
    if count("observedGeneration") < budget["metadata"]["generation"].as_i64().unwrap_or(0) {
        return Err(ApiError::budget_not_seen(name));
    }
    if count("disruptionsAllowed") <= 0 {
        return Err(ApiError::disruption_budget(name, count("desiredHealthy"), count("currentHealthy")));
    }
    Ok(Some(budget))
}

/// Takes one disruption off a budget at once: the next eviction may come before its controller counts.
fn charge(store: &Store, budget: &Value, pod: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (meta, pod) = (&budget["metadata"], text(&pod["metadata"]["name"]));
    if store.is_dry() {
        return;
    }
    let now = timestamp(store.now());
    // A budget that is gone meanwhile needs no account.
    let _ = store.modify(&PODDISRUPTIONBUDGETS, &text(&meta["namespace"]), &text(&meta["name"]), |budget| {
        let left = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
        budget["status"]["disruptionsAllowed"] = json!((left - 1).max(0));
        budget["status"]["disruptedPods"][pod] = json!(now);
    });
}
