//! Where CronJobs and Jobs stand. Neither has a rollout: a CronJob is well or suspended, a Job runs, ended, or failed.

use std::sync::Arc;

use super::workload::Rolling;
use crate::domain::rollout::{RolloutPhase, RolloutStatus};
use crate::domain::target::WorkloadKind;
use crate::domain::text::clean;
use crate::domain::workload::{Batch, Detail, Schedule};
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::job::{LeanCronJob, LeanJob};
use crate::integrations::kubernetes::lean::{Condition, Meta, Template};

impl Rolling for LeanCronJob {
    const KIND: WorkloadKind = WorkloadKind::CronJob;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
    fn template(&self) -> &Template {
        &self.spec.job_template.spec.template
    }
    fn rollout(&self) -> RolloutStatus {
        let active = self.status.active.len() as u32;
        RolloutStatus {
            desired: active,
            total: active,
            updated: active,
            ready: active,
            available: active,
            phase: if self.spec.suspend {
                RolloutPhase::Held { why: "suspended".into() }
            } else {
                RolloutPhase::Complete
            },
            since: self.status.last_schedule_time,
        }
    }
    fn detail(&self, pool: &mut Interner) -> Option<Detail> {
        let active: Arc<[_]> = self.status.active.iter().map(|job| clean(&job.name).into()).collect();
        Some(Detail::Schedule(Schedule {
            schedule: pool.text(&self.spec.schedule),
            time_zone: pool.non_empty(Some(&self.spec.time_zone)),
            suspended: self.spec.suspend,
            last_schedule: self.status.last_schedule_time,
            last_success: self.status.last_successful_time,
            active,
        }))
    }
}

impl LeanJob {
    fn is(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind && condition.status == "True")
    }
}

impl Rolling for LeanJob {
    const KIND: WorkloadKind = WorkloadKind::Job;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
    fn template(&self) -> &Template {
        &self.spec.template
    }
    fn rollout(&self) -> RolloutStatus {
        let (spec, status) = (&self.spec, &self.status);
        let desired = spec.completions.or(spec.parallelism).unwrap_or(1);
        // The server announces an end before the last pods are gone.
        let phase = if let Some(failed) = self.is("Failed").or_else(|| self.is("FailureTarget")) {
            let words = [failed.reason.as_str(), failed.message.as_str()];
            let words: Vec<&str> = words.into_iter().filter(|words| !words.is_empty()).collect();
            RolloutPhase::Stuck { why: clean(&format!("failed: {}", words.join(": "))).into() }
        } else if self.is("Complete").is_some() {
            RolloutPhase::Complete
        } else if spec.suspend {
            RolloutPhase::Held { why: "suspended".into() }
        } else {
            let failed = if status.failed > 0 { format!(", {} failed so far", status.failed) } else { String::new() };
            let words = format!("{} of {desired} to succeed{failed}", desired.saturating_sub(status.succeeded));
            RolloutPhase::Progressing { waiting_for: words.into() }
        };
        RolloutStatus {
            desired,
            total: status.active + status.succeeded + status.failed,
            updated: status.active + status.succeeded,
            ready: status.succeeded,
            available: status.ready,
            phase,
            since: status.start_time,
        }
    }
    fn detail(&self, pool: &mut Interner) -> Option<Detail> {
        let owner = self.metadata.controller().filter(|owner| owner.kind == "CronJob");
        let failed = self.is("Failed").and_then(|condition| condition.last_transition_time);
        Some(Detail::Batch(Batch {
            cron_job: owner.map(|owner| pool.text(&owner.name)),
            active: self.status.active,
            succeeded: self.status.succeeded,
            failed: self.status.failed,
            started: self.status.start_time,
            ended: self.status.completion_time.or(failed),
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{CronJobs, Jobs, Table};
    use super::*;
    use crate::domain::workload::WorkloadRow;
    use serde_json::{Value, json};

    fn now() -> crate::domain::time::Instant {
        "2026-01-02T00:00:00Z".parse().unwrap()
    }

    fn job(status: &Value) -> WorkloadRow {
        let object = json!({
            "metadata": {"name": "report-29461", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "controller": true}]},
            "spec": {"parallelism": 1, "completions": 1, "backoffLimit": 2, "suspend": false,
                "template": {"spec": {"containers": [{"name": "report", "image": "report:3"}]}}},
            "status": status});
        Jobs::default().row(serde_json::from_value(object).unwrap(), now()).unwrap()
    }

    #[test]
    fn a_cron_job_says_when_it_ran_and_whether_it_is_suspended() {
        let of = |suspend: bool| {
            let object = json!({
                "metadata": {"name": "report", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"},
                "spec": {"schedule": "*/30 * * * *", "timeZone": "Europe/Vienna", "suspend": suspend,
                    "concurrencyPolicy": "Forbid", "jobTemplate": {"spec": {"template": {"spec": {
                        "containers": [{"name": "report", "image": "report:3"}]}}}}},
                "status": {"active": [{"kind": "Job", "name": "report-29461"}],
                    "lastScheduleTime": "2026-01-01T23:30:00Z", "lastSuccessfulTime": "2026-01-01T23:02:00Z"}});
            CronJobs::default().row(serde_json::from_value(object).unwrap(), now()).unwrap()
        };
        let row = of(false);
        assert_eq!((row.id.short().as_str(), &row.rollout.phase), ("cj/report", &RolloutPhase::Complete));
        assert_eq!(&*row.images[0], "report:3");
        let schedule = row.schedule().unwrap();
        assert_eq!((&*schedule.schedule, schedule.time_zone.as_deref()), ("*/30 * * * *", Some("Europe/Vienna")));
        assert_eq!((&*schedule.active[0], schedule.suspended), ("report-29461", false));
        assert!(schedule.last_success < schedule.last_schedule);
        assert_eq!(of(true).rollout.phase, RolloutPhase::Held { why: "suspended".into() });
    }

    #[test]
    fn a_job_runs_ends_or_failed_and_says_why() {
        let running = job(&json!({"active": 1, "failed": 1, "startTime": "2026-01-01T23:30:00Z"}));
        let words = "1 of 1 to succeed, 1 failed so far".into();
        assert_eq!(running.rollout.phase, RolloutPhase::Progressing { waiting_for: words });
        assert_eq!(running.batch().unwrap().cron_job.as_deref(), Some("report"));
        let done = job(&json!({"succeeded": 1, "completionTime": "2026-01-01T23:32:00Z",
            "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]}));
        assert_eq!((done.rollout.phase.clone(), done.rollout.ready), (RolloutPhase::Complete, 1));
        let failed = job(&json!({"failed": 3, "conditions": [{"type": "Failed", "status": "True",
            "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit",
            "lastTransitionTime": "2026-01-01T23:40:00Z"}]}));
        let why = "failed: BackoffLimitExceeded: Job has reached the specified backoff limit";
        assert_eq!(failed.rollout.phase, RolloutPhase::Stuck { why: why.into() });
        assert_eq!(failed.batch().unwrap().ended, Some("2026-01-01T23:40:00Z".parse().unwrap()));
    }
}
