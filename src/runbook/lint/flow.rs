//! Where steps lead: to steps that there are, round in circles, past steps that nothing reaches, into other runbooks.

use std::collections::BTreeSet;

use super::super::diagnostic::{Diagnostic, did_you_mean};
use super::super::step::{OnFailure, Step, StepKind, Target, Wait};
use super::super::{BlockKind, Runbook, Style};
use super::Library;

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

/// The steps to which one can lead by itself.
fn onward(book: &Runbook, place: usize, without_people: bool) -> Vec<usize> {
    let Some(step) = book.steps.get(place) else { return Vec::new() };
    let find = |target: &Target| match target {
        Target::Step(name) => book.step(name),
        Target::End => None,
    };
    let taken_back = |place: usize| {
        let name = book.steps.get(place).map(|step| step.name.as_str());
        book.steps.iter().any(|step| step.rollback.as_deref() == name && name.is_some())
    };
    let following = || (place + 1..book.steps.len()).find(|place| !taken_back(*place));
    let next = || step.next.as_ref().map_or_else(following, find);
    let mut to = Vec::new();
    match &step.kind {
        StepKind::Branch(branch) => {
            to.extend(branch.cases.iter().filter_map(|(_, target)| find(target)));
            to.extend(branch.otherwise.as_ref().map_or_else(next, find));
        }
        StepKind::Choice(choice) => {
            if !without_people {
                for option in &choice.options {
                    to.extend(option.goto.as_ref().map_or_else(next, find));
                }
            }
        }
        kind if kind.asks() && without_people => {}
        _ => to.extend(next()),
    }
    // A condition that is false passes over a step, whatever it would have done.
    if step.when.is_some() {
        to.extend(next());
    }
    if let OnFailure::Goto(name) = &step.on_failure {
        to.extend(book.step(name));
    }
    let offered = [&step.verify, &step.rollback];
    to.extend(offered.into_iter().flatten().filter_map(|name| book.step(name)));
    to
}

pub(super) fn check(book: &Runbook, found: &mut Vec<Diagnostic>) {
    for step in &book.steps {
        for (word, name) in named(step) {
            let target = book.step(name).and_then(|place| book.steps.get(place));
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
    reached(book, found);
    circles(book, found);
}

fn reached(book: &Runbook, found: &mut Vec<Diagnostic>) {
    let mut open = vec![0];
    let mut seen = BTreeSet::new();
    while let Some(place) = open.pop() {
        if place < book.steps.len() && seen.insert(place) {
            open.extend(onward(book, place, false));
        }
    }
    for (place, step) in book.steps.iter().enumerate() {
        if !seen.contains(&place) {
            found.push(Diagnostic::warning(step.spot, format!("nothing leads to the step `{}`", step.name)));
        }
    }
}

/// Circles in which nobody is asked and no time passes.
fn circles(book: &Runbook, found: &mut Vec<Diagnostic>) {
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
            let verified = step.and_then(|step| step.verify.as_deref()).and_then(|name| book.step(name));
            onward(book, from, true).into_iter().filter(move |to| verified != Some(*to))
        };
        let mut open: Vec<usize> = back(place).collect();
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if at == place {
                // Told once for each circle: where it goes back.
                if onward(book, place, true).iter().any(|to| *to <= place) {
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
