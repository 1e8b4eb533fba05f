//! Alertmanager's label matchers, as text (`severity=~"warning|info"`) and as JSON.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// A matcher as the API receives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatcherText {
    /// Label name.
    #[serde(default)]
    pub name: String,
    /// Value or pattern.
    #[serde(default)]
    pub value: String,
    /// Whether `value` is a pattern.
    #[serde(default)]
    pub is_regex: bool,
    /// Whether it must match rather than must not.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

/// A matcher ready to match.
#[derive(Debug, Clone)]
pub struct Matcher {
    text: MatcherText,
    pattern: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Matcher {
    /// Checks and compiles a matcher; the error is Alertmanager's.
    pub fn new(text: MatcherText) -> Result<Self, String> {
        let pattern = if text.is_regex {
            let anchored = format!("^(?:{})$", text.value);
            Some(Regex::new(&anchored).map_err(|why| format!("error parsing regexp: {why}"))?)
        } else {
            None
        };
        Ok(Self { text, pattern })
    }

    /// Parses `name="value"`, with `=`, `!=`, `=~` or `!~`; quotes are optional.
    pub fn parse(source: &str) -> Result<Self, String> {
        let wrong = || format!("bad matcher format: {source}");
        let trimmed = source.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = trimmed.find(|c| !is_name(c)).ok_or_else(wrong)?;
        let (name, rest) = trimmed.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(wrong());
        }
        let rest = rest.trim_start();
        let operators = [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
        let found = operators.iter().find_map(|(op, regex, equal)| Some((rest.strip_prefix(op)?, *regex, *equal)));
        let (value, is_regex, is_equal) = found.ok_or_else(wrong)?;
        let value = unquote(value.trim())
            .ok_or_else(|| format!("matcher value contains unescaped double quote: {}", value.trim()))?;
        Self::new(MatcherText { name: name.to_owned(), value, is_regex, is_equal })
    }

    /// Whether `labels` satisfy it; an absent label is an empty string.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.accepts(labels.get(&self.text.name).map_or("", String::as_str))
    }

    /// Whether it accepts this value.
    pub fn accepts(&self, value: &str) -> bool {
        let same = self.pattern.as_ref().map_or_else(|| self.text.value == value, |p| p.is_match(value));
        same == self.text.is_equal
    }

    /// The label it looks at.
    pub fn name(&self) -> &str {
        &self.text.name
    }

    /// As the API writes it.
    pub fn json(&self) -> Json {
        let MatcherText { name, value, is_regex, is_equal } = &self.text;
        json!({ "name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal })
    }
}

/// Takes optional double quotes off; `None` when they do not pair.
fn unquote(text: &str) -> Option<String> {
    let inner = match text.strip_prefix('"') {
        Some(tail) => tail.strip_suffix('"').filter(|inner| !ends_in_escape(inner))?,
        None => text,
    };
    let (mut out, mut chars) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(escaped @ ('"' | '\\')) => out.push(escaped),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            '"' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

fn ends_in_escape(text: &str) -> bool {
    text.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// Whether all of `matchers` accept `labels`.
pub fn all_match(matchers: &[Matcher], labels: &BTreeMap<String, String>) -> bool {
    matchers.iter().all(|m| m.matches(labels))
}
