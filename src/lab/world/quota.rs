//! The ResourceQuota controller: what is used, in the status of every quota.

use serde_json::json;

use super::turn::Turn;
use crate::lab::kubernetes::quota;
use crate::lab::kubernetes::resources::RESOURCEQUOTAS;

/// Counts anew and writes what changed.
pub fn run(turn: &Turn<'_>) {
    for budget in turn.all(&RESOURCEQUOTAS) {
        let used = quota::used(turn.store, &budget);
        if budget["status"]["used"] != used || budget["status"]["hard"] != budget["spec"]["hard"] {
            let status = json!({"hard": budget["spec"]["hard"], "used": used});
            turn.modify(&RESOURCEQUOTAS, &budget, |budget| budget["status"] = status);
        }
    }
}
