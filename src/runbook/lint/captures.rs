//! Captures that are used before any way through the runbook can have made them.

use std::collections::BTreeMap;

use super::super::Runbook;
use super::super::diagnostic::{Diagnostic, Spot};
use super::super::splice;
use super::super::step::{Step, StepKind};
use super::names::{self, Of};
use super::ways::{MOST_STEPS, Ways};

pub(super) fn check(book: &Runbook, ways: &Ways<'_>, found: &mut Vec<Diagnostic>) {
    if book.steps.len() > MOST_STEPS {
        return;
    }
    let mut made: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, step) in book.steps.iter().enumerate() {
        // A parameter of the same name has a value from the beginning.
        if let Some(name) = step.capture.as_deref().filter(|name| book.parameter(name).is_none()) {
            made.entry(name).or_default().push(place);
        }
    }
    let begun = ways.reached([0]);
    for (name, makers) in made {
        // Behind a step that captures: what it leads to. It stands there itself only where a way leads back.
        let after =
            ways.reached(makers.iter().filter(|place| begun[**place]).flat_map(|place| ways.onward(*place, false)));
        // What nothing leads to is told as that.
        let early = |place: &usize| begun[*place] && !after[*place];
        for step in (0..book.steps.len()).filter(early).filter_map(|place| book.steps.get(place)) {
            if let Some(spot) = uses(step, name) {
                let message = format!("`{name}` has no value yet: no way here leads past the step that captures it");
                let first = makers.first().and_then(|place| book.steps.get(*place));
                let hint = first.map_or_else(String::new, |step| format!("`{}` captures it", step.name));
                found.push(Diagnostic::warning(spot, message).hint(hint));
            }
        }
    }
}

/// Where a step names a value.
fn uses(step: &Step, name: &str) -> Option<Spot> {
    if let StepKind::Command(command) = &step.kind {
        for (number, line) in command.script.lines().enumerate() {
            if let Some(at) = variable(line, name) {
                return Some(Spot::new(command.spot.line + number, command.spot.column + line[..at].chars().count()));
            }
        }
    }
    names::texts(step).into_iter().find_map(|(template, of)| {
        let own = of == Of::Assertion && matches!(name, "value" | "values" | "count");
        let found = names::expressions(template, of).unwrap_or_default().into_iter().find(|(expression, _)| {
            splice::variables(expression).unwrap_or_default().iter().any(|known| known == name)
        });
        found.map(|(_, spot)| spot).filter(|_| !own)
    })
}

/// Where a line of a script has `$name` or `${name}`.
fn variable(line: &str, name: &str) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices('$').map(|(at, _)| at).find(|at| {
        let rest = line[at + 1..].trim_start_matches('{');
        rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(word))
    })
}
