//! Pausing a rollout and letting it go on: `spec.paused` of a Deployment, as `kubectl rollout pause` and `resume`, and of
//! an Argo Rollout.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo};
use super::promote::Promote;
use super::step::Step;
use super::{compare, delivery, ownership, workload};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Facts, Part};

/// Stop a rollout where it is: pods that run stay, no further one is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The Deployment.
    pub target: WorkloadRef,
}

/// Let a paused rollout go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The Deployment.
    pub target: WorkloadRef,
}

fn admit(target: &WorkloadRef) -> Result<(), Refusal> {
    match target.kind {
        WorkloadKind::Deployment | WorkloadKind::Rollout => Ok(()),
        kind => {
            let why = format!("only Deployments and Argo Rollouts can be paused and resumed, not a {}", kind.kind());
            Err(Refusal::not_here(why))
        }
    }
}

fn plan(action: &dyn Action, target: &WorkloadRef, pause: bool, facts: &Facts) -> Result<Plan, Refusal> {
    let object = &facts.object;
    let rollout = target.kind == WorkloadKind::Rollout;
    if !rollout {
        workload::template(target, object)?;
    }
    if workload::is_paused(object) == pause {
        if rollout && !pause && delivery::is_waiting(object) {
            return Err(Refusal::NotHere {
                why: format!("{target} was not paused by hand: it waits at a step"),
                instead: Some("promote it past that step".into()),
                offer: Some(Box::new(ActionKind::Promote(Promote { target: target.clone(), full: false }))),
            });
        }
        let state = if pause { "is paused already" } else { "is not paused" };
        return Err(Refusal::not_here(format!("nothing to do: {target} {state}")));
    }
    let mut operations = workload::preconditions(object)?;
    operations.push(if pause {
        json!({"op": "add", "path": "/spec/paused", "value": true})
    } else {
        json!({"op": "remove", "path": "/spec/paused"})
    });
    let (before, after) = if pause { (Value::Null, json!(true)) } else { (json!(true), Value::Null) };
    let sent = vec![Field::new("/spec/paused", "paused", &after)];
    let mutation = Mutation::new(target.into(), Change::JsonPatch(Value::Array(operations)));
    let mut plan = Plan::begin(action);
    plan.steps = vec![Step::new(format!("patch {target}"), mutation).leaving(sent.clone())];
    let say = |value: &Value| Some(if value.is_null() { "no".to_owned() } else { "yes".to_owned() });
    plan.changes = vec![FieldChange { path: "paused".into(), before: say(&before), after: say(&after) }];
    let side = |paused: Value| json!({"spec": {"paused": paused}});
    plan.diff = compare::unified_diff(&side(before), &side(after), "current", "planned");
    plan.managed_by = ownership::manager(object).map(|manager| manager.name);
    plan.warnings = ownership::warnings(object, target, facts.autoscalers.as_deref());
    plan.blast.workloads = 1;
    if pause {
        plan.blast.moves = "no pod moves; a rollout stops where it is".into();
        plan.undo = Undo::by("resume it", ActionKind::Resume(Resume { target: target.clone() }));
        plan.expect(Expectation::Object { object: target.into(), fields: sent, patient: false });
        plan.done = format!("{target} is paused");
    } else if rollout {
        let moves = "goes on with its steps".to_owned();
        delivery::describe(&mut plan, target, object, delivery::wanted(object), moves);
        plan.undo = Undo::by("pause it again", ActionKind::Pause(Pause { target: target.clone() }));
        // Its steps may make it wait again: that it goes on is all that is promised.
        plan.expect(Expectation::Object { object: target.into(), fields: sent, patient: false });
        plan.done = format!("{target} goes on");
    } else {
        let moves = workload::moves(target.kind, object);
        plan.blast = moves.blast(target, object);
        plan.undo = Undo::by("pause it again", ActionKind::Pause(Pause { target: target.clone() }));
        plan.expect(Expectation::Rollout { workload: target.clone(), fields: sent, signals: true });
        plan.done = format!("{target} is rolled out");
    }
    Ok(plan)
}

impl Action for Pause {
    fn word(&self) -> &'static str {
        "pause"
    }

    fn verb(&self) -> &'static str {
        "pause"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Autoscalers]
    }

    fn admit(&self) -> Result<(), Refusal> {
        admit(&self.target)
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        plan(self, &self.target, true, facts)
    }
}

impl Action for Resume {
    fn word(&self) -> &'static str {
        "resume"
    }

    fn verb(&self) -> &'static str {
        "resume"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Autoscalers]
    }

    fn admit(&self) -> Result<(), Refusal> {
        admit(&self.target)
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        plan(self, &self.target, false, facts)
    }
}
