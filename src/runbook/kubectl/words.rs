//! The arguments of a line: words, and options with and without a value.

use super::super::action::Scope;
use super::super::parameter;

/// Options with a value, and their short forms.
pub(super) const VALUED: [(&str, &str); 16] = [
    ("namespace", "n"),
    ("selector", "l"),
    ("output", "o"),
    ("container", "c"),
    ("field-selector", ""),
    ("since", ""),
    ("tail", ""),
    ("replicas", ""),
    ("revision", ""),
    ("to-revision", ""),
    ("min", ""),
    ("max", ""),
    ("from", ""),
    ("sort-by", ""),
    ("timeout", ""),
    ("grace-period", ""),
];

/// Options without one. They are read, not all mean something here.
const PLAIN: [(&str, &str); 22] = [
    ("all-namespaces", "A"),
    ("previous", "p"),
    ("follow", "f"),
    ("watch", "w"),
    ("force", ""),
    ("ignore-daemonsets", ""),
    ("delete-emptydir-data", ""),
    ("delete-local-data", ""),
    ("timestamps", ""),
    ("all-containers", ""),
    ("prefix", ""),
    ("show-labels", ""),
    ("no-headers", ""),
    ("containers", ""),
    ("now", ""),
    ("wide", ""),
    ("full", ""),
    ("record", ""),
    ("all", ""),
    ("show-events", ""),
    ("ignore-not-found", ""),
    ("recursive", "R"),
];

#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) plain: Vec<String>,
    options: Vec<(&'static str, String)>,
}

impl Words {
    pub(super) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut words = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                return Err("what stands after `--` runs in the cluster: that is no read".into());
            }
            let (name, value, long) = match (argument.strip_prefix("--"), argument.strip_prefix('-')) {
                (Some(name), _) => match name.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned()), true),
                    None => (name.to_owned(), None, true),
                },
                (None, Some(name)) if !name.is_empty() => {
                    let first: String = name.chars().take(1).collect();
                    let value = &name[first.len()..];
                    let value = value.strip_prefix('=').unwrap_or(value);
                    (first, Some(value.to_owned()).filter(|value| !value.is_empty()), false)
                }
                _ => {
                    words.plain.push(argument.clone());
                    continue;
                }
            };
            let named =
                |(full, short): &&(&'static str, &'static str)| if long { *full == name } else { *short == name };
            if let Some((full, _)) = VALUED.iter().find(named) {
                let value = match value {
                    Some(value) => value,
                    None => rest.next().cloned().ok_or_else(|| format!("`{argument}` has no value"))?,
                };
                words.options.push((full, value));
            } else if let Some((full, _)) = PLAIN.iter().find(named) {
                words.options.push((full, value.unwrap_or_else(|| "true".into())));
            } else {
                return Err(format!("the option `{argument}` is not known here"));
            }
        }
        Ok(words)
    }

    pub(super) fn option(&self, name: &str) -> Option<String> {
        self.options.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.option(name).is_some_and(|value| value != "false")
    }

    pub(super) fn scope(&self) -> Scope {
        Scope {
            namespace: self.option("namespace"),
            all_namespaces: self.is("all-namespaces"),
            selector: self.option("selector"),
            fields: self.option("field-selector"),
        }
    }
}

/// A number, or zero in the place of a template that is not filled in yet.
pub(super) fn number(text: Option<String>) -> Result<Option<u64>, String> {
    match text {
        None => Ok(None),
        Some(text) if text.contains("{{") => Ok(Some(0)),
        Some(text) if text == "-1" => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| format!("`{text}` is no number")),
    }
}

pub(super) fn span(text: Option<String>) -> Result<Option<u64>, String> {
    match text {
        None => Ok(None),
        Some(text) if text.contains("{{") => Ok(Some(0)),
        Some(text) => parameter::seconds(&text).map(Some).ok_or_else(|| format!("`{text}` is no duration")),
    }
}

/// `kind/name`, or a kind and a name, or only a name when it is a whole template.
pub(super) fn target(words: &[String]) -> Result<String, String> {
    match words {
        [one] if one.contains('/') || one.starts_with("{{") => Ok(one.clone()),
        [kind, name] if !kind.contains('/') && !name.contains('/') => Ok(format!("{kind}/{name}")),
        [] => Err("it names no object".into()),
        [one] => Err(format!("`{one}` is of no kind: write KIND/NAME")),
        _ => Err("it names several objects: write one line for each".into()),
    }
}
