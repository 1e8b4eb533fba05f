//! The four kinds of patch, told apart by media type.

use serde_json::Value;

use super::request::{Request, parse_json, parse_yaml};
use super::resources::ROLLOUTS;
use super::status::{ApiError, Cause};
use super::{apply, strategic};
use crate::lab::store::Store;

const TAKEN: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// How a body changes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RFC 6902: a list of operations.
    Json,
    /// RFC 7386: a partial object.
    Merge,
    /// A partial object whose lists are merged by key.
    Strategic,
    /// The whole intent of one field manager.
    Apply,
}

impl Kind {
    /// Reads the media type.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let is_custom = request.target.resource.group == ROLLOUTS.group;
        match request.media_type() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            // Nobody told the server how to merge the lists of custom resources.
            "application/strategic-merge-patch+json" if is_custom => {
                Err(ApiError::unsupported_media_type(&[TAKEN[0], TAKEN[1], TAKEN[3]]))
            }
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ => Err(ApiError::unsupported_media_type(TAKEN)),
        }
    }
}

/// The object that comes of patching `old`.
pub fn run(kind: Kind, request: &Request, old: &Value, store: &Store) -> Result<Value, ApiError> {
    let mut object = old.clone();
    match kind {
        Kind::Json => {
            let patch: json_patch::Patch = serde_json::from_slice(&request.body)
                .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
            json_patch::patch(&mut object, &patch).map_err(|_| ApiError::unprocessable_patch())?;
        }
        Kind::Merge => {
            let patch = parse_json(&request.body)?;
            if !patch.is_object() {
                return Err(ApiError::bad_request(
                    "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}",
                ));
            }
            json_patch::merge(&mut object, &patch);
        }
        Kind::Strategic => {
            let patch = parse_json(&request.body)?;
            object = strategic::merge(&object, &patch).map_err(ApiError::bad_request)?;
        }
        Kind::Apply => {
            let (applied, manager) = intent(request)?;
            let force = request.flag("force");
            object = apply::onto(&object, &applied, &manager, force, store.now())
                .map_err(|conflicts| ApiError::apply_conflict(&conflicts))?;
        }
    }
    Ok(object)
}

/// The object that comes of applying where there is none yet.
pub fn applied_afresh(request: &Request, store: &Store) -> Result<Value, ApiError> {
    let (applied, manager) = intent(request)?;
    let empty = serde_json::json!({"apiVersion": applied["apiVersion"], "kind": applied["kind"], "metadata": {}});
    let mut object = apply::onto(&empty, &applied, &manager, true, store.now())
        .map_err(|conflicts| ApiError::apply_conflict(&conflicts))?;
    object["metadata"]["name"] = serde_json::json!(request.target.object());
    Ok(object)
}

/// What is applied, and by whom.
fn intent(request: &Request) -> Result<(Value, String), ApiError> {
    let manager = request.param("fieldManager").ok_or_else(|| {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        ApiError::invalid_options("PatchOptions", &[cause])
    })?;
    let applied = parse_yaml(&request.body)?;
    if !applied["metadata"]["managedFields"].as_array().is_none_or(Vec::is_empty) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok((applied, manager.to_owned()))
}
