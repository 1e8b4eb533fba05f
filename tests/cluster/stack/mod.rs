//! The real counterparts, on loopback, without containers: etcd, the Kubernetes control plane with kwok as its nodes,
//! metrics-server, Argo Rollouts, Prometheus, a pair of Alertmanagers, Unleash on PostgreSQL, and Synapse.
//!
//! [`Stack::start`] brings up what [`Parts`] asks for; dropping the [`Stack`] takes everything down again.
//!
//! Adding a counterpart: a file here with a function that starts its [`Process`] and waits until it answers, a field of
//! [`Parts`], and its line in [`Stack::start`]. If it comes as a Go module: a `tool` in `../go.mod` and a line in
//! `../build`; if as a Debian package: a line in `.ci/run`; if from npm: a folder beside `../unleash` with its lock file;
//! if from PyPI: one beside `../synapse`.

mod argo;
pub mod certificates;
pub mod control_plane;
pub mod exporter;
mod feature_flags;
mod kubeconfig;
mod metrics_server;
pub mod monitoring;
mod nodes;
pub mod process;
pub mod synapse;
pub mod unleash;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use self::certificates::Certificates;
pub use self::control_plane::ControlPlane;
pub use self::monitoring::Monitoring;
use self::process::{Ports, Process, StartError, find};
use self::synapse::{Limits, Synapse};
pub use self::unleash::Unleash;

/// What to bring up beside the control plane and its nodes.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "a list of what to switch on")]
pub struct Parts {
    /// metrics-server, for the `metrics.k8s.io` API.
    pub metrics: bool,
    /// The Argo Rollouts controller and its CRDs.
    pub argo: bool,
    /// The OpenFeature operator's definition of FeatureFlags.
    pub feature_flags: bool,
    /// Prometheus and two Alertmanagers.
    pub monitoring: bool,
    /// Unleash and its database.
    pub flags: bool,
    /// Synapse, with its usual limits.
    pub chat: bool,
    /// The controllers elect leaders, and so hold leases that tell whether they live. They end when they cannot renew
    /// them, which a test that stops the API server has no use for.
    pub leases: bool,
}

impl Parts {
    /// Everything there is.
    pub const ALL: Self = Self {
        metrics: true,
        argo: true,
        feature_flags: true,
        monitoring: true,
        flags: true,
        chat: true,
        leases: false,
    };
    /// A control plane with nodes, no more.
    pub const CLUSTER: Self = Self {
        metrics: false,
        argo: false,
        feature_flags: false,
        monitoring: false,
        flags: false,
        chat: false,
        leases: false,
    };
}

/// A running stack.
pub struct Stack {
    /// etcd, API server, controllers, scheduler, nodes.
    pub control_plane: ControlPlane,
    /// Prometheus, Alertmanagers and what they watch.
    pub monitoring: Option<Monitoring>,
    /// Feature flags.
    pub flags: Option<Unleash>,
    /// Chat.
    pub chat: Option<Synapse>,
    _extras: Vec<Process>,
    /// After the processes, so that it outlives them.
    directory: TempDir,
}

/// Where things are while a stack comes up.
struct Site<'a> {
    /// The binaries that `build` made.
    parts: &'a Path,
    /// Files of this stack.
    directory: &'a Path,
    /// Ports that are still to be had.
    ports: &'a mut Ports,
}

impl Stack {
    /// Brings it up. `parts` is the folder that `tests/cluster/build` printed.
    pub fn start(binaries: &Path, parts: Parts, mut ports: Ports) -> Result<Self, StartError> {
        let tools = [("kubectl", "kubernetes-client"), ("curl", "curl"), ("openssl", "openssl"), ("kill", "procps")];
        let monitoring = [
            ("prometheus", "prometheus"),
            ("promtool", "prometheus"),
            ("prometheus-alertmanager", "prometheus-alertmanager"),
        ];
        let flags = [("node", "nodejs"), ("npm", "npm"), ("psql", "postgresql")];
        let wanted = tools.iter().chain(monitoring.iter().filter(|_| parts.monitoring));
        // Before anything starts, not when most of it is up.
        let wanted = wanted.chain(flags.iter().filter(|_| parts.flags)).chain(CHAT.iter().filter(|_| parts.chat));
        for (program, package) in wanted {
            require(program, package)?;
        }
        let directory = tempfile::Builder::new()
            .prefix("opsdeck-cluster")
            .tempdir()
            .map_err(|error| StartError(format!("no directory for the stack: {error}")))?;
        let mut site = Site { parts: binaries, directory: directory.path(), ports: &mut ports };
        let certificates = Certificates::make(site.directory)?;
        let control_plane = ControlPlane::start(&mut site, certificates, parts.leases)?;
        // It takes a while by itself: the others come up meanwhile.
        let flags = if parts.flags { Some(Unleash::launch(&mut site)?) } else { None };
        let chat = if parts.chat { Some(Synapse::launch(&mut site, Limits::Usual)?) } else { None };
        let mut extras = Vec::new();
        if parts.metrics {
            extras.push(metrics_server::start(&mut site, &control_plane)?);
        }
        if parts.argo {
            extras.push(argo::start(&mut site, &control_plane)?);
        }
        if parts.feature_flags {
            feature_flags::install(&site, &control_plane)?;
        }
        let monitoring = if parts.monitoring { Some(Monitoring::start(&mut site)?) } else { None };
        let flags = flags.map(Unleash::ready).transpose()?;
        let chat = chat.map(Synapse::ready).transpose()?;
        Ok(Self { control_plane, monitoring, flags, chat, _extras: extras, directory })
    }

    /// Files of this stack: kubeconfigs, logs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The kubeconfig of `admin`, `editor` or `viewer`.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        kubeconfig::path(self.directory(), user)
    }

    /// A configuration file for the console that names this stack's Prometheus and Alertmanagers.
    pub fn configuration(&self) -> PathBuf {
        let path = self.directory().join("opsdeck.toml");
        let text = self.monitoring.as_ref().map(Monitoring::configuration).unwrap_or_default();
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("{}: {error}", path.display());
        }
        path
    }
}

/// What a homeserver takes: programs and the packages that bring them.
const CHAT: [(&str, &str); 3] = [("python3", "python3-venv"), ("curl", "curl"), ("openssl", "openssl")];

/// A program that has to be on the search path.
fn require(program: &str, package: &str) -> Result<PathBuf, StartError> {
    find(program).ok_or_else(|| StartError(format!("{program} is not installed: apt-get install {package}")))
}

/// Does it answer at all, whatever it says? For servers that speak HTTP.
fn answers(url: &str) -> bool {
    Command::new("curl").args(["-fsk", "-m", "5", "-o", "/dev/null", url]).status().is_ok_and(|status| status.success())
}

/// Runs kubectl with a kubeconfig.
pub fn kubectl(kubeconfig: &Path, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("kubectl").args(arguments).env("KUBECONFIG", kubeconfig).env("HOME", "/nonexistent").output()
}

/// Applies manifests while the stack comes up.
fn apply(kubeconfig: &Path, manifest: &Path) -> Result<(), StartError> {
    let path = manifest.display().to_string();
    let output = kubectl(kubeconfig, &["apply", "--server-side", "-f", &path])
        .map_err(|error| StartError(format!("kubectl: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError(format!("kubectl apply -f {path}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// Writes a file of the stack.
fn write(path: &Path, text: &str) -> Result<(), StartError> {
    std::fs::write(path, text).map_err(|error| StartError(format!("cannot write {}: {error}", path.display())))
}
