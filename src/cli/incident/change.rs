//! `opsdeck incident note|update|status|severity|role|retry|drop|hand-over|merge|reopen`: what a person does to an incident.

use std::io::Read;
use std::process::ExitCode;

use clap::Args;

use super::Which;
use super::desk::{Desk, confirm};
use crate::cli::output::{Failure, line};
use crate::cli::{Global, start};
use crate::domain::incident::IncidentId;
use crate::domain::text::clean_lines;
use crate::incident::command::{Command, LONGEST_TEXT};
use crate::incident::parcel::ParcelState;
use crate::incident::{hand_over as handing, update as updating};

/// Arguments of `incident update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The text; `-` reads standard input [default: composed from the facts]
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Print what would be posted, and stop
    #[arg(long)]
    draft: bool,
    /// Minutes until the next update [default: as the severity wants]
    #[arg(long, value_name = "MINUTES")]
    next: Option<u64>,
    /// Post a composed text without being asked
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    which: Which,
}

/// Arguments of `incident hand-over`.
#[derive(Debug, Args)]
pub struct HandOverArgs {
    /// To whom
    #[arg(value_name = "WHO")]
    to: String,
    /// What they are told; `-` reads standard input [default: composed from the facts]
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Do it without being asked
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    which: Which,
}

/// A text from the command line, or from standard input.
pub fn text(said: &str) -> Result<String, Failure> {
    if said != "-" {
        return Ok(said.to_owned());
    }
    let mut text = String::new();
    let most = LONGEST_TEXT as u64 + 1;
    std::io::stdin()
        .take(most)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("standard input is no text: {error}")))?;
    Ok(text)
}

fn wanted(which: &Which) -> Option<&str> {
    which.incident.as_deref()
}

/// Does it, and sends what follows.
pub fn perform(global: &Global, which: &Which, command: Command) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, wanted(which), which.json).await?;
        desk.office.perform(&id, command).await?;
        desk.finish(&id).await
    })
}

pub fn update(global: &Global, args: &UpdateArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, wanted(&args.which), args.which.json).await?;
        let text = match &args.text {
            Some(said) => text(said)?,
            None => updating::draft(&desk.incident(&id)?, &[], desk.launch.clock.now()),
        };
        if args.draft {
            line(&clean_lines(&text));
            return Ok(ExitCode::SUCCESS);
        }
        if args.text.is_none() {
            if !args.which.json {
                line(&clean_lines(&text));
            }
            confirm("post this?", args.yes)?;
        }
        let next = args.next.map(|minutes| std::time::Duration::from_secs(minutes.saturating_mul(60)));
        desk.office.perform(&id, Command::Update { text, next }).await?;
        desk.finish(&id).await
    })
}

/// One delivery, or all that wait for a person; what other consoles that ended left is taken over on the way.
pub fn retry(global: &Global, which: &Which, key: Option<&str>) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, wanted(which), which.json).await?;
        let keys: Vec<_> = if let Some(key) = key {
            vec![key.into()]
        } else {
            let incident = desk.incident(&id)?;
            let failed = incident.waiting().filter(|parcel| matches!(parcel.state, ParcelState::Unsent { .. }));
            failed.map(|parcel| parcel.delivery.key.clone()).collect()
        };
        for one in keys {
            match desk.office.perform(&id, Command::Retry(one)).await {
                // Of all, those that another console sends are left to it.
                Err(_) if key.is_none() => {}
                done => done?,
            }
        }
        desk.finish(&id).await
    })
}

pub fn hand_over(global: &Global, args: &HandOverArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, wanted(&args.which), args.which.json).await?;
        let summary = match &args.summary {
            Some(said) => text(said)?,
            None => handing::summary(&desk.incident(&id)?, desk.launch.clock.now()),
        };
        if !args.which.json {
            line(&clean_lines(&summary));
        }
        confirm(&format!("hand over to {}?", clean_lines(&args.to)), args.yes)?;
        desk.office.perform(&id, Command::HandOver { to: args.to.clone(), summary }).await?;
        desk.finish(&id).await
    })
}

pub fn merge(global: &Global, from: &IncidentId, into: &IncidentId, json: bool) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, into) = Desk::open(global, Some(into.as_str()), json).await?;
        desk.office.open(from).await?;
        desk.forget();
        desk.office.merge(from, &into).await?;
        desk.finish(&into).await
    })
}

pub fn reopen(global: &Global, id: &str, reason: Option<&String>, json: bool) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, Some(id), json).await?;
        desk.office.perform(&id, Command::Reopen { reason: reason.cloned() }).await?;
        desk.finish(&id).await
    })
}
