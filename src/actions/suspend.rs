//! Suspending a CronJob and letting it run again: `spec.suspend`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{at, count, items, text};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::step::Step;
use super::{compare, ownership, workload};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Facts, Part};

/// Suspend a CronJob, or let it run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspend {
    /// The CronJob.
    pub target: WorkloadRef,
    /// Is it suspended afterwards?
    pub suspended: bool,
}

/// Is it a CronJob? Nothing else has a schedule.
pub(super) fn admit(target: &WorkloadRef, what: &str) -> Result<(), Refusal> {
    match target.kind {
        WorkloadKind::CronJob => Ok(()),
        kind => Err(Refusal::not_here(format!("only CronJobs can be {what}, not a {}", kind.kind()))),
    }
}

/// Is it suspended?
pub(super) fn is_suspended(object: &Value) -> bool {
    at(object, &["spec", "suspend"]).and_then(Value::as_bool) == Some(true)
}

impl Action for Suspend {
    fn word(&self) -> &'static str {
        "suspend"
    }

    fn verb(&self) -> &'static str {
        if self.suspended { "suspend" } else { "unsuspend" }
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[]
    }

    fn admit(&self) -> Result<(), Refusal> {
        admit(&self.target, "suspended")
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let (target, object) = (&self.target, &facts.object);
        if is_suspended(object) == self.suspended {
            let state = if self.suspended { "is suspended already" } else { "is not suspended" };
            return Err(Refusal::not_here(format!("nothing to do: {target} {state}")));
        }
        let mut operations = workload::preconditions(object)?;
        // `add` replaces, and the server fills in `false` where there is nothing.
        operations.push(json!({"op": "add", "path": "/spec/suspend", "value": self.suspended}));
        let words = if self.suspended { "suspended" } else { "not suspended" };
        let sent = vec![Field::new("/spec/suspend", words, &json!(self.suspended))];
        let mutation = Mutation::new(target.into(), Change::JsonPatch(Value::Array(operations)));
        let mut plan = Plan::begin(self);
        plan.steps = vec![Step::new(format!("patch {target}"), mutation).leaving(sent.clone())];
        let say = |suspended: bool| Some(if suspended { "yes".to_owned() } else { "no".to_owned() });
        plan.changes =
            vec![FieldChange { path: "suspended".into(), before: say(!self.suspended), after: say(self.suspended) }];
        let side = |suspended: bool| json!({"spec": {"suspend": suspended}});
        plan.diff = compare::unified_diff(&side(!self.suspended), &side(self.suspended), "current", "planned");
        plan.managed_by = ownership::manager(object).map(|manager| manager.name);
        plan.warnings = ownership::warnings_but_autoscalers(object);
        plan.blast.workloads = 1;
        let schedule = text(object, &["spec", "schedule"]).unwrap_or_default();
        let running = items(object, &["status", "active"]).len();
        if self.suspended {
            plan.blast.moves = format!("no new run ({schedule}); what runs goes on");
            if running > 0 {
                let noun = if running == 1 { "Job runs" } else { "Jobs run" };
                let text = format!("{running} {noun} now: suspending does not end what runs");
                plan.warnings.push(Warning::new(WarningKind::InProgress, text));
            }
        } else {
            plan.blast.moves = format!("runs again on its schedule ({schedule})");
            // Without a deadline the controller starts what it has missed, once.
            if count(object, &["spec", "startingDeadlineSeconds"]).is_none() {
                let text = "it has no startingDeadlineSeconds: a run that was missed meanwhile starts at once";
                plan.warnings.push(Warning::new(WarningKind::InProgress, text));
            }
        }
        let back = Self { target: target.clone(), suspended: !self.suspended };
        let words = if self.suspended { "unsuspend it" } else { "suspend it again" };
        plan.undo = Undo::by(words, ActionKind::Suspend(back));
        plan.expect(Expectation::Object { object: target.into(), fields: sent, patient: false });
        plan.done = format!("{target} {}", if self.suspended { "is suspended" } else { "runs on its schedule again" });
        Ok(plan)
    }
}
