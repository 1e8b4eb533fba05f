//! What containers and nodes use, as a function of their image, the demand and the time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::WorldTime;
use super::behaviour;
use super::naming;
use super::object::{bytes, instant, items, label, name, namespace, text, uid};
use super::pods::is_ready;
use super::traffic::SERVED;
use super::traffic::demand::Demand;
use crate::lab::kubernetes::resources::PODS;
use crate::lab::kubernetes::{Usage, Used};
use crate::lab::store::Store;

/// What a node uses beside its pods: the kubelet, the container runtime, the system.
const SYSTEM: Used = Used { cpu_millicores: 95, memory_bytes: 780 << 20 };

/// Measures pods and nodes.
#[derive(Debug, Clone)]
pub struct Meter {
    store: Store,
    time: WorldTime,
    demand: Demand,
}

impl Meter {
    /// A meter of the pods in `store`.
    pub fn new(store: Store, time: WorldTime, demand: Demand) -> Self {
        Self { store, time, demand }
    }
}

impl Usage for Meter {
    fn pod(&self, pod: &Value) -> Vec<(String, Used)> {
        of_pod(pod, self.time.now(), &self.demand, load(&self.store, pod))
    }

    fn node(&self, node: &Value) -> Option<Used> {
        let now = self.time.now();
        let mut sum = SYSTEM;
        for pod in self.store.list(&PODS, None).0.iter().filter(|pod| text(pod, "/spec/nodeName") == name(node)) {
            for (_, used) in of_pod(pod, now, &self.demand, load(&self.store, pod)) {
                sum.cpu_millicores += used.cpu_millicores;
                sum.memory_bytes += used.memory_bytes;
            }
        }
        Some(sum)
    }
}

/// How much more than its usual share of the traffic a pod gets: more, the fewer there are.
pub fn load(store: &Store, pod: &Value) -> f64 {
    let app = label(pod, "app");
    let Some(service) = SERVED.iter().find(|service| service.name == app && service.namespace == namespace(pod)) else {
        return 1.0;
    };
    let pods = store.list(&PODS, Some(service.namespace)).0;
    let ready = pods.iter().filter(|pod| label(pod, "app") == app && is_ready(pod)).count();
    service.pods as f64 / ready.max(1) as f64
}

/// What each running container of a pod uses at `now`, when it gets `load` of its usual traffic.
pub fn of_pod(pod: &Value, now: DateTime<Utc>, demand: &Demand, load: f64) -> Vec<(String, Used)> {
    let running: BTreeMap<&str, DateTime<Utc>> = items(pod, "/status/containerStatuses")
        .iter()
        .filter_map(|status| Some((text(status, "/name"), instant(status, "/state/running/startedAt")?)))
        .collect();
    let demand = demand.at(label(pod, "app"), now);
    items(pod, "/spec/containers")
        .iter()
        .filter_map(|container| {
            let container_name = text(container, "/name");
            let since = running.get(container_name)?;
            let behaviour = behaviour::of_container(pod, container).ok()?;
            let seed = naming::digest(&[uid(pod), container_name]);
            let seconds = now.timestamp() as f64;
            let unrest = 1.0 + 0.12 * naming::wobble(seed, seconds / 30.0);
            let cpu = behaviour.cpu as f64 * (0.25 + 0.75 * demand * load) * unrest;
            // Memory fills up in the first minutes and then breathes.
            let warm = ((now - *since).num_seconds() as f64 / 180.0).clamp(0.0, 1.0);
            let breath = 1.0 + 0.06 * naming::wobble(seed ^ 2, seconds / 400.0);
            let memory = behaviour.memory as f64 * (0.55 + 0.45 * warm) * breath;
            let limit = bytes(text(container, "/resources/limits/memory"));
            let memory = if limit > 0 { memory.min(limit as f64 * 0.98) } else { memory };
            Some((container_name.to_owned(), Used { cpu_millicores: cpu.max(1.0) as u64, memory_bytes: memory as u64 }))
        })
        .collect()
}
