//! Objects as tables: the columns and cells that `kubectl get` shows, made by the server as a real one does.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::convert;
use super::resources::Resource;

mod cluster;
mod network;
mod pods;
mod workloads;

pub use pods::status_text;

/// A column: its name, its type, and 1 for those that only `-o wide` shows.
type Column = (&'static str, &'static str, u8);

const NAME: Column = ("Name", "string", 0);
const AGE: Column = ("Age", "string", 0);

/// How the objects of one kind become rows.
struct Layout {
    columns: &'static [Column],
    cells: fn(&Value, DateTime<Utc>) -> Vec<Value>,
}

fn layout(resource: &Resource) -> Layout {
    if resource.group == "metrics.k8s.io" {
        return cluster::METRICS;
    }
    match resource.kind {
        "Pod" => pods::PODS,
        "Deployment" => workloads::DEPLOYMENTS,
        "ReplicaSet" => workloads::REPLICASETS,
        "Rollout" => workloads::ROLLOUTS,
        "StatefulSet" => workloads::STATEFULSETS,
        "DaemonSet" => workloads::DAEMONSETS,
        "ControllerRevision" => workloads::REVISIONS,
        "Job" => workloads::JOBS,
        "CronJob" => workloads::CRONJOBS,
        "HorizontalPodAutoscaler" => workloads::AUTOSCALERS,
        "PodDisruptionBudget" => workloads::BUDGETS,
        "Service" => network::SERVICES,
        "Endpoints" => network::ENDPOINTS,
        "EndpointSlice" => network::SLICES,
        "Ingress" => network::INGRESSES,
        "Node" => cluster::NODES,
        "Namespace" => cluster::NAMESPACES,
        "Event" => cluster::EVENTS,
        "ConfigMap" => cluster::CONFIGMAPS,
        "Secret" => cluster::SECRETS,
        "ServiceAccount" => cluster::ACCOUNTS,
        "Lease" => cluster::LEASES,
        "PersistentVolumeClaim" => cluster::CLAIMS,
        "StorageClass" => cluster::CLASSES,
        "ResourceQuota" => workloads::QUOTAS,
        "LimitRange" => Layout {
            columns: &[NAME, ("Created At", "date", 0)],
            cells: |o, _| vec![name(o), o["metadata"]["creationTimestamp"].clone()],
        },
        _ => Layout { columns: &[NAME, AGE], cells: |o, now| vec![name(o), age(o, now)] },
    }
}

/// A table of objects. `include` says what each row carries of its object: `Metadata`, `Object` or `None`.
pub fn of<'a>(
    resource: &Resource,
    objects: impl Iterator<Item = &'a Value>,
    meta: &Value,
    include: &str,
    now: DateTime<Utc>,
    with_columns: bool,
) -> Value {
    let layout = layout(resource);
    let rows: Vec<Value> = objects
        .map(|object| {
            let mut row = json!({"cells": (layout.cells)(object, now)});
            row["object"] = match include {
                "None" => Value::Null,
                "Object" => convert::outgoing(resource, object).into_owned(),
                _ => convert::only_metadata(object),
            };
            row
        })
        .collect();
    let columns: Value = if with_columns {
        layout
            .columns
            .iter()
            .map(|(name, kind, priority)| {
                let format = if *name == "Name" { "name" } else { "" };
                json!({"name": name, "type": kind, "format": format, "description": "", "priority": priority})
            })
            .collect()
    } else {
        Value::Null
    };
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "columnDefinitions": columns, "rows": rows})
}

fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

fn age(object: &Value, now: DateTime<Utc>) -> Value {
    json!(super::age::since(&object["metadata"]["creationTimestamp"], now))
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn or<'a>(text: &'a str, fallback: &'a str) -> &'a str {
    if text.is_empty() { fallback } else { text }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `name` and `image` of the containers of a pod spec, each list joined by commas.
fn containers(pod_spec: &Value) -> [Value; 2] {
    ["name", "image"].map(|field| {
        let all: Vec<&str> = array(&pod_spec["containers"]).iter().map(|container| text(&container[field])).collect();
        json!(all.join(","))
    })
}

/// A label selector of an object, or `<none>`.
fn selector(selector: &Value) -> Value {
    let selector = super::selector::Labels::of_object(selector).to_string();
    json!(or(&selector, "<none>"))
}

/// A map of strings as `a=1,b=2`, or `<none>`.
fn pairs(map: &Value) -> Value {
    let pairs: Vec<String> =
        map.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", text(value))).collect();
    json!(or(&pairs.join(","), "<none>"))
}
