//! etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok, with RBAC and an audit log.

use std::path::{Path, PathBuf};

use super::certificates::Certificates;
use super::process::{Process, StartError};
use super::{Site, answers, apply, kubeconfig, kubectl, nodes, write};

const AUDIT_POLICY: &str = include_str!("audit-policy.yaml");
const PEOPLE: &str = include_str!("rbac.yaml");
/// Who signs the tokens of service accounts, and for whom.
pub const ISSUER: &str = "https://kubernetes.default.svc";

/// The cluster's own servers.
pub struct ControlPlane {
    /// Where the API is.
    pub url: String,
    /// Keys and certificates.
    pub certificates: Certificates,
    /// The store.
    pub etcd: Process,
    /// Where the store is, for tests that go behind the API server's back.
    pub etcd_url: String,
    /// The API server.
    pub apiserver: Process,
    /// Deployments, ReplicaSets, … are its work.
    pub controllers: Process,
    /// Which node a pod goes to.
    pub scheduler: Process,
    /// The nodes and the life of pods.
    pub kwok: Process,
    directory: PathBuf,
}

impl ControlPlane {
    pub(super) fn start(site: &mut Site<'_>, certificates: Certificates, leases: bool) -> Result<Self, StartError> {
        let (etcd, etcd_url) = etcd(site)?;
        let kubelet = site.ports.take("kwok")?;
        let (apiserver, url) = apiserver(site, &certificates, &etcd_url)?;
        let admin = kubeconfig::path(site.directory, "admin");
        let controllers = controllers(site, &certificates, &admin, leases)?;
        let scheduler = scheduler(site, &certificates, &admin, leases)?;
        let kwok = nodes::start(site, &certificates, &admin, kubelet)?;
        let plane = Self {
            url,
            certificates,
            etcd,
            etcd_url,
            apiserver,
            controllers,
            scheduler,
            kwok,
            directory: site.directory.to_owned(),
        };
        plane.furnish()?;
        Ok(plane)
    }

    /// The administrator's kubeconfig.
    pub fn admin(&self) -> PathBuf {
        kubeconfig::path(&self.directory, "admin")
    }

    /// A kubeconfig for `user` with credentials of the test's choice (the inside of a YAML flow mapping).
    pub fn kubeconfig_with(&self, authority: &Path, user: &str, credentials: &str) -> String {
        kubeconfig::text(&self.url, authority, user, "shop", credentials)
    }

    /// A kubeconfig for one of the people with a token, whose own namespace is `namespace`.
    pub fn kubeconfig_of(&self, user: &str, namespace: &str) -> String {
        let token = format!("token: {}", kubeconfig::token(user));
        kubeconfig::text(&self.url, &self.certificates.authority, user, namespace, &token)
    }

    /// Waits until the API server answers, as after a restart.
    pub fn until_ready(&mut self) -> Result<(), StartError> {
        let admin = self.admin();
        self.apiserver.until(|| ready(&admin))
    }

    /// Every entry of the API server's audit log so far.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.directory.join("apiserver-audit.log")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Stops etcd and the API server, throws the store away, and starts both again: a cluster that lost everything.
    pub fn start_over(&mut self) -> Result<(), StartError> {
        self.apiserver.kill();
        self.etcd.kill();
        let data = self.directory.join("etcd");
        std::fs::remove_dir_all(&data).map_err(|error| StartError(format!("{}: {error}", data.display())))?;
        self.etcd.restart()?;
        self.apiserver.restart()?;
        self.until_ready()?;
        // They watch from versions that the new store has not reached, and would see nothing for long.
        for watching in [&mut self.controllers, &mut self.scheduler, &mut self.kwok] {
            watching.restart()?;
        }
        self.furnish()
    }

    /// Namespaces, people and nodes.
    fn furnish(&self) -> Result<(), StartError> {
        let manifest = self.directory.join("people.yaml");
        write(&manifest, PEOPLE)?;
        let admin = self.admin();
        apply(&admin, &manifest)?;
        nodes::furnish(&admin, &self.directory)
    }
}

/// A part of the stack that serves its health over TLS on a port of its own.
fn secure_port(site: &mut Site<'_>, certificates: &Certificates, name: &str) -> Result<(u16, Vec<String>), StartError> {
    let port = site.ports.take(name)?;
    let arguments = vec![
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", certificates.serving.0.display()),
        format!("--tls-private-key-file={}", certificates.serving.1.display()),
    ];
    Ok((port, arguments))
}

