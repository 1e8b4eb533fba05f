//! What 10,000 pods cost from the wire to the screen: time through the Kubernetes source against a plain decode into
//! `serde_json::Value` over the same loopback server, and memory of the whole console process that holds them.
//! `cargo bench --bench decode`; with `-- --test` once, with fewer pods, and without the bound on memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
// Watching another process takes waiting.
#![allow(clippy::disallowed_methods)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::Uri;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use opsdeck::domain::cluster::{NamespaceScope, Resource};
use opsdeck::integrations::kubernetes::connect::{ConnectOptions, connect};
use opsdeck::ports::feed::SourceId;
use opsdeck::state::world::World;
use serde_json::{Value, json};
use support::{Console, home};
use tokio_util::bytes::Bytes;

/// What the console asks for per page.
const PAGE: usize = 500;
/// What the console may take with all the pods.
const MOST: u64 = 100_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000, 0).unwrap()
}

/// A pod as an API server sends it: two containers and an init container with probes, environment and mounts, the
/// annotations of a service mesh, and the managed fields that make up a third of it. About 14 kB.
fn pod(number: usize) -> Value {
    let workload = number / 10;
    let (service, team) = (format!("service-{workload}"), format!("team-{}", workload % 40));
    let name = format!("{service}-7d9c5b8f6d-{number:05}");
    let ready = !number.is_multiple_of(100);
    let env: Vec<Value> = (0..30)
        .map(|n| match n % 3 {
            0 => json!({"name": format!("SETTING_{n}_URL"), "value": format!("http://backend-{n}.{team}.svc.cluster.local:8080/v1")}),
            1 => json!({"name": format!("SETTING_{n}_TOKEN"), "valueFrom": {"secretKeyRef": {"name": format!("{service}-secrets"), "key": format!("token-{n}")}}}),
            _ => json!({"name": format!("SETTING_{n}_IP"), "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}),
        })
        .collect();
    let probe = |path: &str| {
        json!({"httpGet": {"path": path, "port": 8080, "scheme": "HTTP"}, "initialDelaySeconds": 5, "timeoutSeconds": 1,
            "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
    };
    let mounts: Vec<Value> = (0..5)
        .map(|n| json!({"name": format!("volume-{n}"), "readOnly": true, "mountPath": format!("/var/run/mounted/{n}")}))
        .collect();
    let container = |name: &str, env: &[Value]| {
        json!({"name": name, "image": format!("registry.example/{team}/{name}:1.{workload}.0"), "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}], "env": env, "volumeMounts": mounts,
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": probe("/healthz"), "readinessProbe": probe("/ready"),
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false}})
    };
    let status = |name: &str, ready: bool| {
        json!({"name": name, "state": {"running": {"startedAt": "2026-01-20T08:00:12Z"}}, "lastState": {}, "ready": ready,
            "restartCount": 0, "started": true, "image": format!("registry.example/{team}/{name}:1.{workload}.0"),
            "imageID": format!("registry.example/{team}/{name}@sha256:{number:064x}"),
            "containerID": format!("containerd://{number:064x}")})
    };
    let condition = |kind: &str, is: bool| {
        json!({"type": kind, "status": if is { "True" } else { "False" }, "lastProbeTime": null,
            "lastTransitionTime": "2026-01-20T08:00:10Z"})
    };
    // Managed fields name every field once more.
    let fields = |of: &[Value]| {
        let names = of.iter().filter_map(|value| value["name"].as_str());
        names
            .map(|name| (format!("k:{{\"name\":\"{name}\"}}"), json!({".": {}, "f:name": {}, "f:value": {}})))
            .collect::<serde_json::Map<_, _>>()
    };
    let managed = json!([
        {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": "2026-01-20T08:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {},
            "f:pod-template-hash": {}}, "f:ownerReferences": {".": {}, "k:{\"uid\":\"0b0c\"}": {}}}, "f:spec": {"f:containers":
            {"k:{\"name\":\"app\"}": {".": {}, "f:env": fields(&env), "f:volumeMounts": fields(&mounts)}},
            "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}}}},
        {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": "2026-01-20T08:00:14Z",
            "fieldsType": "FieldsV1", "subresource": "status", "fieldsV1": {"f:status": {"f:conditions":
            {"k:{\"type\":\"Ready\"}": {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}}},
            "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:podIPs": {}, "f:startTime": {}}}},
    ]);
    json!({
        "metadata": {
            "name": name, "generateName": format!("{service}-7d9c5b8f6d-"), "namespace": team,
            "uid": format!("7b1d0c1e-0000-4000-8000-{number:012x}"), "resourceVersion": format!("{}", 800_000 + number),
            "creationTimestamp": "2026-01-20T08:00:00Z",
            "labels": {"app": service, "app.kubernetes.io/name": service, "app.kubernetes.io/part-of": team,
                "pod-template-hash": "7d9c5b8f6d", "security.istio.io/tlsMode": "istio"},
            "annotations": {
                "kubectl.kubernetes.io/default-container": "app", "prometheus.io/scrape": "true", "prometheus.io/port": "15020",
                "checksum/config": format!("{number:064x}"),
                "sidecar.istio.io/status": "{\"initContainers\":[\"istio-init\"],\"containers\":[\"istio-proxy\"],\"volumes\":[\"workload-socket\",\"istio-envoy\",\"istio-data\",\"istio-podinfo\",\"istio-token\",\"istiod-ca-cert\"],\"imagePullSecrets\":null,\"revision\":\"default\"}",
            },
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{service}-7d9c5b8f6d"),
                "uid": "0b0c", "controller": true, "blockOwnerDeletion": true}],
            "managedFields": managed,
        },
        "spec": {
            "volumes": mounts.iter().map(|mount| json!({"name": mount["name"], "configMap": {"name": format!("{service}-config"), "defaultMode": 420}})).collect::<Vec<_>>(),
            "initContainers": [container("istio-init", &[])],
            "containers": [container("app", &env), container("istio-proxy", &env[..8])],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": service, "nodeName": format!("ip-10-0-{}-{}.internal", number % 4, number % 200),
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {
            "phase": "Running", "hostIP": "10.0.3.17", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}],
            "startTime": "2026-01-20T08:00:00Z", "qosClass": "Burstable",
            "conditions": [condition("Initialized", true), condition("Ready", ready), condition("ContainersReady", ready), condition("PodScheduled", true)],
            "initContainerStatuses": [{"name": "istio-init", "ready": true, "restartCount": 0, "lastState": {},
                "state": {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": "2026-01-20T08:00:09Z"}}}],
            "containerStatuses": [status("app", ready), status("istio-proxy", true)],
        },
    })
}

/// The list of all pods in pages, as the API server cuts it.
fn pages(pods: usize) -> Vec<Bytes> {
    let starts: Vec<usize> = (0..pods).step_by(PAGE).collect();
    starts
        .iter()
        .map(|start| {
            let end = (start + PAGE).min(pods);
            let next = if end < pods { end.to_string() } else { String::new() };
            let items: Vec<Value> = (*start..end).map(pod).collect();
            let list = json!({"kind": "PodList", "apiVersion": "v1", "items": items,
                "metadata": {"resourceVersion": "900000", "continue": next, "remainingItemCount": pods - end}});
            Bytes::from(list.to_string())
        })
        .collect()
}

/// Answers lists of pods page by page, every other list with nothing, and lets watches stay open in silence.
async fn answer(State(pages): State<Arc<Vec<Bytes>>>, uri: Uri, Query(query): Query<HashMap<String, String>>) -> Body {
    if query.contains_key("watch") {
        return Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>());
    }
    if uri.path() == "/api/v1/pods" {
        let start: usize = query.get("continue").map_or(0, |token| token.parse().unwrap());
        return Body::from(pages[start / PAGE].clone());
    }
    Body::from(r#"{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}"#)
}

/// Serves on a thread of its own, so that it costs the reader no turn; gives its URL.
fn serve(pages: Vec<Bytes>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let router = Router::new().fallback(answer).with_state(Arc::new(pages));
            axum::serve(listener, router).await.unwrap();
        });
    });
    url
}

