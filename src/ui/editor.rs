//! Several lines being written, in a box over the panes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::frame::put;
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::state::editor::Editor;

/// What stands around the text.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What is written.
    pub title: &'a str,
    /// To whom it goes.
    pub right: &'a str,
    /// What the key that ends it does.
    pub sends: &'a str,
    /// Why it was not taken.
    pub notice: Option<&'a str>,
}

/// Draws the box.
pub fn render(look: &Look<'_>, editor: &Editor, frame: Frame<'_>, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4).min(96);
    let height = area.height.saturating_sub(2).min(24);
    let inner = overlay::open(look, area, (width, height), frame.title, frame.right, buffer);
    let below = if frame.notice.is_some() { 2 } else { 1 };
    let place = Rect {
        x: inner.x + 1,
        y: inner.y,
        width: inner.width.saturating_sub(2),
        height: inner.height.saturating_sub(below + 1),
    };
    let mut area = editor.area().clone();
    area.set_style(look.style(Role::Input));
    area.set_cursor_style(look.style(Role::InputCursor));
    (&area).render(place, buffer);
    let last = inner.bottom().saturating_sub(1);
    if let Some(why) = frame.notice {
        let why = text::cut(why, usize::from(place.width), look.glyphs.cut);
        put(buffer, place.x, last.saturating_sub(1), &why, look.style(Role::Warning));
    }
    let hint = |id: &str, label: &str| footer::Hint { key: look.key_of(id), label: label.to_owned() };
    let hints = [hint("confirm", frame.sends), hint("cancel", "close, nothing is sent")];
    footer::keys(look, &hints, Rect { y: last, height: 1, ..inner }, buffer);
}
