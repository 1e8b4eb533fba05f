//! `opsdeck incident note|update|status|severity|role|time|task|escalate|retry|drop|take-over|hand-over|merge|reopen`: what
//! a person does to an incident.

use std::io::Read;
use std::process::ExitCode;

use clap::Args;

use super::Which;
use super::desk::{Desk, choose, confirm, preview};
use crate::cli::output::{Failure, error_line, line};
use crate::cli::{Global, start};
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::What;
use crate::domain::text::clean_lines;
use crate::incident::command::{Command, LONGEST_TEXT};
use crate::incident::outbox::{Standing, others};
use crate::incident::parcel::ParcelState;
use crate::incident::timeline::describe;
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

/// Arguments of `incident take-over`.
#[derive(Debug, Args)]
pub struct TakeOverArgs {
    /// Its id, or `last` [default: the open one]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only from this console, as `show` names it [default: all others]
    #[arg(long, value_name = "CONSOLE")]
    console: Option<String>,
    /// Do it without being asked
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    /// The page, as `opsdeck page list` names it [default: the incident's own]
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
    let mut bytes = Vec::new();
    let most = LONGEST_TEXT as u64 + 4;
    std::io::stdin()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))?;
    whole_text(&bytes)
}

/// What was read, which may end in the middle of a character where it is longer than it may be: the length is what is
/// wrong then.
fn whole_text(bytes: &[u8]) -> Result<String, Failure> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) if error.error_len().is_none() && bytes.len() > LONGEST_TEXT => {
            Ok(String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned())
        }
        Err(error) => Err(Failure::usage(format!("standard input is no text: {error}"))),
    }
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
        let text = if let Some(said) = &args.text {
            text(said)?
        } else {
            let incident = desk.incident(&id)?;
            let burn = desk.burn(&incident.declared().service).await;
            updating::draft(&incident, &burn, desk.launch.clock.now())
        };
        if args.draft {
            line(&clean_lines(&text));
            return Ok(ExitCode::SUCCESS);
        }
        if args.text.is_none() {
            preview(&text, args.which.json);
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
            // Those that another console sends are left to it.
            let elsewhere: Vec<_> = desk
                .office
                .standings(&id)
                .into_iter()
                .filter(|(_, standing)| matches!(standing, Standing::Elsewhere(_)))
                .map(|(key, _)| key)
                .collect();
            failed.map(|parcel| parcel.delivery.key.clone()).filter(|key| !elsewhere.contains(key)).collect()
        };
        for one in keys {
            desk.office.perform(&id, Command::Retry(one)).await?;
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
        let pages = incident.pages();
        let known = pages.into_iter().find(|(_, page)| args.page.as_ref().is_none_or(|wanted| wanted == page));
        let known = known.map(|(service, page)| (service.clone(), page.to_owned()));
        let first = desk.ground.services.pagings.first().map(|paging| Text::from(paging.name()));
        let said = args.service.as_deref().map(Text::from);
        let service = said.or_else(|| known.as_ref().map(|(service, _)| service.clone())).or(first);
        let service = service.ok_or_else(|| {
            Failure::usage("no paging service is configured for this context").hint("[[paging]] names one")
        })?;
        let page = args.page.clone().or_else(|| known.map(|(_, page)| page)).ok_or_else(|| {
            Failure::usage("this incident has to do with no page: name one").hint("opsdeck page list")
        })?;
        let what = if args.ask.is_empty() {
            What::Escalate { page, level: args.level }
        } else {
            let message = args.message.clone().unwrap_or_else(|| incident.title().to_owned());
            What::AddResponders { page, who: args.ask.clone(), message }
        };
        preview(&format!("{} through {service}", describe(&what)), args.which.json);
        confirm("this wakes people; do it?", args.yes)?;
        desk.office.perform(&id, Command::Send { service, what, confirmed: false }).await?;
        desk.finish(&id).await
    })
}

/// Shows what other consoles have left to send, and sends it from here.
pub fn take_over(global: &Global, args: &TakeOverArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, args.id.as_deref(), args.json).await?;
        let incident = desk.incident(&id)?;
        let own = desk.office.store().own_writer().map_err(|error| Failure::failed(error.to_string()))?;
        let mut writers = others(&incident, &own);
        if let Some(console) = &args.console {
            writers.retain(|writer| **writer == **console);
        }
        if writers.is_empty() {
            return Err(Failure::refused(match &args.console {
                Some(console) => format!("console {console} has nothing left to send"),
                None => "no other console has anything left to send".to_owned(),
            }));
        }
        for parcel in incident.waiting().filter(|parcel| writers.contains(&parcel.owner)) {
            let what = describe(&parcel.delivery.what);
            error_line(&clean_lines(&format!("console {}, {}: {what}", parcel.owner, parcel.by)));
        }
        confirm("send this from here? a console that still runs may be sending it,", args.yes)?;
        for writer in writers {
            desk.office.perform(&id, Command::TakeOver { writer }).await?;
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
        preview(&summary, args.which.json);
        confirm(&format!("hand over to {}?", clean_lines(&args.to)), args.yes)?;
        desk.office.perform(&id, Command::HandOver { to: args.to.clone(), summary }).await?;
        desk.finish(&id).await
    })
}

pub fn merge(global: &Global, from: &IncidentId, into: &IncidentId, json: bool) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let (mut desk, into) = Desk::open(global, Some(into.as_str()), json).await?;
        let store = desk.launch.incidents.store.clone();
        if let Some(known) = choose(&store, Some(from.as_str()), None)?
            && !store.is_seen_in(&known.incident, &desk.ground.context)
        {
            let (there, here) = (&known.context, &desk.ground.context);
            return Err(Failure::usage(format!("incident {from} belongs to context {there}, {into} to {here}")));
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_too_long_also_where_its_cut_splits_a_character() {
        let long = "€".repeat(LONGEST_TEXT);
        for most in LONGEST_TEXT + 1..LONGEST_TEXT + 7 {
            let Ok(text) = whole_text(&long.as_bytes()[..most]) else { panic!("{most}") };
            assert!(text.len() + 3 > most, "{most}");
        }
        assert!(whole_text(b"\xff\xfe").is_err() && whole_text("x€".as_bytes().split_last().unwrap().1).is_err());
    }
}
