//! What the world says at the moment of declaring, about one alert or one workload.

use crate::domain::alert::Alert;
use crate::domain::target::WorkloadRef;
use crate::domain::time::span_fine;
use crate::incident::declare::{Burn, Facts};
use crate::state::rows::{About, AlertRow};
use crate::state::table::Row;
use crate::state::world::World;

/// The facts about an alert (by its name), a workload, or the worst alert that fires; `None` when that alert is not there.
/// What the world does not know (context, runbook, pages, services) is left open.
pub fn facts(world: &World, alert: Option<&str>, workload: Option<&WorkloadRef>) -> Option<Facts> {
    let about_workload = |row: &&AlertRow| match (workload, row.group()) {
        (Some(wanted), Some(About::Workload(found))) => found == *wanted,
        (Some(_), _) => false,
        (None, _) => true,
    };
    let by_name = |row: &&AlertRow| alert.is_none_or(|name| *row.alert.name == *name);
    let mut rows: Vec<&AlertRow> = world.alerts.iter().filter(about_workload).filter(by_name).collect();
    rows.sort_by_key(|row| row.rank());
    let chosen = rows.into_iter().find(|row| alert.is_some() || row.is_firing());
    if alert.is_some() && chosen.is_none() {
        return None;
    }
    let about = workload.cloned().map(About::Workload).or_else(|| chosen.and_then(Row::group));
    let workload = match &about {
        Some(About::Workload(workload)) => Some(workload.clone()),
        _ => None,
    };
    let same = |row: &&AlertRow| match &about {
        Some(_) => row.is_firing() && row.group() == about,
        None => chosen.is_some_and(|chosen| chosen.key() == row.key()),
    };
    let mut alerts: Vec<Alert> = Vec::new();
    for row in chosen.into_iter().chain(world.alerts.iter().filter(same)) {
        for alert in &row.all {
            if alerts.iter().all(|known| known.key != alert.key) {
                alerts.push((**alert).clone());
            }
        }
    }
    let burning = world.slos.iter().filter(|row| Some(&row.about) == about.as_ref());
    let suspect = workload.as_ref().and_then(|workload| world.rollouts.get(workload)).and_then(|row| {
        let suspect = row.suspect.as_ref()?;
        let revision = row.row.revision.map_or_else(String::new, |revision| format!(" revision {revision}"));
        Some(format!(
            "rollout of {}{revision} ({}), {} before {}",
            row.row.id.short(),
            row.row.images.join(", "),
            span_fine(suspect.seconds_before),
            suspect.alert
        ))
    });
    Some(Facts {
        burn: burning.map(|row| Burn::from(&row.reading)).collect(),
        workload,
        alerts,
        suspect,
        ..Facts::default()
    })
}
