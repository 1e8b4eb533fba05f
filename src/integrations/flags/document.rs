//! Documents that people write by hand (YAML, JSON, TOML, properties), read with the place of every value, so that one
//! value can be changed and nothing else: comments, order, quotes and spaces stay as they are.
//!
//! A format gives a tree of [`Node`]s, each with the bytes that it stands in. A change replaces exactly those bytes, and
//! is only handed out after the new text was read again and found to say the same as before but for that one value.

mod json;
mod properties;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::config::settings::FlagFormat;
use crate::domain::text::clean;

/// Deeper than this no document of flags goes.
const DEEPEST: usize = 48;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What it is.
    pub value: Value,
    /// Its bytes, quotes included.
    span: Range<usize>,
    /// Why it cannot be changed in place.
    fixed: Option<&'static str>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number as it is written.
    Number(String),
    /// Text, and the quote that it stands in.
    Text(String, Option<char>),
    /// A list.
    List(Vec<Node>),
    /// Entries in their order.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its key.
    pub key: String,
    /// Where the key stands, where the format tells.
    place: Option<usize>,
    /// Its value.
    pub node: Node,
}

/// A value without its place: what a document says.
#[derive(Clone, Debug, PartialEq)]
enum Plain {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    List(Vec<Plain>),
    Map(BTreeMap<String, Plain>),
}

/// What a value is set to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    /// True or false.
    Boolean(bool),
    /// A number as it is to be written.
    Number(String),
    /// Text.
    Text(String),
}

impl Scalar {
    fn plain(&self) -> Plain {
        match self {
            Self::Boolean(value) => Plain::Boolean(*value),
            Self::Number(text) => Plain::Number(text.clone()),
            Self::Text(text) => Plain::Text(text.clone()),
        }
    }
}

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    /// Keys from the top to the value.
    pub path: Vec<String>,
    /// What it becomes.
    pub to: Scalar,
}

/// A document, read.
pub(super) struct Document<'a> {
    text: &'a str,
    format: FlagFormat,
    /// Its top.
    pub root: Node,
}

impl Node {
    /// Its entries; none where it is no map.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// What stands under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// What stands under keys, one below the other.
    pub fn at(&self, path: &[impl AsRef<str>]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key.as_ref()))
    }

    /// Its items; none where it is no list.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// As true or false.
    pub const fn boolean(&self) -> Option<bool> {
        match self.value {
            Value::Boolean(value) => Some(value),
            _ => None,
        }
    }

    /// As text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text, _) => Some(text),
            _ => None,
        }
    }

    /// As a number.
    pub fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Why it cannot be changed in place.
    pub const fn fixed(&self) -> Option<&'static str> {
        self.fixed
    }

    /// In a few words, cleaned: scalars as they are, the rest as what it is.
    pub fn words(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Boolean(value) => value.to_string(),
            Value::Number(text) | Value::Text(text, _) => clean(text).into_owned(),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(entries) => format!("a table of {}", entries.len()),
        }
    }

    fn plain(&self) -> Plain {
        match &self.value {
            Value::Null => Plain::Null,
            Value::Boolean(value) => Plain::Boolean(*value),
            Value::Number(text) => Plain::Number(text.clone()),
            Value::Text(text, _) => Plain::Text(text.clone()),
            Value::List(items) => Plain::List(items.iter().map(Self::plain).collect()),
            Value::Map(entries) => {
                Plain::Map(entries.iter().map(|entry| (entry.key.clone(), entry.node.plain())).collect())
            }
        }
    }

    /// Everything that it says, for a digest; places do not count.
    pub fn says(&self) -> String {
        format!("{:?}", self.plain())
    }

    /// It, and all that is in it, cannot be changed.
    fn fix(&mut self, why: &'static str) {
        self.fixed.get_or_insert(why);
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.fix(why)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.fix(why)),
            _ => {}
        }
    }
}

/// A key that stands twice: which one counts depends on who reads it.
const TWICE: &str = "its key stands twice in the document";

/// Marks keys that stand more than once.
fn twice(entries: &mut [Entry]) {
    for at in 1..entries.len() {
        let (before, rest) = entries.split_at_mut(at);
        let Some(this) = rest.first_mut() else { return };
        if let Some(other) = before.iter_mut().find(|other| other.key == this.key) {
            other.node.fix(TWICE);
            this.node.fix(TWICE);
        }
    }
}

/// The format of a document, as configured or as its key's ending says.
pub(super) fn format_of(configured: Option<FlagFormat>, key: &str) -> FlagFormat {
    configured.unwrap_or_else(|| match key.rsplit('.').next().unwrap_or_default() {
        "json" => FlagFormat::Json,
        "toml" => FlagFormat::Toml,
        "properties" | "env" | "conf" => FlagFormat::Properties,
        _ => FlagFormat::Yaml,
    })
}

impl<'a> Document<'a> {
    /// Reads it; why not, with the line, in words.
    pub fn read(text: &'a str, format: FlagFormat) -> Result<Self, String> {
        let root = match format {
            FlagFormat::Yaml => yaml::read(text),
            FlagFormat::Json => json::read(text),
            FlagFormat::Toml => toml::read(text),
            FlagFormat::Properties => Ok(properties::read(text)),
        };
        root.map(|root| Self { text, format, root })
    }

