//! What container images do: which exist, how long they take to be ready, how they fail, what
//! they use and in what voice they log. The kubelet, the logs and the traffic all ask here, so
//! that one image has one behaviour however a person brought it into the cluster.

use std::time::Duration;

use serde_json::Value;

use super::declared;
use super::object::{bytes, items, text};
use super::plight::Plight;

/// What a process writes about itself, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Voice {
    /// The web shop's front: an access log.
    Frontend,
    /// Sign-in: JSON lines.
    Auth,
    /// Payments: level, message, fields; stack traces when it breaks.
    Payment,
    /// Profiles: level, message, fields.
    User,
    /// Stock: JSON lines.
    Inventory,
    /// The database's error log.
    Mysql,
    /// The sidecar that carries traffic in and out of a pod.
    Proxy,
    /// A Go program of the platform: logfmt.
    Platform,
    /// A controller of Kubernetes itself: klog.
    Klog,
    /// Anything that a person brought along.
    Plain,
}

/// How a container ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// How long after its start.
    pub after: Duration,
    /// Its exit code.
    pub code: i64,
    /// The reason that the kubelet gives: `Error`, `OOMKilled` or `Completed`.
    pub reason: &'static str,
}

/// How one container of one pod behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behaviour {
    /// From its start to the first passed readiness probe; `None` for a container that never is.
    pub ready_after: Option<Duration>,
    /// How it ends by itself, if it does.
    pub ending: Option<Ending>,
    /// From the termination signal to its end.
    pub stops_within: Duration,
    /// Thousandths of a core that it uses under ordinary traffic.
    pub cpu: u64,
    /// Bytes of memory that it settles at.
    pub memory: u64,
    /// How it logs.
    pub voice: Voice,
    /// The share of the requests that it gets and fails once its callers have learnt to avoid it;
    /// 0 for a healthy one.
    pub fails: f64,
    /// What is wrong with it, if anything is.
    pub plight: Option<Plight>,
}

/// Images of one repository.
struct Repository {
    name: &'static str,
    /// Tags that exist; empty for a public image that has every plausible tag.
    tags: &'static [&'static str],
    voice: Voice,
    ready_secs: u64,
    cpu: u64,
    memory_mib: u64,
}

const fn repository(
    name: &'static str,
    tags: &'static [&'static str],
    voice: Voice,
    ready_secs: u64,
    cpu: u64,
    memory_mib: u64,
) -> Repository {
    Repository { name, tags, voice, ready_secs, cpu, memory_mib }
}

/// Every image that can be pulled.
static REPOSITORIES: &[Repository] = &[
    repository(
        "registry.example.com/shop/frontend",
        &["5.0.4", "5.0.5", "5.0.6", "5.1.0", "5.1.1", "5.1.2", "5.2.0"],
        Voice::Frontend,
        4,
        150,
        210,
    ),
    repository(
        "registry.example.com/shop/auth",
        &["1.8.2", "1.8.3", "1.8.4", "1.9.0", "1.9.1"],
        Voice::Auth,
        5,
        90,
        150,
    ),
    repository(
        "registry.example.com/shop/payment",
        &["2.3.2", "2.3.3", "2.3.4", "2.3.5", "2.3.6", "2.3.7", "2.4.0", "2.4.1"],
        Voice::Payment,
        6,
        140,
        260,
    ),
    repository("registry.example.com/shop/user", &["3.3.8", "3.4.0", "3.4.1", "3.4.2"], Voice::User, 5, 110, 190),
    repository(
        "registry.example.com/shop/inventory",
        &["0.26.0", "0.27.0", "0.27.1", "0.27.3"],
        Voice::Inventory,
        5,
        75,
        170,
    ),
    repository("registry.example.com/shop/db-backup", &["1.2.0"], Voice::Plain, 0, 300, 90),
    repository("registry.example.com/platform/mesh-proxy", &["1.22.3", "1.22.4"], Voice::Proxy, 1, 25, 48),
    repository(
        "registry.example.com/platform/node-agent",
        &["7.54.0", "7.54.1", "7.55.0"],
        Voice::Platform,
        3,
        45,
        120,
    ),
    repository("docker.io/library/mysql", &["8.0.36", "8.4.2", "8.4.3", "9.1.0"], Voice::Mysql, 12, 420, 1_480),
    repository("registry.k8s.io/ingress-nginx/controller", &["v1.11.2", "v1.11.3"], Voice::Klog, 6, 120, 230),
    repository("quay.io/prometheus/prometheus", &["v2.54.1", "v2.55.0"], Voice::Platform, 8, 260, 1_150),
    repository("quay.io/prometheus/alertmanager", &["v0.27.0"], Voice::Platform, 3, 8, 42),
    repository("registry.k8s.io/kube-state-metrics/kube-state-metrics", &["v2.13.0"], Voice::Klog, 4, 15, 70),
    repository("docker.io/grafana/grafana", &["11.2.2"], Voice::Platform, 6, 30, 160),
    repository("registry.k8s.io/metrics-server/metrics-server", &["v0.7.2"], Voice::Klog, 8, 12, 38),
    repository("registry.k8s.io/coredns/coredns", &["v1.11.3"], Voice::Plain, 2, 9, 32),
    repository("registry.k8s.io/kube-proxy", &["v1.31.4"], Voice::Klog, 1, 4, 28),
    repository("quay.io/jetstack/cert-manager-controller", &["v1.15.3"], Voice::Klog, 3, 6, 55),
    repository("registry.k8s.io/pause", &[], Voice::Plain, 0, 1, 1),
    repository("docker.io/library/nginx", &[], Voice::Plain, 1, 5, 24),
    repository("docker.io/library/httpd", &[], Voice::Plain, 1, 5, 24),
    repository("docker.io/library/busybox", &[], Voice::Plain, 0, 2, 4),
    repository("docker.io/library/alpine", &[], Voice::Plain, 0, 2, 4),
    repository("docker.io/library/redis", &[], Voice::Plain, 1, 10, 20),
    repository("docker.io/library/debian", &[], Voice::Plain, 0, 2, 8),
    repository("docker.io/library/ubuntu", &[], Voice::Plain, 0, 2, 8),
];

