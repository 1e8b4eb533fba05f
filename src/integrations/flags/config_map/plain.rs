//! Plain values as flags, for programs that read their switches from a file or from variables of their environment.

use super::Language;
use crate::domain::flag::{FlagChange, FlagFacts, FlagKnob, FlagRef, written};
use crate::domain::text::clean;
use crate::integrations::flags::document::{Document, Edit, Node, Scalar, Value, spelled_like};
use crate::integrations::flags::kept::Found;

/// Words that say on and off, in pairs.
const SWITCHES: [(&str, &str); 4] = [("true", "false"), ("on", "off"), ("yes", "no"), ("enabled", "disabled")];
/// What switches a flag that is a table.
const SWITCH: &str = "enabled";
/// Longer text than this is a document and no flag.
const LONGEST: usize = 200;

/// Values at a path of a document.
pub(in crate::integrations::flags) struct Plain {
    /// Keys down to the flags.
    pub path: Vec<String>,
}

/// Does a word say on or off?
fn is_on(text: &str) -> Option<bool> {
    let word = text.trim().to_lowercase();
    SWITCHES.iter().find_map(|(on, off)| if word == *on { Some(true) } else { (word == *off).then_some(false) })
}

/// The counterpart of a word that says on or off, spelled like it.
fn switched(text: &str, enabled: bool) -> Option<String> {
    let word = text.trim().to_lowercase();
    let (on, off) = SWITCHES.into_iter().find(|(on, off)| word == *on || word == *off)?;
    Some(text.replace(text.trim(), &spelled_like(text.trim(), if enabled { on } else { off })))
}

/// The name of a variant as it is, not as it is shown.
fn raw(written: &str) -> String {
    let name = |text: &str| crate::domain::Text::from(text);
    FlagRef { source: name(""), project: name(""), environment: name(""), key: name(written) }.raw().key
}

/// A key of the ConfigMap itself; `None` for one that holds more than a flag would.
pub(super) fn entry(key: &str, text: &str) -> Option<Found> {
    let short = text.chars().count() <= LONGEST && !text.trim_end().contains('\n');
    short.then(|| Found { key: key.to_owned(), facts: facts(text, is_on(text), None), says: text.to_owned() })
}

/// The text of such a key, changed.
pub(super) fn set(old: &str, set: &FlagChange) -> Result<String, String> {
    match set {
        FlagChange::Enabled(enabled) => switched(old, *enabled).ok_or_else(|| "it is neither on nor off".to_owned()),
        FlagChange::Variant(to) => Ok(raw(to)),
        FlagChange::Percentage(_) => Err("it has no share of users".into()),
    }
}

fn facts(text: &str, enabled: Option<bool>, fixed: Option<&str>) -> FlagFacts {
    let shown = clean(text.trim()).into_owned();
    let mut facts = match enabled {
        Some(enabled) => FlagFacts {
            enabled,
            when_on: "everybody".into(),
            when_off: "nobody".into(),
            takes: vec![FlagKnob::Enabled],
            ..FlagFacts::default()
        },
        // It has no switch: what it says is what users get.
        None => FlagFacts {
            enabled: true,
            when_on: format!("`{shown}`"),
            when_off: "nobody".into(),
            variant: Some(written(text)),
            takes: vec![FlagKnob::Variant],
            ..FlagFacts::default()
        },
    };
    if let Some(why) = fixed {
        facts.takes.clear();
        facts.warnings.push(format!("it cannot be set in place: {why}"));
    }
    facts
}

/// The value that a flag is switched by, and its path below the flag.
fn switch(node: &Node) -> Option<(&Node, Option<&'static str>)> {
    match &node.value {
        Value::Map(_) => Some((node.get(SWITCH)?, Some(SWITCH))),
        _ => Some((node, None)),
    }
}

fn found(key: &str, node: &Node) -> Option<Found> {
    let (value, below) = switch(node)?;
    let says = node.says();
    let mut facts = match &value.value {
        Value::Boolean(enabled) => facts("", Some(*enabled), value.fixed()),
        Value::Text(text, _) if below.is_none() || is_on(text).is_some() => {
            if text.chars().count() > LONGEST {
                return None;
            }
            facts(text, is_on(text), value.fixed())
        }
        Value::Number(text) if below.is_none() => facts(text, None, value.fixed()),
        _ => return None,
    };
    if below.is_some() {
        let rest = node.entries().iter().filter(|entry| entry.key != SWITCH);
        facts.strategies = rest
            .filter(|entry| entry.key != "description")
            .map(|entry| format!("{}: {}", clean(&entry.key), entry.node.words()))
            .collect();
        facts.description = node.get("description").and_then(Node::text).map(|text| clean(text).into_owned());
    }
    Some(Found { key: key.to_owned(), facts, says })
}

impl Plain {
    /// The flags of a flat document are those whose names begin with the path.
    fn prefix(&self, document: &Document<'_>) -> Option<String> {
        (document.is_flat() && !self.path.is_empty()).then(|| self.path.join(".") + ".")
    }

    /// Keys down to a flag.
    fn path_of(&self, document: &Document<'_>, key: &str) -> Vec<String> {
        match self.prefix(document) {
            Some(prefix) => vec![prefix + key],
            None => self.path.iter().cloned().chain([key.to_owned()]).collect(),
        }
    }
}

impl Language for Plain {
    fn product(&self) -> &'static str {
        "ConfigMap"
    }

    fn flags(&self, document: &Document<'_>) -> Result<Vec<Found>, String> {
        if let Some(prefix) = self.prefix(document) {
            let entries = document.root.entries().iter();
            return Ok(entries.filter_map(|entry| found(entry.key.strip_prefix(&prefix)?, &entry.node)).collect());
        }
        let words = || clean(&self.path.join(".")).into_owned();
        let top = document.root.at(&self.path).ok_or_else(|| format!("it has no `{}`", words()))?;
        let Value::Map(entries) = &top.value else {
            return Err(if self.path.is_empty() {
                "it is no table".into()
            } else {
                format!("`{}` is no table", words())
            });
        };
        Ok(entries.iter().filter_map(|entry| found(&entry.key, &entry.node)).collect())
    }

    fn edits(&self, document: &Document<'_>, key: &str, set: &FlagChange) -> Result<Vec<Edit>, String> {
        let mut path = self.path_of(document, key);
        let missing = || format!("there is no flag `{}`", clean(key));
        let (value, below) = document.root.at(&path).and_then(switch).ok_or_else(missing)?;
        path.extend(below.map(str::to_owned));
        let to = match (set, &value.value) {
            (FlagChange::Enabled(enabled), Value::Boolean(_)) => Scalar::Boolean(*enabled),
            (FlagChange::Enabled(enabled), Value::Text(text, _)) => {
                Scalar::Text(switched(text, *enabled).ok_or_else(|| "it is neither on nor off".to_owned())?)
            }
            (FlagChange::Variant(to), Value::Text(..)) => Scalar::Text(raw(to)),
            (FlagChange::Variant(to), Value::Number(_)) if to.parse::<f64>().is_ok_and(f64::is_finite) => {
                Scalar::Number(to.clone())
            }
            (FlagChange::Variant(_), Value::Number(_)) => return Err("it is a number and stays one".into()),
            _ => return Err("it is set in another way".into()),
        };
        Ok(vec![Edit { path, to }])
    }
}
