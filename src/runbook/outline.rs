//! From text to sections and steps: what is a step, what it is called, and which of its blocks does something.

use std::collections::BTreeSet;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::attributes::{self, Info};
use super::bodies::{self, Body};
use super::diagnostic::{Diagnostic, Spot, did_you_mean};
use super::front_matter::{self, Fence, Matter};
use super::step::{OnFailure, Step, StepKind, Template};
use super::{
    Block, BlockKind, LARGEST, Origin, Parsed, Purpose, Runbook, Section, markdown, parameter, plain, text_of,
};

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

/// A step before its blocks are looked at.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub title: String,
    pub section: usize,
    /// Its blocks, by number.
    pub blocks: Range<usize>,
    /// A task of a list: done by hand.
    pub task: bool,
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
    if let Some(why) = plain::other_format(text, &origin.place) {
        return refuse(why, "write it as Markdown, or convert it: pandoc -t gfm");
    }
    let mut found = Vec::new();
    let split = front_matter::split(text);
    let matter = split.as_ref().map(|split| front_matter::matter(split, &mut found)).unwrap_or_default();
    let (first, rest) = split.as_ref().map_or((1, text), |split| (split.lines + 1, split.rest));
    let rewritten = if matter.native { None } else { plain::admonitions(rest) };
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
    let (sections, drafts) = drafts(&blocks, matter.native, &title);
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

/// Sections, and what may be steps in them.
fn drafts(blocks: &[Block], native: bool, title: &str) -> (Vec<Section>, Vec<Draft>) {
    let end = blocks.last().map_or(1, |block| block.lines.end);
    let level = |block: &Block| match block.kind {
        BlockKind::Heading { level, .. } if block.depth == 0 && block.quotes == 0 => Some(level),
        _ => None,
    };
    // Plain files may use one level more or less for the same thing.
    let levels: BTreeSet<u8> = blocks.iter().filter_map(level).collect();
    let of_section =
        if native || levels.contains(&2) { 2 } else { levels.iter().copied().find(|level| *level > 1).unwrap_or(1) };
    let of_step = of_section + 1;
    let starts: Vec<usize> = blocks
        .iter()
        .enumerate()
        .filter(|(_, block)| level(block).is_some_and(|of| of <= of_section && (of > 1 || of_section == 1)))
        .map(|(at, _)| at)
        .collect();
    let mut ranges: Vec<(String, Range<usize>)> = Vec::new();
    let begin = starts.first().copied().unwrap_or(blocks.len());
    if begin > 0 {
        ranges.push((String::new(), 0..begin));
    }
    for (number, start) in starts.iter().enumerate() {
        let until = starts.get(number + 1).copied().unwrap_or(blocks.len());
        let text = match &blocks[*start].kind {
            BlockKind::Heading { text, .. } => text_of(text),
            _ => String::new(),
        };
        ranges.push((text, *start..until));
    }
    let mut sections = Vec::new();
    let mut drafts = Vec::new();
    for (number, (heading, range)) in ranges.into_iter().enumerate() {
        let line = |at: usize| blocks.get(at).map_or(end, |block| block.lines.start);
        let purpose = Purpose::of(&heading);
        sections.push(Section { title: heading.clone(), purpose, lines: line(range.start)..line(range.end) });
        let name = if heading.is_empty() { title.to_owned() } else { heading };
        section(blocks, range, number, &name, of_step, &mut drafts);
    }
    (sections, drafts)
}

fn section(blocks: &[Block], range: Range<usize>, number: usize, name: &str, of_step: u8, drafts: &mut Vec<Draft>) {
    let heads: Vec<usize> = range
        .clone()
        .filter(|at| {
            let block = &blocks[*at];
            matches!(&block.kind, BlockKind::Heading { level, .. } if *level == of_step)
                && block.depth == 0
                && block.quotes == 0
        })
        .collect();
    let draft = |title: String, blocks: Range<usize>, task| Draft { title, section: number, blocks, task };
    let first = heads.first().copied().unwrap_or(range.end);
    items(blocks, range.start..first, number, name, heads.is_empty(), drafts);
    for (at, head) in heads.iter().enumerate() {
        let until = heads.get(at + 1).copied().unwrap_or(range.end);
        let title = match &blocks[*head].kind {
            BlockKind::Heading { text, .. } => text_of(text),
            _ => String::new(),
        };
        let tasks: Vec<usize> = (*head..until).filter(|at| is_task(&blocks[*at])).collect();
        let does = (*head..until).any(|at| matches!(blocks[at].kind, BlockKind::Code { .. }));
        if does || tasks.is_empty() {
            drafts.push(draft(title, *head..until, false));
        }
        for task in tasks {
            drafts.push(draft(item_text(&blocks[task]), task..task + 1, true));
        }
    }
}

fn is_task(block: &Block) -> bool {
    matches!(block.kind, BlockKind::Item { task: Some(_), .. }) && block.depth == 1
}

fn item_text(block: &Block) -> String {
    match &block.kind {
        BlockKind::Item { text, .. } => text_of(text),
        _ => String::new(),
    }
}

/// Items that are steps, and what stands loose between them.
fn items(blocks: &[Block], range: Range<usize>, section: usize, name: &str, all: bool, drafts: &mut Vec<Draft>) {
    let mut at = range.start;
    let mut loose = range.start;
    let push_loose = |from: usize, until: usize, drafts: &mut Vec<Draft>| {
        // Code inside of an item that is no step belongs to the section, too.
        if (from..until).any(|at| matches!(blocks[at].kind, BlockKind::Code { .. })) {
            drafts.push(Draft { title: name.to_owned(), section, blocks: from..until, task: false });
        }
    };
    while at < range.end {
        let block = &blocks[at];
        let ordered = all && matches!(block.kind, BlockKind::Item { number: Some(_), .. });
        if block.depth == 1 && block.quotes == 0 && (ordered || is_task(block)) {
            push_loose(loose, at, drafts);
            let mut until = at + 1;
            while until < range.end
                && blocks[until].depth >= 1
                && !(blocks[until].depth == 1 && matches!(blocks[until].kind, BlockKind::Item { .. }))
            {
                until += 1;
            }
            drafts.push(Draft { title: item_text(block), section, blocks: at..until, task: is_task(block) });
            at = until;
            loose = until;
        } else {
            at += 1;
        }
    }
    push_loose(loose, range.end, drafts);
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
    if number == 0 { title.to_owned() } else { format!("{title} ({})", number + 1) }
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
            } else if let Some(near) =
                attributes::WORDS.iter().find(|word| strsim::damerau_levenshtein(word, &info.word) == 1)
            {
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
    for step in &mut book.steps {
        if let StepKind::Command(command) = &mut step.kind {
            command.environment = names.iter().map(|name| (name.clone(), name.clone())).collect();
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
