//! What a Rollout says about itself: its step, pauses, abort, conditions and phase, and how these
//! follow from what people wrote into its status.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::revisions::number;
use super::{Family, Plan, step_index, steps, weight};
use crate::lab::kubernetes::resources::ROLLOUTS;
use crate::lab::world::events::Happening;
use crate::lab::world::naming::template_hash;
use crate::lab::world::object::{condition, instant, int, int_or, is_set, items, name, stamp, text};
use crate::lab::world::turn::Turn;

const CONTROLLER: &str = "rollouts-controller";
/// The one reason for which this controller pauses.
const AT_STEP: &str = "CanaryPauseStep";

/// Everything that one look decides.
struct Next<'a> {
    turn: &'a Turn<'a>,
    rollout: &'a Value,
    family: &'a Family,
    plan: Plan,
    status: Value,
}

/// Whether the template and the steps are those that the status speaks of.
pub(super) fn is_known(rollout: &Value, family: &Family) -> bool {
    text(rollout, "/status/currentPodHash") == family.current()
        && text(rollout, "/status/currentStepHash") == step_hash(rollout)
}

fn step_hash(rollout: &Value) -> String {
    template_hash(&json!({"spec": steps(rollout)}), 0)
}

/// `checkPausedConditions`: pausing and resuming stop the deadline's clock, a retry ends an abort.
pub(super) fn note_pause(turn: &Turn<'_>, rollout: &Arc<Value>) -> Arc<Value> {
    let reason = condition(rollout, "Progressing").map(|c| text(c, "/reason")).unwrap_or_default();
    let paused = is_set(rollout, "/spec/paused") || !items(rollout, "/status/pauseConditions").is_empty();
    let aborted = reason == "RolloutAborted";
    let mut news: Vec<(&str, &str, &str, &str)> = Vec::new();
    match (paused, reason == "RolloutPaused") {
        (true, false) if !aborted => news.push(("Progressing", "Unknown", "RolloutPaused", "Rollout is paused")),
        (false, true) => news.push(("Progressing", "Unknown", "RolloutResumed", "Rollout is resumed")),
        _ => {}
    }
    if aborted && !is_set(rollout, "/status/abort") {
        news.push(("Progressing", "Unknown", "RolloutRetry", "Retrying Rollout after abort"));
    }
    let said = condition(rollout, "Paused").is_some_and(|c| c["status"] == "True");
    if said != (paused && !aborted) {
        let truth = if paused { "True" } else { "False" };
        news.push(("Paused", truth, "RolloutPaused", "Rollout is paused"));
    }
    let mut status = rollout["status"].clone();
    for (kind, truth, reason, message) in news {
        set(&mut status, kind, truth, reason, message, turn.now);
    }
    if status == rollout["status"] {
        return rollout.clone();
    }
    turn.modify(&ROLLOUTS, rollout, |rollout| rollout["status"] = status).unwrap_or_else(|| rollout.clone())
}

/// `syncRolloutStatusCanary`.
pub(super) fn write(turn: &Turn<'_>, rollout: &Value, family: &Family, plan: Plan) {
    let mut next = Next { turn, rollout, family, plan, status: counts(rollout, family) };
    if is_known(rollout, family) || family.new.is_none() {
        next.go_on();
    } else {
        next.begin();
    }
    next.conditions();
    let (phase, message) = next.phase();
    next.status["phase"] = json!(phase);
    if !message.is_empty() {
        next.status["message"] = json!(message);
    }
    let status = next.status;
    if status != rollout["status"] {
        turn.modify(&ROLLOUTS, rollout, |rollout| rollout["status"] = status);
    }
}

