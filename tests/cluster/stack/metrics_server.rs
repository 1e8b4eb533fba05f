//! metrics-server: scrapes kwok's nodes and serves `metrics.k8s.io` through the API server's aggregation layer.

use super::process::{Process, StartError};
use super::{ControlPlane, Site, answers, apply, write};

pub(super) fn start(site: &mut Site<'_>, plane: &ControlPlane) -> Result<Process, StartError> {
    let port = site.ports.take("metrics-server")?;
    let admin = plane.admin();
    let (certificate, key) = &plane.certificates.serving;
    let arguments = vec![
        format!("--kubeconfig={}", admin.display()),
        format!("--authentication-kubeconfig={}", admin.display()),
        format!("--authorization-kubeconfig={}", admin.display()),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", certificate.display()),
        format!("--tls-private-key-file={}", key.display()),
        "--kubelet-use-node-status-port".into(),
        "--kubelet-insecure-tls".into(),
        "--kubelet-preferred-address-types=InternalIP".into(),
        "--metric-resolution=10s".into(),
        "--kubelet-request-timeout=5s".into(),
    ];
    let mut process = Process::start("metrics-server", &site.parts.join("metrics-server"), arguments, site.directory)?;
    process.until(|| answers(&format!("https://127.0.0.1:{port}/livez")))?;
    let manifest = site.directory.join("metrics-server.yaml");
    write(
        &manifest,
        &format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: metrics-server, namespace: kube-system}}\n\
             spec: {{type: ExternalName, externalName: localhost, ports: [{{port: {port}}}]}}\n---\n\
             apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {{name: v1beta1.metrics.k8s.io}}\n\
             spec:\n  group: metrics.k8s.io\n  version: v1beta1\n  groupPriorityMinimum: 100\n  versionPriority: 100\n\
             \x20 insecureSkipTLSVerify: true\n\
             \x20 service: {{name: metrics-server, namespace: kube-system, port: {port}}}\n"
        ),
    )?;
    apply(&admin, &manifest)?;
    Ok(process)
}
