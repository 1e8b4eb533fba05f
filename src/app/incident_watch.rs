//! The timeline by itself: alerts, rollouts, steps of runbooks and what it costs are written down as the console sees them.
//! Our actions are taken from the audit log, by the runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::App;
use crate::domain::Text;
use crate::domain::alert::Alert;
use crate::domain::incident::entry::Deed;
use crate::domain::incident::{IncidentId, Severity};
use crate::incident::severity::{Signs, to_review};
use crate::incident::watch::{self, StepEnded};
use crate::incident::{Incident, Noticed};
use crate::runbook::run::record::{Event, Record, Verdict};
use crate::state::effect::Effect;
use crate::state::incident::{IncidentEffect, change_of};
use crate::state::pane::PaneId;
use crate::state::source::Status;

/// What was noticed is not told again within so many seconds: it is on its way to the disk.
const SETTLES: i64 = 20;
/// Seconds for which an alert that cleared may still be declared, and how many are remembered.
const REMEMBERED: i64 = 3_600;
const MOST_CLEARED: usize = 200;

impl App {
    /// Once a second: what the panes show, as far as it is about an open incident of this context.
    pub(super) fn watch_incidents(&mut self) -> Vec<Effect> {
        self.settle_incident();
        let room = &self.session.incidents;
        if self.guard.read_only.is_some() || !room.known || room.open().next().is_none() {
            return Vec::new();
        }
        let alerts_live =
            matches!(self.world.sources.together(PaneId::Alerts.sources(), self.now), Status::Live { .. });
        let (mut found, mut reviews) = (Vec::new(), BTreeMap::new());
        for incident in room.all.values().filter(|incident| incident.is_open()) {
            let all = self.world.alerts.iter().flat_map(|row| &row.all).map(|alert| &**alert);
            let alerts: Vec<&Alert> = all.filter(|alert| watch::concerns(incident, alert)).collect();
            let mut noticed = Vec::new();
            // Only a live source says that an alert has cleared.
            if alerts_live {
                noticed.extend(watch::alerts(incident, alerts.iter().copied(), self.now));
            }
            if let Some(workload) = &incident.declared().workload
                && let Some(row) = self.world.rollouts.get(workload)
                && let (Some(revision), Some(since)) = (row.row.revision, row.row.rollout.since)
                && !incident.has_rollout(workload, revision)
            {
                let change = change_of(&self.world, &row.row);
                noticed.extend(watch::rollout(incident, workload, revision, &change, since));
            }
            let readings = self.world.slos.iter().map(|row| &row.reading);
            noticed.extend(watch::impacts(incident, readings, self.now, false));
            let review = self.review(incident, &alerts);
            reviews.extend(review.map(|review| (incident.id().clone(), review)));
            found.push((incident.id().clone(), noticed));
        }
        self.session.incidents.reviews = reviews;
        found.into_iter().filter_map(|(id, noticed)| self.notice_in(id, noticed)).collect()
    }

    /// Alerts that fire.
    pub(super) fn firing(&self) -> Vec<Arc<Alert>> {
        self.world.alerts.iter().filter(|row| row.is_firing()).flat_map(|row| row.all.iter().cloned()).collect()
    }

    /// What fired before an update and does not any more is remembered for a while.
    pub(super) fn remember_cleared(&mut self, before: Vec<Arc<Alert>>) {
        let after: BTreeSet<Text> = self.firing().into_iter().map(|alert| alert.key.clone()).collect();
        let now = self.now;
        let cleared = &mut self.session.incidents.cleared;
        cleared.retain(|(alert, at)| (now - *at).num_seconds() < REMEMBERED && !after.contains(&alert.key));
        cleared.extend(before.into_iter().filter(|alert| !after.contains(&alert.key)).map(|alert| (alert, now)));
        let most = cleared.len().saturating_sub(MOST_CLEARED);
        cleared.drain(..most);
    }

    /// What an incident cost in the end: when it is resolved, whenever that was read last.
    pub(super) fn last_impact(&mut self, id: &IncidentId) -> Option<Effect> {
        let incident = self.session.incidents.all.get(id).filter(|incident| incident.merged_into().is_none())?;
        if self.guard.read_only.is_some() {
            return None;
        }
        let readings: Vec<_> = self.world.slos.iter().map(|row| row.reading.clone()).collect();
        let noticed = watch::impacts(incident, &readings, self.now, true);
        self.notice_in(id.clone(), noticed)
    }

