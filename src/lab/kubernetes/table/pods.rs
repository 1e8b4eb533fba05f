//! The row of a pod; its status is the word that says most about what is wrong.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::age::{human, instant};
use super::{AGE, Layout, NAME, age, array, int, name, or, text};

pub const PODS: Layout = Layout {
    columns: &[
        NAME,
        ("Ready", "string", 0),
        ("Status", "string", 0),
        ("Restarts", "string", 0),
        AGE,
        ("IP", "string", 1),
        ("Node", "string", 1),
        ("Nominated Node", "string", 1),
        ("Readiness Gates", "string", 1),
    ],
    cells,
};

fn cells(pod: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let summary = summarize(pod);
    let restarts = match summary.last_restart {
        Some(at) if summary.restarts > 0 => format!("{} ({} ago)", summary.restarts, human((now - at).num_seconds())),
        _ => summary.restarts.to_string(),
    };
    let gates = array(&pod["spec"]["readinessGates"]);
    let met = gates
        .iter()
        .filter(|gate| {
            array(&pod["status"]["conditions"])
                .iter()
                .any(|c| c["type"] == gate["conditionType"] && c["status"] == "True")
        })
        .count();
    vec![
        name(pod),
        json!(format!("{}/{}", summary.ready, summary.total)),
        json!(summary.reason),
        json!(restarts),
        age(pod, now),
        json!(or(text(&pod["status"]["podIP"]), "<none>")),
        json!(or(text(&pod["spec"]["nodeName"]), "<none>")),
        json!(or(text(&pod["status"]["nominatedNodeName"]), "<none>")),
        json!(if gates.is_empty() { "<none>".to_owned() } else { format!("{met}/{}", gates.len()) }),
    ]
}

/// The status that `kubectl get pods` shows, such as `CrashLoopBackOff`.
pub fn status_text(pod: &Value) -> String {
    summarize(pod).reason
}

struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<DateTime<Utc>>,
}

fn summarize(pod: &Value) -> Summary {
    let status = &pod["status"];
    let mut reason = or(text(&status["reason"]), or(text(&status["phase"]), "Pending")).to_owned();
    let mut sum = Summary {
        reason: String::new(),
        ready: 0,
        total: array(&pod["spec"]["containers"]).len(),
        restarts: 0,
        last_restart: None,
    };
    if array(&status["conditions"]).iter().any(|c| c["type"] == "PodScheduled" && c["reason"] == "SchedulingGated") {
        "SchedulingGated".clone_into(&mut reason);
    }
    let initializing = init_reason(pod, &mut sum);
    if let Some(found) = &initializing {
        found.clone_into(&mut reason);
    } else {
        sum.restarts = 0;
        sum.last_restart = None;
        let mut running = false;
        for container in array(&status["containerStatuses"]).iter().rev() {
            count_restarts(container, &mut sum);
            let state = &container["state"];
            if let Some(why) = state["waiting"]["reason"].as_str().filter(|why| !why.is_empty()) {
                why.clone_into(&mut reason);
            } else if !state["terminated"].is_null() {
                reason = terminated(&state["terminated"]);
            } else if container["ready"] == true && !state["running"].is_null() {
                running = true;
                sum.ready += 1;
            }
        }
        if reason == "Completed" && running {
            let ready = array(&status["conditions"]).iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
            (if ready { "Running" } else { "NotReady" }).clone_into(&mut reason);
        }
    }
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        let finished = matches!(text(&status["phase"]), "Succeeded" | "Failed");
        if status["reason"] == "NodeLost" {
            "Unknown".clone_into(&mut reason);
        } else if !finished {
            "Terminating".clone_into(&mut reason);
        }
    }
    sum.reason = reason;
    sum
}

/// What holds up the start of the pod, when an init container does.
fn init_reason(pod: &Value, sum: &mut Summary) -> Option<String> {
    let statuses = array(&pod["status"]["initContainerStatuses"]);
    let total = array(&pod["spec"]["initContainers"]).len();
    for (index, container) in statuses.iter().enumerate() {
        count_restarts(container, sum);
        let state = &container["state"];
        if state["terminated"]["exitCode"] == 0 {
            continue;
        }
        if !state["terminated"].is_null() {
            return Some(format!("Init:{}", terminated(&state["terminated"])));
        }
        return Some(match text(&state["waiting"]["reason"]) {
            "" | "PodInitializing" => format!("Init:{index}/{total}"),
            why => format!("Init:{why}"),
        });
    }
    None
}

fn count_restarts(container: &Value, sum: &mut Summary) {
    sum.restarts += int(&container["restartCount"]);
    let finished = instant(&container["lastState"]["terminated"]["finishedAt"]);
    sum.last_restart = sum.last_restart.max(finished);
}

fn terminated(state: &Value) -> String {
    match (text(&state["reason"]), int(&state["signal"])) {
        ("", 0) => format!("ExitCode:{}", int(&state["exitCode"])),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pod: &Value) -> String {
        let now = instant(&json!("2026-01-02T03:10:00Z")).unwrap_or_default();
        cells(pod, now)[1..4].iter().map(|cell| text(cell).to_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_status_is_the_word_that_says_most() {
        let crashing = json!({"metadata": {"name": "a"}, "spec": {"containers": [{}, {}]}, "status": {"phase": "Running", "containerStatuses": [
            {"ready": false, "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"finishedAt": "2026-01-02T03:07:55Z"}}},
            {"ready": true, "restartCount": 0, "state": {"running": {}}}]}});
        assert_eq!(shown(&crashing), "1/2 CrashLoopBackOff 5 (2m5s ago)");
        let mut going = crashing;
        going["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:10:00Z");
        assert_eq!(shown(&going), "1/2 Terminating 5 (2m5s ago)");
        let starting = json!({"spec": {"containers": [{}], "initContainers": [{}, {}]}, "status": {"phase": "Pending", "initContainerStatuses": [
            {"state": {"terminated": {"exitCode": 0}}}, {"state": {"running": {}}}]}});
        assert_eq!(shown(&starting), "0/1 Init:1/2 0");
        assert_eq!(shown(&json!({"spec": {"containers": [{}]}, "status": {"phase": "Pending"}})), "0/1 Pending 0");
    }
}
