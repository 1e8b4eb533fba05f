//! The reference of all settings as Markdown, made from the schema, so that it cannot lag behind.

use std::fmt::Write;

use serde_json::Value as Schema;

use super::environment::variables;
use super::schema::{choices, schema};

/// A table for every section: key, kind, default, what it is.
pub fn reference() -> String {
    let mut out = String::new();
    let properties = schema().get("properties").and_then(Schema::as_object).into_iter().flatten();
    for (name, section) in properties {
        let (head, body) = if let Some(items) = section.get("items") {
            (format!("[[{name}]]"), items)
        } else if let Some(entry) = section.get("additionalProperties").filter(|entry| entry.is_object()) {
            (format!("[{name}.\"NAME\"]"), entry)
        } else {
            (format!("[{name}]"), section)
        };
        let text = section.get("description").and_then(Schema::as_str).unwrap_or_default();
        let _ = write!(out, "### `{head}`\n\n{text}\n\n| Key | Value | Default | |\n|---|---|---|---|\n");
        rows(&mut out, body);
        out.push('\n');
        // Tables inside a list have keys of their own.
        for (key, property) in body.get("properties").and_then(Schema::as_object).into_iter().flatten() {
            if let Some(items) = property.get("items").filter(|items| items.get("properties").is_some()) {
                let _ = write!(out, "#### `{key} = [{{ … }}]`\n\n| Key | Value | Default | |\n|---|---|---|---|\n");
                rows(&mut out, items);
                out.push('\n');
            }
        }
    }
    out.push_str("### Environment\n\n| Variable | Setting |\n|---|---|\n");
    out.push_str("| `OPSDECK_CONFIG` | the file to read instead of the user's |\n");
    for variable in variables() {
        let _ = writeln!(out, "| `{}` | `{}` |", variable.name, variable.key);
    }
    out
}

/// One row for each key of a table.
fn rows(out: &mut String, body: &Schema) {
    let required: Vec<&str> =
        body.get("required").and_then(Schema::as_array).into_iter().flatten().filter_map(Schema::as_str).collect();
    for (key, property) in body.get("properties").and_then(Schema::as_object).into_iter().flatten() {
        let default = if required.contains(&key.as_str()) {
            "required".to_owned()
        } else {
            property.get("default").map(|value| format!("`{value}`")).unwrap_or_default()
        };
        let text = property.get("description").and_then(Schema::as_str).unwrap_or_default();
        let cells = [format!("`{key}`"), kind(property), default, text.to_owned()];
        let _ = writeln!(out, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
}

/// What a value is, in words.
fn kind(schema: &Schema) -> String {
    let words = choices(schema);
    if !words.is_empty() {
        return words.iter().map(|(choice, _)| format!("`\"{choice}\"`")).collect::<Vec<_>>().join(", ");
    }
    let check = schema.get("x-check").and_then(Schema::as_str).unwrap_or_default();
    match (schema.get("type").and_then(Schema::as_str).unwrap_or_default(), check) {
        ("array", "url") => "list of addresses".to_owned(),
        ("array", _) => match schema.get("items").map(choices).unwrap_or_default().as_slice() {
            [] => "list".to_owned(),
            words => {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
                format!("list of {}", words.join(", "))
            }
        },
        (_, "secret") => "a secret's place".to_owned(),
        (_, "duration") => "duration".to_owned(),
        (_, "url" | "proxy") => "address".to_owned(),
        (_, "colour") => "colour".to_owned(),
        (_, "size") => "size".to_owned(),
        (_, "instant") => "instant".to_owned(),
        (_, "hours") => "hours".to_owned(),
        (_, "time-zone") => "time zone".to_owned(),
        (_, "path") => "path".to_owned(),
        (_, "query") => "PromQL".to_owned(),
        (_, "percent") => "percent".to_owned(),
        ("object", _) => "table".to_owned(),
        ("string", _) => "text".to_owned(),
        ("boolean", _) => "`true`, `false`".to_owned(),
        ("integer", _) => match (schema.get("minimum"), schema.get("maximum")) {
            (Some(min), Some(max)) => format!("{min}–{max}"),
            _ => "whole number".to_owned(),
        },
        (other, _) => other.to_owned(),
    }
}
