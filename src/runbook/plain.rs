//! Any Markdown: what can be done of it is offered, and nothing runs that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::Spot;
use super::drafts::Draft;
use super::outline::{numbered, step};
use super::placeholders::{self, Placeholder};
use super::step::{Command, Query, Shell, StepKind, Template};
use super::{BlockKind, Runbook, Span, Style, kubectl, promql};

/// Fences that a shell reads.
const SHELLS: [&str; 8] = ["sh", "bash", "shell", "console", "shell-session", "shellsession", "zsh", "terminal"];

/// What is found in one block of code.
struct Found {
    kind: StepKind,
    line: usize,
}

/// The steps of a plain file, and the parameters that they need.
pub(super) fn steps(book: &mut Runbook, drafts: &[Draft]) {
    let mut set = BTreeSet::new();
    for block in &book.blocks {
        if let BlockKind::Code { text, .. } = &block.kind {
            placeholders::set_in(text, &mut set);
        }
    }
    let mut reader = Reader { set, named: BTreeMap::new() };
    let mut steps = Vec::new();
    for draft in drafts {
        let mut number = 0;
        let mut push = |found: Found, number: &mut usize| {
            let spot = Spot::new(found.line, 1);
            let mut one = step(numbered(&draft.title, *number), draft, &book.blocks, spot, found.kind);
            // Nobody wrote this file to be run: a failure stops nothing, and everything but a read is asked for twice.
            one.on_failure = super::step::OnFailure::Continue;
            one.confirm = matches!(one.kind, StepKind::Command(_));
            *number += 1;
            steps.push(one);
        };
        for block in &book.blocks[draft.blocks.clone()] {
            match &block.kind {
                BlockKind::Code { info, text, first } => {
                    for found in reader.code(info, text, *first) {
                        push(found, &mut number);
                    }
                }
                BlockKind::Paragraph(spans) | BlockKind::Item { text: spans, .. } => {
                    for found in reader.prose(spans, block.lines.start) {
                        push(found, &mut number);
                    }
                }
                _ => {}
            }
        }
        if draft.task || (number == 0 && is_headed(book, draft)) {
            let spot = Spot::new(book.blocks[draft.blocks.start].lines.start, 1);
            let kind =
                if draft.task { StepKind::Manual(Template::new(literal(&draft.title), spot)) } else { StepKind::Note };
            push(Found { kind, line: spot.line }, &mut number);
        }
    }
    book.parameters = reader.named.into_iter().map(|(name, spot)| placeholders::parameter(&name, spot)).collect();
    book.steps = steps;
}

/// Text of a plain file is no template, whatever braces are in it.
fn literal(text: &str) -> String {
    text.replace("{{", "{ {")
}

/// A heading, or an item, is a step even when nothing can be done there; an introduction is none.
fn is_headed(book: &Runbook, draft: &Draft) -> bool {
    let first = book.blocks.get(draft.blocks.start);
    let headed = first.is_some_and(|block| match &block.kind {
        BlockKind::Heading { level, .. } => *level > 1,
        BlockKind::Item { .. } => true,
        _ => false,
    });
    let introduction = book.sections.get(draft.section).is_some_and(|section| section.title.is_empty());
    headed && (!introduction || !matches!(first.map(|block| &block.kind), Some(BlockKind::Heading { .. })))
}

/// A line of kubectl that is answered natively or is one of our actions, and the placeholders in it.
type Known = (StepKind, Vec<Placeholder>);

struct Reader {
    /// Variables that the document sets itself.
    set: BTreeSet<String>,
    /// Placeholders, and where each is first.
    named: BTreeMap<String, Spot>,
}

impl Reader {
    fn know(&mut self, found: &[Placeholder], line: usize) {
        for one in found {
            self.named.entry(one.name.clone()).or_insert(Spot::new(line, 1));
        }
    }

