//! Silences: how their matchers are written, which alerts they accept, and how a silence is known again that has no id
//! yet.

use std::fmt;

use regex::Regex;
use sha2::{Digest, Sha256};

use super::mutation::{Matcher, Silence};

/// Before the digest in a key: no id of Alertmanager looks so.
const KEY: &str = "new-";
/// Hex digits of a key.
const DIGITS: usize = 16;

impl Matcher {
    /// The label has this very value.
    pub fn is(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), regex: false, equal: true }
    }

    /// Reads `name="value"` with `=`, `!=`, `=~` or `!~`; quotes may be left out. The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no matcher: write it as name=\"value\", or with !=, =~, !~", text.trim());
        let trimmed = text.trim();
        let end = trimmed.find(['=', '!']).ok_or_else(wrong)?;
        let (name, rest) = trimmed.split_at(end);
        let operators = [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
        let found = operators.iter().find_map(|(word, regex, equal)| Some((rest.strip_prefix(word)?, *regex, *equal)));
        let (value, regex, equal) = found.ok_or_else(wrong)?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            None => value.to_owned(),
            Some(quoted) => unescape(quoted).ok_or_else(wrong)?,
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), value, regex, equal })
    }
}

/// What stands before the closing quote; `None` without one, or with anything after it.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    loop {
        plain.push(match chars.next()? {
            '"' => return chars.next().is_none().then_some(plain),
            '\\' => match chars.next()? {
                'n' => '\n',
                other => other,
            },
            c => c,
        });
    }
}

/// `service="payment"`, as Alertmanager writes it.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match (self.regex, self.equal) {
            (false, true) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (true, false) => "!~",
        };
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(f, "{}{operator}\"{value}\"", self.name)
    }
}

/// Matchers, ready to match.
#[derive(Clone, Debug)]
pub struct Matching(Vec<(Matcher, Option<Regex>)>);

impl Matching {
    /// Compiles them; the error is a sentence.
    pub fn new(matchers: &[Matcher]) -> Result<Self, String> {
        let compile = |matcher: &Matcher| {
            let pattern = if matcher.regex {
                let anchored = format!("^(?:{})$", matcher.value);
                Some(Regex::new(&anchored).map_err(|_| format!("`{}` is no regular expression", matcher.value))?)
            } else {
                None
            };
            Ok((matcher.clone(), pattern))
        };
        matchers.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Do all of them accept these labels? An absent label is an empty one.
    pub fn accepts<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|(matcher, pattern)| {
            let value = label(&matcher.name).unwrap_or_default();
            let is = pattern.as_ref().map_or_else(|| value == matcher.value, |pattern| pattern.is_match(value));
            is == matcher.equal
        })
    }

    /// Does any set of labels match, even none at all? Alertmanager refuses such a silence.
    pub fn accepts_all(&self) -> bool {
        self.accepts(|_| None)
    }
}

impl Silence {
    /// Stands for its id as long as that is not known: a digest of what Alertmanager keeps as it was sent. (The begin is
    /// not among it: one in the past becomes now.)
    pub fn key(&self) -> String {
        let mut matchers: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        matchers.sort();
        let ends = self.ends.timestamp_millis().to_string();
        let mut digest = Sha256::new();
        for part in matchers.iter().chain([&ends, &self.author, &self.comment]) {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        let number =
            digest.finalize().iter().take(DIGITS / 2).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{KEY}{number:016x}")
    }

    /// Is this name such a key, and no id?
    pub fn is_key(name: &str) -> bool {
        name.strip_prefix(KEY)
            .is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn matchers_read_as_they_are_written() {
        let cases = [
            ("service=payment", "service=\"payment\""),
            (" severity =~ \"warning|info\" ", "severity=~\"warning|info\""),
            ("a!=b", "a!=\"b\""),
            (r#"a!~"x\"y\\z""#, r#"a!~"x\"y\\z""#),
            ("a=", "a=\"\""),
        ];
        for (text, written) in cases {
            let matcher = Matcher::parse(text).unwrap();
            assert_eq!(matcher.to_string(), written);
            assert_eq!(Matcher::parse(written).unwrap(), matcher);
        }
        for wrong in ["", "service", "=x", "a=\"x", "a!x", r#"a="x"y""#, r#"a="x\""#] {
            assert!(Matcher::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_have_to_match_the_whole_value_and_absent_is_empty() {
        let accepts = |text: &[&str]| {
            let matchers: Vec<Matcher> = text.iter().map(|text| Matcher::parse(text).unwrap()).collect();
            Matching::new(&matchers).unwrap().accepts(|name| (name == "service").then_some("payment"))
        };
        assert!(accepts(&["service=payment", "zone=", "service=~pay.*", "service!~auth"]));
        assert!(!accepts(&["service=~pay"]), "anchored");
        assert!(!accepts(&["service=payment", "zone=a"]));
        assert!(!accepts(&["zone!="]));
        assert!(Matching::new(&[Matcher::parse("a=~(").unwrap()]).is_err());
        assert!(Matching::new(&[Matcher::parse("a=~.*").unwrap()]).unwrap().accepts_all());
    }
}
