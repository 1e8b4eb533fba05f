//! Flagsmith's own JSON (Admin API v1 and the endpoints that are to follow it), as far as it is read.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::time::Instant;

/// A list: paged, or (projects) all at once.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum List<T> {
    Page(Page<T>),
    All(Vec<T>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub count: usize,
    pub next: Option<String>,
    pub results: Vec<T>,
}

/// `GET /api/v1/projects/`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Project {
    pub id: u64,
    pub name: String,
}

/// `GET /api/v1/environments/?project={id}`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Environment {
    pub id: u64,
    pub name: String,
    pub api_key: String,
    /// Change requests are on as soon as there is a number, be it zero.
    #[serde(default)]
    pub minimum_change_request_approvals: Option<u32>,
    #[serde(default)]
    pub use_v2_feature_versioning: bool,
}

/// `GET /api/v1/projects/{id}/tags/`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tag {
    pub id: u64,
    pub label: String,
    /// `NONE`, `STALE`, `UNHEALTHY`, …
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `GET /api/v1/projects/{id}/features/?environment={id}`.
#[derive(Debug, Deserialize)]
pub(super) struct Feature {
    pub id: u64,
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub tags: Vec<u64>,
    #[serde(default)]
    pub is_archived: bool,
    #[serde(default)]
    pub multivariate_options: Vec<MultivariateOption>,
    #[serde(default)]
    pub owners: Vec<Person>,
    #[serde(default)]
    pub environment_feature_state: Option<ShortState>,
    #[serde(default)]
    pub num_segment_overrides: Option<u64>,
    #[serde(default)]
    pub num_identity_overrides: Option<u64>,
    #[serde(default)]
    pub last_modified_in_current_environment: Option<Instant>,
}

/// A value that a part of users gets.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MultivariateOption {
    pub id: u64,
    #[serde(flatten)]
    pub value: TypedValue,
}

/// `unicode`, `int` or `bool`, with the value in the field of that type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TypedValue {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub string_value: Option<String>,
    pub integer_value: Option<i64>,
    pub boolean_value: Option<bool>,
}

/// The state that a list shows.
#[derive(Debug, Deserialize)]
pub(super) struct ShortState {
    pub enabled: bool,
    #[serde(default)]
    pub feature_state_value: Value,
}

/// `GET /api/v1/features/featurestates/?environment={id}&feature={id}`: the default of the environment, and overrides.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub id: u64,
    pub enabled: bool,
    #[serde(default)]
    pub feature: Value,
    #[serde(default)]
    pub feature_state_value: Value,
    #[serde(default)]
    pub multivariate_feature_state_values: Vec<Share>,
    #[serde(default)]
    pub feature_segment: Option<Value>,
    #[serde(default)]
    pub identity: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Share {
    pub id: u64,
    pub multivariate_feature_option: u64,
    /// In percent.
    pub percentage_allocation: f64,
}

/// `GET /api/v1/features/feature-segments/?environment={id}&feature={id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FeatureSegment {
    pub id: u64,
    pub priority: i64,
    pub segment_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Person {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

/// `GET /api/v1/audit/?project={id}`.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub created_date: Instant,
    #[serde(default)]
    pub log: String,
    #[serde(default)]
    pub author: Option<Person>,
    #[serde(default)]
    pub environment: Option<EntryEnvironment>,
    #[serde(default)]
    pub related_object_id: Option<u64>,
    #[serde(default)]
    pub related_object_type: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EntryEnvironment {
    pub id: u64,
}

/// `GET /api/v1/environments/{key}/my-permissions/`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Granted {
    pub permissions: Vec<String>,
    pub admin: bool,
}
