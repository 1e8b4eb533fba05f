//! The logs pane: what the target says, newest at the bottom; frames and repetitions folded, losses counted.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Pane;
use crate::config::keymap::Scope;
use crate::config::theme::Role;
use crate::domain::log::LogLevel;
use crate::domain::time::span;
use crate::state::command::CommandInfo;
use crate::state::filter::Filter;
use crate::state::logs::{LogEntry, short_pod};
use crate::state::pane::PaneId;
use crate::ui::frame::{Title, more, put, put_line, select};
use crate::ui::{Look, source, text};

/// The pane.
pub const PANE: Pane = Pane { id: PaneId::Logs, scope: Scope::Logs, commands: COMMANDS, title, render, steps_to };

const COMMANDS: &[CommandInfo] = &[
    CommandInfo::new("next-error", "next error", Scope::Logs, "Go to the next error line").in_footer(3),
    CommandInfo::new("previous-error", "previous error", Scope::Logs, "Go to the error line before"),
    CommandInfo::new("follow", "follow", Scope::Logs, "Follow the newest line, or stay on this one").in_footer(3),
    CommandInfo::new("wrap", "wrap", Scope::Logs, "Wrap long lines, or cut them").in_footer(4),
];

/// Cells of the error sparkline.
const SPARK: usize = 18;

fn title(look: &Look<'_>) -> Title {
    let logs = &look.world.logs;
    let mid = look.glyphs.mid;
    let target = match &look.session.focus {
        Some(focused) => focused.focus.to_string(),
        None => "worst pods".to_owned(),
    };
    let mut parts = vec![target];
    let narrowed = super::narrowed(look, PaneId::Logs);
    if !narrowed.is_empty() {
        parts.push(narrowed);
    }
    if !look.session.follows() {
        parts.push("paused here".to_owned());
    }
    if logs.lost() > 0 {
        parts.push(format!("{} lines lost", logs.lost()));
    }
    if logs.streams() > 0 {
        parts.push(text::count(logs.streams() as usize, "stream", "streams"));
        parts.push(format!("{:.0} lines/s", logs.rate(look.now)));
        if logs.lost() == 0 {
            parts.push("none lost".to_owned());
        }
    }
    let errors = logs.errors(look.now, SPARK);
    let counts = if errors.iter().any(|n| *n > 0) {
        let values: Vec<f64> = errors.iter().map(|n| f64::from(*n)).collect();
        format!("errors {}", super::slo::spark(look, &values, SPARK))
    } else {
        String::new()
    };
    let (right, mut role) = source::with_age(look, &counts, PaneId::Logs.sources());
    if role.is_none() && !counts.is_empty() {
        role = Some(Role::SparkBad);
    }
    Title { name: "Logs".into(), detail: parts.join(&format!(" {mid} ")), right, role }
}

/// Only unwrapped lines can be told apart by their row.
fn steps_to(look: &Look<'_>, area: Rect, line: u16) -> Option<i64> {
    let area = source::above_footnote(look, PaneId::Logs.sources(), area);
    if look.session.wrap {
        return None;
    }
    let window = look.world.logs.window(look.session.cursors.logs, area.height.into(), |_| 1);
    let at = usize::from(line);
    let from = window.selected.or_else(|| window.rows.len().checked_sub(1))?;
    (at < window.rows.len()).then(|| i64::try_from(at).unwrap_or(0) - i64::try_from(from).unwrap_or(0))
}

fn style_of(look: &Look<'_>, level: LogLevel) -> (&'static str, Style) {
    match level {
        LogLevel::Fatal => ("FATAL", look.style(Role::LogError)),
        LogLevel::Error => ("ERROR", look.style(Role::LogError)),
        LogLevel::Warn => ("WARN", look.style(Role::LogWarn)),
        LogLevel::Info => ("", look.style(Role::LogInfo)),
        LogLevel::Debug => ("debug", look.style(Role::Dim)),
    }
}

fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let sources = PaneId::Logs.sources();
    let logs = &look.world.logs;
    if logs.shown_len() == 0 {
        return source::explain(look, sources, &empty(look), area, buffer);
    }
    let mut area = source::footnote(look, sources, area, buffer);
    if let Some((stream, why)) = logs.failed().first()
        && area.height > 3
    {
        let more = logs.failed().len() - 1;
        let tail = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        let line = format!("{} {stream}: {why}", look.glyphs.half);
        let room = usize::from(area.width).saturating_sub(2 + text::width(&tail));
        put(
            buffer,
            area.x + 1,
            area.bottom() - 1,
            &format!("{}{tail}", text::cut(&line, room, look.glyphs.cut)),
            look.style(Role::Stale),
        );
        area.height -= 1;
    }
    let view = look.session.view(PaneId::Logs);
    let filter = Filter::parse(&view.filter);
    let pod_width = 10.min(usize::from(area.width) / 8).max(5);
    // Milliseconds where there is room for them.
    let (format, time_width) = if area.width >= 100 { ("%H:%M:%S%.3f", 12) } else { ("%H:%M:%S", 8) };
    let head = 1 + time_width + 1 + pod_width + 1;
    let room = usize::from(area.width).saturating_sub(head + 1);
    let wrap = look.session.wrap && room > 10;
    let lines = |entry: &LogEntry| if wrap { text::wrap(&said(look, entry), room).len().max(1) } else { 1 };
    let window = logs.window(look.session.cursors.logs, area.height.into(), lines);
    let mut top: u16 = 0;
    for (index, (_, entry)) in window.rows.iter().enumerate() {
        if top >= area.height {
            break;
        }
        let (_, style) = style_of(look, entry.line.level);
        let begin = vec![
            Span::raw(" "),
            Span::styled(entry.line.at.format(format).to_string(), look.style(Role::LogTime)),
            Span::raw(" "),
            Span::styled(text::left(short_pod(&entry.line.pod), pod_width, look.glyphs.cut), look.style(Role::LogPod)),
            Span::raw(" "),
        ];
        let first = top;
        if wrap {
            for (line, content) in text::wrap(&said(look, entry), room).into_iter().enumerate() {
                let mut spans = if line == 0 { begin.clone() } else { vec![Span::raw(" ".repeat(head))] };
                spans.extend(highlighted(look, &content, filter.as_ref(), style));
                put_line(look, buffer, area, top, &Line::from(spans));
                top += 1;
            }
        } else {
            let mut spans = begin;
            let tail = tail(look, entry);
            let room = room.saturating_sub(text::width(&tail));
            let shift = usize::from(view.shift);
            let content = said_plain(look, entry);
            let cut = if shift > 0 {
                format!(
                    "{}{}",
                    look.glyphs.cut,
                    text::cut(text::skip(&content, shift + 1), room.saturating_sub(1), look.glyphs.cut)
                )
            } else {
                text::cut(&content, room, look.glyphs.cut)
            };
            let used = text::width(&cut);
            spans.extend(highlighted(look, &cut, filter.as_ref(), style));
            spans.push(Span::raw(" ".repeat(room.saturating_sub(used))));
            spans.push(Span::styled(tail, look.style(Role::Dim)));
            put_line(look, buffer, area, top, &Line::from(spans));
            top += 1;
        }
        if window.selected == Some(index) {
            select(look, PaneId::Logs, area, first, top - first, buffer);
        }
    }
    more(look, area, false, window.below, buffer);
}

/// Level and text.
fn said_plain(look: &Look<'_>, entry: &LogEntry) -> String {
    let (word, _) = style_of(look, entry.line.level);
    // Most lines carry their own level; it is not said twice.
    let has_own = word.is_empty()
        || entry
            .line
            .text
            .get(..entry.line.text.len().min(60))
            .is_some_and(|head| head.to_ascii_uppercase().contains(&word.to_ascii_uppercase()));
    if has_own { entry.line.text.to_string() } else { format!("{word} {}", entry.line.text) }
}

/// What was folded into it.
fn tail(look: &Look<'_>, entry: &LogEntry) -> String {
    let mut tail = String::new();
    if !entry.frames.is_empty() {
        tail = format!("  +{}", text::count(entry.frames.len(), "frame", "frames"));
    }
    if entry.count > 1 {
        let seconds = (entry.last - entry.line.at).num_seconds().max(1);
        tail = format!("{tail}  {}{} in {}", look.glyphs.times, entry.count, span(seconds));
    }
    tail
}

fn said(look: &Look<'_>, entry: &LogEntry) -> String {
    format!("{}{}", said_plain(look, entry), tail(look, entry))
}

fn highlighted(look: &Look<'_>, content: &str, filter: Option<&Filter>, style: Style) -> Vec<Span<'static>> {
    let Some(filter) = filter else { return vec![Span::styled(content.to_owned(), style)] };
    let mut spans = Vec::new();
    let mut at = 0;
    for found in filter.matches(content) {
        spans.push(Span::styled(content[at..found.start].to_owned(), style));
        spans.push(Span::styled(content[found.clone()].to_owned(), look.style(Role::Matched)));
        at = found.end;
    }
    spans.push(Span::styled(content[at..].to_owned(), style));
    spans
}

fn empty(look: &Look<'_>) -> Vec<(String, Role)> {
    let logs = &look.world.logs;
    let view = look.session.view(PaneId::Logs);
    if !logs.is_empty() && view.filter.is_empty() && view.faults_only {
        return vec![
            (format!("{} no errors and no warnings", look.glyphs.ok), Role::Ok),
            (format!("{} shows all lines", look.key_of("faults-only")), Role::Dim),
        ];
    }
    if !logs.is_empty() && !view.filter.is_empty() {
        return super::nothing(look, PaneId::Logs, "lines", "");
    }
    let failed = logs
        .failed()
        .iter()
        .take(3)
        .map(|(stream, why)| (format!("{} {stream}: {why}", look.glyphs.bad), Role::Failed));
    let mut lines: Vec<(String, Role)> = failed.collect();
    if look.session.focus.is_none() && look.world.pods.attention() == 0 && lines.is_empty() {
        // Calm may be said only of pods that are known.
        let pods = look.world.sources.together(PaneId::Pods.sources(), look.now);
        if matches!(pods, crate::state::source::Status::Live { .. }) {
            lines.push((format!("{} no pod is unwell", look.glyphs.ok), Role::Ok));
        }
        lines.push((format!("{} on a rollout or a pod follows its logs", look.key_of("focus")), Role::Dim));
    } else if lines.is_empty() {
        lines.push(("nothing said yet".into(), Role::Dim));
    }
    lines
}
