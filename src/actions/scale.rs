//! Scaling a workload by its `scale` subresource, to a number or by a step.
//!
//! The patch insists on the number that the plan saw (`test` of `uid` and `spec.replicas`), not on a resourceVersion,
//! which moves with every change of the status. From zero it insists on the version instead: the subresource leaves a
//! zero out, and a workload without pods has a quiet status.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::{Expectation, Field};
use super::guardrail::ConfirmLevel;
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{count, raw};
use super::outcome::Refusal;
use super::plan::{Blast, FieldChange, Plan, Undo, Warning, WarningKind};
use super::scale_bounds::{ScaleBounds, bounds};
use super::step::Step;
use super::{capacity, compare, ownership, workload};
use crate::domain::mutation::{Change, Mutation, Subresource};
use crate::domain::object::ObjectRef;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Facts, Part};

/// More pods than this of one workload are a slip of the finger: the largest clusters have 5,000 nodes.
pub const MOST_REPLICAS: i64 = 10_000;

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replicas {
    /// So many.
    To(i64),
    /// So many more, or fewer.
    By(i64),
}

impl Replicas {
    /// Reads a number, or a step with its sign (`6`, `+2`, `-1`).
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.parse().ok()?;
        Some(if text.starts_with(['+', '-']) { Self::By(number) } else { Self::To(number) })
    }
}

/// Run another number of pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// The workload.
    pub target: WorkloadRef,
    /// How many.
    pub replicas: Replicas,
}

/// Refuses a number that cannot be meant.
pub fn check_number(wanted: i64, what: &str) -> Result<u32, Refusal> {
    if wanted < 0 {
        return Err(Refusal::BadInput(format!("{what} {wanted} is below 0")));
    }
    if wanted > MOST_REPLICAS {
        return Err(Refusal::BadInput(format!("{what} {wanted} is over the limit of {MOST_REPLICAS}")));
    }
    u32::try_from(wanted).map_err(|error| Refusal::BadInput(error.to_string()))
}

impl Action for Scale {
    fn word(&self) -> &'static str {
        "scale"
    }

    fn verb(&self) -> &'static str {
        "scale"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Autoscalers, Part::Pods, Part::Quotas, Part::Budgets]
    }

    fn admit(&self) -> Result<(), Refusal> {
        match self.target.kind {
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::ReplicaSet | WorkloadKind::Rollout => {
            }
            WorkloadKind::DaemonSet => {
                return Err(Refusal::not_here("a DaemonSet runs one pod per node: it has no number to set"));
            }
            kind @ (WorkloadKind::Job | WorkloadKind::CronJob) => {
                return Err(Refusal::not_here(format!("a {} cannot be scaled", kind.kind())));
            }
        }
        match self.replicas {
            Replicas::To(wanted) => check_number(wanted, "a number of replicas of").map(|_| ()),
            Replicas::By(0) => Err(Refusal::BadInput("a step of 0 changes nothing".into())),
            Replicas::By(step) => check_number(step.checked_abs().unwrap_or(i64::MAX), "a step of").map(|_| ()),
        }
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let target = &self.target;
        let object = &facts.object;
        workload::template(target, object)?;
        let before = count(object, &["spec", "replicas"]).unwrap_or(1);
        let before =
            u32::try_from(before).map_err(|_| Refusal::Malformed(format!("{target} has {before} replicas")))?;
        let after = match self.replicas {
            Replicas::To(wanted) => check_number(wanted, "a number of replicas of")?,
            Replicas::By(step) => {
                let wanted = i64::from(before).saturating_add(step);
                check_number(wanted, &format!("{before} replicas and {step} more make"))?
            }
        };
        if before == after {
            return Err(Refusal::not_here(format!("nothing to do: {target} has {before} replicas already")));
        }
        let autoscaler = ownership::autoscalers_of(facts.autoscalers.as_deref(), target).next();
        if let Some(hpa) = autoscaler.filter(|_| after > 0) {
            return Err(owned(target, hpa, after));
        }
        let mut plan = Plan::begin(self);
        plan.title = format!("Scale {target} from {before} to {after}");
        let leaves =
            if after == 0 { Vec::new() } else { vec![Field::new("/spec/replicas", "replicas", &json!(after))] };
        plan.steps = vec![Step::new(format!("scale {target}"), self.mutation(object, before, after)?).leaving(leaves)];
        let say = |replicas: u32| Some(replicas.to_string());
        plan.changes = vec![FieldChange { path: "replicas".into(), before: say(before), after: say(after) }];
        let side = |replicas: u32| json!({"spec": {"replicas": replicas}});
        plan.diff = compare::unified_diff(&side(before), &side(after), "current", "planned");
        plan.blast = blast(target, before, after);
        plan.managed_by = ownership::manager(object).map(|manager| manager.name);
        plan.warnings = ownership::warnings_but_autoscalers(object);
        plan.warnings.extend(warnings(self, facts, before, after));
        if after == 0 {
            plan.confirm = ConfirmLevel::Name;
        }
        let back = Self { target: target.clone(), replicas: Replicas::To(before.into()) };
        plan.undo = Undo::by(format!("scale it back to {before}"), ActionKind::Scale(back));
        expect(&mut plan, target, object, before, after);
        plan.done = format!("{target} has {after} replicas");
        Ok(plan)
    }
}

