//! `OpenAPI` documents: enough for kubectl to know which parameters and patches are understood, and for `explain`.

use serde_json::{Map, Value, json};

use super::resources::{self, ALL, Resource};

/// `/openapi/v2`: clients of this age only ask for it when the third version is missing.
pub fn v2() -> Value {
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.33.4"}, "paths": {}, "definitions": {}})
}

/// `/openapi/v3`: where the documents are.
pub fn index() -> Value {
    let mut paths = Map::new();
    let mut add = |path: String| {
        let url = format!("/openapi/v3/{path}?hash=1");
        paths.insert(path, json!({"serverRelativeURL": url}));
    };
    add("api/v1".to_owned());
    for (group, versions) in resources::groups() {
        for version in versions {
            add(format!("apis/{group}/{version}"));
        }
    }
    json!({"paths": paths})
}

/// `/openapi/v3/apis/GROUP/VERSION`.
pub fn v3(group: &str, version: &str) -> Option<Value> {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for resource in ALL.iter().filter(|r| r.group == group && r.version == version) {
        describe(resource, &mut paths, &mut schemas);
    }
    if schemas.is_empty() {
        return None;
    }
    Some(
        json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.33.4"}, "paths": paths, "components": {"schemas": schemas}}),
    )
}

fn describe(resource: &Resource, paths: &mut Map<String, Value>, schemas: &mut Map<String, Value>) {
    let root =
        if resource.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", resource.api_version()) };
    let place = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{place}/{}", resource.plural);
    let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
    let schema = schema_name(resource);
    let content = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}});
    let operation = |verb: &str, action: &str, with_body: bool| {
        let mut operation = json!({
            "operationId": format!("{verb}{}{}", resource.version, resource.kind), "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind, "responses": {"200": {"description": "OK", "content": content}},
        });
        if with_body {
            operation["parameters"] = ["dryRun", "fieldManager", "fieldValidation"]
                .iter()
                .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}}))
                .collect();
            operation["requestBody"] = json!({"content": content});
        }
        operation
    };
    let mut whole = json!({});
    if resource.verbs.contains(&"create") {
        whole["post"] = operation("create", "post", true);
    }
    if resource.verbs.contains(&"list") {
        whole["get"] = operation("list", "list", false);
    }
    paths.insert(collection.clone(), whole);
    let mut single = json!({});
    if resource.verbs.contains(&"get") {
        single["get"] = operation("read", "get", false);
    }
    if resource.verbs.contains(&"patch") {
        let mut patch = operation("patch", "patch", true);
        let body = json!({"schema": {"type": "object"}});
        // Strategic merge patches are taken too, but naming them here would promise a full schema: kubectl would compute
        // its patches from it instead of from what it knows of these kinds anyway.
        patch["requestBody"] = json!({"content": {
            "application/json-patch+json": body, "application/merge-patch+json": body, "application/apply-patch+yaml": body,
        }});
        single["patch"] = patch;
        single["put"] = operation("replace", "put", true);
        single["delete"] = operation("delete", "delete", true);
    }
    if single.as_object().is_some_and(|single| !single.is_empty()) {
        paths.insert(format!("{collection}/{{name}}"), single);
    }
    schemas.insert(schema, schema_of(resource, &kind));
}

/// The name that real documents give the schema.
fn schema_name(resource: &Resource) -> String {
    let group = resource.group.split('.').next().unwrap_or_default();
    let group = if group.is_empty() { "core" } else { group };
    format!("io.k8s.api.{group}.{}.{}", resource.version, resource.kind)
}

fn schema_of(resource: &Resource, kind: &Value) -> Value {
    let string = |text: &str| json!({"type": "string", "description": text});
    let object =
        |text: &str| json!({"type": "object", "description": text, "x-kubernetes-preserve-unknown-fields": true});
    let mut properties = json!({
        "apiVersion": string("APIVersion defines the versioned schema of this representation of an object."),
        "kind": string("Kind is a string value representing the REST resource this object represents."),
        "metadata": object("Standard object's metadata."),
    });
    let body: &[(&str, &str)] = match resource.kind {
        "ConfigMap" | "Secret" => &[("data", "Data contains the configuration data.")],
        "Event" | "Endpoints" | "EndpointSlice" | "ServiceAccount" | "StorageClass" | "NodeMetrics" | "PodMetrics" => {
            &[]
        }
        "ControllerRevision" => &[("data", "Data is the serialized representation of the state.")],
        _ => &[("spec", "Specification of the desired behavior."), ("status", "Most recently observed status.")],
    };
    for (field, text) in body {
        properties[*field] = object(text);
    }
    json!({
        "type": "object", "description": format!("{} as this lab serves it.", resource.kind), "properties": properties,
        "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-group-version-kind": [kind],
    })
}
