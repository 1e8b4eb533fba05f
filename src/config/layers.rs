//! The layers of the configuration, lowest first: built-in defaults, the machine's file, the user's file (or the one
//! that `--config` or `OPSDECK_CONFIG` names instead), environment variables, arguments.
//!
//! Each layer is checked by itself, so that a mistake is found also where a higher layer would hide it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{ConfigError, Diagnostic, Origin};
use super::document::{self, Node, Table, Value};
use super::theme::Theme;
use super::{Config, Dirs, Settings, SeverityMap, check, environment, keymap};
use crate::domain::slo::Objective;

/// The embedded defaults.
pub(super) const DEFAULTS: &str = include_str!("defaults.toml");

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `--config`: replaces the user's file. Must exist.
    pub explicit_file: Option<PathBuf>,
    /// Where files are.
    pub dirs: Dirs,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Arguments that set something.
    pub overrides: Vec<Override>,
}

/// An argument that sets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The setting (`ui.theme`).
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// The argument as the user knows it (`--theme`), for messages.
    pub argument: String,
}

/// What was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The files that were read, lowest layer first.
    pub files: Vec<PathBuf>,
    /// Every setting with the place that said it last, in key order.
    pub said: Vec<Said>,
    /// What will not do as it is written, and stops nothing.
    pub remarks: Vec<Diagnostic>,
}

/// One setting as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its key (`ui.theme`).
    pub key: String,
    /// Its value as TOML.
    pub value: String,
    /// What said it.
    pub origin: Origin,
    /// In which line.
    pub line: usize,
}

impl Loaded {
    /// Where a setting was said last.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.said.iter().find(|said| said.key == key).map(|said| &said.origin)
    }

    /// All settings as lines of text, each with where it was said: what `config show` prints.
    pub fn show(&self) -> String {
        let width = self.said.iter().map(|said| said.key.len() + said.value.len() + 3).max().unwrap_or(0).min(60);
        self.said
            .iter()
            .map(|Said { key, value, origin, line }| {
                let setting = format!("{key} = {value}");
                match origin {
                    Origin::File(_) => format!("{setting:width$}  # {origin}:{line}\n"),
                    _ => format!("{setting:width$}  # {origin}\n"),
                }
            })
            .collect()
    }
}

/// Loads all layers, checks each and merges them.
pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigError> {
    let mut stack = Stack::default();
    stack.lay(Origin::BuiltIn("defaults"), DEFAULTS.to_owned());
    if let Some(path) = options.dirs.system_file() {
        stack.file(&path, false);
    }
    let named = options.env.get("OPSDECK_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = options.explicit_file.clone().or(named) {
        stack.file(&path, true);
    } else if let Some(path) = options.dirs.user_file() {
        stack.file(&path, false);
    }
    stack.check_and_merge(environment::from_variables(&options.env));
    stack.check_and_merge(environment::from_arguments(&options.overrides));
    stack.names(&options.dirs);
    ConfigError::check(stack.diagnostics)?;

    let home = options.env.get("HOME").map(PathBuf::from);
    expand_home(&mut stack.merged, home.as_deref());
    let mut leaves = Vec::new();
    document::leaves(&stack.merged, "", &mut leaves);
    let said = leaves
        .into_iter()
        .map(|(key, node)| Said {
            key,
            value: document::plain_value(&node.value).to_string(),
            origin: node.place.source.origin.clone(),
            line: node.place.position().0,
        })
        .collect();
    Ok(Loaded {
        config: build(&stack.merged, guesses(&stack.merged))?,
        files: stack.files,
        said,
        remarks: stack.remarks,
    })
}

/// The layers so far, and all that was wrong with them.
#[derive(Default)]
struct Stack {
    merged: Table,
    files: Vec<PathBuf>,
    diagnostics: Vec<Diagnostic>,
    remarks: Vec<Diagnostic>,
}

impl Stack {
    fn file(&mut self, path: &Path, must_exist: bool) {
        match read_if_there(path) {
            Ok(Some(text)) => {
                self.files.push(path.to_owned());
                self.lay(Origin::File(path.to_owned()), text);
            }
            Ok(None) if must_exist => {
                let error = ConfigError::file(Origin::File(path.to_owned()), "there is no such file");
                self.diagnostics.extend(error.diagnostics);
            }
            Ok(None) => {}
            Err(error) => self.diagnostics.extend(error.diagnostics),
        }
    }

    fn lay(&mut self, origin: Origin, text: String) {
        match document::parse(origin, text) {
            Ok(table) => self.check_and_merge(table),
            Err(error) => self.diagnostics.extend(error.diagnostics),
        }
    }

