//! The menu of actions: what can be done with a row, each with its key, or why it cannot.

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
    /// Why it cannot be done here; `None` when it can.
    pub why_not: Option<String>,
}

impl Menu {
    /// A menu with the first action that can be done chosen.
    pub fn new(about: String, items: Vec<MenuItem>) -> Self {
        let selected = items.iter().position(|item| item.why_not.is_none()).unwrap_or(0);
        Self { about, items, selected }
    }

    /// The next (`true`) or previous one that can be done, going round.
    pub fn step(&mut self, forward: bool) {
        let count = self.items.len();
        for steps in 1..=count {
            let at = if forward { self.selected + steps } else { self.selected + count - steps } % count;
            if self.items[at].why_not.is_none() {
                self.selected = at;
                return;
            }
        }
    }

    /// The chosen action.
    pub fn chosen(&self) -> Option<&MenuItem> {
        self.items.get(self.selected)
    }
}