fn etcd(site: &mut Site<'_>) -> Result<(Process, String), StartError> {
    let client = format!("http://127.0.0.1:{}", site.ports.take("etcd")?);
    let peer = format!("http://127.0.0.1:{}", site.ports.take("etcd's peers")?);
    let arguments = vec![
        format!("--data-dir={}", site.directory.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // Nothing here has to survive a power cut.
        "--unsafe-no-fsync".into(),
        "--log-level=warn".into(),
    ];
    let mut process = Process::start("etcd", &site.parts.join("etcd"), arguments, site.directory)?;
    let health = format!("{client}/health");
    process.until(|| answers(&health))?;
    Ok((process, client))
}

fn apiserver(site: &mut Site<'_>, certificates: &Certificates, etcd: &str) -> Result<(Process, String), StartError> {
    let file = |name: &str| site.directory.join(name);
    write(&file("audit-policy.yaml"), AUDIT_POLICY)?;
    let people = kubeconfig::PEOPLE.map(|user| format!("{},{user},{user}", kubeconfig::token(user)));
    write(&file("tokens.csv"), &people.join("\n"))?;
    let path = |name: &str| file(name).display().to_string();
    let mut own = vec![
        format!("--etcd-servers={etcd}"),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        "--authorization-mode=Node,RBAC".into(),
        format!("--client-ca-file={}", certificates.authority.display()),
        format!("--token-auth-file={}", path("tokens.csv")),
        format!("--service-account-issuer={ISSUER}"),
        format!("--service-account-key-file={}", certificates.accounts.display()),
        format!("--service-account-signing-key-file={}", certificates.accounts.display()),
        format!("--proxy-client-cert-file={}", certificates.admin.0.display()),
        format!("--proxy-client-key-file={}", certificates.admin.1.display()),
        format!("--requestheader-client-ca-file={}", certificates.authority.display()),
        "--requestheader-allowed-names=admin".into(),
        "--requestheader-username-headers=X-Remote-User".into(),
        "--requestheader-group-headers=X-Remote-Group".into(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
        format!("--kubelet-client-certificate={}", certificates.admin.0.display()),
        format!("--kubelet-client-key={}", certificates.admin.1.display()),
        "--kubelet-preferred-address-types=InternalIP".into(),
        format!("--audit-policy-file={}", path("audit-policy.yaml")),
        format!("--audit-log-path={}", path("apiserver-audit.log")),
        "--audit-log-mode=blocking".into(),
        // Two cores serve everything here.
        "--enable-priority-and-fairness=false".into(),
    ];
    let (port, secure) = secure_port(site, certificates, "kube-apiserver")?;
    own.extend(secure);
    let url = format!("https://127.0.0.1:{port}");
    kubeconfig::write_all(site.directory, &url, certificates)?;
    let admin = kubeconfig::path(site.directory, "admin");
    let mut process = Process::start("kube-apiserver", &site.parts.join("kube-apiserver"), own, site.directory)?;
    process.until(|| ready(&admin))?;
    Ok((process, url))
}

fn controllers(
    site: &mut Site<'_>,
    certificates: &Certificates,
    admin: &Path,
    leases: bool,
) -> Result<Process, StartError> {
    let (port, mut arguments) = secure_port(site, certificates, "kube-controller-manager")?;
    arguments.extend([
        format!("--kubeconfig={}", admin.display()),
        format!("--authentication-kubeconfig={}", admin.display()),
        format!("--authorization-kubeconfig={}", admin.display()),
        "--authorization-always-allow-paths=/healthz".into(),
        format!("--service-account-private-key-file={}", certificates.accounts.display()),
        format!("--root-ca-file={}", certificates.authority.display()),
        "--use-service-account-credentials=false".into(),
        format!("--leader-elect={leases}"),
        "--kube-api-qps=200".into(),
        "--kube-api-burst=400".into(),
        "--horizontal-pod-autoscaler-sync-period=3s".into(),
        "--horizontal-pod-autoscaler-initial-readiness-delay=1s".into(),
        "--horizontal-pod-autoscaler-cpu-initialization-period=5s".into(),
    ]);
    let program = site.parts.join("kube-controller-manager");
    let mut process = Process::start("kube-controller-manager", &program, arguments, site.directory)?;
    process.until(|| answers(&format!("https://127.0.0.1:{port}/healthz")))?;
    Ok(process)
}

fn scheduler(
    site: &mut Site<'_>,
    certificates: &Certificates,
    admin: &Path,
    leases: bool,
) -> Result<Process, StartError> {
    let (port, mut arguments) = secure_port(site, certificates, "kube-scheduler")?;
    arguments.extend([
        format!("--kubeconfig={}", admin.display()),
        format!("--authentication-kubeconfig={}", admin.display()),
        format!("--authorization-kubeconfig={}", admin.display()),
        "--authorization-always-allow-paths=/healthz".into(),
        format!("--leader-elect={leases}"),
        "--kube-api-qps=200".into(),
        "--kube-api-burst=400".into(),
    ]);
    let mut process = Process::start("kube-scheduler", &site.parts.join("kube-scheduler"), arguments, site.directory)?;
    process.until(|| answers(&format!("https://127.0.0.1:{port}/healthz")))?;
    Ok(process)
}

fn ready(admin: &Path) -> bool {
    let readyz = ["get", "--raw=/readyz", "--request-timeout=5s"];
    kubectl(admin, &readyz).is_ok_and(|output| output.status.success())
}
