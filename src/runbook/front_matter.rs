//! Front matter: ours is read strictly; Hugo's, Jekyll's and MkDocs' only for a title, tags and a description.

use std::collections::BTreeMap;

use regex::Regex;

use super::API_VERSION;
use super::diagnostic::{Diagnostic, Spot, did_you_mean};
use super::meta::{Contact, Incident, MatchRule, Meta};
use super::parameter::{From, Parameter, Type, Value, read, seconds};
use super::yaml::{self, Fields, Node};
use crate::domain::incident::Role;

/// Kinds of front matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fence {
    /// `---`.
    Yaml,
    /// `+++`.
    Toml,
}

/// Front matter and the rest of a text.
pub(super) struct Split<'a> {
    pub kind: Fence,
    /// Without its fences.
    pub matter: &'a str,
    /// The number of lines that it takes, with its fences.
    pub lines: usize,
    /// What follows.
    pub rest: &'a str,
}

/// Parts a text; `None` when it has no front matter.
pub(super) fn split(text: &str) -> Option<Split<'_>> {
    let first = text.lines().next()?;
    let (kind, fence) = match first.trim_end() {
        "---" => (Fence::Yaml, "---"),
        "+++" => (Fence::Toml, "+++"),
        _ => return None,
    };
    let begin = text.find('\n')? + 1;
    let mut at = begin;
    for (number, line) in text[begin..].split_inclusive('\n').enumerate() {
        let bare = line.trim_end();
        if bare == fence || (kind == Fence::Yaml && bare == "...") {
            let rest = &text[at + line.len()..];
            return Some(Split { kind, matter: &text[begin..at], lines: number + 2, rest });
        }
        at += line.len();
    }
    None
}

/// What front matter says.
#[derive(Default)]
pub(super) struct Matter {
    pub native: bool,
    pub id: Option<String>,
    pub title: Option<String>,
    pub meta: Meta,
    pub parameters: Vec<Parameter>,
}

const KEYS: [&str; 11] = [
    "apiVersion",
    "id",
    "title",
    "description",
    "owner",
    "tags",
    "severity",
    "match",
    "parameters",
    "incident",
    "escalation",
];

/// Reads it.
pub(super) fn matter(split: &Split<'_>, found: &mut Vec<Diagnostic>) -> Matter {
    if split.kind == Fence::Toml {
        return toml(split.matter);
    }
    let ours = split.matter.lines().any(|line| line.starts_with("apiVersion"));
    match yaml::read(split.matter, Spot::new(2, 1)) {
        Ok(node) if ours => native(&node, found),
        Ok(node) => foreign(&node),
        Err(diagnostic) if ours => {
            found.push(diagnostic);
            Matter { native: true, ..Matter::default() }
        }
        // Somebody else's: it stays readable, whatever is in it.
        Err(diagnostic) => {
            let message = format!("the front matter is not read: {}", diagnostic.message);
            found.push(Diagnostic::warning(diagnostic.spot, message));
            Matter::default()
        }
    }
}

fn toml(text: &str) -> Matter {
    let table: toml::Table = text.parse().unwrap_or_default();
    let word = |key: &str| table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let list = |key: &str| -> Vec<String> {
        let list = table.get(key).and_then(toml::Value::as_array);
        list.map(|list| list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
    };
    let meta = Meta { description: word("description"), tags: list("tags"), ..Meta::default() };
    Matter { title: word("title").or_else(|| word("linkTitle")), meta, ..Matter::default() }
}

fn foreign(node: &Node) -> Matter {
    let get = |key: &str| node.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.node);
    let word = |key: &str| get(key)?.scalar().filter(|text| !text.is_empty()).map(str::to_owned);
    let tags = ["tags", "categories", "keywords"].iter().find_map(|key| get(key)).map(Node::list).unwrap_or_default();
    let tags =
        tags.iter().filter_map(|node| node.scalar()).flat_map(|text| text.split(',')).map(|tag| tag.trim().to_owned());
    let meta = Meta {
        description: word("description").or_else(|| word("summary")),
        tags: tags.collect(),
        owner: word("owner").or_else(|| word("author")),
        ..Meta::default()
    };
    Matter { title: word("title").or_else(|| word("linkTitle")), meta, ..Matter::default() }
}

