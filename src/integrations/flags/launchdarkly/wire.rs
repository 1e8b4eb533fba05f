//! LaunchDarkly's own JSON (REST API, version 20240415), as far as it is read. Fields that are documented as optional
//! may be missing; lists leave out more than single flags do.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::time::Instant;

/// A page of anything.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub items: Vec<T>,
    pub total_count: Option<usize>,
    #[serde(rename = "_links", default)]
    pub links: Links,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Links {
    pub next: Option<Value>,
    #[serde(rename = "self")]
    pub own: Option<Link>,
    pub parent: Option<Link>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Link {
    pub href: String,
}

/// A project or an environment in a list.
#[derive(Debug, Deserialize)]
pub(super) struct Keyed {
    pub key: String,
}

/// `GET /api/v2/flags/{project}/{key}?env={environment}`, and in lists.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Flag {
    pub key: String,
    /// `boolean` or `multivariate`.
    pub kind: String,
    pub description: Option<String>,
    pub variations: Vec<Variation>,
    pub temporary: Option<bool>,
    pub tags: Vec<String>,
    pub archived: bool,
    pub deprecated: bool,
    pub environments: BTreeMap<String, Environment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Variation {
    #[serde(rename = "_id")]
    pub id: String,
    pub value: Value,
    pub name: Option<String>,
}

/// A flag's configuration in one environment.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Environment {
    pub on: bool,
    pub archived: bool,
    /// Milliseconds since 1970.
    pub last_modified: Option<i64>,
    /// Grows with every change of it.
    pub version: u64,
    pub targets: Option<Vec<Target>>,
    pub context_targets: Option<Vec<Target>>,
    pub rules: Option<Vec<Rule>>,
    pub fallthrough: Option<Outcome>,
    /// Index of the variation that is served while it is off; without one the code's own default counts.
    pub off_variation: Option<usize>,
    pub prerequisites: Option<Vec<Prerequisite>>,
    #[serde(rename = "_access")]
    pub access: Option<Access>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Target {
    pub values: Vec<String>,
    pub variation: usize,
    pub context_kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    pub description: Option<String>,
    pub clauses: Vec<Clause>,
    #[serde(flatten)]
    pub serves: Outcome,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Clause {
    pub attribute: String,
    pub op: String,
    pub values: Vec<Value>,
    pub negate: bool,
    pub context_kind: Option<String>,
}

/// A variation, or a division among several.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    pub variation: Option<usize>,
    pub rollout: Option<Rollout>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Rollout {
    pub variations: Vec<Share>,
    pub bucket_by: Option<String>,
    pub context_kind: Option<String>,
    /// An experiment divides users.
    pub experiment_allocation: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Share {
    pub variation: usize,
    /// In thousandths of a percent.
    pub weight: u32,
}

/// A flag that must serve a variation for this one to count.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Prerequisite {
    pub key: String,
    pub variation: usize,
}

/// What the token may do to this flag here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Access {
    pub denied: Vec<Granted>,
    pub allowed: Vec<Granted>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Granted {
    pub action: String,
    pub reason: Option<Reason>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reason {
    pub role_name: Option<String>,
}

/// `GET /api/v2/projects/{project}/environments/{environment}`. It also holds SDK keys, which are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EnvironmentSettings {
    pub require_comments: bool,
    pub approval_settings: Option<ApprovalSettings>,
    /// By kind of resource; `flag` is ours.
    pub resource_approval_settings: Option<BTreeMap<String, ApprovalSettings>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ApprovalSettings {
    pub required: bool,
    pub min_num_approvals: Option<u32>,
    /// `launchdarkly`, or the service that decides (`servicenow`).
    pub service_kind: String,
    /// With tags, only flags that carry one of them need approvals.
    pub required_approval_tags: Vec<String>,
}

/// `…/approval-requests`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ApprovalRequest {
    #[serde(rename = "_id")]
    pub id: String,
    pub creation_date: i64,
    /// `pending`, `completed`, `failed` or `scheduled`.
    pub status: String,
    /// `approved`, `declined` or `pending`.
    pub review_status: String,
    pub all_reviews: Vec<Review>,
    pub instructions: Vec<Instruction>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Review {
    pub kind: String,
}

/// One instruction of a semantic patch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Instruction {
    pub kind: String,
    pub variation_id: Option<String>,
    pub rollout_weights: Option<BTreeMap<String, u32>>,
}

/// `GET /api/v2/flag-statuses/{project}/{environment}`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    /// `new`, `active`, `inactive` or `launched`.
    pub name: String,
    pub last_requested: Option<Instant>,
    #[serde(rename = "_links")]
    pub links: Links,
}

/// `GET /api/v2/auditlog`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Entry {
    /// Milliseconds since 1970.
    pub date: i64,
    pub title_verb: Option<String>,
    pub description: Option<String>,
    pub comment: Option<String>,
    pub member: Option<Member>,
    pub token: Option<Named>,
    pub app: Option<Named>,
    pub target: Option<EntryTarget>,
    pub accesses: Vec<EntryAccess>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Member {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EntryTarget {
    pub resources: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EntryAccess {
    pub resource: String,
}

/// `GET /api/v2/caller-identity`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Caller {
    pub auth_kind: Option<String>,
    pub token_name: Option<String>,
    pub token_id: Option<String>,
    pub member_id: Option<String>,
    pub service_token: bool,
}

/// `GET /api/v2/tokens/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Token {
    pub role: Option<String>,
    pub custom_role_ids: Option<Vec<Value>>,
    pub inline_role: Option<Vec<Value>>,
}

/// An error's body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub code: String,
    pub message: Option<String>,
}
