//! One line of text being typed, with the editing keys of `tui-textarea`.

use tui_textarea::{CursorMove, Input as Event, Key as Code, TextArea};

use crate::config::keymap::{Key, KeyCode};

/// A line of text with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Input {
    area: TextArea<'static>,
}

impl Input {
    /// A line with text in it, the cursor at its end.
    pub fn with(text: &str) -> Self {
        let mut area = TextArea::new(vec![text.replace(['\n', '\r'], " ")]);
        area.move_cursor(CursorMove::End);
        Self { area }
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    /// Characters before the cursor.
    pub fn cursor(&self) -> usize {
        self.area.cursor().1
    }

    /// Takes a key; was the text changed? Keys that would break the line are not taken.
    pub fn key(&mut self, key: Key) -> bool {
        let code = match key.code {
            KeyCode::Char(c) => Code::Char(c),
            KeyCode::Backspace => Code::Backspace,
            KeyCode::Delete => Code::Delete,
            KeyCode::Left => Code::Left,
            KeyCode::Right => Code::Right,
            KeyCode::Home => Code::Home,
            KeyCode::End => Code::End,
            _ => return false,
        };
        // Control-m and control-j mean a new line to the editor.
        if key.modifiers.ctrl && matches!(code, Code::Char('m' | 'j')) {
            return false;
        }
        let before = self.text().to_owned();
        self.area.input(Event {
            key: code,
            ctrl: key.modifiers.ctrl,
            alt: key.modifiers.alt,
            shift: key.modifiers.shift,
        });
        self.text() != before
    }

    /// Takes pasted text, as one line.
    pub fn paste(&mut self, text: &str) {
        self.area.insert_str(text.trim().replace(['\n', '\r', '\t'], " "));
    }
}
