//! kubectl's STATUS, READY and RESTARTS columns of a pod, word for word.
//!
//! Source: Kubernetes 1.33 `pkg/printers/internalversion/printers.go`, `printPod`.

use crate::domain::time::Instant;
use crate::integrations::kubernetes::lean::condition;
use crate::integrations::kubernetes::lean::pod::{LeanPod, Terminated};

/// What kubectl prints about a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// STATUS.
    pub status: String,
    /// Ready containers.
    pub ready: u16,
    /// All containers, sidecars included.
    pub containers: u16,
    /// Restarts.
    pub restarts: u32,
    /// When a container last ended before a restart.
    pub last_restart: Option<Instant>,
}

/// Computes it.
pub fn printed(pod: &LeanPod) -> Printed {
    let status = &pod.status;
    let sidecar = |name: &str| {
        pod.spec.init_containers.iter().any(|container| container.name == name && container.is_restartable())
    };
    let sidecars = pod.spec.init_containers.iter().filter(|container| container.is_restartable()).count();
    let mut out = Printed {
        containers: (pod.spec.containers.len() + sidecars) as u16,
        status: if status.reason.is_empty() { status.phase.clone() } else { status.reason.clone() },
        ..Printed::default()
    };
    let gated = status.conditions.iter().any(|c| c.kind == "PodScheduled" && c.reason == "SchedulingGated");
    if gated {
        "SchedulingGated".clone_into(&mut out.status);
    }

    // Until initialization is over, restarts of init containers count; afterwards only those of sidecars do.
    let (mut sidecar_restarts, mut sidecar_last) = (0, None);
    let mut initializing = false;
    for (index, container) in status.init_container_statuses.iter().enumerate() {
        out.restarts += container.restart_count;
        let ended = container.last_state.terminated.as_ref().and_then(|state| state.finished_at);
        out.last_restart = out.last_restart.max(ended);
        let is_sidecar = sidecar(&container.name);
        if is_sidecar {
            sidecar_restarts += container.restart_count;
            sidecar_last = sidecar_last.max(ended);
        }
        let state = &container.state;
        match (&state.terminated, &state.waiting) {
            (Some(ended), _) if ended.exit_code == 0 => continue,
            _ if is_sidecar && container.started == Some(true) => {
                out.ready += u16::from(container.ready);
                continue;
            }
            (Some(ended), _) => out.status = format!("Init:{}", ending(ended)),
            (None, Some(waiting)) if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" => {
                out.status = format!("Init:{}", waiting.reason);
            }
            _ => out.status = format!("Init:{index}/{}", pod.spec.init_containers.len()),
        }
        initializing = true;
        break;
    }

    let is_true = |kind: &str| condition(&status.conditions, kind).is_some_and(|c| c.status == "True");
    if !initializing || is_true("Initialized") {
        (out.restarts, out.last_restart) = (sidecar_restarts, sidecar_last);
        let mut running = false;
        for container in status.container_statuses.iter().rev() {
            out.restarts += container.restart_count;
            let ended = container.last_state.terminated.as_ref().and_then(|state| state.finished_at);
            out.last_restart = out.last_restart.max(ended);
            let state = &container.state;
            match (&state.waiting, &state.terminated) {
                (Some(waiting), _) if !waiting.reason.is_empty() => out.status.clone_from(&waiting.reason),
                (_, Some(ended)) => out.status = ending(ended),
                _ if container.ready && state.running.is_some() => {
                    running = true;
                    out.ready += 1;
                }
                _ => {}
            }
        }
        if out.status == "Completed" && running {
            (if is_true("Ready") { "Running" } else { "NotReady" }).clone_into(&mut out.status);
        }
    }

    if pod.metadata.deletion_timestamp.is_some() {
        if status.reason == "NodeLost" {
            "Unknown".clone_into(&mut out.status);
        } else if !matches!(status.phase.as_str(), "Failed" | "Succeeded") {
            "Terminating".clone_into(&mut out.status);
        }
    }
    out
}

