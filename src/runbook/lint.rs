//! What a runbook says that cannot be, or is hardly meant: unknown variables, places that lead nowhere, steps that nothing
//! reaches, circles, missing sections, PromQL that does not parse, links to no runbook, scripts that are dangerous.

mod captures;
mod deeds;
mod flow;
mod names;
mod scripts;
mod ways;

use self::ways::Ways;
use super::diagnostic::{Diagnostic, Spot};
use super::step::StepKind;
use super::{BlockKind, Purpose, Runbook, promql};

pub use self::names::unknown;

/// The other runbooks that there are.
pub trait Library {
    /// The one with this id.
    fn find(&self, id: &str) -> Option<&Runbook>;

    /// All ids.
    fn ids(&self) -> Vec<String>;
}

/// No other runbook.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Library for Alone {
    fn find(&self, _: &str) -> Option<&Runbook> {
        None
    }

    fn ids(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Everything that can be said about a runbook beyond what [`super::parse`] said, in the order of lines.
pub fn lint(book: &Runbook, library: &dyn Library) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if !book.native {
        return found;
    }
    found.extend(unknown(book));
    found.extend(names::unused(book));
    names::shown(book, &mut found);
    let ways = Ways::of(book);
    flow::check(book, &ways, &mut found);
    captures::check(book, &ways, &mut found);
    deeds::check(book, &mut found);
    flow::links(book, library, &mut found);
    queries(book, &mut found);
    scripts::check(book, &mut found);
    sections(book, &mut found);
    found.sort_by(|a, b| a.spot.cmp(&b.spot).then_with(|| a.severity.cmp(&b.severity)));
    found.dedup();
    found
}

/// PromQL with something harmless in the place of every value.
fn queries(book: &Runbook, found: &mut Vec<Diagnostic>) {
    for step in &book.steps {
        let (StepKind::Check(query, _) | StepKind::Query(query)) = &step.kind else { continue };
        if let Err(why) = promql::shape(&query.expression) {
            let spot = query.expression.spot;
            found.push(Diagnostic::error(spot, format!("not PromQL: {}", why.lines().next().unwrap_or_default())));
        }
    }
}

/// A runbook for an alert has the usual sections.
fn sections(book: &Runbook, found: &mut Vec<Diagnostic>) {
    let top = book.blocks.iter().find(|block| !matches!(block.kind, BlockKind::FrontMatter(_)));
    let spot = Spot::new(top.map_or(1, |block| block.lines.start), 1);
    if book.steps.is_empty() {
        found.push(Diagnostic::warning(spot, "there is no step in it"));
    }
    if book.meta.matches.is_empty() {
        return;
    }
    let missing: Vec<&str> = Purpose::KNOWN
        .into_iter()
        .filter(|purpose| !book.sections.iter().any(|section| section.purpose == *purpose))
        .map(Purpose::word)
        .collect();
    // Contacts of the front matter are an escalation, too.
    let missing: Vec<&str> =
        missing.into_iter().filter(|word| *word != "Escalation" || book.meta.escalation.is_empty()).collect();
    if !missing.is_empty() {
        let word = if missing.len() == 1 { "section" } else { "sections" };
        found.push(Diagnostic::warning(spot, format!("it has no {word} {}", missing.join(", "))));
    }
}
