//! The kubelets of all nodes: they take pods on, run their containers and tell how they are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::behaviour::{self, Behaviour, PullError};
use super::container::Scene;
use super::events::Happening;
use super::naming;
use super::object::{
    instant, int, int_or, is_deleting, is_set, items, name, namespace, set_condition, stamp, text, uid,
};
use super::plight;
use super::turn::Turn;
use crate::lab::kubernetes::resources::{NODES, PODS};

/// What the kubelets remember from turn to turn.
#[derive(Debug, Default)]
pub struct Kubelet {
    /// Pods that they have begun to stop.
    stopping: HashSet<String>,
    /// Pods that were looked at: by uid the version seen, with the state of their node's disk, and
    /// when the next look is due.
    settled: HashMap<String, (String, Option<DateTime<Utc>>)>,
}

/// What the nodes hold now.
struct Machines {
    nodes: Vec<Arc<Value>>,
    images: HashSet<(String, String)>,
    addresses: BTreeSet<String>,
}

impl Kubelet {
    /// Takes every pod that is on a node a step further.
    pub fn run(&mut self, turn: &Turn<'_>) {
        let pods = turn.all(&PODS);
        let mut machines = Machines { nodes: turn.all(&NODES), images: HashSet::new(), addresses: BTreeSet::new() };
        for pod in &pods {
            let node = text(pod, "/spec/nodeName");
            machines.addresses.insert(text(pod, "/status/podIP").to_owned());
            for status in items(pod, "/status/containerStatuses") {
                if !text(status, "/imageID").is_empty() {
                    machines.images.insert((node.to_owned(), text(status, "/image").to_owned()));
                }
            }
        }
        let alive: HashSet<&str> = pods.iter().map(|pod| uid(pod)).collect();
        self.stopping.retain(|pod| alive.contains(pod.as_str()));
        self.settled.retain(|pod, _| alive.contains(pod.as_str()));
        for pod in &pods {
            if text(pod, "/spec/nodeName").is_empty() {
                continue;
            }
            if is_deleting(pod) {
                self.stop(turn, pod);
            } else if !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
                self.look_after(turn, pod, &mut machines);
            }
        }
    }

    /// Takes a pod a step further, unless nothing about it changed and nothing is due.
    fn look_after(&mut self, turn: &Turn<'_>, pod: &Value, machines: &mut Machines) {
        let node = machines.nodes.iter().find(|node| name(node) == text(pod, "/spec/nodeName"));
        let disk = node.and_then(|node| plight::read_only_since(node)).map(stamp).unwrap_or_default();
        let version = format!("{} {disk}", text(pod, "/metadata/resourceVersion"));
        if let Some((seen, due)) = self.settled.get(uid(pod))
            && *seen == version
            && due.is_none_or(|due| due > turn.now)
        {
            if let Some(due) = *due {
                turn.wake_at(due);
            }
            return;
        }
        let due = live(turn, pod, machines);
        if let Some(due) = due {
            turn.wake_at(due);
        }
        self.settled.insert(uid(pod).to_owned(), (version, due));
    }

    /// Containers get their signal and end; then the pod is gone.
    fn stop(&mut self, turn: &Turn<'_>, pod: &Value) {
        let node = text(pod, "/spec/nodeName");
        let running = |container: &&Value| {
            let status =
                items(pod, "/status/containerStatuses").iter().find(|status| status["name"] == container["name"]);
            status.is_some_and(|status| status["state"].get("running").is_some())
        };
        let containers: Vec<_> = items(pod, "/spec/containers").iter().filter(running).collect();
        if self.stopping.insert(uid(pod).to_owned()) {
            for container in &containers {
                let (message, part) = (format!("Stopping container {}", text(container, "/name")), part_of(container));
                turn.event(pod, &Happening::normal("kubelet", "Killing", &message).on(node, &part));
            }
        }
        let grace = int_or(pod, "/metadata/deletionGracePeriodSeconds", 30);
        let Some(latest) = instant(pod, "/metadata/deletionTimestamp") else { return };
        let begun = latest - TimeDelta::seconds(grace);
        let needed = containers
            .iter()
            .filter_map(|container| behaviour::of_container(pod, container).ok())
            .filter_map(|behaviour| TimeDelta::from_std(behaviour.stops_within).ok())
            .max()
            .unwrap_or_else(|| TimeDelta::seconds(1));
        let end = latest.min(begun + needed);
        if end <= turn.now {
            // Whoever was faster did the same.
            let _ = turn.store.delete(&PODS, namespace(pod), name(pod));
            self.stopping.remove(uid(pod));
        } else {
            turn.wake_at(end);
        }
    }
}

fn part_of(container: &Value) -> String {
    format!("spec.containers{{{}}}", text(container, "/name"))
}

