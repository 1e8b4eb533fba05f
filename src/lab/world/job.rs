//! The Job controller: pods that run to completion, tried again with growing pauses, counted until
//! enough have succeeded or too many have failed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::events::Happening;
use super::naming;
use super::object::{
    field, instant, int_or, is_deleting, is_set, is_true, items, name, namespace, set_condition, stamp, text, uid,
};
use super::pods::{from_template, is_active, is_ready, restarts};
use super::turn::{Refused, Turn};
use crate::lab::kubernetes::resources::{JOBS, PODS};

/// The pause before the second try; it doubles with each failure, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: i64 = 10;
/// Six minutes, as the real controller's.
const LONGEST_PAUSE: i64 = 360;
const CONTROLLER: &str = "job-controller";

/// Brings every Job a step towards its end.
pub fn run(turn: &Turn<'_>) {
    for job in turn.all(&JOBS) {
        if is_deleting(&job) {
            continue;
        }
        if is_finished(&job) {
            expire(turn, &job);
        } else {
            sync(turn, &job);
        }
    }
}

/// Whether a Job has completed or failed for good.
pub fn is_finished(job: &Value) -> bool {
    is_true(job, "Complete") || is_true(job, "Failed")
}

/// Removes a Job and its pods.
pub fn remove(turn: &Turn<'_>, job: &Value) {
    for pod in turn.controlled(&PODS, job) {
        turn.delete_pod(&pod);
    }
    // Somebody else may have removed it.
    let _ = turn.store.delete(&JOBS, namespace(job), name(job));
}

/// `ttlSecondsAfterFinished`.
fn expire(turn: &Turn<'_>, job: &Value) {
    let Some(ttl) = field(job, "/spec/ttlSecondsAfterFinished").and_then(Value::as_i64) else { return };
    let ended = items(job, "/status/conditions").iter().filter_map(|c| instant(c, "/lastTransitionTime")).max();
    let due = ended.unwrap_or(turn.now) + TimeDelta::seconds(ttl);
    if due <= turn.now {
        remove(turn, job);
    } else {
        turn.wake_at(due);
    }
}

/// The pods of a Job, counted.
struct Count {
    active: Vec<Arc<Value>>,
    succeeded: i64,
    failed: i64,
    /// Failures, with those that ended only in a restart of a container.
    tries: i64,
    last_failure: Option<DateTime<Utc>>,
}

