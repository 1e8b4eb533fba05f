//! Takes secrets out of texts that leave the team: tokens, keys, passwords, addresses with a password or a secret path in
//! them, and long runs that look like nothing else.
//!
//! Kept on purpose: names and e-mail addresses of people (a record that does not say who did what is of no use to who
//! takes over), names of objects, and digests of images (`sha256:…`).

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// Pattern, and what is kept of it.
const RULES: [(&str, &str); 8] = [
    (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)", REDACTED),
    // The address of a webhook is its password.
    (
        r"(?i)(https?://(?:hooks\.slack\.com/(?:services|workflows|triggers)|[a-z.]*discord(?:app)?\.com/api(?:/v\d+)?/webhooks|[a-z0-9.-]*webhook\.office\.com|events\.pagerduty\.com/(?:integration|x-ere)|[a-z0-9.:-]+/(?:[a-z0-9_-]+/)*hooks))/[^\s)>\x22'\[\]]+",
        "$1/[redacted]",
    ),
    // A password may hold a slash; what begins with digits and a slash is a port and a path.
    (r#"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:\["<>]*:(?:[^\s/"<>]*|[0-9]*[^\s/@0-9"<>][^\s"<>]*?)@"#, "$1[redacted]@"),
    (r"\b(?:xox[a-z]-|xapp-|gh[a-z]_|github_pat_|glpat-|sk-|syt_|dop_v1_|AIza|ya29\.)[A-Za-z0-9_.-]{8,}", REDACTED),
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}", REDACTED),
    (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", REDACTED),
    // Options of commands: the user's name stays.
    (r#"((?:^|\s)(?:-u|-U|--user|--proxy-user)[\s=]+["']?[^\s:"'\[]+:)[^\s"'\[][^\s"']*"#, "$1[redacted]"),
    (
        r#"(?i)(--[\w-]*(?:password|passwd|pass|pwd|passphrase|secret|token|api-?key|access-?key|credentials?)\s+)("[^"]*"|'[^']*'|[^\s\[-]\S*)"#,
        "$1[redacted]",
    ),
];

/// A header, to the end of what it stands in: the quotes around it, its own, or the line.
const HEADER: &str =
    r#"(?i)(["']?)((?:proxy-)?authorization["']?\s*[:=][ \t]*)("(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'|[^\s][^\r\n]*)"#;

/// The words of a scheme, and what may be its token.
const SCHEME: &str = r"(?i)\b((?:bearer|basic|geniekey|oauth|token token=)\s*)([A-Za-z0-9._~+/=-]{8,})";

/// A name that says what its value is, and the value.
const NAMED: &str = r#"(?i)([\w.-]*(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|routing[_-]?key|credentials?)[\w-]*["']?\s*[:=]\s*|\bpass(?:word|wd|phrase)\s+is\s+)("[^"]*"|'[^']*'|[^\s"']+)"#;

static COMPILED: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| RULES.iter().filter_map(|(rule, kept)| Some((Regex::new(rule).ok()?, *kept))).collect());

/// Those whose matches are looked at.
static JUDGED: LazyLock<Vec<(Regex, Judge)>> = LazyLock::new(|| {
    let all: [(&str, Judge); 4] =
        [(HEADER, header), (SCHEME, scheme), (NAMED, named), (r"(sha256:)?[A-Za-z0-9+/_-]{32,}={0,2}", run)];
    all.into_iter().filter_map(|(rule, judge)| Some((Regex::new(rule).ok()?, judge))).collect()
});

/// What is left of a match.
type Judge = fn(&Captures<'_>) -> String;

/// The text without secrets.
pub fn redact(text: &str) -> String {
    let mut text = text.to_owned();
    for (rule, kept) in COMPILED.iter() {
        if rule.is_match(&text) {
            text = rule.replace_all(&text, *kept).into_owned();
        }
    }
    for (rule, judge) in JUDGED.iter() {
        if rule.is_match(&text) {
            text = rule.replace_all(&text, *judge).into_owned();
        }
    }
    text
}

fn header(found: &Captures<'_>) -> String {
    let (open, name, value) = (&found[1], &found[2], &found[3]);
    // `-H 'Authorization: …' https://…`: what follows the quote is no part of it.
    let is_inside = !open.is_empty() && !name.contains(open);
    let rest = if is_inside { value.find(open).map_or("", |end| &value[end..]) } else { "" };
    format!("{open}{name}{REDACTED}{}", if rest.is_empty() { String::new() } else { redact(rest) })
}

/// A word after a scheme is a token when no such word is written: with digits, capitals inside, or very long.
fn scheme(found: &Captures<'_>) -> String {
    let value = &found[2];
    let is_word = value.len() < 24 && value.chars().skip(1).all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '-'));
    if is_word { found[0].to_owned() } else { format!("{}{REDACTED}", &found[1]) }
}

fn named(found: &Captures<'_>) -> String {
    let (name, value) = (&found[1], &found[2]);
    if value.starts_with(REDACTED) {
        return found[0].to_owned();
    }
    // In an address the next parameter follows; all else may belong to the secret.
    let next = value.match_indices('&').map(|(at, _)| at).find(|at| {
        let name = value[at + 1..].split('=').next().unwrap_or_default();
        value[at + 1..].contains('=') && !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    });
    format!("{name}{REDACTED}{}", next.map_or_else(String::new, |at| redact(&value[at..])))
}

/// Is a long run of characters a secret? Hexadecimal of 32 digits, 24 characters of mixed kinds without a slash, or, with
/// slashes (base64 has them), a run whose kind changes as often as no path's does: at every fourth character.
fn run(found: &Captures<'_>) -> String {
    let all = &found[0];
    let is_mixed = |text: &str| {
        let has = |is: fn(&char) -> bool| text.chars().any(|c| is(&c));
        has(char::is_ascii_digit) && has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase)
    };
    let part = |part: &str| {
        let part = part.trim_end_matches('=');
        let hex = part.len() >= 32 && part.chars().all(|c| c.is_ascii_hexdigit());
        hex || (part.len() >= 24 && is_mixed(part))
    };
    let kind = |c: &u8| (c.is_ascii_digit(), c.is_ascii_uppercase(), c.is_ascii_lowercase());
    let changes = || {
        all.as_bytes()
            .windows(2)
            .filter(|two| two.iter().all(u8::is_ascii_alphanumeric) && kind(&two[0]) != kind(&two[1]))
            .count()
    };
    let looks = all.split('/').any(part) || (is_mixed(all) && changes() >= all.len() / 4);
    if looks && found.get(1).is_none() { REDACTED.to_owned() } else { all.to_owned() }
}

/// Fields whose values are names within the record: they have to stay the same, and no person writes them.
const NAMES: [&str; 10] = ["stamp", "key", "after", "kind", "send", "at", "writer", "id", "run", "with"];

/// The same for all texts of a value.
pub fn redact_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = redact(text),
        Value::Array(all) => all.iter_mut().for_each(redact_value),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if !NAMES.contains(&name.as_str()) {
                    redact_value(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Did all patterns compile? For the tests: a pattern that does not would redact nothing.
#[cfg(test)]
pub(super) fn is_whole() -> bool {
    COMPILED.len() == RULES.len() && JUDGED.len() == 4
}
