//! Reading and building Kubernetes objects as JSON values: the small vocabulary that all
//! controllers share.
//!
//! Absent fields read as empty text, zero or `None`, because the lab, like the real controllers,
//! must take any object that the API server accepts.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// The annotation that holds a Deployment's or ReplicaSet's revision.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// The annotation that says why a revision was made.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// The label that tells the pods of one ReplicaSet from those of another.
pub const TEMPLATE_HASH: &str = "pod-template-hash";

/// The value at a path such as `/spec/containers/0/name`. Unlike a JSON pointer it knows no
/// escapes, which is what makes it cheap enough for loops over all pods.
pub fn field<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').skip(1).try_fold(object, |here, part| match here {
        Value::Object(map) => map.get(part),
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Whether the value at a path is `true`.
pub fn is_set(object: &Value, path: &str) -> bool {
    field(object, path).and_then(Value::as_bool).unwrap_or(false)
}

/// The text at a path, empty when absent.
pub fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    field(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// The integer at a path, or `fallback`.
pub fn int_or(object: &Value, path: &str, fallback: i64) -> i64 {
    field(object, path).and_then(Value::as_i64).unwrap_or(fallback)
}

/// The integer at a path, zero when absent.
pub fn int(object: &Value, path: &str) -> i64 {
    int_or(object, path, 0)
}

/// The items of the array at a path; none when absent.
pub fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    field(object, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`, empty for cluster-wide objects.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// The value of an annotation, empty when absent.
pub fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    field(object, "/metadata/annotations").and_then(|all| all.get(key)).and_then(Value::as_str).unwrap_or_default()
}

/// The value of a label, empty when absent.
pub fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    field(object, "/metadata/labels").and_then(|all| all.get(key)).and_then(Value::as_str).unwrap_or_default()
}

/// The revision of a Deployment or ReplicaSet, zero when it has none yet.
pub fn revision(object: &Value) -> u64 {
    annotation(object, REVISION).parse().unwrap_or(0)
}

/// Whether deletion has begun.
pub fn is_deleting(object: &Value) -> bool {
    field(object, "/metadata/deletionTimestamp").is_some_and(|at| !at.is_null())
}

/// The instant at a path.
pub fn instant(object: &Value, path: &str) -> Option<DateTime<Utc>> {
    let written = field(object, path)?.as_str()?;
    DateTime::parse_from_rfc3339(written).ok().map(|at| at.with_timezone(&Utc))
}

/// An instant as `metav1.Time` writes it: whole seconds, UTC.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The uid of the owner that controls an object, empty when none does.
pub fn controller_uid(object: &Value) -> &str {
    items(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner["controller"] == true)
        .map(|owner| text(owner, "/uid"))
        .unwrap_or_default()
}

/// The owner reference that makes `owner` the controller of something.
pub fn controlled_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"],
        "blockOwnerDeletion": true,
        "controller": true,
        "kind": owner["kind"],
        "name": name(owner),
        "uid": uid(owner),
    })
}

/// Sets an annotation; says whether that changed anything.
pub fn annotate(object: &mut Value, key: &str, value: &str) -> bool {
    set_in(object, "annotations", key, value)
}

/// Sets a label; says whether that changed anything.
pub fn set_label(object: &mut Value, key: &str, value: &str) -> bool {
    set_in(object, "labels", key, value)
}

fn set_in(object: &mut Value, map: &str, key: &str, value: &str) -> bool {
    if object["metadata"][map][key] == value {
        return false;
    }
    if !object["metadata"][map].is_object() {
        object["metadata"][map] = json!({});
    }
    object["metadata"][map][key] = json!(value);
    true
}

/// Whether a `LabelSelector` (`matchLabels` and `matchExpressions`) selects these labels. An
/// empty selector selects nothing here: no controller of ours wants "everything".
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    let expressions = items(selector, "/matchExpressions");
    if wanted.is_none_or(Map::is_empty) && expressions.is_empty() {
        return false;
    }
    let pairs = wanted.is_none_or(|wanted| has_all(wanted, labels));
    pairs
        && expressions.iter().all(|expression| {
            let value = labels.get(text(expression, "/key")).and_then(Value::as_str);
            let listed = || items(expression, "/values").iter().any(|listed| listed.as_str() == value);
            match text(expression, "/operator") {
                "In" => value.is_some() && listed(),
                "NotIn" => value.is_none() || !listed(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

/// Whether `labels` holds every pair of `wanted`.
pub fn has_all(wanted: &Map<String, Value>, labels: &Value) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The condition of a type in `status.conditions`.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| condition["type"] == kind)
}

/// Whether the condition of a type is `True`.
pub fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// Sets a condition. `lastTransitionTime` moves only when the status does; further times, such as
/// a Deployment's `lastUpdateTime`, are the caller's.
pub fn set_condition(object: &mut Value, condition: Value, now: DateTime<Utc>) {
    let mut condition = condition;
    if !object["status"]["conditions"].is_array() {
        object["status"]["conditions"] = json!([]);
    }
    let Some(all) = object["status"]["conditions"].as_array_mut() else { return };
    let present = all.iter_mut().find(|present| present["type"] == condition["type"]);
    let stays = present.as_ref().filter(|present| present["status"] == condition["status"]);
    condition["lastTransitionTime"] =
        stays.map_or_else(|| json!(stamp(now)), |present| present["lastTransitionTime"].clone());
    if let Some(present) = present {
        *present = condition;
    } else {
        all.push(condition);
    }
}

/// Resolves an `IntOrString` such as `3` or `"25%"` against a total.
pub fn int_or_percent(value: Option<&Value>, fallback: &str, total: i64, round_up: bool) -> i64 {
    let percent = |written: &str| -> i64 {
        let share = written.trim_end_matches('%').parse::<i64>().unwrap_or(0);
        let product = share.max(0) * total;
        if round_up { (product + 99) / 100 } else { product / 100 }
    };
    match value {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0).max(0),
        Some(Value::String(written)) => percent(written),
        _ => percent(fallback),
    }
}

/// A CPU quantity (`250m`, `2`) in thousandths of a core.
pub fn millicores(quantity: &str) -> i64 {
    match quantity.strip_suffix('m') {
        Some(milli) => milli.parse().unwrap_or(0),
        None => quantity.parse::<f64>().map_or(0, |cores| (cores * 1000.0) as i64),
    }
}

/// A memory quantity (`256Mi`, `1G`, `1024`) in bytes.
pub fn bytes(quantity: &str) -> i64 {
    const UNITS: [(&str, i64); 8] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| quantity.strip_suffix(suffix).map(|number| (number, *unit)))
        .unwrap_or((quantity, 1));
    number.parse::<f64>().map_or(0, |number| (number * unit as f64) as i64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn quantities_and_percentages_follow_the_api() {
        assert_eq!(millicores("250m"), 250);
        assert_eq!(millicores("1.5"), 1500);
        assert_eq!(bytes("256Mi"), 256 << 20);
        assert_eq!(int_or_percent(Some(&json!("25%")), "", 6, true), 2);
        assert_eq!(int_or_percent(Some(&json!("25%")), "", 6, false), 1);
        assert_eq!(int_or_percent(None, "50%", 7, false), 3);
    }

    #[test]
    fn selectors_know_expressions_and_empty_selects_nothing() {
        let labels = json!({"app": "payment", "tier": "back"});
        assert!(selects(&json!({"matchLabels": {"app": "payment"}}), &labels));
        assert!(!selects(&json!({}), &labels));
        let odd = json!({"matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["back"]},
            {"key": "canary", "operator": "DoesNotExist"},
        ]});
        assert!(selects(&odd, &labels));
    }

    #[test]
    fn a_condition_keeps_its_transition_time_until_its_status_moves() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let mut object = json!({});
        set_condition(&mut object, json!({"type": "Ready", "status": "False"}), at(10));
        set_condition(&mut object, json!({"type": "Ready", "status": "False", "reason": "x"}), at(20));
        assert_eq!(object["status"]["conditions"][0]["lastTransitionTime"], stamp(at(10)));
        set_condition(&mut object, json!({"type": "Ready", "status": "True"}), at(30));
        assert_eq!(object["status"]["conditions"][0]["lastTransitionTime"], stamp(at(30)));
    }
}
