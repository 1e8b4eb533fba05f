//! What every subcommand starts from: configuration, keymap, theme, the lab if asked for, and the launch.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use super::Global;
use super::output::{Failure, error_line};
use crate::app::{App, AppSettings, command_ids};
use crate::config::keymap::Keymap;
use crate::config::theme::{ColourDepth, Theme};
use crate::config::{Config, ConfigError, Dirs, LoadOptions, Loaded, Override};
use crate::domain::cluster::NamespaceScope;
use crate::ports::feed::Fault;
use crate::runtime::clock::Clock;
use crate::runtime::demo::{Demo, DemoOptions};
use crate::runtime::incidents::IncidentHome;
use crate::runtime::journal::FileJournal;
use crate::runtime::runbooks::RunbookHome;
use crate::runtime::runbooks::find::places;
use crate::runtime::runbooks::store::RunStore;
use crate::runtime::settlement::settle_open;
use crate::runtime::wiring::{Connected, Launch, Place};
use crate::state::context::ContextInfo;

/// Everything that does not need the network.
pub struct Start {
    /// For connecting.
    pub launch: Arc<Launch>,
    /// `--context`.
    pub context: Option<String>,
    /// `--namespace`, `-A`.
    pub namespace: Option<NamespaceScope>,
    /// Keys.
    pub keymap: Keymap,
    /// Colours.
    pub theme: Theme,
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

/// The configuration directories, the lab's records apart from the real ones.
pub fn dirs(global: &Global) -> Dirs {
    let mut dirs = Dirs::find();
    if global.demo.is_some() {
        dirs.state = dirs.state.map(|state| state.join("demo"));
    }
    dirs
}

/// What to load.
pub fn load_options(global: &Global) -> LoadOptions {
    let argument = |key: &str, value: String, argument: &str| Override {
        key: key.to_owned(),
        value,
        argument: argument.to_owned(),
    };
    let mut overrides = Vec::new();
    overrides.extend(global.theme.clone().map(|name| argument("ui.theme", name, "--theme")));
    overrides.extend(global.colour.clone().map(|depth| argument("ui.colour", depth, "--colour")));
    overrides.extend(global.ascii.then(|| argument("ui.ascii", "true".to_owned(), "--ascii")));
    LoadOptions { explicit_file: global.config.clone(), dirs: dirs(global), env: std::env::vars().collect(), overrides }
}

/// Loads the configuration.
pub fn load_config(global: &Global) -> Result<Loaded, Failure> {
    Ok(crate::config::load(&load_options(global))?)
}

/// Finds mistakes in configuration, keymap and theme, before anything else is looked at.
pub fn check(global: &Global) -> Result<(), Failure> {
    crate::config::check(&load_options(global), &command_ids())?;
    Ok(())
}

/// The keymap of the configuration, checked against the commands that there are.
pub fn load_keymap(config: &Config, dirs: &Dirs) -> Result<Keymap, Failure> {
    Ok(Keymap::load(&config.settings.ui.keymap, dirs, &command_ids())?)
}

/// The audit log's place.
pub fn audit_path(config: &Config, dirs: &Dirs) -> std::path::PathBuf {
    config.audit_directory(dirs).unwrap_or_else(|| std::path::PathBuf::from(".opsdeck")).join("audit.jsonl")
}

/// Where runs of runbooks, their texts and fetched pages are kept.
pub fn runbook_directory(dirs: &Dirs) -> std::path::PathBuf {
    dirs.state.clone().unwrap_or_else(|| std::path::PathBuf::from(".opsdeck")).join("runbooks")
}

/// Where incidents and their post-mortems are kept; the lab's apart from the real ones, also where a place is configured.
pub fn incident_home(config: &Config, dirs: &Dirs, demo: bool) -> IncidentHome {
    let settings = &config.settings.incidents;
    let apart = |place: std::path::PathBuf| if demo { place.join("demo") } else { place };
    let directory = match (&settings.directory, config.incident_directory(dirs)) {
        (Some(place), _) => apart(place.clone()),
        (None, Some(place)) => place,
        (None, None) => std::path::PathBuf::from(".opsdeck/incidents"),
    };
    IncidentHome::new(directory, settings.post_mortems.clone().map(apart))
}

/// Prepares a start.
pub async fn start(global: &Global) -> Result<Start, Failure> {
    let config = load_config(global)?.config;
    let dirs = dirs(global);
    let keymap = load_keymap(&config, &dirs)?;
    let depth = ColourDepth::detect(config.settings.ui.colour, &std::env::vars().collect());
    let theme = Theme::load(&config.settings.ui.theme, &dirs, depth)?;
    let (place, clock) = match global.demo {
        None => (Place::Kubeconfig(global.kubeconfig.clone()), Clock::System),
        Some(scenario) => {
            let speed = global.demo_speed.unwrap_or(1.0);
            let options = DemoOptions { scenario, frozen_at: global.demo_at, speed };
            let demo = Demo::new(options, load_options(global));
            let clock = demo.clock();
            (Place::Lab(Box::new(demo)), clock)
        }
    };
    let journal = FileJournal::new(audit_path(&config, &dirs)).rotate_at(config.settings.audit.rotate_at);
    let namespace = if global.all_namespaces {
        Some(NamespaceScope::All)
    } else {
        global.namespace.as_deref().map(|name| NamespaceScope::One(name.into()))
    };
    let runbooks = RunbookHome {
        places: places(&dirs, &config.settings.runbooks),
        store: RunStore::new(runbook_directory(&dirs)),
    };
    let incidents = incident_home(&config, &dirs, global.demo.is_some());
    let launch = Launch {
        config,
        incidents,
        runbooks,
        place,
        read_only: global.read_only.then(|| "--read-only".to_owned()),
        clock,
        journal: Arc::new(journal),
        user: whoami::username().unwrap_or_else(|_| "unknown".to_owned()),
        ssh_client: std::env::var("SSH_CLIENT").ok().and_then(|value| value.split(' ').next().map(str::to_owned)),
    };
    let start = Start { launch: Arc::new(launch), context: global.context.clone(), namespace, keymap, theme };
    start.check_context().await?;
    Ok(start)
}

impl Start {
    /// An unknown `--context` is told before anything opens, with those that there are.
    async fn check_context(&self) -> Result<(), Failure> {
        let Some(wanted) = &self.context else { return Ok(()) };
        let entries = self.launch.contexts().await?;
        if entries.iter().any(|entry| entry.name == *wanted) {
            return Ok(());
        }
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let near = crate::config::diagnostic::did_you_mean(wanted, &names);
        let near = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        Err(Failure::usage(format!("there is no context `{wanted}` in the kubeconfig{near}"))
            .hint(format!("contexts: {}", names.join(", "))))
    }

