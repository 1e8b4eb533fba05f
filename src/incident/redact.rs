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
    (r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]*@", "$1[redacted]@"),
    (r"\b(?:xox[a-z]-|xapp-|gh[a-z]_|github_pat_|glpat-|sk-|syt_|dop_v1_|AIza|ya29\.)[A-Za-z0-9_.-]{8,}", REDACTED),
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}", REDACTED),
    (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", REDACTED),
    (r"(?i)\b(bearer|basic|geniekey|oauth|token token=)(\s*)[A-Za-z0-9._~+/=-]{8,}", "$1$2[redacted]"),
    (
        r#"(?i)([\w.-]*(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|routing[_-]?key|credentials?|authorization)[\w-]*["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&"'\[]+)"#,
        "$1[redacted]",
    ),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| RULES.iter().filter_map(|(rule, kept)| Some((Regex::new(rule).ok()?, *kept))).collect());

static RUNS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(sha256:)?[A-Za-z0-9+/_-]{32,}={0,2}").ok());

/// The text without secrets.
pub fn redact(text: &str) -> String {
    let mut text = text.to_owned();
    for (rule, kept) in COMPILED.iter() {
        if rule.is_match(&text) {
            text = rule.replace_all(&text, *kept).into_owned();
        }
    }
    if let Some(runs) = RUNS.as_ref() {
        text = runs.replace_all(&text, run).into_owned();
    }
    text
}

/// Is a long run of characters a secret? Hexadecimal of 32 digits, or 32 characters of mixed kinds without a slash.
fn run(found: &Captures<'_>) -> String {
    let all = &found[0];
    let looks = all.split('/').any(|part| {
        let part = part.trim_end_matches('=');
        let hex = part.len() >= 32 && part.chars().all(|c| c.is_ascii_hexdigit());
        let has = |is: fn(&char) -> bool| part.chars().any(|c| is(&c));
        let mixed = has(char::is_ascii_digit) && has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase);
        hex || (part.len() >= 24 && mixed)
    });
    if looks && found.get(1).is_none() { REDACTED.to_owned() } else { all.to_owned() }
}

/// Fields whose values are names within the record: they have to stay the same, and no person writes them.
const NAMES: [&str; 9] = ["stamp", "key", "after", "kind", "send", "at", "writer", "id", "run"];

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
    COMPILED.len() == RULES.len() && RUNS.is_some()
}
