//! `opsdeck runbook`: runbooks listed, shown, checked, begun from a template, and walked without the screen.

mod face;
mod incident;
mod lint;
mod list;
mod new;
mod run;
mod show;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::output::Failure;
use super::{Global, start};
use crate::config::settings::Runbooks;
use crate::runtime::runbooks::find::{Place, places};
use crate::runtime::runbooks::store::RunStore;

/// What can be done with runbooks.
#[derive(Debug, Subcommand)]
pub enum RunbookCommand {
    /// List the runbooks that there are and where they come from, and the runs that are not over
    List(list::ListArgs),
    /// Show a runbook in the terminal
    Show(show::ShowArgs),
    /// Check runbooks. Exit code: 0 fine, 1 something is wrong, 2 nothing to check
    #[command(after_help = lint::HELP)]
    Lint(lint::LintArgs),
    /// Walk through a runbook: reads run by themselves, changes go through the same door as every action
    #[command(after_help = run::HELP)]
    Run(Box<run::RunArgs>),
    /// Write the beginnings of a new runbook
    New(new::NewArgs),
}

/// Runs it.
pub fn run(global: &Global, command: &RunbookCommand) -> Result<ExitCode, Failure> {
    match command {
        RunbookCommand::List(args) => list::run(global, args),
        RunbookCommand::Show(args) => show::run(global, args),
        RunbookCommand::Lint(args) => lint::run(global, args),
        RunbookCommand::Run(args) => run::run(global, args),
        RunbookCommand::New(args) => new::run(global, args),
    }
}

/// What the configuration says of runbooks, where they are, and where runs are kept.
struct Ground {
    settings: Runbooks,
    places: Vec<Place>,
    store: RunStore,
}

fn ground(global: &Global) -> Result<Ground, Failure> {
    let settings = start::load_config(global)?.config.settings.runbooks;
    let dirs = start::dirs(global);
    let places = places(&dirs, &settings);
    let store = RunStore::new(start::runbook_directory(&dirs));
    Ok(Ground { settings, places, store })
}

/// `name=value`, for parameters.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// Paths and ids are told apart by what paths have.
fn is_path(name: &str) -> bool {
    let path = PathBuf::from(name);
    name.contains('/') || path.extension().is_some() || path.is_dir()
}