/// Why an image cannot be pulled, in the words of the container runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullError(pub String);

impl PullError {
    /// Nobody has this image.
    pub fn not_found(image: &str) -> Self {
        let (path, tag) = split(image);
        let reference = format!("{}:{tag}", canonical(path));
        Self(format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{reference}\": failed to resolve reference \"{reference}\": {reference}: not found"
        ))
    }
}

/// How a container of a pod behaves, or why its image cannot be pulled.
pub fn of_container(pod: &Value, container: &Value) -> Result<Behaviour, PullError> {
    let image = text(container, "/image");
    if let Some(declared) = declared::of_pod(pod, image) {
        return declared;
    }
    let (path, tag) = split(image);
    let canonical = canonical(path);
    let repository = REPOSITORIES
        .iter()
        .find(|repository| repository.name == canonical)
        .filter(|repository| has_tag(repository, tag))
        .ok_or_else(|| PullError::not_found(image))?;
    let mut behaviour = Behaviour {
        ready_after: Some(Duration::from_secs(repository.ready_secs)),
        ending: None,
        stops_within: Duration::from_secs(2),
        cpu: repository.cpu,
        memory: repository.memory_mib << 20,
        voice: repository.voice,
        fails: 0.0,
        plight: None,
    };
    if canonical.ends_with("/payment") && tag == "2.4.0" && env(container, "PRICING_TABLE") == Some("v2") {
        // The release that the default scenario is about: the new pricing table lacks a key.
        behaviour.ready_after = None;
        behaviour.fails = 0.344;
        behaviour.plight = Some(Plight::Pricing);
        behaviour.ending = Some(Ending { after: Duration::from_secs(20), code: 1, reason: "Error" });
    }
    if canonical.ends_with("/auth") && tag == "1.9.1" && env(container, "SESSION_KEYS") == Some("v2") {
        // It looks healthy, but it knows no sessions that were signed before.
        behaviour.fails = 0.36;
        behaviour.plight = Some(Plight::Keys);
    }
    if canonical.ends_with("/mysql") && tag.starts_with("9.") {
        behaviour.ready_after = None;
        behaviour.plight = Some(Plight::Upgrade);
        behaviour.ending = Some(Ending { after: Duration::from_secs(3), code: 1, reason: "Error" });
    }
    if canonical.ends_with("/db-backup") {
        behaviour.ending = Some(Ending { after: Duration::from_secs(25), code: 0, reason: "Completed" });
    } else if is_shell(&canonical) {
        behaviour.ending = script(container);
    }
    let limit = bytes(text(container, "/resources/limits/memory"));
    if limit > 0 && u64::try_from(limit).is_ok_and(|limit| limit < behaviour.memory) {
        behaviour.ending = Some(Ending { after: Duration::from_secs(5), code: 137, reason: "OOMKilled" });
    }
    Ok(behaviour)
}

