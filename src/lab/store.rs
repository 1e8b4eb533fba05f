//! The object store of the lab: what etcd is to a cluster.
//!
//! Objects are whole Kubernetes objects as JSON. One counter numbers all changes (`resourceVersion`), each shelf
//! (resource) remembers its last changes, and a [`Watch`] reads on from any number that is still remembered.
//! Identifiers come from a seeded generator: the same seed and the same clock make the same world.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::lab::kubernetes::defaults;
use crate::lab::kubernetes::resources::Resource;

mod changes;
mod naming;

pub use changes::{Change, Expired, Watch, WatchEvent};
use naming::{suffix, uid};

/// Changes that one shelf remembers; a watch from before them is told `Expired`.
const HISTORY: usize = 4096;
/// Where the counter of changes begins, so that versions look like those of a cluster with a past.
const FIRST_VERSION: u64 = 48_211_000;

/// Why the store refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such object.
    #[error("{resource} \"{name}\" not found")]
    NotFound {
        /// Qualified resource, such as `deployments.apps`.
        resource: String,
        /// Name of the object.
        name: String,
    },
    /// An object of this name exists.
    #[error("{resource} \"{name}\" already exists")]
    AlreadyExists {
        /// Qualified resource.
        resource: String,
        /// Name of the object.
        name: String,
    },
    /// The object has changed since the writer read it.
    #[error("Operation cannot be fulfilled on {resource} \"{name}\": {reason}")]
    Conflict {
        /// Qualified resource.
        resource: String,
        /// Name of the object.
        name: String,
        /// What differs.
        reason: String,
    },
    /// The object has neither a name nor a `generateName`.
    #[error("name or generateName is required")]
    Nameless,
}

type Key = (String, String);

#[derive(Default)]
struct Shelf {
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<WatchEvent>,
    /// Version of the newest forgotten change.
    forgotten: u64,
}

struct Inner {
    shelves: HashMap<&'static str, Shelf>,
    version: u64,
    random: u64,
}

type Now = dyn Fn() -> DateTime<Utc> + Send + Sync;

struct Shared {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    now: Box<Now>,
}

