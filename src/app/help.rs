//! Help: every command with its keys, from the registry and the keymap; what works where help was asked for comes first.

use ratatui::text::{Line, Span};

use super::{App, commands};
use crate::config::keymap::{Scope, spell};
use crate::config::theme::Role;
use crate::state::session::Overlay;
use crate::ui::text;

impl App {
    /// The lines of help.
    pub(super) fn help_lines(&self, width: usize) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        let beneath = self.session.overlays.iter().rev().find(|overlay| !matches!(overlay, Overlay::Help { .. }));
        let here = self.scopes_over(beneath);
        let elsewhere = Scope::ALL.into_iter().filter(|scope| !here.contains(scope));
        for scope in here.iter().copied().chain(elsewhere) {
            let of_scope: Vec<_> = commands().iter().filter(|command| command.scope == scope).collect();
            if of_scope.is_empty() {
                continue;
            }
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.push(Line::styled(scope.describe(), self.theme.style(Role::Title)));
            for command in of_scope {
                let keys: Vec<String> =
                    self.keymap.keys_for(command.id, &[scope]).iter().take(3).map(|keys| spell(keys)).collect();
                let keys = if keys.is_empty() { format!(":{}", command.id) } else { keys.join("  ") };
                let mut doc = command.doc.to_owned();
                if let (true, Some(why)) = (command.mutates, &self.guard.read_only) {
                    doc = format!("{doc} (not here: {why})");
                }
                let room = width.saturating_sub(40);
                lines.push(Line::from(vec![
                    Span::styled(format!("  {}", text::left(&keys, 18, self.glyphs.cut)), self.theme.style(Role::Key)),
                    Span::styled(text::left(command.id, 18, self.glyphs.cut), self.theme.style(Role::KeyLabel)),
                    Span::styled(text::cut(&doc, room, self.glyphs.cut), self.theme.style(Role::Text)),
                ]));
            }
        }
        lines
    }
}