fn native(node: &Node, found: &mut Vec<Diagnostic>) -> Matter {
    let fields = Fields::new(node, "the front matter", &KEYS, found);
    let mut matter = Matter { native: true, ..Matter::default() };
    match fields.text("apiVersion", found) {
        None | Some((API_VERSION, _)) => {}
        Some((other, spot)) => {
            let message = format!("apiVersion `{other}` is not known");
            found.push(Diagnostic::error(spot, message).hint(format!("write {API_VERSION}")));
        }
    }
    if let Some((id, spot)) = fields.text("id", found) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.is_empty() || id.starts_with('-') || !id.chars().all(fits) {
            let message = format!("`{id}` is no id: lower-case letters, digits and dashes");
            found.push(Diagnostic::error(spot, message));
        }
        matter.id = Some(id.to_owned());
    }
    let mut word = |key: &str| fields.text(key, found).map(|(text, _)| text.to_owned()).filter(|text| !text.is_empty());
    matter.title = word("title");
    matter.meta.description = word("description");
    matter.meta.owner = word("owner");
    matter.meta.severity = word("severity");
    matter.meta.tags = fields.texts("tags", found);
    for node in fields.get("match").map(Node::list).unwrap_or_default() {
        matter.meta.matches.extend(rule(node, found));
    }
    if let Some(node) = fields.get("parameters") {
        match node.entries() {
            Some(entries) => {
                for entry in entries {
                    let parameter = parameter(&entry.key, entry.spot, &entry.node, found);
                    matter.parameters.push(parameter);
                }
            }
            None => found.push(Diagnostic::error(node.spot, "`parameters` is a map of names")),
        }
    }
    matter.meta.incident = fields.get("incident").map(|node| incident(node, found));
    for node in fields.get("escalation").map(Node::list).unwrap_or_default() {
        let fields = Fields::new(node, "an escalation", &["who", "how", "when"], found);
        let mut word = |key: &str| fields.text(key, found).map(|(text, _)| text.to_owned());
        let (who, how, when) = (word("who"), word("how"), word("when"));
        match who {
            Some(who) => matter.meta.escalation.push(Contact { who, how, when }),
            None => found.push(Diagnostic::error(node.spot, "an escalation needs `who`")),
        }
    }
    matter
}

/// An anchored regular expression.
fn pattern(text: &str, spot: Spot, found: &mut Vec<Diagnostic>) -> Option<Regex> {
    if let Ok(regex) = Regex::new(&format!("^(?:{text})$")) {
        Some(regex)
    } else {
        found.push(Diagnostic::error(spot, format!("`{text}` is no regular expression")));
        None
    }
}

fn rule(node: &Node, found: &mut Vec<Diagnostic>) -> Option<MatchRule> {
    let fields = Fields::new(node, "an entry of `match`", &["alert", "labels", "workload", "slo"], found);
    let mut word = |key: &str| fields.text(key, found).map(|(text, _)| text.to_owned()).filter(|text| !text.is_empty());
    let mut rule = MatchRule { alert: word("alert"), workload: word("workload"), slo: word("slo"), labels: Vec::new() };
    if let Some(labels) = fields.get("labels") {
        match labels.entries() {
            None => found.push(Diagnostic::error(labels.spot, "`labels` is a map of names to regular expressions")),
            Some(entries) => {
                for entry in entries {
                    let text = entry.node.scalar().unwrap_or_default();
                    let regex = pattern(text, entry.node.spot, found)?;
                    rule.labels.push((entry.key.clone(), regex));
                }
            }
        }
    }
    let empty = rule.alert.is_none() && rule.workload.is_none() && rule.slo.is_none() && rule.labels.is_empty();
    if empty {
        // An entry without a field would match everything.
        found.push(Diagnostic::error(node.spot, "an entry of `match` needs alert, labels, workload or slo"));
        return None;
    }
    Some(rule)
}

const PARAMETER: [&str; 11] =
    ["type", "description", "default", "required", "allowed", "pattern", "min", "max", "from", "secret", "title"];

/// Names that a shell or a library gives a meaning of its own.
const TAKEN: [&str; 12] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "ftp_proxy",
    "true",
    "false",
    "none",
    "value",
    "values",
    "count",
    "not",
];

