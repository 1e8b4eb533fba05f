//! `opsdeck runbook list`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Ground, ground};
use crate::cli::Global;
use crate::cli::output::{Failure, error_line, json as print_json, line};
use crate::domain::text::clean;
use crate::domain::time::age;
use crate::runbook::Runbook;
use crate::runtime::clock::Clock;
use crate::runtime::runbooks::keep::{OpenRun, open_runs};
use crate::runtime::runbooks::library::{Entry, Library};
use crate::runtime::runbooks::table::columns;

/// Arguments of `runbook list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those whose id, title, tags or alerts hold this
    #[arg(value_name = "TEXT")]
    filter: Option<String>,
    /// Only the runs that are not over
    #[arg(long)]
    open: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a runbook is written for, in one cell.
fn alerts(book: &Runbook) -> String {
    let alerts: Vec<&str> = book.meta.matches.iter().filter_map(|rule| rule.alert.as_deref()).collect();
    alerts.join(" ")
}

fn hay(book: &Runbook) -> String {
    format!("{} {} {} {}", book.id, book.title, book.meta.tags.join(" "), alerts(book)).to_lowercase()
}

pub fn run(global: &Global, args: &ListArgs) -> Result<ExitCode, Failure> {
    let Ground { places, store, .. } = ground(global)?;
    let open = open_runs(&store);
    if args.open {
        return open_only(&open, args.json);
    }
    let library = Library::load(&places);
    let filter = args.filter.as_deref().map(str::to_lowercase);
    let shown: Vec<&Entry> =
        library.all().filter(|entry| filter.as_ref().is_none_or(|part| hay(&entry.book).contains(part))).collect();
    if args.json {
        let books: Vec<_> = shown.iter().map(|entry| described(entry)).collect();
        let broken: Vec<_> =
            library.broken.iter().map(|one| json!({"place": one.place, "diagnostics": one.diagnostics})).collect();
        print_json(&json!({"runbooks": books, "broken": broken, "unread": library.unread, "open_runs": open}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["ID", "TITLE", "STEPS", "FOR", "FROM"].map(str::to_owned).to_vec()];
    rows.extend(shown.iter().map(|entry| {
        let book = &entry.book;
        vec![
            clean(&book.id).into_owned(),
            clean(&book.title).into_owned(),
            book.steps.len().to_string(),
            crate::ui::text::cut(&clean(&alerts(book)), 44, "…"),
            from(book),
        ]
    }));
    line(&columns(&rows));
    for unread in &library.unread {
        error_line(&format!("not read: {}: {}", unread.path.display(), unread.why));
    }
    for broken in &library.broken {
        let why = broken.diagnostics.first().map(|one| one.message.clone()).unwrap_or_default();
        error_line(&format!("no runbook: {}: {why}", broken.place));
    }
    if !open.is_empty() {
        line("");
        print_open(&open);
    }
    Ok(ExitCode::SUCCESS)
}

/// `shipped`, or the file and how old it is.
pub fn from(book: &Runbook) -> String {
    let origin = &book.origin;
    let old = origin.modified.map_or_else(String::new, |at| format!(", {} old", age(at, Clock::System.now())));
    match origin.shelf {
        crate::runbook::Shelf::Shipped => "shipped".to_owned(),
        shelf => format!("{}: {}{old}", shelf.word(), clean(&origin.place)),
    }
}

fn described(entry: &Entry) -> serde_json::Value {
    let book = &entry.book;
    json!({
        "id": book.id,
        "title": book.title,
        "description": book.meta.description,
        "owner": book.meta.owner,
        "tags": book.meta.tags,
        "severity": book.meta.severity,
        "alerts": book.meta.matches.iter().filter_map(|rule| rule.alert.clone()).collect::<Vec<_>>(),
        "native": book.native,
        "steps": book.steps.len(),
        "parameters": book.parameters.iter().map(|parameter| parameter.name.clone()).collect::<Vec<_>>(),
        "shelf": book.origin.shelf,
        "place": book.origin.place,
        "modified": book.origin.modified,
        "digest": book.digest,
        "overrides": entry.overrides,
    })
}

fn open_only(open: &[OpenRun], as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        print_json(&open)?;
    } else if open.is_empty() {
        line("no run is open");
    } else {
        print_open(open);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_open(open: &[OpenRun]) {
    let now = Clock::System.now();
    let mut rows = vec![["OPEN RUN", "STANDS AT", "BEGUN", "BY", "CONTEXT"].map(str::to_owned).to_vec()];
    rows.extend(open.iter().map(|run| {
        let who = if run.elsewhere { format!("{} (in another terminal now)", run.who) } else { run.who.clone() };
        vec![
            run.id.clone(),
            clean(run.step.as_deref().unwrap_or("its end")).into_owned(),
            age(run.began, now),
            who,
            clean(&run.context).into_owned(),
        ]
    }));
    line(&columns(&rows));
    line("");
    line("opsdeck runbook run --resume RUN takes one up again");
}
