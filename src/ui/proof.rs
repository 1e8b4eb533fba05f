//! The door's box after the confirmation: what is happening, what is proven, how it ended.

use ratatui::text::{Line, Span};

use super::{Look, plan, text};
use crate::actions::door::DoorView;
use crate::actions::outcome::{End, Outcome, Stage};
use crate::actions::plan::Plan;
use crate::actions::step::StepState;
use crate::actions::verification::{Check, CheckState};
use crate::config::theme::Role;
use crate::domain::time::span_fine;

/// The lines of progress and proof; none while the plan is still what matters.
pub fn lines(look: &Look<'_>, view: &DoorView<'_>, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(outcome) = view.outcome.filter(|_| matches!(view.stage, Stage::Ended | Stage::RecordingOutcome)) {
        lines.extend(ended(look, outcome, width));
        if let Some(plan) = view.plan.filter(|_| !outcome.steps.is_empty()) {
            lines.push(Line::default());
            lines.extend(plan::steps(look, plan, width));
        }
        if !outcome.checks.is_empty() {
            lines.push(Line::default());
            lines.extend(checks(look, &outcome.checks, width, true));
        }
        if let Some(why) = &outcome.unrecorded {
            lines.extend(paragraph(
                look,
                &format!("{} the outcome is not in the audit log: {why}", look.glyphs.careful),
                Role::Warning,
                width,
            ));
        }
        return lines;
    }
    match view.stage {
        Stage::Preflight | Stage::Review | Stage::Ended => return lines,
        Stage::RecordingIntent => lines.push(going(look, "writing the intent to the audit log")),
        Stage::Executing => lines.push(going(look, &sending(view.plan))),
        Stage::RecordingOutcome => lines.push(going(look, "writing the outcome to the audit log")),
        Stage::Verifying => lines.push(clock(look, view)),
    }
    lines.insert(0, strip(look, view.stage));
    lines.insert(1, Line::default());
    if let Some(plan) = view.plan.filter(|plan| plan.steps.len() > 1) {
        lines.push(Line::default());
        lines.extend(plan::steps(look, plan, width));
    }
    if let Some(rollout) = view.rollout {
        let ratio = if rollout.desired == 0 { 1.0 } else { f64::from(rollout.available) / f64::from(rollout.desired) };
        let full = (ratio.clamp(0.0, 1.0) * 30.0).round() as usize;
        lines.push(Line::default());
        lines.push(Line::from(vec![
            Span::styled("pods      ", look.style(Role::Dim)),
            Span::styled(look.glyphs.full.repeat(full), look.style(Role::Bar)),
            Span::styled(look.glyphs.empty.repeat(30 - full), look.style(Role::BarEmpty)),
            Span::styled(
                format!(
                    "  {}/{} available, {} of the new revision, {} in all",
                    rollout.available, rollout.desired, rollout.updated, rollout.total
                ),
                look.style(Role::Text),
            ),
        ]));
    }
    if !view.checks.is_empty() {
        lines.push(Line::default());
        lines.extend(checks(look, view.checks, width, false));
    }
    lines
}

/// How far it is: of many steps not all are on screen.
fn sending(plan: Option<&Plan>) -> String {
    let steps = plan.map(|plan| plan.steps.as_slice()).unwrap_or_default();
    if steps.len() < 2 {
        return "sending it to the server, once".to_owned();
    }
    let count = |is: fn(&StepState) -> bool| steps.iter().filter(|step| is(&step.state)).count();
    let over = count(|state| !matches!(state, StepState::Waiting | StepState::Sending | StepState::Blocked(_)));
    let done = format!("{over} of {} done", steps.len());
    match count(|state| matches!(state, StepState::Blocked(_))) {
        0 => done,
        1 => format!("{done}; 1 waits for its budget"),
        blocked => format!("{done}; {blocked} wait for their budget"),
    }
}

