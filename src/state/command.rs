//! What a command is: an id that keymaps bind, and what help, footer and palette say of it. The lists themselves stand
//! with the panes.

use crate::config::keymap::{CommandId, Scope};

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandInfo {
    /// Id in keymaps and in the palette.
    pub id: CommandId,
    /// One word or two, for the footer.
    pub label: &'static str,
    /// One sentence, for help and palette.
    pub doc: &'static str,
    /// Where it works.
    pub scope: Scope,
    /// It alters the world: not offered where nothing may be altered.
    pub mutates: bool,
    /// Place in the footer, the lowest first; 0 keeps it out.
    pub footer: u8,
}

impl CommandInfo {
    /// A command that is in help and palette only.
    pub const fn new(id: CommandId, label: &'static str, scope: Scope, doc: &'static str) -> Self {
        Self { id, label, doc, scope, mutates: false, footer: 0 }
    }

    /// Puts it into the footer.
    #[must_use]
    pub const fn in_footer(mut self, place: u8) -> Self {
        self.footer = place;
        self
    }

    /// Says that it alters the world.
    #[must_use]
    pub const fn mutating(mut self) -> Self {
        self.mutates = true;
        self
    }
}
