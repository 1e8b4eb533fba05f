//! Deleting a pod, by force where its node no longer answers.
//!
//! Source: kubectl `delete pod`, with a precondition on the `uid`: a namesake of a StatefulSet is not the pod that was
//! looked at. By force is grace period 0: the API forgets the pod at once, whatever still runs on the node.

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;
use super::guardrail::ConfirmLevel;
use super::kind::{Action, Ground};
use super::manifest::{name, raw};
use super::outcome::Refusal;
use super::ownership;
use super::plan::{Blast, FieldChange, Plan, Undo, Warning, WarningKind};
use super::pod::{self, Comeback};
use super::step::Step;
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::PodRef;
use crate::ports::cluster::{Facts, Part};

/// Delete one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletePod {
    /// The pod.
    pub pod: PodRef,
    /// Without waiting for its node to say that it has ended.
    #[serde(default)]
    pub force: bool,
}

/// What a plan that ends one pod has in common, however that is done.
pub(super) fn begin(action: &dyn Action, facts: &Facts) -> Result<(Plan, Comeback), Refusal> {
    let object = &facts.object;
    let target = action.target();
    let comeback = pod::comeback(object, facts.owners.as_deref());
    if comeback == Comeback::Static {
        let node = raw(object, &["spec", "nodeName"]).unwrap_or("its node");
        let why = format!("{target} is a static pod: the kubelet of {node} makes it from a file on that node");
        return Err(Refusal::not_here(why));
    }
    let mut plan = Plan::begin(action);
    let owner = pod::workload_of(object, facts.owners.as_deref());
    let siblings = facts.pods.as_ref().and_then(|pods| u32::try_from(pods.len()).ok());
    let of = match &owner {
        Some((_, workload)) => u32::try_from(pod::wanted(workload)).ok(),
        None => siblings,
    };
    let words = comeback.words(object);
    plan.blast = Blast {
        pods: 1,
        of: of.map(|of| of.max(1)),
        workloads: u32::from(owner.is_some()),
        namespaces: target.namespace.iter().cloned().collect(),
        at_once: true,
        moves: format!("1 pod ends; {words}"),
    };
    let before = if pod::is_ready(object) { "ready" } else { "not ready" };
    plan.changes = vec![FieldChange { path: target.to_string(), before: Some(before.into()), after: None }];
    plan.managed_by = owner.as_ref().and_then(|(_, workload)| ownership::manager(workload)).map(|found| found.name);
    if comeback == Comeback::Nothing {
        plan.warnings.push(Warning::new(WarningKind::Destructive, words.clone()));
        plan.confirm = ConfirmLevel::Name;
    }
    if facts.owners.is_none() && pod::controller(object).is_some() {
        let text = "its owners may not be read: whether they will replace it is not sure";
        plan.warnings.push(Warning::new(WarningKind::Unchecked, text));
    }
    plan.warnings.extend(pod::scratch_warning(object));
    let uid = raw(object, &["metadata", "uid"]).map(str::to_owned);
    plan.expect(Expectation::Gone { object: target.clone(), uid });
    if let Some((workload, object_of)) = &owner
        && let Some(whole) = pod::whole_again(workload, object_of, &[object])
    {
        plan.expect(whole);
    }
    plan.undo = Undo::never(match comeback {
        Comeback::Nothing => "cannot be undone: create it again from its manifest".to_owned(),
        _ => format!("nothing to undo: {words}"),
    });
    Ok((plan, comeback))
}

impl Action for DeletePod {
    fn word(&self) -> &'static str {
        "delete-pod"
    }

    fn verb(&self) -> &'static str {
        if self.force { "delete by force" } else { "delete" }
    }

    fn target(&self) -> ObjectRef {
        (&self.pod).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Pods, Part::Owners, Part::Budgets]
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let object = &facts.object;
        let target = self.target();
        if pod::is_going(object) && !self.force {
            let by_force = Self { force: true, ..self.clone() };
            return Err(Refusal::NotHere {
                why: format!("{target} is being deleted already"),
                instead: Some("if its node no longer answers, delete it by force".into()),
                offer: Some(Box::new(super::ActionKind::DeletePod(by_force))),
            });
        }
        let (mut plan, _) = begin(self, facts)?;
        let grace_seconds = self.force.then_some(0);
        let change = Change::Delete { grace_seconds, preconditions: pod::preconditions(object)? };
        let mutation = Mutation::new(target.clone(), change);
        plan.steps = vec![Step::new(format!("delete {target}"), mutation)];
        for budget in pod::budgets(object, facts.budgets.as_deref()) {
            if pod::counts(budget, object) && pod::allowed(budget) == 0 {
                let text = format!(
                    "PodDisruptionBudget {} allows no disruption now; deleting does not ask it, evicting does",
                    name(budget)
                );
                plan.warnings.push(Warning::new(WarningKind::Budget, text));
            }
        }
        if self.force {
            plan.confirm = ConfirmLevel::Name;
            let text = "by force: the API forgets it at once, and what runs on its node may run on";
            plan.warnings.push(Warning::new(WarningKind::Destructive, text));
            if pod::controller(object).is_some_and(|owner| raw(owner, &["kind"]) == Some("StatefulSet")) {
                let text = "a StatefulSet then makes a second one of the same name: two may write to one volume";
                plan.warnings.push(Warning::new(WarningKind::Destructive, text));
            }
        }
        plan.done = format!("{target} is gone");
        Ok(plan)
    }
}
