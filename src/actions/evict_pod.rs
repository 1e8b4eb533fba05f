//! Evicting a pod: a deletion that asks the PodDisruptionBudgets first, and waits while they forbid it.

use serde::{Deserialize, Serialize};

use super::ActionKind;
use super::delete_pod::{DeletePod, begin};
use super::kind::{Action, Ground};
use super::manifest::name;
use super::outcome::Refusal;
use super::plan::{Plan, Warning, WarningKind};
use super::pod;
use super::step::Step;
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::PodRef;
use crate::ports::cluster::{Facts, Part};

/// Evict one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvictPod {
    /// The pod.
    pub pod: PodRef,
}

/// More budgets than one on a pod is an error of the eviction API, whatever they allow.
pub(super) fn too_many_budgets(pod: &serde_json::Value, budgets: &[&serde_json::Value]) -> Option<String> {
    (budgets.len() > 1).then(|| {
        let names: Vec<String> = budgets.iter().map(|budget| name(budget)).collect();
        format!(
            "{} is counted by {} PodDisruptionBudgets ({}): no eviction is possible before one of them lets go",
            pod::reference(pod),
            names.len(),
            names.join(", ")
        )
    })
}

impl Action for EvictPod {
    fn word(&self) -> &'static str {
        "evict-pod"
    }

    fn verb(&self) -> &'static str {
        "evict"
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
        if pod::is_going(object) {
            return Err(Refusal::not_here(format!("{target} is being deleted already")));
        }
        let budgets = pod::budgets(object, facts.budgets.as_deref());
        if let Some(why) = too_many_budgets(object, &budgets) {
            let delete = DeletePod { pod: self.pod.clone(), force: false };
            return Err(Refusal::NotHere {
                why,
                instead: Some("delete it instead: that asks no budget".into()),
                offer: Some(Box::new(ActionKind::DeletePod(delete))),
            });
        }
        let (mut plan, _) = begin(self, facts)?;
        let change = Change::Evict { grace_seconds: None, preconditions: pod::preconditions(object)? };
        plan.steps = vec![Step::new(format!("evict {target}"), Mutation::new(target.clone(), change))];
        for budget in budgets.iter().filter(|budget| pod::counts(budget, object) && pod::allowed(budget) == 0) {
            let text =
                format!("PodDisruptionBudget {} allows no disruption now: it waits until one is allowed", name(budget));
            plan.warnings.push(Warning::new(WarningKind::Budget, text));
        }
        if facts.budgets.is_none() {
            let text = "PodDisruptionBudgets may not be read: one may hold the eviction back";
            plan.warnings.push(Warning::new(WarningKind::Unchecked, text));
        }
        plan.done = format!("{target} is evicted");
        Ok(plan)
    }
}
