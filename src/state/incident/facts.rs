//! What is known at the moment of declaring: what the world says about one alert or one workload, and what the runbook
//! says that is meant for it. The console and the command line declare with the same.

use crate::domain::Text;
use crate::domain::alert::Alert;
use crate::domain::slo::SloReading;
use crate::domain::target::WorkloadRef;
use crate::domain::time::span;
use crate::domain::workload::WorkloadRow;
use crate::incident::declare::{Burn, Facts, RunbookFacts};
use crate::runbook::Runbook;
use crate::runbook::facts::Facts as BookFacts;
use crate::runbook::parameter::{Values, prefill};
use crate::state::rows::{About, AlertRow};
use crate::state::table::Row;
use crate::state::world::World;

/// How the budgets of a service burn, as an update tells it.
pub fn burn_of<'a>(readings: impl IntoIterator<Item = &'a SloReading>, service: &str) -> Vec<Burn> {
    let its = readings.into_iter().filter(|reading| *reading.objective.service == *service);
    its.map(Burn::from).collect()
}

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
    let suspect = workload.as_ref().and_then(|workload| suspicion(world, workload));
    Some(Facts {
        burn: burning.map(|row| Burn::from(&row.reading)).collect(),
        workload,
        alerts,
        suspect,
        ..Facts::default()
    })
}

/// `rollout of deployment/payment to revision 42, 40s before HighErrorRate: payment:2.3.7 → payment:2.4.0`.
fn suspicion(world: &World, workload: &WorkloadRef) -> Option<String> {
    let row = world.rollouts.get(workload)?;
    let suspect = row.suspect.as_ref()?;
    let span = span(suspect.seconds_before);
    let change = change_of(world, &row.row);
    let change = if change.is_empty() { change } else { format!(": {change}") };
    let revision = row.row.revision.map_or_else(String::new, |revision| format!(" to revision {revision}"));
    Some(format!("rollout of {workload}{revision}, {span} before {}{change}", suspect.alert))
}

/// What the newest revision of a workload changed: `payment:2.3.7 → payment:2.4.0`; of several containers only what is
/// another image now, and all images where nothing else is known.
pub fn change_of(world: &World, row: &WorkloadRow) -> String {
    let before = world.previous_revision(row).map(|revision| &*revision.images).unwrap_or_default();
    let (old, new) = (short(before, &row.images), short(&row.images, before));
    match (old.is_empty(), new.is_empty()) {
        (false, false) => format!("{old} → {new}"),
        (true, false) => new,
        (_, true) => short(&row.images, &[]),
    }
}

/// `registry.example.com/shop/payment:2.4.0` as `payment:2.4.0`; without those that are among `others`, too.
fn short(images: &[Text], others: &[Text]) -> String {
    let name = |image: &Text| image.rsplit_once('/').map_or(&**image, |(_, name)| name).to_owned();
    images.iter().filter(|image| !others.contains(image)).map(name).collect::<Vec<_>>().join(", ")
}

/// What runbooks are looked for with: each alert that fires, the worst first; without one the workload.
pub fn book_facts(facts: &Facts) -> Vec<BookFacts> {
    let workload = facts.workload.as_ref();
    let mut known: Vec<BookFacts> = facts.firing().into_iter().map(|alert| BookFacts::of(alert, workload)).collect();
    if known.is_empty() {
        known.extend(workload.map(BookFacts::of_workload));
    }
    known
}

/// A runbook that was found for this, its parameters filled in from it.
pub fn runbook_for(book: &Runbook, known: &BookFacts) -> RunbookFacts {
    let (values, _) = prefill(&book.parameters, known);
    runbook(book, book.without_secrets(values), known.places.iter().map(String::as_str))
}

/// A runbook with these values (none of them secret), as a proposal knows it. It is read where it was fetched from, else
/// at the first address among `places`, to which its alert leads.
pub fn runbook<'a>(book: &'a Runbook, values: Values, places: impl IntoIterator<Item = &'a str>) -> RunbookFacts {
    let said = book.meta.incident.clone().unwrap_or_default();
    let is_address = |place: &&str| place.starts_with("https://") || place.starts_with("http://");
    let link = std::iter::once(&*book.origin.place).chain(places).find(is_address).map(str::to_owned);
    RunbookFacts {
        id: book.id.clone(),
        title: book.title.clone(),
        link,
        channel: said.channel,
        topic: said.topic,
        severity: said.severity,
        roles: said.roles,
        invite: said.invite,
        first_message: said.first_message,
        update_every: said.update_every,
        component: said.component,
        values: values.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
    }
}
