//! What every action on a workload reads of it: how many pods, how they move, what goes on, and how a patch insists on
//! the state that its plan was made from.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::expectation::{Expectation, Field};
use super::manifest::{at, count, items, raw};
use super::outcome::Refusal;
use super::plan::{Blast, Plan, Warning, WarningKind};
use super::{compare, ownership};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::Facts;

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
    /// Why some or all pods do not move by themselves.
    pub held: Option<String>,
}

impl Moves {
    /// `6 pods, at most 1 unavailable and 2 extra`.
    pub fn words(&self) -> String {
        match (self.pods, self.recreate) {
            (0, _) if self.held.is_some() => "no pods by themselves".into(),
            (0, _) => "no pods: it is scaled to 0".into(),
            (pods, true) => format!("{pods} pods, all at once"),
            (pods, false) => {
                let noun = if pods == 1 { "pod" } else { "pods" };
                format!("{pods} {noun}, at most {} unavailable and {} extra", self.max_unavailable, self.max_surge)
            }
        }
    }

    /// Whom a rollout of all pods of a workload touches.
    pub fn blast(&self, target: &WorkloadRef, workload: &Value) -> Blast {
        let replicas = match target.kind {
            WorkloadKind::DaemonSet => count(workload, &["status", "desiredNumberScheduled"]),
            _ => count(workload, &["spec", "replicas"]).or(Some(1)),
        };
        Blast {
            pods: self.pods,
            of: replicas.and_then(|replicas| u32::try_from(replicas).ok()),
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
    let observed = at(workload, &["status", "observedGeneration"]);
    // Argo Rollouts write it as a string, which older ones fill with a hash.
    let observed = match observed.and_then(Value::as_str) {
        Some(text) => text.parse().unwrap_or(u64::MAX),
        None => observed.and_then(Value::as_u64).unwrap_or(0),
    };
    count(workload, &["metadata", "generation"]).is_some_and(|generation| observed < generation)
}

/// `spec.template`, or why there can be no plan.
pub fn template<'a>(target: &WorkloadRef, workload: &'a Value) -> Result<&'a Value, Refusal> {
    at(workload, &["spec", "template"])
        .filter(|template| template.is_object())
        .ok_or_else(|| Refusal::Malformed(format!("{target} has no spec.template")))
}

/// A paused Deployment takes a change, but no pod moves before it is resumed.
pub fn waits_for_resume(plan: &mut Plan, target: &WorkloadRef, sent: Vec<Field>) {
    plan.expect = vec![(0, Expectation::Object { object: target.into(), fields: sent, patient: false })];
    plan.blast.moves = "no pods until it is resumed".into();
    plan.warnings.push(Warning::new(WarningKind::Held, "it is paused: no pod takes the change before it is resumed"));
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

/// How pods move, by the workload's kind. Defaults and rounding as in `ResolveFenceposts` of the Deployment controller;
/// a StatefulSet goes one by one from its highest ordinal, a DaemonSet node by node.
pub fn moves(kind: WorkloadKind, workload: &Value) -> Moves {
    let replicas = at(workload, &["spec", "replicas"]).and_then(Value::as_u64).unwrap_or(1);
    let pods = u32::try_from(replicas).unwrap_or(u32::MAX);
    let rolling = |max_unavailable, max_surge| Moves { pods, max_unavailable, max_surge, recreate: false, held: None };
    match kind {
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let wanted = count(workload, &["status", "desiredNumberScheduled"]).unwrap_or(0);
            let all = if kind == WorkloadKind::DaemonSet { u32::try_from(wanted).unwrap_or(u32::MAX) } else { pods };
            let bound = |key| at(workload, &["spec", "updateStrategy", "rollingUpdate", key]);
            if raw(workload, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
                let held = "strategy OnDelete: no pod takes the change before someone deletes it".to_owned();
                return Moves { pods: 0, held: Some(held), ..rolling(0, 0) };
            }
            let partition = bound("partition").and_then(Value::as_u64).and_then(|p| u32::try_from(p).ok()).unwrap_or(0);
            let held = (partition > 0).then(|| {
                format!("partition {partition}: pods below that ordinal keep what they run until it is lowered")
            });
            let surge = bound("maxSurge").map_or(0, |surge| share(Some(surge), all, true));
            let unavailable = match bound("maxUnavailable") {
                Some(bound) => share(Some(bound), all, kind == WorkloadKind::DaemonSet),
                None => 1,
            };
            let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
            Moves { pods: all.saturating_sub(partition), held, ..rolling(unavailable.min(all), surge) }
        }
        _ if raw(workload, &["spec", "strategy", "type"]) == Some("Recreate") => {
            Moves { recreate: true, ..rolling(pods, 0) }
        }
        _ => {
            let strategy = if kind == WorkloadKind::Rollout { "canary" } else { "rollingUpdate" };
            let bound = |key| at(workload, &["spec", "strategy", strategy, key]);
            let max_surge = share(bound("maxSurge"), pods, true);
            let mut max_unavailable = share(bound("maxUnavailable"), pods, false).min(pods);
            if max_surge == 0 && max_unavailable == 0 {
                max_unavailable = 1;
            }
            rolling(max_unavailable, max_surge)
        }
    }
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
    } else if let Some(text) = in_progress(workload) {
        warnings.push(Warning::new(WarningKind::InProgress, text));
    }
    if let Some(held) = &moves.held {
        warnings.push(Warning::new(WarningKind::Held, held.clone()));
    }
    if moves.recreate && moves.pods > 0 {
        let text = format!("strategy Recreate: all {} pods stop before the first new one starts", moves.pods);
        warnings.push(Warning::new(WarningKind::Recreate, text));
    }
    warnings
}

