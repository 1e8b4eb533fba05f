//! What the schema cannot say of sources of feature flags: names that are taken, and what a product needs.

use std::collections::BTreeMap;

use super::super::diagnostic::{Diagnostic, Place};
use super::super::document::{Node, Table, Value, join};

/// Products that are reached at an address.
const REMOTE: [&str; 1] = ["unleash"];

/// Adds what is wrong with the sources of a layer.
pub(super) fn check(table: &Table, found: &mut Vec<Diagnostic>) {
    let Some((_, Node { value: Value::Array(items), .. })) = table.get("flags") else { return };
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let Value::Table(source) = &item.value else { continue };
        let path = format!("flags[{index}]");
        one(source, &item.place, &path, found);
        if let Some((_, Node { value: Value::Text(name), place })) = source.get("name") {
            if let Some(other) = seen.insert(name, place.position().0) {
                let message = format!("another source of flags is called `{name}` too, in line {other}");
                found.push(Diagnostic::new(place, join(&path, "name"), message));
            }
            if name.contains(char::is_control) {
                found.push(Diagnostic::new(place, join(&path, "name"), "a name is one line of plain text"));
            }
        }
    }
}

fn one(source: &Table, place: &Place, path: &str, found: &mut Vec<Diagnostic>) {
    let product = match source.get("provider") {
        Some((_, Node { value: Value::Text(product), .. })) => product.as_str(),
        _ => "",
    };
    if REMOTE.contains(&product) && !source.contains_key("url") {
        let diagnostic = Diagnostic::new(place, path, "`url` is missing");
        found.push(diagnostic.hint(format!("the address of {product}: url = \"https://…\"")));
    }
    if let Some((_, Node { value: Value::Table(environments), place })) = source.get("environments")
        && environments.is_empty()
    {
        let message = "no environment: the source would never be asked";
        let diagnostic = Diagnostic::new(place, join(path, "environments"), message);
        found.push(diagnostic.hint("environments = { \"prod-*\" = [\"production\"] }".to_owned()));
    }
}
