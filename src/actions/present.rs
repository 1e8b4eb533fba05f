//! A plan, its progress and its outcome as lines of text, for subcommands. The same words as on screen, no colour.

use super::outcome::Outcome;
use super::plan::{Plan, Revision};
use super::step::Verdict;
use super::verification::{Check, CheckState};
use crate::domain::time::{Instant, age, span_fine};

/// Lines that show a plan. `full` adds the diff of the templates.
pub fn plan(plan: &Plan, now: Instant, full: bool) -> Vec<String> {
    let mut lines = vec![
        match plan.targets.as_slice() {
            [one] => format!("{}{}", plan.title, one.place()),
            _ => plan.title.clone(),
        },
        String::new(),
    ];
    if let Some(revisions) = &plan.revisions {
        lines.extend([row("from", &revision(&revisions.from, now)), row("to", &revision(&revisions.to, now))]);
        lines.push(String::new());
    }
    if plan.targets.len() > 1 || plan.steps.len() > 1 {
        lines.extend(plan.steps.iter().map(|step| row("step", &step.title)));
        lines.push(String::new());
    }
    let width = plan.changes.iter().map(|change| change.path.chars().count()).max().unwrap_or(0).min(40);
    lines.extend(plan.changes.iter().map(|change| {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".into());
        format!("  {:width$}  {}  →  {}", change.path, side(&change.before), side(&change.after))
    }));
    if !plan.changes.is_empty() {
        lines.push(String::new());
    }
    for (label, text) in [("moves", plan.blast.moves.clone()), ("touches", plan.blast.reach())] {
        if !text.is_empty() {
            lines.push(row(label, &text));
        }
    }
    lines.push(row("dry run", &verdict(&plan.dry_run())));
    lines.push(row("allowed", &verdict(&plan.permission())));
    lines.extend(plan.warnings.iter().map(|warning| row("careful", &warning.text)));
    lines.push(row("undo", &plan.undo.words));
    if full && !plan.diff.is_empty() {
        lines.push(String::new());
        lines.extend(plan.diff.lines().map(str::to_owned));
    }
    lines
}

fn row(name: &str, text: &str) -> String {
    format!("{name:<9} {text}")
}

/// `rev 41  payment:2.3.7  9d old  "canary fixed"`.
pub fn revision(revision: &Revision, now: Instant) -> String {
    let mut parts = vec![match revision.revision {
        0 => "no revision yet".into(),
        number => format!("rev {number}"),
    }];
    if !revision.images.is_empty() {
        parts.push(revision.images.join(", "));
    }
    parts.extend(revision.created.map(|created| format!("{} old", age(created, now))));
    parts.extend(revision.change_cause.as_ref().map(|cause| format!("\"{cause}\"")));
    parts.join("  ")
}

/// A verdict in words.
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Asking => "asking".into(),
        Verdict::Yes(text) => text.clone(),
        Verdict::Unknown(why) => format!("not known: {why}"),
    }
}

/// One check: `✓ rollout 6/6`, `… HighErrorRate still firing`, `- alerts not checked: …`.
pub fn check(check: &Check) -> String {
    let mark = match check.state {
        CheckState::Passed => '✓',
        CheckState::Waiting => '…',
        CheckState::NotChecked => '-',
    };
    format!("{mark} {}", check.text)
}

/// Lines that show how it ended.
pub fn outcome(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> = outcome.checks.iter().map(check).collect();
    lines.extend(outcome.steps.iter().map(|end| format!("  {}: {}", end.step, end.state.words())));
    let took = match outcome.duration_ms {
        0 => String::new(),
        ms => format!(" in {}", span_fine(i64::try_from(ms / 1000).unwrap_or(0))),
    };
    lines.push(format!("{}{took}: {}", outcome.end.word().to_uppercase(), outcome.detail));
    lines.extend(outcome.hint.as_ref().map(|hint| format!("next: {hint}")));
    lines.extend(outcome.unrecorded.as_ref().map(|why| format!("the outcome is not in the audit log: {why}")));
    lines
}
