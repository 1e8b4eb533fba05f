//! Strategic merge patches: partial objects whose lists are merged by the key that identifies their items, with the
//! directives `$patch`, `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList`.

use serde_json::{Map, Value};

/// Merges `patch` into `original`.
pub fn merge(original: &Value, patch: &Value) -> Result<Value, String> {
    match (original, patch) {
        (Value::Object(original), Value::Object(patch)) => merge_maps(original, patch, "").map(Value::Object),
        _ => Err("invalid strategic merge patch: an object is expected".to_owned()),
    }
}

/// The field that tells the items of a list apart, or `None` for a list that is replaced as a whole.
/// `parent` is the field that holds the map in which the list is.
pub fn merge_key(parent: &str, field: &str) -> Option<&'static str> {
    Some(match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets"
        | "resourceClaims"
        | "schedulingGates" => "name",
        "ports" if matches!(parent, "containers" | "initContainers" | "ephemeralContainers") => "containerPort",
        "ports" if parent == "spec" => "port",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "hostAliases" | "podIPs" | "hostIPs" => "ip",
        "topologySpreadConstraints" => "topologyKey",
        "conditions" | "addresses" => "type",
        "ownerReferences" => "uid",
        _ => return None,
    })
}

/// Lists of plain values that are merged rather than replaced.
fn is_primitive_set(field: &str) -> bool {
    field == "finalizers"
}

fn merge_maps(
    original: &Map<String, Value>,
    patch: &Map<String, Value>,
    parent: &str,
) -> Result<Map<String, Value>, String> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let mut replaced = patch.clone();
            replaced.remove("$patch");
            return Ok(stripped_map(&replaced));
        }
        Some("delete") => return Ok(Map::new()),
        Some("merge") | None => {}
        Some(other) => return Err(format!("unknown patch type {other:?} in map")),
    }
    let mut merged = original.clone();
    if let Some(keep) = patch.get("$retainKeys").and_then(Value::as_array) {
        merged.retain(|key, _| keep.iter().any(|kept| kept == key));
    }
    for (field, change) in patch {
        if field == "$patch" || field == "$retainKeys" || field.starts_with("$setElementOrder/") {
            continue;
        }
        if let Some(list) = field.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = change.as_array().map_or(&[][..], Vec::as_slice);
            if let Some(values) = merged.get_mut(list).and_then(Value::as_array_mut) {
                values.retain(|value| !gone.contains(value));
            }
            continue;
        }
        let order = patch.get(&format!("$setElementOrder/{field}")).and_then(Value::as_array);
        let value = match (merged.get(field), change) {
            (_, Value::Null) => {
                merged.remove(field);
                continue;
            }
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(merge_maps(old, new, field)?),
            (old, Value::Array(new)) => {
                let old = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                match merge_key(parent, field) {
                    Some(key) => Value::Array(merge_lists(old, new, key, field, order)?),
                    None if is_primitive_set(field) => {
                        let fresh = new.iter().filter(|value| !old.contains(value)).cloned();
                        Value::Array(old.iter().cloned().chain(fresh).collect())
                    }
                    None => stripped(change),
                }
            }
            _ => stripped(change),
        };
        merged.insert(field.clone(), value);
    }
    // An order may come alone, when items only change places.
    for (field, order) in patch {
        let Some(list) = field.strip_prefix("$setElementOrder/").filter(|list| !patch.contains_key(*list)) else {
            continue;
        };
        if let (Some(key), Some(order), Some(items)) =
            (merge_key(parent, list), order.as_array(), merged.get(list).and_then(Value::as_array).cloned())
        {
            merged.insert(list.to_owned(), Value::Array(ordered(items.clone(), &items, key, order)));
        }
    }
    Ok(merged)
}

fn merge_lists(
    old: &[Value],
    patch: &[Value],
    key: &str,
    field: &str,
    order: Option<&Vec<Value>>,
) -> Result<Vec<Value>, String> {
    let directive = |item: &Value| item["$patch"].as_str().map(str::to_owned);
    if patch.iter().any(|item| directive(item).as_deref() == Some("replace")) {
        let kept = patch.iter().filter(|item| directive(item).is_none());
        return Ok(kept.map(stripped).collect());
    }
    let mut merged = old.to_vec();
    for item in patch {
        let Some(change) = item.as_object() else { return Err(format!("invalid item in {field}: a map is expected")) };
        let id = &item[key];
        if id.is_null() {
            return Err(format!("map: {item} does not contain declared merge key: {key}"));
        }
        if directive(item).as_deref() == Some("delete") {
            merged.retain(|old| old[key] != *id);
        } else if let Some(place) = merged.iter_mut().find(|old| old[key] == *id) {
            if let Some(old) = place.as_object() {
                *place = Value::Object(merge_maps(old, change, field)?);
            }
        } else {
            merged.push(stripped(item));
        }
    }
    Ok(match order {
        Some(order) => ordered(merged, old, key, order),
        None => merged,
    })
}

