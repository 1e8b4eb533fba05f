//! HorizontalPodAutoscalers on Deployments, Rollouts and StatefulSets: status, and scaling within bounds.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::events::Happening;
use super::object::{instant, int, int_or, items, millicores, namespace, selects, set_condition, stamp, text};
use super::pods::{is_active, is_ready};
use super::turn::Turn;
use super::usage;
use crate::lab::kubernetes::resources::{
    DEPLOYMENTS, HORIZONTALPODAUTOSCALERS, PODS, ROLLOUTS, Resource, STATEFULSETS,
};

/// Seconds between two looks at the metrics.
const PERIOD: i64 = 15;
/// Seconds that a lower wish must last before pods go.
const STABILIZATION: i64 = 300;
/// Deviation from the target that is left alone.
const TOLERANCE: f64 = 0.1;

/// Brings the status of every autoscaler up to date, and its target within its bounds.
pub fn run(turn: &Turn<'_>) {
    for hpa in turn.all(&HORIZONTALPODAUTOSCALERS) {
        let resource: &Resource = match text(&hpa, "/spec/scaleTargetRef/kind") {
            "Deployment" => &DEPLOYMENTS,
            "StatefulSet" => &STATEFULSETS,
            "Rollout" => &ROLLOUTS,
            _ => continue,
        };
        if let Some(target) = turn.store.get(resource, namespace(&hpa), text(&hpa, "/spec/scaleTargetRef/name")) {
            sync(turn, &hpa, resource, &target);
        }
    }
}

fn sync(turn: &Turn<'_>, hpa: &Value, resource: &Resource, target: &Value) {
    let replicas = int_or(target, "/spec/replicas", 1);
    // Metrics are those of the last full period, so that nothing changes within one.
    let period = turn.now.timestamp().div_euclid(PERIOD) * PERIOD;
    let looked = DateTime::from_timestamp(period, 0).unwrap_or(turn.now);
    turn.wake_at(looked + TimeDelta::seconds(PERIOD));
    if replicas == 0 {
        return;
    }
    let (lowest, highest) = (int_or(hpa, "/spec/minReplicas", 1), int(hpa, "/spec/maxReplicas"));
    let goal = int_or(hpa, "/spec/metrics/0/resource/target/averageUtilization", 80);
    let Some((utilization, average, all_ready)) = measure(turn, target, looked) else { return };
    let ratio = utilization as f64 / goal.max(1) as f64;
    // Pods that are not ready yet will take their share: nobody scales on what the others bear meanwhile.
    let steady = !all_ready || (ratio - 1.0).abs() <= TOLERANCE;
    let wish = if steady { replicas } else { (replicas as f64 * ratio).ceil() as i64 };
    let bounded = wish.clamp(lowest, highest.max(lowest));
    let settled =
        instant(hpa, "/status/lastScaleTime").is_none_or(|last| turn.now - last >= TimeDelta::seconds(STABILIZATION));
    let desired = if bounded < replicas && replicas <= highest && !settled { replicas } else { bounded };
    let scaled = desired != replicas;
    if scaled {
        turn.modify(resource, target, |target| target["spec"]["replicas"] = json!(desired));
        let message = format!("New size: {desired}; reason: {}", reason(replicas, desired, lowest, highest));
        turn.event(hpa, &Happening::normal("horizontal-pod-autoscaler", "SuccessfulRescale", &message));
    }
    turn.modify(&HORIZONTALPODAUTOSCALERS, hpa, |hpa| {
        hpa["status"]["observedGeneration"] = hpa["metadata"]["generation"].clone();
        hpa["status"]["currentReplicas"] = json!(replicas);
        hpa["status"]["desiredReplicas"] = json!(desired);
        hpa["status"]["currentMetrics"] = json!([{"type": "Resource", "resource": {
            "name": "cpu", "current": {"averageUtilization": utilization, "averageValue": format!("{average}m")},
        }}]);
        if scaled {
            hpa["status"]["lastScaleTime"] = json!(stamp(turn.now));
        }
        let conditions = [
            ("AbleToScale", true, "ReadyForNewScale", "recommended size matches current size"),
            ("ScalingActive", true, "ValidMetricFound", "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)"),
            limited(wish, lowest, highest),
        ];
        for (kind, holds, reason, message) in conditions {
            let truth = if holds { "True" } else { "False" };
            set_condition(hpa, json!({"type": kind, "status": truth, "reason": reason, "message": message}), turn.now);
        }
    });
}

fn limited(wish: i64, lowest: i64, highest: i64) -> (&'static str, bool, &'static str, &'static str) {
    if wish < lowest {
        ("ScalingLimited", true, "TooFewReplicas", "the desired replica count is less than the minimum replica count")
    } else if wish > highest {
        ("ScalingLimited", true, "TooManyReplicas", "the desired replica count is more than the maximum replica count")
    } else {
        ("ScalingLimited", false, "DesiredWithinRange", "the desired count is within the acceptable range")
    }
}

fn reason(replicas: i64, desired: i64, lowest: i64, highest: i64) -> &'static str {
    if replicas > highest {
        "Current number of replicas above Spec.MaxReplicas"
    } else if replicas < lowest {
        "Current number of replicas below Spec.MinReplicas"
    } else if desired > replicas {
        "cpu resource utilization (percentage of request) above target"
    } else {
        "All metrics below target"
    }
}

/// The average use of CPU of the target's ready pods: percent of their requests, and millicores;
/// and whether all of its pods are ready.
fn measure(turn: &Turn<'_>, target: &Value, at: DateTime<Utc>) -> Option<(i64, i64, bool)> {
    let mut pods = turn.store.list(&PODS, Some(namespace(target))).0;
    pods.retain(|pod| {
        is_active(pod) && is_ready(pod) && selects(&target["spec"]["selector"], &pod["metadata"]["labels"])
    });
    let wanted = int_or(target, "/spec/replicas", 1);
    let all_ready = i64::try_from(pods.len()) == Ok(wanted);
    let (mut used, mut asked) = (0_i64, 0_i64);
    for pod in &pods {
        let load = usage::load(turn.store, pod);
        used += usage::of_pod(pod, at, turn.demand, load)
            .iter()
            .map(|(_, used)| used.cpu_millicores.cast_signed())
            .sum::<i64>();
        asked += items(pod, "/spec/containers")
            .iter()
            .map(|container| millicores(text(container, "/resources/requests/cpu")))
            .sum::<i64>();
    }
    let count = i64::try_from(pods.len()).ok().filter(|count| *count > 0)?;
    (asked > 0).then(|| (used * 100 / asked, used / count, all_ready))
}
