//! Pods: made from templates with the defaults that the API server and its admission plugins
//! fill in, and the questions that controllers ask of them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::naming;
use super::object::{condition, controlled_by, instant, int, is_deleting, is_true, items, name, namespace, text};

/// A pod made from the template of its owner. `generate_name` is the prefix that its ReplicaSet
/// uses; StatefulSets, which name their pods themselves, pass `None`.
pub fn from_template(owner: &Value, template: &Value, pod_name: &str, generate_name: Option<&str>) -> Value {
    let mut metadata = Map::new();
    for field in ["labels", "annotations"] {
        if let Some(given) = template["metadata"].get(field).filter(|given| given.is_object()) {
            metadata.insert(field.to_owned(), given.clone());
        }
    }
    metadata.insert("name".to_owned(), json!(pod_name));
    metadata.insert("namespace".to_owned(), json!(namespace(owner)));
    metadata.insert("ownerReferences".to_owned(), json!([controlled_by(owner)]));
    if let Some(prefix) = generate_name {
        metadata.insert("generateName".to_owned(), json!(prefix));
    }
    let spec = with_defaults(template.get("spec").cloned().unwrap_or_else(|| json!({})), pod_name);
    let class = quality(&spec);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": class},
    })
}

/// Fills in what the API server fills in.
pub fn with_defaults(mut spec: Value, seed: &str) -> Value {
    let token = format!("kube-api-access-{}", naming::suffix(naming::digest(&[seed, "token"])));
    let defaults = [
        ("dnsPolicy", json!("ClusterFirst")),
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("priority", json!(0)),
        ("restartPolicy", json!("Always")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
        ("serviceAccount", json!("default")),
        ("serviceAccountName", json!("default")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("tolerations", json!([])),
        ("volumes", json!([])),
    ];
    for (field, value) in defaults {
        if spec.get(field).is_none_or(Value::is_null) {
            spec[field] = value;
        }
    }
    if let Some(tolerations) = spec["tolerations"].as_array_mut() {
        for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
            if !tolerations.iter().any(|toleration| toleration["key"] == key) {
                tolerations
                    .push(json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300}));
            }
        }
    }
    if let Some(volumes) = spec["volumes"].as_array_mut() {
        volumes.push(json!({"name": token, "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
            {"downwardAPI": {"items": [{"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}]}},
        ]}}));
    }
    if let Some(containers) = spec["containers"].as_array_mut() {
        for container in containers {
            container_defaults(container, &token);
        }
    }
    spec
}

fn container_defaults(container: &mut Value, token: &str) {
    let latest = !text(container, "/image")
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains(':') && !last.ends_with(":latest"));
    let defaults = [
        ("imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" })),
        ("resources", json!({})),
        ("terminationMessagePath", json!("/dev/termination-log")),
        ("terminationMessagePolicy", json!("File")),
        ("volumeMounts", json!([])),
    ];
    for (field, value) in defaults {
        if container.get(field).is_none_or(Value::is_null) {
            container[field] = value;
        }
    }
    if let Some(mounts) = container["volumeMounts"].as_array_mut() {
        mounts.push(
            json!({"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": token, "readOnly": true}),
        );
    }
}

/// The quality-of-service class that the requests and limits of a pod give it.
fn quality(spec: &Value) -> &'static str {
    let containers = items(spec, "/containers");
    let resource =
        |container: &Value, kind: &str, what: &str| text(container, &format!("/resources/{kind}/{what}")).to_owned();
    let guaranteed = containers.iter().all(|container| {
        ["cpu", "memory"].iter().all(|what| {
            let limit = resource(container, "limits", what);
            let request = resource(container, "requests", what);
            !limit.is_empty() && (request.is_empty() || request == limit)
        })
    });
    let asks = |container: &Value| {
        ["requests", "limits"]
            .iter()
            .any(|kind| container["resources"].get(kind).and_then(Value::as_object).is_some_and(|all| !all.is_empty()))
    };
    match (guaranteed && !containers.is_empty(), containers.iter().any(asks)) {
        (true, _) => "Guaranteed",
        (_, true) => "Burstable",
        _ => "BestEffort",
    }
}

/// Whether a pod still counts towards its owner: not finished, not going.
pub fn is_active(pod: &Value) -> bool {
    !is_deleting(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod passes its readiness probes.
pub fn is_ready(pod: &Value) -> bool {
    is_true(pod, "Ready")
}

/// Since when a pod has been ready.
pub fn ready_since(pod: &Value) -> Option<DateTime<Utc>> {
    let ready = condition(pod, "Ready").filter(|ready| ready["status"] == "True")?;
    instant(ready, "/lastTransitionTime")
}

/// When a ready pod counts as available: `minReadySeconds` after it became ready.
pub fn available_at(pod: &Value, min_ready_seconds: i64) -> Option<DateTime<Utc>> {
    ready_since(pod).map(|since| since + TimeDelta::seconds(min_ready_seconds))
}

/// All restarts of a pod's containers.
pub fn restarts(pod: &Value) -> i64 {
    items(pod, "/status/containerStatuses").iter().map(|status| int(status, "/restartCount")).sum()
}

/// The order in which a ReplicaSet gives pods up: unscheduled before pending before not ready,
/// then more restarts, then the youngest.
pub fn expendable_first(pods: &mut [std::sync::Arc<Value>]) {
    pods.sort_by_cached_key(|pod| {
        let scheduled = !text(pod, "/spec/nodeName").is_empty();
        let phase = match text(pod, "/status/phase") {
            "Pending" => 0,
            "Running" => 2,
            _ => 1,
        };
        let age = std::cmp::Reverse(text(pod, "/metadata/creationTimestamp").to_owned());
        (scheduled, phase, is_ready(pod), std::cmp::Reverse(restarts(pod)), age, name(pod).to_owned())
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_pod_gets_its_owner_defaults_and_quality_class() {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "namespace": "shop", "uid": "u"}});
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
            {"name": "web", "image": "localhost:5000/web", "resources": {"requests": {"cpu": "1"}}},
        ]}});
        let pod = from_template(&owner, &template, "web-1-abcde", Some("web-1-"));
        assert_eq!(pod["status"]["qosClass"], "Burstable");
        assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(pod["spec"]["containers"][0]["imagePullPolicy"], "Always");
        assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_broken_and_the_young_go_first() {
        let pod = |name: &str, ready: &str, restarts: i64, made: &str| {
            Arc::new(json!({
                "metadata": {"name": name, "creationTimestamp": made},
                "spec": {"nodeName": "n"},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [{"restartCount": restarts}]},
            }))
        };
        let mut pods = [
            pod("old", "True", 0, "2026-01-01T00:00:00Z"),
            pod("young", "True", 0, "2026-01-02T00:00:00Z"),
            pod("broken", "False", 3, "2026-01-01T00:00:00Z"),
        ];
        expendable_first(&mut pods);
        assert_eq!(pods.iter().map(|pod| name(pod)).collect::<Vec<_>>(), ["broken", "young", "old"]);
    }
}
