//! StatefulSets on the wire.

use serde::Deserialize;

use super::{Meta, Template};

/// A StatefulSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanStatefulSet {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: StatefulSetSpec,
    /// Status.
    pub status: StatefulSetStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatefulSetSpec {
    /// Wanted pods.
    pub replicas: Option<u32>,
    /// `OrderedReady` (the default) or `Parallel`.
    pub pod_management_policy: String,
    /// Strategy.
    pub update_strategy: UpdateStrategy,
    /// Template.
    pub template: Template,
}

/// `updateStrategy`, of StatefulSets and DaemonSets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// `RollingUpdate` or `OnDelete`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its parameters.
    pub rolling_update: Option<RollingUpdate>,
}

impl UpdateStrategy {
    /// Does it roll by itself? The server defaults an absent type to rolling.
    pub fn rolls(&self) -> bool {
        self.kind.is_empty() || self.kind == "RollingUpdate"
    }
}

/// Parameters of a rolling update.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RollingUpdate {
    /// Pods with an ordinal below it stay as they are.
    pub partition: Option<u32>,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatefulSetStatus {
    /// Generation that the controller has seen.
    pub observed_generation: i64,
    /// All pods.
    pub replicas: u32,
    /// Of the newest revision.
    pub updated_replicas: u32,
    /// Ready.
    pub ready_replicas: u32,
    /// Available; absent in old servers.
    pub available_replicas: Option<u32>,
    /// ControllerRevision that the rest run.
    pub current_revision: String,
    /// ControllerRevision that is rolled out.
    pub update_revision: String,
}