/// One step of a pod; gives the time at which the next one is due.
fn live(turn: &Turn<'_>, pod: &Value, machines: &mut Machines) -> Option<DateTime<Utc>> {
    let node = text(pod, "/spec/nodeName");
    let machine = machines.nodes.iter().find(|candidate| name(candidate) == node)?;
    let host = items(machine, "/status/addresses")
        .iter()
        .find(|address| address["type"] == "InternalIP")
        .map(|address| text(address, "/address").to_owned())
        .unwrap_or_default();
    let started = instant(pod, "/status/startTime").unwrap_or(turn.now);
    let mut statuses = Vec::new();
    let mut told = Vec::new();
    let mut due: Option<DateTime<Utc>> = None;
    for container in items(pod, "/spec/containers") {
        let behaviour: Result<Behaviour, PullError> = plight::of_container(pod, container, Some(&**machine));
        let image = text(container, "/image").to_owned();
        let present = machines.images.contains(&(node.to_owned(), image.clone()));
        let scene = Scene { pod, container, behaviour: &behaviour, started, present, now: turn.now };
        let old = items(pod, "/status/containerStatuses").iter().find(|status| status["name"] == container["name"]);
        let step = scene.step(old);
        due = [due, step.wake].into_iter().flatten().min();
        if !text(&step.status, "/imageID").is_empty() {
            machines.images.insert((node.to_owned(), image));
        }
        told.extend(step.told.into_iter().map(|told| (part_of(container), told)));
        statuses.push(step.status);
    }
    let mut after = pod.clone();
    write_status(&mut after, &statuses, started, &host, turn.now);
    let up = items(&after, "/status/containerStatuses").iter().any(|status| status.get("containerID").is_some());
    if up && text(&after, "/status/podIP").is_empty() {
        let on_host = is_set(pod, "/spec/hostNetwork");
        let address = if on_host { host } else { address(machine, pod, &machines.addresses) };
        machines.addresses.insert(address.clone());
        after["status"]["podIP"] = json!(address);
        after["status"]["podIPs"] = json!([{"ip": address}]);
    }
    if after["status"] != pod["status"] {
        let status = after["status"].take();
        turn.modify(&PODS, pod, |pod| pod["status"] = status);
    }
    for (part, told) in &told {
        let happening = Happening {
            warning: told.warning,
            reason: told.reason,
            message: &told.message,
            component: "kubelet",
            host: node,
            part,
        };
        turn.events.record_series(turn.store, pod, &happening, turn.now, turn.now, told.count);
    }
    due
}

/// Everything in a pod's status that follows from its containers.
fn write_status(pod: &mut Value, statuses: &[Value], started: DateTime<Utc>, host: &str, now: DateTime<Utc>) {
    let names = |keep: &dyn Fn(&Value) -> bool| -> Vec<String> {
        statuses.iter().filter(|status| keep(status)).map(|status| text(status, "/name").to_owned()).collect()
    };
    let unready = names(&|status| status["ready"] != true);
    let begun = statuses.iter().all(|status| status.get("containerID").is_some());
    let restarts = |status: &Value| match text(pod, "/spec/restartPolicy") {
        "Never" => false,
        "OnFailure" => int(status, "/state/terminated/exitCode") != 0,
        _ => true,
    };
    let over = !statuses.is_empty()
        && statuses.iter().all(|status| status["state"].get("terminated").is_some() && !restarts(status));
    let failed = over && statuses.iter().any(|status| int(status, "/state/terminated/exitCode") != 0);
    let phase = match (over, failed, begun) {
        (true, true, _) => "Failed",
        (true, false, _) => "Succeeded",
        (false, _, true) => "Running",
        (false, _, false) => "Pending",
    };
    if !pod["status"].is_object() {
        pod["status"] = json!({});
    }
    pod["status"]["phase"] = json!(phase);
    pod["status"]["startTime"] = json!(stamp(started));
    pod["status"]["hostIP"] = json!(host);
    pod["status"]["hostIPs"] = json!([{"ip": host}]);
    pod["status"]["containerStatuses"] = json!(statuses);
    let truth = |holds: bool| if holds { "True" } else { "False" };
    let mut say = |kind: &str, holds: bool, reason: &str, message: &str| {
        let mut condition = json!({"type": kind, "status": truth(holds), "lastProbeTime": null});
        if !reason.is_empty() {
            condition["reason"] = json!(reason);
        }
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
        set_condition(pod, condition, now);
    };
    say("PodReadyToStartContainers", begun || over, "", "");
    say("Initialized", true, if over { "PodCompleted" } else { "" }, "");
    let (reason, message) = match (over, unready.is_empty()) {
        (true, _) => ("PodCompleted", String::new()),
        (false, true) => ("", String::new()),
        (false, false) => ("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))),
    };
    for kind in ["Ready", "ContainersReady"] {
        say(kind, unready.is_empty() && !over, reason, &message);
    }
}

/// A free address in the range of a node.
fn address(node: &Value, pod: &Value, taken: &BTreeSet<String>) -> String {
    let range = text(node, "/spec/podCIDR").rsplit_once('.').map_or("10.244.0", |(range, _)| range);
    let first = naming::digest(&[uid(pod)]) % 250;
    (0..250)
        .map(|step| format!("{range}.{}", 2 + (first + step) % 250))
        .find(|address| !taken.contains(address))
        .unwrap_or_else(|| format!("{range}.252"))
}
