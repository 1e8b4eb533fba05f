//! `opsdeck config`: write, check, show and describe the configuration.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use super::output::{Failure, error_line, line, print};
use super::{Global, start};
use crate::config;
use crate::runtime::clock::Clock;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented configuration to the user's directory (never over an existing one)
    Init,
    /// Check configuration, keymap and theme, and say what is wrong where
    Check,
    /// Print all settings, each with where it was said
    Show,
    /// Say what the guardrails hold of actions in --context, and in --namespace (without it: on nodes and other
    /// objects that are in none), now
    Guardrails {
        /// The action (rollback) [default: all]
        #[arg(value_name = "ACTION", value_parser = actions())]
        action: Option<String>,
    },
    /// Print the JSON Schema
    Schema,
    /// Print the reference as Markdown
    Reference,
}

/// Runs it.
pub fn run(global: &Global, command: &ConfigCommand) -> Result<ExitCode, Failure> {
    match command {
        ConfigCommand::Init => init(global)?,
        ConfigCommand::Check => {
            let loaded = config::check(&start::load_options(global), &crate::app::command_ids())?;
            for file in &loaded.files {
                line(&format!("{}: read", file.display()));
            }
            loaded.remarks.iter().for_each(|remark| error_line(remark.to_string().trim_end()));
            line("configuration, keymap and theme are valid");
        }
        ConfigCommand::Show => print(&start::load_config(global)?.show()),
        ConfigCommand::Guardrails { action } => guardrails(global, action.as_deref())?,
        ConfigCommand::Schema => super::output::json(config::schema::schema())?,
        ConfigCommand::Reference => print(&config::reference()),
    }
    Ok(ExitCode::SUCCESS)
}

fn actions() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(config::ActionName::ALL.iter().map(|action| action.word()))
}

fn guardrails(global: &Global, action: Option<&str>) -> Result<(), Failure> {
    let Some(context) = &global.context else {
        return Err(Failure::usage("in which context?").hint("name it: --context NAME"));
    };
    let config = start::load_config(global)?.config;
    let now = global.demo_at.unwrap_or_else(|| Clock::System.now());
    let words = config::ActionName::ALL.iter().map(|action| action.word());
    for word in words.filter(|word| action.is_none_or(|wanted| wanted == *word)) {
        let rules = config.guardrails_for(context, global.namespace.as_deref(), word, now);
        for (at, sentence) in rules.sentences().iter().enumerate() {
            line(&format!("{:12} {sentence}", if at == 0 { word } else { "" }));
        }
    }
    Ok(())
}

fn init(global: &Global) -> Result<(), Failure> {
    let dirs = start::dirs(global);
    let path = dirs.user_file().ok_or_else(|| Failure::usage("there is no home directory to write to"))?;
    let failed = |error: std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| {
        let failure = failed(error);
        if path.exists() {
            failure.hint("it is left as it is; `opsdeck config check` tells whether it is valid")
        } else {
            failure
        }
    })?;
    file.write_all(config::SAMPLE.as_bytes()).map_err(failed)?;
    line(&format!("wrote {}", path.display()));
    Ok(())
}
