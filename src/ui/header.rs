//! The header: where am I (production is unmistakable), what is in focus, how bad is it, can the screen be trusted, what
//! time is it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::Look;
use super::frame::put;
use super::text;
use crate::config::theme::Role;
use crate::domain::time::span_fine;
use crate::ports::feed::SourceGroup;
use crate::state::context::NamespaceScope;
use crate::state::source::Status;

/// A part of a line, and how early it is given up for lack of room (0: never).
struct Part {
    spans: Vec<Span<'static>>,
    order: u8,
}

impl Part {
    fn new(order: u8, spans: Vec<Span<'static>>) -> Self {
        Self { spans, order }
    }

    fn width(&self) -> usize {
        self.spans.iter().map(|span| text::width(&span.content)).sum()
    }
}

/// Draws the header into one or two lines.
pub fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    buffer.set_style(area, look.style(Role::Header));
    if area.height >= 2 {
        line(
            look,
            area,
            0,
            vec![
                Part::new(0, vec![Span::styled("opsdeck", look.style(Role::Title))]),
                place(look),
                focus(look, 1),
                run(look, 0),
            ],
            vec![sources(look, " ", 2), clock(look, true)],
            buffer,
        );
        line(look, area, 1, vec![tags(look), incident(look, true), who(look)], vec![counts(look, true)], buffer);
    } else {
        let left = vec![place(look), tags(look), incident(look, false), focus(look, 0), run(look, 0)];
        let mut clock = clock(look, false);
        clock.order = 4;
        line(look, area, 0, left, vec![counts(look, false), sources(look, "", 3), clock], buffer);
    }
}

/// Puts parts at the left and at the right of a line; those that do not fit are given up in their order.
fn line(look: &Look<'_>, area: Rect, row: u16, left: Vec<Part>, right: Vec<Part>, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let (mut left, mut right) = (left, right);
    left.retain(|part| part.width() > 0);
    right.retain(|part| part.width() > 0);
    let taken = |parts: &[Part]| parts.iter().map(|part| part.width() + 2).sum::<usize>();
    while taken(&left) + taken(&right) > width {
        let last = left.iter().chain(&right).map(|part| part.order).max().filter(|order| *order > 0);
        let Some(last) = last else { break };
        left.retain(|part| part.order != last);
        right.retain(|part| part.order != last);
    }
    let mut x = area.x + 1;
    let y = area.y + row;
    let start = area.right().saturating_sub(taken(&right).saturating_sub(1) as u16);
    for part in left {
        for span in part.spans {
            let room = usize::from(start.saturating_sub(x + 1));
            let content = text::cut(&span.content, room, look.glyphs.cut);
            put(buffer, x, y, &content, span.style);
            x += text::width(&content) as u16;
        }
        x += 2;
    }
    x = start;
    for part in right {
        for span in part.spans {
            put(buffer, x, y, &span.content, span.style);
            x += text::width(&span.content) as u16;
        }
        x += 2;
    }
}

fn place(look: &Look<'_>) -> Part {
    let context = look.context;
    let style = look.theme.context_label(context.colour.as_deref(), context.production);
    // The word says it too: a colour alone is no warning.
    let says_so = context.label.to_ascii_lowercase().contains("prod");
    let label = if context.production && !says_so { format!("PROD {}", context.label) } else { context.label.clone() };
    let (namespace, role) = match (&context.namespace, look.world.narrowed()) {
        (NamespaceScope::All, Some(only)) => (only.to_owned(), Role::Stale),
        (NamespaceScope::All, None) => ("all namespaces".to_owned(), Role::Text),
        (NamespaceScope::One(name), _) => (name.to_string(), Role::Text),
    };
    Part::new(
        0,
        vec![
            Span::styled(format!(" {label} "), style),
            Span::styled(look.glyphs.part.to_owned(), look.style(Role::Border)),
            Span::styled(namespace, look.style(role)),
        ],
    )
}

fn tags(look: &Look<'_>) -> Part {
    let mut spans = Vec::new();
    if look.context.demo {
        spans.push(Span::styled(" DEMO ", look.style(Role::Demo)));
    }
    if !look.offers_actions {
        if !spans.is_empty() {
            spans.push(Span::raw(" "));
        }
        spans.push(Span::styled(" READ-ONLY ", look.style(Role::ReadOnly)));
    }
    Part::new(0, spans)
}

fn who(look: &Look<'_>) -> Part {
    let who = look.context.identity.clone().unwrap_or_default();
    Part::new(3, vec![Span::styled(who, look.style(Role::Dim))])
}

fn focus(look: &Look<'_>, order: u8) -> Part {
    let Some(focused) = &look.session.focus else { return Part::new(order, Vec::new()) };
    let mut spans = vec![Span::styled(focused.focus.to_string(), look.style(Role::FocusLabel))];
    if order > 0 {
        spans.insert(0, Span::styled("focus ", look.style(Role::Dim)));
    }
    if let Some(via) = focused.via.as_ref().filter(|_| order > 0) {
        spans.push(Span::styled(format!(" via {via}"), look.style(Role::Dim)));
    }
    Part::new(order, spans)
}