/// Items in the order that the patch names; those that it does not name keep their place among the old ones.
fn ordered(items: Vec<Value>, old: &[Value], key: &str, order: &[Value]) -> Vec<Value> {
    let rank = |item: &Value| order.iter().position(|wanted| wanted[key] == item[key]);
    let place = |item: &Value| old.iter().position(|old| old[key] == item[key]);
    let (mut named, others): (Vec<Value>, Vec<Value>) = items.into_iter().partition(|item| rank(item).is_some());
    named.sort_by_key(|item| rank(item));
    let mut named = named.into_iter().peekable();
    let mut result = Vec::new();
    for other in others {
        while let Some(next) = named.next_if(|next| place(next).is_none_or(|at| Some(at) < place(&other))) {
            result.push(next);
        }
        result.push(other);
    }
    result.extend(named);
    result
}

/// A value without directives and nulls, as it is put where nothing was.
fn stripped(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(stripped_map(map)),
        Value::Array(items) => {
            Value::Array(items.iter().filter(|item| item["$patch"] != "delete").map(stripped).collect())
        }
        other => other.clone(),
    }
}

fn stripped_map(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .filter(|(key, value)| !key.starts_with('$') && !value.is_null())
        .map(|(key, value)| (key.clone(), stripped(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn pod_spec() -> Value {
        json!({"spec": {"containers": [
            {"name": "app", "image": "app:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "args": ["x", "y"], "ports": [{"containerPort": 80}]},
            {"name": "side", "image": "side:1"}], "nodeSelector": {"a": "1"}}})
    }

    #[test]
    fn containers_and_env_are_merged_by_name_and_arguments_are_replaced() {
        let patch = json!({"spec": {"containers": [{"name": "app", "image": "app:2", "args": ["z"],
            "env": [{"name": "B", "$patch": "delete"}, {"name": "C", "value": "3"}], "ports": [{"containerPort": 81}]}]}});
        let merged = merge(&pod_spec(), &patch).unwrap();
        let app = &merged["spec"]["containers"][0];
        assert_eq!((&app["image"], &app["args"]), (&json!("app:2"), &json!(["z"])));
        assert_eq!(app["env"], json!([{"name": "A", "value": "1"}, {"name": "C", "value": "3"}]));
        assert_eq!(app["ports"], json!([{"containerPort": 80}, {"containerPort": 81}]));
        assert_eq!(merged["spec"]["containers"][1]["image"], "side:1");
    }

    #[test]
    fn replacing_a_map_drops_what_the_patch_leaves_out() {
        let patch = json!({"spec": {"$patch": "replace", "containers": [{"name": "only", "image": "i", "tty": null}]}});
        assert_eq!(
            merge(&pod_spec(), &patch).unwrap(),
            json!({"spec": {"containers": [{"name": "only", "image": "i"}]}})
        );
        let patch =
            json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "n", "image": "i"}], "nodeSelector": null}});
        assert_eq!(merge(&pod_spec(), &patch).unwrap(), json!({"spec": {"containers": [{"name": "n", "image": "i"}]}}));
    }

    #[test]
    fn the_order_of_elements_is_what_the_patch_says_and_strangers_keep_their_place() {
        let old = json!({"containers": [{"name": "a"}, {"name": "server"}, {"name": "b"}]});
        let patch = json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}, {"name": "new"}], "containers": [{"name": "new"}]});
        let merged = merge(&old, &patch).unwrap();
        let names: Vec<&str> =
            merged["containers"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["server", "b", "a", "new"]);
    }

    #[test]
    fn primitive_sets_are_united_and_thinned() {
        let old =
            json!({"metadata": {"finalizers": ["a", "b"]}, "strategy": {"type": "RollingUpdate", "rollingUpdate": {}}});
        let patch = json!({"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]},
            "strategy": {"$retainKeys": ["type"], "type": "Recreate"}});
        let merged = merge(&old, &patch).unwrap();
        assert!(merged["metadata"]["finalizers"].as_array().unwrap().contains(&json!("c")));
        assert!(!merged["metadata"]["finalizers"].as_array().unwrap().contains(&json!("a")));
        assert_eq!(merged["strategy"], json!({"type": "Recreate"}));
    }

    #[test]
    fn an_item_without_its_key_is_refused() {
        assert!(merge(&pod_spec(), &json!({"spec": {"containers": [{"image": "x"}]}})).is_err());
    }
}
