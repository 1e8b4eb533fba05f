//! TOML with its places: every key and every value knows the text and the bytes that it stands in, also after layers
//! were merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{ConfigError, Diagnostic, Origin, Place, Source};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub value: Value,
    pub place: Place,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// No setting is a date; kept to say so.
    Date(toml::value::Datetime),
    Array(Vec<Node>),
    Table(Table),
}

/// Entries by key, each with the key's place.
pub(super) type Table = BTreeMap<String, (Place, Node)>;

impl Value {
    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Date(_) => "a date",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a file's text as a table.
pub(super) fn parse(origin: Origin, text: String) -> Result<Table, ConfigError> {
    let source = Arc::new(Source { origin, text });
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut diagnostics: Vec<Diagnostic> = errors
        .iter()
        .map(|error| {
            let place = Place { source: Arc::clone(&source), span: error.span().unwrap_or(0..0) };
            let diagnostic = Diagnostic::new(&place, "", format!("not valid TOML: {}", error.message()));
            let line = place.line().trim_start();
            if line.starts_with('[') {
                diagnostic.hint(
                    "names with other characters than letters, digits, - and _ are written in quotes: \
                     [contexts.\"prod-*\"]",
                )
            } else if line.contains('=') {
                diagnostic
            } else {
                // Inside a value of several lines, which may be a secret.
                diagnostic.masked()
            }
        })
        .collect();
    // The recovery of a broken line brings follow-up errors; the first of a line says what matters.
    diagnostics.dedup_by_key(|diagnostic| diagnostic.line);
    ConfigError::check(diagnostics)?;
    Ok(convert_table(&source, table.get_ref()))
}

fn convert_table(source: &Arc<Source>, table: &DeTable<'_>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let place = Place { source: Arc::clone(source), span: key.span() };
            (key.get_ref().to_string(), (place, convert(source, value)))
        })
        .collect()
}

fn convert(source: &Arc<Source>, value: &Spanned<DeValue<'_>>) -> Node {
    let place = Place { source: Arc::clone(source), span: value.span() };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Text(number.to_string()), Value::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| Value::Text(number.to_string()), Value::Float)
        }
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(date) => Value::Date(*date),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| convert(source, item)).collect()),
        DeValue::Table(table) => Value::Table(convert_table(source, table)),
    };
    Node { value, place }
}

/// The one list whose layers add up.
pub(super) const GUARDRAIL: &str = "guardrail";

/// Lays `over` on `base`: tables key by key, anything else as a whole. A secret's place is a whole too, and one way of
/// authentication replaces the other.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (mine, other) in [("token", "basic"), ("basic", "token")] {
        if over.contains_key(mine) {
            base.remove(other);
        }
    }
    for (key, (place, node)) in over {
        match (base.get_mut(&key), node) {
            (Some((_, Node { value: Value::Table(below), .. })), Node { value: Value::Table(above), .. })
                if !names_secret(&above) && !names_secret(below) =>
            {
                merge(below, above);
            }
            // Guardrails add up: a user's file must not take those of the machine away.
            (Some((_, Node { value: Value::Array(below), .. })), Node { value: Value::Array(above), .. })
                if key == GUARDRAIL =>
            {
                below.extend(above);
            }
            (_, node) => {
                base.insert(key, (place, node));
            }
        }
    }
}

fn names_secret(table: &Table) -> bool {
    table.len() == 1 && table.keys().all(|key| matches!(key.as_str(), "env" | "file" | "command"))
}

/// A key below a path, quoted where TOML needs it (`contexts."prod-*"`).
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Every value that is no table, with its key, in key order.
pub(super) fn leaves<'a>(table: &'a Table, path: &str, found: &mut Vec<(String, &'a Node)>) {
    for (key, (_, node)) in table {
        let key = join(path, key);
        match &node.value {
            Value::Table(inner) if !names_secret(inner) => leaves(inner, &key, found),
            // Each may come from another layer.
            Value::Array(items) if key == GUARDRAIL => {
                found.extend(items.iter().enumerate().map(|(at, item)| (format!("{key}[{at}]"), item)));
            }
            _ => found.push((key, node)),
        }
    }
}

/// Without the places, for serde.
pub(super) fn plain(table: &Table) -> toml::Table {
    table.iter().map(|(key, (_, node))| (key.clone(), plain_value(&node.value))).collect()
}

pub(super) fn plain_value(value: &Value) -> toml::Value {
    match value {
        Value::Text(text) => toml::Value::String(text.clone()),
        Value::Integer(number) => toml::Value::Integer(*number),
        Value::Float(number) => toml::Value::Float(*number),
        Value::Boolean(flag) => toml::Value::Boolean(*flag),
        Value::Date(date) => toml::Value::Datetime(*date),
        Value::Array(items) => toml::Value::Array(items.iter().map(|item| plain_value(&item.value)).collect()),
        Value::Table(table) => toml::Value::Table(plain(table)),
    }
}