impl Scale {
    fn mutation(&self, object: &Value, before: u32, after: u32) -> Result<Mutation, Refusal> {
        let malformed = |what: &str| Refusal::Malformed(format!("{} has no {what}", self.target));
        let uid = raw(object, &["metadata", "uid"]).ok_or_else(|| malformed("uid"))?;
        let mut operations = vec![json!({"op": "test", "path": "/metadata/uid", "value": uid})];
        operations.push(if before > 0 {
            json!({"op": "test", "path": "/spec/replicas", "value": before})
        } else {
            let version = raw(object, &["metadata", "resourceVersion"]).ok_or_else(|| malformed("resourceVersion"))?;
            json!({"op": "test", "path": "/metadata/resourceVersion", "value": version})
        });
        // `replace` needs a value to be there, and zero is left out.
        operations.push(json!({"op": "add", "path": "/spec/replicas", "value": after}));
        let change = Change::JsonPatch(Value::Array(operations));
        Ok(Mutation::of((&self.target).into(), Subresource::Scale, change))
    }
}

/// An autoscaler would put its own number back: its bounds are what can be changed.
fn owned(target: &WorkloadRef, hpa: &Value, wanted: u32) -> Refusal {
    let (name, (min, max)) = (super::manifest::name(hpa), bounds(hpa));
    // Over its maximum, the maximum goes up; under its minimum, the minimum goes down; between them it is held there
    // from the side on which it would leave.
    let current = u32::try_from(count(hpa, &["status", "currentReplicas"]).unwrap_or(0)).unwrap_or(u32::MAX);
    let (min_wanted, max_wanted) = if wanted > max {
        (min, wanted)
    } else if wanted >= current.max(min) {
        (wanted, max)
    } else {
        (min.min(wanted), wanted)
    };
    let instead = ScaleBounds {
        namespace: target.namespace.clone(),
        hpa: name.as_str().into(),
        min: Some(min_wanted.into()),
        max: Some(max_wanted.into()),
    };
    Refusal::NotHere {
        why: format!("HPA {name} owns the number of pods of {target} ({min}–{max}) and would put it back"),
        instead: Some(format!("set the bounds of HPA {name} to {min_wanted}–{max_wanted} instead")),
        offer: Some(Box::new(ActionKind::ScaleBounds(instead))),
    }
}

fn blast(target: &WorkloadRef, before: u32, after: u32) -> Blast {
    let pods = before.abs_diff(after);
    let noun = if pods == 1 { "pod" } else { "pods" };
    Blast {
        pods,
        of: Some(before.max(after)),
        workloads: 1,
        namespaces: [target.namespace.clone()].into(),
        at_once: after < before,
        moves: if after < before { format!("{pods} {noun} end") } else { format!("{pods} {noun} more") },
    }
}

fn warnings(action: &Scale, facts: &Facts, before: u32, after: u32) -> Vec<Warning> {
    let target = &action.target;
    let mut warnings = Vec::new();
    if after == 0 {
        let text = format!("to zero: {target} serves nothing any more until it is scaled up again");
        warnings.push(Warning::new(WarningKind::Destructive, text));
        for hpa in ownership::autoscalers_of(facts.autoscalers.as_deref(), target) {
            let text = format!(
                "HPA {} rests while there are no pods, and takes over again above 0",
                super::manifest::name(hpa)
            );
            warnings.push(Warning::new(WarningKind::Autoscaler, text));
        }
    }
    if facts.autoscalers.is_none() {
        let text = "autoscalers of the namespace may not be read: one may own the number of pods and put it back";
        warnings.push(Warning::new(WarningKind::Autoscaler, text));
    }
    if after > before {
        warnings.extend(capacity::warnings(facts, after - before));
    } else {
        warnings.extend(capacity::budget_warnings(facts, before - after));
    }
    warnings
}

fn expect(plan: &mut Plan, target: &WorkloadRef, object: &Value, before: u32, after: u32) {
    let replicas = Field::new("/spec/replicas", format!("{after} replicas"), &json!(after));
    let moves = workload::moves(target.kind, object);
    if moves.held.is_none() && !workload::is_paused(object) {
        // More pods are meant to help; fewer need not.
        let signals = after > before;
        plan.expect(Expectation::Rollout { workload: target.clone(), fields: vec![replicas], signals });
        return;
    }
    // A rollout that is held never completes, but the number of pods comes true.
    plan.expect(Expectation::Object { object: target.into(), fields: vec![replicas], patient: false });
    let ready = if after == 0 { Value::Null } else { json!(after) };
    let ready = Field::new("/status/readyReplicas", format!("{after} pods ready"), &ready);
    plan.expect(Expectation::Object { object: target.into(), fields: vec![ready], patient: true });
}
