//! Flags in ConfigMaps: in a document under one of its keys, or the keys themselves.
//!
//! [`ConfigMap`] is the [`Form`] of any document; what its values mean tells a [`Language`]. The plain one: a value that is
//! true or false (or reads `on`, `yes`, `enabled`, …) is a flag with a switch, other text and numbers are flags with a
//! variant, and a table with `enabled` in it is a flag that is switched there.

mod plain;

use serde_json::{Value, json};

pub(super) use self::plain::Plain;
use super::document::{Document, Edit, format_of};
use super::feature_flag::replace;
use super::kept::{Form, Found, Part};
use crate::config::context::matches;
use crate::config::settings::KeptFlags;
use crate::domain::flag::FlagChange;
use crate::domain::text::clean;
use crate::integrations::kubernetes::paths::Shelf;
use crate::ports::cluster::ClusterError;

const SHELF: Shelf = Shelf { group: "", version: "v1", plural: "configmaps", namespaced: true };

/// What the values of a document mean.
pub(super) trait Language: Send + Sync + 'static {
    /// The product, as people call it.
    fn product(&self) -> &'static str;
    /// The flags of a document; why there are none, in words.
    fn flags(&self, document: &Document<'_>) -> Result<Vec<Found>, String>;
    /// The values to change so that a flag is set; why it cannot be, in words.
    fn edits(&self, document: &Document<'_>, key: &str, set: &FlagChange) -> Result<Vec<Edit>, String>;
}

/// Documents in ConfigMaps.
pub(super) struct ConfigMap<L> {
    language: L,
    kept: KeptFlags,
}

impl<L: Language> ConfigMap<L> {
    pub(super) fn new(language: L, kept: &KeptFlags) -> Self {
        Self { language, kept: kept.clone() }
    }

    /// The flags in one key, or why not.
    fn part(&self, key: &str, text: &str) -> Result<Vec<Found>, String> {
        self.language.flags(&Document::read(text, format_of(self.kept.format, key))?)
    }
}

/// It says itself that it takes no changes.
fn is_immutable(object: &Value) -> bool {
    object["immutable"] == true
}

/// The text of a key.
fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["data"].as_object()?.get(key)?.as_str()
}

impl<L: Language> Form for ConfigMap<L> {
    fn product(&self) -> &'static str {
        self.language.product()
    }

    fn shelf(&self) -> Shelf {
        SHELF
    }

    fn kind(&self) -> &'static str {
        "ConfigMap"
    }

    fn read(&self, object: &Value) -> Vec<Part> {
        let data = object["data"].as_object();
        let mut parts: Vec<Part> = if let Some(pattern) = &self.kept.key {
            let texts = data.into_iter().flatten().filter(|(key, _)| matches(pattern, key));
            let part = |(key, text): (&String, &Value)| Part {
                name: key.clone(),
                flags: self.part(key, text.as_str().unwrap_or_default()),
            };
            let parts: Vec<Part> = texts.map(part).collect();
            if parts.is_empty() {
                let why = format!("it has no key `{pattern}`");
                vec![Part { name: String::new(), flags: Err(why) }]
            } else {
                parts
            }
        } else {
            let flags = data.into_iter().flatten();
            let flags = flags.filter_map(|(key, text)| plain::entry(key, text.as_str()?));
            vec![Part { name: String::new(), flags: Ok(flags.collect()) }]
        };
        if is_immutable(object) {
            for found in parts.iter_mut().filter_map(|part| part.flags.as_mut().ok()).flatten() {
                found.facts.takes.clear();
                found.facts.warnings.push("its ConfigMap is immutable: it can only be replaced as a whole".into());
            }
        }
        parts
    }

    fn patch(&self, object: &Value, part: &str, key: &str, set: &FlagChange) -> Result<Vec<Value>, ClusterError> {
        let at = if part.is_empty() { key } else { part };
        let gone = || ClusterError::Conflict(format!("key {} is not there any more", clean(at)));
        let old = text(object, at).ok_or_else(gone)?;
        let new = if part.is_empty() {
            plain::set(old, set)
        } else {
            Document::read(old, format_of(self.kept.format, part)).and_then(|document| {
                let edits = self.language.edits(&document, key, set)?;
                document.change(&edits)
            })
        };
        let new = new.map_err(ClusterError::Rejected)?;
        Ok(replace(&["data", at], &json!(old), &json!(new)))
    }

    fn field(&self, part: &str, key: &str) -> Vec<String> {
        ["data", if part.is_empty() { key } else { part }].map(str::to_owned).into()
    }
}
