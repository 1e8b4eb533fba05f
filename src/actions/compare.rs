//! Two pod templates side by side: field by field in words, and as a unified diff of their YAML.

use std::collections::BTreeSet;

use serde_json::Value;

use super::manifest::{plain, without_hash};
use super::plan::FieldChange;
use crate::domain::text::{clean, clean_lines};

/// No more changes than this are put into words; the diff has them all.
pub const MOST_CHANGES: usize = 200;

/// A value longer than this is cut in words; the diff has all of it.
const LONGEST: usize = 400;

/// Every field that differs, in the order containers first, then the pod, then its labels and annotations.
pub fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let (before, after) = (plain(&without_hash(before)), plain(&without_hash(after)));
    let several = [&before, &after].iter().any(|template| {
        let containers = |list: &str| template.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
        containers("/spec/containers") + containers("/spec/initContainers") > 1
    });
    let mut found = Vec::new();
    walk(Some(&before), Some(&after), &mut Vec::new(), several, &mut found);
    found.sort_by_key(|(rank, _)| *rank);
    found.truncate(MOST_CHANGES);
    found.into_iter().map(|(_, change)| change).collect()
}

/// One step of a path: an object's key, or the item of a list that is told apart by name.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(String),
}

fn walk(
    before: Option<&Value>,
    after: Option<&Value>,
    path: &mut Vec<Step>,
    several: bool,
    found: &mut Vec<(u8, FieldChange)>,
) {
    if before == after || found.len() > MOST_CHANGES * 4 {
        return;
    }
    match (before, after) {
        // Environment variables are said whole: value and valueFrom exclude each other.
        _ if is_item_of(path, "env") => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                path.push(Step::Key(key.clone()));
                walk(one.get(key), other.get(key), path, several, found);
                path.pop();
            }
            return;
        }
        (one, other) => {
            if let (Some(one), Some(other)) = (named_items(one), named_items(other)) {
                let names = one.iter().chain(&other).map(|(name, _)| name.clone());
                let mut seen = BTreeSet::new();
                for name in names.filter(|name| seen.insert(name.clone())).collect::<Vec<_>>() {
                    let of = |items: &[(String, Value)]| items.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
                    path.push(Step::Item(name.clone()));
                    walk(of(&one).as_ref(), of(&other).as_ref(), path, several, found);
                    path.pop();
                }
                let order = |items: &[(String, Value)]| items.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
                let same_names =
                    one.len() == other.len() && one.iter().all(|(name, _)| other.iter().any(|(o, _)| o == name));
                if same_names && order(&one) != order(&other) {
                    let (rank, mut words) = say(path, several);
                    words.push_str(" order");
                    push(found, rank, words, Some(order(&one).join(", ")), Some(order(&other).join(", ")));
                }
                return;
            }
        }
    }
    let (rank, words) = say(path, several);
    push(found, rank, words, before.map(in_words), after.map(in_words));
}

fn push(found: &mut Vec<(u8, FieldChange)>, rank: u8, path: String, before: Option<String>, after: Option<String>) {
    found.push((rank, FieldChange { path, before, after }));
}

fn is_item_of(path: &[Step], list: &str) -> bool {
    matches!(path, [.., Step::Key(key), Step::Item(_)] if key == list)
}

/// The items of a list whose items all have a name of their own (or another key that the API merges by).
fn named_items(value: Option<&Value>) -> Option<Vec<(String, Value)>> {
    let items = match value {
        None => return Some(Vec::new()),
        Some(value) => value.as_array()?,
    };
    ["name", "mountPath", "devicePath", "containerPort", "ip"].iter().find_map(|key| {
        let mut seen = BTreeSet::new();
        items
            .iter()
            .map(|item| {
                let name = match item.get(key)? {
                    Value::String(name) => clean(name).into_owned(),
                    Value::Number(number) => number.to_string(),
                    _ => return None,
                };
                seen.insert(name.clone()).then(|| (name, item.clone()))
            })
            .collect::<Option<Vec<_>>>()
    })
}

