//! Rolling a Deployment back, as `kubectl rollout undo` does it, with a precondition.
//!
//! Source: kubectl `pkg/polymorphichelpers/rollback.go` (`DeploymentRollbacker`) and `pkg/util/deployment`.
//!
//! The same: revisions are the ReplicaSets' `deployment.kubernetes.io/revision`, "previous" is the second highest, a
//! paused Deployment is an error, an equal template is nothing to do, `pod-template-hash` is stripped, annotations are
//! the ReplicaSet's except for those of [`KEPT_ANNOTATIONS`], which stay the Deployment's; replicas and strategy stay.
//!
//! Different, on purpose:
//! - The patch begins with `test` operations. They compare `uid`, `generation` (it moves with every change of the spec)
//!   and the annotations (they are replaced as a whole), not `resourceVersion`: that moves with every change of the
//!   *status* too, so that on a crash-looping workload a plan would be out of date before it is read.
//! - While the controller has not seen the newest template there is no ReplicaSet of it yet, and the second highest
//!   revision would be one too far back: then "previous" is the highest.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::guardrail::ConfirmLevel;
use super::manifest::{
    CHANGE_CAUSE, LAST_APPLIED, REVISION, annotation, at, count, created, images, items, name, object, raw, revision,
    same_template, without_hash,
};
use super::outcome::Refusal;
use super::plan::{Moves, Plan, Revision, Verdict, Warning, WarningKind};
use super::{ActionKind, compare, ownership, record};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::text::clean;
use crate::ports::cluster::{DryRun, RollbackFacts};

/// Annotations that stay the Deployment's (`annotationsToSkip` in kubectl).
pub const KEPT_ANNOTATIONS: [&str; 6] = [
    LAST_APPLIED,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

const TEMPLATE: [&str; 2] = ["spec", "template"];

/// Can this kind be rolled back from here?
pub fn supports(target: &WorkloadRef) -> Result<(), Refusal> {
    match target.kind {
        WorkloadKind::Deployment => Ok(()),
        kind => Err(Refusal::UnsupportedKind(kind)),
    }
}

/// One ReplicaSet with a revision.
struct Candidate<'a> {
    revision: u64,
    object: &'a Value,
    template: &'a Value,
    current: bool,
}

/// Makes the plan, or says why there is none. `to` of `None` is the previous revision.
pub fn plan(
    target: &WorkloadRef,
    to: Option<u64>,
    facts: &RollbackFacts,
    confirm: ConfirmLevel,
) -> Result<Plan, Refusal> {
    supports(target)?;
    let workload = &facts.workload;
    let template = at(workload, &TEMPLATE)
        .filter(|template| template.is_object())
        .ok_or_else(|| Refusal::Malformed(format!("{target} has no spec.template")))?;
    if at(workload, &["spec", "paused"]).and_then(Value::as_bool) == Some(true) {
        return Err(Refusal::Paused(target.to_string()));
    }
    let candidates = candidates(&facts.revisions, template);
    let unobserved = is_unobserved(workload) && !candidates.iter().any(|candidate| candidate.current);
    let chosen = choose(target, to, &candidates, unobserved)?;
    if same_template(chosen.template, template) {
        return Err(Refusal::NothingToDo { target: target.to_string(), revision: chosen.revision });
    }
    let mutation = Mutation { target: target.clone(), change: Change::JsonPatch(patch(workload, chosen)?) };
    let from = current(workload, template, &candidates, unobserved);
    let to = chosen.row();
    let mut warnings = ownership::warnings(workload, target, facts.autoscalers.as_deref());
    let moves = moves(workload);
    warnings.extend(state_warnings(workload, unobserved, &moves));
    let side = |revision: &Revision| match revision.revision {
        0 => "current".to_owned(),
        number => format!("revision {number}"),
    };
    Ok(Plan {
        title: ActionKind::Rollback { target: target.clone(), to: None }.title(),
        target: target.clone(),
        changes: compare::changes(template, chosen.template),
        diff: compare::unified_diff(template, chosen.template, &side(&from), &side(&to)),
        revisions: candidates.iter().map(Candidate::row).collect(),
        moves,
        managed_by: ownership::manager(workload).map(|manager| manager.name),
        permission: Verdict::Asking,
        dry_run: Verdict::Asking,
        warnings,
        undo: match from.revision {
            0 => "deploy the current version again: it is not a revision yet".into(),
            number => format!("roll back to revision {number} (its number will have moved up by then)"),
        },
        confirm,
        digest: digest(&mutation),
        mutation,
        from,
        to,
    })
}

/// ReplicaSets that carry a revision and a template, newest revision first.
fn candidates<'a>(revisions: &'a [Value], current: &Value) -> Vec<Candidate<'a>> {
    let mut found: Vec<Candidate<'a>> = revisions
        .iter()
        .filter_map(|object| {
            let template = at(object, &TEMPLATE).filter(|template| template.is_object())?;
            let revision = revision(object)?;
            Some(Candidate { revision, object, template, current: same_template(template, current) })
        })
        .collect();
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.revision));
    found
}

