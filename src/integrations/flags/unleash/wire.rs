//! Unleash's own JSON, as far as it is read. Every field may be missing: versions differ.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::time::Instant;

/// `GET /api/admin/projects`.
#[derive(Debug, Deserialize)]
pub(super) struct Projects {
    pub projects: Vec<Project>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub id: String,
}

/// `GET /api/admin/environments`.
#[derive(Debug, Deserialize)]
pub(super) struct Environments {
    pub environments: Vec<Environment>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Environment {
    pub name: String,
}

/// `GET /api/admin/search/features`.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub features: Vec<Feature>,
    #[serde(default)]
    pub total: usize,
}

/// A flag, in lists and alone.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Feature {
    pub name: String,
    pub project: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub description: Option<String>,
    pub stale: Option<bool>,
    pub archived: Option<bool>,
    pub archived_at: Option<String>,
    pub environments: Vec<FeatureEnvironment>,
    pub tags: Option<Vec<Tag>>,
    pub dependencies: Option<Vec<Dependency>>,
}

impl Feature {
    pub fn is_archived(&self) -> bool {
        self.archived == Some(true) || self.archived_at.is_some()
    }

    pub fn environment(&self, name: &str) -> Option<&FeatureEnvironment> {
        self.environments.iter().find(|environment| environment.name == name)
    }
}

/// `GET /api/admin/features/{name}/tags`.
#[derive(Debug, Deserialize)]
pub(super) struct Tags {
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub value: String,
}

/// A flag that has to be on for another one to be.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub feature: String,
    pub enabled: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FeatureEnvironment {
    pub name: String,
    pub enabled: bool,
    pub last_seen_at: Option<Instant>,
    pub has_strategies: Option<bool>,
    pub has_enabled_strategies: Option<bool>,
    pub yes: Option<u64>,
    pub no: Option<u64>,
    /// Whole, because a change is based on all of it.
    pub strategies: Option<Vec<Value>>,
    pub variants: Option<Vec<Value>>,
}

/// What is told of a strategy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Strategy {
    pub id: String,
    pub name: String,
    pub title: Option<String>,
    pub disabled: Option<bool>,
    pub parameters: serde_json::Map<String, Value>,
    pub constraints: Option<Vec<Constraint>>,
    pub segments: Option<Vec<Value>>,
    pub variants: Option<Vec<Variant>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Constraint {
    pub context_name: String,
    pub operator: String,
    pub values: Option<Vec<String>>,
    pub value: Option<Value>,
    pub inverted: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Variant {
    pub name: String,
    /// In thousandths.
    pub weight: Option<u32>,
}

/// `GET /api/admin/search/events`, and of older versions `GET /api/admin/events/{flag}`.
#[derive(Debug, Deserialize)]
pub(super) struct Events {
    pub events: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    pub id: u64,
    pub created_at: Option<Instant>,
    #[serde(rename = "type")]
    pub kind: String,
    pub created_by: Option<String>,
    pub project: Option<String>,
    pub environment: Option<String>,
    pub feature_name: Option<String>,
}

/// `GET /api/admin/user`.
#[derive(Debug, Deserialize)]
pub(super) struct Me {
    #[serde(default)]
    pub user: Value,
    #[serde(default)]
    pub permissions: Vec<Granted>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Granted {
    pub permission: String,
    pub project: Option<String>,
    pub environment: Option<String>,
}

/// `GET /api/admin/projects/{project}/change-requests/config`: an environment that wants approvals.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ChangeRequestConfig {
    pub environment: String,
    pub change_request_enabled: bool,
    pub required_approvals: Option<u32>,
}

/// A change request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ChangeRequest {
    pub id: u64,
    pub environment: String,
    pub state: String,
    pub min_approvals: Option<u32>,
    pub approvals: Option<Vec<Value>>,
    pub features: Vec<RequestedFeature>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RequestedFeature {
    pub name: String,
    pub changes: Vec<RequestedChange>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RequestedChange {
    pub action: String,
    pub payload: Value,
}

/// An error's body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub name: String,
    pub message: Option<String>,
    pub details: Vec<Detail>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    pub message: Option<String>,
    pub description: Option<String>,
}

impl Problem {
    /// What it says, the details when the message does not.
    pub fn words(&self) -> Option<&str> {
        let detail =
            self.details.first().and_then(|detail| detail.message.as_deref().or(detail.description.as_deref()));
        self.message.as_deref().filter(|text| !text.is_empty()).or(detail)
    }
}
