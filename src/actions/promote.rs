//! Promoting an Argo Rollout: past the step at which it waits, or past everything.
//!
//! Source: argo-rollouts 1.10 `pkg/kubectl-argo-rollouts/cmd/promote` (`getPatches`): a pause is ended by taking
//! `status.pauseConditions` away, a step that is not a pause by counting `status.currentStepIndex` on, an inconclusive
//! analysis by both; `--full` is `status.promoteFull`. Both resume what was paused by hand.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::abort::{Abort, Retry};
use super::delivery::{self, admit, exposure, is_aborted, is_promoted, is_waiting};
use super::expectation::{Expectation, Field};
use super::guardrail::ConfirmLevel;
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{at, count, raw};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::step::Step;
use super::{ownership, workload};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::WorkloadRef;
use crate::ports::cluster::{Facts, Part};

/// Let the newest revision go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promote {
    /// The Rollout.
    pub target: WorkloadRef,
    /// Past all steps, pauses and analysis.
    #[serde(default)]
    pub full: bool,
}

/// Does a canary wait for a person in one of these steps, or for something that may fail?
fn waits(steps: &[Value]) -> bool {
    steps.iter().any(|step| {
        let pause = at(step, &["pause"]).is_some_and(|pause| at(pause, &["duration"]).is_none_or(Value::is_null));
        pause || ["analysis", "experiment", "plugin"].iter().any(|key| at(step, &[key]).is_some())
    })
}

fn is_inconclusive(rollout: &Value) -> bool {
    raw(rollout, &["status", "canary", "currentStepAnalysisRunStatus", "status"]) == Some("Inconclusive")
}

impl Promote {
    /// The operations on the status, and the signs that they were taken.
    fn change(&self, rollout: &Value) -> Result<(Vec<Value>, Vec<Field>), Refusal> {
        if self.full {
            let hash = at(rollout, &["status", "currentPodHash"]).unwrap_or(&Value::Null);
            let sign = Field::new("/status/stableRS", "the newest revision is the stable one", hash);
            return Ok((vec![json!({"op": "add", "path": "/status/promoteFull", "value": true})], vec![sign]));
        }
        let waiting = at(rollout, &["status", "pauseConditions"]).filter(|_| is_waiting(rollout));
        let mut operations = Vec::new();
        let mut signs = Vec::new();
        if let Some(conditions) = waiting {
            operations.push(json!({"op": "test", "path": "/status/pauseConditions", "value": conditions}));
            operations.push(json!({"op": "remove", "path": "/status/pauseConditions"}));
            signs.push(Field::other("/status/pauseConditions", "the pause is over", conditions));
        }
        let inconclusive = is_inconclusive(rollout) && waiting.is_some();
        if waiting.is_none() || inconclusive {
            let index = count(rollout, &["status", "currentStepIndex"]);
            match (delivery::steps(rollout), index) {
                (Some((steps, at)), Some(index)) if at < steps.len() => {
                    operations.push(json!({"op": "test", "path": "/status/currentStepIndex", "value": index}));
                    operations.push(json!({"op": "add", "path": "/status/currentStepIndex", "value": index + 1}));
                    signs.push(Field::other("/status/currentStepIndex", "the step is over", &json!(index)));
                }
                _ if inconclusive || workload::is_paused(rollout) => {}
                _ => {
                    let why = format!("{} waits for nothing that a promotion could end", self.target);
                    return Err(Refusal::NotHere {
                        why,
                        instead: Some("promote it fully, past everything".into()),
                        offer: Some(Box::new(ActionKind::Promote(Self { full: true, ..self.clone() }))),
                    });
                }
            }
        }
        if inconclusive {
            operations.push(json!({"op": "add", "path": "/status/controllerPause", "value": false}));
        }
        Ok((operations, signs))
    }
}

