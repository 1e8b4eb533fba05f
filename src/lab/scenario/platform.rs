//! The namespaces `platform` and `kube-system`: what keeps the cluster and its watchers running.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::blueprint::{Blueprint, Release, container, deployment, service, template, with_port, with_probes};

/// One workload of the platform that is nothing special.
struct Plain {
    namespace: &'static str,
    name: &'static str,
    replicas: u32,
    /// Repository, then each tag with how many days ago it came; the last one runs.
    repository: &'static str,
    tags: &'static [(&'static str, i64)],
    cpu: &'static str,
    memory: (&'static str, &'static str),
    port: u16,
    probes: (&'static str, &'static str),
}

static PLAIN: [Plain; 8] = [
    Plain {
        namespace: "platform",
        name: "ingress",
        replicas: 3,
        repository: "registry.k8s.io/ingress-nginx/controller",
        tags: &[("v1.11.2", 98), ("v1.11.3", 27)],
        cpu: "150m",
        memory: ("256Mi", "512Mi"),
        port: 10254,
        probes: ("/healthz", "/healthz"),
    },
    Plain {
        namespace: "platform",
        name: "prometheus",
        replicas: 2,
        repository: "quay.io/prometheus/prometheus",
        tags: &[("v2.54.1", 66), ("v2.55.0", 22)],
        cpu: "400m",
        memory: ("1536Mi", "3Gi"),
        port: 9090,
        probes: ("/-/healthy", "/-/ready"),
    },
    Plain {
        namespace: "platform",
        name: "alertmanager",
        replicas: 3,
        repository: "quay.io/prometheus/alertmanager",
        tags: &[("v0.27.0", 80)],
        cpu: "20m",
        memory: ("64Mi", "128Mi"),
        port: 9093,
        probes: ("/-/healthy", "/-/ready"),
    },
    Plain {
        namespace: "platform",
        name: "grafana",
        replicas: 1,
        repository: "docker.io/grafana/grafana",
        tags: &[("11.2.2", 31)],
        cpu: "50m",
        memory: ("192Mi", "384Mi"),
        port: 3000,
        probes: ("/api/health", "/api/health"),
    },
    Plain {
        namespace: "platform",
        name: "kube-state-metrics",
        replicas: 1,
        repository: "registry.k8s.io/kube-state-metrics/kube-state-metrics",
        tags: &[("v2.13.0", 59)],
        cpu: "20m",
        memory: ("96Mi", "192Mi"),
        port: 8080,
        probes: ("/livez", "/readyz"),
    },
    Plain {
        namespace: "platform",
        name: "cert-manager",
        replicas: 1,
        repository: "quay.io/jetstack/cert-manager-controller",
        tags: &[("v1.15.3", 71)],
        cpu: "20m",
        memory: ("64Mi", "128Mi"),
        port: 9402,
        probes: ("/livez", "/livez"),
    },
    Plain {
        namespace: "kube-system",
        name: "coredns",
        replicas: 2,
        repository: "registry.k8s.io/coredns/coredns",
        tags: &[("v1.11.3", 88)],
        cpu: "100m",
        memory: ("70Mi", "170Mi"),
        port: 8181,
        probes: ("/health", "/ready"),
    },
    Plain {
        namespace: "kube-system",
        name: "metrics-server",
        replicas: 1,
        repository: "registry.k8s.io/metrics-server/metrics-server",
        tags: &[("v0.7.2", 88)],
        cpu: "100m",
        memory: ("64Mi", "256Mi"),
        port: 10250,
        probes: ("/livez", "/readyz"),
    },
];

/// The Deployments.
pub(super) fn deployments() -> Vec<Blueprint> {
    PLAIN.iter().map(blueprint).collect()
}

