//! Keys and the commands that they stand for, per scope; sequences such as `g g`.
//!
//! Key types are our own: nothing below `runtime` knows the terminal library. Commands are ids that the caller lists;
//! a binding to anything else is an error with a suggestion.

mod file;
mod key;

use std::collections::{BTreeMap, BTreeSet};

pub(in crate::config) use file::unknown_name;
pub use key::{Key, KeyCode, Modifiers, spell};

/// A command, by its id (`focus`).
pub type CommandId = &'static str;

/// Where a binding holds. Each has a section of its own in keymap files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everywhere but in dialogs and text entry.
    Global,
    /// The alerts pane.
    Alerts,
    /// The error budget pane.
    Slo,
    /// The rollouts pane.
    Rollouts,
    /// The pods pane.
    Pods,
    /// The logs pane.
    Logs,
    /// The nodes pane.
    Nodes,
    /// The flags pane.
    Flags,
    /// A plan on screen, and other boxes that ask something.
    Dialog,
    /// A runbook that is open.
    Runbook,
    /// An incident that is open.
    Incident,
    /// Lists to pick from, beside a line of text: palette, contexts, revisions.
    Picker,
    /// A line of text being typed: filter, confirmation, reason.
    Input,
    /// Several lines of text being written: an update.
    Text,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Global,
        Self::Alerts,
        Self::Slo,
        Self::Rollouts,
        Self::Pods,
        Self::Logs,
        Self::Nodes,
        Self::Flags,
        Self::Dialog,
        Self::Runbook,
        Self::Incident,
        Self::Picker,
        Self::Input,
        Self::Text,
    ];

    /// The section's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Alerts => "alerts",
            Self::Slo => "slo",
            Self::Rollouts => "rollouts",
            Self::Pods => "pods",
            Self::Logs => "logs",
            Self::Nodes => "nodes",
            Self::Flags => "flags",
            Self::Dialog => "dialog",
            Self::Runbook => "runbook",
            Self::Incident => "incident",
            Self::Picker => "picker",
            Self::Input => "input",
            Self::Text => "text",
        }
    }

    /// Where it holds, in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Global => "everywhere",
            Self::Alerts => "in the alerts pane",
            Self::Slo => "in the error budget pane",
            Self::Rollouts => "in the rollouts pane",
            Self::Pods => "in the pods pane",
            Self::Logs => "in the logs pane",
            Self::Nodes => "in the nodes pane",
            Self::Flags => "in the flags pane",
            Self::Dialog => "in a plan or question",
            Self::Runbook => "in a runbook",
            Self::Incident => "in an incident",
            Self::Picker => "in a list to pick from",
            Self::Input => "while typing",
            Self::Text => "while writing several lines",
        }
    }
}

/// One binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Where it holds.
    pub scope: Scope,
    /// One key, or several in turn.
    pub keys: Vec<Key>,
    /// What they stand for.
    pub command: CommandId,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This command.
    Command(CommandId),
    /// A sequence that wants more keys.
    Pending,
    /// Nothing; pending keys are void.
    None,
}

/// All bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of files: the user's first, so that what the user bound is what help and footer show.
    bindings: Vec<Binding>,
    index: BTreeMap<Scope, BTreeMap<Vec<Key>, CommandId>>,
    prefixes: BTreeSet<(Scope, Vec<Key>)>,
}

impl Keymap {
    /// Makes a keymap from bindings, first one first.
    fn new(bindings: Vec<Binding>) -> Self {
        let mut keymap = Self::default();
        for binding in &bindings {
            for length in 1..binding.keys.len() {
                keymap.prefixes.insert((binding.scope, binding.keys[..length].to_vec()));
            }
            keymap.index.entry(binding.scope).or_default().insert(binding.keys.clone(), binding.command);
        }
        keymap.bindings = bindings;
        keymap
    }

    /// What `key` leads to after the `pending` ones, in the first of `scopes` (innermost first) that knows it.
    pub fn step(&self, scopes: &[Scope], pending: &[Key], key: Key) -> Step {
        let mut keys = pending.to_vec();
        keys.push(key);
        for scope in scopes {
            if let Some(command) = self.index.get(scope).and_then(|bindings| bindings.get(&keys)) {
                return Step::Command(command);
            }
            if self.prefixes.contains(&(*scope, keys.clone())) {
                return Step::Pending;
            }
        }
        Step::None
    }

    /// The keys that lead to `command` in a stack of scopes (innermost first), the preferred first; keys that an inner
    /// scope takes for something else are left out.
    pub fn keys_for(&self, command: &str, scopes: &[Scope]) -> Vec<&[Key]> {
        let mut found = Vec::new();
        for scope in scopes {
            for binding in self.bindings.iter().filter(|b| b.scope == *scope && b.command == command) {
                if self.leads_to(scopes, &binding.keys) == Some(command) && !found.contains(&&binding.keys[..]) {
                    found.push(&binding.keys[..]);
                }
            }
        }
        found
    }

    /// What typing `keys` from the first to the last one comes to.
    fn leads_to(&self, scopes: &[Scope], keys: &[Key]) -> Option<CommandId> {
        for at in 0..keys.len() {
            match self.step(scopes, &keys[..at], keys[at]) {
                Step::Command(command) => return (at + 1 == keys.len()).then_some(command),
                Step::Pending => {}
                Step::None => return None,
            }
        }
        None
    }

    /// What can follow the `pending` keys, for a hint on screen: the rest of the sequence and its command.
    pub fn continuations(&self, scopes: &[Scope], pending: &[Key]) -> Vec<(&[Key], CommandId)> {
        scopes
            .iter()
            .flat_map(|scope| self.bindings.iter().filter(move |binding| binding.scope == *scope))
            .filter_map(|binding| Some((binding.keys.strip_prefix(pending)?, binding.command)))
            .filter(|(rest, _)| !rest.is_empty())
            .collect()
    }

    /// All bindings, the user's first, then in the order of the file.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }
}
