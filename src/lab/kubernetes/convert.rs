//! Objects between the version that is stored and the version that a client speaks, and between forms of an answer.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::request::Form;
use super::resources::Resource;
use super::table;

/// An object as clients of `resource` see it.
pub fn outgoing<'a>(resource: &Resource, object: &'a Value) -> Cow<'a, Value> {
    match (resource.group, resource.version, resource.kind) {
        ("events.k8s.io", ..) => Cow::Owned(newer_event(resource, object)),
        ("autoscaling", "v1", _) => Cow::Owned(older_autoscaler(resource, object)),
        _ => Cow::Borrowed(object),
    }
}

/// An object of a client of `resource` as it is stored.
pub fn incoming(resource: &Resource, mut object: Value) -> Value {
    match (resource.group, resource.version, resource.kind) {
        ("events.k8s.io", ..) => stored_event(&object),
        ("autoscaling", "v1", _) => {
            let target = object["spec"].as_object_mut().and_then(|spec| spec.remove("targetCPUUtilizationPercentage"));
            if let (Some(target), Some(spec)) = (target, object["spec"].as_object_mut()) {
                spec.insert("metrics".into(), cpu_metric(&target));
            }
            object["apiVersion"] = json!("autoscaling/v2");
            object
        }
        _ => object,
    }
}

/// A collection in the form that was asked for. `meta` is the list's metadata.
pub fn collection<'a>(
    resource: &Resource,
    objects: impl Iterator<Item = &'a Value>,
    meta: &Value,
    form: Form,
    include: &str,
    now: DateTime<Utc>,
) -> Value {
    match form {
        Form::Table => table::of(resource, objects, meta, include, now, true),
        Form::Metadata => {
            let items: Vec<Value> = objects.map(only_metadata).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": items})
        }
        Form::Object => {
            let items: Vec<Value> =
                objects.map(|object| without_type(outgoing(resource, object).into_owned())).collect();
            json!({"kind": format!("{}List", resource.kind), "apiVersion": resource.api_version(), "metadata": meta, "items": items})
        }
    }
}

/// One object in the form that was asked for; the columns of a table come along when `columns` says so.
pub fn single(
    resource: &Resource,
    object: &Value,
    form: Form,
    include: &str,
    now: DateTime<Utc>,
    columns: bool,
) -> Value {
    match form {
        Form::Table => {
            let meta = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
            table::of(resource, std::iter::once(object), &meta, include, now, columns)
        }
        Form::Metadata => only_metadata(object),
        Form::Object => outgoing(resource, object).into_owned(),
    }
}

/// The metadata of an object, as an object of its own.
pub fn only_metadata(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// The items of a list do not repeat what kind they are.
fn without_type(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.remove("kind");
        map.remove("apiVersion");
    }
    object
}

const EVENT_FIELDS: &[(&str, &str)] = &[
    ("metadata", "metadata"),
    ("eventTime", "eventTime"),
    ("series", "series"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
    ("action", "action"),
    ("reason", "reason"),
    ("involvedObject", "regarding"),
    ("related", "related"),
    ("message", "note"),
    ("type", "type"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

fn newer_event(resource: &Resource, event: &Value) -> Value {
    let mut newer = Map::new();
    newer.insert("apiVersion".into(), json!(resource.api_version()));
    newer.insert("kind".into(), json!("Event"));
    newer.insert("eventTime".into(), Value::Null);
    for (old, new) in EVENT_FIELDS {
        if let Some(value) = event.get(old) {
            newer.insert((*new).to_owned(), value.clone());
        }
    }
    Value::Object(newer)
}

fn stored_event(event: &Value) -> Value {
    let mut stored = Map::new();
    stored.insert("apiVersion".into(), json!("v1"));
    stored.insert("kind".into(), json!("Event"));
    for (old, new) in EVENT_FIELDS {
        if let Some(value) = event.get(new) {
            stored.insert((*old).to_owned(), value.clone());
        }
    }
    Value::Object(stored)
}

fn cpu_metric(target: &Value) -> Value {
    json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": target}}}])
}

fn older_autoscaler(resource: &Resource, object: &Value) -> Value {
    let cpu = |list: &Value, side: &str| {
        let found = list.as_array().into_iter().flatten().find(|metric| metric["resource"]["name"] == "cpu");
        found.map(|metric| metric["resource"][side]["averageUtilization"].clone()).filter(|value| !value.is_null())
    };
    let mut older = json!({"apiVersion": resource.api_version(), "kind": object["kind"], "metadata": object["metadata"], "spec": {}, "status": {}});
    for (part, fields) in [
        ("spec", &["scaleTargetRef", "minReplicas", "maxReplicas"][..]),
        ("status", &["currentReplicas", "desiredReplicas", "lastScaleTime", "observedGeneration"][..]),
    ] {
        for field in fields {
            if let Some(value) = object[part].get(field) {
                older[part][field] = value.clone();
            }
        }
    }
    if let Some(target) = cpu(&object["spec"]["metrics"], "target") {
        older["spec"]["targetCPUUtilizationPercentage"] = target;
    }
    if let Some(current) = cpu(&object["status"]["currentMetrics"], "current") {
        older["status"]["currentCPUUtilizationPercentage"] = current;
    }
    older
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::lab::kubernetes::resources::{EVENTS_V1, HORIZONTALPODAUTOSCALERS_V1};

    #[test]
    fn older_and_newer_versions_survive_the_way_there_and_back() {
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"name": "p"}, "message": "m", "count": 3});
        let newer = outgoing(&EVENTS_V1, &event).into_owned();
        assert_eq!((&newer["regarding"]["name"], &newer["note"]), (&json!("p"), &json!("m")));
        let mut back = incoming(&EVENTS_V1, newer);
        back.as_object_mut().unwrap().remove("eventTime");
        assert_eq!(back, event);

        let older = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {}, "spec": {"maxReplicas": 4, "targetCPUUtilizationPercentage": 70}, "status": {}});
        let stored = incoming(&HORIZONTALPODAUTOSCALERS_V1, older.clone());
        assert_eq!(stored["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
        assert_eq!(outgoing(&HORIZONTALPODAUTOSCALERS_V1, &stored).into_owned(), older);
    }
}
