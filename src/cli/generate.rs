//! What is generated from the program's own registries: key and theme tables, completions, the manual page.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::{Failure, line, print};
use super::{Cli, Global, start};
use crate::config::theme::{Role, Theme};

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// Options of `keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// As a Markdown table
    #[arg(long)]
    markdown: bool,
}

/// Lists the key bindings in force.
pub fn keys(global: &Global, args: &KeysArgs) -> Result<ExitCode, Failure> {
    let config = start::load_config(global)?.config;
    let keymap = start::load_keymap(&config, &start::dirs(global))?;
    if args.markdown {
        line("| key | where | what |\n|---|---|---|");
    }
    for binding in keymap.bindings() {
        let keys = crate::config::keymap::spell(&binding.keys);
        let scope = binding.scope.name();
        let doc = crate::app::commands()
            .iter()
            .find(|command| command.id == binding.command)
            .map_or("", |command| command.doc);
        if args.markdown {
            line(&format!("| `{}` | {scope} | {doc} |", keys.replace('|', "\\|")));
        } else {
            line(&format!("{keys:<14} {scope:<10} {doc}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the themes and the roles.
pub fn themes(global: &Global) {
    line(&format!("themes: {}", Theme::names(&start::dirs(global)).join(", ")));
    for role in Role::ALL {
        line(&format!("  {:<16} {}", role.name(), role.describe()));
    }
}

/// Prints completions.
pub fn completions(args: &CompletionsArgs) {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "opsdeck", &mut text);
    print(&String::from_utf8_lossy(&text));
}

/// Prints the manual page.
pub fn man() -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .map_err(|error| Failure::failed(format!("cannot write the manual page: {error}")))?;
    print(&String::from_utf8_lossy(&text));
    Ok(ExitCode::SUCCESS)
}