fn going(look: &Look<'_>, what: &str) -> Line<'static> {
    Line::styled(format!("{} {what}{}", look.glyphs.wait, look.glyphs.cut), look.style(Role::Pending))
}

/// Where it is on its way.
fn strip(look: &Look<'_>, stage: Stage) -> Line<'static> {
    const STEPS: [(&str, Stage); 4] = [
        ("intent recorded", Stage::RecordingIntent),
        ("sent", Stage::Executing),
        ("verified", Stage::Verifying),
        ("outcome recorded", Stage::RecordingOutcome),
    ];
    let at = STEPS.iter().position(|(_, step)| *step == stage).unwrap_or(0);
    let mut spans = Vec::new();
    for (index, (word, _)) in STEPS.iter().enumerate() {
        let (glyph, role) = match index.cmp(&at) {
            std::cmp::Ordering::Less => (look.glyphs.ok, Role::Ok),
            std::cmp::Ordering::Equal => (look.glyphs.wait, Role::Pending),
            std::cmp::Ordering::Greater => (look.glyphs.mid, Role::Dim),
        };
        spans.push(Span::styled(format!("{glyph} {word}   "), look.style(role)));
    }
    Line::from(spans)
}

fn clock(look: &Look<'_>, view: &DoorView<'_>) -> Line<'static> {
    let since = view.since.map_or_else(String::new, |since| span_fine((look.now - since).num_seconds()));
    let left = view.deadline.map_or_else(String::new, |deadline| span_fine((deadline - look.now).num_seconds()));
    Line::from(vec![
        Span::styled(format!("{} waiting for proof", look.glyphs.wait), look.style(Role::Pending)),
        Span::styled(format!("   {since} so far, gives up in {left}"), look.style(Role::Dim)),
    ])
}

/// Each check with its mark. At the end what is still waited for did not come true.
fn checks(look: &Look<'_>, checks: &[Check], width: usize, over: bool) -> Vec<Line<'static>> {
    checks
        .iter()
        .map(|check| {
            let (glyph, role) = match check.state {
                CheckState::Passed => (look.glyphs.ok, Role::Ok),
                CheckState::Waiting if over => (look.glyphs.bad, Role::Failed),
                CheckState::Waiting => (look.glyphs.wait, Role::Pending),
                CheckState::NotChecked => (look.glyphs.ring, Role::Dim),
            };
            let room = width.saturating_sub(3);
            let plain = if check.state == CheckState::NotChecked { Role::Dim } else { Role::Text };
            Line::from(vec![
                Span::styled(format!(" {glyph} "), look.style(role)),
                Span::styled(text::cut(&check.text, room, look.glyphs.cut), look.style(plain)),
            ])
        })
        .collect()
}

fn paragraph(look: &Look<'_>, content: &str, role: Role, width: usize) -> Vec<Line<'static>> {
    text::wrap(content, width).into_iter().map(|line| Line::styled(line, look.style(role))).collect()
}

/// How it ended: the word first, then why, then what to do.
fn ended(look: &Look<'_>, outcome: &Outcome, width: usize) -> Vec<Line<'static>> {
    let took = || span_fine(i64::try_from(outcome.duration_ms / 1_000).unwrap_or(0));
    let (head, role) = match outcome.end {
        End::Done => (format!("{} Done in {}", look.glyphs.ok, took()), Role::Ok),
        End::Refused => ("REFUSED, nothing was sent".to_owned(), Role::Warning),
        End::Cancelled => ("Cancelled, nothing was sent".to_owned(), Role::Dim),
        End::Conflict => ("CONFLICT, nothing was changed".to_owned(), Role::Warning),
        End::Failed => (format!("{} FAILED", look.glyphs.bad), Role::Failed),
        End::Unverified => (format!("UNVERIFIED after {}", took()), Role::Failed),
    };
    let mut lines = vec![Line::styled(head, look.style(role))];
    lines.extend(paragraph(look, &outcome.detail, Role::Text, width));
    if let Some(hint) = &outcome.hint {
        lines.extend(paragraph(look, hint, Role::Dim, width));
    }
    lines
}
