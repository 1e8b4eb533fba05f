//! Kill -9 at every step of a rollback: at each request that it sends, before the server sees it and after the server has
//! answered. Whatever was killed, the audit log stays whole, and the next start says what became of it, rightly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// What is waited for is another process: real time passes.
#![allow(clippy::disallowed_methods)]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::killed::{self, Cut, Road};
use support::lab::Lab;
use support::{home, json_lines, opsdeck};
use tempfile::TempDir;

/// The lab, and a road to it on which runs are killed.
struct World {
    lab: Lab,
    directory: TempDir,
    road: Arc<Mutex<Road>>,
}

impl World {
    fn start() -> Self {
        let directory = home();
        let lab = Lab::serve("--demo=bad-deploy", directory.path());
        let road = Arc::new(Mutex::new(Road::default()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = lab.kubernetes();
        let text = std::fs::read_to_string(directory.path().join("kubeconfig")).unwrap();
        let cut = text.replace(&url, &format!("http://{}", listener.local_addr().unwrap()));
        assert_ne!(cut, text, "the kubeconfig names {url}");
        std::fs::write(directory.path().join("kubeconfig-cut"), cut).unwrap();
        let (address, shared) = (url.trim_start_matches("http://").to_owned(), road.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                carry(client, &address, &shared);
            }
        });
        Self { lab, directory, road }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn audit(&self) -> PathBuf {
        self.file("state/opsdeck/audit/audit.jsonl")
    }

    /// A rollback that is killed at a request. Gives the requests that it sent.
    fn killed(&self, at: usize, cut: Cut) -> Vec<String> {
        let mut run = support::process(self.directory.path());
        run.arg("--kubeconfig").arg(self.file("kubeconfig-cut")).arg("--config").arg(self.file("opsdeck.toml"));
        run.args(["rollback", "deployment/payment", "-n", "shop", "--yes"]);
        killed::run(run, &self.road, Some((at, cut)), |_| {})
    }

    /// The next start, which changes nothing itself; what it says of the crash.
    fn next_start(&self) -> Vec<String> {
        let mut run = self.lab.opsdeck();
        let output = run.args(["rollback", "deployment/payment", "-n", "shop", "--dry-run"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        said.lines().filter(|line| line.starts_with("after a crash: ")).map(str::to_owned).collect()
    }

    /// The image that the lab's object has.
    fn image(&self) -> String {
        self.lab.payment()["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
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
            if ["GET /", "POST /", "PATCH /"].iter().any(|method| buffer[..count].starts_with(method.as_bytes())) {
                match road.lock().unwrap().passes(&buffer[..count]) {
                    Some(Cut::Before) => break,
                    Some(Cut::After) => *is_last.lock().unwrap() = true,
                    None => {}
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
