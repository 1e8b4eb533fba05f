//! What stands in the way of a workload and can be told only from several rows together: the broken pod that keeps a
//! StatefulSet from rolling, the later success that makes a failed Job old news.

use super::rows::RolloutRow;
use super::table::Table;
use crate::domain::pod::{PodHealth, PodRow};
use crate::domain::rollout::Blocked;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::workload::WorkloadRow;

/// The pod that a StatefulSet waits for in vain. With `OrderedReady` the controller touches no other pod while one is
/// not ready; one that was made from a broken template stays until someone deletes it, also after a rollback.
///
/// Source: `kubernetes/pkg/controller/statefulset/stateful_set_control.go` (`processReplica`, before the update).
pub fn blocked(row: &WorkloadRow, pods: &Table<PodRow>) -> Option<Blocked> {
    let ordinals = row.ordinals().filter(|ordinals| ordinals.ordered)?;
    let rolling = ordinals.update_revision != ordinals.current_revision;
    let broken = |pod: &&PodRow| {
        matches!(pod.health, PodHealth::CrashLoop | PodHealth::CannotStart | PodHealth::Failed | PodHealth::NotReady)
    };
    let newest = |pod: &PodRow| pod.revision_hash.as_ref() == Some(&ordinals.update_revision);
    // A pod of the newest revision that fails while nothing rolls is merely unwell: replaced, it would be the same.
    let mut found: Vec<&PodRow> = pods
        .group(&row.id)
        .filter(broken)
        .filter(|pod| rolling || (pod.revision_hash.is_some() && !newest(pod)))
        .collect();
    // The lowest ordinal is waited for first.
    found.sort_by_key(|pod| ordinal(&pod.id.name));
    found.first().map(|pod| Blocked { pod: pod.id.name.clone(), newest: newest(pod) })
}

fn ordinal(name: &str) -> u64 {
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

/// Has the CronJob of this failed Job succeeded since?
pub fn overtaken(row: &WorkloadRow, rollouts: &Table<RolloutRow>) -> bool {
    let Some(batch) = row.batch() else { return false };
    let Some(name) = &batch.cron_job else { return false };
    let id = WorkloadRef { namespace: row.id.namespace.clone(), kind: WorkloadKind::CronJob, name: name.clone() };
    let success = rollouts.get(&id).and_then(|row| row.row.schedule()).and_then(|schedule| schedule.last_success);
    match (success, batch.ended.or(batch.started)) {
        (Some(success), Some(failed)) => success > failed,
        _ => false,
    }
}
