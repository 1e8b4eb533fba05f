//! Objects of the cluster as lines of text: the columns that kubectl prints, and everything about one of them.

use serde_json::Value;

use crate::domain::text::clean;
use crate::domain::time::{Instant, age};
use crate::integrations::kubernetes::question::Sort;

/// Texts in columns, the first row as their head.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Text at a place of an object, cleaned; `-` where there is none.
fn text(object: &Value, pointer: &str) -> String {
    match object.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => clean(text).into_owned(),
        Some(other) => clean(&other.to_string()).into_owned(),
    }
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn ago(object: &Value, pointer: &str, now: Instant) -> String {
    let at = object.pointer(pointer).and_then(Value::as_str).and_then(|at| at.parse::<Instant>().ok());
    at.map_or_else(|| "-".to_owned(), |at| age(at, now))
}

/// Why a pod is in the state in which it is, as kubectl says it.
pub fn pod_status(pod: &Value) -> String {
    let states = list(pod, "/status/initContainerStatuses").iter().map(|status| (true, status));
    let states = states.chain(list(pod, "/status/containerStatuses").iter().map(|status| (false, status)));
    let mut found = None;
    for (init, status) in states {
        let waiting = status.pointer("/state/waiting/reason").and_then(Value::as_str);
        let ended = status.pointer("/state/terminated/reason").and_then(Value::as_str);
        let reason = waiting.or_else(|| ended.filter(|reason| *reason != "Completed"));
        if let Some(reason) = reason {
            let plain = matches!(reason, "ContainerCreating" | "PodInitializing");
            if found.is_none() || !plain {
                found = Some(if init && !plain { format!("Init:{reason}") } else { reason.to_owned() });
            }
        }
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return "Terminating".to_owned();
    }
    let reason = pod.pointer("/status/reason").and_then(Value::as_str).map(str::to_owned);
    let status = reason.or(found).unwrap_or_else(|| text(pod, "/status/phase"));
    clean(&status).into_owned()
}

fn ready_of(object: &Value) -> String {
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    format!("{}/{wanted}", number(object, "/status/readyReplicas"))
}

fn node_status(node: &Value) -> String {
    let ready = list(node, "/status/conditions").iter().find(|condition| condition["type"] == "Ready");
    let word = match ready.and_then(|condition| condition["status"].as_str()) {
        Some("True") => "Ready",
        Some("False") => "NotReady",
        _ => "Unknown",
    };
    let pressure = list(node, "/status/conditions")
        .iter()
        .filter(|condition| condition["type"] != "Ready" && condition["status"] == "True")
        .map(|condition| text(condition, "/type"));
    let cordoned =
        (node.pointer("/spec/unschedulable") == Some(&Value::Bool(true))).then(|| "SchedulingDisabled".into());
    std::iter::once(word.to_owned()).chain(pressure).chain(cordoned).collect::<Vec<_>>().join(",")
}

