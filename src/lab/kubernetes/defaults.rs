//! What a real API server fills in when a field is left out.
//!
//! Every write passes through here, so that a template read from one object and written into another (a rollback)
//! is equal to what it was, field by field.

use serde_json::{Map, Value, json};

use super::resources::Resource;

/// Fills the defaults of an object of `resource`. Filling twice changes nothing.
pub fn fill(resource: &Resource, object: &mut Value) {
    for metadata in ["/metadata", "/spec/template/metadata", "/spec/jobTemplate/metadata"] {
        without_empty_maps(object.pointer_mut(metadata));
    }
    match resource.kind {
        "Pod" => at(object, "spec", pod_spec),
        "Deployment" => at(object, "spec", |spec| {
            put(spec, "replicas", json!(1));
            put(spec, "revisionHistoryLimit", json!(10));
            put(spec, "progressDeadlineSeconds", json!(600));
            rolling(spec, "strategy", &json!({"maxSurge": "25%", "maxUnavailable": "25%"}));
            template(spec);
        }),
        "Rollout" => at(object, "spec", template),
        "ReplicaSet" => at(object, "spec", |spec| {
            put(spec, "replicas", json!(1));
            template(spec);
        }),
        "StatefulSet" => at(object, "spec", |spec| {
            put(spec, "replicas", json!(1));
            put(spec, "revisionHistoryLimit", json!(10));
            put(spec, "podManagementPolicy", json!("OrderedReady"));
            put(spec, "persistentVolumeClaimRetentionPolicy", json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
            rolling(spec, "updateStrategy", &json!({"partition": 0}));
            template(spec);
        }),
        "DaemonSet" => at(object, "spec", |spec| {
            put(spec, "revisionHistoryLimit", json!(10));
            rolling(spec, "updateStrategy", &json!({"maxSurge": 0, "maxUnavailable": 1}));
            template(spec);
        }),
        "ControllerRevision" if object.pointer("/data/spec/template").is_some() => {
            if let Some(spec) = object.pointer_mut("/data/spec").and_then(Value::as_object_mut) {
                template(spec);
            }
        }
        "Job" => at(object, "spec", |spec| {
            put(spec, "backoffLimit", json!(6));
            put(spec, "completionMode", json!("NonIndexed"));
            put(spec, "suspend", json!(false));
            put(spec, "parallelism", json!(1));
            put(spec, "completions", json!(1));
            template(spec);
        }),
        "CronJob" => at(object, "spec", |spec| {
            put(spec, "concurrencyPolicy", json!("Allow"));
            put(spec, "suspend", json!(false));
            put(spec, "successfulJobsHistoryLimit", json!(3));
            put(spec, "failedJobsHistoryLimit", json!(1));
        }),
        "Service" => at(object, "spec", service_spec),
        "HorizontalPodAutoscaler" => at(object, "spec", |spec| put(spec, "minReplicas", json!(1))),
        "Secret" => {
            if let Some(secret) = object.as_object_mut() {
                put(secret, "type", json!("Opaque"));
            }
        }
        "Namespace" => {
            at(object, "spec", |spec| put(spec, "finalizers", json!(["kubernetes"])));
            at(object, "status", |status| put(status, "phase", json!("Active")));
            let name = object["metadata"]["name"].clone();
            at(object, "metadata", |meta| {
                put(meta, "labels", json!({}));
                if let Some(labels) = meta.get_mut("labels").and_then(Value::as_object_mut) {
                    put(labels, "kubernetes.io/metadata.name", name);
                }
            });
        }
        _ => {}
    }
}

/// A server that has typed objects does not write maps that are empty.
fn without_empty_maps(metadata: Option<&mut Value>) {
    let Some(metadata) = metadata.and_then(Value::as_object_mut) else { return };
    metadata.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
}

/// A new Job selects its pods by its own uid and name, unless it brings a selector.
pub fn mark_as_own(resource: &Resource, job: &mut Value) {
    if resource.kind != "Job" || job["spec"]["selector"].is_object() {
        return;
    }
    let (uid, name) = (job["metadata"]["uid"].clone(), job["metadata"]["name"].clone());
    job["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    let labels = &mut job["spec"]["template"]["metadata"]["labels"];
    if !labels.is_object() {
        *labels = json!({});
    }
    for prefix in ["", "batch.kubernetes.io/"] {
        labels[format!("{prefix}controller-uid")] = uid.clone();
        labels[format!("{prefix}job-name")] = name.clone();
    }
}

fn put(map: &mut Map<String, Value>, field: &str, value: Value) {
    map.entry(field).or_insert(value);
}

/// Runs `change` on the map at `field`, made when it is absent.
fn at(object: &mut Value, field: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let Some(object) = object.as_object_mut() else { return };
    inner(object, field, change);
}

fn inner(map: &mut Map<String, Value>, field: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(map) = map.entry(field).or_insert_with(|| json!({})).as_object_mut() {
        change(map);
    }
}

fn each(map: &mut Map<String, Value>, field: &str, change: fn(&mut Map<String, Value>)) {
    for item in map.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(item) = item.as_object_mut() {
            change(item);
        }
    }
}

/// A strategy of kind `RollingUpdate` unless it says otherwise, with what is missing of its parameters.
fn rolling(spec: &mut Map<String, Value>, field: &str, parameters: &Value) {
    inner(spec, field, |strategy| {
        put(strategy, "type", json!("RollingUpdate"));
        if strategy.get("type") == Some(&json!("RollingUpdate")) {
            inner(strategy, "rollingUpdate", |rolling| {
                for (name, value) in parameters.as_object().into_iter().flatten() {
                    put(rolling, name, value.clone());
                }
            });
        }
    });
}

fn template(spec: &mut Map<String, Value>) {
    inner(spec, "template", |template| {
        inner(template, "metadata", |meta| put(meta, "creationTimestamp", Value::Null));
        inner(template, "spec", pod_spec);
    });
}

fn pod_spec(spec: &mut Map<String, Value>) {
    put(spec, "restartPolicy", json!("Always"));
    put(spec, "terminationGracePeriodSeconds", json!(30));
    put(spec, "dnsPolicy", json!("ClusterFirst"));
    put(spec, "schedulerName", json!("default-scheduler"));
    put(spec, "securityContext", json!({}));
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        put(spec, "serviceAccount", account);
    }
    each(spec, "containers", container);
    each(spec, "initContainers", container);
    each(spec, "volumes", |volume| {
        for source in ["configMap", "secret", "projected"] {
            if let Some(source) = volume.get_mut(source).and_then(Value::as_object_mut) {
                put(source, "defaultMode", json!(420));
            }
        }
    });
}

