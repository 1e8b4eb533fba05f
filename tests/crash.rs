//! Kill -9 at every step of a rollback: at each request that it sends, before the server sees it and after the server has
//! answered. Whatever was killed, the audit log stays whole, and the next start says what became of it, rightly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// What is waited for is another process: real time passes.
#![allow(clippy::disallowed_methods)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::{home, json_lines, opsdeck};
use tempfile::TempDir;

/// Where a run is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The server never sees the request.
    Before,
    /// The server has answered, and nobody hears it.
    After,
}

/// What the road between a run and the lab knows.
#[derive(Default)]
struct Road {
    victim: Option<Child>,
    /// Kill at this request, counted from 1.
    at: usize,
    cut: Option<Cut>,
    /// First lines of the requests of this run.
    seen: Vec<String>,
}

impl Road {
    fn kill(&mut self) {
        if let Some(victim) = &mut self.victim {
            let _ = victim.kill();
        }
    }
}

/// A lab in a process of its own, and a road to it on which runs are killed.
struct World {
    server: Child,
    directory: TempDir,
    lab: String,
    road: Arc<Mutex<Road>>,
}

impl World {
    fn start() -> Self {
        let directory = home();
        let mut server = Command::new(assert_cmd::cargo::cargo_bin("opsdeck"))
            .args(["lab", "serve", "--dir"])
            .arg(directory.path())
            .env_clear()
            .env("HOME", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut lab = String::new();
        for line in lines.map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("Kubernetes") {
                url.trim().clone_into(&mut lab);
            }
            if line.starts_with("try") {
                break;
            }
        }
        let road = Arc::new(Mutex::new(Road::default()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = lab.trim_start_matches("http://").to_owned();
        let text = std::fs::read_to_string(directory.path().join("kubeconfig")).unwrap();
        let cut = text.replace(&lab, &format!("http://{}", listener.local_addr().unwrap()));
        assert_ne!(cut, text, "the kubeconfig names {lab}");
        std::fs::write(directory.path().join("kubeconfig-cut"), cut).unwrap();
        let shared = road.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                carry(client, &address, &shared);
            }
        });
        Self { server, directory, lab, road }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn audit(&self) -> PathBuf {
        self.file("state/opsdeck/audit/audit.jsonl")
    }

