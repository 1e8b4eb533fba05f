//! Restarting a workload: its pods are replaced, within the bounds of its own rollout.
//!
//! Source: kubectl `pkg/polymorphichelpers/objectrestarter.go`: the annotation `kubectl.kubernetes.io/restartedAt` of the
//! pod template, and a paused Deployment is an error. Different, on purpose: a JSON Patch that insists on the state that
//! the plan was made from.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::Field;
use super::kind::{Action, Ground};
use super::outcome::Refusal;
use super::plan::{Plan, Undo};
use super::step::Step;
use super::workload;
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Facts, Part};

/// kubectl's annotation.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Replace all pods of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// The workload.
    pub target: WorkloadRef,
}

impl Action for Restart {
    fn word(&self) -> &'static str {
        "restart"
    }

    fn verb(&self) -> &'static str {
        "restart"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Autoscalers]
    }

    fn admit(&self) -> Result<(), Refusal> {
        match self.target.kind {
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => Ok(()),
            kind => Err(Refusal::not_here(format!("a {} does not roll: it cannot be restarted", kind.kind()))),
        }
    }

    fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
        let target = &self.target;
        let object = &facts.object;
        let before = workload::template(target, object)?;
        if workload::is_paused(object) {
            return Err(Refusal::Paused(target.to_string()));
        }
        let stamp = json!(ground.now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        let mut operations = workload::preconditions(object)?;
        let annotations = before.pointer("/metadata/annotations").filter(|value| value.is_object());
        if before.get("metadata").is_none_or(|metadata| !metadata.is_object()) {
            operations.push(json!({"op": "add", "path": "/spec/template/metadata", "value": {}}));
        }
        let field = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
        operations.push(match annotations {
            Some(_) => json!({"op": "add", "path": field, "value": stamp}),
            None => json!({"op": "add", "path": "/spec/template/metadata/annotations", "value": {RESTARTED_AT: stamp}}),
        });
        let mut after = before.clone();
        after["metadata"]["annotations"][RESTARTED_AT] = stamp.clone();
        let sent = vec![Field::new(field, "restart annotation", &stamp)];
        let mutation = Mutation::new(target.into(), Change::JsonPatch(Value::Array(operations)));
        let mut plan = Plan::begin(self);
        plan.steps = vec![Step::new(format!("patch {target}"), mutation).leaving(sent.clone())];
        workload::rolls(&mut plan, target, facts, (before, &after), sent);
        plan.undo = Undo::never("nothing to undo: the new pods run the same as the old ones");
        plan.done = format!("{target} runs new pods");
        Ok(plan)
    }
}
