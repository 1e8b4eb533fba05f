//! Is there room for more pods, and who minds fewer? Quotas, pods that wait for a node, PodDisruptionBudgets.

use serde_json::Value;

use super::manifest::{at, count, items, name, raw, text};
use super::plan::{Warning, WarningKind};
use super::workload::selects;
use crate::domain::quantity::milli;
use crate::ports::cluster::Facts;

/// What may keep `more` pods from running.
pub fn warnings(facts: &Facts, more: u32) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let waiting = unschedulable(facts);
    if let Some(first) = waiting.first() {
        let text = format!("{} of its pods already wait for a node ({first}): more will too", waiting.len());
        warnings.push(Warning::new(WarningKind::Capacity, text));
    }
    for quota in facts.quotas.iter().flatten() {
        let hard = at(quota, &["status", "hard"]).and_then(Value::as_object).into_iter().flatten();
        for (resource, hard) in hard {
            let used = at(quota, &["status", "used", resource]).and_then(amount).unwrap_or(0);
            let (Some(hard), Some(each)) = (amount(hard), each_pod(&facts.object, resource)) else { continue };
            let left = (hard - used).max(0);
            if each > 0 && each.saturating_mul(i128::from(more)) > left {
                let resource = crate::domain::text::clean(resource);
                let text = format!("ResourceQuota {} has room for {} more ({resource})", name(quota), left / each);
                warnings.push(Warning::new(WarningKind::Capacity, text));
            }
        }
    }
    warnings
}

/// A quantity, which the API writes as a string or a number.
fn amount(value: &Value) -> Option<i128> {
    value.as_str().map_or_else(|| milli(&value.to_string()), milli)
}

/// What one pod of the workload takes of a quota's resource, in thousandths; `None` when it does not count there.
fn each_pod(workload: &Value, resource: &str) -> Option<i128> {
    if matches!(resource, "pods" | "count/pods") {
        return Some(1000);
    }
    let (list, key) = match resource.split_once('.') {
        Some((list @ ("requests" | "limits"), key)) => (list, key),
        // `cpu` is short for `requests.cpu`.
        None if matches!(resource, "cpu" | "memory") => ("requests", resource),
        _ => return None,
    };
    let containers = items(workload, &["spec", "template", "spec", "containers"]).iter();
    let each = |container| at(container, &["resources", list, key]).and_then(amount);
    Some(containers.filter_map(each).sum())
}

/// The pods that no node has room for, each as the scheduler's words.
fn unschedulable(facts: &Facts) -> Vec<String> {
    let unscheduled = |condition: &&Value| {
        raw(condition, &["type"]) == Some("PodScheduled")
            && raw(condition, &["status"]) == Some("False")
            && raw(condition, &["reason"]) == Some("Unschedulable")
    };
    let pods = facts.pods.iter().flatten();
    pods.filter_map(|pod| items(pod, &["status", "conditions"]).iter().find(unscheduled))
        .map(|condition| text(condition, &["message"]).unwrap_or_else(|| "unschedulable".into()))
        .collect()
}

/// Scaling down asks no PodDisruptionBudget; whoever wrote one wants to know.
pub fn budget_warnings(facts: &Facts, fewer: u32) -> Vec<Warning> {
    let labels = at(&facts.object, &["spec", "template", "metadata", "labels"]).and_then(Value::as_object);
    let budgets = facts.budgets.iter().flatten();
    budgets
        .filter(|budget| selects(at(budget, &["spec", "selector"]), labels))
        .filter_map(|budget| {
            let allowed = count(budget, &["status", "disruptionsAllowed"]).unwrap_or(0);
            (u64::from(fewer) > allowed).then(|| {
                let text = format!(
                    "PodDisruptionBudget {} allows {allowed} disruptions now; scaling does not ask it, and takes {fewer}",
                    name(budget)
                );
                Warning::new(WarningKind::Budget, text)
            })
        })
        .collect()
}
