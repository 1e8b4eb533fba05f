//! One turn of the controllers: what they see, how they write, and when they want to be woken.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::events::{Happening, Recorder};
use super::object::{controller_uid, field, instant, is_deleting, name, namespace, text, uid};
use super::traffic::demand::Demand;
use crate::lab::kubernetes::quota;
use crate::lab::kubernetes::resources::{EVENTS, PODS, Resource};
use crate::lab::store::Store;

/// What every controller is handed each turn.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The objects.
    pub store: &'a Store,
    /// The events.
    pub events: &'a Recorder,
    /// What is asked of the services.
    pub demand: &'a Demand,
    /// Lab time of this turn.
    pub now: DateTime<Utc>,
    wake: Cell<Option<DateTime<Utc>>>,
    /// Who controls what, by resource, as of a version of the store.
    families: RefCell<HashMap<&'static str, (u64, Family)>>,
}

/// Why a pod was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Its name is taken.
    Taken,
    /// The server forbids it, in its words.
    Forbidden(String),
}

/// Objects by the uid of their controller.
type Family = HashMap<String, Vec<Arc<Value>>>;

impl<'a> Turn<'a> {
    /// A turn at `now`.
    pub fn new(store: &'a Store, events: &'a Recorder, demand: &'a Demand, now: DateTime<Utc>) -> Self {
        Self { store, events, demand, now, wake: Cell::new(None), families: RefCell::default() }
    }

    /// Asks for another turn at `at`, even if no object changes until then. The earliest wins.
    pub fn wake_at(&self, at: DateTime<Utc>) {
        let sooner = self.wake.get().is_none_or(|wake| at < wake);
        if sooner && at > self.now {
            self.wake.set(Some(at));
        }
    }

    /// When the next turn is wanted, if any is.
    pub fn wake(&self) -> Option<DateTime<Utc>> {
        self.wake.get()
    }

    /// All objects of a resource.
    pub fn all(&self, resource: &Resource) -> Vec<Arc<Value>> {
        self.store.list(resource, None).0
    }

    /// The objects of a resource that `owner` controls.
    pub fn controlled(&self, resource: &Resource, owner: &Value) -> Vec<Arc<Value>> {
        let version = self.store.version();
        let mut families = self.families.borrow_mut();
        let known = families.entry(resource.shelf).or_default();
        if known.0 != version {
            *known = (version, Family::new());
            for object in self.store.list(resource, None).0 {
                let controller = controller_uid(&object);
                if !controller.is_empty() {
                    known.1.entry(controller.to_owned()).or_default().push(object);
                }
            }
        }
        known.1.get(uid(owner)).cloned().unwrap_or_default()
    }

    /// Changes an object that was just read; one that is gone since needs no change.
    pub fn modify(&self, resource: &Resource, object: &Value, change: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
        self.store.modify(resource, namespace(object), name(object), change).ok()
    }

    /// Makes a pod, if the quotas of its namespace let it in.
    pub fn create_pod(&self, pod: Value) -> Result<Arc<Value>, Refused> {
        if let Err(why) = quota::admit(self.store, &pod) {
            return Err(Refused::Forbidden(format!("pods \"{}\" is forbidden: {why}", name(&pod))));
        }
        self.store.create(&PODS, pod).map_err(|_| Refused::Taken)
    }

    /// Begins the deletion of a pod: a pod on a node gets its grace period, any other goes now.
    pub fn delete_pod(&self, pod: &Value) {
        if is_deleting(pod) {
            return;
        }
        let finished = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
        // A pod that somebody else deleted meanwhile is deleted.
        let _ = if text(pod, "/spec/nodeName").is_empty() || finished {
            self.store.delete(&PODS, namespace(pod), name(pod))
        } else {
            let grace = field(pod, "/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
            self.store.mark_deleted(&PODS, namespace(pod), name(pod), grace)
        };
    }

    /// Records an event about an object, unless one of its reason is younger than half a minute:
    /// for what is found anew each time somebody looks.
    pub fn remind(&self, about: &Value, happening: &Happening<'_>) {
        let told = self.store.list(&EVENTS, Some(namespace(about))).0.into_iter().any(|event| {
            text(&event, "/involvedObject/uid") == uid(about)
                && text(&event, "/reason") == happening.reason
                && instant(&event, "/lastTimestamp").is_some_and(|last| self.now - last < TimeDelta::seconds(30))
        });
        if !told {
            self.event(about, happening);
        }
    }

    /// Records an event about an object, now.
    pub fn event(&self, about: &Value, happening: &Happening<'_>) {
        self.events.record(self.store, about, happening, self.now);
    }
}
