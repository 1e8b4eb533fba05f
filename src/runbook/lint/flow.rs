//! Where steps lead: to steps that there are, round in circles, past steps that nothing reaches, into other runbooks.

use std::collections::BTreeSet;

use super::super::diagnostic::{Diagnostic, did_you_mean};
use super::super::step::{OnFailure, Step, StepKind, Target, Wait};
use super::super::{BlockKind, Runbook, Style};
use super::Library;
use super::ways::{MOST_STEPS, Ways};

/// The targets of a step, with the word that names them.
fn named(step: &Step) -> Vec<(&'static str, &str)> {
    let mut names: Vec<(&'static str, &str)> = Vec::new();
    if let OnFailure::Goto(name) = &step.on_failure {
        names.push(("on-failure", name));
    }
    if let Some(Target::Step(name)) = &step.next {
        names.push(("next", name));
    }
    names.extend(step.verify.iter().map(|name| ("verify", name.as_str())));
    names.extend(step.rollback.iter().map(|name| ("rollback", name.as_str())));
    match &step.kind {
        StepKind::Choice(choice) => {
            for option in &choice.options {
                if let Some(Target::Step(name)) = &option.goto {
                    names.push(("goto", name));
                }
            }
        }
        StepKind::Branch(branch) => {
            for to in branch.cases.iter().map(|(_, to)| to).chain(&branch.otherwise) {
                if let Target::Step(name) = to {
                    names.push(("goto", name));
                }
            }
        }
        StepKind::Wait(Wait::Until { check, .. }) => names.push(("until", check)),
        _ => {}
    }
    names
}

pub(super) fn check(book: &Runbook, ways: &Ways<'_>, found: &mut Vec<Diagnostic>) {
    for step in &book.steps {
        for (word, name) in named(step) {
            let target = ways.place(name).and_then(|place| book.steps.get(place));
            let Some(target) = target else {
                let mut diagnostic = Diagnostic::error(step.spot, format!("{word}: there is no step `{name}`"));
                diagnostic.hint = did_you_mean(name, book.steps.iter().map(|step| step.name.as_str()));
                found.push(diagnostic);
                continue;
            };
            let is_check = matches!(target.kind, StepKind::Check(..) | StepKind::Logs(_, Some(_)));
            let reads =
                is_check || matches!(target.kind, StepKind::Http(_) | StepKind::Kubectl(_)) && !target.kind.writes();
            if word == "until" && !is_check {
                found.push(Diagnostic::error(step.spot, format!("until: `{name}` is no check")));
            }
            if word == "verify" && !reads {
                found.push(Diagnostic::error(step.spot, format!("verify: `{name}` is no check")));
            }
        }
    }
    for (step, is_reached) in book.steps.iter().zip(ways.reached([0])) {
        if !is_reached {
            found.push(Diagnostic::warning(step.spot, format!("nothing leads to the step `{}`", step.name)));
        }
    }
    circles(book, ways, found);
}

/// Circles in which nobody is asked and no time passes.
fn circles(book: &Runbook, ways: &Ways<'_>, found: &mut Vec<Diagnostic>) {
    if book.steps.len() > MOST_STEPS {
        return;
    }
    for (place, step) in book.steps.iter().enumerate() {
        let pauses = |place: usize| {
            book.steps.get(place).is_some_and(|step| step.kind.asks() || matches!(step.kind, StepKind::Wait(_)))
        };
        if pauses(place) {
            continue;
        }
        let back = |from: usize| {
            let step = book.steps.get(from);
            // A verification comes back by itself, and only once.
            let verified = step.and_then(|step| step.verify.as_deref()).and_then(|name| ways.place(name));
            ways.onward(from, true).into_iter().filter(move |to| verified != Some(*to))
        };
        let mut open: Vec<usize> = back(place).collect();
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if at == place {
                // Told once for each circle: where it goes back.
                if ways.onward(place, true).iter().any(|to| *to <= place) {
                    let message = format!("from `{}` it can go round in circles without a pause", step.name);
                    found.push(
                        Diagnostic::warning(step.spot, message).hint("put a wait, a choice or an approve into it"),
                    );
                }
                break;
            }
            if !pauses(at) && seen.insert(at) {
                open.extend(back(at));
            }
        }
    }
}

pub(super) fn links(book: &Runbook, library: &dyn Library, found: &mut Vec<Diagnostic>) {
    let ids = library.ids();
    for step in &book.steps {
        let StepKind::Runbook(sub) = &step.kind else { continue };
        let mut stack = vec![book.id.clone()];
        if let Some(chain) = loops(&sub.id, library, &mut stack) {
            found.push(Diagnostic::error(sub.spot, format!("it would run inside of itself: {chain}")));
            continue;
        }
        let Some(other) = library.find(&sub.id) else {
            let mut diagnostic = Diagnostic::error(sub.spot, format!("there is no runbook `{}`", sub.id));
            diagnostic.hint = did_you_mean(&sub.id, ids.iter().map(String::as_str));
            found.push(diagnostic);
            continue;
        };
        for (name, template) in &sub.with {
            if other.parameter(name).is_none() {
                let message = format!("`{}` has no parameter `{name}`", sub.id);
                let mut diagnostic = Diagnostic::error(template.spot, message);
                diagnostic.hint = did_you_mean(name, other.parameters.iter().map(|known| known.name.as_str()));
                found.push(diagnostic);
            }
        }
        for parameter in other.parameters.iter().filter(|known| known.required && known.default.is_none()) {
            if !sub.with.iter().any(|(name, _)| *name == parameter.name) {
                let message = format!("`{}` needs the parameter `{}`", sub.id, parameter.name);
                found.push(Diagnostic::error(sub.spot, message));
            }
        }
    }
    for block in &book.blocks {
        let (BlockKind::Paragraph(spans) | BlockKind::Item { text: spans, .. }) = &block.kind else { continue };
        for span in spans {
            let Style::Link(to) = &span.style else { continue };
            let path = to.split('#').next().unwrap_or_default();
            let local = path.strip_suffix(".md").filter(|path| !path.contains("://") && !path.contains("../"));
            let Some(id) = local.map(|path| path.trim_start_matches("./")) else { continue };
            if id != book.id && !ids.is_empty() && !ids.iter().any(|known| known == id) {
                let spot = super::Spot::new(block.lines.start, 1);
                let mut diagnostic = Diagnostic::warning(spot, format!("the link to {to} leads to no runbook"));
                diagnostic.hint = did_you_mean(id, ids.iter().map(String::as_str));
                found.push(diagnostic);
            }
        }
    }
}

/// The chain of runbooks that leads back into itself.
fn loops(id: &str, library: &dyn Library, stack: &mut Vec<String>) -> Option<String> {
    if stack.iter().any(|known| known == id) {
        return Some(format!("{} → {id}", stack.join(" → ")));
    }
    if stack.len() > super::super::run::DEEPEST {
        return Some(format!("{} → …, more than {} deep", stack.join(" → "), super::super::run::DEEPEST));
    }
    let book = library.find(id)?;
    stack.push(id.to_owned());
    let found = book.steps.iter().find_map(|step| match &step.kind {
        StepKind::Runbook(sub) => loops(&sub.id, library, stack),
        _ => None,
    });
    stack.pop();
    found
}
