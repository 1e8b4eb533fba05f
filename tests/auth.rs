//! `opsdeck auth` as people use it: piped and typed secrets, on a server that knows one token, with keyrings that hang, in the
//! kernel that runs the tests; and a canary that must be found nowhere but in its place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Console, home, opsdeck};

/// Found nowhere else on this machine. Put together here, so that it stands in no program either.
fn canary() -> String {
    ["canary", "7f3a9c51", "bird"].join("-")
}

/// A Prometheus that takes one token, and looks around while it is asked.
struct Prometheus {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    leaks: Arc<Mutex<Vec<String>>>,
}

impl Prometheus {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, leaks) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (seen, found) = (Arc::clone(&asked), Arc::clone(&leaks));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> =
                    lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                found.lock().unwrap().extend(in_process_list(&canary()));
                let token =
                    head.iter().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or_default();
                seen.lock().unwrap().push(token.to_owned());
                let (status, body) = if token != canary() {
                    ("401 Unauthorized", "{}".to_owned())
                } else if head[0].contains("time%28%29") {
                    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
                    (
                        "200 OK",
                        format!(r#"{{"status":"success","data":{{"resultType":"scalar","result":[{now},"{now}"]}}}}"#),
                    )
                } else if head[0].contains("/rules") {
                    ("200 OK", r#"{"status":"success","data":{"groups":[]}}"#.to_owned())
                } else if head[0].contains("/buildinfo") {
                    ("200 OK", r#"{"status":"success","data":{"version":"3.0.0","revision":"x"}}"#.to_owned())
                } else {
                    ("200 OK", r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#.to_owned())
                };
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { url, asked, leaks }
    }
}

/// Arguments and environment of every process that may be looked at.
fn in_process_list(what: &str) -> Vec<String> {
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        for file in ["cmdline", "environ"] {
            let path = process.path().join(file);
            let bytes = std::fs::read(&path).unwrap_or_default();
            if String::from_utf8_lossy(&bytes).contains(what) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Every file below, but `but`, that holds it.
fn in_files(directory: &Path, what: &str, but: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(in_files(&path, what, but));
        } else if path != but {
            let bytes = std::fs::read(&path).unwrap_or_default();
            if String::from_utf8_lossy(&bytes).contains(what) {
                found.push(path);
            }
        }
    }
    found
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn configure(home: &Path, text: &str) {
    std::fs::create_dir_all(home.join("config/opsdeck")).unwrap();
    std::fs::write(home.join("config/opsdeck/config.toml"), text).unwrap();
}

/// `opsdeck auth …`: its exit code and all that it said.
fn auth(home: &Path, arguments: &[&str], stdin: &str) -> (i32, String) {
    let mut command = opsdeck(home);
    let output = command.arg("auth").args(arguments).write_stdin(stdin).output().unwrap();
    (output.status.code().unwrap(), said(&output))
}

fn status(home: &Path) -> Vec<Value> {
    let output = opsdeck(home).args(["auth", "status", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
}

#[test]
fn a_piped_secret_is_stored_proven_told_of_and_leaks_nowhere() {
    let home = home();
    let home = home.path();
    let server = Prometheus::start();
    let (file, dump, log) = (home.join("kept/token"), home.join("dump"), home.join("log"));
    // A helper of the same service, which writes down what it can see of itself and of who called it.
    let helper =
        format!("cat /proc/$$/environ /proc/$PPID/environ /proc/$PPID/cmdline > {}; printf other", dump.display());
    configure(
        home,
        &format!(
            "[prometheus]\nurl = \"{}\"\ntoken = {{ file = \"{}\" }}\nheaders = {{ X-Other = {{ command = [\"sh\", \"-c\", '{helper}'] }} }}",
            server.url,
            file.display()
        ),
    );
    let (code, text) = auth(home, &["status"], "");
    assert!(
        code == 1 && text.contains("not usable") && text.contains("→ opsdeck auth login prometheus.token"),
        "{code} {text}"
    );

    let mut command = opsdeck(home);
    command.env("RUST_LOG", "trace").arg("--log").arg(&log);
    let output = command.args(["auth", "login", "prometheus.token"]).write_stdin(canary() + "\n").output().unwrap();
    let mut text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains(&format!("is in {}, in plain text", file.display())), "{text}");
    assert!(text.contains(&format!("proven: Prometheus at {} accepts it", server.url)), "{text}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(server.asked.lock().unwrap().last().unwrap(), &canary());

    let known = status(home);
    assert_eq!(known[0]["setting"], "prometheus.token");
    assert!(
        known[0]["there"] == true && known[0]["proven"]["by"].as_str().unwrap().starts_with("auth login"),
        "{known:#?}"
    );
    text.extend(known.iter().map(Value::to_string));

    // A wrong one is not kept, and what was known of the right one still holds.
    let (code, refused) = auth(home, &["login", "prometheus.token"], "wrong");
    assert!(code == 5 && refused.contains("refused") && refused.contains("what was there before is back"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), canary());
    assert_eq!(status(home), known);

    assert!(dump.exists() && log.metadata().unwrap().len() > 0, "the helper ran, and the log was written");
    assert!(!(text + &refused).contains(&canary()), "in what was said");
    assert_eq!(in_files(home, &canary(), &file), Vec::<PathBuf>::new());
    assert_eq!(*server.leaks.lock().unwrap(), Vec::<String>::new());

    let (code, text) = auth(home, &["logout", "prometheus.token"], "");
    assert!(code == 0 && text.contains("is gone from file") && text.contains("still accepts it"), "{text}");
    assert!(!file.exists() && status(home)[0]["proven"].is_null());
}

#[test]
fn a_typed_secret_is_not_shown_and_ctrl_c_stores_nothing() {
    let home = home();
    let server = Prometheus::start();
    let file = home.path().join("token");
    configure(
        home.path(),
        &format!("[prometheus]\nurl = \"{}\"\ntoken = {{ file = \"{}\" }}", server.url, file.display()),
    );
    let mut console = Console::start(home.path(), &["auth", "login"], (100, 24));
    console.wait_for("not shown");
    console.send("half of a sec\x03");
    let (shown, code) = console.rest();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(code == 5 && shown.contains("nothing was stored") && !shown.contains("half"), "{code} {shown}");
    assert!(!file.exists());

    let mut console = Console::start(home.path(), &["auth", "login"], (100, 24));
    console.wait_for("not shown");
    // Mended with backspace, as a terminal in its usual mode would.
    console.send(&format!("{}x\x7f\r", canary()));
    let (shown, code) = console.rest();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(code == 0 && shown.contains("accepts it") && !shown.contains(&canary()), "{code} {shown}");
}

#[test]
fn without_a_keyring_nothing_is_written_and_the_ways_out_are_named() {
    let home = home();
    let home = home.path();
    configure(home, "[prometheus]\ntoken = { keyring = \"prom\" }\n[alertmanager]\ntoken = { env = \"AM_TOKEN\" }");
    let (code, text) = auth(home, &["login", "prometheus"], &canary());
    assert!(code == 5 && text.contains("not stored"), "{code} {text}");
    assert!(text.contains("--to keyutils") && text.contains("--to file (plain text"), "{text}");
    // A bus that takes the call and never answers, as a locked keyring over ssh does.
    let socket = home.join("bus");
    let _bus = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let begun = Instant::now();
    let output = opsdeck(home)
        .args(["auth", "login", "prometheus"])
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()))
        .write_stdin(canary())
        .output()
        .unwrap();
    let text = said(&output);
    assert!(output.status.code() == Some(5) && text.contains("did not answer within 3s"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(30), "it hung for {:?}", begun.elapsed());
    assert_eq!(in_files(home, &canary(), Path::new("")), Vec::<PathBuf>::new());

    let (code, text) = auth(home, &["login", "alertmanager"], &canary());
    assert!(
        code == 2 && text.contains("export AM_TOKEN=") && text.contains("token = { keyring = \"alertmanager\" }"),
        "{text}"
    );
    let (code, text) = auth(home, &["logout", "alertmanager"], "");
    assert!(code == 2 && text.contains("unset AM_TOKEN AM_TOKEN_FILE"), "{text}");
    // Said explicitly, it goes into a file, and the line that makes it count is printed.
    let (code, text) = auth(home, &["login", "prometheus", "--to", "file"], &canary());
    let file = home.join("config/opsdeck/secrets/prom");
    assert!(code == 0 && text.contains("in plain text"), "{code} {text}");
    assert!(text.contains(&format!("prometheus.token = {{ file = \"{}\" }}", file.display())), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), canary());
    for (given, why) in [("", "nothing was given"), ("one\ntwo\n", "one line")] {
        let (code, text) = auth(home, &["login", "prometheus", "--to", "file"], given);
        assert!(code == 2 && text.contains(why), "{code} {text}");
    }
    let (code, text) = auth(home, &["login", "promethius"], &canary());
    assert!(code == 2 && text.contains("did you mean `prometheus`"), "{code} {text}");
}

#[test]
fn the_kernel_keeps_a_secret_from_login_to_logout() {
    let home = home();
    let home = home.path();
    let server = Prometheus::start();
    let name = format!("auth-test-{}", std::process::id());
    configure(home, &format!("[prometheus]\nurl = \"{}\"\ntoken = {{ keyutils = \"{name}\" }}", server.url));
    let (code, text) = auth(home, &["login"], &canary());
    if text.contains("not stored") {
        eprintln!("SKIPPED: this kernel gives the tests no key service: {text}");
        assert!(code == 5 && text.contains("--to keyring"), "{text}");
        return;
    }
    assert!(code == 0 && text.contains("until this machine restarts") && text.contains("accepts it"), "{code} {text}");
    assert_eq!(auth(home, &["status"], "").0, 0);
    let (code, text) = auth(home, &["logout", "prometheus"], "");
    assert!(code == 0 && text.contains("is gone from kernel key"), "{text}");
    let (code, text) = auth(home, &["status"], "");
    assert!(code == 1 && text.contains("holds no key"), "{text}");
    assert_eq!(in_files(home, &canary(), Path::new("")), Vec::<PathBuf>::new());
}

#[test]
fn a_source_that_doctor_finds_well_counts_as_proven_on_the_lab_too() {
    let home = home();
    let server = Prometheus::start();
    let file = home.path().join("token");
    std::fs::write(&file, canary()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!("[prometheus]\nurl = \"{}\"\ntoken = {{ file = \"{}\" }}", server.url, file.display());
    let config = home.path().join("own.toml");
    std::fs::write(&config, text).unwrap();
    let on_lab =
        |words: &[&str]| opsdeck(home.path()).arg("--demo").arg("--config").arg(&config).args(words).output().unwrap();
    let before = on_lab(&["auth", "status"]);
    assert!(before.status.code() == Some(0) && said(&before).contains("not proven yet"), "{}", said(&before));
    let checks = said(&on_lab(&["doctor"]));
    let after = said(&on_lab(&["auth", "status"]));
    assert!(after.contains("by doctor: Prometheus"), "{after}\n{checks}");
    std::fs::write(&file, "revoked").unwrap();
    let refusing = said(&on_lab(&["doctor"]));
    let output = on_lab(&["auth", "status"]);
    let refused = said(&output);
    assert!(output.status.code() == Some(1) && refused.contains("there, but refused"), "{refused}\n{refusing}");
    assert!(refused.contains("by doctor: Prometheus"), "the last time that it was valid is still told: {refused}");
    assert!(!(checks + &after).contains(&canary()));

    let own = opsdeck(home.path()).args(["--demo", "auth", "status"]).output().unwrap();
    assert!(own.status.code() == Some(0) && said(&own).contains("flags."), "the lab's own: {}", said(&own));
}
