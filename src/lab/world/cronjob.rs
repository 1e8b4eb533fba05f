//! The CronJob controller: a Job when the schedule says so, as far as the concurrency policy lets
//! it, and no more finished ones than the history limits keep.

use std::sync::Arc;

use serde_json::{Value, json};

use super::events::Happening;
use super::job;
use super::object::{
    annotate, controlled_by, field, instant, int_or, is_deleting, is_set, is_true, items, name, namespace, stamp, text,
    uid,
};
use super::schedule::Schedule;
use super::turn::Turn;
use crate::lab::kubernetes::resources::{CRONJOBS, JOBS};

const CONTROLLER: &str = "cronjob-controller";

/// Runs what is due and keeps the status of every CronJob.
pub fn run(turn: &Turn<'_>) {
    for cron in turn.all(&CRONJOBS) {
        if !is_deleting(&cron) {
            sync(turn, &cron);
        }
    }
}

fn sync(turn: &Turn<'_>, cron: &Value) {
    let jobs = turn.controlled(&JOBS, cron);
    let mut after = cron.clone();
    settle(turn, cron, &mut after, &jobs);
    forget(turn, cron, &jobs);
    if !is_set(cron, "/spec/suspend") {
        start_due(turn, cron, &mut after, &jobs);
    }
    if after["status"] != cron["status"] {
        let status = after["status"].take();
        turn.modify(&CRONJOBS, cron, |cron| cron["status"] = status);
    }
}

/// Takes what ended out of `status.active`.
fn settle(turn: &Turn<'_>, cron: &Value, after: &mut Value, jobs: &[Arc<Value>]) {
    let mut active = items(cron, "/status/active").to_vec();
    active.retain(|reference| {
        let Some(job) = jobs.iter().find(|job| uid(job) == text(reference, "/uid")) else {
            let message = format!("Active job went missing: {}", text(reference, "/name"));
            turn.event(cron, &Happening::normal(CONTROLLER, "MissingJob", &message));
            return false;
        };
        if !job::is_finished(job) {
            return true;
        }
        let how = if is_true(job, "Complete") { "Complete" } else { "Failed" };
        let message = format!("Saw completed job: {}, condition: {how}", name(job));
        turn.event(cron, &Happening::normal(CONTROLLER, "SawCompletedJob", &message));
        if how == "Complete" {
            after["status"]["lastSuccessfulTime"] = job["status"]["completionTime"].clone();
        }
        false
    });
    set_active(after, &active);
}

fn set_active(cron: &mut Value, active: &[Value]) {
    if !active.is_empty() {
        cron["status"]["active"] = json!(active);
    } else if let Some(status) = cron["status"].as_object_mut() {
        status.remove("active");
    }
}

/// The history limits: the oldest finished Jobs go.
fn forget(turn: &Turn<'_>, cron: &Value, jobs: &[Arc<Value>]) {
    for (kind, limit, fallback) in
        [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
    {
        let mut ended: Vec<_> = jobs.iter().filter(|job| is_true(job, kind)).collect();
        ended.sort_by_key(|job| (text(job, "/status/startTime").to_owned(), name(job).to_owned()));
        let kept = usize::try_from(int_or(cron, &format!("/spec/{limit}"), fallback)).unwrap_or(0);
        for job in ended.iter().take(ended.len().saturating_sub(kept)) {
            job::remove(turn, job);
            let message = format!("Deleted job {}", name(job));
            turn.event(cron, &Happening::normal(CONTROLLER, "SuccessfulDelete", &message));
        }
    }
}

fn start_due(turn: &Turn<'_>, cron: &Value, after: &mut Value, jobs: &[Arc<Value>]) {
    let Ok(schedule) = text(cron, "/spec/schedule").parse::<Schedule>() else {
        let message = format!("unparseable schedule: {}", text(cron, "/spec/schedule"));
        turn.remind(cron, &Happening::warning(CONTROLLER, "UnparseableSchedule", &message));
        return;
    };
    if let Some(next) = schedule.after(turn.now) {
        turn.wake_at(next);
    }
    let last = instant(cron, "/status/lastScheduleTime").or_else(|| instant(cron, "/metadata/creationTimestamp"));
    let Some(due) = schedule.until(turn.now).filter(|due| last.is_none_or(|last| *due > last)) else { return };
    let late = (turn.now - due).num_seconds();
    if field(cron, "/spec/startingDeadlineSeconds").and_then(Value::as_i64).is_some_and(|most| late > most) {
        return;
    }
    let mut active = items(after, "/status/active").to_vec();
    match text(cron, "/spec/concurrencyPolicy") {
        "Forbid" if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            turn.remind(cron, &Happening::normal(CONTROLLER, "JobAlreadyActive", message));
            return;
        }
        "Replace" => {
            for running in active.drain(..) {
                if let Some(job) = jobs.iter().find(|job| uid(job) == text(&running, "/uid")) {
                    job::remove(turn, job);
                    let message = format!("Deleted job {}", name(job));
                    turn.event(cron, &Happening::normal(CONTROLLER, "SuccessfulDelete", &message));
                }
            }
        }
        _ => {}
    }
    let mut wanted = job_of(cron, &format!("{}-{}", name(cron), due.timestamp() / 60));
    annotate(&mut wanted, "batch.kubernetes.io/cronjob-scheduled-timestamp", &stamp(due));
    if let Ok(job) = turn.store.create(&JOBS, wanted) {
        let message = format!("Created job {}", name(&job));
        turn.event(cron, &Happening::normal(CONTROLLER, "SuccessfulCreate", &message));
        active.push(json!({
            "apiVersion": "batch/v1", "kind": "Job", "name": name(&job), "namespace": namespace(&job), "uid": uid(&job),
            "resourceVersion": text(&job, "/metadata/resourceVersion"),
        }));
    }
    set_active(after, &active);
    after["status"]["lastScheduleTime"] = json!(stamp(due));
}

/// A Job from the template of a CronJob.
fn job_of(cron: &Value, job_name: &str) -> Value {
    let template = &cron["spec"]["jobTemplate"];
    let mut job = json!({
        "metadata": {"name": job_name, "namespace": namespace(cron), "ownerReferences": [controlled_by(cron)]},
        "spec": template["spec"],
        "status": {},
    });
    for map in ["labels", "annotations"] {
        if template["metadata"][map].is_object() {
            job["metadata"][map] = template["metadata"][map].clone();
        }
    }
    job
}
