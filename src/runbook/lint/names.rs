//! Variables that nothing gives a value, and values that nothing uses.

use std::collections::BTreeSet;

use super::super::action::Kubectl;
use super::super::diagnostic::{Diagnostic, Severity, Spot, did_you_mean};
use super::super::parameter::Type;
use super::super::splice::{self, Piece};
use super::super::step::{LogSource, Step, StepKind, Template, Wait};
use super::super::{Block, BlockKind, Runbook, Span, act, text_of};

/// What a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// With `{{ }}` in it.
    Text,
    /// One expression.
    Condition,
    /// One expression over what was read.
    Assertion,
}

pub(super) fn texts(step: &Step) -> Vec<(&Template, Of)> {
    let mut found: Vec<(&Template, Of)> = step.when.iter().map(|when| (when, Of::Condition)).collect();
    let mut text = |template| found.push((template, Of::Text));
    match &step.kind {
        StepKind::Note | StepKind::Command(_) => {}
        StepKind::Check(query, assertion) => {
            text(&query.expression);
            found.push((&assertion.test, Of::Assertion));
        }
        StepKind::Query(query) => text(&query.expression),
        StepKind::Logs(logs, assertion) => {
            match &logs.source {
                LogSource::Workload(of) | LogSource::Pod(of) => text(of),
            }
            [&logs.container, &logs.contains, &logs.since, &logs.lines].into_iter().flatten().for_each(text);
            found.extend(assertion.iter().map(|assertion| (&assertion.test, Of::Assertion)));
        }
        StepKind::Manual(template) | StepKind::Approve(template) | StepKind::Incident(_, template) => text(template),
        StepKind::Input(input) => {
            text(&input.ask);
            input.default.iter().for_each(text);
        }
        StepKind::Choice(choice) => {
            text(&choice.ask);
            for option in &choice.options {
                text(&option.label);
                option.value.iter().for_each(&mut text);
            }
        }
        StepKind::Wait(Wait::For(span)) => text(span),
        StepKind::Wait(Wait::Until { at_most, .. }) => text(at_most),
        StepKind::Branch(branch) => found.extend(branch.cases.iter().map(|(when, _)| (when, Of::Condition))),
        StepKind::Action(deed) | StepKind::Kubectl(Kubectl::Act(deed)) => act::templates(deed).for_each(text),
        StepKind::Kubectl(Kubectl::Read(arguments)) => arguments.iter().for_each(text),
        StepKind::Http(http) => {
            text(&http.url);
            http.headers.iter().for_each(|(_, value)| text(value));
            http.body.iter().for_each(text);
        }
        StepKind::Runbook(sub) => sub.with.iter().for_each(|(_, value)| text(value)),
    }
    found
}

/// The expressions of a text, with their places.
pub(super) fn expressions(template: &Template, of: Of) -> Result<Vec<(String, Spot)>, (String, Spot)> {
    if of != Of::Text {
        return Ok(vec![(template.text.clone(), template.spot)]);
    }
    let place = |at: usize| {
        let before = template.text.get(..at).unwrap_or_default();
        match before.rsplit_once('\n') {
            Some((above, last)) => {
                Spot::new(template.spot.line + above.matches('\n').count() + 1, last.chars().count() + 1)
            }
            None => Spot::new(template.spot.line, template.spot.column + before.chars().count()),
        }
    };
    let pieces = splice::pieces(&template.text).map_err(|error| (error.why, place(error.at)))?;
    Ok(pieces
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Expression(expression, at) => Some((expression.to_owned(), place(at))),
            Piece::Literal(_) => None,
        })
        .collect())
}

/// Names of parameters and captures.
fn known(book: &Runbook) -> BTreeSet<&str> {
    let parameters = book.parameters.iter().map(|parameter| parameter.name.as_str());
    parameters.chain(book.steps.iter().filter_map(|step| step.capture.as_deref())).collect()
}

