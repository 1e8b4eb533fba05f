//! What every action that ends pods reads of them: who brings them back, which budgets hold them, what is lost, and
//! whether their workload can be whole again afterwards.

use serde_json::Value;

use super::expectation::Expectation;
use super::manifest::{annotation, at, count, items, name, raw, text};
use super::outcome::Refusal;
use super::plan::{Warning, WarningKind};
use super::workload;
use crate::domain::mutation::Preconditions;
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::text::clean;

/// Annotation of the API's copy of a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What follows when a pod ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comeback {
    /// A static pod: its node's kubelet makes it from a file, whatever is done to the copy in the API.
    Static,
    /// It has ended already; only its record goes.
    Ended,
    /// Its controller, in words (`deployment/payment`), makes a new one.
    By(String),
    /// Nothing: no controller owns it.
    Nothing,
}

/// The reference to the owner that controls an object.
pub fn controller(object: &Value) -> Option<&Value> {
    let owners = items(object, &["metadata", "ownerReferences"]);
    owners.iter().find(|owner| at(owner, &["controller"]).and_then(Value::as_bool) == Some(true))
}

/// The controllers above an object, nearest first, among those that were read.
pub fn chain<'a>(object: &Value, owners: Option<&'a [Value]>) -> Vec<&'a Value> {
    let mut chain: Vec<&Value> = Vec::new();
    let mut reference = controller(object);
    while let Some(uid) = reference.and_then(|reference| raw(reference, &["uid"])) {
        let found = owners.unwrap_or_default().iter().find(|owner| raw(owner, &["metadata", "uid"]) == Some(uid));
        // Owners of each other would go round for ever.
        let Some(owner) = found.filter(|owner| !chain.iter().any(|seen| std::ptr::eq(*seen, *owner))) else { break };
        chain.push(owner);
        reference = controller(owner);
    }
    chain
}

/// The highest workload above an object that was read.
pub fn workload_of<'a>(object: &Value, owners: Option<&'a [Value]>) -> Option<(WorkloadRef, &'a Value)> {
    let top = chain(object, owners).pop()?;
    let kind = WorkloadKind::ALL.into_iter().find(|kind| raw(top, &["kind"]) == Some(kind.kind()))?;
    let namespace = text(top, &["metadata", "namespace"])?;
    Some((WorkloadRef::new(kind, namespace, name(top)), top))
}

/// Is it the API's copy of a static pod?
pub fn is_static(pod: &Value) -> bool {
    annotation(pod, MIRROR).is_some()
}

/// Has it run to its end?
pub fn has_ended(pod: &Value) -> bool {
    matches!(raw(pod, &["status", "phase"]), Some("Succeeded" | "Failed"))
}

/// Is its deletion under way?
pub fn is_going(pod: &Value) -> bool {
    raw(pod, &["metadata", "deletionTimestamp"]).is_some()
}

/// Does it take traffic?
pub fn is_ready(pod: &Value) -> bool {
    items(pod, &["status", "conditions"])
        .iter()
        .any(|condition| raw(condition, &["type"]) == Some("Ready") && raw(condition, &["status"]) == Some("True"))
}

/// Who brings a pod back.
pub fn comeback(pod: &Value, owners: Option<&[Value]>) -> Comeback {
    if is_static(pod) {
        return Comeback::Static;
    }
    if has_ended(pod) {
        return Comeback::Ended;
    }
    let Some(owner) = controller(pod) else { return Comeback::Nothing };
    let nearest = || {
        let (kind, name) = (raw(owner, &["kind"]).unwrap_or_default(), raw(owner, &["name"]).unwrap_or_default());
        clean(&format!("{}/{name}", kind.to_lowercase())).into_owned()
    };
    Comeback::By(workload_of(pod, owners).map_or_else(nearest, |(workload, _)| workload.to_string()))
}

impl Comeback {
    /// What follows, as a sentence.
    pub fn words(&self, pod: &Value) -> String {
        let kind = controller(pod).and_then(|owner| raw(owner, &["kind"]));
        match (self, kind) {
            (Self::Static, _) => "its node's kubelet makes it from a file".into(),
            (Self::Ended, _) => "it has ended already: only its record goes".into(),
            (Self::Nothing, _) => "NOTHING brings it back: no controller owns it".into(),
            (Self::By(owner), Some("StatefulSet")) => format!("{owner} makes a new one of the same name"),
            (Self::By(owner), Some("DaemonSet")) => format!("{owner} makes a new one on the same node"),
            (Self::By(owner), Some("Job")) => format!("{owner} starts another one, if its backoffLimit allows"),
            (Self::By(owner), _) => format!("{owner} makes a new one"),
        }
    }
}

/// The pod as a target.
pub fn reference(pod: &Value) -> ObjectRef {
    ObjectRef::new(ObjectKind::Pod, text(pod, &["metadata", "namespace"]).unwrap_or_default(), name(pod))
}

