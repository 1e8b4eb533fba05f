//! What hangs below objects or is made up on the spot: scale, logs, eviction, usage, reviews.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::request::Request;
use super::resources::{PODDISRUPTIONBUDGETS, PODS};
use super::selector::Labels;
use super::status::{ApiError, json_response};
use super::{ApiState, deletion, write};

pub mod logs;
pub mod metrics;
pub mod reviews;
pub mod scale;

/// `POST` to `pods/NAME/eviction`: a deletion that disruption budgets may refuse.
pub fn eviction(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let target = &request.target;
    let store = write::store_for(state, request)?;
    let pod =
        store.get(&PODS, target.ns(), target.object()).ok_or_else(|| ApiError::not_found(&PODS, target.object()))?;
    let body = request.options()?;
    // A pod that does not run or is going already costs no budget.
    let counts = pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] == "Running";
    for budget in store.list(&PODDISRUPTIONBUDGETS, target.namespace.as_deref()).0.iter().filter(|_| counts) {
        let allowed = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
        if allowed > 0 || !Labels::of_object(&budget["spec"]["selector"]).matches(&pod["metadata"]["labels"]) {
            continue;
        }
        let count = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
        let name = budget["metadata"]["name"].as_str().unwrap_or_default();
        return Err(ApiError::disruption_budget(name, count("desiredHealthy"), count("currentHealthy")));
    }
    let options = deletion::Options::read(&body["deleteOptions"], request)?;
    let store = if options.dry_run { store.dry_run() } else { store };
    deletion::delete(&store, &PODS, &pod, &options)?;
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(json_response(StatusCode::CREATED, &status))
}