/// Heads and cells between NAME and AGE.
fn cells(sort: &Sort, object: &Value, wide: bool, now: Instant) -> Vec<(&'static str, String)> {
    let at = |pointer: &str| text(object, pointer);
    match sort.kind {
        "Pod" => {
            let statuses = list(object, "/status/containerStatuses");
            let ready = statuses.iter().filter(|status| status["ready"] == true).count();
            let restarts: i64 = statuses.iter().map(|status| number(status, "/restartCount")).sum();
            let all = list(object, "/spec/containers").len();
            let mut cells = vec![
                ("READY", format!("{ready}/{all}")),
                ("STATUS", pod_status(object)),
                ("RESTARTS", restarts.to_string()),
            ];
            if wide {
                cells.extend([("IP", at("/status/podIP")), ("NODE", at("/spec/nodeName"))]);
            }
            cells
        }
        "Deployment" | "StatefulSet" | "ReplicaSet" | "Rollout" => vec![
            ("READY", ready_of(object)),
            ("UP-TO-DATE", number(object, "/status/updatedReplicas").to_string()),
            ("AVAILABLE", number(object, "/status/availableReplicas").to_string()),
        ],
        "DaemonSet" => vec![
            ("DESIRED", number(object, "/status/desiredNumberScheduled").to_string()),
            ("READY", number(object, "/status/numberReady").to_string()),
            ("UP-TO-DATE", number(object, "/status/updatedNumberScheduled").to_string()),
        ],
        "Node" => {
            let mut cells = vec![("STATUS", node_status(object)), ("VERSION", at("/status/nodeInfo/kubeletVersion"))];
            if wide {
                cells.push(("CONTAINER-RUNTIME", at("/status/nodeInfo/containerRuntimeVersion")));
            }
            cells
        }
        "HorizontalPodAutoscaler" => vec![
            ("REFERENCE", format!("{}/{}", at("/spec/scaleTargetRef/kind"), at("/spec/scaleTargetRef/name"))),
            ("MINPODS", at("/spec/minReplicas")),
            ("MAXPODS", at("/spec/maxReplicas")),
            ("REPLICAS", at("/status/currentReplicas")),
        ],
        "Event" => vec![
            ("LAST SEEN", last_seen(object, now)),
            ("TYPE", at("/type")),
            ("REASON", at("/reason")),
            ("OBJECT", format!("{}/{}", at("/involvedObject/kind").to_lowercase(), at("/involvedObject/name"))),
            ("MESSAGE", at("/message")),
        ],
        "Service" => {
            let ports = list(object, "/spec/ports").iter();
            let ports: Vec<String> =
                ports.map(|port| format!("{}/{}", text(port, "/port"), text(port, "/protocol"))).collect();
            vec![("TYPE", at("/spec/type")), ("CLUSTER-IP", at("/spec/clusterIP")), ("PORT(S)", ports.join(","))]
        }
        "PersistentVolumeClaim" => vec![
            ("STATUS", at("/status/phase")),
            ("VOLUME", at("/spec/volumeName")),
            ("CAPACITY", at("/status/capacity/storage")),
            ("STORAGECLASS", at("/spec/storageClassName")),
        ],
        "PersistentVolume" => vec![
            ("CAPACITY", at("/spec/capacity/storage")),
            ("STATUS", at("/status/phase")),
            ("CLAIM", format!("{}/{}", at("/spec/claimRef/namespace"), at("/spec/claimRef/name"))),
        ],
        "Job" => vec![
            ("COMPLETIONS", format!("{}/{}", number(object, "/status/succeeded"), at("/spec/completions"))),
            ("FAILED", number(object, "/status/failed").to_string()),
        ],
        "CronJob" => vec![
            ("SCHEDULE", at("/spec/schedule")),
            ("SUSPEND", at("/spec/suspend")),
            ("LAST SCHEDULE", ago(object, "/status/lastScheduleTime", now)),
        ],
        "PodDisruptionBudget" => vec![
            ("MIN AVAILABLE", at("/spec/minAvailable")),
            ("MAX UNAVAILABLE", at("/spec/maxUnavailable")),
            ("ALLOWED DISRUPTIONS", number(object, "/status/disruptionsAllowed").to_string()),
        ],
        "Namespace" => vec![("STATUS", at("/status/phase"))],
        "ConfigMap" | "Secret" => {
            let keys = object.pointer("/data").and_then(Value::as_object).map_or(0, serde_json::Map::len);
            vec![("DATA", keys.to_string())]
        }
        "Endpoints" => {
            let addresses: Vec<String> = list(object, "/subsets")
                .iter()
                .flat_map(|subset| list(subset, "/addresses"))
                .map(|address| text(address, "/ip"))
                .collect();
            let shown = if addresses.is_empty() { "<none>".to_owned() } else { addresses.join(",") };
            vec![("ENDPOINTS", shown)]
        }
        "Certificate" => {
            let ready = list(object, "/status/conditions").iter().find(|condition| condition["type"] == "Ready");
            vec![
                ("READY", ready.map_or_else(|| "-".into(), |condition| text(condition, "/status"))),
                ("SECRET", at("/spec/secretName")),
                ("NOT AFTER", at("/status/notAfter")),
            ]
        }
        _ => Vec::new(),
    }
}

