//! The command line: its definition, and one file per subcommand.
//!
//! Exit codes of actions: 0 done and verified, 2 bad arguments or configuration, 3 refused, 4 conflict, 5 failed,
//! 6 unverified.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::domain::time::Instant;
use crate::lab::scenario::ScenarioName;

mod act;
mod audit;
mod config;
mod console;
mod doctor;
mod drive;
mod flag;
mod generate;
mod incident;
mod lab;
mod oncall;
mod output;
mod runbook;
mod snapshot;
mod start;
mod status;

pub use output::Failure;

/// One screen for the person who was just paged: alerts, error budgets, rollouts, pods and logs, and a safe way back.
#[derive(Debug, Parser)]
#[command(name = "opsdeck", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of every subcommand.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Kubeconfig context [default: the kubeconfig's current context]
    #[arg(long, global = true, value_name = "CONTEXT")]
    context: Option<String>,
    /// Namespace [default: the context's]
    #[arg(short, long, global = true, value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, global = true)]
    all_namespaces: bool,
    /// Kubeconfig file [default: $KUBECONFIG, then ~/.kube/config, then the pod's service account]
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Configuration file, in place of the user's
    #[arg(long, global = true, value_name = "FILE", env = "OPSDECK_CONFIG")]
    config: Option<PathBuf>,
    /// Make every change impossible
    #[arg(long, global = true)]
    read_only: bool,
    /// Use the embedded lab: a world to try things on
    #[arg(long, global = true, value_name = "SCENARIO", num_args = 0..=1, require_equals = true, default_missing_value = "bad-deploy")]
    demo: Option<ScenarioName>,
    /// With --demo: start the lab at this instant and stand still (for pictures and tests)
    #[arg(long, global = true, value_name = "RFC3339", requires = "demo", hide_short_help = true)]
    demo_at: Option<Instant>,
    /// With --demo: how fast the lab's time runs
    #[arg(
        long,
        global = true,
        value_name = "FACTOR",
        requires = "demo",
        conflicts_with = "demo_at",
        hide_short_help = true
    )]
    demo_speed: Option<f64>,
    /// Theme: dark, light, sixteen, or a file's name in the themes directory
    #[arg(long, global = true, value_name = "NAME")]
    theme: Option<String>,
    /// Colours: auto, 16, 256, true, never [default: what the terminal says]
    #[arg(long, global = true, value_name = "DEPTH")]
    colour: Option<String>,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    ascii: bool,
    /// Write a debug log to this file (never holds a secret)
    #[arg(long, global = true, value_name = "FILE", env = "OPSDECK_LOG")]
    log: Option<PathBuf>,
}

/// The subcommands. With none of them, the console.
#[derive(Debug, Subcommand)]
enum Command {
    /// What the first screen says, in text. Exit code: 0 calm, 1 something is firing, 2 a source failed
    Status(status::StatusArgs),
    /// One frame of the console as text, ANSI or SVG
    Snapshot(snapshot::SnapshotArgs),
    /// Check each source: reachable, authenticated, allowed to do what; and what to do about each failure
    Doctor(doctor::DoctorArgs),
    #[command(flatten)]
    Act(act::ActCommand),
    /// Feature flags: list and show them, switch them, set whom they reach
    #[command(subcommand)]
    Flag(flag::FlagCommand),
    /// Runbooks: list, show, check and walk them
    #[command(subcommand)]
    Runbook(runbook::RunbookCommand),
    /// Incidents: declare them, tell everyone, end them, look back at them
    #[command(subcommand)]
    Incident(incident::IncidentCommand),
    /// Who is on call, of all paging services
    Oncall(oncall::OnCallArgs),
    /// What people are paged with
    #[command(subcommand)]
    Page(oncall::PageCommand),
    /// Read the audit log, check that nothing in it was altered, or take a recorded action back
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Write, check or show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// List the key bindings
    Keys(generate::KeysArgs),
    /// List the themes and the roles that they style
    Themes,
    /// Serve the embedded lab to kubectl, curl, amtool and other consoles
    #[command(subcommand)]
    Lab(lab::LabCommand),
    /// Print completions for a shell
    Completions(generate::CompletionsArgs),
    /// Print the manual page
    Man,
}

/// Parses the arguments, runs, and maps the result to an exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    output::start_log(cli.global.log.as_deref())?;
    let global = &cli.global;
    match cli.command {
        None => console::run(global),
        Some(Command::Status(args)) => status::run(global, &args),
        Some(Command::Snapshot(args)) => snapshot::run(global, &args),
        Some(Command::Doctor(args)) => doctor::run(global, &args),
        Some(Command::Act(command)) => act::run(global, &command),
        Some(Command::Flag(command)) => flag::run(global, &command),
        Some(Command::Runbook(command)) => runbook::run(global, &command),
        Some(Command::Incident(command)) => incident::run(global, &command),
        Some(Command::Oncall(args)) => oncall::oncall(global, &args),
        Some(Command::Page(command)) => oncall::page(global, &command),
        Some(Command::Audit(command)) => audit::run(global, &command),
        Some(Command::Config(command)) => config::run(global, &command),
        Some(Command::Keys(args)) => generate::keys(global, &args),
        Some(Command::Themes) => {
            generate::themes(global);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Lab(command)) => lab::run(global, &command),
        Some(Command::Completions(args)) => {
            generate::completions(&args);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Man) => generate::man(),
    }
}
