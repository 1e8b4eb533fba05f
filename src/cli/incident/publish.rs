//! `opsdeck incident publish`: the status page. Everyone can read it, so it is confirmed by itself.

use std::process::ExitCode;

use clap::Args;

use super::change::text;
use super::desk::{Desk, confirm, preview};
use super::{Which, examples};
use crate::cli::output::Failure;
use crate::cli::{Global, start};
use crate::incident::command::Command;
use crate::incident::publication::Publication;

pub const HELP: &str = examples!(
    "  opsdeck incident publish \"We are looking into failing payments\" --public
  opsdeck incident publish \"Payments work again\" --status resolved --public --yes"
);

/// Arguments of `incident publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// What customers are told; `-` reads standard input
    #[arg(value_name = "TEXT")]
    text: String,
    /// Its name, to customers
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// investigating, identified, monitoring or resolved [default: by the incident's status]
    #[arg(long, value_name = "STATUS", value_parser = ["investigating", "identified", "monitoring", "resolved"])]
    status: Option<String>,
    /// State of a component; may be given several times [default: those of the service, by severity]
    #[arg(long, value_name = "NAME=STATE", value_parser = component)]
    component: Vec<(String, String)>,
    /// Yes, everyone is to read this
    #[arg(long)]
    public: bool,
    /// Publish without being asked; needs --public too
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    which: Which,
}

fn component(text: &str) -> Result<(String, String), String> {
    let (name, state) = text.split_once('=').ok_or("write it as NAME=STATE")?;
    Ok((name.trim().to_owned(), state.trim().to_owned()))
}

/// It is not published: `--yes` alone is no word about the public.
pub fn not_public(what: &str) -> Failure {
    Failure::refused(format!("{what}: everyone could read it; say so with --public"))
}

/// There is nowhere to publish.
pub fn no_page() -> Failure {
    Failure::usage("no status page is configured for this context").hint("[[status-page]] names one")
}

pub fn run(global: &Global, args: &PublishArgs) -> Result<ExitCode, Failure> {
    let body = text(&args.text)?;
    if body.trim().is_empty() {
        return Err(Failure::usage("there is no text to publish"));
    }
    start::block_on(async {
        let wanted = args.which.incident.as_deref();
        let (mut desk, id) = Desk::open(global, wanted, args.which.json).await?;
        let incident = desk.incident(&id)?;
        let info = desk.ground.services.info();
        let page = info.status_page.ok_or_else(no_page)?;
        let mut said = Publication::next(&incident, body, page.showing(&incident.declared().service));
        if let Some(title) = &args.title {
            said.title.clone_from(title);
        }
        if let Some(status) = &args.status {
            said.status.clone_from(status);
        }
        if !args.component.is_empty() {
            said.components = args.component.iter().cloned().collect();
        }
        preview(&format!("on {} ({}), for everyone:", page.name, page.product), args.which.json);
        preview(&said.lines().join("\n"), args.which.json);
        if !args.public {
            return Err(not_public("not published"));
        }
        confirm("publish this?", args.yes)?;
        let what = said.into();
        desk.office.perform(&id, Command::Send { service: page.name.clone(), what, confirmed: true }).await?;
        desk.finish(&id).await
    })
}
