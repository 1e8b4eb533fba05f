//! A change to one object, as data: what the door approves and one mutator sends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::flag::FlagWrite;
use super::object::{ObjectKind, ObjectRef};
use super::time::Instant;

/// `fieldManager` of everything that this program sends: who wrote, in `managedFields`.
pub const FIELD_MANAGER: &str = "opsdeck";

/// One request that alters one object. It says everything that is sent, so that its digest identifies it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// The object.
    pub target: ObjectRef,
    /// The part of it that has a path of its own; `None` is the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<Subresource>,
    /// What is done to it.
    pub change: Change,
}

impl Mutation {
    /// A change of the object itself.
    pub const fn new(target: ObjectRef, change: Change) -> Self {
        Self { target, subresource: None, change }
    }

    /// A change of one of its subresources.
    pub const fn of(target: ObjectRef, subresource: Subresource, change: Change) -> Self {
        Self { target, subresource: Some(subresource), change }
    }

    /// Does it go to a provider of feature flags?
    pub fn is_for_flags(&self) -> bool {
        self.target.kind == ObjectKind::Flag
    }

    /// Does it go to Alertmanager? What goes neither there nor to a provider of flags goes to the API server.
    pub fn is_for_alertmanager(&self) -> bool {
        self.target.kind == ObjectKind::Silence
    }
}

/// Parts of an object that have a path and permissions of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subresource {
    /// `/scale`.
    Scale,
    /// `/status`.
    Status,
    /// `/eviction`, of a pod.
    Eviction,
}

impl Subresource {
    /// As in paths and RBAC rules.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Status => "status",
            Self::Eviction => "eviction",
        }
    }
}

/// What must still be true of an object for a deletion to happen; the server answers 409 when it is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preconditions {
    /// `metadata.uid`: that very object, not a namesake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// `metadata.resourceVersion`: unchanged in every respect, its status included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

/// The kinds of request that mitigations need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// RFC 6902 JSON Patch. Carries its own preconditions as `test` operations on what the plan was made from.
    JsonPatch(Value),
    /// RFC 7386 merge patch; a `metadata.resourceVersion` in it is a precondition.
    MergePatch(Value),
    /// Kubernetes' strategic merge patch, which knows the keys of lists; built-in kinds only.
    StrategicPatch(Value),
    /// `DELETE`.
    Delete {
        /// Seconds until it is killed; `None` is the object's own, 0 is by force: it is forgotten at once, whatever
        /// still runs.
        grace_seconds: Option<u32>,
        /// What must still hold.
        preconditions: Preconditions,
    },
    /// `POST …/eviction` of a pod: a deletion that respects PodDisruptionBudgets.
    Evict {
        /// Seconds until it is killed; `None` is the pod's own.
        grace_seconds: Option<u32>,
        /// What must still hold.
        preconditions: Preconditions,
    },
    /// `POST` of a new object to the target's collection.
    Create(Value),
    /// A silence in Alertmanager, new or changed. The target is the silence; its name is its id, empty for a new one.
    Silence(Silence),
    /// Ends the silence that the target names.
    ExpireSilence,
    /// A feature flag changed in one environment, by whoever provides it.
    Flag(FlagWrite),
}

impl Change {
    /// Can it be done without being done? Alertmanager has no dry run.
    pub const fn has_dry_run(&self) -> bool {
        !matches!(self, Self::Silence(_) | Self::ExpireSilence)
    }

    /// Does it take the object away? Then finding it gone already is no failure.
    pub const fn removes(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::Evict { .. })
    }
}

/// What Alertmanager is told to keep quiet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Every one has to match.
    pub matchers: Vec<Matcher>,
    /// From when.
    pub starts: Instant,
    /// Until when.
    pub ends: Instant,
    /// Who.
    pub author: String,
    /// Why.
    pub comment: String,
    /// Annotations (Alertmanager 0.29 and later); usually none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// One matcher of a silence.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Matcher {
    /// Label.
    pub name: String,
    /// Value, or a regular expression that must match the whole value.
    pub value: String,
    /// Is `value` a regular expression?
    pub regex: bool,
    /// Must it match (`=`, `=~`), or must it not (`!=`, `!~`)?
    pub equal: bool,
}
