//! What the schema cannot say of sources of feature flags: names that are taken, and what a product needs.

use std::collections::BTreeMap;

use super::super::diagnostic::{Diagnostic, Place};
use super::super::document::{Node, Table, Value, join};

/// Products that are reached at an address.
const REMOTE: [&str; 1] = ["unleash"];

/// Products that keep flags in ConfigMaps.
const IN_CONFIG_MAPS: [&str; 2] = ["go-feature-flag", "config-map"];
/// Settings that only they understand, and those of everything that is kept in the cluster.
const OF_DOCUMENTS: [&str; 2] = ["key", "format"];
const OF_OBJECTS: [&str; 3] = ["namespaces", "selector", "object"];

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
    if REMOTE.contains(&product) && !source.contains_key("environments") {
        let diagnostic = Diagnostic::new(place, path, "`environments` is missing");
        found.push(diagnostic.hint(ENVIRONMENTS.to_owned()));
    }
    in_cluster(product, source, place, path, found);
    if let Some((_, Node { value: Value::Table(environments), place })) = source.get("environments")
        && environments.is_empty()
    {
        let message = "no environment: the source would never be asked";
        let diagnostic = Diagnostic::new(place, join(path, "environments"), message);
        found.push(diagnostic.hint(ENVIRONMENTS.to_owned()));
    }
}

const ENVIRONMENTS: &str = "environments = { \"prod-*\" = [\"production\"] }";

/// What is kept in the cluster needs to be found there, and what is not has no place there.
fn in_cluster(product: &str, source: &Table, place: &Place, path: &str, found: &mut Vec<Diagnostic>) {
    let in_config_maps = IN_CONFIG_MAPS.contains(&product);
    let kept = in_config_maps || product == "feature-flag";
    if product.is_empty() {
        return;
    }
    let mut misplaced = |setting: &str, whose: &str| {
        if let Some((_, Node { place, .. })) = source.get(setting) {
            let message = format!("`{setting}` is for flags in {whose}, not for {product}");
            found.push(Diagnostic::new(place, join(path, setting), message));
        }
    };
    if !kept {
        for setting in OF_OBJECTS {
            misplaced(setting, "objects of the cluster");
        }
    }
    if !in_config_maps {
        for setting in OF_DOCUMENTS {
            misplaced(setting, "ConfigMaps");
        }
    }
    if product != "config-map" {
        misplaced("path", "ConfigMaps");
    }
    if kept {
        misplaced("url", "other products");
    }
    if in_config_maps && !source.contains_key("object") && !source.contains_key("selector") {
        let diagnostic =
            Diagnostic::new(place, path, "`object` or `selector` is missing: which ConfigMaps hold flags?");
        found.push(diagnostic.hint("object = \"flags\", or selector = \"flags=true\"".to_owned()));
    }
    if product == "go-feature-flag" && !source.contains_key("key") {
        let diagnostic = Diagnostic::new(place, path, "`key` is missing: which key of the ConfigMap holds the file?");
        found.push(diagnostic.hint("key = \"flags.goff.yaml\"".to_owned()));
    }
}
