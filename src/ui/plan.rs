//! The door's box before a change: what would change, what stands against it, how to undo it, and what it asks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::frame::{put, put_line};
use super::{Look, footer, overlay, proof, text};
use crate::actions::door::DoorView;
use crate::actions::guardrail::ConfirmLevel;
use crate::actions::outcome::{End, Stage};
use crate::actions::plan::{FieldChange, Plan, Revisions};
use crate::actions::step::{StepState, Verdict};
use crate::actions::{ActionRequest, OnFailure, present};
use crate::config::theme::Role;
use crate::state::session::DoorBox;

/// Width of the words at the left.
const LABEL: usize = 10;

/// Draws the box of an action.
pub fn render(look: &Look<'_>, view: &DoorView<'_>, door: &DoorBox, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4).min(112);
    let inner_width = usize::from(width).saturating_sub(4);
    let mut lines = content(look, view, inner_width);
    let chooser = door.chooser.zip(view.plan.and_then(|plan| plan.revisions.as_ref()));
    if let Some((_, revisions)) = chooser {
        lines = vec![Line::default(); revisions.all.len().max(3)];
    }
    let height = (lines.len() as u16).saturating_add(5).min(area.height);
    let target = view.request.action.target();
    let label =
        if look.context.production { format!("PRODUCTION {}", view.guard.context) } else { view.guard.context.clone() };
    let right = match &target.namespace {
        Some(namespace) => format!("{label} {} {namespace}", look.glyphs.mid),
        None => label,
    };
    let title = view.plan.map_or_else(|| view.request.action.title(), |plan| plan.title.clone());
    let inner = overlay::open(look, area, (width, height), &title, &right, buffer);
    let body = Rect {
        x: inner.x + 1,
        y: inner.y + u16::from(inner.height > 6),
        width: inner.width.saturating_sub(2),
        height: inner.height.saturating_sub(if inner.height > 6 { 3 } else { 1 }),
    };
    match chooser {
        Some((selected, all)) => revisions(look, all, selected, body, buffer),
        None => overlay::scrolled(look, &lines, door.scroll, body, buffer),
    }
    let bottom = Rect { x: body.x, y: inner.bottom().saturating_sub(1), width: body.width, height: 1 };
    if let Some(notice) = view.notice
        && bottom.y > body.y
    {
        put(
            buffer,
            bottom.x,
            bottom.y - 1,
            &text::cut(notice, body.width.into(), look.glyphs.cut),
            look.style(Role::Warning),
        );
    }
    ask(look, view, door, bottom, buffer);
}

/// How many lines the box has to show, for scrolling.
pub fn length(look: &Look<'_>, view: &DoorView<'_>, area: Rect) -> usize {
    content(look, view, usize::from(area.width.saturating_sub(4).min(112)).saturating_sub(4)).len()
}

fn content(look: &Look<'_>, view: &DoorView<'_>, inner_width: usize) -> Vec<Line<'static>> {
    let mut lines = proof::lines(look, view, inner_width);
    if let Some(plan) = view.plan
        && (lines.is_empty() || view.full_diff)
    {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(plan_lines(look, view, plan, inner_width));
    }
    if lines.is_empty() {
        let asking = format!(
            "{} reading {} from the cluster{}",
            look.glyphs.wait,
            view.request.action.target(),
            look.glyphs.cut
        );
        lines.push(Line::styled(asking, look.style(Role::Pending)));
    }
    lines
}

