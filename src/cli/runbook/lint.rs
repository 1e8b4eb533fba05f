//! `opsdeck runbook lint`: what is wrong with runbooks, with line and column, for people and for CI.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Ground, ground, is_path};
use crate::cli::Global;
use crate::cli::output::{Failure, error_line, json as print_json, line};
use crate::domain::text::clean;
use crate::runbook::diagnostic::Diagnostic;
use crate::runtime::runbooks::find::{self, Place};
use crate::runtime::runbooks::library::{Library, findings, parsed};

pub const HELP: &str = "Examples:
  opsdeck runbook lint                     # all that there are
  opsdeck runbook lint runbooks/ new.md    # files, and directories with files
  opsdeck runbook lint --json --strict runbooks/

Exit codes: 0 fine, 1 something is wrong, 2 nothing to check";

/// Arguments of `runbook lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Ids, files or directories [default: all runbooks that there are]
    #[arg(value_name = "RUNBOOK")]
    names: Vec<String>,
    /// Warnings are errors
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was found in one file.
struct Report {
    place: String,
    id: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

pub fn run(global: &Global, args: &LintArgs) -> Result<ExitCode, Failure> {
    let Ground { places, .. } = ground(global)?;
    let mut library = Library::load(&places);
    let mut reports = Vec::new();
    if args.names.is_empty() {
        for entry in library.all() {
            reports.push(Report {
                place: entry.book.origin.place.clone(),
                id: Some(entry.book.id.clone()),
                diagnostics: findings(&entry.book, &entry.diagnostics, &library),
            });
        }
        let broken = library.broken.iter().map(|one| (one.place.clone(), one.diagnostics.clone()));
        reports.extend(broken.map(|(place, diagnostics)| Report { place, id: None, diagnostics }));
        reports.extend(library.unread.iter().map(|one| unread(&one.path, &one.why)));
    } else {
        let mut found = Vec::new();
        for name in &args.names {
            if is_path(name) {
                found.extend(files(Path::new(name), &mut reports));
            } else {
                let entry = library.named(name).map_err(Failure::usage)?;
                let diagnostics = findings(&entry.book, &entry.diagnostics, &library);
                reports.push(Report {
                    place: entry.book.origin.place.clone(),
                    id: Some(entry.book.id.clone()),
                    diagnostics,
                });
            }
        }
        // They may name each other: all of them belong to the library first.
        let all: Vec<_> = found.iter().map(|found| (found.path.display().to_string(), parsed(found))).collect();
        for (place, parsed) in &all {
            library.put(parsed.clone(), place);
        }
        for (place, parsed) in all {
            let id = parsed.runbook.as_ref().map(|book| book.id.clone());
            let diagnostics = match &parsed.runbook {
                Some(book) => findings(book, &parsed.diagnostics, &library),
                None => parsed.diagnostics,
            };
            reports.push(Report { place, id, diagnostics });
        }
    }
    if reports.is_empty() {
        return Err(Failure::usage("there is nothing to check"));
    }
    tell(&reports, args)
}

fn unread(path: &Path, why: &str) -> Report {
    let spot = crate::runbook::diagnostic::Spot::new(1, 1);
    Report { place: path.display().to_string(), id: None, diagnostics: vec![Diagnostic::error(spot, why)] }
}

/// The files that a path leads to.
fn files(path: &Path, reports: &mut Vec<Report>) -> Vec<find::Found> {
    if path.is_dir() {
        let collection = find::collect(&[Place::Configured(path.to_owned())]);
        reports.extend(collection.unread.iter().map(|one| unread(&one.path, &one.why)));
        return collection.found;
    }
    match find::read(path) {
        Ok((text, modified)) => {
            vec![find::Found { place: Place::Configured(PathBuf::new()), path: path.to_owned(), text, modified }]
        }
        Err(why) => {
            reports.push(unread(path, &why));
            Vec::new()
        }
    }
}

fn tell(reports: &[Report], args: &LintArgs) -> Result<ExitCode, Failure> {
    let all = || reports.iter().flat_map(|report| &report.diagnostics);
    let errors = all().filter(|one| one.is_error()).count();
    let warnings = all().count() - errors;
    if args.json {
        let files: Vec<_> = reports
            .iter()
            .map(|report| json!({"place": report.place, "id": report.id, "diagnostics": report.diagnostics}))
            .collect();
        print_json(&json!({"files": files, "errors": errors, "warnings": warnings}))?;
    } else {
        for report in reports {
            for diagnostic in &report.diagnostics {
                line(&clean(&format!("{}:{diagnostic}", report.place)));
            }
        }
        let word = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        let sum =
            format!("{}: {}, {}", word(reports.len(), "runbook"), word(errors, "error"), word(warnings, "warning"));
        error_line(&sum);
    }
    let is_wrong = errors > 0 || (args.strict && warnings > 0);
    Ok(ExitCode::from(u8::from(is_wrong)))
}
