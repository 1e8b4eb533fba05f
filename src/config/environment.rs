//! The two upper layers: environment variables (`OPSDECK_UI_THEME`) and arguments. Their names come from the schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Schema;

use super::diagnostic::{Origin, Place, Source};
use super::document::{Node, Table, Value};
use super::layers::Override;
use super::schema;

/// A setting that the environment can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The variable (`OPSDECK_UI_THEME`).
    pub name: String,
    /// The setting (`ui.theme`).
    pub key: String,
}

/// All of them, in key order: texts, numbers, flags and lists of texts outside `[contexts]` and `[[slo]]`.
pub fn variables() -> Vec<Variable> {
    let mut found = Vec::new();
    collect(schema::schema(), &mut Vec::new(), &mut found);
    found
}

fn collect(schema: &Schema, path: &mut Vec<String>, found: &mut Vec<Variable>) {
    for (name, property) in schema.get("properties").and_then(Schema::as_object).into_iter().flatten() {
        path.push(name.clone());
        if property.get("required").is_some() {
            // Half of it would be an error, and the other half is a secret's place (`basic`).
        } else if property.get("properties").is_some() {
            collect(property, path, found);
        } else if is_scalar(property) || property.pointer("/items").is_some_and(is_scalar) {
            let name = path.join("_").to_ascii_uppercase().replace('-', "_");
            found.push(Variable { name: format!("OPSDECK_{name}"), key: path.join(".") });
        }
        path.pop();
    }
}

fn is_scalar(schema: &Schema) -> bool {
    let kind = schema.get("type").and_then(Schema::as_str);
    matches!(kind, Some("string" | "integer" | "number" | "boolean")) || !schema::choices(schema).is_empty()
}

/// The layer of the environment. An empty variable says nothing.
pub(super) fn from_variables(env: &BTreeMap<String, String>) -> Table {
    let mut table = Table::new();
    for variable in variables() {
        if let Some(value) = env.get(&variable.name).filter(|value| !value.is_empty()) {
            put(&mut table, &variable.key, value, Origin::Environment(variable.name));
        }
    }
    table
}

/// The layer of the arguments.
pub(super) fn from_arguments(overrides: &[Override]) -> Table {
    let mut table = Table::new();
    for Override { key, value, argument } in overrides {
        put(&mut table, key, value, Origin::Argument(argument.clone()));
    }
    table
}

fn put(table: &mut Table, key: &str, text: &str, origin: Origin) {
    let source = Arc::new(Source { origin, text: text.to_owned() });
    let place = Place { source, span: 0..text.len() };
    let mut schema = Some(schema::schema());
    let mut names: Vec<&str> = key.split('.').collect();
    let Some(last) = names.pop() else { return };
    let mut inner = table;
    for name in names {
        schema = schema.and_then(|schema| schema.get("properties")?.get(name));
        let (_, node) = inner
            .entry(name.to_owned())
            .or_insert_with(|| (place.clone(), Node { value: Value::Table(Table::new()), place: place.clone() }));
        let Value::Table(next) = &mut node.value else { return };
        inner = next;
    }
    schema = schema.and_then(|schema| schema.get("properties")?.get(last));
    let value = read(schema.and_then(|schema| schema.get("type")?.as_str()).unwrap_or_default(), text, &place);
    inner.insert(last.to_owned(), (place.clone(), Node { value, place }));
}

/// Reads text as what the schema wants; what it cannot read stays text, for the checker to refuse.
fn read(kind: &str, text: &str, place: &Place) -> Value {
    let as_text = || Value::Text(text.to_owned());
    match kind {
        "boolean" => text.parse().map_or_else(|_| as_text(), Value::Boolean),
        "integer" => text.parse().map_or_else(|_| as_text(), Value::Integer),
        "number" => text.parse().map_or_else(|_| as_text(), Value::Float),
        "array" => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Node { value: Value::Text(item.to_owned()), place: place.clone() }).collect())
        }
        _ => as_text(),
    }
}
