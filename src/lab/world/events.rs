//! Events: what components say happened, with counts, as the API server keeps them.
//!
//! A repeated event bumps the count of the one that is there, as the real recorder does, and
//! events older than an hour go, as in a real cluster.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::naming;
use super::object::{instant, int, name, namespace, stamp, text, uid};
use crate::lab::kubernetes::resources::EVENTS;
use crate::lab::store::Store;

/// How long an event is kept.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// One thing that happened to an object.
#[derive(Debug, Clone, Copy)]
pub struct Happening<'a> {
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// One word, such as `BackOff`.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// Who says so, such as `kubelet`.
    pub component: &'a str,
    /// On which node, empty when on none.
    pub host: &'a str,
    /// Which part of the object, such as `spec.containers{payment}`; empty for all of it.
    pub part: &'a str,
}

impl<'a> Happening<'a> {
    /// Something ordinary that a component did.
    pub fn normal(component: &'a str, reason: &'a str, message: &'a str) -> Self {
        Self { warning: false, reason, message, component, host: "", part: "" }
    }

    /// Something that should not have happened.
    pub fn warning(component: &'a str, reason: &'a str, message: &'a str) -> Self {
        Self { warning: true, ..Self::normal(component, reason, message) }
    }

    /// The same, on a node and about one part of the object.
    #[must_use]
    pub fn on(self, host: &'a str, part: &'a str) -> Self {
        Self { host, part, ..self }
    }
}

/// Writes events into the store.
#[derive(Debug, Default)]
pub struct Recorder {
    known: Mutex<HashMap<u64, (String, String)>>,
}

impl Recorder {
    /// Records that something happened at `at`.
    pub fn record(&self, store: &Store, about: &Value, happening: &Happening<'_>, at: DateTime<Utc>) {
        self.record_series(store, about, happening, at, at, 1);
    }

    /// Records that something happened `count` times between `first` and `last`.
    pub fn record_series(
        &self,
        store: &Store,
        about: &Value,
        happening: &Happening<'_>,
        first: DateTime<Utc>,
        last: DateTime<Utc>,
        count: i64,
    ) {
        let Happening { warning, reason, message, component, host, part } = *happening;
        let key = naming::digest(&[uid(about), name(about), reason, message, component, host, part]);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((space, event)) = known.get(&key) {
            let bumped = store.modify(&EVENTS, space, event, |event| {
                event["count"] = json!(int(event, "/count") + count);
                event["lastTimestamp"] = json!(stamp(last));
            });
            if bumped.is_ok() {
                return;
            }
        }
        let space = if namespace(about).is_empty() { "default" } else { namespace(about) };
        let event = format!("{}.{:016x}", name(about), naming::digest(&[&stamp(first), &key.to_string()]));
        let mut involved = json!({
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": name(about),
            "uid": uid(about),
        });
        let optional = [
            ("namespace", namespace(about)),
            ("resourceVersion", text(about, "/metadata/resourceVersion")),
            ("fieldPath", part),
        ];
        for (field, value) in optional.into_iter().filter(|(_, value)| !value.is_empty()) {
            involved[field] = json!(value);
        }
        let mut source = json!({"component": component});
        if !host.is_empty() {
            source["host"] = json!(host);
        }
        let written = store.create(
            &EVENTS,
            json!({
                "metadata": {"name": event, "namespace": space, "creationTimestamp": stamp(first)},
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "source": source,
                "firstTimestamp": stamp(first),
                "lastTimestamp": stamp(last),
                "count": count,
                "type": if warning { "Warning" } else { "Normal" },
                "eventTime": null,
                "reportingComponent": component,
                "reportingInstance": host,
            }),
        );
        if written.is_ok() {
            known.insert(key, (space.to_owned(), event));
        }
    }

    /// Drops events that nobody has seen for an hour.
    pub fn expire(&self, store: &Store, now: DateTime<Utc>) {
        let old: Vec<_> = store
            .list(&EVENTS, None)
            .0
            .into_iter()
            .filter(|event| instant(event, "/lastTimestamp").is_some_and(|last| now - last > KEPT))
            .collect();
        if old.is_empty() {
            return;
        }
        for event in old {
            // Gone already is as good as gone.
            let _ = store.delete(&EVENTS, namespace(&event), name(&event));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (space, event)| store.get(&EVENTS, space, event).is_some());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn repeated_events_are_counted_and_old_ones_expire() {
        let noon = DateTime::from_timestamp(1_773_489_600, 0).unwrap();
        let store = Store::new(1, move || noon);
        let recorder = Recorder::default();
        let pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop", "uid": "u"}});
        let backoff = Happening::warning("kubelet", "BackOff", "Back-off restarting failed container");
        recorder.record(&store, &pod, &backoff, noon);
        recorder.record(&store, &pod, &backoff, noon + TimeDelta::minutes(50));
        let (events, _) = store.list(&EVENTS, Some("shop"));
        assert_eq!((events.len(), &events[0]["count"]), (1, &json!(2)));
        recorder.expire(&store, noon + TimeDelta::minutes(70));
        assert_eq!(store.list(&EVENTS, None).0.len(), 1);
        recorder.expire(&store, noon + TimeDelta::minutes(111));
        assert!(store.list(&EVENTS, None).0.is_empty());
    }
}
