//! The promise of a change, for documents of all sorts: the bytes of one value are other bytes afterwards, and no other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::Document;
use crate::config::settings::FlagFormat;
use crate::domain::flag::FlagChange;
use crate::integrations::flags::config_map::{Language, Plain};

/// One flag of a document, and how somebody wrote it.
#[derive(Clone, Debug)]
struct One {
    key: String,
    on: bool,
    /// Which spelling, which quotes.
    style: usize,
    comment: Option<String>,
    trailing: bool,
    spaces: usize,
    blank: bool,
}

fn one() -> impl Strategy<Value = One> {
    let comment = prop::option::of("[a-zäß ,.:'\"{}\\[\\]#&*!|>%@-]{0,20}");
    ("[a-z][a-z0-9_-]{0,6}", any::<bool>(), 0..6_usize, comment, any::<bool>(), 0..3_usize, any::<bool>()).prop_map(
        |(key, on, style, comment, trailing, spaces, blank)| One { key, on, style, comment, trailing, spaces, blank },
    )
}

/// The value as it is written in a format, on or off.
fn written(format: FlagFormat, style: usize, on: bool) -> String {
    let pick = |yes: &str, no: &str| if on { yes.to_owned() } else { no.to_owned() };
    match (format, style) {
        (FlagFormat::Yaml, 0) => pick("True", "False"),
        (FlagFormat::Yaml, 1) => pick("TRUE", "FALSE"),
        (FlagFormat::Yaml, 2) | (FlagFormat::Properties, 4) => pick("yes", "no"),
        (FlagFormat::Yaml | FlagFormat::Toml, 3) => pick("'on'", "'off'"),
        (FlagFormat::Yaml | FlagFormat::Toml | FlagFormat::Json, 4) => pick("\"Enabled\"", "\"Disabled\""),
        (FlagFormat::Properties, 3) => pick("ON", "OFF"),
        _ => pick("true", "false"),
    }
}

/// The document with every value as it is, or with one turned round.
fn render(format: FlagFormat, flags: &[One], turned: Option<usize>, end: &str) -> String {
    let pad = |count: usize| " ".repeat(count);
    let mut text = match format {
        FlagFormat::Yaml => format!("# ünïcode — first{end}other: [1, {{a: b}}]{end}features:{end}"),
        FlagFormat::Json => format!("{{\"other\": [1, {{\"a\": \"b\\u00e9\"}}],{end}  \"features\" : {{{end}"),
        FlagFormat::Toml => format!("other = [1, 2] # ünïcode{end}[features]{end}"),
        FlagFormat::Properties => format!("! first{end}other = a\\{end}   b{end}"),
    };
    for (at, one) in flags.iter().enumerate() {
        // Keys are their own even where the generator repeats itself.
        let key = format!("{}{at}", one.key);
        let value = written(format, one.style, one.on != (turned == Some(at)));
        let comment = one.comment.as_deref().unwrap_or_default();
        match format {
            FlagFormat::Json => {
                let comma = if at + 1 < flags.len() { "," } else { "" };
                let _ = write!(
                    text,
                    "    \"{key}\"{}:{}{value}{}{comma}{end}",
                    pad(one.spaces),
                    pad(one.spaces),
                    pad(one.spaces)
                );
            }
            FlagFormat::Properties => {
                if one.comment.is_some() {
                    let _ = write!(text, "# {comment}{end}");
                }
                let separator = ["=", ":", " "][one.spaces];
                let _ = write!(
                    text,
                    "{}features.{key}{}{separator}{}{value}{end}",
                    pad(one.spaces),
                    pad(one.spaces),
                    pad(one.style)
                );
            }
            FlagFormat::Yaml | FlagFormat::Toml => {
                let (indent, separator) = if format == FlagFormat::Yaml { ("   ", ": ") } else { ("", " = ") };
                if one.comment.is_some() {
                    let _ = write!(text, "{indent}# {comment}{end}");
                }
                // What it says of the value stays, true or not.
                let said = written(format, one.style, one.on);
                let trailing = if one.trailing { format!(" # was {said}: {comment}") } else { String::new() };
                let _ = write!(
                    text,
                    "{indent}{key}{separator}{}{value}{}{trailing}{end}",
                    pad(one.spaces),
                    pad(one.spaces)
                );
            }
        }
        if one.blank {
            text += end;
        }
    }
    match format {
        FlagFormat::Json => text + "  },\n \"last\": null}\n",
        FlagFormat::Yaml => text + "last: |\n  features:\n    a0: true\n",
        FlagFormat::Toml => text + "\n[last]\nfeatures = { a0 = true }\n",
        FlagFormat::Properties => text + "last=features.a0=true",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn one_value_changes_and_nothing_else(
        flags in prop::collection::vec(one(), 1..8),
        which in any::<prop::sample::Index>(),
        windows in any::<bool>(),
    ) {
        let at = which.index(flags.len());
        let end = if windows { "\r\n" } else { "\n" };
        for format in [FlagFormat::Yaml, FlagFormat::Json, FlagFormat::Toml, FlagFormat::Properties] {
            let before = render(format, &flags, None, end);
            let wanted = render(format, &flags, Some(at), end);
            let document = Document::read(&before, format).map_err(TestCaseError::fail)?;
            let language = Plain { path: vec!["features".to_owned()] };
            let key = format!("{}{at}", flags[at].key);
            let read = language.flags(&document).map_err(TestCaseError::fail)?;
            prop_assert_eq!(read.len(), flags.len(), "{}", before);
            let set = FlagChange::Enabled(!flags[at].on);
            let edits = language.edits(&document, &key, &set).map_err(TestCaseError::fail)?;
            let after = document.change(&edits).map_err(TestCaseError::fail)?;
            prop_assert_eq!(&after, &wanted);
            // And back again.
            let document = Document::read(&after, format).map_err(TestCaseError::fail)?;
            let back = language.edits(&document, &key, &FlagChange::Enabled(flags[at].on)).map_err(TestCaseError::fail)?;
            prop_assert_eq!(document.change(&back).map_err(TestCaseError::fail)?, before);
        }
    }

    #[test]
    fn any_text_is_written_so_that_it_is_read_again(to in ".{0,20}", style in 0..3_usize) {
        for format in [FlagFormat::Yaml, FlagFormat::Json, FlagFormat::Toml, FlagFormat::Properties] {
            let before = match format {
                FlagFormat::Yaml => format!("mode: {} # why\nnext: 1\n", ["old", "'old'", "\"old\""][style]),
                FlagFormat::Json => "{\"mode\": \"old\", \"next\": 1}".to_owned(),
                FlagFormat::Toml => format!("mode = {} # why\nnext = 1\n", ["'old'", "'old'", "\"old\""][style]),
                FlagFormat::Properties => "mode=old\nnext=1\n".to_owned(),
            };
            let document = Document::read(&before, format).map_err(TestCaseError::fail)?;
            let edit = super::Edit { path: vec!["mode".into()], to: super::Scalar::Text(to.clone()) };
            // What cannot be written is refused, and never written wrongly.
            if let Ok(after) = document.change(&[edit]) {
                let again = Document::read(&after, format).map_err(TestCaseError::fail)?;
                prop_assert_eq!(again.root.get("mode").and_then(super::Node::text), Some(to.as_str()));
                prop_assert_eq!(again.root.get("next").map(super::Node::words), Some("1".to_owned()));
                prop_assert_eq!(after.contains("# why"), before.contains("# why"));
            } else {
                prop_assert!(to.chars().any(|c| !c.is_ascii_graphic()), "{to:?} in {format:?} is refused");
            }
        }
    }
}
