//! What the API server answers when it refuses: `Status` objects, word for word as a real one writes them.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::resources::Resource;
use crate::lab::store::{Expired, StoreError};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

/// One field that is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Path of the field, such as `spec.replicas`.
    pub field: String,
    /// Machine-readable kind, such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// What is wrong, such as `Required value`.
    pub message: String,
}

impl Cause {
    /// A value that cannot be; `value` is shown as Go would print it.
    pub fn invalid(field: &str, value: &str, detail: &str) -> Self {
        Self {
            field: field.to_owned(),
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value}: {detail}"),
        }
    }

    /// A value that is missing.
    pub fn required(field: &str, detail: &str) -> Self {
        let message = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self { field: field.to_owned(), reason: "FieldValueRequired", message }
    }

    /// A value that must not be there or must not change.
    pub fn forbidden(field: &str, detail: &str) -> Self {
        Self { field: field.to_owned(), reason: "FieldValueForbidden", message: format!("Forbidden: {detail}") }
    }

    /// More bytes than fit.
    pub fn too_long(field: &str, most: usize) -> Self {
        let message = format!("Too long: may not be more than {most} bytes");
        Self { field: field.to_owned(), reason: "FieldValueTooLong", message }
    }

    /// A value that is none of those that are supported.
    pub fn unsupported(field: &str, value: &str, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|word| format!("\"{word}\"")).collect();
        Self {
            field: field.to_owned(),
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: \"{value}\": supported values: {}", supported.join(", ")),
        }
    }

    fn json(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}

impl ApiError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>, details: Value) -> Self {
        Self { code, reason, message: message.into(), details }
    }

    /// 404: no such object.
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::new(404, "NotFound", message, details(resource.group, resource.plural, name))
    }

    /// 404: the resource has no such subresource.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource", json!({}))
    }

    /// 405: the resource does not do that.
    pub fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", json!({}))
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, Value::Null)
    }

    /// 415: a body of a kind that is not taken here.
    pub fn unsupported_media_type(taken: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            taken.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message, json!({}))
    }

    /// 406: an answer of a kind that is not given here.
    pub fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json";
        Self::new(406, "NotAcceptable", message, json!({}))
    }

    /// 422: the object is wrong in these fields.
    pub fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        let kind = if resource.group.is_empty() {
            resource.kind.to_owned()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        Self::invalid_kind(&kind, resource.group, resource.kind, name, causes)
    }

    /// 422: the options of a request are wrong in these fields; `kind` is that of the options.
    pub fn invalid_options(kind: &str, causes: &[Cause]) -> Self {
        Self::invalid_kind(&format!("{kind}.meta.k8s.io"), "meta.k8s.io", kind, "", causes)
    }

    fn invalid_kind(qualified: &str, group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let mut texts: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let text = if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) };
        let mut details = details(group, kind, name);
        details["causes"] = causes.iter().map(Cause::json).collect();
        Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {text}"), details)
    }

    /// 422: a JSON patch does not fit the object (a `test` failed, a path is missing).
    pub fn unprocessable_patch() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request", json!({}))
    }

    /// 409: several appliers want the same fields.
    pub fn apply_conflict(conflicts: &[(String, String)]) -> Self {
        let causes: Value = conflicts
            .iter()
            .map(|(owner, field)| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {owner:?}"), "field": field}))
            .collect();
        let fields: Vec<String> =
            conflicts.iter().map(|(owner, field)| format!("conflict with {owner:?}: {field}")).collect();
        let (count, s) = (conflicts.len(), if conflicts.len() == 1 { "" } else { "s" });
        let message = format!("Apply failed with {count} conflict{s}: {}", fields.join(", "));
        Self::new(409, "Conflict", message, json!({"causes": causes}))
    }

    /// 403: no rule allows it.
    pub fn forbidden(
        user: &str,
        verb: &str,
        resource: &Resource,
        subresource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Self {
        let full = if subresource.is_empty() {
            resource.plural.to_owned()
        } else {
            format!("{}/{subresource}", resource.plural)
        };
        let named = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let place =
            namespace.map_or_else(|| "at the cluster scope".to_owned(), |ns| format!("in the namespace \"{ns}\""));
        let message = format!(
            "{}{named} is forbidden: User \"{user}\" cannot {verb} resource \"{full}\" in API group \"{}\" {place}",
            resource.qualified(),
            resource.group
        );
        Self::new(403, "Forbidden", message, details(resource.group, resource.plural, name))
    }

    /// 403: the user might, but admission will not have it.
    pub fn refused(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", resource.qualified());
        Self::new(403, "Forbidden", message, details(resource.group, resource.plural, name))
    }

    /// 429: a disruption budget stands in the way of an eviction.
    pub fn disruption_budget(budget: &str, needs: i64, has: i64) -> Self {
        let message = format!("The disruption budget {budget} needs {needs} healthy pods and has {has} currently");
        let causes = json!([{"reason": "DisruptionBudget", "message": message}]);
        let text = "Cannot evict pod as it would violate the pod's disruption budget.";
        Self::new(429, "TooManyRequests", text, json!({"causes": causes}))
    }

    /// 429: a disruption budget was changed and its controller has not looked yet.
    pub fn budget_not_seen(budget: &str) -> Self {
        let message = format!("The disruption budget {budget} is still being processed by the server.");
        let causes = json!([{"reason": "DisruptionBudget", "message": message}]);
        let text = "Cannot evict pod as it would violate the pod's disruption budget.";
        Self::new(429, "TooManyRequests", text, json!({"causes": causes, "retryAfterSeconds": 10}))
    }

    /// 500: the server cannot do this.
    pub fn internal(message: &str) -> Self {
        let text = format!("Internal error occurred: {message}");
        Self::new(500, "InternalError", text, json!({"causes": [{"message": message}]}))
    }

    /// 410: the version asked for is forgotten.
    pub fn expired(expired: Expired) -> Self {
        Self::new(410, "Expired", expired.to_string(), Value::Null)
    }

    /// 410: a continued list began too long ago.
    pub fn continue_expired() -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. \
            You must start a new list without the continue parameter.";
        Self::new(410, "Expired", message, Value::Null)
    }

    /// 504: the version asked for is yet to come.
    pub fn too_new(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let causes = json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
        Self::new(504, "Timeout", format!("Timeout: {message}"), json!({"causes": causes, "retryAfterSeconds": 1}))
    }

    /// 503: what stands behind a proxied service does not answer.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message, Value::Null)
    }

    /// The refusal as a `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    /// Whether it is about a version that has moved on.
    pub fn is_conflict(&self) -> bool {
        self.code == 409 && self.reason == "Conflict"
    }

    /// The refusal of the store, told to a client of `resource`.
    pub fn from_store(error: &StoreError, resource: &Resource, name: &str) -> Self {
        let place = |name: &str| details(resource.group, resource.plural, name);
        match error {
            StoreError::NotFound { name, .. } => Self::not_found(resource, name),
            StoreError::AlreadyExists { name, .. } => Self::new(409, "AlreadyExists", error.to_string(), place(name)),
            StoreError::Conflict { name, .. } => Self::new(409, "Conflict", error.to_string(), place(name)),
            StoreError::Nameless => {
                Self::invalid(resource, name, &[Cause::required("metadata.name", "name or generateName is required")])
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json_response(code, &self.status());
        if self.code == 429 || self.code == 504 {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

/// An answer of JSON.
pub fn json_response(code: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = json!({"kind": kind});
    if !name.is_empty() {
        details["name"] = json!(name);
    }
    if !group.is_empty() {
        details["group"] = json!(group);
    }
    details
}
