//! Reviews: may I, what may I, who am I.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::request::Request;
use super::super::status::{ApiError, json_response};
use super::super::{ApiState, Identity};

/// Answers the `POST` of any of the three reviews.
pub fn answer(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let mut review = request.value()?;
    let identity = &state.identity;
    if !review["metadata"].is_object() {
        review["metadata"] = json!({});
    }
    review["metadata"]["creationTimestamp"] = Value::Null;
    review["status"] = match request.target.resource.kind {
        "SelfSubjectAccessReview" => access(identity, &review["spec"]),
        "SelfSubjectRulesReview" => rules(identity, review["spec"]["namespace"].as_str().unwrap_or("default")),
        _ => json!({"userInfo": {"username": identity.user, "groups": identity.groups}}),
    };
    review["kind"] = json!(request.target.resource.kind);
    review["apiVersion"] = json!(request.target.resource.api_version());
    Ok(json_response(StatusCode::CREATED, &review))
}

fn access(identity: &Identity, spec: &Value) -> Value {
    let wish = &spec["resourceAttributes"];
    let text = |field: &str| wish[field].as_str().unwrap_or_default();
    if wish.is_null() {
        // Paths outside resources (health, discovery) are open to everybody.
        return json!({"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"system:public-info-viewer\""});
    }
    let resource = if text("subresource").is_empty() {
        text("resource").to_owned()
    } else {
        format!("{}/{}", text("resource"), text("subresource"))
    };
    let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty());
    if identity.may(text("verb"), text("group"), &resource, namespace) {
        json!({"allowed": true, "reason": format!("RBAC: allowed for user \"{}\"", identity.user)})
    } else {
        json!({"allowed": false})
    }
}

fn rules(identity: &Identity, namespace: &str) -> Value {
    let rules: Vec<Value> = identity
        .rules
        .iter()
        .filter(|rule| rule.namespace.as_deref().is_none_or(|only| only == namespace))
        .map(|rule| json!({"verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources}))
        .collect();
    let open = json!([{"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi/*", "/readyz", "/version"]}]);
    json!({"resourceRules": rules, "nonResourceRules": open, "incomplete": false})
}