fn parameter(name: &str, spot: Spot, node: &Node, found: &mut Vec<Diagnostic>) -> Parameter {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(fits) {
        found.push(Diagnostic::error(spot, format!("`{name}` is no name: lower-case letters, digits and _")));
    } else if TAKEN.contains(&name) {
        found.push(Diagnostic::error(spot, format!("the name `{name}` has a meaning of its own: take another")));
    }
    let fields = Fields::new(node, "a parameter", &PARAMETER, found);
    let mut parameter = Parameter {
        name: name.to_owned(),
        kind: Type::String,
        description: fields.text("description", found).map(|(text, _)| text.to_owned()),
        default: None,
        required: flag(&fields, "required", found),
        allowed: fields.texts("allowed", found),
        pattern: None,
        min: number(&fields, "min", found),
        max: number(&fields, "max", found),
        from: None,
        secret: flag(&fields, "secret", found),
        spot,
    };
    if let Some((word, spot)) = fields.text("type", found) {
        if let Some(kind) = Type::parse(word) {
            parameter.kind = kind;
        } else {
            let words: Vec<&str> = Type::ALL.iter().map(|kind| kind.word()).collect();
            let mut diagnostic = Diagnostic::error(spot, format!("there is no type `{word}`"));
            let all = || Some(format!("there are {}", words.join(", ")));
            diagnostic.hint = did_you_mean(word, words.iter().copied()).or_else(all);
            found.push(diagnostic);
        }
    }
    if let Some((text, spot)) = fields.text("pattern", found) {
        parameter.pattern = pattern(text, spot, found);
    }
    if let Some((word, spot)) = fields.text("from", found) {
        parameter.from = From::parse(word);
        if parameter.from.is_none() {
            let mut diagnostic = Diagnostic::error(spot, format!("no alert gives `{word}`"));
            let all = || Some(format!("write one of {}", From::WORDS.join(", ")));
            diagnostic.hint = did_you_mean(word, From::WORDS).or_else(all);
            found.push(diagnostic);
        }
    }
    if let Some((text, spot)) = fields.text("default", found) {
        let value = read(parameter.kind, text).map_err(|why| format!("default: {why}"));
        match value.and_then(|value: Value| parameter.check(&value).map(|()| value)) {
            Ok(value) => parameter.default = Some(value),
            Err(why) => found.push(Diagnostic::error(spot, why)),
        }
        if parameter.secret {
            found.push(Diagnostic::error(spot, "a secret has no default: everybody could read it here"));
        }
    }
    parameter
}

fn flag(fields: &Fields<'_>, key: &str, found: &mut Vec<Diagnostic>) -> bool {
    match fields.text(key, found) {
        None | Some(("false", _)) => false,
        Some(("true", _)) => true,
        Some((other, spot)) => {
            found.push(Diagnostic::error(spot, format!("`{key}` is true or false, not `{other}`")));
            false
        }
    }
}

fn number(fields: &Fields<'_>, key: &str, found: &mut Vec<Diagnostic>) -> Option<f64> {
    let (text, spot) = fields.text(key, found)?;
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    if number.is_none() {
        found.push(Diagnostic::error(spot, format!("`{key}` is a number, not `{text}`")));
    }
    number
}

const INCIDENT: [&str; 8] =
    ["channel", "topic", "severity", "roles", "invite", "first_message", "update_every", "component"];

fn incident(node: &Node, found: &mut Vec<Diagnostic>) -> Incident {
    let fields = Fields::new(node, "`incident`", &INCIDENT, found);
    let mut spots = Vec::new();
    let mut word = |key: &str| {
        let (text, spot) = fields.text(key, found)?;
        spots.push((text.to_owned(), spot));
        Some(text.to_owned()).filter(|text| !text.is_empty())
    };
    let mut incident = Incident {
        channel: word("channel"),
        topic: word("topic"),
        severity: word("severity"),
        first_message: word("first_message"),
        component: word("component"),
        ..Incident::default()
    };
    incident.spots = spots;
    incident.roles = fields.get("roles").map(|node| roles(node, found)).unwrap_or_default();
    incident.invite = fields.texts("invite", found);
    if let Some((text, spot)) = fields.text("update_every", found) {
        incident.update_every = seconds(text);
        if incident.update_every.is_none() {
            found.push(Diagnostic::error(spot, format!("`{text}` is no duration: write 30m or 1h")));
        }
    }
    incident
}

/// `roles: {communications: support, scribe: bob}`. A list gives nobody a role: runbooks of before may have one, and stay
/// valid.
fn roles(node: &Node, found: &mut Vec<Diagnostic>) -> BTreeMap<Role, String> {
    if node.entries().is_none() {
        let wrong = Diagnostic::warning(node.spot, "`roles` does not say who has which: it is passed over");
        found.push(wrong.hint(format!("write {{ROLE: NAME}}; roles are {}", Role::ALL.map(Role::word).join(", "))));
        return BTreeMap::new();
    }
    let fields = Fields::new(node, "`roles`", &Role::ALL.map(Role::word), found);
    let mut roles = BTreeMap::new();
    for role in Role::ALL {
        match fields.text(role.word(), found) {
            Some((who, spot)) if who.contains("{{") => {
                found.push(Diagnostic::error(spot, "who has a role is a name: templates are not filled in here"));
            }
            Some((who, _)) if !who.trim().is_empty() => {
                roles.insert(role, who.trim().to_owned());
            }
            _ => {}
        }
    }
    roles
}