    /// Looks up what crashes left open in this context, and tells. A log that cannot be read is told too, and hinders
    /// nothing here: an action that needs it will refuse.
    pub async fn settle(&self, connected: &Connected) {
        match settle_open(&self.launch, &connected.info.name, &connected.services).await {
            Ok(told) => told.iter().for_each(|sentence| error_line(&format!("after a crash: {sentence}"))),
            Err(error) => error_line(&format!("what a crash may have left open is not known: {error}")),
        }
    }

    /// The app before anything is connected.
    pub fn app(&self) -> App {
        let config = &self.launch.config;
        let name = self.context.clone().unwrap_or_else(|| "connecting…".to_owned());
        let settings = config.context(&name);
        let guard = self.launch.guard(&settings, None);
        let info = ContextInfo {
            epoch: 0,
            label: settings.label,
            production: settings.production,
            colour: settings.colour.clone(),
            demo: self.launch.is_demo(),
            identity: None,
            namespace: self.namespace.clone().unwrap_or(NamespaceScope::All),
            name,
        };
        let settings = AppSettings {
            keymap: self.keymap.clone(),
            theme: self.theme.clone(),
            ascii: config.settings.ui.ascii,
            log_lines: config.settings.defaults.log_lines as usize,
            context: info,
            guard,
        };
        App::new(settings, self.launch.clock.now())
    }
}

/// Runs a future on the program's one runtime.
pub fn block_on(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    // A credential plugin that hangs must not keep the program from ending.
    runtime.shutdown_background();
    result
}

/// Waits for ctrl-c or SIGTERM.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// A fault at the start as a usage failure: nothing was done yet.
pub fn unusable(fault: Fault) -> Failure {
    let failure = Failure::usage(fault.message);
    match fault.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
