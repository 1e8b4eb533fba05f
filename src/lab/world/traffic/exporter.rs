//! What the cluster's exporters say: kube-state-metrics, cAdvisor and the targets' `up`.
//!
//! Objects are told apart by uid and resource version, so that only what changed is written; what
//! containers use is written once a minute.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::demand::Demand;
use crate::lab::kubernetes::resources::{
    DEPLOYMENTS, HORIZONTALPODAUTOSCALERS, NODES, ROLLOUTS, Resource, STATEFULSETS,
};
use crate::lab::store::Store;
use crate::lab::telemetry::{Labels, Telemetry};
use crate::lab::world::object::{int, int_or, is_set, items, label, name, namespace, text, uid};
use crate::lab::world::usage;

/// The gauges that stand for an object.
type Gauges = fn(&Value) -> Vec<(Labels, f64)>;

/// What is exported, besides pods.
const EXPORTED: [(&Resource, Gauges); 5] = [
    (&DEPLOYMENTS, deployment_gauges),
    (&STATEFULSETS, statefulset_gauges),
    (&HORIZONTALPODAUTOSCALERS, autoscaler_gauges),
    (&NODES, node_gauges),
    (&ROLLOUTS, rollout_gauges),
];

/// What is remembered of one object.
#[derive(Debug, Default)]
struct Exported {
    version: String,
    /// Gauges that stand for its state.
    gauges: HashSet<Labels>,
    /// Restarts of its containers, as last counted.
    restarts: HashMap<Labels, i64>,
    /// Series of what its containers use.
    used: HashSet<Labels>,
}

impl Exported {
    fn end(&self, telemetry: &Telemetry, now: DateTime<Utc>) {
        for labels in self.gauges.iter().chain(self.restarts.keys()).chain(&self.used) {
            telemetry.end(labels, now);
        }
    }

    /// Writes the gauges and ends those that are no longer there.
    fn show(&mut self, telemetry: &Telemetry, gauges: Vec<(Labels, f64)>, now: DateTime<Utc>) {
        let mut live = HashSet::with_capacity(gauges.len());
        for (labels, value) in gauges {
            telemetry.set_gauge(&labels, value, now);
            live.insert(labels);
        }
        for gone in self.gauges.difference(&live) {
            telemetry.end(gone, now);
        }
        self.gauges = live;
    }
}

/// Remembers what is exported.
#[derive(Debug, Default)]
pub(super) struct Exporter {
    objects: HashMap<String, Exported>,
    minute: Option<i64>,
}

impl Exporter {
    /// Writes everything as it is at `now`.
    pub(super) fn export(
        &mut self,
        telemetry: &Telemetry,
        demand: &Demand,
        store: &Store,
        pods: &[Arc<Value>],
        now: DateTime<Utc>,
    ) {
        let objects: Vec<(Arc<Value>, Gauges)> = EXPORTED
            .iter()
            .flat_map(|(resource, gauges)| store.list(resource, None).0.into_iter().map(|object| (object, *gauges)))
            .collect();
        let alive: HashSet<&str> =
            objects.iter().map(|(object, _)| object).chain(pods).map(|object| uid(object)).collect();
        self.objects.retain(|uid, exported| {
            let keep = alive.contains(uid.as_str());
            if !keep {
                exported.end(telemetry, now);
            }
            keep
        });
        for (object, gauges) in &objects {
            if let Some(exported) = self.changed(object) {
                exported.show(telemetry, gauges(object), now);
            }
        }
        let minute = now.timestamp().div_euclid(60);
        let measure = self.minute != Some(minute);
        self.minute = Some(minute);
        for pod in pods {
            let changed = self.changed(pod).map(|exported| {
                exported.show(telemetry, pod_gauges(pod), now);
                count_restarts(exported, telemetry, pod, now);
            });
            if (measure || changed.is_some())
                && let Some(exported) = self.objects.get_mut(uid(pod))
            {
                measure_use(exported, telemetry, demand, pod, now);
            }
        }
    }

    /// What is remembered of an object, if it changed since.
    fn changed(&mut self, object: &Value) -> Option<&mut Exported> {
        let version = text(object, "/metadata/resourceVersion");
        let exported = self.objects.entry(uid(object).to_owned()).or_default();
        if exported.version == version {
            return None;
        }
        version.clone_into(&mut exported.version);
        Some(exported)
    }
}

fn deployment_gauges(deployment: &Value) -> Vec<(Labels, f64)> {
    let of = [("namespace", namespace(deployment)), ("deployment", name(deployment))];
    let gauge = |metric: &str, value: i64| (Labels::new(metric, &of), value as f64);
    vec![
        gauge("kube_deployment_spec_replicas", int_or(deployment, "/spec/replicas", 1)),
        gauge("kube_deployment_status_replicas", int(deployment, "/status/replicas")),
        gauge("kube_deployment_status_replicas_updated", int(deployment, "/status/updatedReplicas")),
        gauge("kube_deployment_status_replicas_available", int(deployment, "/status/availableReplicas")),
        gauge("kube_deployment_status_replicas_unavailable", int(deployment, "/status/unavailableReplicas")),
    ]
}

