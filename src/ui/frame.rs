//! The frame of a pane: number, name, counts and age in its title, a box around it where there is room for one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::Look;
use super::text;
use crate::config::theme::Role;
use crate::state::pane::PaneId;

/// What a title says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// Name of the pane.
    pub name: String,
    /// Right after it: filter, target.
    pub detail: String,
    /// At the right: counts and age.
    pub right: String,
    /// How the right part is drawn.
    pub role: Option<Role>,
}

/// Draws the frame of a pane and gives what is left for its rows. Without a box only the title takes a line.
pub fn pane(look: &Look<'_>, pane: PaneId, title: &Title, area: Rect, boxed: bool, buffer: &mut Buffer) -> Rect {
    let active = look.is_active(pane);
    let border = look.style(if active { Role::BorderFocused } else { Role::Border });
    let name = look.style(if active { Role::TitleFocused } else { Role::Title });
    let dim = look.style(title.role.unwrap_or(Role::Dim));
    let glyphs = look.glyphs;
    if area.height == 0 || area.width < 8 {
        return Rect { height: 0, ..area };
    }
    let inner = if boxed {
        border_box(area, border, look, buffer);
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height.saturating_sub(2) }
    } else {
        for x in area.left()..area.right() {
            buffer[(x, area.y)].set_symbol(glyphs.line).set_style(border);
        }
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    };
    // `╭ 1 Alerts ───── 3 firing · 2s ╮`: the name is never given up, the detail is the first to go.
    let room = usize::from(area.width) - if boxed { 2 } else { 0 };
    let marker = if active { glyphs.bar } else { " " };
    let head = format!("{marker}{} {} ", pane.index() + 1, title.name);
    let right_room = room.saturating_sub(text::width(&head) + 1);
    let right = if title.right.is_empty() {
        String::new()
    } else {
        format!(" {} ", text::cut(&title.right, right_room.saturating_sub(2), glyphs.cut))
    };
    let x = area.x + u16::from(boxed);
    put(buffer, x, area.y, &head, name);
    if !title.detail.is_empty() {
        let used = text::width(&head) + text::width(&right);
        let detail = text::cut(&title.detail, room.saturating_sub(used + 3), glyphs.cut);
        if !detail.is_empty() {
            put(buffer, x + head_width(&head), area.y, &format!("{detail} "), look.style(Role::FocusLabel));
        }
    }
    let end = x + room as u16;
    put(buffer, end - text::width(&right) as u16, area.y, &right, dim);
    inner
}

fn head_width(head: &str) -> u16 {
    text::width(head) as u16
}

/// Draws a plain box.
pub fn border_box(area: Rect, style: Style, look: &Look<'_>, buffer: &mut Buffer) {
    use ratatui::widgets::{Block, Widget};
    Block::bordered().border_set(look.glyphs.border).border_style(style).render(area, buffer);
}

/// Puts a text at a place; what does not fit is not drawn.
pub fn put(buffer: &mut Buffer, x: u16, y: u16, content: &str, style: Style) {
    let area = buffer.area;
    if y < area.bottom() && x < area.right() {
        buffer.set_stringn(x, y, content, usize::from(area.right() - x), style);
    }
}

/// Puts a line into one row of an area; a line that is too long ends with the mark of cut text.
pub fn put_line(look: &Look<'_>, buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row < area.height {
        buffer.set_line(area.x, area.y + row, line, area.width);
        if line.width() > usize::from(area.width) && area.width > 0 {
            buffer[(area.right() - 1, area.y + row)].set_symbol(look.glyphs.cut);
        }
    }
}

/// The sign of a marked row, in the place of its bar.
pub fn mark(look: &Look<'_>, area: Rect, row: u16, buffer: &mut Buffer) {
    if row < area.height {
        buffer[(area.x, area.y + row)].set_symbol(look.glyphs.mark).set_style(look.style(Role::Key));
    }
}

/// How a row starts: its bar and, when selected, its background over the whole width.
pub fn select(look: &Look<'_>, pane: PaneId, area: Rect, row: u16, lines: u16, buffer: &mut Buffer) {
    let active = look.is_active(pane);
    let glyph = if active { look.glyphs.bar } else { look.glyphs.bar_dim };
    for line in row..(row + lines).min(area.height) {
        let y = area.y + line;
        if active {
            buffer.set_style(Rect { y, height: 1, ..area }, look.style(Role::Selection));
        }
        let style = look.style(if active { Role::SelectionBar } else { Role::Border });
        buffer[(area.x, y)].set_symbol(glyph).set_style(style);
    }
}

/// Marks on the right edge that there is more above or below.
pub fn more(look: &Look<'_>, area: Rect, above: bool, below: bool, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let x = area.right() - 1;
    let style = look.style(Role::Dim);
    if above {
        put(buffer, x, area.y, look.glyphs.up, style);
    }
    if below {
        put(buffer, x, area.bottom() - 1, look.glyphs.down, style);
    }
}