/// The last line: what it waits for.
fn ask(look: &Look<'_>, view: &DoorView<'_>, door: &DoorBox, area: Rect, buffer: &mut Buffer) {
    let hint = |command: &str, label: &str| footer::Hint { key: look.key_of(command), label: label.to_owned() };
    if door.chooser.is_some() {
        let hints = [hint("confirm", "plan for this one"), hint("cancel", "back")];
        return footer::keys(look, &hints, area, buffer);
    }
    let diff = hint("toggle-diff", if view.full_diff { "hide diff" } else { "full diff" });
    let mut hints = Vec::new();
    match view.stage {
        Stage::Preflight => hints.push(hint("cancel", "cancel")),
        Stage::Review => {
            let needed = view.plan.map_or(ConfirmLevel::Yes, Plan::needed_confirmation);
            let several = view.plan.and_then(|plan| plan.revisions.as_ref()).is_some_and(|all| all.all.len() > 1);
            let mut rest: Vec<_> = several.then(|| hint("revisions", "other revision")).into_iter().collect();
            if view.request.len() > 1 {
                rest.push(hint("go-on", "stop or go on"));
            }
            rest.push(hint("reason", "reason"));
            let verb = view.request.action.verb();
            if view.request.dry_run {
                hints.extend([diff, hint("cancel", "close")]);
            } else if needed == ConfirmLevel::Name {
                let name = view.plan.map(Plan::confirm_word).unwrap_or_default();
                let prompt = "type the name to confirm:";
                put(buffer, area.x, area.y, prompt, look.style(Role::Text));
                let x = area.x + text::width(prompt) as u16 + 1;
                let field = (text::width(&name) as u16 + 3).max(12).min(area.right().saturating_sub(x));
                footer::field(look, &door.input, "", Rect::new(x, area.y, field, 1), buffer);
                let place = Rect { x: x + field, width: area.right().saturating_sub(x + field), ..area };
                let mut hints = vec![hint("cancel", "cancel"), diff];
                hints.extend(rest);
                if view.can_confirm {
                    hints.insert(0, hint("confirm", verb));
                }
                return footer::keys(look, &hints, place, buffer);
            } else {
                hints.extend([hint("confirm", verb), hint("cancel", "cancel"), diff]);
                hints.extend(rest);
            }
        }
        Stage::RecordingIntent | Stage::Executing | Stage::RecordingOutcome => {
            hints.push(hint("cancel", "hide; it goes on"));
        }
        Stage::Verifying => hints.extend([hint("cancel", "hide; it goes on"), diff]),
        Stage::Ended => {
            if view.outcome.is_some_and(|outcome| outcome.offer.is_some()) {
                hints.push(hint("re-plan", "plan that instead"));
            }
            if view.outcome.is_some_and(|outcome| outcome.end == End::Conflict) {
                hints.push(hint("re-plan", "plan again from fresh data"));
            }
            if view.overridable {
                hints.push(hint("reason", "say why"));
                hints.push(hint("break-glass", "break glass"));
            }
            if view.can_undo() {
                hints.push(hint("undo", "undo"));
            }
            hints.push(hint("cancel", "close"));
            if view.plan.is_some() {
                hints.push(diff);
            }
        }
    }
    footer::keys(look, &hints, Rect { x: area.x.saturating_sub(1), ..area }, buffer);
}

fn labelled(look: &Look<'_>, label: &str, content: &str, role: Role, width: usize) -> Vec<Line<'static>> {
    text::wrap(content, width.saturating_sub(LABEL))
        .into_iter()
        .enumerate()
        .map(|(line, content)| {
            let label = if line == 0 { label } else { "" };
            Line::from(vec![
                Span::styled(text::left(label, LABEL, look.glyphs.cut), look.style(Role::Dim)),
                Span::styled(content, look.style(role)),
            ])
        })
        .collect()
}

fn verdict(look: &Look<'_>, verdict: &Verdict) -> (String, Role) {
    match verdict {
        Verdict::Asking => (format!("asking the server{}", look.glyphs.cut), Role::Pending),
        Verdict::Yes(text) => (format!("{} {text}", look.glyphs.ok), Role::Ok),
        Verdict::Unknown(why) => (format!("not known: {why}"), Role::Warning),
    }
}

/// The plan as lines.
fn plan_lines(look: &Look<'_>, view: &DoorView<'_>, plan: &Plan, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(revisions) = &plan.revisions {
        lines.extend(labelled(look, "from", &present::revision(&revisions.from, look.now), Role::Text, width));
        lines.extend(labelled(look, "to", &present::revision(&revisions.to, look.now), Role::Title, width));
        lines.push(Line::default());
    }
    if plan.steps.len() > 1 {
        lines.extend(steps(look, plan, width));
        lines.push(Line::default());
    }
    let path_width = plan.changes.iter().map(|change| text::width(&change.path)).max().unwrap_or(0).min(width / 3);
    let side = width.saturating_sub(path_width + 7) / 2;
    for change in &plan.changes {
        let absent = "(absent)".to_owned();
        let (before, after) = (change.before.as_ref().unwrap_or(&absent), change.after.as_ref().unwrap_or(&absent));
        lines.push(Line::from(vec![
            Span::styled(
                format!("  {}", text::left(&change.path, path_width, look.glyphs.cut)),
                look.style(Role::Text),
            ),
            Span::raw("  "),
            Span::styled(
                text::left(
                    &text::cut_middle(before, side, look.glyphs.cut),
                    side.min(longest(&plan.changes).max(8)),
                    look.glyphs.cut,
                ),
                look.style(Role::DiffRemove),
            ),
            Span::styled(format!(" {} ", look.glyphs.to), look.style(Role::Dim)),
            Span::styled(text::cut_middle(after, side, look.glyphs.cut), look.style(Role::DiffAdd)),
        ]));
    }
    if !plan.changes.is_empty() {
        lines.push(Line::default());
    }
    for (label, content) in [("moves", plan.blast.moves.clone()), ("touches", plan.blast.reach())] {
        if !content.is_empty() {
            lines.extend(labelled(look, label, &content, Role::Text, width));
        }
    }
    for (label, asked) in [("dry run", plan.dry_run()), ("allowed", plan.permission())] {
        let (content, role) = verdict(look, &asked);
        lines.extend(labelled(look, label, &content, role, width));
    }
    for (index, warning) in plan.warnings.iter().enumerate() {
        let label = if index == 0 { "careful" } else { "" };
        let content = format!("{} {}", look.glyphs.careful, warning.text);
        lines.extend(labelled(look, label, &content, Role::Warning, width));
    }
    lines.extend(labelled(look, "undo", &plan.undo.words, Role::Text, width));
    lines.extend(said(look, view.request, width));
    if view.full_diff {
        lines.push(Line::default());
        lines.extend(plan.diff.lines().map(|line| {
            let role = match line.as_bytes().first() {
                Some(b'+') => Role::DiffAdd,
                Some(b'-') => Role::DiffRemove,
                _ => Role::DiffContext,
            };
            Line::styled(text::cut(line, width, look.glyphs.cut), look.style(role))
        }));
    }
    lines
}

/// What was said of the request, and what becomes of the rest when one of several fails.
fn said(look: &Look<'_>, request: &ActionRequest, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if request.len() > 1 {
        let what = match request.on_failure {
            OnFailure::Stop => "stops at the first failure",
            OnFailure::GoOn => "goes on when one fails; those without a plan are left out",
        };
        lines.extend(labelled(look, "failure", what, Role::Text, width));
    }
    for (label, text, role) in [
        ("undoes", &request.undo_of, Role::Text),
        ("reason", &request.reason, Role::Text),
        ("incident", &request.incident, Role::Text),
        ("glass", &request.break_glass, Role::Warning),
    ] {
        if let Some(text) = text {
            lines.extend(labelled(look, label, &crate::domain::text::clean(text), role, width));
        }
    }
    lines
}

