//! What stands on the screen around and inside the panes: layout, header, footer, boxes, text that fits. Draws what it
//! is given and decides nothing.

pub mod audit;
pub mod columns;
pub mod document;
pub mod editor;
pub mod footer;
pub mod form;
pub mod frame;
pub mod glyphs;
pub mod header;
pub mod incident;
pub mod layout;
pub mod menu;
pub mod overlay;
pub mod picker;
pub mod plan;
pub mod proof;
pub mod runbook;
pub mod source;
pub mod text;

use ratatui::style::Style;

use crate::config::theme::{Role, Theme};
use crate::domain::time::Instant;
use crate::state::context::ContextInfo;
use crate::state::pane::PaneId;
use crate::state::session::Session;
use crate::state::world::World;
use glyphs::Glyphs;

/// Everything that drawing may look at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The world.
    pub world: &'a World,
    /// The session.
    pub session: &'a Session,
    /// The context.
    pub context: &'a ContextInfo,
    /// Styles.
    pub theme: &'a Theme,
    /// Characters.
    pub glyphs: &'a Glyphs,
    /// The runbook's text, laid out.
    pub sheets: &'a runbook::Sheets,
    /// The incident's timeline, laid out.
    pub timelines: &'a incident::Timelines,
    /// The time.
    pub now: Instant,
    /// May actions be offered?
    pub offers_actions: bool,
    /// The key of a command as it is written on screen, where it has one.
    pub key: &'a dyn Fn(&str) -> Option<String>,
}

impl Look<'_> {
    /// Style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Does the pane have the keys?
    pub fn is_active(&self, pane: PaneId) -> bool {
        self.session.active == pane
    }

    /// The key of a command, or its id where it has none (`:rollback`).
    pub fn key_of(&self, command: &str) -> String {
        (self.key)(command).unwrap_or_else(|| format!(":{command}"))
    }
}

impl std::fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look").field("now", &self.now).finish_non_exhaustive()
    }
}
