//! Argo Rollouts on the wire (`argoproj.io/v1alpha1`).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Condition, Meta, Template};
use crate::domain::time::Instant;

/// A Rollout.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanRollout {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: RolloutSpec,
    /// Status.
    pub status: RolloutStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutSpec {
    /// Wanted pods; 1 where it is not set.
    pub replicas: Option<u32>,
    /// Paused by a person.
    pub paused: bool,
    /// Restart asked for.
    pub restart_at: Option<Instant>,
    /// Whose template it is, when not its own.
    pub workload_ref: Option<WorkloadReference>,
    /// Template; absent with a workload reference.
    pub template: Template,
    /// Strategy.
    pub strategy: RolloutStrategy,
}

/// `spec.workloadRef`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WorkloadReference {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// One of two.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutStrategy {
    /// In steps.
    pub canary: Option<Canary>,
    /// At once.
    pub blue_green: Option<BlueGreen>,
}

/// Canary.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Canary {
    /// Steps.
    pub steps: Vec<Step>,
    /// Traffic router; without one, pods are counted.
    pub traffic_routing: Option<TrafficRouting>,
}

/// Traffic router.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TrafficRouting {
    /// The whole of all weights; 100 where it is not set.
    pub max_traffic_weight: Option<u32>,
}

/// One step; exactly one of its fields is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Step {
    /// Share of traffic.
    pub set_weight: Option<u32>,
    /// Wait.
    pub pause: Option<PauseStep>,
    /// Run an experiment.
    pub experiment: Option<IgnoredAny>,
    /// Run an analysis.
    pub analysis: Option<IgnoredAny>,
    /// Scale apart from traffic.
    pub set_canary_scale: Option<IgnoredAny>,
    /// Route by header.
    pub set_header_route: Option<IgnoredAny>,
    /// Mirror.
    pub set_mirror_route: Option<IgnoredAny>,
    /// A plugin.
    pub plugin: Option<IgnoredAny>,
}

/// A pause.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PauseStep {
    /// Seconds as a number, or Go's `1h30m`; without end when absent.
    pub duration: Option<Value>,
}

/// Blue-green.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlueGreen {
    /// Promotes by itself after so many seconds.
    pub auto_promotion_seconds: Option<u32>,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutStatus {
    /// `Healthy`, `Progressing`, `Paused`, `Degraded`; absent before 1.0.
    pub phase: String,
    /// Why.
    pub message: String,
    /// Generation that the controller has seen; a string, and before 0.10 a hash.
    pub observed_generation: String,
    /// Generation of the referenced workload that the controller has seen.
    pub workload_observed_generation: String,
    /// Aborted.
    pub abort: bool,
    /// Full promotion under way.
    pub promote_full: bool,
    /// Why it is paused; empty while `controllerPause` is set means that someone resumed it just now.
    pub pause_conditions: Vec<PauseCondition>,
    /// The controller paused it.
    pub controller_pause: bool,
    /// Hash of the newest template.
    pub current_pod_hash: String,
    /// Hash of the stable template.
    #[serde(rename = "stableRS")]
    pub stable_rs: String,
    /// Steps done.
    pub current_step_index: Option<u32>,
    /// All pods.
    pub replicas: u32,
    /// Of the newest template.
    pub updated_replicas: u32,
    /// Ready.
    pub ready_replicas: u32,
    /// Available.
    pub available_replicas: u32,
    /// Last restart done.
    pub restarted_at: Option<Instant>,
    /// Canary.
    pub canary: CanaryStatus,
    /// Blue-green.
    pub blue_green: BlueGreenStatus,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

/// Why and since when.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PauseCondition {
    /// `CanaryPauseStep`, `BlueGreenPause`, `InconclusiveAnalysisRun`, `InconclusiveExperiment`.
    pub reason: String,
    /// Since.
    pub start_time: Option<Instant>,
}

/// Status of a canary.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStatus {
    /// Weights that the traffic router was given.
    pub weights: Option<Weights>,
    /// Analysis of the step.
    pub current_step_analysis_run_status: Option<AnalysisStatus>,
    /// Analysis of the whole update.
    pub current_background_analysis_run_status: Option<AnalysisStatus>,
}

/// Weights.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Weights {
    /// Of the canary.
    pub canary: Weight,
}

/// One weight.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Weight {
    /// Share.
    pub weight: u32,
}

/// Status of a blue-green update.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlueGreenStatus {
    /// Hash behind the preview service.
    pub preview_selector: String,
    /// Hash behind the active service.
    pub active_selector: String,
    /// Analysis before promotion.
    pub pre_promotion_analysis_run_status: Option<AnalysisStatus>,
    /// Analysis after promotion.
    pub post_promotion_analysis_run_status: Option<AnalysisStatus>,
}

/// Where an analysis stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AnalysisStatus {
    /// Name of the AnalysisRun.
    pub name: String,
    /// `Pending`, `Running`, `Successful`, `Failed`, `Error`, `Inconclusive`.
    pub status: String,
    /// In words.
    pub message: String,
}