fn last_seen(event: &Value, now: Instant) -> String {
    let places = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    let found = places.iter().map(|place| ago(event, place, now)).find(|age| age != "-");
    found.unwrap_or_else(|| "-".to_owned())
}

/// When an event was last seen, to sort by.
pub fn event_time(event: &Value) -> Option<Instant> {
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"]
        .iter()
        .find_map(|place| event.pointer(place)?.as_str()?.parse().ok())
}

/// The table that `kubectl get` prints.
pub fn get(sort: &Sort, objects: &[Value], with_namespace: bool, wide: bool, now: Instant) -> String {
    let mut rows = Vec::new();
    for object in objects {
        let cells = cells(sort, object, wide, now);
        let mut row = Vec::new();
        let mut head: Vec<String> = Vec::new();
        if with_namespace {
            head.push("NAMESPACE".into());
            row.push(text(object, "/metadata/namespace"));
        }
        // An event's own name says nothing.
        let named = sort.kind != "Event";
        if named {
            head.push("NAME".into());
            row.push(text(object, "/metadata/name"));
        }
        for (name, cell) in cells {
            head.push(name.into());
            row.push(cell);
        }
        if named {
            head.push("AGE".into());
            row.push(ago(object, "/metadata/creationTimestamp", now));
        }
        if rows.is_empty() {
            rows.push(head);
        }
        rows.push(row);
    }
    columns(&rows)
}

/// An object without what nobody reads, and without what is secret.
pub fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if object["kind"] == "Secret" {
        for place in ["/data", "/stringData"] {
            if let Some(data) = object.pointer_mut(place).and_then(Value::as_object_mut) {
                data.values_mut().for_each(|value| *value = Value::String("(secret)".into()));
            }
        }
        // What was applied last holds them too.
        if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    object
}

/// A value as indented lines, `key: value`, as describe shows it.
pub fn outline(value: &Value) -> String {
    let mut lines = Vec::new();
    outline_into(value, 0, &mut lines);
    lines.join("\n")
}

fn outline_into(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let plain = |value: &Value| match value {
        Value::String(text) => Some(clean(text).into_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) if items.is_empty() => Some("[]".into()),
        Value::Object(fields) if fields.is_empty() => Some("{}".into()),
        _ => None,
    };
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = clean(name);
                if let Some(text) = plain(field) {
                    lines.push(format!("{indent}{name}: {text}"));
                } else {
                    lines.push(format!("{indent}{name}:"));
                    outline_into(field, depth + 1, lines);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if let Some(text) = plain(item) {
                    lines.push(format!("{indent}- {text}"));
                } else {
                    let begin = lines.len();
                    outline_into(item, depth + 1, lines);
                    // The dash stands where the first field's indentation was.
                    if let Some(first) = lines.get_mut(begin) {
                        *first = format!("{indent}- {}", first.trim_start());
                    }
                }
            }
        }
        other => lines.extend(plain(other).map(|text| format!("{indent}{text}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_read_as_kubectl_prints_them() {
        let now: Instant = "2026-03-14T14:32:07Z".parse().unwrap();
        let pod = json!({"metadata": {"name": "pay-1", "namespace": "shop", "creationTimestamp": "2026-03-14T14:22:07Z"},
            "spec": {"containers": [{}], "nodeName": "n1"},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [
                {"ready": false, "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
        let sort = Sort::named("pods").unwrap();
        assert_eq!(
            get(sort, &[pod], true, false, now),
            "NAMESPACE  NAME   READY  STATUS            RESTARTS  AGE\nshop       pay-1  0/1    CrashLoopBackOff  4         10m"
        );
    }

    #[test]
    fn secrets_stay_secret() {
        let secret = json!({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "metadata": {"name": "x",
            "managedFields": [1], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "aHVudGVyMg=="}}});
        let shown = outline(&bare(&secret));
        assert!(!shown.contains("aHVud") && shown.contains("password: (secret)"), "{shown}");
    }

    #[test]
    fn an_outline_reads_like_yaml() {
        let value = json!({"a": {"b": [1, {"c": "x", "d": []}]}});
        assert_eq!(outline(&value), "a:\n  b:\n    - 1\n    - c: x\n      d: []");
    }
}