/// The value of a container's environment variable, when it is given as plain text.
pub fn env<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    items(container, "/env").iter().find(|pair| pair["name"] == name)?.get("value")?.as_str()
}

/// How what a shell is told ends. Of all commands it knows `sleep` and `exit`, `true` and `false`;
/// whatever else it is told takes a second. Without a terminal and a command it reads the end of
/// its input and goes.
fn script(container: &Value) -> Option<Ending> {
    let told: Vec<&str> =
        ["/command", "/args"].iter().flat_map(|part| items(container, part)).filter_map(Value::as_str).collect();
    let told = told.join(" ");
    let words: Vec<&str> =
        told.split(|c: char| c.is_whitespace() || c == ';').filter(|word| !word.is_empty()).collect();
    let after =
        |command: &str| words.iter().position(|word| *word == command).and_then(|at| words.get(at + 1).copied());
    let seconds = match after("sleep") {
        Some("infinity" | "inf") => return None,
        Some(seconds) => seconds.trim_end_matches('s').parse().unwrap_or(1),
        None => 1,
    };
    let code = if words.contains(&"false") { 1 } else { after("exit").and_then(|code| code.parse().ok()).unwrap_or(0) };
    let reason = if code == 0 { "Completed" } else { "Error" };
    Some(Ending { after: Duration::from_secs(seconds), code, reason })
}

fn is_shell(repository: &str) -> bool {
    ["/busybox", "/alpine", "/debian", "/ubuntu"].iter().any(|shell| repository.ends_with(shell))
}

/// Splits `path:tag`; without a tag it is `latest`.
fn split(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        // A colon before a slash belongs to a port.
        Some((path, tag)) if !tag.contains('/') => (path, tag),
        _ => (image, "latest"),
    }
}

/// The full name that the runtime resolves a short one to.
fn canonical(path: &str) -> String {
    match path.split_once('/') {
        None => format!("docker.io/library/{path}"),
        Some((host, _)) if host.contains('.') || host.contains(':') || host == "localhost" => path.to_owned(),
        Some(_) => format!("docker.io/{path}"),
    }
}

fn has_tag(repository: &Repository, tag: &str) -> bool {
    if !repository.tags.is_empty() {
        return repository.tags.contains(&tag);
    }
    let version = tag.split('-').next().unwrap_or_default();
    ["latest", "stable", "alpine", "bookworm", "noble"].contains(&version)
        || (!version.is_empty() && version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_bad_release_breaks_only_with_its_new_table() {
        let bad = json!({"image": "registry.example.com/shop/payment:2.4.0", "env": [{"name": "PRICING_TABLE", "value": "v2"}]});
        let mended = json!({"image": "registry.example.com/shop/payment:2.4.0"});
        assert!(of_container(&json!({}), &bad).unwrap().fails > 0.0);
        assert_eq!(of_container(&json!({}), &mended).unwrap().plight, None);
    }

    #[test]
    fn unknown_tags_and_too_little_memory_fail_as_they_would() {
        let behaves = |container: &Value| of_container(&json!({}), container);
        let unknown = json!({"image": "registry.example.com/shop/payment:9.9.9"});
        assert!(behaves(&unknown).unwrap_err().0.ends_with("payment:9.9.9: not found"));
        assert!(behaves(&json!({"image": "nginx:1.27-alpine"})).is_ok());
        assert!(behaves(&json!({"image": "nginx:nope"})).is_err());
        let told = |command: &str| {
            let shell = json!({"image": "busybox", "command": ["sh", "-c", command]});
            behaves(&shell).unwrap().ending.map(|ending| (ending.after.as_secs(), ending.code))
        };
        assert_eq!(told("sleep 5; exit 3"), Some((5, 3)));
        assert_eq!((told("echo done"), told("sleep infinity")), (Some((1, 0)), None));
        let small = json!({"image": "nginx", "resources": {"limits": {"memory": "8Mi"}}});
        assert_eq!(behaves(&small).unwrap().ending.unwrap().reason, "OOMKilled");
    }
}
