//! What has to be true after an action: plain data, so that it can be recorded with the intent, and so that what a crash
//! left open can be settled by looking at the cluster.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::compare::sorted;
use super::manifest::{plain, without_hash};
use super::record::sha256_hex;
use crate::domain::object::ObjectRef;
use crate::domain::target::WorkloadRef;
use crate::ports::cluster::Look;

/// A field of an object and what it has to say. Holds only the value's digest: templates carry what should not stand in
/// an audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// JSON pointer (`/spec/template`).
    pub path: String,
    /// In words (`pod template`, `6 replicas`).
    pub words: String,
    /// sha256 of the value in one canonical form; that of `null` for an absent field.
    pub digest: String,
    /// It must have any other value than that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub other: bool,
}

impl Field {
    /// A field that must have this value; `null` is as good as absent.
    pub fn new(path: impl Into<String>, words: impl Into<String>, value: &Value) -> Self {
        Self { path: path.into(), words: words.into(), digest: canonical_digest(value), other: false }
    }

    /// A field that must not have this value any more.
    pub fn other(path: impl Into<String>, words: impl Into<String>, value: &Value) -> Self {
        Self { other: true, ..Self::new(path, words, value) }
    }

    /// Does the object say so?
    pub fn holds(&self, object: &Value) -> bool {
        (canonical_digest(object.pointer(&self.path).unwrap_or(&Value::Null)) == self.digest) != self.other
    }
}

/// Empty and absent are the same, order of keys does not count, and neither does the hash label of a pod template.
fn canonical_digest(value: &Value) -> String {
    let value = plain(&without_hash(value));
    let value = if value.as_array().is_some_and(Vec::is_empty) { Value::Null } else { value };
    sha256_hex(sorted(&value).to_string().as_bytes())
}

/// What has to come true. Each names a sign that the action happened at all: fields, or that something is gone or there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "expect")]
pub enum Expectation {
    /// A workload has these fields, its rollout is complete and its pods ready; with `signals`, its alerts clear and its
    /// budget no longer burns.
    Rollout {
        /// The workload.
        workload: WorkloadRef,
        /// What it has to say; empty only beside another expectation that is a sign.
        fields: Vec<Field>,
        /// Do alerts and burn count?
        signals: bool,
    },
    /// An Argo Rollout has these fields, and its stable revision serves everything, whatever its spec asks for.
    Stable {
        /// The Rollout.
        workload: WorkloadRef,
        /// What it has to say; never empty.
        fields: Vec<Field>,
        /// Do alerts and burn count?
        signals: bool,
    },
    /// An object has these fields.
    Object {
        /// The object.
        object: ObjectRef,
        /// What it has to say; never empty.
        fields: Vec<Field>,
        /// It is a controller that writes them, some time later: not saying so yet is not a contradiction.
        patient: bool,
    },
    /// It does not exist any more: not that very one, at least.
    Gone {
        /// The object.
        object: ObjectRef,
        /// Its `metadata.uid`; a namesake with another one does not count.
        uid: Option<String>,
    },
    /// It exists.
    Exists {
        /// The object.
        object: ObjectRef,
    },
}

impl Expectation {
    /// What to look at.
    pub fn look(&self) -> Look {
        match self {
            Self::Rollout { workload, signals, .. } | Self::Stable { workload, signals, .. } => {
                Look { object: workload.into(), pods: false, signals: signals.then(|| workload.clone()) }
            }
            Self::Object { object, .. } | Self::Gone { object, .. } | Self::Exists { object } => {
                Look { object: object.clone(), pods: false, signals: None }
            }
        }
    }

    /// What it is about.
    pub fn object(&self) -> ObjectRef {
        self.look().object
    }
}
