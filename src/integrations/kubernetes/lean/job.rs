//! CronJobs and Jobs on the wire.

use serde::Deserialize;

use super::{Condition, Meta, Template};
use crate::domain::time::Instant;

/// A CronJob.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanCronJob {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: CronJobSpec,
    /// Status.
    pub status: CronJobStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CronJobSpec {
    /// Cron expression.
    pub schedule: String,
    /// Time zone.
    pub time_zone: String,
    /// Suspended.
    pub suspend: bool,
    /// What it makes.
    pub job_template: JobTemplate,
}

/// What a CronJob makes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobTemplate {
    /// Spec.
    pub spec: JobSpec,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CronJobStatus {
    /// Jobs that run.
    pub active: Vec<Reference>,
    /// Last Job made.
    pub last_schedule_time: Option<Instant>,
    /// Last success.
    pub last_successful_time: Option<Instant>,
}

/// An object by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// Name.
    pub name: String,
}

/// A Job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeanJob {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: JobSpec,
    /// Status.
    pub status: JobStatus,
}

/// Spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobSpec {
    /// Pods at once; 1 where it is not set.
    pub parallelism: Option<u32>,
    /// Successes wanted; one of any number when absent.
    pub completions: Option<u32>,
    /// Suspended.
    pub suspend: bool,
    /// Template.
    pub template: Template,
}

/// Status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobStatus {
    /// Pods that run.
    pub active: u32,
    /// Of them ready.
    pub ready: u32,
    /// Pods that succeeded.
    pub succeeded: u32,
    /// Pods that failed.
    pub failed: u32,
    /// Began.
    pub start_time: Option<Instant>,
    /// Succeeded at.
    pub completion_time: Option<Instant>,
    /// Conditions.
    pub conditions: Vec<Condition>,
}
