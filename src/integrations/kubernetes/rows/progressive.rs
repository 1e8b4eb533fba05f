//! Where an Argo Rollout stands: the controller's own phase and words, and what it does between two revisions.
//!
//! Source: argo-rollouts 1.10 `utils/rollout/rolloututil.go` (`GetRolloutPhase`, with its fallback for controllers that
//! do not write a phase), `utils/replicaset/canary.go` (`GetCurrentSetWeight`). The controller counts a promoted rollout
//! with too few pods as progressing; here it is degraded, as for every other kind.

use chrono::TimeDelta;
use serde_json::Value;

use crate::domain::Text;
use crate::domain::rollout::{Pause, Progressive, RolloutPhase, RolloutStatus, Strategy};
use crate::domain::text::clean;
use crate::domain::time::span_fine;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::argo_rollout::{AnalysisStatus, LeanRollout, Step};
use crate::integrations::kubernetes::lean::condition;

/// Generation of the referenced workload, put on the Rollout by the controller.
const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";

/// Counts and phase.
pub fn status(object: &LeanRollout) -> RolloutStatus {
    let status = &object.status;
    let desired = object.spec.replicas.unwrap_or(1);
    let completed = condition(&status.conditions, "Progressing").filter(|c| c.reason == "NewReplicaSetAvailable");
    RolloutStatus {
        desired,
        total: status.replicas,
        updated: status.updated_replicas,
        // Stable and new pods together may be twice as many as are wanted.
        ready: status.ready_replicas.min(desired),
        available: status.available_replicas.min(desired),
        phase: phase(object),
        since: completed.and_then(|progress| progress.last_update_time),
    }
}

fn is_promoted(object: &LeanRollout) -> bool {
    !object.status.stable_rs.is_empty() && object.status.stable_rs == object.status.current_pod_hash
}

/// Is what the status says about the spec as it is now?
fn is_observed(object: &LeanRollout) -> bool {
    let generation = object.metadata.generation;
    // Old controllers write a hash, which may be a number by accident.
    let spec = object.status.observed_generation.parse::<i64>().is_ok_and(|observed| observed < generation);
    let wanted = object.metadata.annotations.get(WORKLOAD_GENERATION).and_then(|wanted| wanted.parse::<i64>().ok());
    let seen = object.status.workload_observed_generation.parse::<i64>().ok();
    let workload = object.spec.workload_ref.is_some() && matches!((wanted, seen), (Some(a), Some(b)) if a != b);
    !spec && !workload
}

fn phase(object: &LeanRollout) -> RolloutPhase {
    let status = &object.status;
    if !is_observed(object) {
        return RolloutPhase::Unobserved;
    }
    if status.controller_pause && status.pause_conditions.is_empty() {
        return RolloutPhase::Progressing { waiting_for: "the controller to go on".into() };
    }
    let calculated;
    let (phase, message) = if status.phase.is_empty() {
        calculated = calculate(object);
        (calculated.0, calculated.1.as_str())
    } else {
        (status.phase.as_str(), status.message.as_str())
    };
    match phase {
        "Healthy" => RolloutPhase::Complete,
        "Paused" => RolloutPhase::Paused,
        "Degraded" => degraded(message),
        _ if is_promoted(object) && status.available_replicas < status.updated_replicas => RolloutPhase::Degraded {
            why: format!("{} of {} pods available", status.available_replicas, status.updated_replicas).into(),
        },
        _ => RolloutPhase::Progressing { waiting_for: waiting_for(object, message) },
    }
}

fn degraded(message: &str) -> RolloutPhase {
    let message = clean(message);
    let words = |of: &str| message.strip_prefix(of).and_then(|rest| rest.strip_prefix(": ")).map(str::to_owned);
    if let Some(why) = words("RolloutAborted") {
        return RolloutPhase::Degraded { why: format!("aborted: {why}").into() };
    }
    if let Some(why) = words("ProgressDeadlineExceeded") {
        return RolloutPhase::Stuck { why: why.into() };
    }
    if let Some(why) = words("InvalidSpec") {
        return RolloutPhase::Stuck { why: format!("invalid spec: {why}").into() };
    }
    let why = if message.is_empty() { "degraded, as the controller says".into() } else { message };
    RolloutPhase::Degraded { why: why.into() }
}