fn statefulset_gauges(set: &Value) -> Vec<(Labels, f64)> {
    let of = [("namespace", namespace(set)), ("statefulset", name(set))];
    let gauge = |metric: &str, value: i64| (Labels::new(metric, &of), value as f64);
    vec![
        gauge("kube_statefulset_replicas", int_or(set, "/spec/replicas", 1)),
        gauge("kube_statefulset_status_replicas_ready", int(set, "/status/readyReplicas")),
        gauge("kube_statefulset_status_replicas_updated", int(set, "/status/updatedReplicas")),
    ]
}

fn autoscaler_gauges(hpa: &Value) -> Vec<(Labels, f64)> {
    let of = [("namespace", namespace(hpa)), ("horizontalpodautoscaler", name(hpa))];
    let gauge = |metric: &str, value: i64| (Labels::new(metric, &of), value as f64);
    vec![
        gauge("kube_horizontalpodautoscaler_spec_min_replicas", int_or(hpa, "/spec/minReplicas", 1)),
        gauge("kube_horizontalpodautoscaler_spec_max_replicas", int(hpa, "/spec/maxReplicas")),
        gauge("kube_horizontalpodautoscaler_status_current_replicas", int(hpa, "/status/currentReplicas")),
        gauge("kube_horizontalpodautoscaler_status_desired_replicas", int(hpa, "/status/desiredReplicas")),
    ]
}

fn node_gauges(node: &Value) -> Vec<(Labels, f64)> {
    let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
    let conditions = items(node, "/status/conditions").iter().map(|condition| {
        let of = [("node", name(node)), ("condition", text(condition, "/type")), ("status", "true")];
        (Labels::new("kube_node_status_condition", &of), flag(condition["status"] == "True"))
    });
    let cordoned = Labels::new("kube_node_spec_unschedulable", &[("node", name(node))]);
    conditions.chain([(cordoned, flag(is_set(node, "/spec/unschedulable")))]).collect()
}

/// What the controller of Rollouts itself exports.
fn rollout_gauges(rollout: &Value) -> Vec<(Labels, f64)> {
    let of = [("namespace", namespace(rollout)), ("name", name(rollout)), ("phase", text(rollout, "/status/phase"))];
    let [space, called, _] = of;
    let available = Labels::new("rollout_info_replicas_available", &[space, called]);
    vec![(Labels::new("rollout_info", &of), 1.0), (available, int(rollout, "/status/availableReplicas") as f64)]
}

fn container_of<'a>(pod: &'a Value, status: &'a Value) -> [(&'static str, &'a str); 3] {
    [("namespace", namespace(pod)), ("pod", name(pod)), ("container", text(status, "/name"))]
}

fn pod_gauges(pod: &Value) -> Vec<(Labels, f64)> {
    let mut gauges = Vec::new();
    let statuses = items(pod, "/status/containerStatuses");
    let app = label(pod, "app");
    if !app.is_empty() && !text(pod, "/status/podIP").is_empty() && text(pod, "/status/phase") == "Running" {
        let of =
            [("namespace", namespace(pod)), ("job", app), ("pod", name(pod)), ("node", text(pod, "/spec/nodeName"))];
        let up = statuses.iter().all(|status| status["state"].get("running").is_some());
        gauges.push((Labels::new("up", &of), if up { 1.0 } else { 0.0 }));
    }
    for status in statuses {
        let of = container_of(pod, status);
        let ready = if status["ready"] == true { 1.0 } else { 0.0 };
        gauges.push((Labels::new("kube_pod_container_status_ready", &of), ready));
        let reason = text(status, "/state/waiting/reason");
        if !reason.is_empty() {
            let [namespace, pod, container] = of;
            let of = [namespace, pod, container, ("reason", reason)];
            gauges.push((Labels::new("kube_pod_container_status_waiting_reason", &of), 1.0));
        }
    }
    gauges
}

fn count_restarts(exported: &mut Exported, telemetry: &Telemetry, pod: &Value, now: DateTime<Utc>) {
    for status in items(pod, "/status/containerStatuses") {
        let labels = Labels::new("kube_pod_container_status_restarts_total", &container_of(pod, status));
        let count = int(status, "/restartCount");
        let before = exported.restarts.insert(labels.clone(), count);
        if before.is_none() {
            telemetry.set_rate(&labels, 0.0, now);
        }
        let more = count - before.unwrap_or(0);
        if more > 0 {
            telemetry.add(&labels, more as f64, now);
        }
    }
}

fn measure_use(exported: &mut Exported, telemetry: &Telemetry, demand: &Demand, pod: &Value, now: DateTime<Utc>) {
    let mut live = HashSet::new();
    for (container, used) in usage::of_pod(pod, now, demand, 1.0) {
        let of = [("namespace", namespace(pod)), ("pod", name(pod)), ("container", container.as_str())];
        let cpu = Labels::new("container_cpu_usage_seconds_total", &of);
        telemetry.set_rate(&cpu, used.cpu_millicores as f64 / 1000.0, now);
        let memory = Labels::new("container_memory_working_set_bytes", &of);
        telemetry.set_gauge(&memory, used.memory_bytes as f64, now);
        live.extend([cpu, memory]);
    }
    for gone in exported.used.difference(&live) {
        telemetry.end(gone, now);
    }
    exported.used = live;
}