/// Every step with where it stands.
pub fn steps(look: &Look<'_>, plan: &Plan, width: usize) -> Vec<Line<'static>> {
    plan.steps
        .iter()
        .map(|step| {
            let (glyph, role) = match &step.state {
                StepState::Waiting => (look.glyphs.mid, Role::Dim),
                StepState::Sending | StepState::Blocked(_) => (look.glyphs.wait, Role::Pending),
                StepState::Done | StepState::Needless => (look.glyphs.ok, Role::Ok),
                StepState::Failed(_) => (look.glyphs.bad, Role::Failed),
                StepState::Unknown(_) => (look.glyphs.careful, Role::Warning),
                StepState::Skipped => (look.glyphs.ring, Role::Dim),
            };
            let words = match &step.state {
                StepState::Waiting | StepState::Done => step.title.clone(),
                state => format!("{}: {}", step.title, state.words()),
            };
            Line::from(vec![
                Span::styled(format!(" {glyph} "), look.style(role)),
                Span::styled(text::cut(&words, width.saturating_sub(3), look.glyphs.cut), look.style(Role::Text)),
            ])
        })
        .collect()
}

/// Width of the longest value before the change.
fn longest(changes: &[FieldChange]) -> usize {
    changes.iter().map(|change| change.before.as_deref().map_or(8, text::width)).max().unwrap_or(8)
}

/// The chooser of revisions.
fn revisions(look: &Look<'_>, revisions: &Revisions, selected: usize, area: Rect, buffer: &mut Buffer) {
    let first = selected.saturating_sub(usize::from(area.height).saturating_sub(1));
    for (row, revision) in revisions.all.iter().skip(first).take(area.height.into()).enumerate() {
        let mark = if revision.current {
            "  (runs now)"
        } else if revision.revision == revisions.to.revision {
            "  (planned)"
        } else {
            ""
        };
        let content = format!("  {}{mark}", present::revision(revision, look.now));
        let role = if revision.current { Role::Dim } else { Role::Text };
        let line = Line::styled(text::cut(&content, area.width.into(), look.glyphs.cut), look.style(role));
        put_line(look, buffer, area, row as u16, &line);
        if first + row == selected {
            let y = area.y + row as u16;
            buffer.set_style(Rect { y, height: 1, ..area }, look.style(Role::Selection));
            put(buffer, area.x, y, look.glyphs.bar, look.style(Role::SelectionBar));
        }
    }
}
