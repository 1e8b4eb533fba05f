//! The scheduler: which node a new pod goes to.
//!
//! It knows readiness, cordons, taints, node selectors, the node that a DaemonSet asks for, and
//! requests against what nodes can give. It spreads the pods of one owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::events::Happening;
use super::object::{
    bytes, condition, controller_uid, field, is_deleting, is_set, is_true, items, millicores, name, namespace,
    set_condition, text,
};
use super::turn::Turn;
use crate::lab::kubernetes::resources::{NODES, PODS};

/// What is asked of a node, or left on it.
#[derive(Debug, Clone, Copy, Default)]
struct Room {
    cpu: i64,
    memory: i64,
    pods: i64,
}

impl Room {
    fn asked_by(pod: &Value) -> Self {
        items(pod, "/spec/containers").iter().fold(Self { pods: 1, ..Self::default() }, |sum, container| Self {
            cpu: sum.cpu + millicores(text(container, "/resources/requests/cpu")),
            memory: sum.memory + bytes(text(container, "/resources/requests/memory")),
            ..sum
        })
    }

    fn of(node: &Value) -> Self {
        Self {
            cpu: millicores(text(node, "/status/allocatable/cpu")),
            memory: bytes(text(node, "/status/allocatable/memory")),
            pods: text(node, "/status/allocatable/pods").parse().unwrap_or(110),
        }
    }

    fn take(&mut self, asked: Self) {
        self.cpu -= asked.cpu;
        self.memory -= asked.memory;
        self.pods -= asked.pods;
    }
}

struct Candidate {
    node: Arc<Value>,
    left: Room,
}

/// Binds every pod that has no node yet, where one fits.
pub fn run(turn: &Turn<'_>) {
    let pods = turn.all(&PODS);
    let waiting: Vec<_> =
        pods.iter().filter(|pod| text(pod, "/spec/nodeName").is_empty() && !is_deleting(pod)).cloned().collect();
    if waiting.is_empty() {
        return;
    }
    let mut candidates: Vec<Candidate> =
        turn.all(&NODES).into_iter().map(|node| Candidate { left: Room::of(&node), node }).collect();
    let mut spread: BTreeMap<(String, String), usize> = BTreeMap::new();
    for pod in &pods {
        let node = text(pod, "/spec/nodeName");
        if matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
            continue;
        }
        if let Some(candidate) = candidates.iter_mut().find(|candidate| name(&candidate.node) == node) {
            candidate.left.take(Room::asked_by(pod));
            *spread.entry((node.to_owned(), kin(pod))).or_default() += 1;
        }
    }
    for pod in waiting {
        place(turn, &pod, &mut candidates, &mut spread);
    }
}

/// What pods are spread by: the workload, which all revisions of it share.
fn kin(pod: &Value) -> String {
    let labels = &pod["metadata"]["labels"];
    let app = ["app.kubernetes.io/name", "app"].iter().find_map(|key| labels.get(key).and_then(Value::as_str));
    app.map_or_else(|| controller_uid(pod).to_owned(), |app| format!("{}/{app}", namespace(pod)))
}

fn place(
    turn: &Turn<'_>,
    pod: &Arc<Value>,
    candidates: &mut [Candidate],
    spread: &mut BTreeMap<(String, String), usize>,
) {
    let asked = Room::asked_by(pod);
    let mut refusals: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut best: Option<(usize, (usize, i64))> = None;
    for (index, candidate) in candidates.iter().enumerate() {
        if let Some(refusal) = refusal(pod, candidate, asked) {
            *refusals.entry(refusal).or_default() += 1;
            continue;
        }
        let kin = spread.get(&(name(&candidate.node).to_owned(), kin(pod))).copied().unwrap_or(0);
        let rank = (kin, -candidate.left.cpu);
        if best.is_none_or(|(_, so_far)| rank < so_far) {
            best = Some((index, rank));
        }
    }
    let Some((index, _)) = best else { return refuse(turn, pod, candidates.len(), &refusals) };
    let node = name(&candidates[index].node).to_owned();
    candidates[index].left.take(asked);
    *spread.entry((node.clone(), kin(pod))).or_default() += 1;
    turn.modify(&PODS, pod, |pod| {
        pod["spec"]["nodeName"] = json!(node);
        set_condition(pod, json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null}), turn.now);
    });
    let message = format!("Successfully assigned {}/{} to {node}", namespace(pod), name(pod));
    turn.event(pod, &Happening::normal("default-scheduler", "Scheduled", &message));
}

fn refuse(turn: &Turn<'_>, pod: &Value, nodes: usize, refusals: &BTreeMap<&'static str, usize>) {
    let reasons: Vec<_> = refusals.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let message = format!("0/{nodes} nodes are available: {}.", reasons.join(", "));
    if condition(pod, "PodScheduled").is_some_and(|scheduled| scheduled["message"] == message.as_str()) {
        return;
    }
    turn.modify(&PODS, pod, |pod| {
        let unschedulable = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message, "lastProbeTime": null,
        });
        set_condition(pod, unschedulable, turn.now);
    });
    turn.event(pod, &Happening::warning("default-scheduler", "FailedScheduling", &message));
}

/// Why a pod cannot go to a node, in the scheduler's words.
fn refusal(pod: &Value, candidate: &Candidate, asked: Room) -> Option<&'static str> {
    let node = &*candidate.node;
    let tolerates = |key: &str| {
        items(pod, "/spec/tolerations").iter().any(|toleration| {
            (toleration["key"] == key || text(toleration, "/key").is_empty() && toleration["operator"] == "Exists")
                && !(toleration["effect"] == "NoExecute" && toleration.get("tolerationSeconds").is_some())
        })
    };
    let cordoned = is_set(node, "/spec/unschedulable");
    if cordoned && !tolerates("node.kubernetes.io/unschedulable") {
        return Some("node(s) were unschedulable");
    }
    if !is_true(node, "Ready") && !tolerates("node.kubernetes.io/not-ready") {
        return Some("node(s) had untolerated taint {node.kubernetes.io/not-ready: }");
    }
    let tainted = items(node, "/spec/taints").iter().any(|taint| {
        taint["effect"] != "PreferNoSchedule"
            && text(taint, "/key") != "node.kubernetes.io/unschedulable"
            && !tolerates(text(taint, "/key"))
    });
    if tainted {
        return Some("node(s) had untolerated taint(s)");
    }
    if !selected(pod, node) {
        return Some("node(s) didn't match Pod's node affinity/selector");
    }
    let left = candidate.left;
    match () {
        () if left.pods < asked.pods => Some("Too many pods"),
        () if asked.cpu > 0 && left.cpu < asked.cpu => Some("Insufficient cpu"),
        () if asked.memory > 0 && left.memory < asked.memory => Some("Insufficient memory"),
        () => None,
    }
}

fn selected(pod: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let by_label = field(pod, "/spec/nodeSelector")
        .and_then(Value::as_object)
        .is_none_or(|wanted| super::object::has_all(wanted, labels));
    let terms =
        items(pod, "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms");
    let by_name = terms.is_empty()
        || terms.iter().any(|term| {
            items(term, "/matchFields")
                .iter()
                .all(|field| items(field, "/values").iter().any(|value| value == name(node)))
        });
    by_label && by_name
}
