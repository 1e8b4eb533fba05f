//! Endpoints and EndpointSlices: which pods stand behind each Service.

use std::sync::Arc;

use serde_json::{Value, json};

use super::naming;
use super::object::{controlled_by, field, has_all, is_deleting, is_set, items, label, name, namespace, text, uid};
use super::pods::{is_active, is_ready};
use super::turn::Turn;
use crate::lab::kubernetes::resources::{ENDPOINTS, ENDPOINTSLICES, PODS, Resource, SERVICES};

/// The endpoints controller. It remembers what it last looked at, and looks again only when a
/// Service, a pod or an endpoint changed.
#[derive(Debug, Default)]
pub struct Endpoints {
    seen: Option<u64>,
}

impl Endpoints {
    /// Keeps the endpoints of every Service that has a selector.
    pub fn run(&mut self, turn: &Turn<'_>) {
        let objects = [&SERVICES, &PODS, &ENDPOINTS, &ENDPOINTSLICES].map(|resource| turn.all(resource));
        let versions = objects.iter().flatten().map(|object| text(object, "/metadata/resourceVersion"));
        let state = versions.fold(0, |state, version| naming::mix(state ^ naming::digest(&[version])));
        if self.seen != Some(state) {
            let [services, pods, ..] = &objects;
            sync(turn, services, pods);
            self.seen = Some(state);
        }
    }
}

fn sync(turn: &Turn<'_>, services: &[Arc<Value>], pods: &[Arc<Value>]) {
    for service in services {
        let Some(selector) = field(service, "/spec/selector").and_then(Value::as_object).filter(|s| !s.is_empty())
        else {
            continue;
        };
        let behind: Vec<_> = pods
            .iter()
            .filter(|pod| namespace(pod) == namespace(service) && has_all(selector, &pod["metadata"]["labels"]))
            .filter(|pod| !text(pod, "/status/podIP").is_empty() && (is_active(pod) || is_deleting(pod)))
            .collect();
        keep(turn, &ENDPOINTS, endpoints(service, &behind), "subsets");
        keep(turn, &ENDPOINTSLICES, slice(service, &behind), "endpoints");
    }
    for resource in [&ENDPOINTS, &ENDPOINTSLICES] {
        for object in turn.all(resource) {
            let service = label(&object, "kubernetes.io/service-name");
            let service = if service.is_empty() { name(&object) } else { service };
            if !services.iter().any(|s| namespace(s) == namespace(&object) && name(s) == service) {
                // Gone already is as good as gone.
                let _ = turn.store.delete(resource, namespace(&object), name(&object));
            }
        }
    }
}

fn keep(turn: &Turn<'_>, resource: &Resource, wanted: Value, field: &str) {
    match turn.store.get(resource, namespace(&wanted), name(&wanted)) {
        None => {
            // A taken name means that somebody else keeps it.
            let _ = turn.store.create(resource, wanted);
        }
        Some(present) if present[field] != wanted[field] || present["ports"] != wanted["ports"] => {
            turn.modify(resource, &wanted, |object| {
                object[field] = wanted[field].clone();
                if let Some(ports) = wanted.get("ports") {
                    object["ports"] = ports.clone();
                }
            });
        }
        Some(_) => {}
    }
}

/// The number of a service port's target on a pod.
fn target_port(port: &Value, pod: Option<&Arc<Value>>) -> Value {
    let Some(named) = port["targetPort"].as_str() else {
        return if port["targetPort"].is_null() { port["port"].clone() } else { port["targetPort"].clone() };
    };
    pod.into_iter()
        .flat_map(|pod| items(pod, "/spec/containers"))
        .flat_map(|container| items(container, "/ports"))
        .find(|candidate| candidate["name"] == named)
        .map_or_else(|| port["port"].clone(), |candidate| candidate["containerPort"].clone())
}

fn ports(service: &Value, pods: &[&Arc<Value>]) -> Vec<Value> {
    items(service, "/spec/ports")
        .iter()
        .map(|port| {
            let protocol = if port["protocol"].is_null() { json!("TCP") } else { port["protocol"].clone() };
            let mut entry = json!({"port": target_port(port, pods.first().copied()), "protocol": protocol});
            if !text(port, "/name").is_empty() {
                entry["name"] = port["name"].clone();
            }
            entry
        })
        .collect()
}

fn reference(pod: &Value) -> Value {
    json!({"kind": "Pod", "name": name(pod), "namespace": namespace(pod), "uid": uid(pod)})
}

fn endpoints(service: &Value, pods: &[&Arc<Value>]) -> Value {
    let everyone = is_set(service, "/spec/publishNotReadyAddresses");
    let (mut ready, mut waiting) = (Vec::new(), Vec::new());
    for pod in pods.iter().filter(|pod| is_active(pod)) {
        let address =
            json!({"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": reference(pod)});
        if everyone || is_ready(pod) { ready.push(address) } else { waiting.push(address) }
    }
    let mut subset = json!({"ports": ports(service, pods)});
    for (field, addresses) in [("addresses", ready), ("notReadyAddresses", waiting)] {
        if !addresses.is_empty() {
            subset[field] = json!(addresses);
        }
    }
    let empty = subset.as_object().is_some_and(|subset| subset.len() == 1);
    let mut object = json!({"metadata": {"name": name(service), "namespace": namespace(service), "labels": service["metadata"]["labels"]}});
    object["subsets"] = if empty { json!([]) } else { json!([subset]) };
    with_birth(object, service)
}

fn slice(service: &Value, pods: &[&Arc<Value>]) -> Value {
    let endpoints: Vec<_> = pods
        .iter()
        .map(|pod| {
            let (ready, going) = (is_ready(pod), is_deleting(pod));
            json!({
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": ready && !going, "serving": ready, "terminating": going},
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": reference(pod),
            })
        })
        .collect();
    let suffix = naming::suffix(naming::digest(&[uid(service), "slice"]));
    let mut labels = service["metadata"]["labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels["kubernetes.io/service-name"] = json!(name(service));
    labels["endpointslice.kubernetes.io/managed-by"] = json!("endpointslice-controller.k8s.io");
    let object = json!({
        "addressType": "IPv4",
        "metadata": {
            "name": format!("{}-{suffix}", name(service)),
            "generateName": format!("{}-", name(service)),
            "namespace": namespace(service),
            "labels": labels,
            "ownerReferences": [controlled_by(service)],
        },
        "endpoints": endpoints,
        "ports": ports(service, pods),
    });
    with_birth(object, service)
}

/// Endpoints are as old as their Service.
fn with_birth(mut object: Value, service: &Value) -> Value {
    object["metadata"]["creationTimestamp"] = service["metadata"]["creationTimestamp"].clone();
    object
}