fn choose<'a, 'b>(
    target: &WorkloadRef,
    to: Option<u64>,
    candidates: &'b [Candidate<'a>],
    unobserved: bool,
) -> Result<&'b Candidate<'a>, Refusal> {
    match to {
        // 0 is kubectl's "previous".
        None | Some(0) => candidates.get(usize::from(!unobserved)).ok_or_else(|| Refusal::SingleRevision {
            target: target.to_string(),
            only: candidates.first().map_or_else(|| "none recorded".into(), |only| only.revision.to_string()),
        }),
        Some(wanted) => {
            candidates.iter().find(|candidate| candidate.revision == wanted).ok_or_else(|| Refusal::UnknownRevision {
                target: target.to_string(),
                wanted,
                known: candidates.iter().map(|candidate| candidate.revision).collect(),
            })
        }
    }
}

impl Candidate<'_> {
    fn row(&self) -> Revision {
        Revision {
            revision: self.revision,
            name: name(self.object),
            images: images(self.template),
            change_cause: annotation(self.object, CHANGE_CAUSE).map(|cause| clean(cause).into_owned()),
            created: created(self.object),
            pods: pods(self.object),
            current: self.current,
        }
    }
}

fn pods(object: &Value) -> u32 {
    count(object, &["status", "replicas"]).and_then(|pods| u32::try_from(pods).ok()).unwrap_or(0)
}

fn current(workload: &Value, template: &Value, candidates: &[Candidate<'_>], unobserved: bool) -> Revision {
    candidates.iter().find(|candidate| candidate.current).map_or_else(
        || Revision {
            revision: if unobserved { 0 } else { revision(workload).unwrap_or(0) },
            name: String::new(),
            images: images(template),
            change_cause: annotation(workload, CHANGE_CAUSE).map(|cause| clean(cause).into_owned()),
            created: None,
            pods: pods(workload),
            current: true,
        },
        Candidate::row,
    )
}

/// Has the controller yet to see the newest spec?
fn is_unobserved(workload: &Value) -> bool {
    match (count(workload, &["metadata", "generation"]), count(workload, &["status", "observedGeneration"])) {
        (Some(generation), observed) => observed.unwrap_or(0) < generation,
        _ => false,
    }
}

fn patch(workload: &Value, chosen: &Candidate<'_>) -> Result<Value, Refusal> {
    let mut operations = Vec::new();
    let mut test = |path: &str, value: &Value| operations.push(json!({"op": "test", "path": path, "value": value}));
    if let Some(uid) = raw(workload, &["metadata", "uid"]) {
        test("/metadata/uid", &json!(uid));
    }
    let precondition = ["generation", "resourceVersion"]
        .iter()
        .find_map(|key| Some((key, at(workload, &["metadata", key]).filter(|value| !value.is_null())?)));
    let Some((key, value)) = precondition else {
        return Err(Refusal::Malformed("it has neither generation nor resourceVersion".into()));
    };
    test(&format!("/metadata/{key}"), value);
    let has_annotations = at(workload, &["metadata", "annotations"]).filter(|value| value.is_object());
    if let Some(annotations) = has_annotations {
        test("/metadata/annotations", annotations);
    }
    operations.push(json!({"op": "replace", "path": "/spec/template", "value": without_hash(chosen.template)}));
    // `replace` of something absent is an error; kubectl gets away with it because controllers always annotate.
    let op = if has_annotations.is_some() { "replace" } else { "add" };
    operations.push(json!({"op": op, "path": "/metadata/annotations", "value": annotations(workload, chosen.object)}));
    Ok(Value::Array(operations))
}

fn annotations(workload: &Value, replica_set: &Value) -> Map<String, Value> {
    let of = |value| object(value, &["metadata", "annotations"]).into_iter().flatten();
    let kept = |key: &str| KEPT_ANNOTATIONS.contains(&key);
    of(workload)
        .filter(|(key, _)| kept(key))
        .chain(of(replica_set).filter(|(key, _)| !kept(key)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// How pods move; defaults and rounding as in `ResolveFenceposts` of the Deployment controller.
fn moves(workload: &Value) -> Moves {
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

fn state_warnings(workload: &Value, unobserved: bool, moves: &Moves) -> Vec<Warning> {
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

fn in_progress(workload: &Value, pods: u32) -> Option<String> {
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

/// Takes the server's answer to the dry run into the plan.
pub fn take_dry_run(plan: &mut Plan, answer: &DryRun) {
    plan.dry_run = Verdict::Yes("accepted by the server".into());
    plan.warnings.extend(
        answer.warnings.iter().map(|warning| Warning::new(WarningKind::Server, format!("server: {}", clean(warning)))),
    );
    if !has_template_of(&answer.object, &plan.mutation) {
        let text = "the server would alter the template (an admission webhook): it will not be exactly the revision's";
        plan.warnings.push(Warning::new(WarningKind::Server, text));
    }
}

/// Does the workload have the template that the mutation sends?
pub fn has_template_of(workload: &Value, mutation: &Mutation) -> bool {
    let Change::JsonPatch(operations) = &mutation.change;
    let sent = operations.as_array().into_iter().flatten().find(|operation| {
        raw(operation, &["op"]) == Some("replace") && raw(operation, &["path"]) == Some("/spec/template")
    });
    match (sent.and_then(|operation| operation.get("value")), at(workload, &TEMPLATE)) {
        (Some(sent), Some(there)) => same_template(sent, there),
        _ => false,
    }
}

/// sha256 of a mutation, hex: object keys in order, so that it does not depend on how the JSON came.
pub fn digest(mutation: &Mutation) -> String {
    let canonical = serde_json::to_value(mutation).map(|value| compare::sorted(&value).to_string()).unwrap_or_default();
    record::sha256_hex(canonical.as_bytes())
}
