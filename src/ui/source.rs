//! What a pane says of its sources: age in the title, and the reason in place of rows that are not there. An empty pane
//! never means that a source failed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Look;
use super::frame::put;
use super::text;
use crate::config::theme::Role;
use crate::domain::time::{age, span};
use crate::ports::feed::{Fault, FaultKind, SourceId};
use crate::state::source::Status;

/// Age of the data for a title: `2s`, `live`, `stale 4m`.
pub fn age_of(look: &Look<'_>, sources: &[SourceId]) -> (String, Option<Role>) {
    let watched = matches!(sources.first(), Some(SourceId::Kubernetes(_) | SourceId::Logs));
    match look.world.sources.together(sources, look.now) {
        Status::Live { .. } if watched => ("live".into(), None),
        Status::Live { at } => (age(at, look.now), None),
        Status::Stale { since, .. } => (format!("stale {}", age(since, look.now)), Some(Role::Stale)),
        Status::Failed(_) => ("failed".into(), Some(Role::Failed)),
        Status::NotConfigured(_) => ("not configured".into(), None),
        Status::Connecting => (format!("connecting{}", look.glyphs.cut), Some(Role::Pending)),
        Status::Idle => (String::new(), None),
    }
}

/// Counts and age as one text.
pub fn with_age(look: &Look<'_>, counts: &str, sources: &[SourceId]) -> (String, Option<Role>) {
    let (age, role) = age_of(look, sources);
    let joined = match (counts.is_empty(), age.is_empty()) {
        (false, false) => format!("{counts} {} {age}", look.glyphs.mid),
        (true, _) => age,
        (false, true) => counts.to_owned(),
    };
    (joined, role)
}

/// Says in place of rows why there are none. `calm` is what to say when the source is well and there is nothing.
pub fn explain(look: &Look<'_>, sources: &[SourceId], calm: &[(String, Role)], area: Rect, buffer: &mut Buffer) {
    let glyphs = look.glyphs;
    let mut lines: Vec<(String, Role)> = Vec::new();
    match look.world.sources.together(sources, look.now) {
        Status::Connecting => {
            lines.push((format!("{} connecting to {}{}", glyphs.wait, asked(sources), glyphs.cut), Role::Pending));
        }
        Status::Failed(fault) => {
            reasons(look, sources, fault, &mut lines);
            retry(look, sources, &mut lines);
        }
        Status::NotConfigured(fault) => {
            lines.push((format!("{} {}", glyphs.ring, fault.message), Role::Dim));
            hint(look, fault, &mut lines);
        }
        Status::Live { .. } | Status::Stale { .. } | Status::Idle => {
            lines.extend_from_slice(calm);
            lines.extend(notes(look, sources));
        }
    }
    let width = usize::from(area.width).saturating_sub(2);
    let mut row = 0;
    for (content, role) in lines {
        for line in text::wrap(&content, width) {
            if row < area.height {
                put(buffer, area.x + 1, area.y + row, &line, look.style(role));
            }
            row += 1;
        }
    }
    if row > area.height && area.height > 0 {
        put(buffer, area.right() - 1, area.bottom() - 1, glyphs.cut, look.style(Role::Dim));
    }
}

/// What is wrong although there are rows: for the last line of a pane.
///
/// What several sources say in the same words is said once.
pub fn notes(look: &Look<'_>, sources: &[SourceId]) -> Vec<(String, Role)> {
    let faults: Vec<_> =
        look.world.sources.faults(sources).filter(|(_, fault)| fault.kind != FaultKind::NotConfigured).collect();
    let mut notes: Vec<(String, Role)> = Vec::new();
    for (id, fault) in &faults {
        let shared = faults.iter().filter(|(_, other)| other.message == fault.message).count() > 1;
        let who = if shared { String::new() } else { format!("{}: ", name(id)) };
        let note = (format!("{} {who}{}", look.glyphs.half, fault.message), Role::Stale);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// A pane's area without the line that [`footnote`] takes.
pub fn above_footnote(look: &Look<'_>, sources: &[SourceId], area: Rect) -> Rect {
    if area.height < 2 || notes(look, sources).is_empty() { area } else { Rect { height: area.height - 1, ..area } }
}

/// Draws the first note into the last row of a pane and gives the area without it. Stale rows say why they are.
pub fn footnote(look: &Look<'_>, sources: &[SourceId], area: Rect, buffer: &mut Buffer) -> Rect {
    let notes = notes(look, sources);
    let Some((first, role)) = notes.first() else { return area };
    if area.height < 2 {
        return area;
    }
    let more = if notes.len() > 1 { format!(" (and {} more)", notes.len() - 1) } else { String::new() };
    let room = usize::from(area.width).saturating_sub(2 + text::width(&more));
    let line = format!("{}{more}", text::cut(first, room, look.glyphs.cut));
    put(buffer, area.x + 1, area.bottom() - 1, &line, look.style(*role));
    Rect { height: area.height - 1, ..area }
}

/// Every reason once, however many sources have it; what is merely not configured comes last.
fn reasons(look: &Look<'_>, sources: &[SourceId], first: &Fault, lines: &mut Vec<(String, Role)>) {
    let mut all: Vec<_> = look.world.sources.faults(sources).collect();
    all.sort_by_key(|(_, fault)| (fault.kind == FaultKind::NotConfigured, fault.message != first.message));
    all.dedup_by(|a, b| a.1.message == b.1.message);
    for (id, fault) in all {
        let (glyph, role) = match fault.kind {
            FaultKind::NotConfigured => (look.glyphs.ring, Role::Dim),
            _ => (look.glyphs.bad, Role::Failed),
        };
        lines.push((format!("{glyph} {}: {}", name(id), fault.message), role));
        hint(look, fault, lines);
    }
}

fn hint(look: &Look<'_>, fault: &Fault, lines: &mut Vec<(String, Role)>) {
    lines.extend(fault.hint.iter().map(|hint| (format!("{} {hint}", look.glyphs.to), Role::Text)));
}

fn retry(look: &Look<'_>, sources: &[SourceId], lines: &mut Vec<(String, Role)>) {
    let next = sources.iter().filter_map(|id| look.world.sources.get(id)?.retry_at()).min();
    if let Some(next) = next {
        let seconds = (next - look.now).num_seconds();
        let when = if seconds > 0 { format!("retrying in {}", span(seconds)) } else { "retrying now".into() };
        lines.push((when, Role::Dim));
    }
}

/// A source by name.
pub fn name(id: &SourceId) -> &'static str {
    match id {
        SourceId::Kubernetes(resource) => resource.word(),
        SourceId::Namespaces => "namespaces",
        SourceId::Slos | SourceId::PrometheusAlerts => "prometheus",
        SourceId::Alertmanager => "alertmanager",
        SourceId::Logs => "logs",
        SourceId::Flags(_) => "flags",
    }
}

fn asked(sources: &[SourceId]) -> &'static str {
    match sources.first() {
        Some(SourceId::Kubernetes(_)) => "kubernetes",
        Some(SourceId::Logs) => "logs",
        Some(SourceId::Flags(_)) => "the flags",
        _ if sources.len() > 1 => "prometheus and alertmanager",
        _ => "prometheus",
    }
}