    fn code(&mut self, info: &str, text: &str, first: usize) -> Vec<Found> {
        let word = info.split(|c: char| c.is_whitespace() || matches!(c, '{' | ',' | ':')).next().unwrap_or_default();
        let word = word.trim_start_matches('.').to_lowercase();
        if word == "promql" {
            return self.promql(text, first).into_iter().collect();
        }
        let is_shell = SHELLS.contains(&word.as_str());
        let says_nothing = word.is_empty() || word == "text" || word == "plaintext" || word == "txt";
        if !is_shell && !says_nothing {
            return Vec::new();
        }
        let transcript = transcript(text, word == "console" || word.contains("session"));
        if let Some(commands) = transcript {
            return commands
                .into_iter()
                .filter_map(|(line, command)| self.shell(&command, first + line, &word))
                .collect();
        }
        if says_nothing {
            let begins = |line: &str| line.starts_with("kubectl ");
            if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || begins(line))
                && text.lines().map(str::trim).any(begins)
            {
                return self.lines(text, first, "sh");
            }
            if looks_like_promql(text) {
                return self.promql(text, first).into_iter().collect();
            }
            return Vec::new();
        }
        self.lines(text, first, &word)
    }

    /// A block in which every line is one of kubectl is so many steps; any other is one script.
    fn lines(&mut self, text: &str, first: usize, word: &str) -> Vec<Found> {
        let commands = joined(text);
        // Read once: `None` of the whole when a line is anything else, `None` of a line that is only there to copy.
        let read: Option<Vec<Option<Known>>> = commands
            .iter()
            .map(|(line, command)| match self.kubectl(command, first + line) {
                Some(known) => Some(Some(known)),
                None => copied(command).map(|_| None),
            })
            .collect();
        if let Some(read) = read.filter(|read| !read.is_empty()) {
            let mut found = Vec::with_capacity(read.len());
            for ((line, command), known) in commands.into_iter().zip(read) {
                let line = first + line;
                match known {
                    Some((kind, names)) => {
                        self.know(&names, line);
                        found.push(Found { kind, line });
                    }
                    None => found.extend(self.script(&command, line, word)),
                }
            }
            return found;
        }
        self.script(text, first, word).into_iter().collect()
    }

    fn shell(&mut self, command: &str, line: usize, word: &str) -> Option<Found> {
        if let Some((kind, found)) = self.kubectl(command, line) {
            self.know(&found, line);
            return Some(Found { kind, line });
        }
        self.script(command, line, word)
    }

    /// A line of kubectl that is answered natively or is one of our actions.
    fn kubectl(&self, command: &str, line: usize) -> Option<Known> {
        let command = command.trim();
        if !command.starts_with("kubectl ") {
            return None;
        }
        let mut found = placeholders::find(command, &self.set);
        // Braces that are kubectl's own (`-o go-template`) are no templates of ours.
        if placeholders::replaced(command, &found, |_, _| String::new()).contains("{{") {
            return None;
        }
        let text = placeholders::templated(command, &found);
        let spot = Spot::new(line, 1);
        if let kubectl::Line::Known(known) = kubectl::parse(&text, spot) {
            return Some((StepKind::Kubectl(known), found));
        }
        // Our actions say where; a line that leaves it to the person's context means the alert's namespace.
        if let kubectl::Line::Known(known) = kubectl::parse(&format!("{text} -n {{{{ namespace }}}}"), spot) {
            found.push(Placeholder { at: 0..0, name: "namespace".into(), variable: None });
            return Some((StepKind::Kubectl(known), found));
        }
        None
    }

    fn script(&mut self, text: &str, line: usize, word: &str) -> Option<Found> {
        let code = text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'));
        if !code {
            return None;
        }
        let found = placeholders::find(text, &self.set);
        self.know(&found, line);
        let (script, only_to_copy) = match placeholders::scripted(text, &found) {
            Some(script) => (script, copied(text)),
            None => (text.to_owned(), Some("a placeholder stands in a here-document".to_owned())),
        };
        let shell = match word {
            "bash" => Shell::Bash,
            "zsh" => Shell::Other,
            _ => Shell::Sh,
        };
        let variables: BTreeSet<(String, String)> =
            found.into_iter().map(|one| (one.variable.unwrap_or_else(|| one.name.clone()), one.name)).collect();
        let environment = variables.into_iter().collect();
        let command = Command { shell, script, environment, only_to_copy, spot: Spot::new(line, 1) };
        Some(Found { kind: StepKind::Command(command), line })
    }

    fn promql(&mut self, text: &str, line: usize) -> Option<Found> {
        let found = placeholders::find(text.trim(), &self.set);
        if placeholders::replaced(text.trim(), &found, |_, _| String::new()).contains("{{") {
            return None;
        }
        let template = Template::new(placeholders::templated(text.trim(), &found), Spot::new(line, 1));
        promql::shape(&template).ok()?;
        self.know(&found, line);
        Some(Found { kind: StepKind::Query(Query { expression: template }), line })
    }

    /// Code in prose that can only be PromQL, or a line of kubectl that reads.
    fn prose(&mut self, spans: &[Span], line: usize) -> Vec<Found> {
        let codes = spans.iter().filter(|span| span.style == Style::Code).map(|span| span.text.as_str());
        let mut found = Vec::new();
        for code in codes {
            if looks_like_promql(code) {
                found.extend(self.promql(code, line));
            } else if let Some((kind, names)) = self.kubectl(code, line)
                && !kind.writes()
                && code.split_whitespace().count() > 2
            {
                self.know(&names, line);
                found.push(Found { kind, line });
            }
        }
        found
    }
}

