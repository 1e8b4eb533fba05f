//! Scripts that are dangerous, or use a value without quotes.

use super::super::Runbook;
use super::super::diagnostic::{Diagnostic, Spot};
use super::super::step::StepKind;

/// What a script hardly means to do, and why.
const UNSAFE: [(&str, &str); 12] = [
    ("rm -rf /", "this removes everything"),
    ("rm -fr /", "this removes everything"),
    ("| sh", "what is fetched is run without being looked at"),
    ("| bash", "what is fetched is run without being looked at"),
    ("|sh", "what is fetched is run without being looked at"),
    ("|bash", "what is fetched is run without being looked at"),
    ("eval ", "a value would become shell text"),
    ("sudo ", "it would wait for a password that nobody can type"),
    ("mkfs", "this makes a file system anew"),
    ("dd if=", "this may overwrite a disk"),
    (":(){", "this starts processes without end"),
    ("chmod -R 777", "everybody could write there"),
];

pub(super) fn check(book: &Runbook, found: &mut Vec<Diagnostic>) {
    for step in &book.steps {
        let StepKind::Command(command) = &step.kind else { continue };
        for (number, line) in command.script.lines().enumerate() {
            let code = line.split(" #").next().unwrap_or_default();
            if code.trim_start().starts_with('#') {
                continue;
            }
            let spot =
                |at: usize| Spot::new(command.spot.line + number, command.spot.column + line[..at].chars().count());
            for (word, why) in UNSAFE {
                let at = code.match_indices(word).map(|(at, _)| at).find(|at| {
                    // `| shuf` is no shell, `retrieval ` no eval.
                    let before = code[..*at].chars().next_back();
                    let after = code[*at + word.len()..].chars().next();
                    let alone = !word.ends_with("sh") || after.is_none_or(|c| !c.is_alphanumeric());
                    let begins = !word.starts_with(char::is_alphabetic) || before.is_none_or(|c| !c.is_alphanumeric());
                    // `rm -rf /tmp/x` is a path of its own.
                    let root = !word.ends_with(" /") || after.is_none_or(|c| c.is_whitespace() || c == '*');
                    alone && begins && root
                });
                if let Some(at) = at {
                    found.push(Diagnostic::warning(spot(at), format!("`{}`: {why}", word.trim())));
                }
            }
            for (variable, _) in command.environment.iter().filter(|_| code.contains('$')) {
                if let Some(at) = bare(code, variable) {
                    let wrong = Diagnostic::warning(spot(at), format!("`${variable}` without quotes falls into words"));
                    found.push(wrong.hint(format!("write \"${variable}\"")));
                }
            }
        }
        if step.timeout.is_none() {
            let wrong = Diagnostic::warning(step.spot, "a script without `timeout` is stopped after 30s");
            found.push(wrong.hint("say how long it may take: {timeout=\"2m\"}"));
        }
    }
}

/// Where a variable stands outside of quotes.
fn bare(line: &str, variable: &str) -> Option<usize> {
    let (mut single, mut double, mut escaped) = (false, false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !single => escaped = true,
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '$' if !single && !double => {
                let rest = line[at + 1..].trim_start_matches('{');
                let word = |c: char| c.is_alphanumeric() || c == '_';
                if rest.strip_prefix(variable).is_some_and(|rest| !rest.starts_with(word)) {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}
