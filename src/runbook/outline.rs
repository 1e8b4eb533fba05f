//! From text to a runbook: which of a step's blocks does something, with which attributes, and what it is called.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::attributes::{self, Info};
use super::bodies::{self, Body};
use super::diagnostic::{Diagnostic, Spot, did_you_mean};
use super::drafts::Draft;
use super::front_matter::{self, Fence, Matter};
use super::step::{OnFailure, Step, StepKind, Template};
use super::{Block, BlockKind, LARGEST, Origin, Parsed, Runbook, drafts, foreign, markdown, parameter, plain, text_of};

/// The digest of a text, in hex.
pub(super) fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A name as the parts of addresses are written.
pub(super) fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

pub(super) fn parse(text: &str, origin: Origin) -> Parsed {
    let refuse = |message: String, hint: &str| Parsed {
        runbook: None,
        diagnostics: vec![Diagnostic::error(Spot::new(1, 1), message).hint(hint)],
    };
    if text.len() > LARGEST {
        return refuse(format!("it has {} MB", text.len() / 1024 / 1024), "a runbook has at most 10 MB");
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(why) = foreign::other_format(text, &origin.place) {
        return refuse(why, "write it as Markdown, or convert it: pandoc -t gfm");
    }
    let mut found = Vec::new();
    let split = front_matter::split(text);
    let matter = split.as_ref().map(|split| front_matter::matter(split, &mut found)).unwrap_or_default();
    let (first, rest) = split.as_ref().map_or((1, text), |split| (split.lines + 1, split.rest));
    let rewritten = if matter.native { None } else { foreign::admonitions(rest) };
    let mut blocks = markdown::blocks(rewritten.as_deref().unwrap_or(rest), first);
    if let Some(split) = &split {
        let fence = if split.kind == Fence::Yaml { "---" } else { "+++" };
        let kind = BlockKind::FrontMatter(format!("{fence}\n{}{fence}", split.matter));
        blocks.insert(0, Block { lines: 1..split.lines + 1, depth: 0, quotes: 0, kind });
    }
    let book = build(text, origin, matter, blocks, &mut found);
    found.sort_by_key(|diagnostic| diagnostic.spot);
    Parsed { runbook: Some(book), diagnostics: found }
}

fn build(text: &str, origin: Origin, matter: Matter, blocks: Vec<Block>, found: &mut Vec<Diagnostic>) -> Runbook {
    let heading = blocks.iter().find_map(|block| match &block.kind {
        BlockKind::Heading { level: 1, text } => Some(text_of(text)),
        _ => None,
    });
    let title = matter.title.or(heading).filter(|title| !title.trim().is_empty());
    let title = title.unwrap_or_else(|| origin.stem().to_owned());
    if matter.native && matter.id.is_none() && !found.iter().any(Diagnostic::is_error) {
        found.push(Diagnostic::error(Spot::new(1, 1), "the front matter has no `id`"));
    }
    let id = matter.id.unwrap_or_else(|| slug(origin.stem()));
    let (sections, drafts) = drafts::drafts(&blocks, matter.native, &title);
    let source: Vec<&str> = text.lines().collect();
    let mut book = Runbook {
        id: if id.is_empty() { "untitled".into() } else { id },
        title,
        digest: digest(text),
        source: text.into(),
        native: matter.native,
        meta: matter.meta,
        parameters: matter.parameters,
        sections,
        steps: Vec::new(),
        blocks,
        origin,
    };
    if book.native {
        let mut steps = Vec::new();
        for draft in &drafts {
            native(draft, &book, &source, &mut steps, found);
        }
        book.steps = steps;
        environment(&mut book);
    } else {
        plain::steps(&mut book, &drafts);
    }
    name(&mut book.steps, found);
    book
}

/// A step with nothing said about it.
pub(super) fn step(title: String, draft: &Draft, blocks: &[Block], spot: Spot, kind: StepKind) -> Step {
    let lines = &blocks[draft.blocks.clone()];
    let begin = lines.first().map_or(spot.line, |block| block.lines.start);
    let end = lines.last().map_or(begin + 1, |block| block.lines.end);
    let reads = matches!(
        kind,
        StepKind::Check(..)
            | StepKind::Query(_)
            | StepKind::Logs(..)
            | StepKind::Kubectl(super::action::Kubectl::Read(_))
    );
    Step {
        name: String::new(),
        title,
        section: draft.section,
        lines: begin..end,
        spot,
        on_failure: if reads || matches!(kind, StepKind::Note) { OnFailure::Continue } else { OnFailure::Abort },
        kind,
        when: None,
        next: None,
        timeout: None,
        attempts: 1,
        confirm: false,
        capture: None,
        verify: None,
        rollback: None,
    }
}

/// The title of the nth executable block of one step.
pub(super) fn numbered(title: &str, number: usize) -> String {
    // The first has the whole of it; a long one is not repeated with every block.
    if number == 0 { title.to_owned() } else { format!("{} ({})", drafts::short(title), number + 1) }
}

fn native(draft: &Draft, book: &Runbook, source: &[&str], steps: &mut Vec<Step>, found: &mut Vec<Diagnostic>) {
    let mut number = 0;
    for block in &book.blocks[draft.blocks.clone()] {
        let BlockKind::Code { info, text, first } = &block.kind else { continue };
        // Blocks count lines of the whole file; the fence stands where its info string does.
        let line = block.lines.start;
        let raw = source.get(line - 1).copied().unwrap_or_default();
        let fence = Spot::new(
            line,
            raw.find(info.as_str()).filter(|_| !info.is_empty()).map_or(1, |at| raw[..at].chars().count() + 1),
        );
        let mut wrong = Vec::new();
        let info = attributes::read(info, fence, &mut wrong);
        if !attributes::WORDS.contains(&info.word.as_str()) {
            if info.braces {
                let mut diagnostic = Diagnostic::error(fence, format!("there is no kind of step `{}`", info.word));
                diagnostic.hint = did_you_mean(&info.word, attributes::WORDS)
                    .or_else(|| Some(format!("there are {}", attributes::WORDS.join(", "))));
                found.push(diagnostic);
            } else if let Some(near) = attributes::WORDS.iter().find(|word| is_near(word, &info.word)) {
                let message = format!("`{}` is only shown", info.word);
                found.push(Diagnostic::warning(fence, message).hint(format!("did you mean `{near}`?")));
            }
            continue;
        }
        found.append(&mut wrong);
        let column = source.get(first - 1).map_or(1, |raw| {
            let head = text.lines().next().unwrap_or_default();
            raw.find(head).filter(|_| !head.is_empty()).map_or(1, |at| raw[..at].chars().count() + 1)
        });
        let title = numbered(&draft.title, number);
        let body = Body { info: &info, text, spot: Spot::new(*first, column), fence, title: &draft.title };
        number += 1;
        let Some(kind) = bodies::kind(&body, found) else { continue };
        let mut step = step(title, draft, &book.blocks, fence, kind);
        attach(&mut step, &info, found);
        steps.push(step);
    }
    if number == 0 {
        let spot = Spot::new(book.blocks[draft.blocks.start].lines.start, 1);
        let kind = if draft.task { StepKind::Manual(Template::new(&draft.title, spot)) } else { StepKind::Note };
        steps.push(step(draft.title.clone(), draft, &book.blocks, spot, kind));
    }
}

/// Is it the word but for one letter?
fn is_near(word: &str, written: &str) -> bool {
    word.len().abs_diff(written.len()) <= 1 && strsim::damerau_levenshtein(word, written) == 1
}

/// The attributes of a step.
fn attach(step: &mut Step, info: &Info, found: &mut Vec<Diagnostic>) {
    for attribute in &info.attributes {
        let (value, spot) = (attribute.value.as_str(), attribute.spot);
        let mut wrong = |message: String| found.push(Diagnostic::error(spot, message));
        match attribute.name.as_str() {
            "name" => {
                if value.is_empty() || value == "end" || slug(value) != value {
                    wrong(format!("`{value}` is no name: lower-case letters, digits and dashes, and not `end`"));
                }
                value.clone_into(&mut step.name);
            }
            "when" => step.when = Some(Template::new(condition(value), spot)),
            "on-failure" => {
                step.on_failure = match value.split_once(':') {
                    Some(("goto", name)) if !name.is_empty() => OnFailure::Goto(name.to_owned()),
                    None if value == "abort" => OnFailure::Abort,
                    None if value == "continue" => OnFailure::Continue,
                    _ => {
                        wrong(format!("on-failure is abort, continue or goto:NAME, not `{value}`"));
                        OnFailure::Abort
                    }
                };
            }
            "next" => step.next = Some(bodies::target(value)),
            "timeout" => match parameter::seconds(value) {
                Some(seconds) if seconds > 0 => step.timeout = Some(seconds),
                _ => wrong(format!("timeout: `{value}` is no duration: write 30s or 5m")),
            },
            "attempts" => match value.parse() {
                Ok(attempts @ 1..=20) if attempts == 1 || !step.kind.writes() => step.attempts = attempts,
                Ok(1..=20) => wrong("only reads are tried again: this may change something twice".into()),
                _ => wrong(format!("attempts is a number from 1 to 20, not `{value}`")),
            },
            "confirm" => match value {
                "true" => step.confirm = true,
                "false" => step.confirm = false,
                _ => wrong(format!("confirm is true or false, not `{value}`")),
            },
            "capture" => {
                let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                if !value.starts_with(|c: char| c.is_ascii_lowercase()) || !value.chars().all(fits) {
                    wrong(format!("capture: `{value}` is no name: lower-case letters, digits and _"));
                }
                step.capture = Some(value.to_owned());
            }
            "verify" => step.verify = Some(value.to_owned()),
            "rollback" => step.rollback = Some(value.to_owned()),
            "assert" | "for" | "empty" if !matches!(info.word.as_str(), "promql" | "logs") => {
                wrong(format!("`{}` is for promql and logs", attribute.name));
            }
            _ => {}
        }
    }
}

/// An expression; braces around the whole of it are superfluous.
pub(super) fn condition(text: &str) -> &str {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    inner.filter(|inner| !inner.contains("{{")).map_or(trimmed, str::trim)
}

/// Every script knows every parameter and capture.
fn environment(book: &mut Runbook) {
    let mut names: BTreeSet<String> = book.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    names.extend(book.steps.iter().filter_map(|step| step.capture.clone()));
    let all: std::sync::Arc<[(String, String)]> = names.into_iter().map(|name| (name.clone(), name)).collect();
    for step in &mut book.steps {
        if let StepKind::Command(command) = &mut step.kind {
            command.environment = std::sync::Arc::clone(&all);
        }
    }
}

/// Gives every step a name of its own.
fn name(steps: &mut [Step], found: &mut Vec<Diagnostic>) {
    let mut taken = BTreeSet::new();
    for step in steps.iter().filter(|step| !step.name.is_empty()) {
        if !taken.insert(step.name.clone()) {
            found.push(Diagnostic::error(step.spot, format!("there are two steps with the name `{}`", step.name)));
        }
    }
    let mut next: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for step in steps.iter_mut().filter(|step| step.name.is_empty()) {
        let base =
            Some(slug(&step.title)).filter(|slug| !slug.is_empty() && slug != "end").unwrap_or_else(|| "step".into());
        let count = next.entry(base.clone()).or_insert(0);
        loop {
            *count += 1;
            let name = if *count == 1 { base.clone() } else { format!("{base}-{count}") };
            if taken.insert(name.clone()) {
                step.name = name;
                break;
            }
        }
    }
}
