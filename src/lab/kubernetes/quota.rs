//! Resource quotas: what a namespace's pods use of them, and whether one more pod still fits.

use serde_json::{Value, json};

use super::resources::{PODS, RESOURCEQUOTAS};
use crate::lab::store::Store;
use crate::lab::world::object::{bytes, items, millicores, text};

/// The resources of a quota that are counted, in the notation of `spec.hard`.
const COUNTED: [&str; 8] =
    ["pods", "count/pods", "cpu", "requests.cpu", "memory", "requests.memory", "limits.cpu", "limits.memory"];

/// An amount: pods, thousandths of a core, or bytes.
fn amount(resource: &str, quantity: &str) -> i64 {
    if resource.ends_with("cpu") { millicores(quantity) } else { bytes(quantity) }
}

/// An amount as a quantity.
fn shown(resource: &str, amount: i64) -> String {
    if resource.ends_with("cpu") {
        if amount % 1000 == 0 { (amount / 1000).to_string() } else { format!("{amount}m") }
    } else if resource.ends_with("memory") && amount > 0 && amount % (1 << 20) == 0 {
        format!("{}Mi", amount >> 20)
    } else {
        amount.to_string()
    }
}

/// What a pod takes of a resource.
fn taken(pod: &Value, resource: &str) -> i64 {
    let part = match resource {
        "pods" | "count/pods" => return 1,
        "cpu" | "requests.cpu" => "/resources/requests/cpu",
        "memory" | "requests.memory" => "/resources/requests/memory",
        "limits.cpu" => "/resources/limits/cpu",
        _ => "/resources/limits/memory",
    };
    items(pod, "/spec/containers").iter().map(|container| amount(resource, text(container, part))).sum()
}

fn counts(pod: &Value) -> bool {
    !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// `status.used` of a quota: what the pods of its namespace take of everything that it limits.
pub fn used(store: &Store, quota: &Value) -> Value {
    let pods = store.list(&PODS, Some(text(quota, "/metadata/namespace"))).0;
    let limited = limited(quota).map(|(resource, _)| {
        let sum = pods.iter().filter(|pod| counts(pod)).map(|pod| taken(pod, resource)).sum();
        (resource.to_owned(), json!(shown(resource, sum)))
    });
    Value::Object(limited.collect())
}

fn limited(quota: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    COUNTED.into_iter().filter_map(|resource| Some((resource, quota["spec"]["hard"].get(resource)?.as_str()?)))
}

/// Whether a new pod fits into every quota of its namespace. The error is the server's own words,
/// to follow `pods "x" is forbidden: `.
pub fn admit(store: &Store, pod: &Value) -> Result<(), String> {
    for quota in store.list(&RESOURCEQUOTAS, Some(text(pod, "/metadata/namespace"))).0 {
        let name = text(&quota, "/metadata/name");
        let missing: Vec<&str> = limited(&quota)
            .map(|(resource, _)| resource)
            .filter(|resource| !resource.ends_with("pods") && taken(pod, resource) == 0)
            .collect();
        if !missing.is_empty() {
            let without = items(pod, "/spec/containers").iter().map(|container| text(container, "/name"));
            let without = without.collect::<Vec<_>>().join(",");
            let must: Vec<_> = missing.iter().map(|resource| format!("{resource} for: {without}")).collect();
            return Err(format!("failed quota: {name}: must specify {}", must.join("; ")));
        }
        let used = used(store, &quota);
        let mut over: Vec<[String; 3]> = Vec::new();
        for (resource, hard) in limited(&quota) {
            let (more, so_far) = (taken(pod, resource), text(&used[resource], ""));
            if amount(resource, so_far) + more > amount(resource, hard) {
                let part = |value: &str| format!("{resource}={value}");
                over.push([part(&shown(resource, more)), part(so_far), part(hard)]);
            }
        }
        if !over.is_empty() {
            let column = |index: usize| over.iter().map(|row| row[index].as_str()).collect::<Vec<_>>().join(",");
            return Err(format!(
                "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
                column(0),
                column(1),
                column(2)
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_full_quota_says_what_was_asked_used_and_allowed() {
        let store = Store::new(1, || chrono::DateTime::UNIX_EPOCH);
        let pod = |name: &str, cpu: &str| {
            json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"containers": [
                {"name": "app", "resources": {"requests": {"cpu": cpu}}},
            ]}})
        };
        store
            .create(&RESOURCEQUOTAS, json!({"metadata": {"name": "q", "namespace": "shop"}, "spec": {"hard": {"pods": "2", "requests.cpu": "1"}}}))
            .unwrap();
        assert_eq!(admit(&store, &pod("a", "600m")), Ok(()));
        store.create(&PODS, pod("a", "600m")).unwrap();
        assert_eq!(
            admit(&store, &pod("b", "500m")).unwrap_err(),
            "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1"
        );
        assert_eq!(admit(&store, &pod("b", "")).unwrap_err(), "failed quota: q: must specify requests.cpu for: app");
        let mut ended = pod("c", "400m");
        ended["status"]["phase"] = json!("Succeeded");
        store.create(&PODS, ended).unwrap();
        assert_eq!(admit(&store, &pod("b", "400m")), Ok(()));
    }
}
