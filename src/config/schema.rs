//! The JSON Schema of a configuration file, made from [`Settings`] and the built-in defaults. Editors use it; the
//! checker, the reference and the environment's names are derived from the same one.
//!
//! The keyword `x-check` names what JSON Schema cannot say about a text (`duration`, `url`, `secret`…).

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::layers::DEFAULTS;
use super::settings::Settings;

/// The schema, with defaults.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(make);
    &SCHEMA
}

fn make() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            // Whole and flat: the walk needs no references, and each place can have defaults of its own.
            settings.inline_subschemas = true;
        })
        .into_generator();
    let mut schema = generator.into_root_schema_for::<Settings>().to_value();
    simplify(&mut schema, true);
    if let Ok(defaults) = toml::from_str::<Value>(DEFAULTS) {
        put_defaults(&mut schema, &defaults);
    }
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("opsdeck configuration"));
    }
    schema
}

/// Takes out what TOML does not know (null), formats that only repeat Rust's types, and what a file need not say
/// because a lower layer did; closes tables against unknown keys.
fn simplify(value: &mut Value, sections: bool) {
    let Value::Object(object) = value else { return };
    strip_null(object);
    object.remove("format");
    object.remove("default");
    if let Some(text) = object.get_mut("description").and_then(|text| text.as_str().map(|text| text.replace('\n', " ")))
    {
        object.insert("description".to_owned(), Value::String(text));
    }
    // Lists hold things of their own (`[[slo]]`), whose required keys no lower layer gives.
    if sections {
        object.remove("required");
    }
    if object.contains_key("properties") {
        object.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    for (key, child) in object.iter_mut() {
        match (key.as_str(), child) {
            ("properties", Value::Object(properties)) => {
                for (name, child) in properties {
                    simplify(child, sections && name != "basic");
                }
            }
            ("items", child) => simplify(child, false),
            ("additionalProperties", child) => simplify(child, sections),
            ("oneOf" | "anyOf", Value::Array(variants)) => {
                for variant in variants {
                    simplify(variant, false);
                }
            }
            _ => {}
        }
    }
}

/// `Option<T>` is `T` that may be absent.
fn strip_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = object.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(variants)) = object.get_mut("anyOf") {
        variants.retain(|variant| variant.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = variants.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                // The field's own description says more than its type's.
                object.entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

fn put_defaults(schema: &mut Value, defaults: &Value) {
    let (Some(properties), Some(defaults)) =
        (schema.get_mut("properties").and_then(Value::as_object_mut), defaults.as_object())
    else {
        return;
    };
    for (name, value) in defaults {
        let Some(property) = properties.get_mut(name) else { continue };
        if property.get("properties").is_some() {
            put_defaults(property, value);
        } else if let Some(property) = property.as_object_mut() {
            property.insert("default".to_owned(), value.clone());
        }
    }
}

/// The values that a schema lists, with what each means.
pub(super) fn choices(schema: &Value) -> Vec<(&str, &str)> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().filter_map(|value| Some((value.as_str()?, ""))).collect();
    }
    let variants = schema.get("oneOf").and_then(Value::as_array);
    variants
        .into_iter()
        .flatten()
        .filter_map(|variant| {
            let text = variant.get("description").and_then(Value::as_str).unwrap_or_default();
            Some((variant.get("const")?.as_str()?, text))
        })
        .collect()
}
