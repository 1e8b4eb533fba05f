//! PodDisruptionBudgets: how many pods may be evicted now.

use serde_json::{Value, json};

use super::object::{field, int_or_percent, name, namespace, selects};
use super::pods::{is_active, is_ready};
use super::turn::Turn;
use crate::lab::kubernetes::resources::{PODDISRUPTIONBUDGETS, PODS};

/// Keeps the status of every budget.
pub fn run(turn: &Turn<'_>) {
    for budget in turn.all(&PODDISRUPTIONBUDGETS) {
        let mut pods = turn.store.list(&PODS, Some(namespace(&budget))).0;
        pods.retain(|pod| is_active(pod) && selects(&budget["spec"]["selector"], &pod["metadata"]["labels"]));
        let expected = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        let healthy = i64::try_from(pods.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(i64::MAX);
        let desired = match field(&budget, "/spec/maxUnavailable") {
            given @ Some(_) => expected - int_or_percent(given, "0", expected, true),
            None => int_or_percent(field(&budget, "/spec/minAvailable"), "0", expected, true),
        };
        let desired = desired.max(0);
        let allowed = (healthy - desired).max(0);
        let (reason, truth) = if allowed > 0 { ("SufficientPods", "True") } else { ("InsufficientPods", "False") };
        let counts: [(&str, Value); 5] = [
            ("currentHealthy", json!(healthy)),
            ("desiredHealthy", json!(desired)),
            ("disruptionsAllowed", json!(allowed)),
            ("expectedPods", json!(expected)),
            ("observedGeneration", budget["metadata"]["generation"].clone()),
        ];
        let gone = |pod: &str| !pods.iter().any(|present| name(present) == pod);
        let disrupted = budget["status"]["disruptedPods"].as_object();
        let settled = disrupted.is_none_or(|all| !all.keys().any(|pod| gone(pod)));
        if settled && counts.iter().all(|(count, value)| budget["status"][count] == *value) {
            continue;
        }
        turn.modify(&PODDISRUPTIONBUDGETS, &budget, |budget| {
            for (count, value) in counts {
                budget["status"][count] = value;
            }
            if let Some(all) = budget["status"]["disruptedPods"].as_object_mut() {
                all.retain(|pod, _| !gone(pod));
            }
            if let Some(status) = budget["status"].as_object_mut() {
                status.retain(|field, value| {
                    field != "disruptedPods" || value.as_object().is_some_and(|all| !all.is_empty())
                });
            }
            let condition = json!({"type": "DisruptionAllowed", "status": truth, "reason": reason, "message": ""});
            super::object::set_condition(budget, condition, turn.now);
        });
    }
}
