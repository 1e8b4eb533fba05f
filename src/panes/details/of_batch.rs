//! What only some kinds of workload have to say: the steps of a Rollout, the clock of a CronJob, the pods of a Job.

use super::Sheet;
use crate::config::theme::Role;
use crate::domain::rollout::{Progressive, Strategy};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::time::{Instant, age, span};
use crate::domain::workload::Batch;
use crate::state::rows::RolloutRow;

/// Jobs of a CronJob that are listed.
const MOST: usize = 20;

pub(super) fn progressive(sheet: &mut Sheet<'_, '_>, state: &Progressive) {
    let now = sheet.look.now;
    let (word, doing) = match &state.strategy {
        Strategy::Canary { doing, .. } => ("canary", doing.as_deref()),
        Strategy::BlueGreen { .. } => ("blue-green", None),
    };
    let doing = doing.map_or_else(String::new, |doing| format!(" ({doing})"));
    let promoted = if state.is_promoted() { ", promoted" } else { "" };
    sheet.row(word, &format!("{}{doing}{promoted}", state.place()), Role::Text);
    if state.aborted {
        sheet.row("aborted", "the stable revision serves; the spec still wants the other", Role::Unhealthy);
    }
    if state.promoting {
        sheet.row("promoting", "all remaining steps are skipped", Role::Pending);
    }
    if let Some(pause) = &state.pause {
        let since = pause.since.map_or_else(String::new, |since| format!("for {} now, ", age(since, now)));
        let until = match pause.until {
            Some(until) if until > now => format!("goes on in {}", span((until - now).num_seconds())),
            _ => pause.why.to_string(),
        };
        sheet.row("paused", &format!("{since}{until}"), Role::Pending);
    }
    if let Some(analysis) = &state.analysis {
        sheet.row("analysis", analysis, Role::Warning);
    }
    sheet.row("stable", &state.stable, Role::Text);
    if !state.is_promoted() {
        sheet.row("newest", &state.current, Role::Text);
    }
    if let Some(other) = &state.template_of {
        sheet.row("template of", other, Role::Text);
    }
    if let Some(message) = &state.message {
        sheet.row("controller", message, Role::Dim);
    }
}

pub(super) fn schedule(sheet: &mut Sheet<'_, '_>, row: &RolloutRow) {
    let look = sheet.look;
    let Some(schedule) = row.row.schedule() else { return };
    let ago = |at: Option<Instant>| at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", age(at, look.now)));
    let zone = schedule.time_zone.as_deref().map_or_else(String::new, |zone| format!(" in {zone}"));
    sheet.row("schedule", &format!("{}{zone}", schedule.schedule), Role::Text);
    sheet.row("last run", &ago(schedule.last_schedule), Role::Text);
    sheet.row("last success", &ago(schedule.last_success), Role::Text);
    for image in row.row.images.iter() {
        sheet.row("image", image, Role::Text);
    }
    if let Some(by) = &row.row.managed_by {
        sheet.row("managed by", by, Role::Warning);
    }
    let active = if schedule.active.is_empty() { "none".to_owned() } else { schedule.active.join(", ") };
    sheet.row("active", &active, Role::Text);
    let mut jobs: Vec<&RolloutRow> =
        look.world.rollouts.group(&row.row.id).filter(|row| row.row.id.kind == WorkloadKind::Job).collect();
    if jobs.is_empty() {
        return;
    }
    jobs.sort_by_key(|job| std::cmp::Reverse(job.since()));
    sheet.head("Jobs");
    for job in jobs.into_iter().take(MOST) {
        let (_, role) = crate::panes::rollouts::phase(look, job);
        let words = crate::panes::rollouts::words(look, job);
        let words = if words.is_empty() { "succeeded" } else { &words };
        let id: &WorkloadRef = &job.row.id;
        sheet.row(&format!("{} ago", age(job.since(), look.now)), &format!("{}  {words}", id.name), role);
    }
}

pub(super) fn job(sheet: &mut Sheet<'_, '_>, job: &Batch) {
    let now = sheet.look.now;
    if let Some(cron_job) = &job.cron_job {
        sheet.row("made by", &format!("cj/{cron_job}"), Role::FocusLabel);
    }
    let counts = format!("{} active, {} succeeded, {} failed", job.active, job.succeeded, job.failed);
    sheet.row("pods", &counts, Role::Text);
    for (label, at) in [("began", job.started), ("ended", job.ended)] {
        if let Some(at) = at {
            sheet.row(label, &format!("{} ago", age(at, now)), Role::Text);
        }
    }
}
