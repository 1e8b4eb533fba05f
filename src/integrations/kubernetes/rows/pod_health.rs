//! Is a pod well, and if not, why, in words?

use chrono::TimeDelta;

use super::pod_status::Printed;
use crate::domain::pod::PodHealth;
use crate::domain::time::{Instant, age};
use crate::integrations::kubernetes::lean::condition;
use crate::integrations::kubernetes::lean::pod::{ContainerStatus, LeanPod, Terminated};

/// How long a container may take from its start until it is ready.
const READY_GRACE: TimeDelta = TimeDelta::seconds(60);
/// How long a pod may take from its creation until its containers run (pulling, mounting, initializing).
const CREATE_GRACE: TimeDelta = TimeDelta::seconds(120);

/// What is judged of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it is.
    pub health: PodHealth,
    /// Why, when something is wrong.
    pub reason: Option<String>,
    /// When to judge again although nothing arrived: a start that takes too long sends no event.
    pub again_at: Option<Instant>,
}

/// A restart counts as recent for this long.
const RECENT: TimeDelta = TimeDelta::hours(1);
/// So many restarts, the last of them recent, are a crash loop even in the seconds in which the container runs.
const LOOPING: u32 = 2;

/// Judges.
pub fn judge(pod: &LeanPod, printed: &Printed, now: Instant) -> Verdict {
    let verdict = |health, reason: Option<String>| Verdict { health, reason, again_at: None };
    let status = &pod.status;
    let word = printed.status.strip_prefix("Init:").unwrap_or(&printed.status);
    if pod.metadata.deletion_timestamp.is_some() && word == "Terminating" {
        return verdict(PodHealth::Terminating, None);
    }
    if matches!(word, "Unknown" | "NodeLost") {
        return verdict(PodHealth::Failed, Some("its node does not answer".to_owned()));
    }
    match status.phase.as_str() {
        "Succeeded" => return verdict(PodHealth::Succeeded, None),
        "Failed" => {
            let words = first_line(&status.message).or_else(|| all(pod).find_map(|c| ended_badly(c).map(why)));
            return verdict(PodHealth::Failed, words);
        }
        _ => {}
    }
    if let Some(looping) = all(pod).find(|c| waits_for(c) == "CrashLoopBackOff") {
        return verdict(PodHealth::CrashLoop, looping.last_state.terminated.as_ref().map(why));
    }
    if let Some(stuck) = all(pod).find(|c| cannot_start(waits_for(c))) {
        let words = stuck.state.waiting.as_ref().and_then(|waiting| first_line(&waiting.message));
        return verdict(PodHealth::CannotStart, words.or_else(|| Some(spaced(waits_for(stuck)))));
    }
    // It died and is about to be started again, unless nothing will start it.
    if let Some(dead) = all(pod).find_map(ended_badly) {
        let health = if pod.spec.restart_policy == "Never" { PodHealth::Failed } else { PodHealth::CrashLoop };
        return verdict(health, Some(why(dead)));
    }
    if let Some(scheduled) = condition(&status.conditions, "PodScheduled")
        && scheduled.status == "False"
        && scheduled.reason == "Unschedulable"
    {
        return verdict(PodHealth::Failed, first_line(&scheduled.message));
    }
    let ready = condition(&status.conditions, "Ready");
    let restarted = printed.last_restart.filter(|last| now < *last + RECENT);
    let ended =
        || all(pod).filter_map(|c| c.last_state.terminated.as_ref()).max_by_key(|ended| ended.finished_at).map(why);
    if ready.is_some_and(|ready| ready.status == "True") {
        return match restarted {
            Some(last) => {
                let how = ended().unwrap_or_else(|| "ended".to_owned());
                let reason = Some(format!("{how}, restarted at {}", last.format("%H:%M:%S")));
                Verdict { health: PodHealth::Restarted, reason, again_at: Some(last + RECENT) }
            }
            None => verdict(PodHealth::Ready, None),
        };
    }
    let created = pod.metadata.creation_timestamp.unwrap_or(now);
    let started = status
        .container_statuses
        .iter()
        .filter_map(|container| container.state.running.as_ref()?.started_at)
        .max()
        .filter(|_| status.container_statuses.iter().all(|container| container.state.running.is_some()));
    let Some(started) = started else {
        if word == "SchedulingGated" {
            return verdict(PodHealth::Starting, Some("its scheduling gates are not open".to_owned()));
        }
        let until = created + CREATE_GRACE;
        if now < until {
            return Verdict { health: PodHealth::Starting, reason: None, again_at: Some(until) };
        }
        let doing = if word.contains('/') { format!("initializing ({word})") } else { spaced(word) };
        return verdict(PodHealth::NotReady, Some(format!("still {doing} after {}", age(created, now))));
    };
    // A pod that was ready after its start and is not now has lost its readiness: no grace for it.
    let flipped = ready.and_then(|ready| ready.last_transition_time);
    let lost = flipped.filter(|flipped| *flipped > started + TimeDelta::seconds(1));
    let since = lost.unwrap_or(started);
    let until = since + READY_GRACE;
    if lost.is_none() && now < until {
        let (health, reason) = match restarted {
            Some(_) => {
                let health = if printed.restarts >= LOOPING { PodHealth::CrashLoop } else { PodHealth::Restarted };
                (health, ended().map(|how| format!("{how}, started again")))
            }
            None => (PodHealth::Starting, None),
        };
        return Verdict { health, reason, again_at: Some(until) };
    }
    let waiting: Vec<_> = status.container_statuses.iter().filter(|c| !c.ready).map(|c| c.name.as_str()).collect();
    let gate = ready.filter(|ready| ready.reason == "ReadinessGatesNotReady" && waiting.is_empty());
    let subject = match (gate, waiting.as_slice()) {
        (Some(_), _) => "readiness gate not passed".to_owned(),
        (None, [one]) if status.container_statuses.len() > 1 => format!("{one}: readiness probe failing"),
        _ => "readiness probe failing".to_owned(),
    };
    verdict(PodHealth::NotReady, Some(format!("{subject} since {}", since.format("%H:%M:%S"))))
}