    /// A rollback that is killed at a request. Gives the requests that it sent.
    fn killed(&self, at: usize, cut: Cut) -> Vec<String> {
        let mut run = Command::new(assert_cmd::cargo::cargo_bin("opsdeck"));
        run.arg("--kubeconfig").arg(self.file("kubeconfig-cut")).arg("--config").arg(self.file("opsdeck.toml"));
        run.args(["rollback", "deployment/payment", "-n", "shop", "--yes"]);
        run.env_clear().env("HOME", self.directory.path());
        for (name, folder) in [("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state")] {
            run.env(name, self.file(folder));
        }
        run.stdout(Stdio::null()).stderr(Stdio::null());
        {
            let mut road = self.road.lock().unwrap();
            *road = Road { victim: Some(run.spawn().unwrap()), at, cut: Some(cut), seen: Vec::new() };
        }
        // Whoever carries the request kills; here it is only waited for.
        let deadline = std::time::Instant::now() + support::PATIENCE;
        loop {
            let mut road = self.road.lock().unwrap();
            if road.victim.as_mut().unwrap().try_wait().unwrap().is_some() {
                return std::mem::take(&mut road.seen);
            }
            assert!(std::time::Instant::now() < deadline, "request {at} never came: {:?}", road.seen);
            drop(road);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// The next start, which changes nothing itself; what it says of the crash.
    fn next_start(&self) -> Vec<String> {
        let mut run = opsdeck(self.directory.path());
        run.arg("--kubeconfig").arg(self.file("kubeconfig")).arg("--config").arg(self.file("opsdeck.toml"));
        let output = run.args(["rollback", "deployment/payment", "-n", "shop", "--dry-run"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        said.lines().filter(|line| line.starts_with("after a crash: ")).map(str::to_owned).collect()
    }

    /// The image that the lab's object has.
    fn image(&self) -> String {
        let mut server = TcpStream::connect(self.lab.trim_start_matches("http://")).unwrap();
        let path = "/apis/apps/v1/namespaces/shop/deployments/payment";
        write!(server, "GET {path} HTTP/1.0\r\nHost: lab\r\nAuthorization: Bearer {}\r\n\r\n", self.token()).unwrap();
        let mut answer = String::new();
        server.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}")).1;
        let object: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    fn token(&self) -> String {
        let text = std::fs::read_to_string(self.file("kubeconfig")).unwrap();
        let token = text.lines().find_map(|line| line.trim().strip_prefix("token: ").map(str::to_owned));
        token.unwrap_or_default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Carries one connection both ways, and kills where it was told to.
fn carry(mut client: TcpStream, lab: &str, road: &Arc<Mutex<Road>>) {
    let mut server = TcpStream::connect(lab).unwrap();
    let (mut back, mut answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let is_last = Arc::new(Mutex::new(false));
    let (asked, kills) = (is_last.clone(), road.clone());
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = answers.read(&mut buffer) {
            if *asked.lock().unwrap() {
                kills.lock().unwrap().kill();
                break;
            }
            if back.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let road = road.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = client.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count.min(200)]).into_owned();
            if ["GET /", "POST /", "PATCH /"].iter().any(|method| text.starts_with(method)) {
                let mut road = road.lock().unwrap();
                road.seen.push(text.lines().next().unwrap_or_default().to_owned());
                if road.seen.len() == road.at {
                    match road.cut {
                        Some(Cut::Before) => {
                            road.kill();
                            break;
                        }
                        _ => *is_last.lock().unwrap() = true,
                    }
                }
            }
            if server.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    });
}

fn is_patch(request: &str) -> bool {
    request.starts_with("PATCH ") && !request.contains("dryRun")
}

fn records(path: &Path) -> Vec<Value> {
    if path.exists() { json_lines(path) } else { Vec::new() }
}

#[test]
fn a_rollback_killed_at_any_step_is_explained_at_the_next_start() {
    let world = World::start();
    let (mut at, mut sent_at, mut verdicts) = (1, None, Vec::new());
    // Until two requests after the one that changes the object: then it only looks.
    while sent_at.is_none_or(|sent| at <= sent + 2) {
        for cut in [Cut::Before, Cut::After] {
            let (image, before) = (world.image(), records(&world.audit()).len());
            let requests = world.killed(at, cut);
            let patch = requests.iter().position(|request| is_patch(request));
            sent_at = sent_at.or(patch.map(|patch| patch + 1));
            let written = records(&world.audit());
            let intents = written[before..].iter().filter(|record| record["kind"] == "intent").count();
            assert_eq!(intents, usize::from(patch.is_some()), "an intent stands before what is sent: {requests:?}");
            assert!(patch.is_some() || world.image() == image, "changed without a request: {requests:?}");

            let told = world.next_start();
            let changed = world.image() != image;
            let verified = opsdeck(world.directory.path()).args(["audit", "verify"]).output().unwrap();
            assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
            let settled: Vec<Value> = records(&world.audit()).split_off(written.len());
            if patch.is_none() {
                assert_eq!((told.len(), settled.len(), changed), (0, 0, false), "{at} {cut:?}: {told:?}");
                continue;
            }
            let [record] = &settled[..] else { panic!("{at} {cut:?}: {settled:?}") };
            let verdict = if changed { "happened" } else { "did-not-happen" };
            assert_eq!(record["settled"], verdict, "{at} {cut:?}: {record:#}");
            assert_eq!(record["id"], written[written.len() - 1]["id"]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(record["detail"].as_str().unwrap()), "{told:?}");
            verdicts.push(verdict);
            assert!(world.next_start().is_empty(), "it is told once");
        }
        at += 1;
    }
    assert!(verdicts.contains(&"happened") && verdicts.contains(&"did-not-happen"), "{verdicts:?}");
}
