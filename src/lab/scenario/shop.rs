//! The namespace `shop`: five services, their database, and what belongs to them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::blueprint::{Blueprint, Release, container, deployment, service, template, with_port, with_probes};

const REGISTRY: &str = "registry.example.com/shop";
const PROXY: &str = "registry.example.com/platform/mesh-proxy:1.22.4";

/// The pod template of a release of `payment`, with some environment beside the usual one.
pub(super) fn payment_template(tag: &str, extra: &[(&str, &str)]) -> Value {
    let mut env = vec![
        json!({"name": "RUST_LOG", "value": "info"}),
        json!({"name": "DATABASE_HOST", "value": "mysql.shop.svc"}),
        json!({"name": "DATABASE_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "mysql-app", "key": "password"}}}),
        json!({"name": "PROVIDER_TIMEOUT_MS", "value": "2500"}),
    ];
    env.extend(extra.iter().map(|(name, value)| json!({"name": name, "value": value})));
    let mut main = app("payment", tag, "200m", ("256Mi", "512Mi"), "/healthz", "/readyz");
    main["env"] = json!(env);
    main["envFrom"] = json!([{"configMapRef": {"name": "payment-config"}}]);
    template(
        &json!({"app": "payment", "app.kubernetes.io/part-of": "shop", "tier": "backend"}),
        &json!({"kubectl.kubernetes.io/default-container": "payment", "prometheus.io/scrape": "true", "prometheus.io/port": "9090"}),
        &[main, proxy()],
    )
}

fn app(name: &str, tag: &str, cpu: &str, memory: (&str, &str), live: &str, ready: &str) -> Value {
    let image = format!("{REGISTRY}/{name}:{tag}");
    with_probes(with_port(container(name, &image, cpu, memory), "http", 8080), "http", live, ready)
}

fn proxy() -> Value {
    let proxy = with_port(container("mesh-proxy", PROXY, "50m", ("64Mi", "128Mi")), "proxy-admin", 15021);
    let mut proxy = with_probes(proxy, "proxy-admin", "/healthz", "/healthz/ready");
    if let Some(proxy) = proxy.as_object_mut() {
        proxy.remove("livenessProbe");
    }
    proxy
}

/// The template of any other service: one container, and the proxy where it has one.
fn plain(name: &str, tag: &str, tier: &str, sizes: (&str, &str, &str), env: &[(&str, &str)], meshed: bool) -> Value {
    let (cpu, request, limit) = sizes;
    let mut main = app(name, tag, cpu, (request, limit), "/healthz", "/readyz");
    main["env"] = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let mut containers = vec![main];
    if meshed {
        containers.push(proxy());
    }
    let labels = json!({"app": name, "app.kubernetes.io/part-of": "shop", "tier": tier});
    template(
        &labels,
        &json!({"kubectl.kubernetes.io/default-container": name, "prometheus.io/scrape": "true"}),
        &containers,
    )
}

fn release(number: u64, days: i64, cause: &str, template: Value) -> Release {
    // Releases go out in the morning and in the afternoon, not all at the same minute.
    let minutes = (i64::try_from(number).unwrap_or(0) * 37) % 110;
    Release { number, ago: TimeDelta::days(days) + TimeDelta::minutes(minutes), cause: cause.to_owned(), template }
}

/// The Deployments of the shop.
pub(super) fn deployments() -> Vec<Blueprint> {
    vec![frontend(), auth(), payment(), user(), inventory()]
}

fn payment() -> Blueprint {
    let mut object = deployment("shop", "payment", 6, ("0", "50%"));
    object["spec"]["progressDeadlineSeconds"] = json!(300);
    object["spec"]["revisionHistoryLimit"] = json!(6);
    let at = payment_template;
    let slow = |tag: &str| {
        let mut template = at(tag, &[]);
        template["spec"]["containers"][0]["env"][3]["value"] = json!("4000");
        template
    };
    let releases = vec![
        release(36, 61, "payment 2.3.2 (build 3902)", slow("2.3.2")),
        release(37, 47, "payment 2.3.3 (build 3961)", slow("2.3.3")),
        release(38, 33, "payment 2.3.4: provider timeout 4000 → 2500 ms (build 4018)", at("2.3.4", &[])),
        release(39, 24, "payment 2.3.5 (build 4077)", at("2.3.5", &[])),
        release(
            40,
            16,
            "payment 2.3.6: refunds in instalments (build 4123)",
            at("2.3.6", &[("REFUND_INSTALMENTS", "on")]),
        ),
        release(41, 9, "payment 2.3.7 (build 4166)", at("2.3.7", &[])),
    ];
    Blueprint { object, born: TimeDelta::days(212), releases, applied: false }
}

fn frontend() -> Blueprint {
    let at = |tag: &str| {
        plain(
            "frontend",
            tag,
            "edge",
            ("250m", "192Mi", "384Mi"),
            &[("ASSETS_URL", "https://assets.example.com"), ("PAYMENT_URL", "http://payment")],
            true,
        )
    };
    let releases = vec![
        release(13, 41, "frontend 5.0.4", at("5.0.4")),
        release(14, 34, "frontend 5.0.6", at("5.0.6")),
        release(15, 20, "frontend 5.1.0: new checkout", at("5.1.0")),
        release(16, 11, "frontend 5.1.1", at("5.1.1")),
        release(17, 3, "frontend 5.1.2: cart badge", at("5.1.2")),
    ];
    Blueprint {
        object: deployment("shop", "frontend", 6, ("25%", "25%")),
        born: TimeDelta::days(212),
        releases,
        applied: true,
    }
}

/// The pod template of a release of `auth`, with some environment beside the usual one.
pub(super) fn auth_template(tag: &str, extra: &[(&str, &str)]) -> Value {
    let mut env = vec![("TOKEN_TTL", "30m"), ("DATABASE_HOST", "mysql.shop.svc")];
    env.extend(extra);
    plain("auth", tag, "backend", ("100m", "128Mi", "256Mi"), &env, false)
}

fn auth() -> Blueprint {
    let at = |tag: &str| auth_template(tag, &[]);
    let releases = vec![
        release(6, 96, "auth 1.8.3", at("1.8.3")),
        release(7, 40, "auth 1.8.4", at("1.8.4")),
        release(8, 9, "auth 1.9.0: sessions of 30 minutes", at("1.9.0")),
    ];
    Blueprint {
        object: deployment("shop", "auth", 4, ("25%", "25%")),
        born: TimeDelta::days(205),
        releases,
        applied: true,
    }
}

fn user() -> Blueprint {
    let at = |tag: &str| {
        plain(
            "user",
            tag,
            "backend",
            ("120m", "160Mi", "320Mi"),
            &[("DATABASE_HOST", "mysql.shop.svc"), ("CACHE_SIZE", "20000")],
            false,
        )
    };
    let releases = vec![
        release(21, 52, "user 3.4.0", at("3.4.0")),
        release(22, 19, "user 3.4.1", at("3.4.1")),
        release(23, 5, "user 3.4.2: address book", at("3.4.2")),
    ];
    Blueprint {
        object: deployment("shop", "user", 5, ("25%", "25%")),
        born: TimeDelta::days(198),
        releases,
        applied: false,
    }
}

fn inventory() -> Blueprint {
    let at = |tag: &str| {
        plain(
            "inventory",
            tag,
            "backend",
            ("100m", "128Mi", "256Mi"),
            &[("RESERVATION_TTL", "15m"), ("DATABASE_HOST", "mysql.shop.svc")],
            false,
        )
    };
    let releases = vec![
        release(10, 74, "inventory 0.27.0", at("0.27.0")),
        release(11, 38, "inventory 0.27.1", at("0.27.1")),
        release(12, 13, "inventory 0.27.3", at("0.27.3")),
    ];
    Blueprint {
        object: deployment("shop", "inventory", 5, ("1", "1")),
        born: TimeDelta::days(183),
        releases,
        applied: false,
    }
}

/// The image of a release of the database.
pub(super) fn mysql_image(tag: &str) -> String {
    format!("docker.io/library/mysql:{tag}")
}

/// The database.
pub(super) fn mysql() -> Blueprint {
    let at = |tag: &str| {
        let mut main = with_port(container("mysql", &mysql_image(tag), "500m", ("1536Mi", "3Gi")), "mysql", 3306);
        main["env"] = json!([{"name": "MYSQL_ROOT_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "mysql-root", "key": "password"}}}]);
        main["readinessProbe"] = json!({
            "exec": {"command": ["mysqladmin", "ping", "-h", "127.0.0.1"]},
            "initialDelaySeconds": 5, "periodSeconds": 10, "timeoutSeconds": 5, "successThreshold": 1, "failureThreshold": 3,
        });
        main["volumeMounts"] = json!([{"name": "data", "mountPath": "/var/lib/mysql"}]);
        let mut template = template(
            &json!({"app": "mysql", "app.kubernetes.io/part-of": "shop", "tier": "data"}),
            &Value::Null,
            &[main],
        );
        template["spec"]["terminationGracePeriodSeconds"] = json!(60);
        template
    };
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "mysql", "namespace": "shop", "labels": {"app": "mysql", "app.kubernetes.io/part-of": "shop"}},
        "spec": {
            "replicas": 3,
            "serviceName": "mysql",
            "podManagementPolicy": "OrderedReady",
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "mysql"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "volumeClaimTemplates": [{
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "50Gi"}},
                    "storageClassName": "gp3",
                    "volumeMode": "Filesystem",
                },
                "status": {"phase": "Pending"},
            }],
        },
    });
    let releases = vec![
        release(1, 190, "mysql 8.0.36", at("8.0.36")),
        release(2, 110, "mysql 8.4.2", at("8.4.2")),
        release(3, 48, "mysql 8.4.3", at("8.4.3")),
    ];
    Blueprint { object, born: TimeDelta::days(212), releases, applied: true }
}

/// The Services of the shop.
pub(super) fn services() -> Vec<Value> {
    let web = [("http", 80, "http")];
    let mut payment = service("shop", "payment", "10.96.41.12", &web);
    // The mesh balances over all pods and ejects the bad ones itself; so a broken pod gets traffic.
    payment["spec"]["publishNotReadyAddresses"] = json!(true);
    let mut mysql = service("shop", "mysql", "None", &[("mysql", 3306, "mysql")]);
    mysql["spec"]["publishNotReadyAddresses"] = json!(true);
    vec![
        service("shop", "frontend", "10.96.17.201", &web),
        service("shop", "auth", "10.96.102.44", &web),
        payment,
        service("shop", "user", "10.96.88.130", &web),
        service("shop", "inventory", "10.96.230.9", &web),
        mysql,
    ]
}

/// The autoscaler of the front.
pub(super) fn autoscaler() -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "frontend", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "frontend"},
            "minReplicas": 4,
            "maxReplicas": 12,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
        },
    })
}
