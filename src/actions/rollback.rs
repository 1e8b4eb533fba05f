//! Rolling a workload back, as `kubectl rollout undo` does it, with a precondition.
//!
//! Source: kubectl `pkg/polymorphichelpers/rollback.go` (`DeploymentRollbacker`, `StatefulSetRollbacker`,
//! `DaemonSetRollbacker`) and `pkg/util/deployment`.
//!
//! The same: "previous" is the second highest revision, a paused Deployment is an error, an equal template is nothing to
//! do, replicas and strategy stay. Of a Deployment, revisions are the ReplicaSets' `deployment.kubernetes.io/revision`,
//! `pod-template-hash` is stripped, and annotations are the ReplicaSet's except for those of [`KEPT_ANNOTATIONS`], which
//! stay the Deployment's. Of a StatefulSet or DaemonSet, revisions are ControllerRevisions, and only the template moves.
//!
//! Different, on purpose:
//! - The patch begins with `test` operations on `uid` and `generation` ([`workload::preconditions`]) and on the
//!   annotations, where they are replaced as a whole. kubectl sends a ControllerRevision's `data` as a strategic patch;
//!   it holds the whole template with `$patch: replace`, which is a JSON Patch's `replace`, and that can `test`.
//! - While the controller has not seen the newest template there is no revision of it yet, and the second highest
//!   revision would be one too far back: then "previous" is the highest.
//! - `kubernetes.io/change-cause` says who rolled back and why, except when a rollback is itself an undo: that restores
//!   what was there.
//! - An Argo Rollout goes back to its stable revision, whatever was tried since, where `kubectl argo rollouts undo` takes
//!   the second highest, which may be another bad one. Its revisions are the ReplicaSets' `rollout.argoproj.io/revision`,
//!   only the template moves, and with a `workloadRef` it is that Deployment's. What is not the stable revision goes
//!   through the steps of its canary again.
//! - A StatefulSet with `OrderedReady` pods waits for a broken pod to become ready before it replaces it, for ever
//!   (kubernetes/kubernetes#67250): the plan deletes that pod too.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{
    CHANGE_CAUSE, LAST_APPLIED, REVISION, ROLLOUT_HASH, annotation, at, count, created, images, items, label, name,
    object, raw, revision, same_template, without_hash,
};
use super::outcome::Refusal;
use super::plan::{Plan, Revision, Revisions, Undo, Warning, WarningKind};
use super::step::Step;
use super::workload::{self, is_unobserved, pods};
use super::{compare, delivery, ownership};
use crate::domain::mutation::{Change, Mutation, Preconditions};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::text::clean;
use crate::ports::cluster::{Facts, Part};

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

/// Back to an earlier revision's pod template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// The workload.
    pub target: WorkloadRef,
    /// Which revision; `None` is the one before the current, as in kubectl.
    #[serde(default)]
    pub to: Option<u64>,
}

impl Action for Rollback {
    fn word(&self) -> &'static str {
        "rollback"
    }

    fn verb(&self) -> &'static str {
        "roll back"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        match self.target.kind {
            WorkloadKind::StatefulSet => &[Part::Revisions, Part::Autoscalers, Part::Pods],
            WorkloadKind::Rollout => &[Part::Revisions, Part::Autoscalers, Part::Template],
            _ => &[Part::Revisions, Part::Autoscalers],
        }
    }

    fn admit(&self) -> Result<(), Refusal> {
        match self.target.kind {
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Rollout => {
                Ok(())
            }
            kind => Err(Refusal::UnsupportedKind(kind)),
        }
    }

    fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
        plan(self, facts, ground)
    }

    fn with_revision(&self, revision: u64) -> Option<ActionKind> {
        Some(ActionKind::Rollback(Self { target: self.target.clone(), to: Some(revision) }))
    }
}

/// One ReplicaSet or ControllerRevision.
struct Candidate<'a> {
    revision: u64,
    object: &'a Value,
    template: Value,
    current: bool,
}

