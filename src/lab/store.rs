//! The object store of the lab: what etcd is to a cluster.
//!
//! Objects are whole Kubernetes objects as JSON. One counter numbers all changes (`resourceVersion`), each shelf
//! (resource) remembers its last changes, and a [`Watch`] reads on from any number that is still remembered.
//! Identifiers come from a seeded generator: the same seed and the same clock make the same world.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tokio::sync::watch;

use crate::lab::kubernetes::resources::Resource;

mod changes;
mod naming;
#[cfg(test)]
mod tests;
mod write;

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
}

/// An instant as Kubernetes writes it, to the second.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn key(resource: &Resource, namespace: &str, name: &str) -> Key {
    (if resource.namespaced { namespace.to_owned() } else { String::new() }, name.to_owned())
}
