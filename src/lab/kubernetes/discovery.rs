//! Discovery: which groups, versions and resources are served, in the old form and in the aggregated one.

use serde_json::{Value, json};

use super::resources::{self, ALL, Resource};

/// Version that the server says it is.
const GIT_VERSION: &str = "v1.33.4";

/// `/version`.
pub fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": GIT_VERSION, "gitCommit": "74cdb4273ed76d5e1d0a4a9a2e1c7a1a9f9a1b07",
        "gitTreeState": "clean", "buildDate": "2025-08-13T14:27:33Z", "goVersion": "go1.24.5", "compiler": "gc", "platform": "linux/amd64",
        "emulationMajor": "1", "emulationMinor": "33", "minCompatibilityMajor": "1", "minCompatibilityMinor": "32",
    })
}

/// `/`: the paths that exist.
pub fn paths() -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for (group, versions) in resources::groups() {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.extend(["/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"].map(str::to_owned));
    json!({"paths": paths})
}

/// `/api`: the versions of the core group.
pub fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// `/apis`: all named groups.
pub fn group_list() -> Value {
    let groups: Vec<Value> =
        resources::groups().into_iter().map(|(group, versions)| describe_group(group, &versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub fn group(name: &str) -> Option<Value> {
    let (group, versions) = resources::groups().into_iter().find(|(group, _)| *group == name)?;
    let mut described = describe_group(group, &versions);
    described["kind"] = json!("APIGroup");
    described["apiVersion"] = json!("v1");
    Some(described)
}

fn describe_group(group: &str, versions: &[&str]) -> Value {
    let all: Vec<Value> =
        versions.iter().map(|v| json!({"groupVersion": format!("{group}/{v}"), "version": v})).collect();
    json!({"name": group, "versions": all, "preferredVersion": all.first()})
}

/// `/api/v1` and `/apis/GROUP/VERSION`: the resources of one version.
pub fn resource_list(group: &str, version: &str) -> Option<Value> {
    let mut listed = Vec::new();
    let group_version = in_version(group, version).next()?.api_version();
    for resource in in_version(group, version) {
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": resource.verbs,
        });
        if !resource.short_names.is_empty() {
            entry["shortNames"] = json!(resource.short_names);
        }
        if !resource.categories.is_empty() {
            entry["categories"] = json!(resource.categories);
        }
        listed.push(entry);
        for sub in resource.subresources {
            let (group, version, kind) = response_kind(resource, sub);
            let mut entry = json!({
                "name": format!("{}/{sub}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "kind": kind, "verbs": subresource_verbs(sub),
            });
            if (group, version) != (resource.group, resource.version) {
                entry["group"] = json!(group);
                entry["version"] = json!(version);
            }
            listed.push(entry);
        }
    }
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}))
}

/// `/api` (core) or `/apis` (the rest) with everything in one answer; `version` is that of the aggregation itself.
pub fn aggregated(core: bool, version: &str) -> Value {
    let groups = if core { vec![("", vec!["v1"])] } else { resources::groups() };
    let items: Vec<Value> = groups
        .into_iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|v| {
                    let resources: Vec<Value> = in_version(group, v).map(aggregate).collect();
                    json!({"version": v, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let meta = if group.is_empty() {
                json!({"creationTimestamp": null})
            } else {
                json!({"name": group, "creationTimestamp": null})
            };
            json!({"metadata": meta, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"), "metadata": {}, "items": items})
}

fn aggregate(resource: &Resource) -> Value {
    let subresources: Vec<Value> = resource
        .subresources
        .iter()
        .map(|sub| {
            let (group, version, kind) = response_kind(resource, sub);
            json!({"subresource": sub, "responseKind": {"group": group, "version": version, "kind": kind}, "verbs": subresource_verbs(sub)})
        })
        .collect();
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    for (field, words) in [("shortNames", resource.short_names), ("categories", resource.categories)] {
        if !words.is_empty() {
            entry[field] = json!(words);
        }
    }
    if !subresources.is_empty() {
        entry["subresources"] = json!(subresources);
    }
    entry
}

fn in_version<'a>(group: &'a str, version: &'a str) -> impl Iterator<Item = &'static Resource> + use<'a> {
    ALL.iter().copied().filter(move |r| r.group == group && r.version == version)
}

fn response_kind(resource: &Resource, subresource: &str) -> (&'static str, &'static str, &'static str) {
    match subresource {
        "scale" => ("autoscaling", "v1", "Scale"),
        "eviction" => ("policy", "v1", "Eviction"),
        "proxy" => (resource.group, resource.version, "ServiceProxyOptions"),
        _ => (resource.group, resource.version, resource.kind),
    }
}

fn subresource_verbs(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "log" => &["get"],
        "eviction" => &["create"],
        "proxy" => &["create", "delete", "get", "patch", "update"],
        _ => &["get", "patch", "update"],
    }
}