    /// Has it names alone, and no tables?
    pub const fn is_flat(&self) -> bool {
        matches!(self.format, FlagFormat::Properties)
    }

    /// The text with these values changed and all else as it was; why it cannot be done, in words. A value that is not
    /// there yet is put before the first of its siblings.
    pub fn change(&self, edits: &[Edit]) -> Result<String, String> {
        let mut wanted = self.root.plain();
        let mut patches = Vec::new();
        for edit in edits {
            patches.push(self.patch(edit)?);
            put(&mut wanted, &edit.path, edit.to.plain());
        }
        // From the end, so that places before stay true.
        patches.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut text = self.text.to_owned();
        for (span, new) in patches {
            text.replace_range(span, &new);
        }
        let again = Document::read(&text, self.format).ok().map(|again| again.root.plain());
        if again.as_ref() != Some(&wanted) {
            return Err(format!("`{}` cannot be set without touching other parts of the document", name(edits)));
        }
        Ok(text)
    }

    fn patch(&self, edit: &Edit) -> Result<(Range<usize>, String), String> {
        let Some((last, above)) = edit.path.split_last() else { return Err("it is the whole document".into()) };
        let parent =
            self.root.at(above).ok_or_else(|| format!("`{}` is not there", name(std::slice::from_ref(edit))))?;
        let Some(node) = parent.get(last) else { return self.insert(parent, last, &edit.to) };
        if let Some(why) = node.fixed {
            return Err(format!("`{}` cannot be set in place: {why}", name(std::slice::from_ref(edit))));
        }
        let old = self.text.get(node.span.clone()).unwrap_or_default();
        let new = match (&node.value, &edit.to) {
            (Value::Boolean(_), Scalar::Boolean(to)) => spelled_like(old, if *to { "true" } else { "false" }),
            (Value::Number(_), Scalar::Number(to)) => to.clone(),
            (Value::Text(_, quote), Scalar::Text(to)) => match self.format {
                FlagFormat::Yaml => yaml::text(to, *quote, old),
                FlagFormat::Json => json::text(to),
                FlagFormat::Toml => toml::text(to, *quote),
                FlagFormat::Properties => properties::text(to),
            },
            _ => return Err(format!("`{}` would become something else than it is", name(std::slice::from_ref(edit)))),
        };
        Ok((node.span.clone(), new))
    }

    /// A new entry before the first one of a map.
    fn insert(&self, parent: &Node, key: &str, to: &Scalar) -> Result<(Range<usize>, String), String> {
        let cannot = || format!("`{key}` is not there and cannot be added here without disturbing the document");
        let value = match to {
            Scalar::Boolean(value) => value.to_string(),
            Scalar::Number(text) => text.clone(),
            Scalar::Text(_) => return Err(cannot()),
        };
        let simple = key.chars().all(|c| c.is_ascii_alphanumeric());
        if parent.fixed.is_some() || !simple {
            return Err(cannot());
        }
        let (at, new) = match self.format {
            FlagFormat::Json => json::first(self.text, parent, key, &value),
            FlagFormat::Yaml => first_line(self.text, parent, &format!("{key}: {value}")),
            FlagFormat::Toml => first_line(self.text, parent, &format!("{key} = {value}")),
            FlagFormat::Properties => None,
        }
        .ok_or_else(cannot)?;
        Ok((at..at, new))
    }
}

/// An entry before the first of a map: on a line of its own with the same indentation, or before it in `{ … }`.
fn first_line(text: &str, parent: &Node, entry: &str) -> Option<(usize, String)> {
    let first = parent.entries().iter().filter_map(|entry| entry.place).min()?;
    if text.get(parent.span.start..)?.starts_with('{') {
        return Some((first, format!("{entry}, ")));
    }
    let line = text.get(..first)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = text.get(line..first)?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    indent.chars().all(|c| c == ' ' || c == '\t').then(|| (first, format!("{entry}{end}{indent}")))
}

fn put(into: &mut Plain, path: &[String], value: Plain) {
    match (path.split_first(), into) {
        (None, into) => *into = value,
        (Some((key, rest)), Plain::Map(entries)) => {
            put(entries.entry(key.clone()).or_insert(Plain::Null), rest, value);
        }
        // What is no map has no keys; reading again will not agree.
        (Some(_), _) => {}
    }
}

fn name(edits: &[Edit]) -> String {
    edits.first().map(|edit| clean(&edit.path.join(".")).into_owned()).unwrap_or_default()
}

/// A word in the case of another one: `True` stays `False`, `YES` stays `NO`.
pub(super) fn spelled_like(old: &str, word: &str) -> String {
    let upper = |c: char| c.is_uppercase();
    if old.len() > 1 && old.chars().filter(|c| c.is_alphabetic()).all(upper) {
        return word.to_uppercase();
    }
    if old.chars().next().is_some_and(upper) {
        let mut chars = word.chars();
        return chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default();
    }
    word.to_owned()
}