    /// A worse severity that the rules would propose now, and why.
    fn review(&self, incident: &Incident, alerts: &[&Alert]) -> Option<(Severity, String)> {
        let rules = &self.session.incidents.here.as_ref()?.config.rule;
        let declared = incident.declared();
        let readings = self.world.slos.iter().map(|row| &row.reading);
        let burns = readings.filter(|reading| *reading.objective.service == *declared.service);
        let burn = burns.filter_map(|reading| reading.burn[0]).max_by(f64::total_cmp);
        let workload = declared.workload.as_ref();
        let signs = Signs { alerts, burn, production: self.context.production, workload };
        to_review(incident.severity(), rules, signs)
    }

    /// What was noticed goes to the journal, once.
    fn notice_in(&mut self, id: IncidentId, mut noticed: Vec<Noticed>) -> Option<Effect> {
        let now = self.now;
        let on_its_way = &mut self.session.incidents.on_its_way;
        on_its_way.retain(|(_, at)| (now - *at).num_seconds() < SETTLES);
        noticed.retain(|one| !on_its_way.iter().any(|((of, deed), _)| *of == id && is_same(deed, &one.deed)));
        on_its_way.extend(noticed.iter().map(|one| ((id.clone(), one.deed.clone()), now)));
        (!noticed.is_empty()).then_some(Effect::Incident(IncidentEffect::Notice { id, noticed }))
    }

    /// A step of a runbook was recorded.
    pub(super) fn watch_step(&mut self, run: &str, record: &Record) -> Vec<Effect> {
        let Event::StepEnded { name, verdict, detail, .. } = &record.event else { return Vec::new() };
        let walked = self.session.desk.runs.iter().find(|walked| walked.run.id() == run);
        let Some(book) = walked.map(|walked| walked.run.book().clone()) else { return Vec::new() };
        let title = book.steps.iter().find(|step| step.name == *name).map_or(name, |step| &step.title);
        let ended = StepEnded {
            run: run.to_owned(),
            runbook: book.id.clone(),
            step: title.clone(),
            result: result(*verdict, detail),
            at: record.at,
            by: record.who.as_str().into(),
        };
        let id = self.incident_here();
        let room = &self.session.incidents;
        let Some(incident) = id.and_then(|id| room.all.values().find(|known| *known.id().as_str() == *id)) else {
            return Vec::new();
        };
        let (id, noticed) = (incident.id().clone(), watch::step(incident, &ended));
        self.notice_in(id, noticed.into_iter().collect()).into_iter().collect()
    }

    /// Steps of the runbook on the desk that ended before the incident was declared.
    pub(super) fn ended_steps(&mut self, id: &IncidentId) -> Option<Effect> {
        let incident = self.session.incidents.all.get(id)?;
        if self.guard.read_only.is_some() {
            return None;
        }
        let mut noticed = Vec::new();
        for walked in &self.session.desk.runs {
            let (run, book) = (&walked.run, walked.run.book());
            for (step, visit) in book.steps.iter().zip(run.visits()) {
                let (Some(at), Some(verdict)) = (visit.ended, visit.verdict) else { continue };
                let ended = StepEnded {
                    run: run.id().to_owned(),
                    runbook: book.id.clone(),
                    step: step.title.clone(),
                    result: result(verdict, &visit.detail),
                    at,
                    by: visit.who.as_str().into(),
                };
                noticed.extend(watch::step(incident, &ended));
            }
        }
        self.notice_in(id.clone(), noticed)
    }
}

/// `passed`, `failed: 0.172`.
fn result(verdict: Verdict, detail: &str) -> String {
    let verdict = match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
    };
    if detail.is_empty() { verdict.to_owned() } else { format!("{verdict}: {detail}") }
}

/// What it costs is another number each time, and the same news.
fn is_same(a: &Deed, b: &Deed) -> bool {
    match (a, b) {
        (Deed::Impact(a), Deed::Impact(b)) => a.slo == b.slo,
        (a, b) => a == b,
    }
}