/// The store. Clones share the objects.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    /// Writes are computed and then forgotten.
    dry: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl Store {
    /// An empty store whose identifiers come from `seed` and whose time comes from `now`.
    pub fn new(seed: u64, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        let inner = Inner { shelves: HashMap::new(), version: FIRST_VERSION, random: seed };
        Self {
            shared: Arc::new(Shared {
                inner: Mutex::new(inner),
                changed: watch::Sender::new(FIRST_VERSION),
                now: Box::new(now),
            }),
            dry: false,
        }
    }

    /// The same store for rehearsals: writes give the object or the refusal that they would, and change nothing.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self { shared: self.shared.clone(), dry: true }
    }

    /// Whether writes are forgotten.
    pub fn is_dry(&self) -> bool {
        self.dry
    }

    /// Lab time.
    pub fn now(&self) -> DateTime<Utc> {
        (self.shared.now)()
    }

    /// Version of the latest change of any object.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// The object of this name; `namespace` is ignored for cluster-wide resources.
    pub fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let key = key(resource, namespace, name);
        self.lock().shelves.get(resource.shelf)?.objects.get(&key).cloned()
    }

    /// Objects of one namespace or of all, by namespace and name, and the version that they are a picture of.
    pub fn list(&self, resource: &Resource, namespace: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let inner = self.lock();
        let objects = inner.shelves.get(resource.shelf).map_or_else(Vec::new, |shelf| {
            shelf
                .objects
                .iter()
                .filter(|((ns, _), _)| !resource.namespaced || namespace.is_none_or(|wanted| wanted == ns))
                .map(|(_, object)| object.clone())
                .collect()
        });
        (objects, inner.version)
    }

    /// Objects as they were at `version`, unless that is forgotten.
    pub fn list_at(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        version: u64,
    ) -> Result<Vec<Arc<Value>>, Expired> {
        let inner = self.lock();
        let Some(shelf) = inner.shelves.get(resource.shelf) else { return Ok(Vec::new()) };
        if version < shelf.forgotten.max(FIRST_VERSION) {
            return Err(Expired { asked: version, oldest: shelf.forgotten.max(FIRST_VERSION) });
        }
        let mut objects = shelf.objects.clone();
        for event in shelf.history.iter().rev().take_while(|event| event.version > version) {
            let place = |field| event.object.pointer(field).and_then(Value::as_str).unwrap_or_default();
            let key = key(resource, place("/metadata/namespace"), place("/metadata/name"));
            match &event.previous {
                Some(previous) => objects.insert(key, previous.clone()),
                None => objects.remove(&key),
            };
        }
        let wanted = |key: &Key| !resource.namespaced || namespace.is_none_or(|wanted| wanted == key.0);
        Ok(objects.into_iter().filter(|(key, _)| wanted(key)).map(|(_, object)| object).collect())
    }

    /// Adds an object. Fills what is absent of apiVersion, kind, uid, creationTimestamp, generation and the name
    /// (from `generateName`): a scenario may bring its own, to make old objects.
    pub fn create(&self, resource: &Resource, mut object: Value) -> Result<Arc<Value>, StoreError> {
        let now = self.now();
        defaults::fill(resource, &mut object);
        let mut inner = self.lock();
        let mut rehearsal = inner.random;
        let random = if self.dry { &mut rehearsal } else { &mut inner.random };
        let top = as_map(&mut object);
        top.entry("apiVersion").or_insert_with(|| json!(resource.api_version()));
        top.entry("kind").or_insert_with(|| json!(resource.kind));
        let meta = metadata(&mut object);
        // As every cluster-wide object: no namespace.
        if !resource.namespaced {
            meta.remove("namespace");
        }
        if text(meta, "name").is_empty() {
            let prefix = text(meta, "generateName").to_owned();
            if prefix.is_empty() {
                return Err(StoreError::Nameless);
            }
            meta.insert("name".into(), json!(format!("{prefix}{}", suffix(random, 5))));
        }
        meta.entry("uid").or_insert_with(|| json!(uid(random)));
        meta.entry("creationTimestamp").or_insert_with(|| json!(timestamp(now)));
        meta.entry("generation").or_insert_with(|| json!(1));
        let key = key(resource, text(meta, "namespace"), text(meta, "name"));
        defaults::mark_as_own(resource, &mut object);
        if inner.shelves.get(resource.shelf).is_some_and(|shelf| shelf.objects.contains_key(&key)) {
            return Err(StoreError::AlreadyExists { resource: resource.qualified(), name: key.1 });
        }
        let object = self.commit(&mut inner, resource, key, Change::Added, object);
        Ok(object)
    }

    /// Replaces an object. A `resourceVersion` in it must be the current one. What the server owns (uid,
    /// creationTimestamp, deletionTimestamp, generation, and `status` where that is a subresource) stays;
    /// `generation` grows when the spec changed; nothing happens when nothing changed.
    pub fn update(&self, resource: &Resource, object: Value) -> Result<Arc<Value>, StoreError> {
        self.replace(resource, object, |old, new| {
            if resource.has("status") {
                carry(old, new, "status");
            }
        })
    }

    /// Replaces the `status` of an object; the rest of `object` only names it.
    pub fn update_status(&self, resource: &Resource, object: Value) -> Result<Arc<Value>, StoreError> {
        self.replace(resource, object, |old, new| {
            let status = new.get("status").cloned();
            let annotations = new.pointer("/metadata/annotations").cloned();
            let labels = new.pointer("/metadata/labels").cloned();
            *new = old.clone();
            set_or_remove(as_map(new), "status", status);
            set_or_remove(metadata(new), "annotations", annotations);
            set_or_remove(metadata(new), "labels", labels);
        })
    }

    /// Reads, changes and writes an object in one step: spec, status and metadata alike. For controllers.
    /// The store is locked while `change` runs, so `change` must not use it.
    pub fn modify(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, StoreError> {
        let mut inner = self.lock();
        let key = key(resource, namespace, name);
        let old = find(&inner, resource, &key)?;
        let mut new = (*old).clone();
        change(&mut new);
        Ok(self.write(&mut inner, resource, key, &old, new))
    }

    /// Removes an object at once, whatever its finalizers say.
    pub fn delete(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Arc<Value>, StoreError> {
        let mut inner = self.lock();
        let key = key(resource, namespace, name);
        let old = find(&inner, resource, &key)?;
        Ok(self.commit(&mut inner, resource, key, Change::Deleted, (*old).clone()))
    }

    /// Marks an object as going: `deletionTimestamp` is `grace_seconds` from now, and whoever runs it (the kubelet,
    /// the owner of a finalizer) removes it. A later, shorter grace period replaces a longer one.
    pub fn mark_deleted(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        grace_seconds: i64,
    ) -> Result<Arc<Value>, StoreError> {
        let at = self.now() + chrono::Duration::seconds(grace_seconds);
        self.modify(resource, namespace, name, |object| {
            let meta = metadata(object);
            let current = meta.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
            if current.is_none_or(|current| grace_seconds < current) {
                meta.insert("deletionTimestamp".into(), json!(timestamp(at)));
                meta.insert("deletionGracePeriodSeconds".into(), json!(grace_seconds));
                if current.is_none() {
                    let generation = meta.get("generation").and_then(Value::as_i64).unwrap_or(1);
                    meta.insert("generation".into(), json!(generation + 1));
                }
            }
        })
    }

    /// Changes of a resource after `since`, or from now on.
    pub fn watch(&self, resource: &Resource, since: Option<u64>) -> Result<Watch, Expired> {
        let inner = self.lock();
        let since = since.unwrap_or(inner.version);
        let forgotten = inner.shelves.get(resource.shelf).map_or(0, |shelf| shelf.forgotten);
        if since < forgotten || since < FIRST_VERSION {
            return Err(Expired { asked: since, oldest: forgotten.max(FIRST_VERSION) });
        }
        Ok(Watch {
            store: self.clone(),
            shelf: resource.shelf,
            position: since,
            changed: self.shared.changed.subscribe(),
        })
    }

    /// A random UUID of this world.
    pub fn generate_uid(&self) -> String {
        uid(&mut self.lock().random)
    }

    /// `length` letters for the end of a name, such as `x7k2p`.
    pub fn generate_suffix(&self, length: usize) -> String {
        suffix(&mut self.lock().random, length)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic of another holder cannot leave a half-written object: each write is one insert.
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(
        &self,
        resource: &Resource,
        mut new: Value,
        merge: impl FnOnce(&Value, &mut Value),
    ) -> Result<Arc<Value>, StoreError> {
        let mut inner = self.lock();
        let meta = metadata(&mut new);
        let key = key(resource, text(meta, "namespace"), text(meta, "name"));
        let old = find(&inner, resource, &key)?;
        let conflict =
            |reason: String| StoreError::Conflict { resource: resource.qualified(), name: key.1.clone(), reason };
        let expected = text(meta, "resourceVersion");
        if !expected.is_empty() && Some(expected) != old.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
            return Err(conflict(
                "the object has been modified; please apply your changes to the latest version and try again".into(),
            ));
        }
        let (given, actual) =
            (text(meta, "uid"), old.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default());
        if !given.is_empty() && given != actual {
            return Err(conflict(format!(
                "Precondition failed: UID in precondition: {given}, UID in object meta: {actual}"
            )));
        }
        merge(&old, &mut new);
        Ok(self.write(&mut inner, resource, key, &old, new))
    }

    /// Writes `new` over `old`, keeping what the server owns.
    fn write(&self, inner: &mut Inner, resource: &Resource, key: Key, old: &Arc<Value>, mut new: Value) -> Arc<Value> {
        defaults::fill(resource, &mut new);
        let empty = Map::new();
        let old_meta = old.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        let spec_changed = old.get("spec") != new.get("spec");
        let top = as_map(&mut new);
        for field in ["apiVersion", "kind"] {
            set_or_remove(top, field, old.get(field).cloned());
        }
        let meta = metadata(&mut new);
        for field in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion"] {
            set_or_remove(meta, field, old_meta.get(field).cloned());
        }
        for field in ["generation", "deletionTimestamp", "deletionGracePeriodSeconds"] {
            if !meta.contains_key(field) {
                set_or_remove(meta, field, old_meta.get(field).cloned());
            }
        }
        if spec_changed {
            let generation = old_meta.get("generation").and_then(Value::as_i64).unwrap_or(1);
            meta.insert("generation".into(), json!(generation + 1));
        }
        let going = meta.contains_key("deletionTimestamp");
        let held =
            |meta: &Map<String, Value>| meta.get("finalizers").and_then(Value::as_array).is_some_and(|f| !f.is_empty());
        let released = going && held(old_meta) && !held(meta);
        if released {
            return self.commit(inner, resource, key, Change::Deleted, new);
        }
        if new == **old {
            return old.clone();
        }
        self.commit(inner, resource, key, Change::Modified, new)
    }

    /// Numbers the change, shelves it, remembers it and wakes the watchers.
    fn commit(
        &self,
        inner: &mut Inner,
        resource: &Resource,
        key: Key,
        change: Change,
        mut object: Value,
    ) -> Arc<Value> {
        if self.dry {
            return Arc::new(object);
        }
        inner.version += 1;
        let version = inner.version;
        metadata(&mut object).insert("resourceVersion".into(), json!(version.to_string()));
        let object = Arc::new(object);
        let shelf = inner.shelves.entry(resource.shelf).or_default();
        let previous = match change {
            Change::Deleted => shelf.objects.remove(&key),
            Change::Added | Change::Modified => shelf.objects.insert(key, object.clone()),
        };
        shelf.history.push_back(WatchEvent { change, object: object.clone(), previous, version });
        if shelf.history.len() > HISTORY {
            shelf.forgotten = shelf.history.pop_front().map_or(shelf.forgotten, |event| event.version);
        }
        self.shared.changed.send_replace(version);
        object
    }
}

