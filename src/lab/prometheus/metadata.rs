//! Type and help text of the metrics the lab exposes.

/// Name, type and help, ascending by name.
pub(super) const METRICS: &[(&str, &str, &str)] = &[
    ("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds."),
    ("container_memory_working_set_bytes", "gauge", "Current working set in bytes."),
    ("http_request_duration_seconds", "histogram", "Time to answer a request in seconds."),
    ("http_requests_total", "counter", "Requests answered, by status code."),
    ("kube_deployment_spec_replicas", "gauge", "Number of desired pods for a deployment."),
    ("kube_deployment_status_replicas_available", "gauge", "The number of available replicas per deployment."),
    (
        "kube_horizontalpodautoscaler_spec_max_replicas",
        "gauge",
        "Upper limit for the number of pods that can be set by the autoscaler; cannot be smaller than MinReplicas.",
    ),
    (
        "kube_horizontalpodautoscaler_spec_min_replicas",
        "gauge",
        "Lower limit for the number of pods that can be set by the autoscaler, default 1.",
    ),
    (
        "kube_horizontalpodautoscaler_status_current_replicas",
        "gauge",
        "Current number of replicas of pods managed by this autoscaler.",
    ),
    (
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "gauge",
        "Desired number of replicas of pods managed by this autoscaler.",
    ),
    ("kube_node_spec_unschedulable", "gauge", "Whether a node can schedule new pods."),
    ("kube_node_status_condition", "gauge", "The condition of a cluster node."),
    ("kube_pod_container_status_ready", "gauge", "Describes whether the containers readiness check succeeded."),
    ("kube_pod_container_status_restarts_total", "counter", "The number of container restarts per container."),
    (
        "kube_pod_container_status_waiting_reason",
        "gauge",
        "Describes the reason the container is currently in waiting state.",
    ),
    ("kube_statefulset_replicas", "gauge", "Number of desired pods for a StatefulSet."),
    ("kube_statefulset_status_replicas_ready", "gauge", "The number of ready replicas per StatefulSet."),
    ("kube_statefulset_status_replicas_updated", "gauge", "The number of updated replicas per StatefulSet."),
    ("rollout_info", "gauge", "Information about rollout."),
    ("rollout_info_replicas_available", "gauge", "The number of available replicas per rollout."),
];
