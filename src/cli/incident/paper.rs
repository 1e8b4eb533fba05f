//! `opsdeck incident export|open|post-mortem`: what an incident leaves on paper.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::desk::{Desk, choose, take_in_shared};
use super::list::store;
use super::show::whole;
use crate::cli::output::{Failure, error_line, json as print_json, line};
use crate::cli::{Global, start};
use crate::domain::text::clean_lines;
use crate::incident::{Incident, hand_over};
use crate::runtime::clock::Clock;
use crate::runtime::incidents::paper::{write_bundle, write_post_mortem};

/// A bundle that is larger than this is none of ours.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Arguments of `incident export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Its id, or `last` [default: the open one]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// The file [default: ID.incident.json, here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `incident open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print its entries as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `incident post-mortem`.
#[derive(Debug, Args)]
pub struct PostMortemArgs {
    /// Its id, or `last` [default: the open one]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Another file, of which the incident knows nothing
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn known(global: &Global, id: Option<&str>) -> Result<Incident, Failure> {
    take_in_shared(global)?;
    let known = choose(&store(global)?, id, global.context.as_deref())?;
    let none = || Failure::usage("there is no such incident").hint("opsdeck incident list --all");
    Ok(known.ok_or_else(none)?.incident)
}

pub fn export(global: &Global, args: &ExportArgs) -> Result<ExitCode, Failure> {
    let incident = known(global, args.id.as_deref())?;
    let file = args.out.clone().unwrap_or_else(|| PathBuf::from(hand_over::file_name(&incident)));
    write_bundle(&absolute(&file)?, &incident, Clock::System.now()).map_err(Failure::failed)?;
    line(&file.display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// A file's directory is made where it is not there: a bare name has none.
fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

pub fn open(args: &OpenArgs) -> Result<ExitCode, Failure> {
    let file = args.file.display();
    let size = std::fs::metadata(&args.file).map_err(|error| Failure::usage(format!("{file}: {error}")))?.len();
    if size > LARGEST {
        return Err(Failure::usage(format!("{file} is larger than a bundle can be")));
    }
    let text = std::fs::read_to_string(&args.file).map_err(|error| Failure::usage(format!("{file}: {error}")))?;
    let opened = hand_over::open(&text).map_err(|error| Failure::usage(format!("{file}: {error}")))?;
    if args.json {
        print_json(&json!({
            "incident": opened.id, "made": opened.made, "summary": opened.summary, "entries": opened.entries,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    line(&hand_over::words(&opened));
    line(&clean_lines(&opened.summary));
    line("");
    let incident = Incident::of(opened.entries).ok_or_else(|| Failure::usage("the bundle declares no incident"))?;
    let context = incident.declared().context.clone();
    whole(&incident, &context, None);
    Ok(ExitCode::SUCCESS)
}

pub fn post_mortem(global: &Global, args: &PostMortemArgs) -> Result<ExitCode, Failure> {
    if let Some(file) = &args.out {
        let incident = known(global, args.id.as_deref())?;
        let remarks = write_post_mortem(&absolute(file)?, &incident).map_err(Failure::failed)?;
        for remark in &remarks {
            error_line(remark);
        }
        line(&file.display().to_string());
        return Ok(ExitCode::SUCCESS);
    }
    start::block_on(async {
        let (mut desk, id) = Desk::open(global, args.id.as_deref(), false).await?;
        let papers = desk.papers.clone();
        let (path, remarks) = papers.post_mortem(&mut desk.office, &id).await.map_err(Failure::failed)?;
        for remark in &remarks {
            error_line(remark);
        }
        line(&path.display().to_string());
        desk.forget();
        desk.finish(&id).await
    })
}