/// The controller's words, so that they follow after "waits for".
fn waiting_for(object: &LeanRollout, message: &str) -> Text {
    let status = &object.status;
    let desired = object.spec.replicas.unwrap_or(1);
    let message = clean(message);
    match &*message {
        "more replicas need to be updated" => {
            format!("{} of {desired} new pods created", status.updated_replicas).into()
        }
        "updated replicas are still becoming available" => {
            let updated = status.updated_replicas.max(1);
            format!("{updated} new {} to be available", if updated == 1 { "pod" } else { "pods" }).into()
        }
        "old replicas are pending termination" => {
            format!("{} old pods to end", status.replicas.saturating_sub(status.updated_replicas)).into()
        }
        "active service cutover pending" => "the active service to switch".into(),
        "rollout is restarting" => "pods to restart".into(),
        other => match other.strip_prefix("waiting for ") {
            Some(rest) => rest.into(),
            None if other.is_empty() => "its controller".into(),
            None => other.into(),
        },
    }
}

/// What controllers before 1.0 leave to the client.
fn calculate(object: &LeanRollout) -> (&'static str, String) {
    let (spec, status) = (&object.spec, &object.status);
    let desired = spec.replicas.unwrap_or(1);
    for condition in &status.conditions {
        if condition.kind == "InvalidSpec" {
            return ("Degraded", format!("InvalidSpec: {}", condition.message));
        }
        if matches!(condition.reason.as_str(), "RolloutAborted" | "ProgressDeadlineExceeded") {
            return ("Degraded", format!("{}: {}", condition.reason, condition.message));
        }
    }
    if spec.paused || !status.pause_conditions.is_empty() {
        return ("Paused", String::new());
    }
    let progressing = |message: &str| ("Progressing", message.to_owned());
    if spec.restart_at.is_some() && spec.restart_at != status.restarted_at {
        return progressing("rollout is restarting");
    }
    if status.updated_replicas < desired {
        return progressing("more replicas need to be updated");
    }
    if status.available_replicas < status.updated_replicas {
        return progressing("updated replicas are still becoming available");
    }
    if spec.strategy.blue_green.is_some() {
        if status.blue_green.active_selector != status.current_pod_hash {
            return progressing("active service cutover pending");
        }
        if !is_promoted(object) {
            return progressing("waiting for verification after promotion");
        }
    } else if let Some(canary) = &spec.strategy.canary {
        if canary.traffic_routing.is_none() && status.replicas > status.updated_replicas {
            return progressing("old replicas are pending termination");
        }
        if !is_promoted(object) {
            return progressing("waiting for all steps to complete");
        }
    }
    ("Healthy", String::new())
}

/// What is between the two revisions.
pub fn progressive(pool: &mut Interner, object: &LeanRollout) -> Progressive {
    let (spec, status) = (&object.spec, &object.status);
    let strategy = match (&spec.strategy.canary, &spec.strategy.blue_green) {
        (_, Some(_)) => Strategy::BlueGreen {
            active: pool.text(&status.blue_green.active_selector),
            preview: pool.text(&status.blue_green.preview_selector),
        },
        (canary, None) => {
            let steps = canary.as_ref().map_or(&[][..], |canary| &canary.steps);
            let routing = canary.as_ref().and_then(|canary| canary.traffic_routing.as_ref());
            let whole = routing.and_then(|routing| routing.max_traffic_weight).unwrap_or(100);
            let at = status.current_step_index.unwrap_or(0) as usize;
            let actual = status.canary.weights.as_ref().filter(|_| routing.is_some()).map(|w| w.canary.weight);
            Strategy::Canary {
                step: at.min(steps.len()) as u32,
                steps: steps.len() as u32,
                weight: if is_promoted(object) { whole } else { actual.unwrap_or(set_weight(object, steps, whole)) },
                weight_of: whole,
                doing: steps.get(at).filter(|_| !status.abort && !is_promoted(object)).map(|step| words(step).into()),
            }
        }
    };
    let run = [
        &status.canary.current_step_analysis_run_status,
        &status.canary.current_background_analysis_run_status,
        &status.blue_green.pre_promotion_analysis_run_status,
        &status.blue_green.post_promotion_analysis_run_status,
    ];
    let mut runs: Vec<&AnalysisStatus> =
        run.into_iter().flatten().filter(|run| !matches!(run.status.as_str(), "" | "Successful")).collect();
    // The one that went wrong says more than one that still runs.
    runs.sort_by_key(|run| matches!(run.status.as_str(), "Running" | "Pending"));
    Progressive {
        strategy,
        current: pool.text(&status.current_pod_hash),
        stable: pool.text(&status.stable_rs),
        aborted: status.abort,
        pause: pause(object),
        promoting: status.promote_full,
        analysis: runs.first().map(|run| {
            let message = if run.message.is_empty() { String::new() } else { format!(": {}", run.message) };
            clean(&format!("{} {}{message}", run.name, run.status)).into()
        }),
        message: pool.non_empty(Some(&status.message)),
        template_of: spec
            .workload_ref
            .as_ref()
            .map(|workload| pool.text(&format!("{}/{}", workload.kind, workload.name))),
    }
}