/// A path in words, and how far up it stands.
fn say(path: &[Step], several: bool) -> (u8, String) {
    let (mut container, mut rest, mut labels) = (None, path, false);
    if let [Step::Key(spec), Step::Key(list), Step::Item(name), inner @ ..] = path {
        let kind = match list.as_str() {
            "containers" => Some(""),
            "initContainers" => Some("init container "),
            "ephemeralContainers" => Some("ephemeral container "),
            _ => None,
        };
        if let (true, Some(kind)) = (spec == "spec", kind) {
            container = Some(format!("{kind}{}", clean(name)));
            rest = inner;
        }
    } else if let [Step::Key(root), inner @ ..] = path
        && !inner.is_empty()
    {
        labels = root == "metadata";
        rest = inner;
    }
    let mut words = String::new();
    for step in rest {
        let (name, separator) = match step {
            Step::Key(key) => (key, if words.is_empty() || words.ends_with(' ') { "" } else { "." }),
            Step::Item(item) => (item, " "),
        };
        words.push_str(separator);
        words.push_str(&clean(name));
        // `resources limits.memory`, `readinessProbe httpGet.path`: the first word is the subject.
        if matches!(step, Step::Key(_))
            && words == name.as_str()
            && rest.len() > 1
            && matches!(rest.get(1), Some(Step::Key(_)))
        {
            words.push(' ');
        }
    }
    match container {
        Some(container) if words.is_empty() => (0, format!("container {container}")),
        Some(container) if several => (rank(&words), format!("{container}: {words}")),
        Some(_) => (rank(&words), words),
        None if labels => (9, words),
        None if words.is_empty() => (8, "pod template".into()),
        None => (8, format!("pod {words}")),
    }
}

fn rank(words: &str) -> u8 {
    match words.split(' ').next().unwrap_or_default() {
        "image" => 0,
        "env" | "envFrom" => 1,
        "command" | "args" => 2,
        "resources" => 3,
        probe if probe.ends_with("Probe") => 4,
        _ => 5,
    }
}

/// A value in words: scalars as they are, structures as `a.b=c, d=e`, a variable as its value or where it comes from.
fn in_words(value: &Value) -> String {
    let mut words = String::new();
    match value {
        Value::Object(fields) if fields.contains_key("value") && fields.len() <= 2 && fields.contains_key("name") => {
            return in_words(&fields["value"]);
        }
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("name") => return String::from("(empty)"),
        Value::Object(fields) if fields.contains_key("valueFrom") => {
            words.push_str("from ");
            leaves(&fields["valueFrom"], "", &mut words);
        }
        Value::Object(_) | Value::Array(_) => leaves(value, "", &mut words),
        Value::String(text) if text.is_empty() => return "(empty)".into(),
        Value::String(text) => words.push_str(&clean(text)),
        other => words.push_str(&other.to_string()),
    }
    shorten(words)
}

fn leaves(value: &Value, prefix: &str, words: &mut String) {
    if words.len() > LONGEST * 4 {
        return;
    }
    let mut leaf = |text: &str| {
        if !words.is_empty() && !words.ends_with("from ") {
            words.push_str(", ");
        }
        if prefix.is_empty() {
            words.push_str(text);
        } else {
            words.extend([&*clean(prefix), "=", text]);
        }
    };
    match value {
        Value::Object(fields) if fields.is_empty() => leaf("{}"),
        Value::Object(fields) => {
            for (key, value) in fields {
                let deeper = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                leaves(value, &deeper, words);
            }
        }
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            leaf(&format!("[{}]", items.join(" ")));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                leaves(item, &format!("{prefix}[{at}]"), words);
            }
        }
        other => leaf(&scalar(other)),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text).into_owned(),
        other => other.to_string(),
    }
}

fn shorten(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}

/// The templates as YAML, as a unified diff with three lines around each change; empty when they say the same.
pub fn unified_diff(before: &Value, after: &Value, from: &str, to: &str) -> String {
    let (before, after) = (yaml(&plain(&without_hash(before))), yaml(&plain(&without_hash(after))));
    similar::TextDiff::from_lines(&before, &after).unified_diff().context_radius(3).header(from, to).to_string()
}

/// YAML with keys in alphabetical order, as `kubectl get -o yaml` has them.
fn yaml(value: &Value) -> String {
    let text = serde_saphyr::to_string(&sorted(value)).unwrap_or_else(|_| format!("{value:#}"));
    clean_lines(&text).into_owned()
}

/// `serde_json` keeps keys in order only as long as no crate of the tree asks for insertion order.
pub(in crate::actions) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
