//! Several lines of text being written, with the editing keys of `tui-textarea`; lines are wrapped, not cut.

use tui_textarea::{Input as Event, Key as Code, TextArea, WrapMode};

use crate::config::keymap::{Key, KeyCode};

/// A text with a cursor.
#[derive(Clone, Debug)]
pub struct Editor {
    area: TextArea<'static>,
}

impl Editor {
    /// A text, the cursor at its beginning: a draft is read before it is changed.
    pub fn with(text: &str) -> Self {
        let mut area = TextArea::new(text.lines().map(str::to_owned).collect());
        area.set_wrap_mode(WrapMode::Word);
        area.set_cursor_line_style(ratatui::style::Style::default());
        Self { area }
    }

    /// The text, its lines joined.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// What draws it.
    pub const fn area(&self) -> &TextArea<'static> {
        &self.area
    }

    /// Takes a key; was it one that edits or moves?
    pub fn key(&mut self, key: Key) -> bool {
        let code = match key.code {
            KeyCode::Char(c) => Code::Char(c),
            KeyCode::Enter => Code::Enter,
            KeyCode::Backspace => Code::Backspace,
            KeyCode::Delete => Code::Delete,
            KeyCode::Left => Code::Left,
            KeyCode::Right => Code::Right,
            KeyCode::Up => Code::Up,
            KeyCode::Down => Code::Down,
            KeyCode::Home => Code::Home,
            KeyCode::End => Code::End,
            KeyCode::PageUp => Code::PageUp,
            KeyCode::PageDown => Code::PageDown,
            _ => return false,
        };
        let (ctrl, alt, shift) = (key.modifiers.ctrl, key.modifiers.alt, key.modifiers.shift);
        self.area.input(Event { key: code, ctrl, alt, shift });
        true
    }

    /// Takes pasted text with its lines.
    pub fn paste(&mut self, text: &str) {
        self.area.insert_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_pasted_and_joined() {
        let mut editor = Editor::with("one\ntwo");
        editor.key(Key::char('a'));
        editor.key(Key::plain(KeyCode::Backspace));
        editor.key(Key::plain(KeyCode::Down));
        editor.key(Key::plain(KeyCode::End));
        editor.key(Key::plain(KeyCode::Enter));
        editor.key(Key::char('x'));
        editor.paste("y\nz");
        assert_eq!(editor.text(), "one\ntwo\nxy\nz");
        editor.key(Key::plain(KeyCode::Up));
        editor.key(Key::plain(KeyCode::Home));
        editor.key(Key::plain(KeyCode::Delete));
        assert_eq!(editor.text(), "one\ntwo\ny\nz");
        assert!(!editor.key(Key::plain(KeyCode::Esc)));
    }
}
