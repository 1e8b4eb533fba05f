//! The lab under real clients: kubectl, curl, promtool and amtool against `opsdeck lab serve`.
//!
//! Where a client is not installed its tests say so and pass; with `OPSDECK_REQUIRE_CLIENTS` (CI) they fail.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{PATIENCE, home};
use tempfile::TempDir;

/// `opsdeck lab serve` in a directory of its own.
struct Lab {
    server: Child,
    directory: TempDir,
}

impl Lab {
    fn serve(scenario: &str) -> Self {
        let directory = home();
        let mut server = Command::new(assert_cmd::cargo::cargo_bin("opsdeck"))
            .args([&format!("--demo={scenario}"), "--demo-speed", "4", "lab", "serve", "--dir"])
            .arg(directory.path())
            .env("HOME", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The server prints its addresses once it answers.
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("KUBECONFIG"));
        assert!(ready, "lab serve says how to reach it");
        std::thread::spawn(move || lines.for_each(drop));
        Self { server, directory }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    fn kubectl(&self, arguments: &str) -> Output {
        self.kubectl_command(arguments).output().unwrap()
    }

    fn kubectl_command(&self, arguments: &str) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(arguments.split_whitespace())
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.directory.path());
        command
    }

    /// Runs kubectl, which must succeed, and gives what it prints.
    fn ok(&self, arguments: &str) -> String {
        let output = self.kubectl(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {arguments}\n{out}{err}");
        out.into_owned()
    }

    /// An address from the configuration that the lab wrote.
    fn url(&self, section: &str, key: &str) -> String {
        let text = std::fs::read_to_string(self.directory.path().join("opsdeck.toml")).unwrap();
        let value: toml::Value = toml::from_str(&text).unwrap();
        let value = &value[section][key];
        value.as_str().or_else(|| value[0].as_str()).unwrap().to_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Is the client there? In CI it must be.
fn has(client: &str) -> bool {
    let found = Command::new(client).arg("--help").output().is_ok();
    assert!(found || std::env::var_os("OPSDECK_REQUIRE_CLIENTS").is_none(), "{client} is not installed");
    found
}

#[test]
fn kubectl_works_as_against_a_cluster() {
    if !has("kubectl") {
        return;
    }
    let lab = Lab::serve("bad-deploy");
    let pods = lab.ok("get pods -A -o wide");
    assert!(pods.lines().next().unwrap().split_whitespace().eq([
        "NAMESPACE",
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED",
        "NODE",
        "READINESS",
        "GATES"
    ]));
    assert!(pods.lines().count() > 50, "{pods}");
    // READY STATUS RESTARTS: the three of the bad release restart again and again.
    let restarting = pods.lines().filter(|line| {
        line.contains("payment-") && line.split_whitespace().nth(4).is_some_and(|restarts| restarts != "0")
    });
    assert_eq!(restarting.count(), 3, "{pods}");

    let history = lab.ok("rollout history deployment/payment -n shop");
    assert!(history.contains("42") && history.contains("41"), "{history}");
    let describe = lab.ok("describe deployment payment -n shop");
    assert!(describe.contains("NewReplicaSet:") && describe.contains("PRICING_TABLE"), "{describe}");
    let pod = lab.ok("get pods -n shop -o name").lines().find(|name| name.contains("/payment-")).unwrap().to_owned();
    assert!(lab.ok(&format!("describe -n shop {pod}")).contains("Events:"));
    assert!(lab.ok("logs -n shop deployment/frontend --tail=5").lines().count() == 5);
    assert!(lab.ok("top pods -n shop").contains("payment"));
    assert!(lab.ok("auth can-i patch deployments -n shop").contains("yes"));

    lab.ok("rollout undo deployment/payment -n shop");
    // As on a real cluster the deadline that the bad rollout exceeded stands until the first pod of the good one moves.
    lab.ok("wait --for=condition=Progressing deployment/payment -n shop --timeout=60s");
    let status = lab.ok("rollout status deployment/payment -n shop --timeout=60s");
    assert!(status.contains("successfully rolled out"), "{status}");
    let pods = lab.ok("get pods -n shop");
    assert!(!pods.contains("CrashLoopBackOff") && !pods.contains(" 1/2 "), "{pods}");

    lab.ok("scale deployment/auth --replicas=5 -n shop");
    lab.ok("rollout status deployment/auth -n shop --timeout=60s");
    assert_eq!(lab.ok("get deployment auth -n shop -o jsonpath={.status.readyReplicas}"), "5");

    let missing = lab.kubectl("get deployment nope -n shop");
    let error = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(error.contains(r#"deployments.apps "nope" not found"#), "{error}");
}

#[test]
fn kubectl_mitigates_as_on_a_cluster() {
    if !has("kubectl") {
        return;
    }
    let lab = Lab::serve("bad-canary");
    assert!(lab.ok("get rollouts -n shop").contains("auth"));
    lab.ok(r#"patch rollout auth -n shop --subresource=status --type=merge -p {"status":{"abort":true}}"#);
    lab.ok("wait rollout/auth -n shop --for=jsonpath={.status.phase}=Degraded --timeout=60s");
    // kubectl sends these in protobuf.
    lab.ok("create deployment x --image=registry.k8s.io/pause:3.9 -n shop");
    lab.ok("rollout status deployment/x -n shop --timeout=60s");
    lab.ok("create job --from=cronjob/db-backup by-hand -n shop");
    lab.ok("wait job/by-hand -n shop --for=condition=complete --timeout=120s");
    lab.ok(r#"patch cronjob db-backup -n shop -p {"spec":{"suspend":true}}"#);
    lab.ok("drain worker-b2 --ignore-daemonsets --delete-emptydir-data --timeout=120s");
    let left = lab.ok("get pods -A --field-selector spec.nodeName=worker-b2 -o name");
    assert_eq!(left.lines().count(), 2, "only daemons stay: {left}");
    let refused = lab.kubectl("--context=lab-viewer scale deployment/x --replicas=3 -n shop");
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains(r#"User "viewer" cannot patch resource "deployments/scale""#), "{error}");
    assert_eq!(lab.ok("--context=lab-shop-editor auth can-i delete pods -n shop").trim(), "yes");
    assert_eq!(lab.kubectl("--context=lab-shop-editor auth can-i list pods -A").status.code(), Some(1));
}

#[test]
fn kubectl_watches_and_follows() {
    if !has("kubectl") {
        return;
    }
    let lab = Lab::serve("calm");
    let mut watch = lab.kubectl_command("get pods -n shop -w -o name").stdout(Stdio::piped()).spawn().unwrap();
    let mut logs =
        lab.kubectl_command("logs -f -n shop deployment/frontend --tail=1").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    let first = lines.next().unwrap();
    assert!(first.starts_with("pod/"), "{first}");
    lab.ok("scale deployment/user --replicas=7 -n shop");
    let before: Vec<String> = lab.ok("get pods -n shop -o name").lines().map(str::to_owned).collect();
    // A pod that was not there, or a known one again, arrives by the watch.
    let deadline = Instant::now() + PATIENCE;
    assert!(lines.any(|line| line.contains("/user-") || Instant::now() > deadline), "{before:?}");
    let mut followed = String::new();
    let mut reader = BufReader::new(logs.stdout.take().unwrap());
    for _ in 0..3 {
        reader.read_line(&mut followed).unwrap();
    }
    assert_eq!(followed.lines().count(), 3, "the log goes on: {followed}");
    for child in [&mut watch, &mut logs] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn curl_reads_prometheus() {
    if !has("curl") {
        return;
    }
    let lab = Lab::serve("bad-deploy");
    let ask = |path: &str| -> serde_json::Value {
        let url = format!("{}{path}", lab.url("prometheus", "url"));
        let output = Command::new("curl").args(["-sS", "-g", &url]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{url}: {error}: {output:?}"))
    };
    let answer = ask("/api/v1/query?query=sum(up)");
    assert_eq!(answer["status"], "success", "{answer}");
    let alerts = ask("/api/v1/alerts");
    let names: Vec<&str> = alerts["data"]["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|alert| alert["labels"]["alertname"].as_str())
        .collect();
    assert!(names.contains(&"HighErrorRate"), "{names:?}");
    let error = ask("/api/v1/query?query=sum(");
    assert_eq!((error["status"].as_str(), error["errorType"].as_str()), (Some("error"), Some("bad_data")), "{error}");
}

#[test]
fn curl_opens_a_channel_and_acknowledges_a_page() {
    if !has("curl") {
        return;
    }
    let lab = Lab::serve("bad-deploy");
    let configuration: toml::Table =
        std::fs::read_to_string(lab.directory.path().join("opsdeck.toml")).unwrap().parse().unwrap();
    let curl = |section: &str, prefix: &str, path: &str, arguments: &[&str]| -> serde_json::Value {
        let service = &configuration[section][0];
        let token = std::fs::read_to_string(service["token"]["file"].as_str().unwrap()).unwrap();
        let url = format!("{}{path}", service["url"].as_str().unwrap());
        let output = Command::new("curl")
            .args(["-sS", "-g", &url, "-H", &format!("Authorization: {prefix}{token}")])
            .args(arguments)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{url}: {error}: {output:?}"))
    };
    let chat = |method: &str, arguments: &[&str]| curl("chat", "Bearer ", &format!("/api/{method}"), arguments);
    let json = ["-H", "Content-Type: application/json", "--data-binary"];
    let made = chat("conversations.create", &[json[0], json[1], json[2], r#"{"name":"inc-curl"}"#]);
    let channel = made["channel"]["id"].as_str().unwrap_or_else(|| panic!("{made}"));
    // A form, as `-d` sends it.
    let said = chat("chat.postMessage", &["-d", &format!("channel={channel}"), "--data-urlencode", "text=a & b"]);
    assert_eq!(said["message"]["text"], "a &amp; b", "{said}");
    let history = chat(&format!("conversations.history?channel={channel}"), &[]);
    assert_eq!(history["messages"][0]["ts"], said["ts"], "{history}");

    let pages = |path: &str, arguments: &[&str]| curl("paging", "Token token=", path, arguments);
    let open = pages("/incidents?statuses[]=triggered", &[]);
    let page = open["incidents"][0]["id"].as_str().unwrap_or_else(|| panic!("{open}"));
    let wanted = r#"{"incident":{"type":"incident_reference","status":"acknowledged"}}"#;
    let done = pages(&format!("/incidents/{page}"), &["-X", "PUT", json[0], json[1], json[2], wanted]);
    assert_eq!(done["incident"]["status"], "acknowledged", "{done}");
    let from = configuration["paging"][0]["from"].as_str().unwrap();
    assert_eq!(pages("/users/me", &[])["user"]["email"], from);
}

#[test]
fn promtool_queries() {
    if !has("promtool") {
        return;
    }
    let lab = Lab::serve("bad-deploy");
    let url = lab.url("prometheus", "url");
    let output = Command::new("promtool")
        .args(["query", "instant", &url, "sum(rate(http_requests_total[5m]))"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("=>"));
}

#[test]
fn amtool_silences() {
    if !has("amtool") {
        return;
    }
    let lab = Lab::serve("bad-deploy");
    let url = lab.url("alertmanager", "urls");
    let amtool = |arguments: &[&str]| {
        let output = Command::new("amtool").arg(format!("--alertmanager.url={url}")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(amtool(&["alert", "query"]).contains("HighErrorRate"));
    let id = amtool(&["silence", "add", "--comment=looking", "--duration=15m", "alertname=HighErrorRate"]);
    assert!(amtool(&["silence", "query"]).contains(id.trim()));
    assert!(!amtool(&["alert", "query"]).contains("HighErrorRate"), "silenced alerts are hidden");
    amtool(&["silence", "expire", id.trim()]);
    assert!(amtool(&["alert", "query"]).contains("HighErrorRate"));
}

#[test]
fn the_lab_ends_when_it_is_told_to() {
    let mut lab = Lab::serve("calm");
    Command::new("kill").args(["-TERM", &lab.server.id().to_string()]).status().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = lab.server.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "lab serve does not end");
        std::thread::yield_now();
    };
    assert!(status.success() || status.code() == Some(143), "{status:?}");
    let mut rest = String::new();
    if let Some(mut stderr) = lab.server.stderr.take() {
        stderr.read_to_string(&mut rest).unwrap();
    }
    assert!(!rest.contains("panicked"), "{rest}");
}
