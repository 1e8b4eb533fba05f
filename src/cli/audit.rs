//! `opsdeck audit`: read the record of every action, or check that nothing in it was altered.

use std::process::ExitCode;

use clap::Subcommand;

use super::output::{Failure, line};
use super::{Global, start};
use crate::runtime::journal;

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print the records, oldest first
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Only the last N records
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Check the hash chain: name the first record that was altered, removed or torn
    Verify,
}

/// Runs it.
pub fn run(global: &Global, command: &AuditCommand) -> Result<ExitCode, Failure> {
    let config = start::load_config(global)?.config;
    let path = start::audit_path(&config, &start::dirs(global));
    let shown = path.display();
    if !path.exists() {
        line(&format!("no audit log yet ({shown}): nothing was done"));
        return Ok(ExitCode::SUCCESS);
    }
    match command {
        AuditCommand::Verify => {
            let summary = journal::verify(&path).map_err(|broken| {
                Failure::failed(format!("{shown}: {broken}")).hint("the records before that line are intact")
            })?;
            line(&format!("{shown}: {} records, the chain is intact", summary.records));
            if !summary.torn.is_empty() {
                let torn: Vec<String> =
                    summary.torn.iter().map(|torn| format!("{} line {}", torn.file, torn.line)).collect();
                line(&format!("torn by a crash while being written, {}", torn.join(", ")));
            }
        }
        AuditCommand::Show { json: as_json, last } => {
            let records = journal::read(&path).map_err(|error| Failure::failed(error.to_string()))?;
            let skip = last.map_or(0, |count| records.len().saturating_sub(count));
            for record in &records[skip..] {
                if *as_json {
                    line(&record.to_string());
                } else {
                    line(&crate::actions::present::record(record));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
