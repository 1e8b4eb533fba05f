//! The terminal's events as the app's messages.

use std::time::{Duration, Instant};

use crossterm::event::{
    Event, KeyCode as TerminalKey, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use crate::config::keymap::{Key, KeyCode, Modifiers};
use crate::state::message::{Message, Mouse, MouseKind};

/// Two presses on one cell within this time are a double press.
const DOUBLE_PRESS: Duration = Duration::from_millis(400);

/// Translates events; remembers the last press to know a double one.
#[derive(Debug, Default)]
pub struct Input {
    last_press: Option<(Instant, u16, u16)>,
}

impl Input {
    /// The message of an event; `None` for those that mean nothing to the app (key releases, focus).
    pub fn translate(&mut self, event: Event, at: Instant) -> Option<Message> {
        match event {
            Event::Key(key) => translate_key(key).map(Message::Key),
            Event::Paste(text) => Some(Message::Paste(text)),
            Event::Resize(width, height) => Some(Message::Resize(width, height)),
            Event::Mouse(mouse) => self.translate_mouse(mouse, at).map(Message::Mouse),
            Event::FocusGained | Event::FocusLost => None,
        }
    }

    fn translate_mouse(&mut self, mouse: MouseEvent, at: Instant) -> Option<Mouse> {
        let (column, row) = (mouse.column, mouse.row);
        let kind = match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                let double = self
                    .last_press
                    .take()
                    .is_some_and(|(last, x, y)| (x, y) == (column, row) && at.duration_since(last) < DOUBLE_PRESS);
                if double {
                    MouseKind::DoublePress
                } else {
                    self.last_press = Some((at, column, row));
                    MouseKind::Press
                }
            }
            MouseEventKind::ScrollUp => MouseKind::WheelUp,
            MouseEventKind::ScrollDown => MouseKind::WheelDown,
            _ => return None,
        };
        Some(Mouse { kind, column, row })
    }
}

fn translate_key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let mut modifiers = Modifiers {
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        alt: event.modifiers.contains(KeyModifiers::ALT),
        shift: event.modifiers.contains(KeyModifiers::SHIFT),
    };
    let code = match event.code {
        TerminalKey::Char(c) => KeyCode::Char(c),
        TerminalKey::Enter => KeyCode::Enter,
        TerminalKey::Esc => KeyCode::Esc,
        TerminalKey::Tab => KeyCode::Tab,
        TerminalKey::BackTab => {
            modifiers.shift = true;
            KeyCode::Tab
        }
        TerminalKey::Backspace => KeyCode::Backspace,
        TerminalKey::Delete => KeyCode::Delete,
        TerminalKey::Insert => KeyCode::Insert,
        TerminalKey::Up => KeyCode::Up,
        TerminalKey::Down => KeyCode::Down,
        TerminalKey::Left => KeyCode::Left,
        TerminalKey::Right => KeyCode::Right,
        TerminalKey::Home => KeyCode::Home,
        TerminalKey::End => KeyCode::End,
        TerminalKey::PageUp => KeyCode::PageUp,
        TerminalKey::PageDown => KeyCode::PageDown,
        TerminalKey::F(number) => KeyCode::F(number),
        _ => return None,
    };
    Some(Key::new(code, modifiers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, at: Instant) -> Option<MouseKind> {
        let event = MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: 3,
            row: 4,
            modifiers: KeyModifiers::NONE,
        };
        match input.translate(Event::Mouse(event), at) {
            Some(Message::Mouse(mouse)) => Some(mouse.kind),
            _ => None,
        }
    }

    #[test]
    fn two_quick_presses_are_a_double_press_and_three_are_not_two() {
        let (mut input, start) = (Input::default(), Instant::now());
        assert_eq!(press(&mut input, start), Some(MouseKind::Press));
        assert_eq!(press(&mut input, start + DOUBLE_PRESS / 2), Some(MouseKind::DoublePress));
        assert_eq!(press(&mut input, start + DOUBLE_PRESS * 3 / 4), Some(MouseKind::Press));
        assert_eq!(press(&mut input, start + DOUBLE_PRESS * 3), Some(MouseKind::Press));
    }

    #[test]
    fn back_tab_is_shift_tab_and_releases_are_nothing() {
        let event = KeyEvent::new(TerminalKey::BackTab, KeyModifiers::SHIFT);
        assert_eq!(translate_key(event), Some(Key::new(KeyCode::Tab, Modifiers::SHIFT)));
        let release = KeyEvent::new_with_kind(TerminalKey::Enter, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(translate_key(release), None);
    }
}
