//! `opsdeck runbook show`: a runbook as it reads, in the terminal.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Ground, ground};
use crate::cli::Global;
use crate::cli::output::{Failure, json as print_json, line};
use crate::domain::text::clean_lines;
use crate::runbook::Runbook;
use crate::runtime::runbooks::library::Library;
use crate::ui::document::{Laid, Tone, lay};

/// Columns where nothing says how wide the terminal is.
const WIDTH: usize = 100;

/// Arguments of `runbook show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The runbook: its id, or a file
    #[arg(value_name = "RUNBOOK")]
    name: String,
    /// Print its text as it was written
    #[arg(long, conflicts_with = "json")]
    source: bool,
    /// Print JSON: what it is, its parameters and steps
    #[arg(long)]
    json: bool,
}

pub fn run(global: &Global, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let Ground { places, .. } = ground(global)?;
    let entry =
        Library::load(&places).named(&args.name).map_err(|why| Failure::usage(why).hint("opsdeck runbook list"))?;
    let book = &entry.book;
    if args.source {
        crate::cli::output::print(&clean_lines(&book.source));
        return Ok(ExitCode::SUCCESS);
    }
    if args.json {
        print_json(&described(book))?;
        return Ok(ExitCode::SUCCESS);
    }
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).unwrap_or(WIDTH);
    let width = crossterm::terminal::size().map_or(width, |(columns, _)| usize::from(columns)).clamp(40, 120);
    head(book, coloured);
    for laid in lay(&book.blocks, width, &str::to_owned) {
        line(&painted(&laid, coloured));
    }
    for diagnostic in &entry.diagnostics {
        crate::cli::output::error_line(&format!("{}:{diagnostic}", book.origin.place));
    }
    Ok(ExitCode::SUCCESS)
}

fn head(book: &Runbook, coloured: bool) {
    let dim = |text: &str| line(&paint(Tone::Dim, text, coloured));
    dim(&format!("{} · {}", book.id, super::list::from(book)));
    let who = [book.meta.owner.as_deref(), book.meta.severity.as_deref()];
    let who: Vec<&str> = who.into_iter().flatten().collect();
    if !who.is_empty() {
        dim(&who.join(" · "));
    }
    if !book.parameters.is_empty() {
        let names: Vec<String> = book
            .parameters
            .iter()
            .map(|parameter| match &parameter.default {
                Some(default) if !parameter.secret => format!("{}={default}", parameter.name),
                _ => parameter.name.clone(),
            })
            .collect();
        dim(&format!("parameters: {}", names.join(", ")));
    }
    line("");
}

fn paint(tone: Tone, text: &str, coloured: bool) -> String {
    let text = clean_lines(text);
    let code = match tone {
        Tone::Plain => "",
        Tone::Heading(1 | 2) => "1;4",
        Tone::Heading(_) | Tone::Strong => "1",
        Tone::Code => "36",
        Tone::Emphasis => "3",
        Tone::Dim => "2",
        Tone::Link => "4",
    };
    if coloured && !code.is_empty() && !text.trim().is_empty() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.into_owned()
    }
}

/// A line with its tones.
pub fn painted(laid: &Laid, coloured: bool) -> String {
    laid.pieces.iter().map(|(tone, text)| paint(*tone, text, coloured)).collect::<String>().trim_end().to_owned()
}

fn described(book: &Runbook) -> serde_json::Value {
    let parameters: Vec<_> = book
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "type": parameter.kind,
                "required": parameter.required,
                "secret": parameter.secret,
                "default": parameter.default.as_ref().filter(|_| !parameter.secret).map(ToString::to_string),
                "allowed": parameter.allowed,
            })
        })
        .collect();
    let steps: Vec<_> = book
        .steps
        .iter()
        .map(|step| {
            json!({
                "name": step.name,
                "title": step.title,
                "kind": step.kind.word(),
                "writes": step.kind.writes(),
                "section": book.sections.get(step.section).map(|section| section.title.clone()),
                "lines": [step.lines.start, step.lines.end.saturating_sub(1)],
            })
        })
        .collect();
    json!({
        "id": book.id,
        "title": book.title,
        "description": book.meta.description,
        "shelf": book.origin.shelf,
        "place": book.origin.place,
        "modified": book.origin.modified,
        "digest": book.digest,
        "native": book.native,
        "parameters": parameters,
        "steps": steps,
    })
}
