//! A declare before it is confirmed: what the incident is called and how bad it is, and everything that will be sent, to
//! whom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::incident::declare::Field;
use crate::state::incident::room::{Declaring, Publishing};
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
    // What becomes public stands at the end: while that is asked, it is seen.
    let asked = matches!(declaring.publishing, Some(Publishing::Word { .. }));
    let first = if asked { lines.len().saturating_sub(place.height.into()) } else { declaring.scroll };
    overlay::scrolled(look, &lines, first, place, buffer);
    let last = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
    let hint = |id: &str, label: &str| footer::Hint { key: look.key_of(id), label: label.to_owned() };
    match &declaring.publishing {
        None => {
            let page = declaring.proposal.status_draft();
            let page = page.map(|_| if declaring.proposal.public().is_some() { "keep back" } else { "public" });
            let mut hints = vec![hint("confirm", "declare"), hint("reason", "edit"), hint("toggle-diff", "message")];
            hints.extend(page.map(|label| hint("publish-too", label)));
            hints.push(hint("cancel", "close, nothing is sent"));
            footer::keys(look, &hints, last, buffer);
        }
        Some(Publishing::Word { prompt, .. }) => {
            super::typing(look, prompt, Rect { y: last.y.saturating_sub(1), ..place_of_line(last) }, buffer);
            footer::keys(
                look,
                &[hint("confirm", "publish it with the rest"), hint("cancel", "keep it back")],
                last,
                buffer,
            );
        }
        Some(Publishing::Words { editor, notice }) => {
            if let Some(draft) = declaring.proposal.status_draft() {
                let right = super::public_place(&draft.page, &draft.said);
                super::write_public(look, editor, &right, notice.as_deref(), area, buffer);
            }
        }
    }
    if let Some(text) = &declaring.message {
        let frame = editor::Frame { title: "First message", right: "", sends: "take it", notice: None };
        editor::render(look, text, frame, area, buffer);
    }
}

/// A line that is typed begins where the text above it does.
const fn place_of_line(row: Rect) -> Rect {
    Rect { x: row.x + 1, width: row.width.saturating_sub(2), ..row }
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
    match &proposal.facts().runbook {
        Some(book) => row("runbook", &format!("{} ({})", book.title, book.id), Role::Text),
        None if declaring.looking => row("runbook", &format!("looking for one{}", look.glyphs.cut), Role::Dim),
        None => {}
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
        let public = if item.public { "PUBLIC: " } else { "" };
        let head = format!("{}. {public}{what} ({})", at + 1, item.service);
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
    lines.extend(held_back(look, declaring, width));
    lines
}

/// What could be told to customers, and is not.
fn held_back(look: &Look<'_>, declaring: &Declaring, width: usize) -> Vec<Line<'static>> {
    let proposal = &declaring.proposal;
    let (None, Some(draft)) = (proposal.public(), proposal.status_draft()) else { return Vec::new() };
    let asked = matches!(declaring.publishing, Some(Publishing::Word { .. }));
    let (head, role) = if asked {
        (format!("PUBLIC, once you say so: on {}, to everyone, customers too", draft.page), Role::Critical)
    } else {
        let key = look.key_of("publish-too");
        (format!("- PUBLIC: not sent. {key} tells everyone on the status page ({})", draft.page), Role::Dim)
    };
    let mut lines: Vec<Line<'static>> =
        text::wrap(&head, width).into_iter().map(|line| Line::styled(line, look.style(role))).collect();
    let words = draft.said.lines();
    let words = words.iter().flat_map(|line| text::wrap(line, width.saturating_sub(5)));
    let role = if asked { Role::Text } else { Role::Dim };
    lines.extend(words.map(|line| Line::styled(format!("   {} {line}", look.glyphs.part), look.style(role))));
    lines
}