fn kubeconfig(home: &Path, server: &str) -> PathBuf {
    let path = home.join("kubeconfig");
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "c", "user": "u"}}]});
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

/// From nothing to a world that holds all pods, through the source that the console uses.
async fn load(kubeconfig: &Path, pods: usize) -> Duration {
    let start = Instant::now();
    let options =
        ConnectOptions { kubeconfig: Some(kubeconfig.to_owned()), context: None, namespace: None, now: Arc::new(now) };
    let connection = connect(options).await.unwrap();
    let source = SourceId::Kubernetes(Resource::Pods);
    let feed = connection.feeds(&NamespaceScope::All).into_iter().find(|feed| feed.id() == source).unwrap();
    let mut world = World::new(100);
    let mut updates = feed.open();
    while world.pods.len() < pods {
        world.apply(&source, updates.next().await.unwrap().unwrap(), now());
    }
    let elapsed = start.elapsed();
    assert_eq!(world.pods.attention(), pods / 100);
    elapsed
}

/// The same pages, fetched one after the other; each handed to `decode` and dropped.
async fn fetch(server: &str, pages: usize, decode: impl Fn(&[u8])) -> Duration {
    let start = Instant::now();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for page in 0..pages {
        let url = format!("{server}/api/v1/pods?limit={PAGE}&continue={}", page * PAGE);
        decode(&client.get(url).send().await.unwrap().bytes().await.unwrap());
    }
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A line of `/proc/PID/status`, in kB.
fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Resident memory of the console itself, in a pseudo-terminal, once it shows that many pods: now and at its peak.
fn console_memory(home: &Path, kubeconfig: &Path, pods: usize) -> (u64, u64) {
    let kubeconfig = kubeconfig.display().to_string();
    let mut console = Console::start(home, &["--kubeconfig", &kubeconfig, "-A"], (160, 48));
    let title = if pods == 0 { "no pods here".to_owned() } else { format!("{} of {pods} unhealthy", pods / 100) };
    console.wait_for(&title);
    std::thread::sleep(Duration::from_millis(500));
    (memory(console.pid(), "VmRSS:"), memory(console.pid(), "VmHWM:"))
}

fn main() -> ExitCode {
    let once = std::env::args().any(|argument| argument == "--test");
    let (pods, rounds) = if once { (1_000, 1) } else { (10_000, 5) };
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let listed = pages(pods);
    let bytes: usize = listed.iter().map(Bytes::len).sum();
    println!("{pods} pods, {} bytes each, {} pages", bytes / pods, listed.len());
    assert!((13_000..15_000).contains(&(bytes / pods)), "a pod is about 14 kB");

    let count = listed.len();
    let server = serve(listed);
    let home = home();
    let file = kubeconfig(home.path(), &server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut rows, mut values, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        rows.push(runtime.block_on(load(&file, pods)));
        values.push(runtime.block_on(fetch(&server, count, |page| {
            black_box(serde_json::from_slice::<Value>(page).unwrap());
        })));
        nothing.push(runtime.block_on(fetch(&server, count, |page| {
            black_box(page.len());
        })));
    }
    let (rows, values, nothing) = (median(rows), median(values), median(nothing));
    println!("into rows of the world      {rows:>10.1?}   {:>8.1?} per pod", rows / u32::try_from(pods).unwrap());
    println!("into serde_json::Value      {values:>10.1?}");
    println!("only transferred            {nothing:>10.1?}");
    println!("rows : values               {:>10.2}", rows.as_secs_f64() / values.as_secs_f64());

    let empty_server = serve(pages(1).into_iter().map(|_| Bytes::from_static(br#"{"items":[]}"#)).collect());
    let empty_home = support::home();
    let (idle, _) = console_memory(empty_home.path(), &kubeconfig(empty_home.path(), &empty_server), 0);
    let (resident, peak) = console_memory(home.path(), &file, pods);
    println!("console, no pods            {idle:>7} kB resident");
    println!("console, {pods:>6} pods        {resident:>7} kB resident, {peak} kB at its peak");
    if !once && peak > MOST {
        println!("the console takes more than {MOST} kB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
