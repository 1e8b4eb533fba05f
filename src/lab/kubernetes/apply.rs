//! Server-side apply: the merge of one manager's whole intent, and who owns which field (`managedFields`).
//!
//! Ownership is kept for appliers; ordinary updates own nothing here, so only appliers conflict with each other.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::strategic;
use crate::lab::store::timestamp;

/// Path of a field: `f:NAME` for a member, `k:{…}` for an item of a list with keys, as in `fieldsV1`.
type Path = Vec<String>;

/// Applies `applied` for `manager`. The error names fields that others own and that would change: owner and field.
pub fn onto(
    live: &Value,
    applied: &Value,
    manager: &str,
    force: bool,
    now: DateTime<Utc>,
) -> Result<Value, Vec<(String, String)>> {
    let mut wanted = BTreeSet::new();
    collect(applied, &mut Vec::new(), "", &mut wanted);
    let mut entries = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let is_own = |entry: &Value| entry["manager"] == manager && entry["operation"] == "Apply";
    let mut conflicts = Vec::new();
    let mut mine_before = BTreeSet::new();
    let mut theirs = BTreeSet::new();
    for entry in &mut entries {
        let mut owned = BTreeSet::new();
        read_fields(&entry["fieldsV1"], &mut Vec::new(), &mut owned);
        if is_own(entry) {
            mine_before = owned;
            continue;
        }
        let contested: Vec<Path> =
            owned.intersection(&wanted).filter(|path| lookup(live, path) != lookup(applied, path)).cloned().collect();
        for path in &contested {
            owned.remove(path);
        }
        if !contested.is_empty() {
            let owner = entry["manager"].as_str().unwrap_or_default().to_owned();
            conflicts.extend(contested.iter().map(|path| (owner.clone(), dotted(path))));
            entry["fieldsV1"] = write_fields(&owned);
        }
        theirs.extend(owned);
    }
    if !conflicts.is_empty() && !force {
        return Err(conflicts);
    }
    let mut merged = strategic::merge(live, applied).unwrap_or_else(|_| applied.clone());
    // What this manager used to want, wants no more, and nobody else owns, goes.
    let still_wanted = |path: &[String]| wanted.iter().chain(&theirs).any(|other| other.starts_with(path));
    for path in mine_before.difference(&wanted).filter(|path| !theirs.contains(*path)) {
        // An item of which nothing is wanted any more goes as a whole.
        let ends = (1..=path.len()).find(|end| path[end - 1].starts_with("k:") && !still_wanted(&path[..*end]));
        remove(&mut merged, &path[..ends.unwrap_or(path.len())]);
    }
    entries.retain(|entry| !is_own(entry) && entry["fieldsV1"].as_object().is_some_and(|fields| !fields.is_empty()));
    entries.push(json!({
        "manager": manager, "operation": "Apply", "apiVersion": applied["apiVersion"], "time": timestamp(now),
        "fieldsType": "FieldsV1", "fieldsV1": write_fields(&wanted),
    }));
    merged["metadata"]["managedFields"] = json!(entries);
    Ok(merged)
}

/// The leaves of an intent. Lists without keys are leaves.
fn collect(value: &Value, path: &mut Path, parent: &str, leaves: &mut BTreeSet<Path>) {
    for (field, child) in value.as_object().into_iter().flatten() {
        // Who it is cannot be owned.
        let identity = (path.is_empty() && matches!(field.as_str(), "apiVersion" | "kind"))
            || (path.len() == 1
                && path[0] == "f:metadata"
                && matches!(field.as_str(), "name" | "namespace" | "managedFields" | "resourceVersion"));
        if identity {
            continue;
        }
        path.push(format!("f:{field}"));
        match (child, strategic::merge_key(parent, field)) {
            (Value::Object(map), _) if !map.is_empty() => collect(child, path, field, leaves),
            (Value::Array(items), Some(key)) => {
                for item in items {
                    path.push(format!("k:{}", json!({key: item[key]})));
                    collect(item, path, field, leaves);
                    path.pop();
                }
            }
            _ => {
                leaves.insert(path.clone());
            }
        }
        path.pop();
    }
}