impl Count {
    fn of(pods: &[Arc<Value>], job: &Value) -> Self {
        let phase = |wanted: &'static str| pods.iter().filter(move |pod| text(pod, "/status/phase") == wanted);
        let active: Vec<_> = pods.iter().filter(|pod| is_active(pod)).cloned().collect();
        let failed = number(phase("Failed").count());
        let in_place = text(job, "/spec/template/spec/restartPolicy") == "OnFailure";
        let again: i64 = if in_place { active.iter().map(|pod| restarts(pod)).sum() } else { 0 };
        let ended = |pod: &Arc<Value>| {
            items(pod, "/status/containerStatuses")
                .iter()
                .filter_map(|status| instant(status, "/state/terminated/finishedAt"))
                .max()
        };
        let last_failure = phase("Failed").filter_map(ended).max();
        Self { active, succeeded: number(phase("Succeeded").count()), failed, tries: failed + again, last_failure }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An end: the type of the condition, its reason, its message.
type End = (&'static str, &'static str, &'static str);

fn sync(turn: &Turn<'_>, job: &Value) {
    let pods = turn.controlled(&PODS, job);
    let mut count = Count::of(&pods, job);
    let suspended = is_set(job, "/spec/suspend");
    let started = instant(job, "/status/startTime").filter(|_| !suspended);
    let started = started.or((!suspended).then_some(turn.now));
    let completions = int_or(job, "/spec/completions", 1);
    let end = end(turn, job, &count, started, completions);
    if end.is_some() || suspended {
        for pod in count.active.drain(..) {
            turn.delete_pod(&pod);
        }
    } else {
        make_pods(turn, job, &mut count, completions);
    }
    write_status(turn, job, &count, started, suspended, end);
}

fn end(turn: &Turn<'_>, job: &Value, count: &Count, started: Option<DateTime<Utc>>, completions: i64) -> Option<End> {
    let deadline = field(job, "/spec/activeDeadlineSeconds").and_then(Value::as_i64);
    let overdue = deadline.zip(started).is_some_and(|(seconds, started)| {
        let due = started + TimeDelta::seconds(seconds);
        turn.wake_at(due);
        due <= turn.now
    });
    match () {
        () if count.succeeded >= completions => {
            Some(("Complete", "CompletionsReached", "Reached expected number of succeeded pods"))
        }
        () if count.tries > int_or(job, "/spec/backoffLimit", 6) => {
            Some(("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"))
        }
        () if overdue => Some(("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")),
        () => None,
    }
}

fn make_pods(turn: &Turn<'_>, job: &Value, count: &mut Count, completions: i64) {
    let pause = (FIRST_PAUSE << (count.failed - 1).clamp(0, 10)).min(LONGEST_PAUSE);
    if let Some(again) = count.last_failure.map(|last| last + TimeDelta::seconds(pause))
        && again > turn.now
    {
        return turn.wake_at(again);
    }
    let wanted = int_or(job, "/spec/parallelism", 1).min(completions - count.succeeded);
    for index in number(count.active.len())..wanted {
        let prefix = format!("{}-", name(job));
        let seed = naming::digest(&[uid(job), &turn.store.version().to_string(), &index.to_string()]);
        let pod =
            from_template(job, &job["spec"]["template"], &format!("{prefix}{}", naming::suffix(seed)), Some(&prefix));
        match turn.create_pod(pod) {
            Ok(pod) => {
                let message = format!("Created pod: {}", name(&pod));
                turn.event(job, &Happening::normal(CONTROLLER, "SuccessfulCreate", &message));
                count.active.push(pod);
            }
            Err(Refused::Taken) => {}
            Err(Refused::Forbidden(why)) => {
                let message = format!("Error creating: {why}");
                turn.remind(job, &Happening::warning(CONTROLLER, "FailedCreate", &message));
                turn.wake_at(turn.now + TimeDelta::seconds(5));
                return;
            }
        }
    }
}

fn write_status(
    turn: &Turn<'_>,
    job: &Value,
    count: &Count,
    started: Option<DateTime<Utc>>,
    suspended: bool,
    end: Option<End>,
) {
    let mut after = job.clone();
    let ready = count.active.iter().filter(|pod| is_ready(pod)).count();
    let conditions = job["status"].get("conditions").cloned();
    after["status"] = json!({"ready": ready, "terminating": 0, "uncountedTerminatedPods": {}});
    for (field, value) in
        [("active", number(count.active.len())), ("succeeded", count.succeeded), ("failed", count.failed)]
    {
        if value > 0 {
            after["status"][field] = json!(value);
        }
    }
    if let Some(started) = started {
        after["status"]["startTime"] = json!(stamp(started));
    }
    if let Some(conditions) = conditions {
        after["status"]["conditions"] = conditions;
    }
    let mut say = |kind: &str, holds: bool, reason: &str, message: &str| {
        let truth = if holds { "True" } else { "False" };
        let condition = json!({"type": kind, "status": truth, "reason": reason, "message": message, "lastProbeTime": stamp(turn.now)});
        set_condition(&mut after, condition, turn.now);
    };
    let was_suspended = is_true(job, "Suspended");
    if suspended && !was_suspended {
        say("Suspended", true, "JobSuspended", "Job suspended");
        turn.event(job, &Happening::normal(CONTROLLER, "Suspended", "Job suspended"));
    } else if !suspended && was_suspended {
        say("Suspended", false, "JobResumed", "Job resumed");
        turn.event(job, &Happening::normal(CONTROLLER, "Resumed", "Job resumed"));
    }
    if let Some((kind, reason, message)) = end {
        say(kind, true, reason, message);
        if kind == "Complete" {
            after["status"]["completionTime"] = json!(stamp(turn.now));
            turn.event(job, &Happening::normal(CONTROLLER, "Completed", "Job completed"));
        } else {
            turn.event(job, &Happening::warning(CONTROLLER, reason, message));
        }
    }
    if after["status"] != job["status"] {
        let status = after["status"].take();
        turn.modify(&JOBS, job, |job| job["status"] = status);
    }
}