fn container(container: &mut Map<String, Value>) {
    put(container, "terminationMessagePath", json!("/dev/termination-log"));
    put(container, "terminationMessagePolicy", json!("File"));
    put(container, "resources", json!({}));
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    // A tag after the last slash; a colon before it is the port of the registry.
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let latest = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
    put(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    each(container, "ports", |port| put(port, "protocol", json!("TCP")));
    each(container, "env", |env| {
        if let Some(field) =
            env.get_mut("valueFrom").and_then(|from| from.get_mut("fieldRef")).and_then(Value::as_object_mut)
        {
            put(field, "apiVersion", json!("v1"));
        }
    });
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get_mut(probe).and_then(Value::as_object_mut) else { continue };
        put(probe, "timeoutSeconds", json!(1));
        put(probe, "periodSeconds", json!(10));
        put(probe, "successThreshold", json!(1));
        put(probe, "failureThreshold", json!(3));
        if let Some(http) = probe.get_mut("httpGet").and_then(Value::as_object_mut) {
            put(http, "path", json!("/"));
            put(http, "scheme", json!("HTTP"));
        }
    }
}

fn service_spec(spec: &mut Map<String, Value>) {
    put(spec, "type", json!("ClusterIP"));
    put(spec, "sessionAffinity", json!("None"));
    if spec.get("type") != Some(&json!("ExternalName")) {
        put(spec, "internalTrafficPolicy", json!("Cluster"));
        put(spec, "ipFamilies", json!(["IPv4"]));
        put(spec, "ipFamilyPolicy", json!("SingleStack"));
    }
    each(spec, "ports", |port| {
        put(port, "protocol", json!("TCP"));
        if let Some(number) = port.get("port").cloned() {
            put(port, "targetPort", number);
        }
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::lab::kubernetes::resources::{DEPLOYMENTS, REPLICASETS};

    #[test]
    fn a_template_is_the_same_in_every_owner_and_filling_twice_changes_nothing() {
        let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [
            {"name": "a", "image": "host:5000/a", "ports": [{"containerPort": 80}], "livenessProbe": {"httpGet": {"port": 80}}},
            {"name": "b", "image": "host:5000/b:1"}]}});
        let mut deployment = json!({"spec": {"template": template}});
        let mut set = json!({"spec": {"replicas": 3, "template": template}});
        fill(&DEPLOYMENTS, &mut deployment);
        fill(&REPLICASETS, &mut set);
        assert_eq!(deployment["spec"]["template"], set["spec"]["template"]);
        assert_eq!(set["spec"]["replicas"], 3);
        let containers = &set["spec"]["template"]["spec"]["containers"];
        assert_eq!(
            (&containers[0]["imagePullPolicy"], &containers[1]["imagePullPolicy"]),
            (&json!("Always"), &json!("IfNotPresent"))
        );
        let once = deployment.clone();
        fill(&DEPLOYMENTS, &mut deployment);
        assert_eq!(once, deployment);
    }
}
