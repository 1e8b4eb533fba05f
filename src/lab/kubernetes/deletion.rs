//! Deleting: grace periods, finalizers, preconditions, and what becomes of the objects that the deleted one owned.

use std::sync::Arc;

use serde_json::{Value, json};

use super::request::Request;
use super::resources::{ALL, NAMESPACES, PODS, Resource};
use super::status::ApiError;
use crate::lab::store::{Store, StoreError};

/// What a client says about a deletion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    grace_seconds: Option<i64>,
    orphan: bool,
    uid: Option<String>,
    version: Option<String>,
    /// A rehearsal, said in the body.
    pub dry_run: bool,
}

impl Options {
    /// Reads body and query; the body wins.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        Self::read(&request.options()?, request)
    }

    /// The same with a body that was read already.
    pub fn read(body: &Value, request: &Request) -> Result<Self, ApiError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let policy = body["propagationPolicy"].as_str().or_else(|| request.param("propagationPolicy"));
        if let Some(policy) = policy.filter(|policy| !matches!(*policy, "Orphan" | "Background" | "Foreground")) {
            return Err(ApiError::bad_request(format!("invalid propagationPolicy: {policy}")));
        }
        Ok(Self {
            grace_seconds: body["gracePeriodSeconds"].as_i64().or(request.number("gracePeriodSeconds")?),
            orphan: policy == Some("Orphan") || body["orphanDependents"] == true,
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
            dry_run: body["dryRun"][0] == "All",
        })
    }

    /// Whether the preconditions hold for an object; 409 when they do not.
    pub fn check(&self, resource: &Resource, object: &Value) -> Result<(), ApiError> {
        let meta = &object["metadata"];
        for (asked, actual, what) in
            [(&self.uid, &meta["uid"], "UID"), (&self.version, &meta["resourceVersion"], "ResourceVersion")]
        {
            let actual = actual.as_str().unwrap_or_default();
            if let Some(asked) = asked.as_deref().filter(|asked| *asked != actual) {
                let name = meta["name"].as_str().unwrap_or_default();
                let reason =
                    format!("Precondition failed: {what} in precondition: {asked}, {what} in object meta: {actual}");
                let conflict = StoreError::Conflict { resource: resource.qualified(), name: name.to_owned(), reason };
                return Err(ApiError::from_store(&conflict, resource, name));
            }
        }
        Ok(())
    }
}

/// What a deletion came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The object is gone.
    Gone,
    /// The object is going: somebody has yet to let it go.
    Going(Arc<Value>),
}

/// Deletes an object, and after it what it owned.
pub fn delete(
    store: &Store,
    resource: &'static Resource,
    object: &Value,
    options: &Options,
) -> Result<Outcome, ApiError> {
    let (namespace, name) = place(object);
    let refuse = |error: &StoreError| ApiError::from_store(error, resource, name);
    let meta = &object["metadata"];
    options.check(resource, object)?;
    let grace = grace(resource, object, options);
    let held = meta["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
    if grace > 0 || held {
        let going = store.mark_deleted(resource, namespace, name, grace).map_err(|error| refuse(&error))?;
        return Ok(Outcome::Going(going));
    }
    store.delete(resource, namespace, name).map_err(|error| refuse(&error))?;
    let owner = meta["uid"].as_str().unwrap_or_default();
    if resource.kind == NAMESPACES.kind {
        empty_namespace(store, name);
    } else if !owner.is_empty() {
        release_dependents(store, namespace, owner, options.orphan);
    }
    Ok(Outcome::Gone)
}

/// Seconds that an object is given: only pods that a node runs need any.
fn grace(resource: &Resource, object: &Value, options: &Options) -> i64 {
    let finished = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if resource.kind != PODS.kind || finished || object["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return 0;
    }
    options.grace_seconds.or_else(|| object["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30).max(0)
}

/// The garbage collector: objects that `owner` owned go too, or are set free.
fn release_dependents(store: &Store, namespace: &str, owner: &str, orphan: bool) {
    let owned = |reference: &Value| reference["uid"] == owner;
    for resource in stored() {
        for object in store.list(resource, Some(namespace)).0 {
            let references = object["metadata"]["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
            if !references.iter().any(owned) {
                continue;
            }
            let others: Vec<Value> = references.iter().filter(|reference| !owned(reference)).cloned().collect();
            let (namespace, name) = place(&object);
            if orphan || !others.is_empty() {
                // Somebody else may have removed it in between: then there is nothing left to do.
                let _ = store
                    .modify(resource, namespace, name, |object| object["metadata"]["ownerReferences"] = json!(others));
            } else {
                let _ = delete(store, resource, &object, &Options::default());
            }
        }
    }
}

fn empty_namespace(store: &Store, namespace: &str) {
    for resource in stored().filter(|resource| resource.namespaced) {
        for object in store.list(resource, Some(namespace)).0 {
            let _ = delete(store, resource, &object, &Options { grace_seconds: Some(0), ..Options::default() });
        }
    }
}

/// Each shelf once.
fn stored() -> impl Iterator<Item = &'static Resource> {
    ALL.iter().copied().filter(|r| {
        r.verbs.contains(&"delete") && !matches!((r.group, r.version), ("events.k8s.io", _) | ("autoscaling", "v1"))
    })
}

fn place(object: &Value) -> (&str, &str) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    (text("namespace"), text("name"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::lab::kubernetes::resources::{DEPLOYMENTS, REPLICASETS};

    fn family() -> (Store, Arc<Value>) {
        let store = Store::new(1, || chrono::DateTime::UNIX_EPOCH);
        let make = |resource, name: &str, owner: Option<&Value>| {
            let mut object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"nodeName": "n"}});
            if let Some(owner) = owner {
                object["metadata"]["ownerReferences"] = json!([{"uid": owner["metadata"]["uid"]}]);
            }
            store.create(resource, object).unwrap()
        };
        let deployment = make(&DEPLOYMENTS, "d", None);
        let set = make(&REPLICASETS, "r", Some(&deployment));
        make(&PODS, "p", Some(&set));
        (store, deployment)
    }

    #[test]
    fn what_it_owned_follows_and_pods_get_their_grace() {
        let (store, deployment) = family();
        assert_eq!(delete(&store, &DEPLOYMENTS, &deployment, &Options::default()).unwrap(), Outcome::Gone);
        assert!(store.get(&REPLICASETS, "shop", "r").is_none());
        assert_eq!(store.get(&PODS, "shop", "p").unwrap()["metadata"]["deletionGracePeriodSeconds"], 30);
    }

    #[test]
    fn orphans_stay() {
        let (store, deployment) = family();
        delete(&store, &DEPLOYMENTS, &deployment, &Options { orphan: true, ..Options::default() }).unwrap();
        assert_eq!(store.get(&REPLICASETS, "shop", "r").unwrap()["metadata"]["ownerReferences"], json!([]));
    }

    #[test]
    fn a_precondition_that_does_not_hold_is_a_conflict() {
        let (store, deployment) = family();
        let options = Options { uid: Some("other".into()), ..Options::default() };
        assert!(delete(&store, &DEPLOYMENTS, &deployment, &options).unwrap_err().is_conflict());
    }
}
