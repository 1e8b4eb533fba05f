//! The menu of actions: what can be done with a row, each with its key.

use crate::config::keymap::CommandId;

/// The menu.
#[derive(Debug)]
pub struct Menu {
    /// What it is about: `deployment/payment`, `3 pods`.
    pub about: String,
    /// The actions, in the order of the registry.
    pub items: Vec<MenuItem>,
    /// The chosen one.
    pub selected: usize,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuItem {
    /// Its command.
    pub id: CommandId,
    /// What it does, in a word or two.
    pub label: &'static str,
    /// The same in a sentence.
    pub doc: &'static str,
    /// Its key, as written on screen.
    pub key: Option<String>,
}

impl Menu {
    /// A menu with the first action chosen.
    pub const fn new(about: String, items: Vec<MenuItem>) -> Self {
        Self { about, items, selected: 0 }
    }

    /// The next (`true`) or previous one, going round.
    pub fn step(&mut self, forward: bool) {
        let count = self.items.len().max(1);
        self.selected = if forward { self.selected + 1 } else { self.selected + count - 1 } % count;
    }

    /// The chosen action.
    pub fn chosen(&self) -> Option<&MenuItem> {
        self.items.get(self.selected)
    }
}