    fn check_and_merge(&mut self, table: Table) {
        self.diagnostics.extend(check::check(&table));
        self.remarks.extend(check::remarks(&table));
        document::merge(&mut self.merged, table);
    }

    /// Are there a theme and a keymap of these names? Their content is checked when they are loaded.
    fn names(&mut self, dirs: &Dirs) {
        let Some((_, Node { value: Value::Table(ui), .. })) = self.merged.get("ui") else { return };
        for (kind, known) in [("theme", Theme::names(dirs)), ("keymap", keymap::Keymap::names(dirs))] {
            let Some((_, Node { value: Value::Text(name), place })) = ui.get(kind) else { continue };
            if !known.contains(name) {
                let message = format!("there is no {kind} `{name}`");
                let diagnostic = Diagnostic::new(place, format!("ui.{kind}"), message).accepts(name, &known);
                let file = dirs.config.as_deref().unwrap_or_else(|| Path::new("~/.config/opsdeck"));
                let file = file.join(format!("{kind}s"));
                self.diagnostics.push(diagnostic.hint(format!("your own are looked for in {}", file.display())));
            }
        }
    }
}

/// A file's text, or `None` when there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, ConfigError> {
    let fail = |message: String| Err(ConfigError::file(Origin::File(path.to_owned()), message));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => fail("is not UTF-8 text".to_owned()),
        Err(error) => fail(format!("cannot be read: {error}")),
    }
}

/// The keys that hold paths.
const PATHS: [&str; 5] = ["ca-file", "directory", "directories", "file", "trusted"];
/// The tables whose values are paths, whatever their keys.
const PATHS_BY_KEY: [&str; 1] = ["pages"];

fn expand_home(table: &mut Table, home: Option<&Path>) {
    for (key, (_, node)) in table {
        let is_path = PATHS.contains(&key.as_str());
        match &mut node.value {
            Value::Table(inner) if PATHS_BY_KEY.contains(&key.as_str()) => {
                for (_, node) in inner.values_mut() {
                    expand(node, home);
                }
            }
            Value::Table(inner) => expand_home(inner, home),
            Value::Array(items) => {
                for item in items {
                    match &mut item.value {
                        Value::Table(inner) => expand_home(inner, home),
                        _ if is_path => expand(item, home),
                        _ => {}
                    }
                }
            }
            Value::Text(_) if is_path => expand(node, home),
            _ => {}
        }
    }
}

/// `~/` at the beginning of a path.
fn expand(node: &mut Node, home: Option<&Path>) {
    if let Value::Text(text) = &mut node.value
        && let (Some(rest), Some(home)) = (text.strip_prefix("~/"), home)
    {
        *text = home.join(rest).to_string_lossy().into_owned();
    }
}

/// The patterns of `[contexts]` that no file of the user speaks of.
fn guesses(merged: &Table) -> BTreeSet<String> {
    let Some((_, Node { value: Value::Table(contexts), .. })) = merged.get("contexts") else { return BTreeSet::new() };
    let built_in = |node: &Node| {
        let mut leaves = Vec::new();
        if let Value::Table(table) = &node.value {
            document::leaves(table, "", &mut leaves);
        }
        leaves.iter().all(|(_, leaf)| matches!(leaf.place.source.origin, Origin::BuiltIn(_)))
    };
    contexts.iter().filter(|(_, (_, node))| built_in(node)).map(|(pattern, _)| pattern.clone()).collect()
}

/// Where each guardrail stands, in the order of the settings.
fn guardrail_places(merged: &Table) -> Vec<String> {
    let Some((_, Node { value: Value::Array(items), .. })) = merged.get(document::GUARDRAIL) else { return Vec::new() };
    items.iter().map(|item| format!("{} line {}", item.place.source.origin, item.place.position().0)).collect()
}

fn build(merged: &Table, guesses: BTreeSet<String>) -> Result<Config, ConfigError> {
    // The checks leave nothing for serde to find; what it finds all the same is said, not hidden.
    let settings: Settings = document::plain(merged)
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::file(Origin::BuiltIn("defaults"), error.message()))?;
    let objectives = settings
        .slo
        .iter()
        .map(|slo| {
            Arc::new(Objective {
                name: slo.name.as_str().into(),
                service: slo.service.as_str().into(),
                namespace: slo.namespace.as_deref().map(Into::into),
                target: slo.target / 100.0,
                period: slo.window.as_secs(),
                errors: slo.errors.as_str().into(),
                total: slo.total.as_str().into(),
            })
        })
        .collect();
    let severity = SeverityMap::new(&settings.severity);
    Ok(Config { severity, objectives, guardrail_places: guardrail_places(merged), settings, guesses })
}
