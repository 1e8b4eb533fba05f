//! `opsdeck incident publish`: the status page. Everyone can read it, so it is confirmed by itself.

use std::process::ExitCode;

use clap::Args;

use super::change::text;
use super::desk::{Desk, confirm};
use super::{Which, examples};
use crate::cli::output::{Failure, line};
use crate::cli::{Global, start};
use crate::domain::incident::delivery::What;
use crate::domain::text::clean_lines;
use crate::incident::command::Command;
use crate::incident::plan::publication;

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
        let page = info.status_page.ok_or_else(|| {
            Failure::usage("no status page is configured for this context").hint("[[status-page]] names one")
        })?;
        let shown = page.facts(&incident.declared().service).components;
        let What::Publish { title, status, components, .. } = publication(&incident, body.clone(), &shown) else {
            return Err(Failure::usage("there is nothing to publish"));
        };
        let title = args.title.clone().unwrap_or(title);
        let status = args.status.clone().unwrap_or(status);
        let components = if args.component.is_empty() { components } else { args.component.iter().cloned().collect() };
        let said = format!("on {} ({}), for everyone:\n{title} [{status}]\n{body}", page.name, page.product);
        if !args.which.json {
            line(&clean_lines(&said));
            for (name, state) in &components {
                line(&clean_lines(&format!("  {name}: {state}")));
            }
        }
        if args.public {
            confirm("publish this?", args.yes)?;
        } else {
            // --yes alone is no word about the public.
            return Err(Failure::refused("not published: everyone could read it; say so with --public"));
        }
        let what = What::Publish { title, status, body, components };
        desk.office.perform(&id, Command::Send { service: page.name.clone(), what, confirmed: true }).await?;
        desk.finish(&id).await
    })
}
