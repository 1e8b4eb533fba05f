//! The text typed after `/`: a regular expression where it is one, else itself; `!` in front turns it round.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    inverse: bool,
    literal: bool,
    pattern: Regex,
}

impl Filter {
    /// Reads what was typed. `None` when it filters nothing (empty, or only `!`). Letter case counts only when the text
    /// has a capital letter.
    pub fn parse(text: &str) -> Option<Self> {
        let (inverse, body) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if body.is_empty() {
            return None;
        }
        let exact_case = body.chars().any(char::is_uppercase);
        let build =
            |pattern: &str| RegexBuilder::new(pattern).case_insensitive(!exact_case).size_limit(1 << 20).build().ok();
        // Half-typed expressions (`(foo`) must not empty the screen: they match themselves until they are whole.
        let (pattern, literal) = match build(body) {
            Some(pattern) => (pattern, false),
            None => (build(&regex::escape(body))?, true),
        };
        Some(Self { text: text.to_owned(), inverse, literal, pattern })
    }

    /// As typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Was it no regular expression, and is it taken word for word?
    pub const fn is_literal(&self) -> bool {
        self.literal
    }

    /// Does a row with this text stay?
    pub fn accepts(&self, hay: &str) -> bool {
        self.pattern.is_match(hay) != self.inverse
    }

    /// Where to highlight; nothing for an inverse filter.
    pub fn matches<'a>(&'a self, hay: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.pattern.find_iter(hay).filter(|found| !self.inverse && !found.is_empty()).map(|found| found.range())
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_filter_reads_expressions_literals_and_inverses() {
        let accepts = |filter: &str, hay: &str| Filter::parse(filter).unwrap().accepts(hay);
        assert!(accepts("pay.*x2x", "payment-7d9c-x2x"));
        assert!(accepts("PAYment", "PAYment") && !accepts("PAYment", "payment"));
        assert!(accepts("payment", "Payment"));
        assert!(!accepts("!payment", "payment") && accepts("!payment", "auth"));
        assert!(accepts("(half", "a (half thing") && Filter::parse("(half").unwrap().is_literal());
        assert!(Filter::parse("").is_none() && Filter::parse("!").is_none());
    }
}