/// A rollout that goes on or is stuck, in words.
pub fn in_progress(workload: &Value) -> Option<String> {
    let exceeded = items(workload, &["status", "conditions"]).iter().any(|condition| {
        raw(condition, &["type"]) == Some("Progressing")
            && raw(condition, &["reason"]) == Some("ProgressDeadlineExceeded")
    });
    if exceeded {
        return Some("the current rollout is stuck (progress deadline exceeded); this replaces it".into());
    }
    let status = |keys: [&str; 2]| keys.iter().find_map(|key| count(workload, &["status", key])).unwrap_or(0);
    let updated = status(["updatedReplicas", "updatedNumberScheduled"]);
    let total = status(["replicas", "currentNumberScheduled"]);
    let available = status(["availableReplicas", "numberAvailable"]);
    let wanted = count(workload, &["status", "desiredNumberScheduled"])
        .or_else(|| count(workload, &["spec", "replicas"]))
        .unwrap_or(1);
    // A StatefulSet that is rolled out counts no updated pods.
    let rolled_out = at(workload, &["status", "updateRevision"])
        .is_some_and(|update| at(workload, &["status", "currentRevision"]) == Some(update));
    let updated = if rolled_out { total } else { updated };
    (updated < wanted || total > updated || available < updated).then(|| {
        format!("a rollout is going on ({updated} of {wanted} updated, {available} available); this replaces it")
    })
}

/// Fills in what every change of a pod template has in common: what changes, whom it touches, who else writes it, and
/// the rollout that has to follow. `sent` are the fields that the change leaves.
pub fn rolls(plan: &mut Plan, target: &WorkloadRef, facts: &Facts, templates: (&Value, &Value), sent: Vec<Field>) {
    let workload = &facts.object;
    let (before, after) = templates;
    plan.changes = compare::changes(before, after);
    plan.diff = compare::unified_diff(before, after, "current", "planned");
    let moves = moves(target.kind, workload);
    plan.blast = moves.blast(target, workload);
    plan.managed_by = ownership::manager(workload).map(|manager| manager.name);
    plan.warnings.extend(ownership::warnings(workload, target, facts.autoscalers.as_deref()));
    plan.warnings.extend(state_warnings(workload, false, &moves));
    expect_rollout(plan, target, &moves, sent);
}

/// Expects a rollout; of what is held back, only what moves by itself.
pub fn expect_rollout(plan: &mut Plan, target: &WorkloadRef, moves: &Moves, sent: Vec<Field>) {
    if moves.held.is_none() {
        plan.expect(Expectation::Rollout { workload: target.clone(), fields: sent, signals: true });
        return;
    }
    plan.expect(Expectation::Object { object: target.into(), fields: sent, patient: false });
    if moves.pods > 0 {
        let updated = Field::new("/status/updatedReplicas", format!("{} pods updated", moves.pods), &json!(moves.pods));
        plan.expect(Expectation::Object { object: target.into(), fields: vec![updated], patient: true });
    }
}

/// Does a label selector (`matchLabels`, `matchExpressions`) choose an object with these labels? An absent selector
/// chooses nothing; an empty one everything.
pub fn selects(selector: Option<&Value>, labels: Option<&Map<String, Value>>) -> bool {
    let Some(selector) = selector.filter(|selector| selector.is_object()) else { return false };
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let wanted = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    wanted.into_iter().all(|(key, value)| label(key).is_some() && label(key) == value.as_str())
        && items(selector, &["matchExpressions"]).iter().all(|expression| {
            let found = label(raw(expression, &["key"]).unwrap_or_default());
            let listed =
                || items(expression, &["values"]).iter().any(|value| found.is_some() && value.as_str() == found);
            match raw(expression, &["operator"]) {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => found.is_some(),
                Some("DoesNotExist") => found.is_none(),
                _ => false,
            }
        })
}
