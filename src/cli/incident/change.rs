//! `opsdeck incident note|update|status|severity|role|time|task|escalate|retry|drop|hand-over|merge|reopen`: what a person
//! does to an incident.

use std::io::Read;
use std::process::ExitCode;

use clap::Args;

use super::Which;
use super::desk::{Desk, confirm};
use crate::cli::output::{Failure, line};
use crate::cli::{Global, start};
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::What;
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

/// Arguments of `incident task`.
#[derive(Debug, Args)]
pub struct TaskArgs {
    /// What is left to do
    #[arg(value_name = "TEXT", required_unless_present = "done")]
    text: Option<String>,
    /// Who does it
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// The id of a task that is done, as `show --json` names it
    #[arg(long, value_name = "ID", conflicts_with = "text")]
    done: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Arguments of `incident escalate`.
#[derive(Debug, Args)]
pub struct EscalateArgs {
    /// The page, as `opsdeck page list` names it [default: the one that the incident acknowledged]
    #[arg(value_name = "PAGE")]
    page: Option<String>,
    /// The paging service [default: the page's, else the first]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The level that it goes to [default: the next one]
    #[arg(long, value_name = "LEVEL", conflicts_with = "ask")]
    level: Option<u32>,
    /// Ask this user, team or policy to join instead; may be given several times
    #[arg(long, value_name = "WHO")]
    ask: Vec<String>,
    /// Why they are asked [default: the incident's title]
    #[arg(long, value_name = "TEXT", requires = "ask")]
    message: Option<String>,
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

pub fn task(global: &Global, args: &TaskArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, wanted(&args.which), args.which.json).await?;
        let command = match &args.done {
            None => {
                let text = args.text.clone().unwrap_or_default();
                Command::Task { id: None, text, owner: args.owner.clone(), done: false }
            }
            Some(done) => {
                let incident = desk.incident(&id)?;
                let known = incident.tasks().iter().find(|task| task.id == *done);
                let known = known.ok_or_else(|| Failure::usage(format!("there is no task `{done}`")))?;
                let owner = args.owner.clone().or_else(|| known.owner.clone());
                Command::Task { id: Some(done.clone()), text: known.text.clone(), owner, done: true }
            }
        };
        desk.office.perform(&id, command).await?;
        desk.finish(&id).await
    })
}

pub fn escalate(global: &Global, args: &EscalateArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, wanted(&args.which), args.which.json).await?;
        let incident = desk.incident(&id)?;
        let acknowledged = incident.parcels().iter().find_map(|parcel| match &parcel.delivery.what {
            What::Acknowledge { page } if args.page.as_ref().is_none_or(|wanted| wanted == page) => {
                Some((parcel.delivery.service.clone(), page.clone()))
            }
            _ => None,
        });
        let first = desk.ground.services.pagings.first().map(|paging| Text::from(paging.name()));
        let said = args.service.as_deref().map(Text::from);
        let service = said.or_else(|| acknowledged.as_ref().map(|(service, _)| service.clone())).or(first);
        let service = service.ok_or_else(|| {
            Failure::usage("no paging service is configured for this context").hint("[[paging]] names one")
        })?;
        let page =
            args.page.clone().or_else(|| acknowledged.map(|(_, page)| page)).ok_or_else(|| {
                Failure::usage("this incident acknowledged no page: name one").hint("opsdeck page list")
            })?;
        let what = if args.ask.is_empty() {
            What::Escalate { page, level: args.level }
        } else {
            let message = args.message.clone().unwrap_or_else(|| incident.title().to_owned());
            What::AddResponders { page, who: args.ask.clone(), message }
        };
        desk.office.perform(&id, Command::Send { service, what, confirmed: false }).await?;
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