/// That very pod, not a namesake.
pub fn preconditions(pod: &Value) -> Result<Preconditions, Refusal> {
    let uid = raw(pod, &["metadata", "uid"]).ok_or_else(|| Refusal::Malformed("the pod has no uid".into()))?;
    Ok(Preconditions { uid: Some(uid.to_owned()), resource_version: None })
}

/// The PodDisruptionBudgets that count a pod.
pub fn budgets<'a>(pod: &Value, budgets: Option<&'a [Value]>) -> Vec<&'a Value> {
    let labels = at(pod, &["metadata", "labels"]).and_then(Value::as_object);
    let namespace = raw(pod, &["metadata", "namespace"]);
    budgets
        .unwrap_or_default()
        .iter()
        .filter(|budget| raw(budget, &["metadata", "namespace"]) == namespace)
        .filter(|budget| workload::selects(at(budget, &["spec", "selector"]), labels))
        .collect()
}

/// Does a budget ask for this pod at all? One that is not ready may go when the others are enough, or always.
///
/// Source: Kubernetes `pkg/registry/core/pod/storage/eviction.go`.
pub fn counts(budget: &Value, pod: &Value) -> bool {
    if has_ended(pod) || is_going(pod) || raw(pod, &["status", "phase"]) == Some("Pending") {
        return false;
    }
    if is_ready(pod) {
        return true;
    }
    let healthy = |key| count(budget, &["status", key]).unwrap_or(0);
    let enough = healthy("currentHealthy") >= healthy("desiredHealthy") && healthy("desiredHealthy") > 0;
    raw(budget, &["spec", "unhealthyPodEvictionPolicy"]) != Some("AlwaysAllow") && !enough
}

/// How many disruptions a budget allows now.
pub fn allowed(budget: &Value) -> u64 {
    count(budget, &["status", "disruptionsAllowed"]).unwrap_or(0)
}

/// Names of its volumes that end with it.
pub fn scratch_volumes(pod: &Value) -> Vec<String> {
    let volumes = items(pod, &["spec", "volumes"]).iter();
    volumes.filter(|volume| at(volume, &["emptyDir"]).is_some()).map(|volume| text_of(volume, "name")).collect()
}

fn text_of(value: &Value, key: &str) -> String {
    text(value, &[key]).unwrap_or_default()
}

/// What is lost with a pod's own volumes.
pub fn scratch_warning(pod: &Value) -> Option<Warning> {
    let volumes = scratch_volumes(pod);
    // Ended pods write no more, and an injected volume of nothing but a token is no emptyDir.
    (!volumes.is_empty() && !has_ended(pod)).then(|| {
        let text = format!("what {} keeps in emptyDir {} is lost", reference(pod), volumes.join(", "));
        Warning::new(WarningKind::Destructive, text)
    })
}

/// How many pods a workload wants.
pub fn wanted(workload: &Value) -> u64 {
    let desired = count(workload, &["status", "desiredNumberScheduled"]);
    desired.or_else(|| count(workload, &["spec", "replicas"])).unwrap_or(1)
}

/// The workload is whole afterwards, where nothing but the pods that go (`gone`) is missing now. What was missing
/// before, or is in the middle of a rollout, is not this action's to bring about.
pub fn whole_again(target: &WorkloadRef, workload: &Value, gone: &[&Value]) -> Option<Expectation> {
    let rolls = matches!(
        target.kind,
        WorkloadKind::Deployment
            | WorkloadKind::StatefulSet
            | WorkloadKind::DaemonSet
            | WorkloadKind::ReplicaSet
            | WorkloadKind::Rollout
    );
    let held = workload::is_paused(workload) || workload::moves(target.kind, workload).held.is_some();
    if !rolls || held || workload::is_unobserved(workload) {
        return None;
    }
    let status = |keys: [&str; 2]| keys.iter().find_map(|key| count(workload, &["status", key]));
    let wanted = wanted(workload);
    let total = status(["replicas", "currentNumberScheduled"]).unwrap_or(0);
    let updated = match target.kind {
        WorkloadKind::ReplicaSet => total,
        WorkloadKind::StatefulSet
            if at(workload, &["status", "updateRevision"]) == at(workload, &["status", "currentRevision"]) =>
        {
            total
        }
        _ => status(["updatedReplicas", "updatedNumberScheduled"]).unwrap_or(0),
    };
    let ready = status(["readyReplicas", "numberReady"]).unwrap_or(0);
    let going = u64::try_from(gone.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(0);
    let lost = u64::try_from(gone.len()).unwrap_or(0);
    let others = ready.saturating_sub(going);
    let promoted = target.kind != WorkloadKind::Rollout
        || at(workload, &["status", "stableRS"]) == at(workload, &["status", "currentPodHash"]);
    (promoted && total == wanted && updated == wanted && others + lost >= wanted).then(|| Expectation::Rollout {
        workload: target.clone(),
        fields: Vec::new(),
        signals: true,
    })
}
