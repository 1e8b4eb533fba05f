//! What may be written: names, required fields, fields that never change, selectors that match their templates.

use serde_json::{Value, json};

use super::defaults;
use super::resources::Resource;
use super::selector::Labels;
use super::status::{ApiError, Cause};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end \
    with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// So many bytes a ConfigMap or a Secret holds at most.
const LARGEST: usize = 1 << 20;

/// Checks a new object, or a changed one against what it was.
pub fn check(resource: &Resource, name: &str, new: &Value, old: Option<&Value>) -> Result<(), ApiError> {
    check_types(new)?;
    let mut object = new.clone();
    defaults::fill(resource, &mut object);
    let mut causes = Vec::new();
    if old.is_none() {
        if name.is_empty() {
            causes.push(Cause::required("metadata.name", "name or generateName is required"));
        } else if !is_subdomain(name) {
            causes.push(Cause::invalid("metadata.name", &format!("\"{name}\""), SUBDOMAIN));
        }
    }
    match resource.kind {
        "Pod" => check_pod(&object, old, &mut causes),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Rollout" => {
            check_workload(resource, &object, old, &mut causes);
        }
        "HorizontalPodAutoscaler" => {
            let (least, most) = (
                object["spec"]["minReplicas"].as_i64().unwrap_or(1),
                object["spec"]["maxReplicas"].as_i64().unwrap_or(0),
            );
            if most < 1 {
                causes.push(Cause::invalid("spec.maxReplicas", &most.to_string(), "must be greater than 0"));
            } else if most < least {
                causes.push(Cause::invalid(
                    "spec.maxReplicas",
                    &most.to_string(),
                    "must be greater than or equal to `minReplicas`",
                ));
            }
            if least < 1 {
                causes.push(Cause::invalid(
                    "spec.minReplicas",
                    &least.to_string(),
                    "must be greater than or equal to 1",
                ));
            }
        }
        "ConfigMap" | "Secret" => check_data(&object, old, &mut causes),
        _ => {}
    }
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid(resource, name, &causes)) }
}

/// Wrong types are refused before anything is understood, as by a decoder.
fn check_types(object: &Value) -> Result<(), ApiError> {
    let wrong = |field: &str, value: &Value, wanted: &str| {
        let found = match value {
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Array(_) => "array",
            _ => "object",
        };
        let kind = object["kind"].as_str().unwrap_or_default();
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        Err(ApiError::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: json: cannot unmarshal {found} into Go struct field \
             {kind}Spec.{field} of type {wanted}"
        )))
    };
    let at = |path: &str| path.split('.').fold(object, |value, part| &value[part]);
    for field in [
        "spec.replicas",
        "spec.revisionHistoryLimit",
        "spec.progressDeadlineSeconds",
        "spec.minReadySeconds",
        "spec.minReplicas",
        "spec.maxReplicas",
    ] {
        let value = at(field);
        if !value.is_null() && value.as_i64().is_none_or(|number| i32::try_from(number).is_err()) {
            return wrong(field, value, "int32");
        }
    }
    for field in ["spec.paused", "spec.suspend", "spec.unschedulable"] {
        if !at(field).is_null() && !at(field).is_boolean() {
            return wrong(field, at(field), "bool");
        }
    }
    for field in [
        "metadata.labels",
        "metadata.annotations",
        "spec.template.metadata.labels",
        "spec.template.metadata.annotations",
        "data",
    ] {
        for value in at(field).as_object().into_iter().flatten().map(|(_, value)| value) {
            if !value.is_string() && !value.is_null() {
                return wrong(field, value, "string");
            }
        }
    }
    for list in ["spec.containers", "spec.template.spec.containers"] {
        if !at(list).is_null() && !at(list).is_array() {
            return wrong(list, at(list), "[]v1.Container");
        }
        for container in at(list).as_array().into_iter().flatten() {
            for field in ["name", "image"] {
                if !container[field].is_null() && !container[field].is_string() {
                    return wrong(&format!("{list}.{field}"), &container[field], "string");
                }
            }
        }
    }
    Ok(())
}

