//! Type and help text of the metrics the lab exposes.

/// Name, type and help, ascending by name.
pub(super) const METRICS: &[(&str, &str, &str)] = &[
    ("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds."),
    ("container_memory_working_set_bytes", "gauge", "Current working set in bytes."),
    ("http_request_duration_seconds", "histogram", "Time to answer a request in seconds."),
    ("http_requests_total", "counter", "Requests answered, by status code."),
    ("kube_deployment_spec_replicas", "gauge", "Number of desired pods for a deployment."),
    ("kube_deployment_status_replicas_available", "gauge", "The number of available replicas per deployment."),
    ("kube_pod_container_status_ready", "gauge", "Describes whether the containers readiness check succeeded."),
    ("kube_pod_container_status_restarts_total", "counter", "The number of container restarts per container."),
    (
        "kube_pod_container_status_waiting_reason",
        "gauge",
        "Describes the reason the container is currently in waiting state.",
    ),
];