/// An instant as Kubernetes writes it, to the second.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn find(inner: &Inner, resource: &Resource, key: &Key) -> Result<Arc<Value>, StoreError> {
    inner
        .shelves
        .get(resource.shelf)
        .and_then(|shelf| shelf.objects.get(key))
        .cloned()
        .ok_or_else(|| StoreError::NotFound { resource: resource.qualified(), name: key.1.clone() })
}

fn key(resource: &Resource, namespace: &str, name: &str) -> Key {
    (if resource.namespaced { namespace.to_owned() } else { String::new() }, name.to_owned())
}

/// The map that a value is, made an empty one when it is none.
fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => {
            *other = Value::Object(Map::new());
            as_map(other)
        }
    }
}

fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    as_map(as_map(object).entry("metadata").or_insert_with(|| json!({})))
}

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> &'a str {
    map.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn set_or_remove(map: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            map.insert(field.to_owned(), value);
        }
        None => {
            map.remove(field);
        }
    }
}

fn carry(old: &Value, new: &mut Value, field: &str) {
    set_or_remove(as_map(new), field, old.get(field).cloned());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::lab::kubernetes::resources::{DEPLOYMENTS, PODS};

    fn store() -> Store {
        let at = DateTime::parse_from_rfc3339("2026-01-02T03:04:05Z").unwrap().to_utc();
        Store::new(7, move || at)
    }

    fn deployment(replicas: u32) -> Value {
        json!({"metadata": {"name": "pay", "namespace": "shop"}, "spec": {"replicas": replicas}})
    }

    #[test]
    fn a_spec_change_bumps_the_generation_and_a_status_change_does_not() {
        let store = store();
        let made = store.create(&DEPLOYMENTS, deployment(1)).unwrap();
        assert_eq!(made["metadata"]["creationTimestamp"], "2026-01-02T03:04:05Z");
        let mut status = (*made).clone();
        status["status"] = json!({"replicas": 1});
        status["spec"]["replicas"] = json!(9);
        let after = store.update_status(&DEPLOYMENTS, status).unwrap();
        assert_eq!((&after["metadata"]["generation"], &after["spec"]["replicas"]), (&json!(1), &json!(1)));
        let after = store.update(&DEPLOYMENTS, deployment(2)).unwrap();
        assert_eq!((&after["metadata"]["generation"], &after["status"]["replicas"]), (&json!(2), &json!(1)));
    }

    #[test]
    fn a_stale_write_is_a_conflict_and_an_empty_one_is_nothing() {
        let store = store();
        let first = store.create(&DEPLOYMENTS, deployment(1)).unwrap();
        store.update(&DEPLOYMENTS, deployment(2)).unwrap();
        assert!(matches!(store.update(&DEPLOYMENTS, (*first).clone()), Err(StoreError::Conflict { .. })));
        let version = store.version();
        store.update(&DEPLOYMENTS, deployment(2)).unwrap();
        assert_eq!(store.version(), version);
    }

    #[tokio::test]
    async fn a_watch_resumes_where_it_left_and_expires_when_too_old() {
        let store = store();
        let start = store.version();
        store.create(&DEPLOYMENTS, deployment(1)).unwrap();
        store.create(&PODS, json!({"metadata": {"generateName": "x-", "namespace": "shop"}})).unwrap();
        store.delete(&DEPLOYMENTS, "shop", "pay").unwrap();
        let seen: Vec<_> = store
            .watch(&DEPLOYMENTS, Some(start))
            .unwrap()
            .next()
            .await
            .unwrap()
            .into_iter()
            .map(|e| e.change)
            .collect();
        assert_eq!(seen, [Change::Added, Change::Deleted]);
        store.create(&DEPLOYMENTS, deployment(0)).unwrap();
        for replicas in 1..=u32::try_from(HISTORY).unwrap() {
            store.update(&DEPLOYMENTS, deployment(replicas)).unwrap();
        }
        assert!(store.watch(&DEPLOYMENTS, Some(start)).is_err());
    }

    #[test]
    fn going_objects_wait_for_their_finalizers() {
        let store = store();
        let mut held = deployment(1);
        held["metadata"]["finalizers"] = json!(["example.com/hold"]);
        store.create(&DEPLOYMENTS, held).unwrap();
        store.mark_deleted(&DEPLOYMENTS, "shop", "pay", 0).unwrap();
        assert!(store.get(&DEPLOYMENTS, "shop", "pay").is_some());
        store.modify(&DEPLOYMENTS, "shop", "pay", |o| o["metadata"]["finalizers"] = json!([])).unwrap();
        assert!(store.get(&DEPLOYMENTS, "shop", "pay").is_none());
    }

    #[test]
    fn the_past_can_be_listed_and_a_rehearsal_leaves_no_trace() {
        let store = store();
        store.create(&DEPLOYMENTS, deployment(1)).unwrap();
        let past = store.version();
        store.update(&DEPLOYMENTS, deployment(2)).unwrap();
        store.delete(&DEPLOYMENTS, "shop", "pay").unwrap();
        let listed = store.list_at(&DEPLOYMENTS, Some("shop"), past).unwrap();
        assert_eq!(listed.iter().map(|o| o["spec"]["replicas"].clone()).collect::<Vec<_>>(), [json!(1)]);
        let version = store.version();
        let rehearsed = store.dry_run().create(&DEPLOYMENTS, deployment(5)).unwrap();
        assert_eq!(rehearsed["spec"]["revisionHistoryLimit"], 10);
        assert_eq!((store.version(), store.list(&DEPLOYMENTS, None).0.len()), (version, 0));
    }

    #[test]
    fn the_same_seed_makes_the_same_names() {
        let (a, b) = (store(), store());
        assert_eq!(a.generate_uid(), b.generate_uid());
        assert_eq!(a.generate_suffix(5), b.generate_suffix(5));
        assert_ne!(a.generate_suffix(5), b.generate_uid());
    }
}
