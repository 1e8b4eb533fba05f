//! The timeline: a line of time and words for each entry, wrapped, the newest at the end.

use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::incident::Incident;
use crate::incident::timeline::{Row, RowKind};
use crate::ui::{Look, text};

/// Columns of the time and of what stands between it and the words.
const TIME: usize = 11;

/// All lines.
pub(super) fn lines(look: &Look<'_>, incident: &Incident, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut day = None;
    for row in incident.timeline() {
        let date = row.at.date_naive();
        if day.is_some_and(|day| day != date) {
            lines.push(Line::styled(date.to_string(), look.style(Role::Dim)));
        }
        day = Some(date);
        lines.extend(entry(look, row, width));
    }
    lines
}

/// The first line shown: where it was scrolled to, else so that the end is.
pub(super) fn first(scroll: Option<usize>, lines: usize, rows: usize) -> usize {
    let last = lines.saturating_sub(rows);
    scroll.map_or(last, |at| at.min(last))
}

fn entry(look: &Look<'_>, row: &Row, width: usize) -> Vec<Line<'static>> {
    let (glyph, role) = mark(look, row.kind);
    let by_person = *row.by != *crate::incident::SELF;
    let words = if by_person { format!("{}  {}", row.text, row.by) } else { row.text.clone() };
    let wrapped: Vec<String> =
        words.lines().flat_map(|line| text::wrap(line, width.saturating_sub(TIME).max(8))).collect();
    let plain = look.style(match row.kind {
        RowKind::Trouble | RowKind::ActionFailed => Role::Warning,
        RowKind::Delivery | RowKind::Unknown => Role::Dim,
        _ => Role::Text,
    });
    let mut lines = Vec::new();
    for (at, line) in wrapped.into_iter().enumerate() {
        let begin = if at == 0 {
            vec![
                Span::styled(row.time(), look.style(Role::LogTime)),
                Span::raw(" "),
                Span::styled(glyph.to_owned(), look.style(role)),
                Span::raw(" "),
            ]
        } else {
            vec![Span::raw(" ".repeat(TIME))]
        };
        let mut spans = begin;
        let name = by_person.then(|| line.strip_suffix(&*row.by).map(str::to_owned)).flatten();
        match name {
            Some(before) => {
                spans.push(Span::styled(before, plain));
                spans.push(Span::styled(row.by.to_string(), look.style(Role::Dim)));
            }
            None => spans.push(Span::styled(line, plain)),
        }
        lines.push(Line::from(spans));
    }
    lines
}

const fn mark(look: &Look<'_>, kind: RowKind) -> (&'static str, Role) {
    let glyphs = look.glyphs;
    match kind {
        RowKind::Incident => (glyphs.dot, Role::TitleFocused),
        RowKind::Status | RowKind::Severity => (glyphs.to, Role::TitleFocused),
        RowKind::Role => (glyphs.mid, Role::FocusLabel),
        RowKind::Firing => (glyphs.dot, Role::Critical),
        RowKind::Cleared => (glyphs.ok, Role::Ok),
        RowKind::Change => (glyphs.to, Role::Suspect),
        RowKind::Action => (glyphs.to, Role::Info),
        RowKind::ActionFailed | RowKind::Trouble => (glyphs.bad, Role::Failed),
        RowKind::Runbook => (glyphs.mid, Role::Info),
        RowKind::Update => (glyphs.to, Role::Ok),
        RowKind::Note | RowKind::Message => (glyphs.mid, Role::Text),
        RowKind::Delivery | RowKind::Unknown => (glyphs.mid, Role::Dim),
        RowKind::Task => (glyphs.ring, Role::Pending),
    }
}
