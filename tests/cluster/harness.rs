//! The harness itself: what is missing or in the way stops it with one line, and no server outlives it.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use crate::backend::until;
use crate::stack::process::find;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("a_port_in_use_stops_it_with_one_line", Body::Own(port_in_use)),
    Case::new("a_missing_tool_stops_it_with_one_line", Body::Own(missing_tool)),
    Case::new("no_server_outlives_a_killed_suite", Body::Own(killed)),
    Case::new("no_server_outlives_a_suite_that_is_told_to_stop", Body::Own(told_to_stop)),
];

/// Every process that is started here, and everything that it starts, carries this in its environment.
const MARK: &str = "OPSDECK_HARNESS_MARK";
/// Enough for a whole stack.
const PORTS: u16 = 24;
/// Which of them is the API server's: etcd runs by then.
const API_SERVER: u16 = 3;
/// Every tool that the harness runs.
const TOOLS: [&str; 13] = [
    "kubectl",
    "openssl",
    "curl",
    "setpriv",
    "kill",
    "prometheus",
    "promtool",
    "prometheus-alertmanager",
    "sh",
    "node",
    "npm",
    "psql",
    "python3",
];

/// The suite as a process of its own, which brings a stack up.
struct Suite {
    mark: String,
    command: Command,
    directory: TempDir,
}

impl Suite {
    fn new(binaries: &Path, name: &str, arguments: &[&str]) -> Self {
        let mark = format!("{name}-{}", std::process::id());
        let directory = tempfile::Builder::new().prefix("opsdeck-harness").tempdir().unwrap();
        // The database runs as somebody else, who has to pass through.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg("up")
            .args(arguments)
            .env(MARK, &mark)
            .env("OPSDECK_TEST_PARTS", binaries)
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { mark, command, directory }
    }

    /// Runs it to its end, which has to be a failure; what it said.
    fn fails(mut self) -> String {
        let output = self.command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success(), "{out}{err}");
        assert_eq!(out, "", "nothing is up");
        assert_eq!(err.trim().lines().count(), 1, "one line:\n{err}");
        self.nothing_is_left();
        let left: Vec<_> = std::fs::read_dir(self.directory.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        err.trim().to_owned()
    }

    /// Starts it and waits until all is up.
    fn comes_up(&mut self) -> Child {
        let mut suite = self.command.spawn().unwrap();
        let lines = BufReader::new(suite.stdout.take().unwrap()).lines();
        let up = lines.map_while(Result::ok).any(|line| line.contains("takes it down"));
        assert!(up, "it comes up");
        let running = processes(&self.mark);
        assert!(running.len() > 8, "the suite and its servers: {running:?}");
        suite
    }

    fn nothing_is_left(&self) {
        until(&format!("no process of {}: {:?}", self.mark, processes(&self.mark)), || {
            processes(&self.mark).is_empty()
        });
    }
}

impl Drop for Suite {
    /// A case that fails because something stayed must not leave it.
    fn drop(&mut self) {
        for (process, _) in marked(&self.mark) {
            let _ = Command::new("kill").args(["-KILL", &process]).status();
        }
    }
}

/// The command lines of what carries the mark. A process that has ended and waits to be collected carries nothing.
fn processes(mark: &str) -> Vec<String> {
    marked(mark).into_iter().map(|(_, command)| command).collect()
}

/// Process ids and command lines.
fn marked(mark: &str) -> Vec<(String, String)> {
    let variable = format!("{MARK}={mark}");
    let read = |process: &Path, file: &str| std::fs::read(process.join(file)).unwrap_or_default();
    std::fs::read_dir("/proc")
        .unwrap()
        .map_while(Result::ok)
        .map(|entry| entry.path())
        .filter(|process| read(process, "environ").split(|byte| *byte == 0).any(|one| one == variable.as_bytes()))
        .filter_map(|process| {
            let command = String::from_utf8_lossy(&read(&process, "cmdline")).replace('\0', " ");
            Some((process.file_name()?.to_str()?.to_owned(), command.chars().take(80).collect()))
        })
        .collect()
}

/// A row of ports that are free now, and another one each time: cases run at the same time.
fn free_row() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let own = 23_000 + u16::try_from(std::process::id() % 200).unwrap() * PORTS;
    let rows = std::iter::repeat_with(|| own + GIVEN.fetch_add(1, Ordering::Relaxed) * PORTS);
    rows.take_while(|first| *first < 32_000).find(|first| (*first..*first + PORTS).all(free)).expect("free ports")
}

fn port_in_use(binaries: &Path) {
    let first = free_row();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + API_SERVER)).unwrap();
    let message = Suite::new(binaries, "port", &["--ports-from", &first.to_string()]).fails();
    for word in [&(first + API_SERVER).to_string(), "kube-apiserver", "in use", "--ports-from"] {
        assert!(message.contains(word), "{word} is not said: {message}");
    }
    drop(taken);
}

fn missing_tool(binaries: &Path) {
    for (missing, package) in [
        ("kubectl", "kubernetes-client"),
        ("openssl", "openssl"),
        ("curl", "curl"),
        ("prometheus", "prometheus"),
        ("prometheus-alertmanager", "prometheus-alertmanager"),
        ("node", "nodejs"),
        ("psql", "postgresql"),
        ("python3", "python3-venv"),
    ] {
        let path = tempfile::tempdir().unwrap();
        for tool in TOOLS.iter().filter(|tool| **tool != missing) {
            std::os::unix::fs::symlink(find(tool).expect("every tool is here"), path.path().join(tool)).unwrap();
        }
        let mut suite = Suite::new(binaries, missing, &[]);
        suite.command.env("PATH", path.path()).args(["--ports-from", &free_row().to_string()]);
        let message = suite.fails();
        println!("{message}");
        assert!(message.contains(&format!("{missing} is not installed")), "{message}");
        assert!(message.contains(&format!("apt-get install {package}")), "{message}");
    }
}

fn killed(binaries: &Path) {
    let mut suite = Suite::new(binaries, "killed", &["--ports-from", &free_row().to_string()]);
    let mut running = suite.comes_up();
    running.kill().unwrap();
    running.wait().unwrap();
    suite.nothing_is_left();
}

fn told_to_stop(binaries: &Path) {
    for signal in ["INT", "TERM"] {
        let mut suite = Suite::new(binaries, signal, &["--ports-from", &free_row().to_string()]);
        let mut running = suite.comes_up();
        let told = Command::new("kill").arg(format!("-{signal}")).arg(running.id().to_string()).status();
        assert!(told.unwrap().success());
        assert!(running.wait().unwrap().success(), "it ends well at SIG{signal}");
        // Not a moment later: taking down is done before it ends.
        assert_eq!(processes(&suite.mark), Vec::<String>::new());
        assert_eq!(std::fs::read_dir(suite.directory.path()).unwrap().count(), 0, "no files stay");
    }
}