impl Action for Promote {
    fn word(&self) -> &'static str {
        "promote"
    }

    fn verb(&self) -> &'static str {
        if self.full { "promote fully" } else { "promote" }
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[]
    }

    fn admit(&self) -> Result<(), Refusal> {
        admit(&self.target, "promoted")
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let (target, object) = (&self.target, &facts.object);
        if is_promoted(object) {
            return Err(Refusal::not_here(format!("nothing to do: {target} is fully promoted already")));
        }
        if is_aborted(object) {
            return Err(Refusal::NotHere {
                why: format!("{target} is aborted: there is nothing to promote"),
                instead: Some("try it again first".into()),
                offer: Some(Box::new(ActionKind::Retry(Retry { target: target.clone() }))),
            });
        }
        let (operations, mut signs) = self.change(object)?;
        let mut plan = Plan::begin(self);
        if workload::is_paused(object) {
            let mut resume = workload::preconditions(object)?;
            resume.push(json!({"op": "remove", "path": "/spec/paused"}));
            let mutation = Mutation::new(target.into(), Change::JsonPatch(Value::Array(resume)));
            let resumed = Field::new("/spec/paused", "not paused", &Value::Null);
            plan.steps.push(Step::new(format!("resume {target}"), mutation).leaving(vec![resumed.clone()]));
            plan.changes.push(FieldChange {
                path: "paused".into(),
                before: Some("yes".into()),
                after: Some("no".into()),
            });
            signs.push(resumed);
        }
        if !operations.is_empty() {
            plan.steps.push(delivery::status_step(format!("promote {target}"), target, object, operations)?);
        }
        plan.warnings = ownership::warnings_but_autoscalers(object);
        self.describe(&mut plan, object);
        let rest = delivery::steps(object).map_or(&[][..], |(steps, at)| steps.get(at + 1..).unwrap_or_default());
        if self.full || !waits(rest) {
            plan.expect(Expectation::Rollout { workload: target.clone(), fields: signs, signals: true });
            plan.done = format!("{target} is fully promoted");
        } else {
            plan.expect(Expectation::Object { object: target.into(), fields: signs, patient: true });
            plan.done = format!("{target} goes on; it waits again at a later step");
        }
        plan.undo =
            Undo::by("abort it: the stable revision serves again", ActionKind::Abort(Abort { target: target.clone() }));
        if self.full {
            plan.undo = Undo::never("roll it back to the revision that is stable now");
        }
        Ok(plan)
    }
}

impl Promote {
    fn describe(&self, plan: &mut Plan, object: &Value) {
        let wanted = delivery::wanted(object);
        let serves = Some(format!("serves {}", exposure(object)));
        let at = |index: usize, of: usize| Some(format!("{index} of {of}"));
        match delivery::steps(object) {
            Some((steps, index)) if self.full => {
                let skipped = steps.len().saturating_sub(index);
                plan.changes.push(FieldChange {
                    path: "step".into(),
                    before: at(index, steps.len()),
                    after: at(steps.len(), steps.len()),
                });
                let noun = if skipped == 1 { "step" } else { "steps" };
                let text = format!("{skipped} {noun} are skipped, with their pauses and analysis");
                plan.warnings.push(Warning::new(WarningKind::Destructive, text));
            }
            Some((steps, index)) => plan.changes.push(FieldChange {
                path: "step".into(),
                before: at(index, steps.len()),
                after: at((index + 1).min(steps.len()), steps.len()),
            }),
            None => {}
        }
        if self.full {
            plan.confirm = ConfirmLevel::Yes;
            let everything = Some("serves everything".to_owned());
            plan.changes.push(FieldChange { path: "newest revision".into(), before: serves, after: everything });
        }
        let moves = if self.full {
            format!("all {wanted} pods are of the newest revision, which serves everything")
        } else {
            format!("the newest revision ({}) goes on", exposure(object))
        };
        delivery::describe(plan, &self.target, object, wanted, moves);
    }
}