/// The run of a runbook that is open, with its clock.
fn run(look: &Look<'_>, order: u8) -> Part {
    let first = look.session.desk.runs.first().filter(|_| look.session.desk.is_open());
    let Some(walked) = first else { return Part::new(order, Vec::new()) };
    let run = look.session.desk.run().unwrap_or(&walked.run);
    let clock = span_fine((look.now - walked.run.began()).num_seconds());
    let place = format!("{}/{}", (run.place() + 1).min(run.book().steps.len()), run.book().steps.len());
    Part::new(
        order,
        vec![
            Span::styled(format!("{} ", look.glyphs.to), look.style(Role::Pending)),
            Span::styled(text::cut(&walked.run.book().id, 24, look.glyphs.cut), look.style(Role::FocusLabel)),
            Span::styled(format!(" {place} {clock}"), look.style(Role::Pending)),
        ],
    )
}

/// The incident that is open, with its clock and what it waits for most.
fn incident(look: &Look<'_>, words: bool) -> Part {
    let room = &look.session.incidents;
    let Some(incident) = room.going_on() else { return Part::new(0, Vec::new()) };
    let clock = span_fine(incident.clock(look.now).num_seconds());
    let mut spans = vec![
        Span::styled(format!("{} ", incident.severity()), look.style(Role::Critical)),
        Span::styled(format!("{} {clock}", incident.status()), look.style(Role::FocusLabel)),
    ];
    let others = room.open().count().saturating_sub(1);
    if others > 0 {
        spans.push(Span::styled(format!(" +{others}"), look.style(Role::Warning)));
    }
    if let Some(nudge) = room.nudges.first().filter(|_| words) {
        let role = if nudge.urgent { Role::Warning } else { Role::Dim };
        spans.push(Span::styled(format!(" {} {}", look.glyphs.mid, nudge.text), look.style(role)));
    }
    Part::new(0, spans)
}

fn counts(look: &Look<'_>, words: bool) -> Part {
    let counts = look.world.counts();
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut add = |n: usize, word: String, role: Role| {
        if n > 0 {
            if !spans.is_empty() {
                spans.push(Span::raw(if words { "   " } else { " " }));
            }
            spans.push(Span::styled(word, look.style(role)));
        }
    };
    if words {
        add(counts.critical, format!("{} critical", counts.critical), Role::Critical);
        add(counts.warning, text::count(counts.warning, "warning", "warnings"), Role::Warning);
        add(counts.burning, text::count(counts.burning, "budget burning", "budgets burning"), Role::Critical);
    } else {
        add(counts.critical, format!("{} crit", counts.critical), Role::Critical);
        add(counts.warning, format!("{} warn", counts.warning), Role::Warning);
        add(counts.burning, format!("{} burn", counts.burning), Role::Critical);
    }
    // Calm may be said only when the sources of alerts speak.
    let alerts = look.world.sources.together(crate::state::pane::PaneId::Alerts.sources(), look.now);
    if spans.is_empty() && matches!(alerts, Status::Live { .. }) {
        spans.push(Span::styled(format!("{} calm", look.glyphs.ok), look.style(Role::Ok)));
    }
    Part::new(0, spans)
}

fn sources(look: &Look<'_>, gap: &str, order: u8) -> Part {
    let mut spans = Vec::new();
    let mut after_name = false;
    for group in SourceGroup::ALL {
        // Flags are there only where someone configured them.
        if group == SourceGroup::Flags && look.world.flag_sources().is_empty() {
            continue;
        }
        let (glyph, role) = mark(look, &look.world.sources.group(group, look.now));
        let calm = matches!(role, Role::Ok | Role::Dim);
        // In one line there is room for the names of those only that are not well.
        let named = !gap.is_empty() || !calm;
        if !spans.is_empty() && (named || after_name) {
            spans.push(Span::raw(" "));
        }
        spans.push(Span::styled(format!("{glyph}{gap}"), look.style(role)));
        after_name = named;
        if !named {
            continue;
        }
        spans.push(Span::styled(group.word(), if calm { look.style(Role::Dim) } else { look.style(role) }));
    }
    Part::new(order, spans)
}

/// The dot of a source.
pub fn mark(look: &Look<'_>, status: &Status<'_>) -> (&'static str, Role) {
    let glyphs = look.glyphs;
    match status {
        Status::Live { .. } => (glyphs.dot, Role::Ok),
        Status::Idle | Status::NotConfigured(_) => (glyphs.ring, Role::Dim),
        Status::Connecting => (glyphs.wait, Role::Pending),
        Status::Stale { .. } => (glyphs.half, Role::Stale),
        Status::Failed(_) => (glyphs.bad, Role::Failed),
    }
}

fn clock(look: &Look<'_>, seconds: bool) -> Part {
    let format = if seconds { "%H:%M:%SZ" } else { "%H:%MZ" };
    let style: Style = look.style(Role::Text);
    Part::new(0, vec![Span::styled(look.now.format(format).to_string(), style)])
}