/// Why a script is only there to copy: nothing in it but lines of kubectl, and one of them writes what we do not.
fn copied(script: &str) -> Option<String> {
    let lines = joined(script);
    let all = lines.iter().all(|(_, line)| line.starts_with("kubectl "));
    lines.iter().filter(|_| all).find_map(|(_, line)| kubectl::only_to_copy(line))
}

/// Is it meant as PromQL, if it parses as that? A word, a number or a comparison of two words is PromQL, too, and mostly is
/// not meant. Only looked at here: parsing is what costs, and is done once.
fn looks_like_promql(text: &str) -> bool {
    let text = text.trim();
    if text.len() > 4096 || text.contains("kubectl") || !text.contains(['{', '[', '(']) {
        return false;
    }
    let matcher = text.contains("=\"") || text.contains("=~\"") || text.contains("='");
    let range = text.contains("m]") || text.contains("h]") || text.contains("s]") || text.contains("d]");
    let calls = [
        "rate(",
        "increase(",
        "sum(",
        "sum by",
        "avg(",
        "max(",
        "min(",
        "count(",
        "histogram_quantile(",
        "topk(",
        "absent(",
    ];
    let call = calls.iter().any(|call| text.contains(call));
    (matcher && text.contains('{')) || (range && text.contains('[')) || (call && text.contains('_'))
}

/// Lines with what continues them, without empty lines and comments.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        if open && let Some((_, last)) = out.last_mut() {
            last.push('\n');
            last.push_str(line);
        } else if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            out.push((number, line.trim_start().to_owned()));
        } else {
            continue;
        }
        open = line.ends_with('\\');
    }
    out
}

/// The commands of a console transcript: what follows a prompt, and what continues that. `None` when it is none.
fn transcript(text: &str, is_console: bool) -> Option<Vec<(usize, String)>> {
    let prompt = |line: &str| -> Option<String> {
        let line = line.trim_start();
        if let Some(command) = line.strip_prefix("$ ") {
            return Some(command.to_owned());
        }
        // `user@host:~$ `, and in what says that it is a console also root's `# `.
        let (head, command) = line.split_once("$ ").or_else(|| line.split_once("# "))?;
        let named = head.contains('@') && !head.contains(' ') && head.len() < 60;
        let root = is_console && head.is_empty() && line.starts_with("# ");
        (named || root).then(|| command.to_owned())
    };
    if !text.lines().any(|line| prompt(line).is_some()) {
        return None;
    }
    let mut out: Vec<(usize, String)> = Vec::new();
    // A command goes on after `\`, behind `> `, and until its here-document ends.
    let (mut open, mut document): (bool, Option<String>) = (false, None);
    for (number, line) in text.lines().enumerate() {
        if let (Some(end), Some((_, last))) = (document.clone(), out.last_mut()) {
            let body = line.trim_start().strip_prefix("> ").unwrap_or(line);
            last.push('\n');
            last.push_str(body);
            if body.trim() == end {
                document = None;
            }
        } else if open && let Some((_, last)) = out.last_mut() {
            let line = line.trim_start();
            last.push('\n');
            last.push_str(line.strip_prefix("> ").unwrap_or(line));
            open = line.ends_with('\\');
        } else if let Some(command) = prompt(line) {
            open = command.ends_with('\\');
            document = here(&command);
            out.push((number, command));
        }
    }
    Some(out)
}

/// The word that ends the here-document which this line begins.
fn here(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("<<")?;
    if rest.starts_with('<') {
        return None;
    }
    let word = rest.trim_start_matches('-').trim_start();
    let word: String =
        word.trim_start_matches(['"', '\'']).chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    Some(word).filter(|word| !word.is_empty())
}
