//! The menu of actions: what can be done with what is in hand, each with its key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::frame::{more, put, put_line};
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::state::menu::Menu;

/// Draws the box.
pub fn render(look: &Look<'_>, menu: &Menu, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4).min(88);
    let height = (menu.items.len() as u16 + 4).min(area.height);
    let label = if look.context.production { "PRODUCTION ".to_owned() } else { String::new() } + &look.context.name;
    let inner = overlay::open(look, area, (width, height), &format!("Actions: {}", menu.about), &label, buffer);
    let list = Rect { height: inner.height.saturating_sub(2), ..inner };
    let first = menu.selected.saturating_sub(usize::from(list.height).saturating_sub(1));
    let key_width = menu.items.iter().filter_map(|item| item.key.as_deref()).map(text::width).max().unwrap_or(0).max(1);
    let label_width = menu.items.iter().map(|item| text::width(item.label)).max().unwrap_or(0);
    for (row, item) in menu.items.iter().skip(first).take(list.height.into()).enumerate() {
        let room = usize::from(list.width).saturating_sub(key_width + label_width + 6);
        let line = Line::from(vec![
            Span::styled(
                format!(" {} ", text::left(item.key.as_deref().unwrap_or_default(), key_width, look.glyphs.cut)),
                look.style(Role::Key),
            ),
            Span::styled(
                format!(" {}  ", text::left(item.label, label_width, look.glyphs.cut)),
                look.style(Role::Text),
            ),
            Span::styled(text::cut(item.doc, room, look.glyphs.cut), look.style(Role::Dim)),
        ]);
        put_line(look, buffer, list, row as u16, &line);
        if first + row == menu.selected {
            let y = list.y + row as u16;
            buffer.set_style(Rect { y, height: 1, ..list }, look.style(Role::Selection));
            put(buffer, list.x, y, look.glyphs.bar, look.style(Role::SelectionBar));
        }
    }
    more(look, list, first > 0, first + usize::from(list.height) < menu.items.len(), buffer);
    let hint = |key: String, label: &str| footer::Hint { key, label: label.to_owned() };
    let hints = [hint(look.key_of("focus"), "plan it"), hint(look.key_of("cancel"), "close")];
    footer::keys(look, &hints, Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner }, buffer);
}
