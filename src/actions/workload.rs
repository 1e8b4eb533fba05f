//! What every action on a workload reads of it: how many pods, how they move, what goes on, and how a patch insists on
//! the state that its plan was made from.

use serde::Serialize;
use serde_json::{Value, json};

use super::manifest::{at, count, items, raw};
use super::outcome::Refusal;
use super::plan::{Blast, Warning, WarningKind};
use crate::domain::target::WorkloadRef;

/// How pods move in a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// Pods that are replaced.
    pub pods: u32,
    /// At most so many missing meanwhile.
    pub max_unavailable: u32,
    /// At most so many more meanwhile.
    pub max_surge: u32,
    /// Strategy `Recreate`: all stop before the first new one starts.
    pub recreate: bool,
}

impl Moves {
    /// `6 pods, at most 1 unavailable and 2 extra`.
    pub fn words(&self) -> String {
        match (self.pods, self.recreate) {
            (0, _) => "no pods: it is scaled to 0".into(),
            (pods, true) => format!("{pods} pods, all at once"),
            (pods, false) => {
                let noun = if pods == 1 { "pod" } else { "pods" };
                format!("{pods} {noun}, at most {} unavailable and {} extra", self.max_unavailable, self.max_surge)
            }
        }
    }

    /// Whom a rollout of all pods of a workload touches.
    pub fn blast(&self, target: &WorkloadRef) -> Blast {
        Blast {
            pods: self.pods,
            of: Some(self.pods),
            workloads: 1,
            namespaces: [target.namespace.clone()].into(),
            at_once: self.recreate,
            moves: self.words(),
        }
    }
}

/// Pods that it has now, of any revision.
pub fn pods(object: &Value) -> u32 {
    count(object, &["status", "replicas"]).and_then(|pods| u32::try_from(pods).ok()).unwrap_or(0)
}

/// Has the controller yet to see the newest spec?
pub fn is_unobserved(workload: &Value) -> bool {
    match (count(workload, &["metadata", "generation"]), count(workload, &["status", "observedGeneration"])) {
        (Some(generation), observed) => observed.unwrap_or(0) < generation,
        _ => false,
    }
}

/// Is `spec.paused` set?
pub fn is_paused(workload: &Value) -> bool {
    at(workload, &["spec", "paused"]).and_then(Value::as_bool) == Some(true)
}

/// The beginning of a JSON Patch: `test` operations that fail when the workload's spec is not the one of the plan.
///
/// They compare `uid` and `generation` (it moves with every change of the spec), not `resourceVersion`: that moves with
/// every change of the *status* too, so that on a crash-looping workload a plan would be out of date before it is read.
pub fn preconditions(object: &Value) -> Result<Vec<Value>, Refusal> {
    let mut operations = Vec::new();
    let mut test = |path: &str, value: &Value| operations.push(json!({"op": "test", "path": path, "value": value}));
    if let Some(uid) = raw(object, &["metadata", "uid"]) {
        test("/metadata/uid", &json!(uid));
    }
    let precondition = ["generation", "resourceVersion"]
        .iter()
        .find_map(|key| Some((key, at(object, &["metadata", key]).filter(|value| !value.is_null())?)));
    let Some((key, value)) = precondition else {
        return Err(Refusal::Malformed("it has neither generation nor resourceVersion".into()));
    };
    test(&format!("/metadata/{key}"), value);
    Ok(operations)
}

/// How pods move; defaults and rounding as in `ResolveFenceposts` of the Deployment controller.
pub fn moves(workload: &Value) -> Moves {
    let replicas = at(workload, &["spec", "replicas"]).and_then(Value::as_u64).unwrap_or(1);
    let pods = u32::try_from(replicas).unwrap_or(u32::MAX);
    if raw(workload, &["spec", "strategy", "type"]) == Some("Recreate") {
        return Moves { pods, max_unavailable: pods, max_surge: 0, recreate: true };
    }
    let bound = |key| at(workload, &["spec", "strategy", "rollingUpdate", key]);
    let max_surge = share(bound("maxSurge"), pods, true);
    let mut max_unavailable = share(bound("maxUnavailable"), pods, false).min(pods);
    if max_surge == 0 && max_unavailable == 0 {
        max_unavailable = 1;
    }
    Moves { pods, max_unavailable, max_surge, recreate: false }
}

/// An IntOrString: a count, or a percentage of `pods` (25 % when absent).
fn share(value: Option<&Value>, pods: u32, round_up: bool) -> u32 {
    if let Some(count) = value.and_then(Value::as_u64) {
        return u32::try_from(count).unwrap_or(u32::MAX);
    }
    let percent = match value.and_then(Value::as_str) {
        Some(text) => text.strip_suffix('%').and_then(|number| number.parse::<u64>().ok()).unwrap_or(0),
        None => 25,
    };
    let product = u64::from(pods).saturating_mul(percent);
    let share = if round_up { product.div_ceil(100) } else { product / 100 };
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// Warnings about where it stands.
pub fn state_warnings(workload: &Value, unobserved: bool, moves: &Moves) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if unobserved {
        let text = "the controller has not seen the current template yet: it has no revision of its own";
        warnings.push(Warning::new(WarningKind::Unobserved, text));
    } else if let Some(text) = in_progress(workload, moves.pods) {
        warnings.push(Warning::new(WarningKind::InProgress, text));
    }
    if moves.recreate && moves.pods > 0 {
        let text = format!("strategy Recreate: all {} pods stop before the first new one starts", moves.pods);
        warnings.push(Warning::new(WarningKind::Recreate, text));
    }
    warnings
}

/// A rollout that goes on or is stuck, in words.
pub fn in_progress(workload: &Value, pods: u32) -> Option<String> {
    let exceeded = items(workload, &["status", "conditions"]).iter().any(|condition| {
        raw(condition, &["type"]) == Some("Progressing")
            && raw(condition, &["reason"]) == Some("ProgressDeadlineExceeded")
    });
    if exceeded {
        return Some("the current rollout is stuck (progress deadline exceeded); this replaces it".into());
    }
    let status = |key| count(workload, &["status", key]).unwrap_or(0);
    let (updated, total, available) = (status("updatedReplicas"), status("replicas"), status("availableReplicas"));
    (updated < u64::from(pods) || total > updated || available < updated).then(|| {
        format!("a rollout is going on ({updated} of {pods} updated, {available} available); this replaces it")
    })
}