/// Makes the plan, or says why there is none.
fn plan(action: &Rollback, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
    action.admit()?;
    let target = &action.target;
    let workload = &facts.object;
    let (holder, held_by) = delivery::template_holder(target, workload, facts.template.as_ref())?;
    let template = workload::template(target, held_by)?;
    if workload::is_paused(workload) {
        return Err(Refusal::Paused(target.to_string()));
    }
    let candidates = candidates(facts.revisions.as_deref().unwrap_or_default(), template);
    let unobserved = is_unobserved(workload) && !candidates.iter().any(|candidate| candidate.current);
    let stable = stable(workload, &candidates);
    let chosen = match (action.to, stable) {
        (None | Some(0), Some(stable)) => stable,
        (to, _) => choose(target, to, &candidates, unobserved)?,
    };
    if same_template(&chosen.template, template) {
        return Err(Refusal::NothingToDo { target: target.to_string(), revision: chosen.revision });
    }
    let (from, to) = (current(workload, template, &candidates, unobserved), chosen.row());
    let side = |revision: &Revision| match revision.revision {
        0 => "current".to_owned(),
        number => format!("revision {number}"),
    };
    let moves = workload::moves(target.kind, workload);
    let sent = Field::new("/spec/template", "pod template", &chosen.template);
    let mutation = Mutation::new((&holder).into(), Change::JsonPatch(patch(target.kind, held_by, chosen, ground)?));
    let mut plan = Plan::begin(action);
    plan.changes = compare::changes(template, &chosen.template);
    plan.diff = compare::unified_diff(template, &chosen.template, &side(&from), &side(&to));
    plan.warnings = ownership::warnings(workload, target, facts.autoscalers.as_deref());
    plan.warnings.extend(workload::state_warnings(workload, unobserved, &moves));
    plan.blast = moves.blast(target, workload);
    plan.managed_by = ownership::manager(workload).map(|manager| manager.name);
    plan.steps = vec![Step::new(format!("patch {holder}"), mutation).leaving(vec![sent.clone()])];
    plan.undo = match from.revision {
        0 => Undo::never("deploy the current version again: it is not a revision yet"),
        number => Undo::by(
            format!("roll back to revision {number}"),
            ActionKind::Rollback(Rollback { target: target.clone(), to: Some(number) }),
        ),
    };
    if target.kind == WorkloadKind::Rollout {
        expect_delivery(
            &mut plan,
            (target, &holder),
            workload,
            stable.is_some_and(|it| it.revision == to.revision),
            sent,
        );
    } else {
        workload::expect_rollout(&mut plan, target, &moves, vec![sent]);
    }
    if moves.held.is_none() {
        unstick(&mut plan, target, facts);
    }
    plan.done = format!("{target} is back on the template of revision {}", to.revision);
    plan.revisions = Some(Revisions { from, to, all: candidates.iter().map(Candidate::row).collect() });
    Ok(plan)
}

/// Revisions that carry a number and a template, newest first.
fn candidates<'a>(revisions: &'a [Value], current: &Value) -> Vec<Candidate<'a>> {
    let mut found: Vec<Candidate<'a>> = revisions
        .iter()
        .filter_map(|object| {
            let recorded = at(object, &["data", "spec", "template"]);
            let mut template =
                recorded.or_else(|| at(object, &TEMPLATE)).filter(|template| template.is_object())?.clone();
            if let Some(fields) = template.as_object_mut() {
                fields.remove("$patch");
            }
            let revision = revision(object).or_else(|| count(object, &["revision"])).filter(|number| *number > 0)?;
            let current = same_template(&template, current);
            Some(Candidate { revision, object, template, current })
        })
        .collect();
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.revision));
    found
}

/// The stable revision of an Argo Rollout, where it is not what the spec asks for.
fn stable<'a, 'b>(workload: &Value, candidates: &'b [Candidate<'a>]) -> Option<&'b Candidate<'a>> {
    let hash = raw(workload, &["status", "stableRS"]).filter(|hash| !hash.is_empty())?;
    let stable = candidates.iter().find(|candidate| label(candidate.object, ROLLOUT_HASH) == Some(hash))?;
    (!stable.current).then_some(stable)
}

/// Back to the stable revision is a rollout that completes; any other one waits at its steps.
fn expect_delivery(
    plan: &mut Plan,
    (target, holder): (&WorkloadRef, &WorkloadRef),
    rollout: &Value,
    to_stable: bool,
    sent: Field,
) {
    let steps = delivery::steps(rollout).map_or(0, |(steps, _)| steps.len());
    let completes = to_stable || steps == 0 && at(rollout, &["spec", "strategy", "blueGreen"]).is_none();
    let own = target == holder;
    if !own || !completes {
        plan.expect(Expectation::Object { object: holder.into(), fields: vec![sent.clone()], patient: false });
    }
    if completes {
        let fields = if own { vec![sent] } else { Vec::new() };
        plan.expect(Expectation::Rollout { workload: target.clone(), fields, signals: true });
        return;
    }
    let text = match steps {
        0 => "it waits for a promotion before it is active".to_owned(),
        1 => "it goes through the step of its canary again: promote it when it waits".to_owned(),
        steps => format!("it goes through the {steps} steps of its canary again: promote it when it waits"),
    };
    plan.warnings.push(Warning::new(WarningKind::Held, text));
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
            images: images(&self.template),
            change_cause: annotation(self.object, CHANGE_CAUSE).map(|cause| clean(cause).into_owned()),
            created: created(self.object),
            pods: pods(self.object),
            current: self.current,
        }
    }
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

