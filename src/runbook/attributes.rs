//! The info string of a fence: a word, and attributes in braces.

use super::diagnostic::{Diagnostic, Spot, did_you_mean};

/// Words that make a block executable.
pub const WORDS: [&str; 14] = [
    "promql", "action", "kubectl", "logs", "sh", "bash", "http", "input", "choice", "approve", "manual", "wait",
    "branch", "runbook",
];

/// Every attribute.
pub const NAMES: [&str; 13] = [
    "name",
    "when",
    "on-failure",
    "next",
    "timeout",
    "attempts",
    "confirm",
    "capture",
    "verify",
    "rollback",
    "assert",
    "for",
    "empty",
];

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its value; a flag's is `true`.
    pub value: String,
    /// Where its name stands.
    pub spot: Spot,
}

/// An info string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The first word.
    pub word: String,
    /// The attributes, in order.
    pub attributes: Vec<Attribute>,
    /// There were braces.
    pub braces: bool,
}

impl Info {
    /// The value of an attribute, and where it stands.
    pub fn get(&self, name: &str) -> Option<(&str, Spot)> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name)?;
        Some((&found.value, found.spot))
    }
}

/// Reads an info string that begins at `spot`.
pub fn read(text: &str, spot: Spot, found: &mut Vec<Diagnostic>) -> Info {
    let trimmed = text.trim_start();
    let begin = text.len() - trimmed.len();
    let end = trimmed.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(trimmed.len());
    let mut info = Info { word: trimmed[..end].to_owned(), ..Info::default() };
    let rest = &trimmed[end..];
    let Some(open) = rest.find('{').filter(|open| rest[..*open].trim().is_empty()) else { return info };
    info.braces = true;
    let column = |byte: usize| spot.column + text[..byte].chars().count();
    let mut at = begin + end + open + 1;
    loop {
        let tail = &text[at..];
        let skipped = tail.len() - tail.trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
        at += skipped;
        let tail = &text[at..];
        let place = Spot::new(spot.line, column(at));
        if let Some(after) = tail.strip_prefix('}') {
            let after = after.trim();
            if !after.is_empty() {
                found.push(Diagnostic::error(place, format!("`{after}` stands after the `}}`")));
            }
            break;
        }
        if tail.is_empty() {
            found.push(Diagnostic::error(place, "the attributes have no `}`"));
            break;
        }
        let length = tail.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'))).unwrap_or(tail.len());
        if length == 0 {
            found.push(Diagnostic::error(place, "an attribute is written key=\"value\""));
            break;
        }
        let name = tail[..length].to_owned();
        at += length;
        let value = match text[at..].strip_prefix('=') {
            None => "true".to_owned(),
            Some(rest) => {
                let (value, used) = value(rest);
                at += 1 + used;
                if let Some(value) = value {
                    value
                } else {
                    found.push(Diagnostic::error(place, format!("the value of `{name}` has no closing quote")));
                    break;
                }
            }
        };
        if info.attributes.iter().any(|known| known.name == name) {
            found.push(Diagnostic::error(place, format!("`{name}` stands here twice")));
        }
        if !NAMES.contains(&name.as_str()) {
            let mut diagnostic = Diagnostic::error(place, format!("there is no attribute `{name}`"));
            diagnostic.hint = did_you_mean(&name, NAMES).or_else(|| Some(format!("there are {}", NAMES.join(", "))));
            found.push(diagnostic);
        }
        info.attributes.push(Attribute { name, value, spot: place });
    }
    info
}

/// A value, and how many bytes it takes; `None` when its quote does not end.
fn value(text: &str) -> (Option<String>, usize) {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = text.find(|c: char| c.is_whitespace() || matches!(c, '}' | ',')).unwrap_or(text.len());
        return (Some(text[..end].to_owned()), end);
    };
    let mut out = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            c if escaped => {
                out.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return (Some(out), at + c.len_utf8()),
            c => out.push(c),
        }
    }
    (None, text.len())
}