/// `calculateBaseStatus`.
fn counts(rollout: &Value, family: &Family) -> Value {
    let sum = |field: &str| -> i64 { family.all().map(|set| int(set, &format!("/status/{field}"))).sum() };
    let old = &rollout["status"];
    let current = if family.new.is_some() { json!(family.current()) } else { old["currentPodHash"].clone() };
    let selector = rollout["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<_> =
        selector.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let mut status = json!({
        "blueGreen": {},
        "canary": {},
        "observedGeneration": int(rollout, "/metadata/generation").to_string(),
        "HPAReplicas": sum("replicas"),
        "replicas": sum("replicas"),
        "readyReplicas": sum("readyReplicas"),
        "availableReplicas": sum("availableReplicas"),
        "updatedReplicas": family.new.as_deref().map_or(0, |new| int(new, "/status/replicas")),
        "selector": selector.join(","),
        "currentPodHash": current,
        "currentStepHash": step_hash(rollout),
    });
    for kept in ["stableRS", "conditions", "collisionCount", "restartedAt", "currentStepIndex"] {
        if let Some(value) = old.get(kept) {
            status[kept] = value.clone();
        }
    }
    status
}

impl Next<'_> {
    fn say(&self, warning: bool, reason: &str, message: &str) {
        self.turn.event(self.rollout, &Happening { warning, ..Happening::normal(CONTROLLER, reason, message) });
    }

    fn at_step(&mut self, index: usize) {
        if !steps(self.rollout).is_empty() {
            self.status["currentStepIndex"] = json!(index);
        }
    }

    fn is_promoted(&self) -> bool {
        !text(&self.status, "/stableRS").is_empty()
            && text(&self.status, "/stableRS") == text(&self.status, "/currentPodHash")
    }

    /// `resetRolloutStatus`: another template, or other steps. Abort, pauses and promotion are over.
    fn begin(&mut self) {
        if self.is_promoted() {
            self.say(false, "SkipSteps", "Rollback to stable");
            self.at_step(steps(self.rollout).len());
        } else {
            self.at_step(0);
        }
    }

    /// The same template as before: promote, abort, or go through the steps.
    fn go_on(&mut self) {
        let (rollout, steps) = (self.rollout, steps(self.rollout));
        let full = is_set(rollout, "/status/promoteFull") && !self.is_promoted();
        let aborted = is_set(rollout, "/status/abort") && !full;
        let mut index = step_index(rollout);
        if full {
            self.status["promoteFull"] = json!(true);
            index = steps.len();
        }
        if let Some(why) = self.should_promote(full, aborted, index) {
            return self.promote(&why);
        }
        if aborted {
            return self.abort();
        }
        let pauses = !full && self.pause(index);
        if !pauses && !is_set(rollout, "/spec/paused") && self.is_step_over(index) {
            index += 1;
            let message = format!("Rollout step {index}/{} completed ({})", steps.len(), shown(&steps[index - 1]));
            self.say(false, "RolloutStepCompleted", &message);
            // The next pause is another one.
            if let Some(status) = self.status.as_object_mut() {
                status.remove("pauseConditions");
                status.remove("controllerPause");
            }
        }
        self.at_step(index);
    }

    /// `shouldFullPromote`: why the new revision becomes the stable one, if it does.
    fn should_promote(&self, full: bool, aborted: bool, index: usize) -> Option<String> {
        let new = self.family.new.as_deref()?;
        if aborted || int(new, "/status/availableReplicas") != self.plan.replicas || self.is_promoted() {
            return None;
        }
        let count = steps(self.rollout).len();
        match () {
            () if text(&self.status, "/stableRS").is_empty() => Some("Initial deploy".to_owned()),
            () if full => Some("Full promotion requested".to_owned()),
            () if index >= count => Some(format!("Completed all {count} canary steps")),
            () => None,
        }
    }

    fn promote(&mut self, why: &str) {
        let Some(new) = self.family.new.as_deref() else { return };
        let (number, hash) = (number(new), self.family.current());
        let message = format!("Rollout completed update to revision {number} ({hash}): {why}");
        self.say(false, "RolloutCompleted", &message);
        self.status["stableRS"] = json!(hash);
        if let Some(status) = self.status.as_object_mut() {
            status.remove("promoteFull");
        }
        self.at_step(steps(self.rollout).len());
    }

    fn abort(&mut self) {
        self.status["abort"] = json!(true);
        let since = text(self.rollout, "/status/abortedAt");
        self.status["abortedAt"] = json!(if since.is_empty() { stamp(self.turn.now) } else { since.to_owned() });
        let index = if self.is_promoted() { steps(self.rollout).len() } else { 0 };
        self.at_step(index);
    }

    /// `reconcileCanaryPause` and `CalculatePauseStatus`: keeps a pause, or begins the one of the
    /// current step. Says whether the rollout pauses now and its step is not over.
    fn pause(&mut self, index: usize) -> bool {
        let kept = items(self.rollout, "/status/pauseConditions");
        if !kept.is_empty() {
            self.status["pauseConditions"] = json!(kept);
            self.status["controllerPause"] = self.rollout["status"]["controllerPause"].clone();
            return false;
        }
        let pauses = steps(self.rollout).get(index).is_some_and(|step| step["pause"].is_object());
        if !pauses || is_set(self.rollout, "/status/controllerPause") || is_set(self.rollout, "/spec/paused") {
            return false;
        }
        self.status["pauseConditions"] = json!([{"reason": AT_STEP, "startTime": stamp(self.turn.now)}]);
        self.status["controllerPause"] = json!(true);
        self.say(false, "RolloutPaused", &format!("Rollout is paused ({AT_STEP})"));
        true
    }

    /// `completedCurrentCanaryStep`.
    fn is_step_over(&self, index: usize) -> bool {
        let Some(step) = steps(self.rollout).get(index) else { return false };
        if self.is_promoted() {
            return false;
        }
        if step["setWeight"].is_number() {
            return weight::is_reached(self.rollout, self.family, self.plan);
        }
        if !step["pause"].is_object() {
            return true;
        }
        let paused = items(self.rollout, "/status/pauseConditions").iter().find(|pause| pause["reason"] == AT_STEP);
        match (paused, seconds(&step["pause"]["duration"])) {
            // Somebody cleared the pause.
            (None, _) => is_set(self.rollout, "/status/controllerPause"),
            (Some(_), None) => false,
            (Some(pause), Some(seconds)) => {
                let over = instant(pause, "/startTime").unwrap_or(self.turn.now) + TimeDelta::seconds(seconds);
                self.turn.wake_at(over);
                over <= self.turn.now
            }
        }
    }

    /// `calculateRolloutConditions`.
    fn conditions(&mut self) {
        let now = self.turn.now;
        let (revision, hash) =
            (self.family.new.as_deref().map_or(0, number), text(&self.status, "/currentPodHash").to_owned());
        let all = self.is_promoted();
        let message = if all {
            format!("Rollout completed update to revision {revision} ({hash})")
        } else {
            format!("Rollout not completed, started update to revision {revision} ({hash})")
        };
        set(&mut self.status, "Completed", if all { "True" } else { "False" }, "RolloutCompleted", &message, now);
        let count = |field: &str| int(&self.status, &format!("/{field}"));
        let replicas = self.plan.replicas;
        let full = ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|field| count(field) == replicas);
        let healthy = full && all;
        let enough = count("availableReplicas") >= replicas;
        let (truth, message) =
            if healthy { ("True", "Rollout is healthy") } else { ("False", "Rollout is not healthy") };
        set(&mut self.status, "Healthy", truth, "RolloutHealthy", message, now);
        let (truth, message) = if enough {
            ("True", "Rollout has minimum availability")
        } else {
            ("False", "Rollout does not have minimum availability")
        };
        set(&mut self.status, "Available", truth, "AvailableReason", message, now);
        let paused = !items(&self.status, "/pauseConditions").is_empty() || is_set(self.rollout, "/spec/paused");
        if !paused {
            self.progress(healthy, revision);
        }
    }

    fn progress(&mut self, healthy: bool, revision: u64) {
        let now = self.turn.now;
        let reason = condition(self.rollout, "Progressing").map(|c| text(c, "/reason")).unwrap_or_default().to_owned();
        let new = self.family.new.as_deref().map(name).unwrap_or_default();
        if is_set(&self.status, "/abort") {
            let message = format!("Rollout aborted update to revision {revision}");
            if reason != "RolloutAborted" {
                self.say(true, "RolloutAborted", &message);
            }
            return set(&mut self.status, "Progressing", "False", "RolloutAborted", &message, now);
        }
        if healthy {
            let message = format!("ReplicaSet \"{new}\" has successfully progressed.");
            return set(&mut self.status, "Progressing", "True", "NewReplicaSetAvailable", &message, now);
        }
        let old = &self.rollout["status"];
        let moved = ["updatedReplicas", "readyReplicas", "availableReplicas"]
            .iter()
            .any(|field| int(&self.status, &format!("/{field}")) > int(old, &format!("/{field}")))
            || text(old, "/currentPodHash") != text(&self.status, "/currentPodHash")
            || old["currentStepIndex"] != self.status["currentStepIndex"]
            || matches!(&*reason, "" | "RolloutResumed" | "RolloutRetry");
        let latest = condition(self.rollout, "Progressing").and_then(|c| instant(c, "/lastUpdateTime")).unwrap_or(now);
        let due = latest + TimeDelta::seconds(int_or(self.rollout, "/spec/progressDeadlineSeconds", 600));
        if moved {
            if let Some(all) = self.status["conditions"].as_array_mut() {
                all.retain(|condition| condition["type"] != "Progressing");
            }
            let message = format!("ReplicaSet \"{new}\" is progressing.");
            set(&mut self.status, "Progressing", "True", "ReplicaSetUpdated", &message, now);
        } else if reason == "ReplicaSetUpdated" && due <= now {
            let message = format!("ReplicaSet \"{new}\" has timed out progressing.");
            set(&mut self.status, "Progressing", "False", "ProgressDeadlineExceeded", &message, now);
        } else if reason == "ReplicaSetUpdated" {
            self.turn.wake_at(due);
        }
    }

    /// `CalculateRolloutPhase`.
    fn phase(&self) -> (&'static str, String) {
        for condition in items(&self.status, "/conditions") {
            let reason = text(condition, "/reason");
            if matches!(reason, "RolloutAborted" | "ProgressDeadlineExceeded") {
                return ("Degraded", format!("{reason}: {}", text(condition, "/message")));
            }
        }
        if is_set(self.rollout, "/spec/paused") {
            return ("Paused", "manually paused".to_owned());
        }
        if let Some(pause) = items(&self.status, "/pauseConditions").first() {
            return ("Paused", text(pause, "/reason").to_owned());
        }
        let count = |field: &str| int(&self.status, &format!("/{field}"));
        let why = match () {
            () if count("updatedReplicas") < self.plan.replicas => "more replicas need to be updated",
            () if count("availableReplicas") < count("updatedReplicas") => {
                "updated replicas are still becoming available"
            }
            () if count("replicas") > count("updatedReplicas") => "old replicas are pending termination",
            () if !self.is_promoted() => "waiting for all steps to complete",
            () => return ("Healthy", String::new()),
        };
        ("Progressing", why.to_owned())
    }
}