fn patch(kind: WorkloadKind, workload: &Value, chosen: &Candidate<'_>, ground: &Ground<'_>) -> Result<Value, Refusal> {
    let mut operations = workload::preconditions(workload)?;
    let template = json!({"op": "replace", "path": "/spec/template", "value": without_hash(&chosen.template)});
    if kind != WorkloadKind::Deployment {
        operations.push(template);
        return Ok(Value::Array(operations));
    }
    let has_annotations = at(workload, &["metadata", "annotations"]).filter(|value| value.is_object());
    if let Some(annotations) = has_annotations {
        operations.push(json!({"op": "test", "path": "/metadata/annotations", "value": annotations}));
    }
    operations.push(template);
    // `replace` of something absent is an error; kubectl gets away with it because controllers always annotate.
    let op = if has_annotations.is_some() { "replace" } else { "add" };
    let annotations = annotations(workload, chosen.object, ground);
    operations.push(json!({"op": op, "path": "/metadata/annotations", "value": annotations}));
    Ok(Value::Array(operations))
}

fn annotations(workload: &Value, replica_set: &Value, ground: &Ground<'_>) -> Map<String, Value> {
    let of = |value| object(value, &["metadata", "annotations"]).into_iter().flatten();
    let kept = |key: &str| KEPT_ANNOTATIONS.contains(&key);
    let mut annotations: Map<String, Value> = of(workload)
        .filter(|(key, _)| kept(key))
        .chain(of(replica_set).filter(|(key, _)| !kept(key)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !ground.undoes {
        let cause = cause(annotation(replica_set, CHANGE_CAUSE), ground);
        annotations.insert(CHANGE_CAUSE.to_owned(), json!(cause));
    }
    annotations
}

/// The revision's own cause, and who went back to it why; said once, however often that happens.
fn cause(own: Option<&str>, ground: &Ground<'_>) -> String {
    const WHO: &str = "rolled back to by ";
    let mut words = format!("{WHO}{}", ground.user);
    if let Some(reason) = ground.reason {
        words.extend([": ", reason]);
    }
    let own = own.map(|own| own.split(&format!(" ({WHO}")).next().unwrap_or_default());
    match own.filter(|own| !own.is_empty() && !own.starts_with(WHO)) {
        Some(own) => format!("{own} ({words})"),
        None => words,
    }
}

/// Adds the deletion of the pods that an `OrderedReady` StatefulSet would wait for in vain.
fn unstick(plan: &mut Plan, target: &WorkloadRef, facts: &Facts) {
    let workload = &facts.object;
    let ordered = raw(workload, &["spec", "podManagementPolicy"]) != Some("Parallel");
    if target.kind != WorkloadKind::StatefulSet || !ordered {
        return;
    }
    let own = |pod: &&Value| {
        let owners = items(pod, &["metadata", "ownerReferences"]);
        owners.iter().any(|owner| at(owner, &["uid"]) == at(workload, &["metadata", "uid"]))
    };
    let ready = |pod: &Value| {
        let mut conditions = items(pod, &["status", "conditions"]).iter();
        conditions.any(|c| raw(c, &["type"]) == Some("Ready") && raw(c, &["status"]) == Some("True"))
    };
    let current = raw(workload, &["status", "updateRevision"]);
    // A pod that is on its way out needs no second push, and one of another revision is replaced anyhow.
    let broken = facts.pods.iter().flatten().filter(own).filter(|pod| {
        !ready(pod)
            && raw(pod, &["metadata", "deletionTimestamp"]).is_none()
            && (current.is_none() || label(pod, "controller-revision-hash") == current)
    });
    for pod in broken {
        let Some(uid) = raw(pod, &["metadata", "uid"]).map(str::to_owned) else { continue };
        let object = ObjectRef::new(ObjectKind::Pod, target.namespace.clone(), name(pod));
        let preconditions = Preconditions { uid: Some(uid.clone()), resource_version: None };
        let mutation = Mutation::new(object.clone(), Change::Delete { grace_seconds: None, preconditions });
        plan.steps.push(Step::new(format!("delete {object}"), mutation));
        let text = format!("{object} is not ready, and {target} would wait for it for ever: it is deleted too");
        plan.warnings.push(Warning::new(WarningKind::Held, text));
        plan.expect(Expectation::Gone { object, uid: Some(uid) });
    }
}
