//! A change to one object of the cluster, as data: what the door approves and the Kubernetes side sends.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::target::WorkloadRef;

/// One request that alters one object. It says everything that is sent, so that its digest identifies it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// The object.
    pub target: WorkloadRef,
    /// What is done to it.
    pub change: Change,
}

/// The kinds of request that mitigations need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// RFC 6902 JSON Patch. Carries its own preconditions as `test` operations on what the plan was made from.
    JsonPatch(Value),
}
