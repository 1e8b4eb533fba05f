//! Wire types that hold only what rows need, one file per resource. Everything is optional: a field that a server does
//! not send must not cost the row.

pub mod argo_rollout;
pub mod controller_revision;
pub mod daemon_set;
pub mod deployment;
pub mod event;
pub mod hpa;
pub mod job;
pub mod node;
pub mod node_metrics;
pub mod pod;
pub mod pod_metrics;
pub mod replica_set;
pub mod stateful_set;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::time::Instant;

/// `ObjectMeta`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// UID.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Owners.
    pub owner_references: Vec<Owner>,
    /// Created.
    pub creation_timestamp: Option<Instant>,
    /// Being deleted since.
    pub deletion_timestamp: Option<Instant>,
    /// Generation of the spec.
    pub generation: i64,
    /// Managers of fields.
    pub managed_fields: Vec<Manager>,
}

/// An entry of `managedFields`, only its name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Manager {
    /// Who.
    pub manager: String,
}

/// `OwnerReference`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Is it the managing controller?
    pub controller: bool,
}

impl Meta {
    /// The controller that owns it.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Creation, or the epoch for an object that has none.
    pub fn created(&self) -> Instant {
        self.creation_timestamp.unwrap_or_default()
    }
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub struct List<T> {
    /// Where the page stands.
    #[serde(default)]
    pub metadata: ListMeta,
    /// Objects; `null` for none in old servers.
    #[serde(default = "Vec::new", deserialize_with = "null_as_empty")]
    pub items: Vec<T>,
}

/// `ListMeta`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListMeta {
    /// Version to watch from.
    pub resource_version: String,
    /// Token of the next page, empty at the end.
    #[serde(rename = "continue")]
    pub next: String,
}

fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// A condition of any object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
    /// When it last flipped.
    pub last_transition_time: Option<Instant>,
    /// When it was last set with another reason (Deployments only).
    pub last_update_time: Option<Instant>,
}

/// The condition of that type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// A pod template, only what is shown of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Template {
    /// Spec.
    pub spec: TemplateSpec,
}

/// Its spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateSpec {
    /// Containers.
    pub containers: Vec<TemplateContainer>,
}

/// One container of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateContainer {
    /// Image.
    pub image: String,
}
