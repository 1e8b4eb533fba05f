//! What a case runs on: a cluster behind a kubeconfig, whoever serves it, and a namespace of its own on it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::flags::server::FlagServer;
use crate::stack::Stack;
use crate::stack::process::has;
use crate::support::{Console, PATIENCE, home, opsdeck, process};

/// Between two looks at something that has to change.
const LOOK: Duration = Duration::from_millis(200);

/// Tells namespaces of one process apart.
static PLACES: AtomicU32 = AtomicU32::new(0);

/// A cluster.
pub struct Backend {
    /// An administrator's.
    pub kubeconfig: PathBuf,
    /// What the console is told about monitoring.
    configuration: Option<PathBuf>,
    alive: Alive,
}

/// What has to stay while it is used.
enum Alive {
    Lab(LabProcess),
    Stack(Arc<Stack>),
    Elsewhere,
}

struct LabProcess {
    server: Child,
    directory: TempDir,
}

impl Drop for LabProcess {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Cases compare with kubectl. In CI it must be there.
pub fn kubectl_is_there() -> bool {
    let found = has("kubectl");
    assert!(found || std::env::var_os("OPSDECK_REQUIRE_CLIENTS").is_none(), "kubectl is not installed");
    found
}

impl Backend {
    /// A lab of its own, in which nothing is wrong.
    pub fn lab() -> Self {
        let directory = home();
        let mut server = Command::new(assert_cmd::cargo::cargo_bin("opsdeck"))
            .args(["--demo=calm", "lab", "serve", "--dir"])
            .arg(directory.path())
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The server prints its addresses once it answers.
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("KUBECONFIG"));
        assert!(ready, "lab serve says how to reach it");
        std::thread::spawn(move || lines.for_each(drop));
        let file = |name: &str| directory.path().join(name);
        Self {
            kubeconfig: file("kubeconfig"),
            configuration: Some(file("opsdeck.toml")),
            alive: Alive::Lab(LabProcess { server, directory }),
        }
    }

    /// The real control plane.
    pub fn real(stack: &Arc<Stack>) -> Self {
        Self {
            kubeconfig: stack.kubeconfig("admin"),
            configuration: Some(stack.configuration()),
            alive: Alive::Stack(Arc::clone(stack)),
        }
    }

    /// Any other cluster.
    pub const fn given(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig, configuration: None, alive: Alive::Elsewhere }
    }

    /// Its flag server; none on a cluster that is not ours.
    pub fn flags(&self) -> Option<FlagServer<'_>> {
        match &self.alive {
            Alive::Lab(lab) => Some(FlagServer::of_lab(lab.directory.path())),
            Alive::Stack(stack) => stack.flags.as_ref().map(FlagServer::real),
            Alive::Elsewhere => None,
        }
    }

    /// A namespace of its own on it.
    pub fn place(&self, name: &str) -> Place {
        Place::new(&self.kubeconfig, self.configuration.as_deref(), name)
    }
}

/// A namespace, kubectl and the console in it. Dropping it deletes the namespace.
pub struct Place {
    /// Its name.
    pub namespace: String,
    /// Home of the console: its records are there.
    pub home: TempDir,
    /// kubectl's: an administrator's.
    kubeconfig: PathBuf,
    /// The console's; the same unless a case is about somebody else.
    console: PathBuf,
    configuration: Option<PathBuf>,
}

impl Place {
    fn new(kubeconfig: &Path, configuration: Option<&Path>, name: &str) -> Self {
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let place = Self {
            namespace: format!("opsdeck-{name}-{}-{number}", std::process::id()),
            home: home(),
            kubeconfig: kubeconfig.to_owned(),
            console: kubeconfig.to_owned(),
            configuration: configuration.map(Path::to_owned),
        };
        place.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n", place.namespace));
        place
    }

    /// A namespace on the real stack, with the console in the hands of its administrator.
    pub fn on(stack: &Stack, name: &str) -> Self {
        Self::new(&stack.kubeconfig("admin"), Some(&stack.configuration()), name)
    }

    /// The same, in the hands of `user`.
    pub fn of(stack: &Stack, user: &str, name: &str) -> Self {
        let mut place = Self::on(stack, name);
        place.console = place.home.path().join("kubeconfig");
        std::fs::write(&place.console, stack.control_plane.kubeconfig_of(user, &place.namespace)).unwrap();
        place
    }

    fn command(&self) -> Command {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", self.home.path());
        command
    }

    /// Runs kubectl in the namespace, which must succeed, and gives what it prints.
    pub fn kubectl(&self, arguments: &str) -> String {
        let output = self.command().args(["-n", &self.namespace]).args(arguments.split_whitespace()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {arguments}\n{out}{err}");
        out.into_owned()
    }

    /// One object as JSON.
    pub fn get(&self, object: &str) -> serde_json::Value {
        serde_json::from_str(&self.kubectl(&format!("get {object} -o json"))).unwrap()
    }

    /// Applies manifests.
    pub fn apply(&self, manifest: &str) {
        let mut kubectl = self
            .command()
            .args(["-n", &self.namespace, "apply", "--validate=false", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        kubectl.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
        let output = kubectl.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{manifest}", String::from_utf8_lossy(&output.stderr));
    }

    /// Arguments that lead the console here.
    pub fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["--kubeconfig", self.console.to_str().unwrap()];
        if !more.contains(&"--all-namespaces") {
            arguments.extend(["-n", &self.namespace]);
        }
        if let Some(configuration) = &self.configuration {
            arguments.extend(["--config", configuration.to_str().unwrap()]);
        }
        arguments.extend(more);
        arguments
    }

    /// The console on a pseudo-terminal.
    pub fn console(&self, more: &[&str], size: (u16, u16)) -> Console {
        Console::start(self.home.path(), &self.arguments(more), size)
    }

    /// The console's own audit log.
    pub fn audit_log(&self) -> PathBuf {
        self.home.path().join("state/opsdeck/audit/audit.jsonl")
    }

    /// The binary, for who talks with it while it runs.
    pub fn process(&self, more: &[&str]) -> Command {
        let mut command = process(self.home.path());
        command.args(self.arguments(more));
        command
    }

    /// A subcommand.
    pub fn opsdeck(&self, more: &[&str]) -> Output {
        opsdeck(self.home.path()).args(self.arguments(more)).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.command().args(["delete", "namespace", &self.namespace, "--wait=false"]).output();
    }
}

/// A Deployment whose pods do well on kwok, in the lab and on a cluster that runs containers.
pub fn deployment(name: &str, image: &str, replicas: u32) -> String {
    workload(name, image, replicas, None, "")
}

/// A Deployment whose pods crash in a loop, wherever they run.
pub fn crashing(name: &str, image: &str, replicas: u32) -> String {
    workload(name, image, replicas, Some("crash-loop"), "")
}

/// A Deployment; `spec` is more of its specification, in lines of two spaces.
pub fn workload(name: &str, image: &str, replicas: u32, behaviour: Option<&str>, spec: &str) -> String {
    // kwok and the lab go by the annotation, a kubelet by the command.
    let (annotation, command) = match behaviour {
        Some("crash-loop") => ("annotations: {opsdeck.dev/behaviour: crash-loop}", "sleep 1; exit 1"),
        _ => ("annotations: {}", "sleep 1000000"),
    };
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n{spec}  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n      \
         {annotation}\n    spec:\n      containers:\n      - {{name: app, image: '{image}', command: [sh, -c, '{command}']}}\n"
    )
}

/// Waits until `done` says so; `what` is for the one who reads that it never did.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(LOOK);
    }
}
