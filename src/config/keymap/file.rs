//! Reading keymap files: the embedded default, and the user's laid over it.

use std::collections::BTreeMap;

use super::{Binding, CommandId, Key, Keymap, Scope, spell};
use crate::config::diagnostic::{ConfigError, Diagnostic, Origin, Place};
use crate::config::dirs::Dirs;
use crate::config::document::{self, Node, Table, Value};
use crate::config::layers::read_if_there;

/// The embedded default.
const DEFAULT: &str = include_str!("../../../keymaps/default.toml");

/// What a user's file binds to take a default binding away.
const NOTHING: &str = "nothing";

impl Keymap {
    /// The embedded default.
    pub fn built_in(commands: &[CommandId]) -> Result<Self, ConfigError> {
        Self::parse_over(Origin::BuiltIn("keymap default"), DEFAULT, None, commands)
    }

    /// The keymap of a name: `default`, or `keymaps/NAME.toml` in the configuration directories, laid over the default.
    /// A user's `default.toml` is laid over the embedded one.
    pub fn load(name: &str, dirs: &Dirs, commands: &[CommandId]) -> Result<Self, ConfigError> {
        for path in dirs.named("keymaps", name) {
            if let Some(text) = read_if_there(&path)? {
                return Self::parse(Origin::File(path), &text, commands);
            }
        }
        if name == "default" {
            return Self::built_in(commands);
        }
        Err(unknown_name("keymap", name, &Self::names(dirs), dirs))
    }

    /// The names of all keymaps.
    pub fn names(dirs: &Dirs) -> Vec<String> {
        let own = dirs.names("keymaps").into_iter().filter(|name| name != "default");
        std::iter::once("default".to_owned()).chain(own).collect()
    }

    /// A user's file, laid over the default.
    pub fn parse(origin: Origin, text: &str, commands: &[CommandId]) -> Result<Self, ConfigError> {
        Self::parse_over(origin, text, Some(&Self::built_in(commands)?), commands)
    }

    fn parse_over(
        origin: Origin,
        text: &str,
        base: Option<&Self>,
        commands: &[CommandId],
    ) -> Result<Self, ConfigError> {
        let table = document::parse(origin, text.to_owned())?;
        let mut reader = Reader { commands, may_unbind: base.is_some(), ..Reader::default() };
        reader.file(&table);
        reader.shadowed();
        ConfigError::check(reader.diagnostics)?;
        let said = reader.said;
        let inherited = base.map_or(&[][..], Keymap::bindings).iter().filter(|binding| {
            // What the file says about a key, or about a sequence that begins with it or that it begins, holds alone.
            !said.iter().any(|(place, _)| {
                place.0 == binding.scope && (place.1.starts_with(&binding.keys) || binding.keys.starts_with(&place.1))
            })
        });
        let mut bindings: Vec<Binding> = reader.bindings.into_values().collect();
        bindings.extend(inherited.cloned());
        Ok(Self::new(bindings))
    }
}

/// There is no file of that name.
pub(in crate::config) fn unknown_name(kind: &str, name: &str, known: &[String], dirs: &Dirs) -> ConfigError {
    let origin = dirs.user_file().map_or_else(|| Origin::BuiltIn("defaults"), Origin::File);
    let mut error = ConfigError::file(origin, format!("there is no {kind} `{name}`"));
    for diagnostic in &mut error.diagnostics {
        *diagnostic = diagnostic.clone().accepts(name, known);
        diagnostic.key = format!("ui.{kind}");
    }
    error
}

type Bound = (Scope, Vec<Key>);

#[derive(Default)]
struct Reader<'a> {
    commands: &'a [CommandId],
    may_unbind: bool,
    /// Everything that the file speaks of, also what it takes away.
    said: BTreeMap<Bound, Place>,
    /// By the place in the file, so that its order is kept.
    bindings: BTreeMap<usize, Binding>,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn file(&mut self, table: &Table) {
        let names = Scope::ALL.map(Scope::name);
        for (name, (place, node)) in table {
            let Some(scope) = Scope::ALL.into_iter().find(|scope| scope.name() == name) else {
                let message = format!("unknown scope `{name}`");
                self.diagnostics.push(Diagnostic::new(place, name, message).accepts(name, &names));
                continue;
            };
            let Value::Table(bindings) = &node.value else {
                let message = format!("expected a table of `\"key\" = \"command\"`, found {}", node.value.kind());
                self.diagnostics.push(Diagnostic::new(&node.place, name, message));
                continue;
            };
            for (keys, (place, command)) in bindings {
                self.binding(scope, keys, place, command);
            }
        }
    }

    fn binding(&mut self, scope: Scope, text: &str, place: &Place, command: &Node) {
        let setting = format!("{}.\"{text}\"", scope.name());
        let keys: Result<Vec<Key>, String> = text.split_whitespace().map(Key::parse).collect();
        let keys = match keys {
            Ok(keys) if keys.is_empty() => {
                self.diagnostics.push(Diagnostic::new(place, setting, "names no key"));
                return;
            }
            Ok(keys) => keys,
            Err(message) => {
                self.diagnostics.push(Diagnostic::new(place, setting, message));
                return;
            }
        };
        let Value::Text(name) = &command.value else {
            let message = format!("expected a command's name, found {}", command.value.kind());
            self.diagnostics.push(Diagnostic::new(&command.place, setting, message));
            return;
        };
        let bound = (scope, keys);
        if let Some(other) = self.said.get(&bound) {
            let message = format!("`{text}` is bound twice {}: also in line {}", scope.describe(), other.position().0);
            self.diagnostics.push(Diagnostic::new(place, setting, message));
            return;
        }
        self.said.insert(bound.clone(), place.clone());
        if self.may_unbind && name == NOTHING {
            return;
        }
        if let Some(command) = self.commands.iter().find(|known| *known == name) {
            self.bindings.insert(place.span.start, Binding { scope, keys: bound.1, command });
            return;
        }
        let message = format!("unknown command `{name}`");
        let mut diagnostic = Diagnostic::new(&command.place, setting, message).accepts(name, self.commands);
        diagnostic.hint = self.may_unbind.then(|| format!("\"{NOTHING}\" takes a default binding away"));
        self.diagnostics.push(diagnostic);
    }

    /// A key that is bound by itself would never let a longer sequence begin.
    fn shadowed(&mut self) {
        let said: Vec<(&Bound, &Place)> = self.said.iter().collect();
        for ((scope, keys), place) in &said {
            let shadow = said.iter().find(|((other_scope, other), _)| {
                other_scope == scope && other.len() < keys.len() && keys.starts_with(other)
            });
            if let Some(((_, shorter), other)) = shadow {
                let message = format!(
                    "`{}` can never be typed: `{}` is a command by itself in line {}",
                    spell(keys),
                    spell(shorter),
                    other.position().0
                );
                self.diagnostics.push(Diagnostic::new(place, format!("{}.\"{}\"", scope.name(), spell(keys)), message));
            }
        }
    }
}
