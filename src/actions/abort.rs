//! Aborting an Argo Rollout, and trying again: `status.abort`.
//!
//! An abort moves all traffic back to the stable revision. The spec still names the new one, so the Rollout stays
//! degraded until it is rolled back or tried again: the plan says so, and offers the rollback.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::delivery::{self, admit, canaries, exposure, is_aborted, is_promoted};
use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::rollback::Rollback;
use super::{compare, ownership};
use crate::domain::object::ObjectRef;
use crate::domain::target::WorkloadRef;
use crate::ports::cluster::{Facts, Part};

/// Give the newest revision up: the stable one serves everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abort {
    /// The Rollout.
    pub target: WorkloadRef,
}

/// Try the newest revision again after an abort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The Rollout.
    pub target: WorkloadRef,
}

fn to_stable(target: &WorkloadRef) -> ActionKind {
    ActionKind::Rollback(Rollback { target: target.clone(), to: None })
}

/// What both show, and the request of it.
fn plan(action: &dyn Action, target: &WorkloadRef, facts: &Facts, abort: bool) -> Result<Plan, Refusal> {
    let change = if abort {
        vec![json!({"op": "add", "path": "/status/abort", "value": true})]
    } else {
        vec![
            json!({"op": "test", "path": "/status/abort", "value": true}),
            json!({"op": "remove", "path": "/status/abort"}),
        ]
    };
    let word = if abort { "abort" } else { "retry" };
    let step = delivery::status_step(format!("{word} {target}"), target, &facts.object, change)?;
    let mut plan = Plan::begin(action);
    plan.steps = vec![step.leaving(vec![field(abort)])];
    let say = |aborted: bool| Some(if aborted { "yes".to_owned() } else { "no".to_owned() });
    plan.changes = vec![FieldChange { path: "aborted".into(), before: say(!abort), after: say(abort) }];
    let side = |aborted: bool| if aborted { json!({"status": {"abort": true}}) } else { json!({"status": {}}) };
    plan.diff = compare::unified_diff(&side(!abort), &side(abort), "current", "planned");
    plan.warnings = ownership::warnings_but_autoscalers(&facts.object);
    Ok(plan)
}

fn field(abort: bool) -> Field {
    let (words, value) = if abort { ("aborted", json!(true)) } else { ("not aborted", Value::Null) };
    Field::new("/status/abort", words, &value)
}

/// What its spec asks for, in words.
fn newest(target: &WorkloadRef, facts: &Facts) -> String {
    let template = delivery::template_holder(target, &facts.object, facts.template.as_ref())
        .ok()
        .and_then(|(_, holder)| super::manifest::at(holder, &["spec", "template"]));
    template.map(delivery::images).filter(|images| !images.is_empty()).unwrap_or_else(|| "the new version".into())
}

impl Action for Abort {
    fn word(&self) -> &'static str {
        "abort"
    }

    fn verb(&self) -> &'static str {
        "abort"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Template]
    }

    fn admit(&self) -> Result<(), Refusal> {
        admit(&self.target, "aborted")
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let (target, object) = (&self.target, &facts.object);
        let instead = |why: String, instead: &str| Refusal::NotHere {
            why,
            instead: Some(instead.to_owned()),
            offer: Some(Box::new(to_stable(target))),
        };
        if is_aborted(object) {
            let why = format!("{target} is aborted already; its spec still names {}", newest(target, facts));
            return Err(instead(why, "roll it back to the stable revision"));
        }
        if is_promoted(object) {
            return Err(instead(format!("{target} is fully promoted: there is nothing to abort"), "roll it back"));
        }
        let mut plan = plan(self, target, facts, true)?;
        let pods = canaries(object);
        let exposed = exposure(object);
        plan.changes.push(FieldChange {
            path: "newest revision".into(),
            before: Some(format!("serves {exposed}")),
            after: Some("serves nothing".into()),
        });
        let noun = if pods == 1 { "pod" } else { "pods" };
        let moves = format!("{pods} {noun} of the newest revision end; the stable one serves everything");
        delivery::describe(&mut plan, target, object, pods, moves);
        let text = format!(
            "the spec still names {}: it stays degraded until it is rolled back, and any change tries it again",
            newest(target, facts)
        );
        plan.warnings.push(Warning::new(WarningKind::Held, text));
        plan.undo = Undo::by("try it again, from its first step", ActionKind::Retry(Retry { target: target.clone() }));
        plan.next =
            Some((format!("roll {target} back, so that its spec names the stable revision"), to_stable(target)));
        plan.expect(Expectation::Stable { workload: target.clone(), fields: vec![field(true)], signals: true });
        plan.done = format!("{target} is aborted: its stable revision serves everything");
        Ok(plan)
    }
}

impl Action for Retry {
    fn word(&self) -> &'static str {
        "retry"
    }

    fn verb(&self) -> &'static str {
        "retry"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Template]
    }

    fn admit(&self) -> Result<(), Refusal> {
        admit(&self.target, "retried")
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let (target, object) = (&self.target, &facts.object);
        if !is_aborted(object) {
            return Err(Refusal::not_here(format!("nothing to do: {target} is not aborted")));
        }
        let mut plan = plan(self, target, facts, false)?;
        let moves = match delivery::steps(object) {
            Some((steps, _)) => format!("the newest revision is rolled out again, from step 1 of {}", steps.len()),
            None => "the newest revision is rolled out again".to_owned(),
        };
        delivery::describe(&mut plan, target, object, delivery::wanted(object), moves);
        let text = format!("it tries the same version again: {}", newest(target, facts));
        plan.warnings.push(Warning::new(WarningKind::InProgress, text));
        plan.undo = Undo::by("abort it again", ActionKind::Abort(Abort { target: target.clone() }));
        plan.expect(Expectation::Object { object: target.into(), fields: vec![field(false)], patient: false });
        plan.done = format!("{target} is tried again");
        Ok(plan)
    }
}
