//! A form: its lines, what may be written in each, and why it was not taken.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::state::form::Form;

/// Width of the words at the left.
const LABEL: u16 = 12;

/// Draws the box.
pub fn render(look: &Look<'_>, form: &Form, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4).min(88);
    let inside = usize::from(width).saturating_sub(4);
    let notice = form.notice.as_deref().map(|why| text::wrap(why, inside)).unwrap_or_default();
    let height = (form.fields.len() as u16 + notice.len() as u16 + 5).min(area.height);
    let label = if look.context.production { "PRODUCTION ".to_owned() } else { String::new() } + &look.context.name;
    let inner = overlay::open(look, area, (width, height), &form.title, &label, buffer);
    let mut y = inner.y + 1;
    let x = inner.x + 1;
    // Where not all lines have room, the one being typed has.
    let room = usize::from(inner.height.saturating_sub(3)).saturating_sub(notice.len()).max(1);
    let first = (form.at + 1).saturating_sub(room).min(form.fields.len().saturating_sub(room));
    let shown = form.fields.iter().enumerate().skip(first).take(room);
    for (at, field) in shown {
        if y + 1 >= inner.bottom() {
            break;
        }
        let active = at == form.at;
        put(buffer, x, y, field.topic.word(), look.style(if active { Role::Text } else { Role::Dim }));
        let place = Rect { x: x + LABEL, y, width: inner.width.saturating_sub(LABEL + 2), height: 1 };
        if active {
            put(buffer, inner.x, y, look.glyphs.bar, look.style(Role::SelectionBar));
            footer::field(look, &field.input, &field.hint, place, buffer);
        } else if field.input.text().is_empty() {
            let hint = text::cut(&field.hint, place.width.into(), look.glyphs.cut);
            put(buffer, place.x, y, &hint, look.style(Role::Placeholder));
        } else {
            let shown = text::cut(field.input.text(), place.width.into(), look.glyphs.cut);
            put(buffer, place.x, y, &shown, look.style(Role::Text));
        }
        y += 1;
    }
    for line in notice {
        if y + 1 < inner.bottom() {
            put(buffer, x, y, &line, look.style(Role::Warning));
            y += 1;
        }
    }
    let hint = |key: String, label: &str| footer::Hint { key, label: label.to_owned() };
    let mut hints = vec![hint(look.key_of("confirm"), "plan it"), hint(look.key_of("cancel"), "close")];
    if form.fields.len() > 1 {
        hints.push(hint(look.key_of("down"), "next line"));
    }
    if form.fields.get(form.at).is_some_and(|field| field.topic.is_number()) {
        hints.push(hint("+ -".to_owned(), "step"));
        hints.push(hint(look.key_of("page-up"), "double"));
        hints.push(hint(look.key_of("page-down"), "half"));
    }
    footer::keys(look, &hints, Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner }, buffer);
}
