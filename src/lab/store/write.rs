//! Writing: what the server fills in, what it keeps as its own, when the generation grows, and how a change is numbered.

use std::sync::Arc;

use chrono::Duration;
use serde_json::{Map, Value, json};

use super::changes::{Change, WatchEvent};
use super::naming::{suffix, uid};
use super::{HISTORY, Inner, Key, Store, StoreError, key, timestamp};
use crate::lab::kubernetes::defaults;
use crate::lab::kubernetes::resources::Resource;

impl Store {
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
        let at = self.now() + Duration::seconds(grace_seconds);
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

fn find(inner: &Inner, resource: &Resource, key: &Key) -> Result<Arc<Value>, StoreError> {
    inner
        .shelves
        .get(resource.shelf)
        .and_then(|shelf| shelf.objects.get(key))
        .cloned()
        .ok_or_else(|| StoreError::NotFound { resource: resource.qualified(), name: key.1.clone() })
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
