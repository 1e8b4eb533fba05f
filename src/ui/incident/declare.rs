//! A declare before it is confirmed: what the incident is called and how bad it is, and everything that will be sent, to
//! whom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::incident::declare::Field;
use crate::state::incident::room::Declaring;
use crate::ui::{Look, editor, footer, overlay, text};

/// Columns of the words at the left.
const LABEL: usize = 12;

const fn width(area: Rect) -> u16 {
    let width = area.width.saturating_sub(4);
    if width > 104 { 104 } else { width }
}

/// Lines and rows that there are for them.
pub fn length(look: &Look<'_>, declaring: &Declaring, area: Rect) -> (usize, usize) {
    let lines = lines(look, declaring, usize::from(width(area)).saturating_sub(4)).len();
    (lines, usize::from(area.height).saturating_sub(4))
}

/// Draws the box.
pub fn render(look: &Look<'_>, declaring: &Declaring, area: Rect, buffer: &mut Buffer) {
    let lines = lines(look, declaring, usize::from(width(area)).saturating_sub(4));
    let height = (lines.len() as u16 + 4).min(area.height);
    let context = look.context;
    let label = if context.production { format!("PRODUCTION {}", context.name) } else { context.name.clone() };
    let inner = overlay::open(look, area, (width(area), height), "Declare an incident", &label, buffer);
    let place =
        Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), height: inner.height.saturating_sub(2), ..inner };
    overlay::scrolled(look, &lines, declaring.scroll, place, buffer);
    let hint = |id: &str, label: &str| footer::Hint { key: look.key_of(id), label: label.to_owned() };
    let hints = [
        hint("confirm", "declare"),
        hint("reason", "edit"),
        hint("toggle-diff", "first message"),
        hint("cancel", "close, nothing is sent"),
    ];
    footer::keys(look, &hints, Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner }, buffer);
    if let Some(text) = &declaring.writing {
        let frame = editor::Frame { title: "First message", right: "", sends: "take it", notice: None };
        editor::render(look, text, frame, area, buffer);
    }
}

fn lines(look: &Look<'_>, declaring: &Declaring, width: usize) -> Vec<Line<'static>> {
    let proposal = &declaring.proposal;
    let mut lines = Vec::new();
    let mut row = |label: &str, value: &str, role: Role| {
        for (at, line) in text::wrap(value, width.saturating_sub(LABEL).max(8)).into_iter().enumerate() {
            let label = text::left(if at == 0 { label } else { "" }, LABEL, look.glyphs.cut);
            lines.push(Line::from(vec![
                Span::styled(label, look.style(Role::Dim)),
                Span::styled(line, look.style(role)),
            ]));
        }
    };
    row("title", &proposal.get(Field::Title), Role::Title);
    row("severity", &format!("{} ({})", proposal.severity(), proposal.why()), Role::Critical);
    for field in [Field::Service, Field::Roles] {
        row(field.word(), &proposal.get(field), Role::Text);
    }
    for finding in proposal.check() {
        let words = format!("{} {}: {}", look.glyphs.careful, finding.field.word(), finding.text);
        let words = text::wrap(&words, width);
        lines.extend(words.into_iter().map(|line| Line::styled(line, look.style(Role::Warning))));
    }
    lines.push(Line::default());
    let preview = proposal.preview();
    let head =
        if preview.is_empty() { "Nothing is sent; the timeline is kept here." } else { "This is sent, in this order:" };
    lines.push(Line::styled(head, look.style(Role::Title)));
    for (at, item) in preview.iter().enumerate() {
        // What is said whole below is not said twice.
        let what = item.text.as_ref().and_then(|_| item.what.split_once(": ")).map_or(&*item.what, |(what, _)| what);
        let head = format!("{}. {what} ({})", at + 1, item.service);
        let role = if item.public { Role::Critical } else { Role::Text };
        lines.extend(text::wrap(&head, width).into_iter().map(|line| Line::styled(line, look.style(role))));
        lines.push(Line::styled(
            text::cut(&format!("   to {}", item.to), width, look.glyphs.cut),
            look.style(Role::Dim),
        ));
        // The words of a post are read whole; of the rest the first line says it.
        let long =
            item.text.iter().flat_map(|words| words.lines()).flat_map(|line| text::wrap(line, width.saturating_sub(5)));
        lines.extend(long.map(|line| Line::styled(format!("   {} {line}", look.glyphs.part), look.style(Role::Text))));
    }
    lines
}
