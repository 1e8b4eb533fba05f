//! Boxes over the panes: a frame with a title, and lines in it that scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::Look;
use super::frame::{border_box, more, put, put_line};
use super::layout::centred;
use super::text;
use crate::config::theme::Role;

/// Clears a place in the middle of `area` and draws a box with a title there; gives what is inside it.
pub fn open(look: &Look<'_>, area: Rect, size: (u16, u16), title: &str, right: &str, buffer: &mut Buffer) -> Rect {
    let place = centred(area, size.0, size.1);
    // A wide character that sticks out of the cleared place would be cut in two: its cell is cleared too.
    Clear.render(place, buffer);
    buffer.set_style(place, look.style(Role::Dialog));
    border_box(place, look.style(Role::DialogBorder), look, buffer);
    let room = usize::from(place.width).saturating_sub(4);
    let right_room = room.saturating_sub(text::width(title).min(room) + 3);
    let title = text::cut(title, room.saturating_sub(2), look.glyphs.cut);
    put(buffer, place.x + 1, place.y, &format!(" {title} "), look.style(Role::DialogTitle));
    if !right.is_empty() && right_room > 6 {
        let right = format!(" {} ", text::cut(right, right_room, look.glyphs.cut));
        let x = place.right().saturating_sub(1 + text::width(&right) as u16);
        put(buffer, x, place.y, &right, look.style(Role::Dim));
    }
    Rect {
        x: place.x + 1,
        y: place.y + 1,
        width: place.width.saturating_sub(2),
        height: place.height.saturating_sub(2),
    }
}

/// Draws the lines from `scroll` on, with marks where there are more.
pub fn scrolled(look: &Look<'_>, lines: &[Line<'_>], scroll: usize, area: Rect, buffer: &mut Buffer) {
    let height = usize::from(area.height);
    let first = scroll.min(lines.len().saturating_sub(height));
    for (row, line) in lines.iter().skip(first).take(height).enumerate() {
        put_line(look, buffer, area, row as u16, line);
    }
    more(look, area, first > 0, first + height < lines.len(), buffer);
}