/// The same for what is only shown: an error in the templates of an incident and in headings (they are titles), a warning
/// in prose, which stays as it is written.
pub(super) fn shown(book: &Runbook, found: &mut Vec<Diagnostic>) {
    let known = known(book);
    let source: Vec<&str> = book.source.lines().collect();
    for block in &book.blocks {
        let (texts, is_title): (Vec<&[Span]>, bool) = match &block.kind {
            BlockKind::Heading { text, .. } => (vec![text], true),
            BlockKind::Paragraph(text) | BlockKind::Item { text, .. } => (vec![text], false),
            BlockKind::Table(rows) => (rows.iter().flatten().map(Vec::as_slice).collect(), false),
            _ => continue,
        };
        for text in texts {
            let text = text_of(text);
            if !text.contains("{{") {
                continue;
            }
            let mut wrong = Vec::new();
            match splice::pieces(&text) {
                Err(error) => wrong.push(Diagnostic::error(place(&source, block, "{{"), error.why)),
                Ok(pieces) => {
                    for piece in pieces {
                        let Piece::Expression(expression, _) = piece else { continue };
                        check(expression, place(&source, block, expression), Of::Text, book, &known, &mut wrong);
                    }
                }
            }
            if !is_title {
                for diagnostic in &mut wrong {
                    diagnostic.severity = Severity::Warning;
                }
            }
            found.append(&mut wrong);
        }
    }
    for (text, spot) in book.meta.incident.iter().flat_map(|incident| &incident.spots) {
        match expressions(&Template::new(text, *spot), Of::Text) {
            Err((why, spot)) => found.push(Diagnostic::error(spot, why)),
            Ok(list) => list.iter().for_each(|(one, spot)| check(one, *spot, Of::Text, book, &known, found)),
        }
    }
}

/// Where an expression stands in the lines of a block.
fn place(source: &[&str], block: &Block, expression: &str) -> Spot {
    let lines = block.lines.clone().filter_map(|line| Some((line, *source.get(line - 1)?)));
    let mut found = lines.filter_map(|(line, text)| {
        let open = text.find("{{")?;
        let at = text.get(open..)?.find(expression)?;
        Some(Spot::new(line, text[..open + at].chars().count() + 1))
    });
    found.next().unwrap_or(Spot::new(block.lines.start, 1))
}

/// Templates that name what nothing gives: no parameter, and no capture. They are errors before anything runs.
pub fn unknown(book: &Runbook) -> Vec<Diagnostic> {
    let known = known(book);
    let mut found = Vec::new();
    for step in &book.steps {
        for (template, of) in texts(step) {
            match expressions(template, of) {
                Err((why, spot)) => found.push(Diagnostic::error(spot, why)),
                Ok(list) => {
                    for (expression, spot) in list {
                        check(&expression, spot, of, book, &known, &mut found);
                    }
                }
            }
        }
    }
    found
}

fn check(expression: &str, spot: Spot, of: Of, book: &Runbook, known: &BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    let names = match splice::names(expression) {
        Ok(names) => names,
        Err(why) => {
            found.push(Diagnostic::error(spot, format!("`{expression}` is no expression: {why}")));
            return;
        }
    };
    for name in names {
        let (root, field) = name.split_once('.').map_or((name.as_str(), None), |(root, field)| (root, Some(field)));
        let own = of == Of::Assertion && matches!(root, "value" | "values" | "count");
        if !own && !known.contains(root) {
            let mut diagnostic = Diagnostic::error(spot, format!("nothing gives `{root}` a value"));
            let meant = did_you_mean(root, known.iter().copied());
            diagnostic.hint = meant.or_else(|| Some("declare it under `parameters`, or `capture` it".into()));
            found.push(diagnostic);
            continue;
        }
        let parameter = book.parameter(root);
        let is_workload = parameter.is_some_and(|parameter| parameter.kind == Type::Workload);
        if let (Some(field), Some(_)) = (field, parameter) {
            let first = field.split('.').next().unwrap_or_default();
            if !is_workload {
                found.push(Diagnostic::error(spot, format!("`{root}` is no workload: it has no `{first}`")));
            } else if !["name", "namespace", "kind", "path"].contains(&first) {
                let wrong = Diagnostic::error(spot, format!("a workload has no `{first}`"));
                found.push(wrong.hint("it has name, namespace, kind and path"));
            }
        }
    }
}

/// Parameters that nothing uses. A script knows all of them, so where there is one nothing is said.
pub(super) fn unused(book: &Runbook) -> Vec<Diagnostic> {
    if book.steps.iter().any(|step| matches!(step.kind, StepKind::Command(_))) {
        return Vec::new();
    }
    let source = book.source.as_ref();
    let body = source.find("\n---").map_or(source, |at| &source[at..]);
    let incident = book.meta.incident.iter().flat_map(|incident| incident.spots.iter().map(|(text, _)| text.as_str()));
    let rest: Vec<&str> = std::iter::once(body).chain(incident).collect();
    let named = |name: &str| {
        rest.iter().any(|text| {
            text.match_indices(name).any(|(at, _)| {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word)
            })
        })
    };
    let idle = book.parameters.iter().filter(|parameter| !named(&parameter.name));
    idle.map(|parameter| Diagnostic::warning(parameter.spot, format!("nothing uses `{}`", parameter.name))).collect()
}
