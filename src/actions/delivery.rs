//! What the actions on a progressive delivery (Argo Rollouts) have in common: where it stands, how its status is
//! patched, and when its stable revision serves everything.
//!
//! Source: argo-rollouts 1.10 `pkg/kubectl-argo-rollouts/cmd` (abort, retry, promote). Different, on purpose: JSON
//! Patches that insist on the revision that the plan was made for, where kubectl sends merge patches that insist on
//! nothing.

use serde_json::{Value, json};

use super::manifest::{at, count, items, raw, text};
use super::outcome::Refusal;
use super::plan::{Blast, Plan};
use super::step::Step;
use super::{ownership, workload};
use crate::domain::mutation::{Change, Mutation, Subresource};
use crate::domain::target::{WorkloadKind, WorkloadRef};

/// Refuses every other kind.
pub fn admit(target: &WorkloadRef, what: &str) -> Result<(), Refusal> {
    match target.kind {
        WorkloadKind::Rollout => Ok(()),
        kind => Err(Refusal::not_here(format!("only Argo Rollouts can be {what}, not a {}", kind.kind()))),
    }
}

/// Is the newest revision the stable one, so that nothing is under way?
pub fn is_promoted(rollout: &Value) -> bool {
    let hash = |key| raw(rollout, &["status", key]).filter(|hash| !hash.is_empty());
    hash("stableRS").is_some() && hash("stableRS") == hash("currentPodHash")
}

/// Was the newest revision given up?
pub fn is_aborted(rollout: &Value) -> bool {
    at(rollout, &["status", "abort"]).and_then(Value::as_bool) == Some(true)
}

/// The controller waits for somebody, or for a time to pass.
pub fn is_waiting(rollout: &Value) -> bool {
    !items(rollout, &["status", "pauseConditions"]).is_empty()
}

/// Steps of a canary, and the one under way; `None` of blue-green and of a canary without steps.
pub fn steps(rollout: &Value) -> Option<(&[Value], usize)> {
    let steps = items(rollout, &["spec", "strategy", "canary", "steps"]);
    let index = count(rollout, &["status", "currentStepIndex"]).unwrap_or(0);
    (!steps.is_empty()).then(|| (steps, usize::try_from(index).unwrap_or(usize::MAX).min(steps.len())))
}

/// Pods that it wants.
pub fn wanted(rollout: &Value) -> u64 {
    count(rollout, &["spec", "replicas"]).unwrap_or(1)
}

/// Pods of the newest revision while it is not the stable one.
pub fn canaries(rollout: &Value) -> u64 {
    if is_promoted(rollout) { 0 } else { count(rollout, &["status", "updatedReplicas"]).unwrap_or(0) }
}

/// Whom the newest revision serves, in words: a share that a traffic router keeps to, or pods.
pub fn exposure(rollout: &Value) -> String {
    if let Some(weight) = weight(rollout) {
        return format!("{weight} % of the traffic");
    }
    let (canaries, total) = (canaries(rollout), count(rollout, &["status", "replicas"]).unwrap_or(0));
    format!("{canaries} of {} pods", total.max(canaries))
}

fn weight(rollout: &Value) -> Option<u64> {
    at(rollout, &["spec", "strategy", "canary", "trafficRouting"])?;
    count(rollout, &["status", "canary", "weights", "canary", "weight"])
}

/// Images that its spec names, for words.
pub fn images(template: &Value) -> String {
    super::manifest::images(template).join(", ")
}

/// Does the stable revision serve everything? With words that say how far it is.
pub fn stable_serves(rollout: &Value) -> (bool, String) {
    let wanted = wanted(rollout);
    let available = count(rollout, &["status", "availableReplicas"]).unwrap_or(0);
    if is_promoted(rollout) {
        return (available >= wanted, format!("stable {}/{wanted}", available.min(wanted)));
    }
    let active = text(rollout, &["status", "blueGreen", "activeSelector"]);
    if at(rollout, &["spec", "strategy", "blueGreen"]).is_some() {
        let switched = active.is_some() && active == text(rollout, &["status", "stableRS"]);
        let words = if switched { "stable is active" } else { "the newest revision is still active" };
        return (switched && available >= wanted, words.to_owned());
    }
    if let Some(weight) = weight(rollout) {
        return (weight == 0, format!("canary gets {weight} % of the traffic"));
    }
    let canaries = canaries(rollout);
    let stable = available.saturating_sub(canaries).min(wanted);
    let whole = canaries == 0 && stable >= wanted;
    let left = if canaries == 0 { String::new() } else { format!(", {canaries} of the canary left") };
    (whole, format!("stable {stable}/{wanted}{left}"))
}

/// Operations on the status, for the very revision that was looked at. The controller's own writes do not stop it.
pub fn status_step(title: String, target: &WorkloadRef, rollout: &Value, change: Vec<Value>) -> Result<Step, Refusal> {
    let malformed = |what: &str| Refusal::Malformed(format!("{target} has no {what}"));
    let uid = raw(rollout, &["metadata", "uid"]).ok_or_else(|| malformed("uid"))?;
    let hash = raw(rollout, &["status", "currentPodHash"]).ok_or_else(|| malformed("status.currentPodHash"))?;
    let mut operations = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": uid}),
        json!({"op": "test", "path": "/status/currentPodHash", "value": hash}),
    ];
    operations.extend(change);
    let change = Change::JsonPatch(Value::Array(operations));
    Ok(Step::new(title, Mutation::of(target.into(), Subresource::Status, change)))
}

/// What every plan on it says: whom it touches, and who else writes it.
pub fn describe(plan: &mut Plan, target: &WorkloadRef, rollout: &Value, pods: u64, moves: String) {
    plan.blast = Blast {
        pods: u32::try_from(pods).unwrap_or(u32::MAX),
        of: u32::try_from(wanted(rollout)).ok(),
        workloads: 1,
        namespaces: [target.namespace.clone()].into(),
        at_once: false,
        moves,
    };
    plan.managed_by = ownership::manager(rollout).map(|manager| manager.name);
}

/// The object that holds the template: the Rollout, or the one that `spec.workloadRef` names.
pub fn template_holder<'a>(
    target: &WorkloadRef,
    rollout: &'a Value,
    referenced: Option<&'a Value>,
) -> Result<(WorkloadRef, &'a Value), Refusal> {
    let Some(reference) = at(rollout, &["spec", "workloadRef"]).filter(|reference| reference.is_object()) else {
        return Ok((target.clone(), rollout));
    };
    let (kind, name) = (raw(reference, &["kind"]).unwrap_or_default(), raw(reference, &["name"]).unwrap_or_default());
    let words = crate::domain::text::clean(&format!("{kind}/{name}")).into_owned();
    if kind != WorkloadKind::Deployment.kind() {
        return Err(Refusal::not_here(format!("{target} takes its template from {words}: only Deployments are known")));
    }
    let holder = WorkloadRef::new(WorkloadKind::Deployment, target.namespace.clone(), name);
    let object =
        referenced.ok_or_else(|| Refusal::Forbidden(format!("read {words}, which holds the template of {target}")))?;
    workload::template(&holder, object)?;
    Ok((holder, object))
}
