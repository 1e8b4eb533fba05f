//! `opsdeck` without a subcommand: the console.

use std::io::IsTerminal;
use std::process::ExitCode;

use super::output::Failure;
use super::{Global, start};
use crate::runtime::console::{Ended, run as run_console};
use crate::runtime::terminal;

/// Runs the console.
pub fn run(global: &Global) -> Result<ExitCode, Failure> {
    start::check(global)?;
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("the console needs a terminal on standard input and output")
            .hint("for scripts: `opsdeck status [--json]`, or one frame with `opsdeck snapshot`"));
    }
    let reports = start::dirs(global).state.unwrap_or_else(std::env::temp_dir);
    start::block_on(async {
        let start = start::start(global).await?;
        terminal::report_panics(reports);
        let app = start.app();
        let console = run_console(start.launch.clone(), app, start.context.clone(), start.namespace.clone());
        let ended = Box::pin(console).await.map_err(|error| Failure::failed(format!("the terminal: {error}")))?;
        Ok(match ended {
            Ended::Quit => ExitCode::SUCCESS,
            // As shells report a process that a signal ended.
            Ended::Signal(number) => ExitCode::from(128 + u8::try_from(number).unwrap_or(0)),
        })
    })
}
