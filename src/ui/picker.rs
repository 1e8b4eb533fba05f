//! A list to choose from by typing: commands, contexts, namespaces.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::frame::{put, put_line};
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::state::session::{PickItem, Picker, PickerKind};

/// Lines of the list at most.
const MOST: u16 = 16;

/// Draws the box.
pub fn render(look: &Look<'_>, picker: &Picker, area: Rect, buffer: &mut Buffer) {
    let (title, asks) = match picker.kind {
        PickerKind::Palette => ("Command", "a command, or: ctx NAME  ns NAME  rollback deploy/NAME"),
        PickerKind::Context => ("Context", "part of a name"),
        PickerKind::Namespace => ("Namespace", "part of a name, or any namespace"),
        PickerKind::Runbook => ("Runbook", "which one"),
        PickerKind::Status => ("Status", "how far it has come"),
        PickerKind::Severity => ("Severity", "how bad it is"),
        PickerKind::Role => ("Role", "which one"),
        PickerKind::Incident => ("Incident", "one that goes on, a new one, or one that is over"),
        PickerKind::Merge => ("Merge", "the incident that this one is the same as"),
        PickerKind::StatusPage => ("Status page", "every customer can read it"),
        PickerKind::Page => ("Escalate", "the page that goes to the next level"),
        PickerKind::JoinPage => ("Ask to join", "through which page"),
        PickerKind::NotePage => ("Page", "which one is about this incident"),
        PickerKind::Unsent => ("Leave unsent", "what is not to be sent"),
    };
    let rows = (picker.items.len() as u16).clamp(3, MOST);
    let width = area.width.saturating_sub(4).min(88);
    let count = format!("{} of {}", picker.matches.len(), picker.items.len());
    let inner = overlay::open(look, area, (width, rows + 3), title, &count, buffer);
    put(buffer, inner.x + 1, inner.y, ":", look.style(Role::Key));
    let line = Rect { x: inner.x + 3, y: inner.y, width: inner.width.saturating_sub(4), height: 1 };
    footer::field(look, &picker.input, asks, line, buffer);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    if picker.matches.is_empty() {
        let remark = if picker.loading {
            format!("reading{}", look.glyphs.cut)
        } else if picker.input.text().is_empty() {
            "nothing to choose from".to_owned()
        } else if picker.kind.is_of_incident() {
            "nothing matches".to_owned()
        } else {
            "nothing matches; enter takes the text as it is".to_owned()
        };
        put(buffer, list.x + 1, list.y, &remark, look.style(Role::Dim));
        return;
    }
    let height = usize::from(list.height);
    let first = picker.selected.saturating_sub(height.saturating_sub(1));
    let widest = picker.items.iter().map(|item| text::width(&item.value)).max().unwrap_or(0);
    let name_width = widest.min(usize::from(list.width) / 2);
    for (row, (at, places)) in picker.matches.iter().skip(first).take(height).enumerate() {
        let Some(item) = picker.items.get(*at) else { continue };
        put_line(look, buffer, list, row as u16, &line_of(look, item, places, name_width, list.width.into()));
        if first + row == picker.selected {
            let y = list.y + row as u16;
            buffer.set_style(Rect { y, height: 1, ..list }, look.style(Role::Selection));
            put(buffer, list.x, y, look.glyphs.bar, look.style(Role::SelectionBar));
        }
    }
    super::frame::more(look, list, first > 0, first + height < picker.matches.len(), buffer);
}

fn line_of(look: &Look<'_>, item: &PickItem, places: &[u32], name_width: usize, width: usize) -> Line<'static> {
    let base = look.style(if item.production { Role::Production } else { Role::Text });
    let mut spans = vec![Span::raw(" ")];
    spans.extend(matched(look, &text::cut(&item.value, name_width, look.glyphs.cut), places, base));
    spans.push(Span::raw(" ".repeat(name_width.saturating_sub(text::width(&item.value)) + 2)));
    let key = item.key.clone().unwrap_or_default();
    let room = width.saturating_sub(name_width + 5 + text::width(&key));
    spans.push(Span::styled(text::left(&item.note, room, look.glyphs.cut), look.style(Role::Dim)));
    spans.push(Span::raw(" "));
    spans.push(Span::styled(key, look.style(Role::Key)));
    Line::from(spans)
}

fn matched(look: &Look<'_>, value: &str, places: &[u32], base: Style) -> Vec<Span<'static>> {
    value
        .chars()
        .zip(0u32..)
        .map(|(c, at)| {
            let style = if places.contains(&at) { look.style(Role::Matched) } else { base };
            Span::styled(c.to_string(), style)
        })
        .collect()
}