fn check_workload(resource: &Resource, object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    if let Some(replicas) = spec["replicas"].as_i64().filter(|replicas| *replicas < 0) {
        causes.push(Cause::invalid("spec.replicas", &replicas.to_string(), "must be greater than or equal to 0"));
    }
    let selector = Labels::of_object(&spec["selector"]);
    let labels = &spec["template"]["metadata"]["labels"];
    if spec["selector"].is_null() {
        causes.push(Cause::required("spec.selector", ""));
    } else if selector.is_empty() {
        causes.push(Cause::invalid("spec.selector", "{}", "empty selector is invalid for deployment"));
    } else if !selector.matches(labels) {
        let shown = go_map(labels);
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            &shown,
            "`selector` does not match template `labels`",
        ));
    }
    if let Some(old) = old {
        if old["spec"]["selector"] != spec["selector"] {
            causes.push(Cause::invalid(
                "spec.selector",
                &go_map(&spec["selector"]["matchLabels"]),
                "field is immutable",
            ));
        }
        if resource.kind == "StatefulSet" {
            check_stateful(object, old, causes);
        }
    }
    let strategy = &spec["strategy"];
    if strategy["type"] == "Recreate" && !strategy["rollingUpdate"].is_null() {
        causes.push(Cause::forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        ));
    }
    if let Some(kind) = strategy["type"].as_str().filter(|kind| !matches!(*kind, "Recreate" | "RollingUpdate")) {
        causes.push(Cause::unsupported("spec.strategy.type", kind, &["Recreate", "RollingUpdate"]));
    }
    check_containers("spec.template.spec", &spec["template"]["spec"], causes);
}

fn check_stateful(object: &Value, old: &Value, causes: &mut Vec<Cause>) {
    const FREE: &[&str] = &[
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |object: &Value| {
        let mut spec = object["spec"].clone();
        if let Some(spec) = spec.as_object_mut() {
            spec.retain(|field, _| !FREE.contains(&field.as_str()));
        }
        spec
    };
    if fixed(object) != fixed(old) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
            'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        causes.push(Cause::forbidden("spec", detail));
    }
}

/// What a ConfigMap or a Secret may hold.
fn check_data(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    if old.is_some_and(|old| old["immutable"] == true && old["data"] != object["data"]) {
        causes.push(Cause::forbidden("data", "field is immutable when `immutable` is set"));
    }
    let data = || object["data"].as_object().into_iter().flatten();
    for (key, _) in data() {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || !key.chars().all(fits) {
            let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
            causes.push(Cause::invalid(&format!("data[{key}]"), &format!("\"{key}\""), detail));
        }
    }
    let size: usize = data().map(|(_, value)| value.as_str().map_or(0, str::len)).sum();
    if size > LARGEST {
        causes.push(Cause::too_long("[]", LARGEST));
    }
}

fn check_pod(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    check_containers("spec", &object["spec"], causes);
    let Some(old) = old else { return };
    let fixed = |object: &Value| {
        let mut spec = object["spec"].clone();
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                container["image"] = Value::Null;
            }
        }
        if let Some(spec) = spec.as_object_mut() {
            for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
                spec.remove(field);
            }
        }
        spec
    };
    if fixed(object) != fixed(old) {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
            `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` \
            (allow it to be set to 1 if it was previously negative)";
        causes.push(Cause::forbidden("spec", detail));
    }
}

fn check_containers(path: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let containers = spec["containers"].as_array().map_or(&[][..], Vec::as_slice);
    if containers.is_empty() {
        causes.push(Cause::required(&format!("{path}.containers"), ""));
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let (name, image) =
            (container["name"].as_str().unwrap_or_default(), container["image"].as_str().unwrap_or_default());
        let place = format!("{path}.containers[{index}]");
        if name.is_empty() {
            causes.push(Cause::required(&format!("{place}.name"), ""));
        } else if names.contains(&name) {
            causes.push(Cause {
                field: format!("{place}.name"),
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: \"{name}\""),
            });
        }
        names.push(name);
        if image.is_empty() {
            causes.push(Cause::required(&format!("{place}.image"), ""));
        }
        for (at, env) in container["env"].as_array().into_iter().flatten().enumerate() {
            if env["name"].as_str().is_none_or(str::is_empty) {
                causes.push(Cause::required(&format!("{place}.env[{at}].name"), ""));
            }
        }
    }
}

/// A map of strings as Go's `%#v` shows it.
fn go_map(map: &Value) -> String {
    let pairs: Vec<String> =
        map.as_object().into_iter().flatten().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    format!("map[string]string{{{}}}", pairs.join(", "))
}

fn is_subdomain(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 253
        && name.split('.').all(|part| {
            edge(part.chars().next())
                && edge(part.chars().last())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
}
