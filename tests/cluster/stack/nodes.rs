//! kwok: six nodes, and pods that run, become ready, crash and log.

use std::path::Path;

use chrono::{SecondsFormat, Utc};

use super::certificates::Certificates;
use super::process::{Process, StartError};
use super::{Site, answers, apply, write};

const LIFE: &str = include_str!("kwok.yaml");
/// How the nodes are called; the letter is their zone.
pub const NODES: [&str; 6] = ["worker-a1", "worker-a2", "worker-b1", "worker-b2", "worker-c1", "worker-c2"];
/// What every container logs, in the format of the container runtime interface: time, stream, full or partial, text.
const LOG: &str = "\
@NOW@ stdout F level=info msg=\"listening\" port=8080
@NOW@ stderr F level=error msg=\"could not load pricing table\" key=eu_vat
";

pub(super) fn start(
    site: &mut Site<'_>,
    certificates: &Certificates,
    admin: &Path,
    port: u16,
) -> Result<Process, StartError> {
    let log = site.directory.join("container.log");
    write(&log, &LOG.replace("@NOW@", &Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true)))?;
    let life = site.directory.join("kwok.yaml");
    let metrics = std::fs::read_to_string(site.parts.join("kwok-metrics.yaml"))
        .map_err(|error| StartError(format!("kwok-metrics.yaml of tests/cluster/build: {error}")))?;
    write(&life, &format!("{}---\n{metrics}", LIFE.replace("@LOGS@", &log.display().to_string())))?;
    let arguments = vec![
        format!("--kubeconfig={}", admin.display()),
        format!("--config={}", life.display()),
        "--manage-all-nodes=true".into(),
        "--node-ip=127.0.0.1".into(),
        format!("--node-port={port}"),
        format!("--server-address=127.0.0.1:{port}"),
        format!("--tls-cert-file={}", certificates.serving.0.display()),
        format!("--tls-private-key-file={}", certificates.serving.1.display()),
        "--node-lease-duration-seconds=40".into(),
    ];
    let mut process = Process::start("kwok", &site.parts.join("kwok"), arguments, site.directory)?;
    process.until(|| answers(&format!("https://127.0.0.1:{port}/healthz")))?;
    Ok(process)
}

/// Makes the nodes.
pub(super) fn furnish(admin: &Path, directory: &Path) -> Result<(), StartError> {
    let node = |name: &&str| {
        let zone = &name[..name.len() - 1];
        format!(
            "apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n  labels: {{kubernetes.io/hostname: {name}, \
             topology.kubernetes.io/zone: {zone}, kubernetes.io/os: linux}}\n  annotations: \
             {{metrics.k8s.io/resource-metrics-path: /metrics/nodes/{name}/metrics/resource}}\n"
        )
    };
    let manifest = directory.join("nodes.yaml");
    write(&manifest, &NODES.iter().map(node).collect::<Vec<_>>().join("---\n"))?;
    apply(admin, &manifest)
}
