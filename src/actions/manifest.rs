//! Typed looks into the API's own JSON. Whatever its shape, a look gives `None` or an empty list, never a panic.

use serde_json::{Map, Value};

use crate::domain::text::clean;
use crate::domain::time::Instant;

/// Annotation of Deployments and ReplicaSets: the revision's number.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// Annotation: what a person said about the change.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// Annotation: what `kubectl apply` sent last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Label that the Deployment controller adds to the template of a ReplicaSet.
pub const TEMPLATE_HASH: &str = "pod-template-hash";
/// The same of Argo Rollouts.
pub const ROLLOUT_HASH: &str = "rollouts-pod-template-hash";
/// Annotation of Argo Rollouts and their ReplicaSets: the revision's number.
const ROLLOUT_REVISION: &str = "rollout.argoproj.io/revision";

/// The value at a path of object keys.
pub fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// A string at a path, as it is.
pub fn raw<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path)?.as_str()
}

/// A string at a path, cleaned for the screen.
pub fn text(value: &Value, path: &[&str]) -> Option<String> {
    raw(value, path).map(|text| clean(text).into_owned())
}

/// A number at a path that is not negative.
pub fn count(value: &Value, path: &[&str]) -> Option<u64> {
    at(value, path)?.as_u64()
}

/// The items of a list at a path.
pub fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The object at a path.
pub fn object<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Map<String, Value>> {
    at(value, path)?.as_object()
}

/// `metadata.name`, cleaned, or nothing.
pub fn name(value: &Value) -> String {
    text(value, &["metadata", "name"]).unwrap_or_default()
}

/// An annotation, as it is.
pub fn annotation<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    raw(value, &["metadata", "annotations", key])
}

/// A label, as it is.
pub fn label<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    raw(value, &["metadata", "labels", key])
}

/// `metadata.creationTimestamp`.
pub fn created(value: &Value) -> Option<Instant> {
    let text = raw(value, &["metadata", "creationTimestamp"])?;
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

/// The revision that an annotation names; kubectl reads it as an `int64`, and no real one is below 1.
pub fn revision(value: &Value) -> Option<u64> {
    annotation(value, REVISION)
        .or_else(|| annotation(value, ROLLOUT_REVISION))?
        .parse()
        .ok()
        .filter(|revision| *revision > 0)
}

/// Images of a pod template, containers in order, cleaned.
pub fn images(template: &Value) -> Vec<String> {
    items(template, &["spec", "containers"]).iter().filter_map(|container| text(container, &["image"])).collect()
}

/// A ReplicaSet's template as it can stand in its Deployment: without the hash that the controller added.
pub fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
        labels.remove(ROLLOUT_HASH);
    }
    template
}

/// Do two templates say the same, as the Deployment controller's `EqualIgnoreHash` sees it: the hash label does not
/// count, and `null` or an empty list, map of strings or resource list is as good as none.
pub fn same_template(one: &Value, other: &Value) -> bool {
    plain(&without_hash(one)) == plain(&without_hash(other))
}

/// Fields that are maps or structures by value in the API's types: empty and absent are the same. Behind a pointer
/// (`emptyDir: {}`) they are not.
const EMPTY_IS_ABSENT: [&str; 8] =
    ["metadata", "labels", "annotations", "nodeSelector", "limits", "requests", "resources", "matchLabels"];

/// Without what does not count for [`same_template`].
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| (key, plain(value)))
                .filter(|(key, value)| match value {
                    Value::Null => false,
                    Value::Array(items) => !items.is_empty(),
                    Value::Object(fields) => !(fields.is_empty() && EMPTY_IS_ABSENT.contains(&key.as_str())),
                    _ => true,
                })
                .map(|(key, value)| (key.clone(), value))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}