fn all(pod: &LeanPod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses)
}

fn waits_for(container: &ContainerStatus) -> &str {
    container.state.waiting.as_ref().map_or("", |waiting| waiting.reason.as_str())
}

/// The kubelet's reasons for a container that cannot be made.
fn cannot_start(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "ImageInspectError"
            | "ErrImageNeverPull"
            | "RegistryUnavailable"
            | "SignatureValidationFailed"
            | "InvalidImageName"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PreStartHookError"
            | "PostStartHookError"
            | "CreatePodSandboxError"
            | "ConfigPodSandboxError"
    )
}

fn ended_badly(container: &ContainerStatus) -> Option<&Terminated> {
    container.state.terminated.as_ref().filter(|ended| ended.exit_code != 0)
}

/// `OOMKilled`, `exit 1`, `killed by signal 9`.
fn why(ended: &Terminated) -> String {
    match (ended.reason.as_str(), ended.signal) {
        ("" | "Error" | "Completed", 0) => format!("exit {}", ended.exit_code),
        ("" | "Error", signal) => format!("killed by signal {signal}"),
        ("OOMKilled", _) => "out of memory (OOMKilled)".to_owned(),
        (reason, _) => format!("{}, exit {}", spaced(reason), ended.exit_code),
    }
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.chars().take(200).collect())
}

/// `ContainerCreating` as `container creating`; abbreviations stay whole.
fn spaced(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 4);
    let mut before = ' ';
    for c in word.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::pod_status::printed;
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn judged(status: &serde_json::Value, now: &str) -> Verdict {
        let pod: LeanPod = serde_json::from_value(json!({
            "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "a"}]},
            "status": status,
        }))
        .unwrap();
        judge(&pod, &printed(&pod), at(now))
    }

    #[test]
    fn a_recent_restart_is_told_until_its_hour_is_over() {
        let status = |restarts: u32, ready: &str, started: &str| {
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [
                {"name": "a", "restartCount": restarts, "ready": ready == "True",
                 "state": {"running": {"startedAt": started}},
                 "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:59:50Z"}}}]})
        };
        let up = status(1, "True", "2026-01-01T01:00:00Z");
        let soon = judged(&up, "2026-01-01T01:30:00Z");
        assert_eq!(soon.health, PodHealth::Restarted);
        assert_eq!(soon.reason.as_deref(), Some("exit 1, restarted at 00:59:50"));
        assert_eq!(soon.again_at, Some(at("2026-01-01T01:59:50Z")));
        assert_eq!(judged(&up, "2026-01-01T01:59:50Z").health, PodHealth::Ready);
        let between = judged(&status(5, "False", "2026-01-01T01:00:00Z"), "2026-01-01T01:00:05Z");
        assert_eq!(between.health, PodHealth::CrashLoop, "running between two crashes is no health");
        assert_eq!(between.reason.as_deref(), Some("exit 1, started again"));
    }

    #[test]
    fn states_become_health_and_words() {
        let now = "2026-01-01T01:00:00Z";
        let cases = [
            (
                json!({"phase": "Running", "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
                PodHealth::CrashLoop,
                "exit 1",
            ),
            (
                json!({"phase": "Running", "containerStatuses": [
                    {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}),
                PodHealth::CrashLoop,
                "out of memory (OOMKilled)",
            ),
            (
                json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting":
                    {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"x:1\""}}}]}),
                PodHealth::CannotStart,
                "Back-off pulling image \"x:1\"",
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [
                    {"state": {"waiting": {"reason": "CreateContainerConfigError"}}}]}),
                PodHealth::CannotStart,
                "create container config error",
            ),
            (
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                    "reason": "Unschedulable", "message": "0/6 nodes are available"}]}),
                PodHealth::Failed,
                "0/6 nodes are available",
            ),
            (
                json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}),
                PodHealth::Failed,
                "low on memory",
            ),
            (
                json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}),
                PodHealth::NotReady,
                "still container creating after 60m",
            ),
        ];
        for (status, health, reason) in cases {
            let verdict = judged(&status, now);
            assert_eq!((verdict.health, verdict.reason.as_deref()), (health, Some(reason)), "{status}");
        }
    }

    #[test]
    fn a_start_has_its_time_and_a_lost_readiness_has_none() {
        let starting = |flip: &str| {
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": flip}],
                "containerStatuses": [{"name": "a", "state": {"running": {"startedAt": "2026-01-01T00:00:10Z"}}}]})
        };
        let fresh = judged(&starting("2026-01-01T00:00:00Z"), "2026-01-01T00:00:30Z");
        assert_eq!(fresh.health, PodHealth::Starting);
        assert_eq!(fresh.again_at, Some(at("2026-01-01T00:01:10Z")));
        let late = judged(&starting("2026-01-01T00:00:00Z"), "2026-01-01T00:01:10Z");
        assert_eq!(late.health, PodHealth::NotReady);
        let lost = judged(&starting("2026-01-01T00:00:25Z"), "2026-01-01T00:00:30Z");
        assert_eq!(lost.health, PodHealth::NotReady);
        assert_eq!(lost.reason.as_deref(), Some("readiness probe failing since 00:00:25"));
    }
}
