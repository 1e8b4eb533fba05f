//! Rolling a Deployment back, as `kubectl rollout undo` does it, with a precondition.
//!
//! Source: kubectl `pkg/polymorphichelpers/rollback.go` (`DeploymentRollbacker`) and `pkg/util/deployment`.
//!
//! The same: revisions are the ReplicaSets' `deployment.kubernetes.io/revision`, "previous" is the second highest, a
//! paused Deployment is an error, an equal template is nothing to do, `pod-template-hash` is stripped, annotations are
//! the ReplicaSet's except for those of [`KEPT_ANNOTATIONS`], which stay the Deployment's; replicas and strategy stay.
//!
//! Different, on purpose:
//! - The patch begins with `test` operations on `uid` and `generation` ([`workload::preconditions`]) and on the
//!   annotations, which are replaced as a whole.
//! - While the controller has not seen the newest template there is no ReplicaSet of it yet, and the second highest
//!   revision would be one too far back: then "previous" is the highest.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{
    CHANGE_CAUSE, LAST_APPLIED, REVISION, annotation, at, created, images, name, object, revision, same_template,
    without_hash,
};
use super::outcome::Refusal;
use super::plan::{Plan, Revision, Revisions, Undo};
use super::step::Step;
use super::workload::{self, is_unobserved, pods};
use super::{compare, ownership};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
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
        &[Part::Revisions, Part::Autoscalers]
    }

    fn admit(&self) -> Result<(), Refusal> {
        match self.target.kind {
            WorkloadKind::Deployment => Ok(()),
            kind => Err(Refusal::UnsupportedKind(kind)),
        }
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        plan(self, facts)
    }

    fn with_revision(&self, revision: u64) -> Option<ActionKind> {
        Some(ActionKind::Rollback(Self { target: self.target.clone(), to: Some(revision) }))
    }
}

/// One ReplicaSet with a revision.
struct Candidate<'a> {
    revision: u64,
    object: &'a Value,
    template: &'a Value,
    current: bool,
}

/// Makes the plan, or says why there is none.
fn plan(action: &Rollback, facts: &Facts) -> Result<Plan, Refusal> {
    action.admit()?;
    let target = &action.target;
    let workload = &facts.object;
    let template = at(workload, &TEMPLATE)
        .filter(|template| template.is_object())
        .ok_or_else(|| Refusal::Malformed(format!("{target} has no spec.template")))?;
    if workload::is_paused(workload) {
        return Err(Refusal::Paused(target.to_string()));
    }
    let candidates = candidates(facts.revisions.as_deref().unwrap_or_default(), template);
    let unobserved = is_unobserved(workload) && !candidates.iter().any(|candidate| candidate.current);
    let chosen = choose(target, action.to, &candidates, unobserved)?;
    if same_template(chosen.template, template) {
        return Err(Refusal::NothingToDo { target: target.to_string(), revision: chosen.revision });
    }
    let (from, to) = (current(workload, template, &candidates, unobserved), chosen.row());
    let side = |revision: &Revision| match revision.revision {
        0 => "current".to_owned(),
        number => format!("revision {number}"),
    };
    let moves = workload::moves(workload);
    let sent = Field::new("/spec/template", "pod template", chosen.template);
    let mutation = Mutation::new(target.into(), Change::JsonPatch(patch(workload, chosen)?));
    let mut plan = Plan::begin(action);
    plan.changes = compare::changes(template, chosen.template);
    plan.diff = compare::unified_diff(template, chosen.template, &side(&from), &side(&to));
    plan.warnings = ownership::warnings(workload, target, facts.autoscalers.as_deref());
    plan.warnings.extend(workload::state_warnings(workload, unobserved, &moves));
    plan.blast = moves.blast(target);
    plan.managed_by = ownership::manager(workload).map(|manager| manager.name);
    plan.steps = vec![Step::new(format!("patch {target}"), mutation).leaving(vec![sent.clone()])];
    plan.undo = match from.revision {
        0 => Undo::never("deploy the current version again: it is not a revision yet"),
        number => Undo::by(
            format!("roll back to revision {number}"),
            ActionKind::Rollback(Rollback { target: target.clone(), to: Some(number) }),
        ),
    };
    plan.expect(Expectation::Rollout { workload: target.clone(), fields: vec![sent], signals: true });
    plan.done = format!("{target} is back on the template of revision {}", to.revision);
    plan.revisions = Some(Revisions { from, to, all: candidates.iter().map(Candidate::row).collect() });
    Ok(plan)
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

fn patch(workload: &Value, chosen: &Candidate<'_>) -> Result<Value, Refusal> {
    let mut operations = workload::preconditions(workload)?;
    let has_annotations = at(workload, &["metadata", "annotations"]).filter(|value| value.is_object());
    if let Some(annotations) = has_annotations {
        operations.push(json!({"op": "test", "path": "/metadata/annotations", "value": annotations}));
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
