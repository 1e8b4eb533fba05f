//! Cordoning a node and letting pods onto it again: `spec.unschedulable`, as `kubectl cordon` and `uncordon`.
//!
//! The patch insists on the `uid`, and `uncordon` on the node being cordoned; not on a resourceVersion, which moves with
//! every heartbeat of the kubelet.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{at, items, raw};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::step::Step;
use super::{compare, ownership};
use crate::domain::Text;
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::ports::cluster::{Facts, Part};

/// Keep new pods away from a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cordon {
    /// The node.
    pub node: Text,
}

/// Let pods onto a node again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncordon {
    /// The node.
    pub node: Text,
}

/// The node as a target.
pub fn node(name: &Text) -> ObjectRef {
    ObjectRef::global(ObjectKind::Node, name.clone())
}

/// Does it take no new pods?
pub fn is_cordoned(node: &Value) -> bool {
    at(node, &["spec", "unschedulable"]).and_then(Value::as_bool) == Some(true)
}

/// What has to be true of a node that is cordoned, or is not.
pub fn field(cordoned: bool) -> Field {
    let (words, value) = if cordoned { ("cordoned", json!(true)) } else { ("not cordoned", Value::Null) };
    Field::new("/spec/unschedulable", words, &value)
}

/// The request that cordons a node or lets pods onto it.
pub fn step(target: &ObjectRef, node: &Value, cordon: bool) -> Result<Step, Refusal> {
    let uid = raw(node, &["metadata", "uid"]).ok_or_else(|| Refusal::Malformed(format!("{target} has no uid")))?;
    let mut operations = vec![json!({"op": "test", "path": "/metadata/uid", "value": uid})];
    if cordon {
        operations.push(json!({"op": "add", "path": "/spec/unschedulable", "value": true}));
    } else {
        operations.push(json!({"op": "test", "path": "/spec/unschedulable", "value": true}));
        operations.push(json!({"op": "remove", "path": "/spec/unschedulable"}));
    }
    let word = if cordon { "cordon" } else { "uncordon" };
    let mutation = Mutation::new(target.clone(), Change::JsonPatch(Value::Array(operations)));
    Ok(Step::new(format!("{word} {target}"), mutation).leaving(vec![field(cordon)]))
}

/// What the plan shows of it.
pub fn show(plan: &mut Plan, cordon: bool) {
    let say = |takes: bool| Some(if takes { "yes".to_owned() } else { "no".to_owned() });
    plan.changes.push(FieldChange { path: "takes new pods".into(), before: say(cordon), after: say(!cordon) });
    let side = |cordoned: bool| if cordoned { json!({"spec": {"unschedulable": true}}) } else { json!({"spec": {}}) };
    plan.diff = compare::unified_diff(&side(!cordon), &side(cordon), "current", "planned");
}

fn plan(action: &dyn Action, facts: &Facts, cordon: bool) -> Result<Plan, Refusal> {
    let object = &facts.object;
    let target = action.target();
    if is_cordoned(object) == cordon {
        let state = if cordon { "is cordoned already" } else { "is not cordoned" };
        return Err(Refusal::not_here(format!("nothing to do: {target} {state}")));
    }
    let mut plan = Plan::begin(action);
    plan.steps = vec![step(&target, object, cordon)?];
    show(&mut plan, cordon);
    plan.managed_by = ownership::manager(object).map(|manager| manager.name);
    plan.warnings = ownership::warnings_but_autoscalers(object);
    plan.expect(Expectation::Object { object: target.clone(), fields: vec![field(cordon)], patient: false });
    let name = target.name.clone();
    if cordon {
        plan.blast.moves = "no pod moves; new ones go elsewhere".into();
        plan.undo = Undo::by("uncordon it", ActionKind::Uncordon(Uncordon { node: name }));
        plan.done = format!("{target} takes no new pods");
    } else {
        plan.blast.moves = "no pod moves; new ones may come".into();
        plan.undo = Undo::by("cordon it again", ActionKind::Cordon(Cordon { node: name }));
        plan.done = format!("{target} takes pods again");
        if let Some(why) = not_ready(object) {
            let text = format!("{target} is not ready ({why}): pods that are put there will not run");
            plan.warnings.push(Warning::new(WarningKind::Held, text));
        }
    }
    Ok(plan)
}

/// Why a node is not ready, when it is not.
pub fn not_ready(node: &Value) -> Option<String> {
    let ready = items(node, &["status", "conditions"]).iter().find(|found| raw(found, &["type"]) == Some("Ready"))?;
    (raw(ready, &["status"]) != Some("True"))
        .then(|| super::manifest::text(ready, &["reason"]).unwrap_or_else(|| "no reason is given".into()))
}

impl Action for Cordon {
    fn word(&self) -> &'static str {
        "cordon"
    }

    fn verb(&self) -> &'static str {
        "cordon"
    }

    fn target(&self) -> ObjectRef {
        node(&self.node)
    }

    fn needs(&self) -> &'static [Part] {
        &[]
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        plan(self, facts, true)
    }
}

impl Action for Uncordon {
    fn word(&self) -> &'static str {
        "uncordon"
    }

    fn verb(&self) -> &'static str {
        "uncordon"
    }

    fn target(&self) -> ObjectRef {
        node(&self.node)
    }

    fn needs(&self) -> &'static [Part] {
        &[]
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        plan(self, facts, false)
    }
}