/// The reason of an end, else its signal, else its exit code.
fn ending(ended: &Terminated) -> String {
    match (ended.reason.as_str(), ended.signal) {
        ("", 0) => format!("ExitCode:{}", ended.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn pod(init: &[(&str, bool)], status: &serde_json::Value) -> LeanPod {
        let init: Vec<_> = init
            .iter()
            .map(|(name, sidecar)| json!({"name": name, "restartPolicy": sidecar.then_some("Always")}))
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": init},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn words_are_those_of_kubectl() {
        let running = json!({"name": "a", "ready": true, "state": {"running": {}}});
        let cases = [
            (json!({"phase": "Pending"}), "Pending", 0),
            (json!({"phase": "Running", "containerStatuses": [running, running]}), "Running", 2),
            (
                json!({"phase": "Running", "containerStatuses": [
                    {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 5}, running]}),
                "CrashLoopBackOff",
                1,
            ),
            // The first container wins, because they are looked at from the last to the first.
            (
                json!({"phase": "Running", "containerStatuses": [
                    {"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}},
                    {"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
                "OOMKilled",
                0,
            ),
            (
                json!({"phase": "Running", "containerStatuses": [
                    {"state": {"terminated": {"signal": 9, "exitCode": 137}}}]}),
                "Signal:9",
                0,
            ),
            (
                json!({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}),
                "ExitCode:3",
                0,
            ),
            (
                json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [
                    {"state": {"terminated": {"reason": "Completed"}}}, running]}),
                "Running",
                1,
            ),
            (
                json!({"phase": "Running", "containerStatuses": [
                    {"state": {"terminated": {"reason": "Completed"}}}, running]}),
                "NotReady",
                1,
            ),
            (json!({"phase": "Failed", "reason": "Evicted"}), "Evicted", 0),
            (
                json!({"phase": "Pending", "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
                "SchedulingGated",
                0,
            ),
        ];
        for (status, word, ready) in cases {
            let out = printed(&pod(&[], &status));
            assert_eq!((out.status.as_str(), out.ready), (word, ready), "{status}");
        }
    }

    #[test]
    fn initialization_is_told_step_by_step() {
        let done = json!({"name": "i1", "state": {"terminated": {"exitCode": 0}}});
        let two = [("i1", false), ("i2", false)];
        let cases = [
            (json!([{"name": "i1", "state": {"running": {}}}]), "Init:0/2"),
            (json!([done, {"name": "i2", "state": {"waiting": {"reason": "PodInitializing"}}}]), "Init:1/2"),
            (
                json!([done, {"name": "i2", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]),
                "Init:CrashLoopBackOff",
            ),
            (json!([{"name": "i1", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]), "Init:Error"),
            (json!([{"name": "i1", "state": {"terminated": {"exitCode": 2}}}]), "Init:ExitCode:2"),
            (json!([{"name": "i1", "state": {"terminated": {"exitCode": 2, "signal": 11}}}]), "Init:Signal:11"),
        ];
        for (statuses, word) in cases {
            let status = json!({"phase": "Pending", "initContainerStatuses": statuses});
            assert_eq!(printed(&pod(&two, &status)).status, word, "{statuses}");
        }
    }

    #[test]
    fn sidecars_count_as_containers_and_keep_their_restarts() {
        let status = json!({"phase": "Running", "initContainerStatuses": [
            {"name": "i1", "restartCount": 4, "state": {"terminated": {"exitCode": 0}}},
            {"name": "mesh", "started": true, "ready": true, "restartCount": 2, "state": {"running": {}}}],
            "containerStatuses": [{"ready": true, "restartCount": 1, "state": {"running": {}}}]});
        let out = printed(&pod(&[("i1", false), ("mesh", true)], &status));
        assert_eq!((out.ready, out.containers, out.restarts), (2, 3, 3));
        assert_eq!(out.status, "Running");
    }

    #[test]
    fn deletion_overrules_unless_the_pod_has_ended() {
        let cases =
            [("Running", "", "Terminating"), ("Running", "NodeLost", "Unknown"), ("Succeeded", "", "Succeeded")];
        for (phase, reason, word) in cases {
            let mut pod = pod(&[], &json!({"phase": phase, "reason": reason}));
            pod.metadata.deletion_timestamp = Some(Instant::default());
            assert_eq!(printed(&pod).status, word);
        }
    }
}