/// A duration of a pause: a number of seconds, or text such as `10m`.
fn seconds(duration: &Value) -> Option<i64> {
    if let Some(seconds) = duration.as_i64() {
        return Some(seconds);
    }
    let text = duration.as_str()?;
    let unit = match text.chars().last()? {
        'h' => 3600,
        'm' => 60,
        _ => 1,
    };
    text.trim_end_matches(['h', 'm', 's']).parse::<i64>().ok().map(|number| number * unit)
}

/// `CanaryStepString`.
fn shown(step: &Value) -> String {
    match (step["setWeight"].as_i64(), &step["pause"]) {
        (Some(weight), _) => format!("setWeight: {weight}"),
        (None, Value::Object(pause)) => match pause.get("duration") {
            Some(Value::String(duration)) => format!("pause: {duration}"),
            Some(duration) => format!("pause: {duration}"),
            None => "pause".to_owned(),
        },
        _ => step.as_object().and_then(|step| step.keys().next().cloned()).unwrap_or_else(|| "invalid".to_owned()),
    }
}

/// `SetRolloutCondition`: nothing changes while status and reason stay.
fn set(status: &mut Value, kind: &str, truth: &str, reason: &str, message: &str, now: DateTime<Utc>) {
    let current = items(status, "/conditions").iter().find(|condition| condition["type"] == kind);
    if current.is_some_and(|c| c["status"] == truth && c["reason"] == reason) {
        return;
    }
    let since =
        current.filter(|c| c["status"] == truth).map_or_else(|| json!(stamp(now)), |c| c["lastTransitionTime"].clone());
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    if let Some(all) = status["conditions"].as_array_mut() {
        all.retain(|condition| condition["type"] != kind);
        all.push(json!({
            "type": kind, "status": truth, "reason": reason, "message": message,
            "lastUpdateTime": stamp(now), "lastTransitionTime": since,
        }));
    }
}
