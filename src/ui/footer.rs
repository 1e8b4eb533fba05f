//! The footer: the keys that do something here and now, a sequence that waits for its next key, or a remark.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::{Look, text};
use crate::config::theme::Role;

/// A key and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key as written on screen.
    pub key: String,
    /// What it does.
    pub label: String,
}

/// Draws hints, as many as fit.
pub fn keys(look: &Look<'_>, hints: &[Hint], area: Rect, buffer: &mut Buffer) {
    let mut x = area.x + 1;
    for hint in hints {
        let width = text::width(&hint.key) + 1 + text::width(&hint.label);
        if usize::from(x) + width > usize::from(area.right()) {
            break;
        }
        put(buffer, x, area.y, &hint.key, look.style(Role::Key));
        x += text::width(&hint.key) as u16 + 1;
        put(buffer, x, area.y, &hint.label, look.style(Role::KeyLabel));
        x += text::width(&hint.label) as u16 + 2;
    }
}

/// Draws a remark instead of keys.
pub fn notice(look: &Look<'_>, remark: &str, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width).saturating_sub(2);
    put(buffer, area.x + 1, area.y, &text::cut(remark, room, look.glyphs.cut), look.style(Role::Notice));
}

/// Draws a line of text being typed: what it is for, the text with its cursor, and what came of it at the right.
pub fn input(
    look: &Look<'_>,
    prompt: &str,
    typed: &crate::state::input::Input,
    right: &str,
    area: Rect,
    buffer: &mut Buffer,
) {
    put(buffer, area.x + 1, area.y, prompt, look.style(Role::Key));
    let x = area.x + 2 + text::width(prompt) as u16;
    let right_width = text::width(right) as u16;
    let room = area.right().saturating_sub(x + right_width + 3);
    field(look, typed, "", Rect::new(x, area.y, room, 1), buffer);
    let at = area.right().saturating_sub(right_width + 1);
    put(buffer, at, area.y, right, look.style(Role::Dim));
}

/// Draws the text of an input and its cursor, moved to the left when it is longer than the room.
pub fn field(look: &Look<'_>, typed: &crate::state::input::Input, placeholder: &str, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width);
    if room < 2 {
        return;
    }
    let before: String = typed.text().chars().take(typed.cursor()).collect();
    let shift = text::width(&before).saturating_sub(room - 2);
    let shown = text::cut(text::skip(typed.text(), shift), room, look.glyphs.cut);
    put(buffer, area.x, area.y, &shown, look.style(Role::Input));
    let cursor = area.x + (text::width(&before) - shift.min(text::width(&before))) as u16;
    if typed.text().is_empty() {
        put(
            buffer,
            area.x + 1,
            area.y,
            &text::cut(placeholder, room - 1, look.glyphs.cut),
            look.style(Role::Placeholder),
        );
    }
    if let Some(cell) = buffer.cell_mut((cursor, area.y)) {
        if cell.symbol() == " " {
            cell.set_symbol(look.glyphs.cursor);
        }
        cell.set_style(look.style(Role::InputCursor));
    }
}