/// The weight that the steps so far ask for.
fn set_weight(object: &LeanRollout, steps: &[Step], whole: u32) -> u32 {
    let at = object.status.current_step_index.unwrap_or(0) as usize;
    if object.status.abort {
        return 0;
    }
    match steps.get(..=at) {
        Some(done) => done.iter().rev().find_map(|step| step.set_weight).unwrap_or(0),
        None => whole,
    }
}

fn words(step: &Step) -> String {
    if let Some(weight) = step.set_weight {
        return format!("set weight {weight}");
    }
    if let Some(pause) = &step.pause {
        return match pause.duration.as_ref().and_then(seconds) {
            Some(seconds) => format!("pause {}", span_fine(seconds)),
            None => "pause".to_owned(),
        };
    }
    let others = [
        (step.experiment.is_some(), "experiment"),
        (step.analysis.is_some(), "analysis"),
        (step.set_canary_scale.is_some(), "set canary scale"),
        (step.set_header_route.is_some(), "set header route"),
        (step.set_mirror_route.is_some(), "set mirror route"),
        (step.plugin.is_some(), "plugin"),
    ];
    others.into_iter().find(|(is, _)| *is).map_or("step", |(_, word)| word).to_owned()
}

/// Seconds of a step's duration: a number, a number in a string, or Go's `1h30m`.
fn seconds(duration: &Value) -> Option<i64> {
    match duration {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text
            .parse()
            .ok()
            .or_else(|| humantime::parse_duration(text).ok().and_then(|span| i64::try_from(span.as_secs()).ok())),
        _ => None,
    }
}

fn pause(object: &LeanRollout) -> Option<Pause> {
    let (spec, status) = (&object.spec, &object.status);
    let pause = |why: &str, since, lasts: Option<i64>| Pause {
        why: why.into(),
        since,
        until: since.zip(lasts).and_then(|(since, lasts)| since.checked_add_signed(TimeDelta::try_seconds(lasts)?)),
    };
    let Some(condition) = status.pause_conditions.first() else {
        return spec.paused.then(|| pause("by hand, until it is resumed", None, None));
    };
    let since = condition.start_time;
    Some(match condition.reason.as_str() {
        // Both at once: promotion alone would not move it.
        _ if spec.paused => pause("by hand, until it is resumed", since, None),
        "CanaryPauseStep" => {
            let at = status.current_step_index.unwrap_or(0) as usize;
            let step = spec.strategy.canary.as_ref().and_then(|canary| canary.steps.get(at)?.pause.as_ref());
            let lasts = step.and_then(|step| step.duration.as_ref()).and_then(seconds);
            pause(if lasts.is_some() { "for a while" } else { "until it is promoted" }, since, lasts)
        }
        "BlueGreenPause" => {
            let lasts = spec.strategy.blue_green.as_ref().and_then(|blue_green| blue_green.auto_promotion_seconds);
            let why = if lasts.is_some() { "for a while" } else { "until it is promoted" };
            pause(why, since, lasts.map(i64::from))
        }
        "InconclusiveAnalysisRun" => pause("its analysis is inconclusive, promote or abort it", since, None),
        "InconclusiveExperiment" => pause("its experiment is inconclusive, promote or abort it", since, None),
        other => pause(&clean(other), since, None),
    })
}

#[cfg(test)]
#[path = "progressive_tests.rs"]
mod tests;