fn read_fields(fields: &Value, path: &mut Path, leaves: &mut BTreeSet<Path>) {
    match fields.as_object() {
        Some(map) if !map.is_empty() => {
            for (step, child) in map.iter().filter(|(step, _)| *step != ".") {
                path.push(step.clone());
                read_fields(child, path, leaves);
                path.pop();
            }
        }
        _ if !path.is_empty() => {
            leaves.insert(path.clone());
        }
        _ => {}
    }
}

fn write_fields(leaves: &BTreeSet<Path>) -> Value {
    let mut root = Map::new();
    for path in leaves {
        let mut at = &mut root;
        for step in path {
            let Some(next) = at.entry(step.clone()).or_insert_with(|| json!({})).as_object_mut() else { break };
            at = next;
        }
    }
    Value::Object(root)
}

/// The item of a list that a `k:` step names.
fn item(list: &[Value], step: &str) -> Option<usize> {
    let key: Map<String, Value> = serde_json::from_str(step.strip_prefix("k:")?).ok()?;
    list.iter().position(|item| key.iter().all(|(field, value)| item[field] == *value))
}

fn lookup<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, step| match (value, step.strip_prefix("f:")) {
        (Value::Object(map), Some(field)) => map.get(field),
        (Value::Array(list), None) => item(list, step).map(|at| &list[at]),
        _ => None,
    })
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((last, way)) = path.split_last() else { return };
    let holder = way.iter().try_fold(object, |value, step| match (value, step.strip_prefix("f:")) {
        (Value::Object(map), Some(field)) => map.get_mut(field),
        (Value::Array(list), None) => item(list, step).map(|at| &mut list[at]),
        _ => None,
    });
    match (holder, last.strip_prefix("f:")) {
        (Some(Value::Object(map)), Some(field)) => {
            map.remove(field);
        }
        (Some(Value::Array(list)), None) => {
            if let Some(at) = item(list, last) {
                list.remove(at);
            }
        }
        _ => {}
    }
}

fn dotted(path: &[String]) -> String {
    path.iter()
        .map(|step| {
            step.strip_prefix("f:")
                .map_or_else(|| format!("[{}]", step.trim_start_matches("k:")), |field| format!(".{field}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn intent(image: &str, replicas: Option<u32>) -> Value {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}});
        if let Some(replicas) = replicas {
            object["spec"]["replicas"] = json!(replicas);
        }
        object
    }

    #[test]
    fn others_fields_conflict_unless_forced_and_dropped_fields_go() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let live = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}});
        let live = onto(&live, &intent("a:1", Some(3)), "ci", false, now).unwrap();
        assert_eq!(live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"], json!({}));
        // The same value is shared, a different one is a conflict.
        assert!(onto(&live, &intent("a:1", None), "me", false, now).is_ok());
        let conflicts = onto(&live, &intent("a:2", None), "me", false, now).unwrap_err();
        assert_eq!(
            conflicts,
            [("ci".to_owned(), ".spec.template.spec.containers[{\"name\":\"app\"}].image".to_owned())]
        );
        let forced = onto(&live, &intent("a:2", None), "me", true, now).unwrap();
        assert_eq!(forced["spec"]["template"]["spec"]["containers"][0]["image"], "a:2");
        let dropped = onto(&live, &intent("a:1", None), "ci", false, now).unwrap();
        assert!(dropped["spec"].get("replicas").is_none(), "nobody wants a number of replicas any more");
        let mut other = intent("b:1", None);
        other["spec"]["template"]["spec"]["containers"][0]["name"] = json!("other");
        let swapped = onto(&dropped, &other, "ci", false, now).unwrap();
        assert_eq!(swapped["spec"]["template"]["spec"]["containers"], json!([{"name": "other", "image": "b:1"}]));
    }
}
