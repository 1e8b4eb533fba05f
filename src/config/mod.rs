//! What the user said: settings, keymap, theme, guardrails, each from files in layers, with errors that point at the
//! line.
//!
//! Two stages, kept apart: [`settings`] is what a file may say (its doc comments are the schema and the reference),
//! [`Config`] is what it means once all layers are merged. Defaults are files too: `defaults.toml`, `keymaps/`,
//! `themes/` are embedded and go through the same loader as the user's.
//!
//! Deliberately absent: running secret commands and reading secret files ([`secret`] only names them), a clock, and
//! any knowledge of panes: the keymap gets the list of commands from its caller.

mod check;
pub mod context;
pub mod diagnostic;
pub mod dirs;
mod document;
pub mod environment;
mod freeze;
pub mod guardrail;
pub mod incidents;
pub mod keymap;
mod layers;
mod reference;
pub mod schema;
pub mod secret;
pub mod settings;
pub mod severity;
mod texts;
pub mod theme;
mod values;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub use context::{Alertmanager, Confirm, ContextSettings, FlagSource, Http, Prometheus};
pub use diagnostic::{ConfigError, Diagnostic, Origin};
pub use dirs::Dirs;
pub use guardrail::{ActionName, Rules};
pub use layers::{LoadOptions, Loaded, Override, Said, load};
pub use reference::reference;
pub use secret::SecretSource;
pub use settings::Settings;
pub use severity::SeverityMap;

use crate::domain::slo::Objective;
use crate::domain::time::Instant;

/// A configuration file with every setting, explained and commented out: what `config init` writes.
pub const SAMPLE: &str = include_str!("sample.toml");

/// Everything that [`load`] checks, and the content of the theme and the keymap that it names: what `config check`
/// does. `commands` are those that keys may stand for.
pub fn check(options: &LoadOptions, commands: &[keymap::CommandId]) -> Result<Loaded, ConfigError> {
    let loaded = load(options)?;
    let ui = &loaded.config.settings.ui;
    let theme = theme::Theme::load(&ui.theme, &options.dirs, theme::ColourDepth::True).err();
    let keymap = keymap::Keymap::load(&ui.keymap, &options.dirs, commands).err();
    let found = [theme, keymap].into_iter().flatten().flat_map(|error| error.diagnostics).collect();
    ConfigError::check(found)?;
    Ok(loaded)
}

/// All settings, merged and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The settings as written, merged over the built-in defaults.
    pub settings: Settings,
    /// Which `severity` label means what.
    pub severity: SeverityMap,
    /// The declared objectives.
    pub objectives: Vec<Arc<Objective>>,
    /// Patterns of `[contexts]` that only the built-in defaults speak of: guesses, which yield to anything said.
    guesses: BTreeSet<String>,
    /// Where each `[[guardrail]]` was said.
    guardrail_places: Vec<String>,
}

impl Config {
    /// What holds in a kubeconfig context: every `[contexts."GLOB"]` that matches it, the most specific last, over the
    /// top-level `[prometheus]` and `[alertmanager]`. The built-in guesses (`*prod*` is production) lie below them all.
    pub fn context(&self, name: &str) -> ContextSettings {
        context::resolve(&self.settings, &self.guesses, name)
    }

    /// What the guardrails say of an action (by its word, `rollback`) on an object of this namespace (`None`: the object
    /// is in none, as nodes are) at this instant: `[contexts]` and every `[[guardrail]]` that matches, the strictest.
    pub fn guardrails_for(&self, context: &str, namespace: Option<&str>, action: &str, now: Instant) -> Rules {
        guardrail::resolve(&self.context(context), self.guardrails_in(context), namespace, action, now)
    }

    /// The guardrails of a context, each with its place, in the order of layers and lines.
    pub fn guardrails_in(&self, context: &str) -> impl Iterator<Item = (&guardrail::Guardrail, &str)> {
        let all = self.settings.guardrail.iter().zip(&self.guardrail_places);
        all.filter(move |(guardrail, _)| guardrail.is_in(context)).map(|(guardrail, place)| (guardrail, &**place))
    }

    /// Where the audit log is kept: `[audit] directory`, else `audit` in the state directory; `None` without either.
    pub fn audit_directory(&self, dirs: &Dirs) -> Option<PathBuf> {
        self.settings.audit.directory.clone().or_else(|| Some(dirs.state.as_ref()?.join("audit")))
    }

    /// Where incidents are kept: `[incidents] directory`, else `incidents` in the state directory; `None` without either.
    pub fn incident_directory(&self, dirs: &Dirs) -> Option<PathBuf> {
        self.settings.incidents.directory.clone().or_else(|| Some(dirs.state.as_ref()?.join("incidents")))
    }

    /// The built-in defaults alone: what holds without any file.
    pub fn built_in() -> Result<Self, ConfigError> {
        load(&LoadOptions::default()).map(|loaded| loaded.config)
    }
}
