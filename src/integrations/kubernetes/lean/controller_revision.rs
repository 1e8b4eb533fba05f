//! ControllerRevisions on the wire.

use serde::{Deserialize, Deserializer};

use super::{Meta, Template};

/// A ControllerRevision.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanControllerRevision {
    /// Metadata.
    pub metadata: Meta,
    /// Number.
    pub revision: u64,
    /// What it kept, if it is what StatefulSets and DaemonSets keep.
    #[serde(deserialize_with = "lenient")]
    pub data: Data,
}

/// What StatefulSets and DaemonSets keep.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Data {
    /// Spec.
    pub spec: DataSpec,
}

/// Its spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DataSpec {
    /// Template.
    pub template: Template,
}

/// Any controller may keep anything in `data`; what we do not know reads as nothing and does not cost the page.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
    let raw = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(raw).unwrap_or_default())
}