fn releases(tags: &[(&str, i64)], at: impl Fn(&str) -> Value) -> Vec<Release> {
    tags.iter()
        .zip(1..)
        .map(|((tag, days), number)| Release {
            number,
            ago: TimeDelta::days(*days) + TimeDelta::minutes(13 * i64::try_from(number).unwrap_or(0)),
            cause: String::new(),
            template: at(tag),
        })
        .collect()
}

fn blueprint(plain: &Plain) -> Blueprint {
    let at = |tag: &str| {
        let image = format!("{}:{tag}", plain.repository);
        let main = with_port(container(plain.name, &image, plain.cpu, plain.memory), "http", plain.port);
        let main = with_probes(main, "http", plain.probes.0, plain.probes.1);
        template(&json!({"app": plain.name, "app.kubernetes.io/name": plain.name}), &Value::Null, &[main])
    };
    let object = deployment(plain.namespace, plain.name, plain.replicas, ("25%", "25%"));
    Blueprint {
        object,
        born: TimeDelta::days(130),
        releases: releases(plain.tags, at),
        applied: plain.namespace == "platform",
    }
}

/// The DaemonSets: the agent of every node, and the proxy of its Services.
pub(super) fn daemonsets() -> Vec<Blueprint> {
    let agent = |tag: &str| {
        let image = format!("registry.example.com/platform/node-agent:{tag}");
        let main = with_port(container("node-agent", &image, "50m", ("128Mi", "256Mi")), "metrics", 9100);
        let main = with_probes(main, "metrics", "/healthz", "/readyz");
        let mut template = template(&json!({"app": "node-agent"}), &Value::Null, &[main]);
        template["spec"]["tolerations"] = json!([{"operator": "Exists", "effect": "NoSchedule"}]);
        template
    };
    let proxy = |tag: &str| {
        let main = container("kube-proxy", &format!("registry.k8s.io/kube-proxy:{tag}"), "100m", ("32Mi", "128Mi"));
        let mut template = template(&json!({"app": "kube-proxy", "k8s-app": "kube-proxy"}), &Value::Null, &[main]);
        template["spec"]["hostNetwork"] = json!(true);
        template["spec"]["priorityClassName"] = json!("system-node-critical");
        template["spec"]["priority"] = json!(2_000_001_000);
        template["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
        template
    };
    let set = |namespace: &str, name: &str| {
        json!({
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": {
                "selector": {"matchLabels": {"app": name}},
                "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            },
        })
    };
    vec![
        Blueprint {
            object: set("platform", "node-agent"),
            born: TimeDelta::days(130),
            releases: releases(&[("7.54.0", 90), ("7.54.1", 55), ("7.55.0", 17)], agent),
            applied: true,
        },
        Blueprint {
            object: set("kube-system", "kube-proxy"),
            born: TimeDelta::days(131),
            releases: releases(&[("v1.31.4", 87)], proxy),
            applied: false,
        },
    ]
}

/// The Services.
pub(super) fn services() -> Vec<Value> {
    let web = |name: &str, address: &str, port: u16| service("platform", name, address, &[("http", port, "http")]);
    let mut ingress = service("platform", "ingress", "10.96.5.80", &[("http", 80, "http"), ("https", 443, "http")]);
    ingress["spec"]["type"] = json!("LoadBalancer");
    ingress["status"] = json!({"loadBalancer": {"ingress": [{"hostname": "shop-ingress.eu-west-1.example.com"}]}});
    let mut dns = service("kube-system", "kube-dns", "10.96.0.10", &[("dns", 53, "http"), ("metrics", 9153, "http")]);
    dns["spec"]["selector"] = json!({"app": "coredns"});
    vec![
        ingress,
        web("prometheus", "10.96.61.90", 9090),
        web("alertmanager", "10.96.61.93", 9093),
        web("grafana", "10.96.61.30", 3000),
        web("kube-state-metrics", "10.96.61.8", 8080),
        dns,
        service("kube-system", "metrics-server", "10.96.0.44", &[("https", 443, "http")]),
    ]
}
