//! The subcommands on the lab, as scripts use them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::lab::Lab;
use support::{home, json_lines, opsdeck};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn status_lists_what_is_broken() {
    let home = home();
    let output = opsdeck(home.path()).args(["--demo", "status", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = |list: &str, key: &str| -> Vec<String> {
        status[list].as_array().unwrap().iter().map(|row| row[key].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert!(names("alerts", "name").contains(&"HighErrorRate".to_owned()), "{status:#}");
    let slo = status["slos"].as_array().unwrap().iter().find(|slo| slo["service"] == "payment").unwrap();
    assert_eq!(slo["alarm"], "page", "{slo:#}");
    assert!(names("rollouts", "name").contains(&"payment".to_owned()), "{status:#}");
    let pods = status["pods"].as_array().unwrap();
    assert!(!pods.is_empty());
    assert!(pods.iter().all(|pod| pod["name"].as_str().unwrap().starts_with("payment-")), "{pods:#?}");
}

#[test]
fn what_was_not_asked_is_not_calm() {
    let home = home();
    let output = opsdeck(home.path()).args(["--demo=calm", "status", "--wait", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}{}", stdout(&output), stderr(&output));
    assert!(!stdout(&output).contains("calm:"), "{}", stdout(&output));
}

#[test]
fn calm_is_calm() {
    let home = home();
    let output = opsdeck(home.path()).args(["--demo=calm", "status", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["pods"].as_array().unwrap().len(), 0, "{status:#}");
    let text = opsdeck(home.path()).args(["--demo=calm", "status"]).output().unwrap();
    assert!(stdout(&text).to_lowercase().contains("calm"), "{}", stdout(&text));
}

#[test]
fn a_snapshot_shows_all_five_panes_with_data() {
    let home = home();
    let output = opsdeck(home.path()).args(["--demo", "snapshot", "--size", "120x40"]).output().unwrap();
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 40, "{text}{}", stderr(&output));
    for expected in ["DEMO", "HighErrorRate", "Error budget", "Rollouts", "CrashLoopBackOff", "eu_vat"] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn snapshots_at_a_fixed_clock_are_the_same_twice() {
    let home = home();
    let take = || {
        let arguments =
            ["--demo", "--demo-at", "2026-03-14T14:32:07Z", "snapshot", "--size", "160x48", "--format", "svg"];
        stdout(&opsdeck(home.path()).args(arguments).output().unwrap())
    };
    let first = take();
    assert!(first.starts_with("<svg"));
    assert_eq!(first, take());
}

#[test]
fn rollback_plans_refuses_and_does() {
    let home = home();
    let audit = home.path().join("state/opsdeck/demo/audit/audit.jsonl");
    let base = ["--demo", "--demo-speed", "4", "rollback", "deployment/payment", "-n", "shop"];

    let plan = opsdeck(home.path()).args(base).arg("--dry-run").output().unwrap();
    assert_eq!(plan.status.code(), Some(0), "{}", stderr(&plan));
    for expected in ["42", "41", "PRICING_TABLE", "2.3.7"] {
        assert!(stdout(&plan).contains(expected), "{expected}\n{}", stdout(&plan));
    }
    assert!(!audit.exists(), "a dry run records nothing");

    let refused = opsdeck(home.path()).args(base).args(["--yes", "--read-only"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("read-only"), "{}", stderr(&refused));

    let unconfirmed = opsdeck(home.path()).args(base).output().unwrap();
    assert_eq!(unconfirmed.status.code(), Some(3), "without --yes and without a terminal nothing is done");

    let done =
        opsdeck(home.path()).args(base).args(["--yes", "--reason", "5xx since 2.4.0", "--json"]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}{}", stdout(&done), stderr(&done));
    let records = json_lines(&audit);
    let last: Vec<&str> = records.iter().rev().take(2).map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(last, ["outcome", "intent"]);
    assert_eq!(records.last().unwrap()["end"], "done");
    assert_eq!(records[records.len() - 2]["reason"], "5xx since 2.4.0");

    let verified = opsdeck(home.path()).args(["--demo", "audit", "verify"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
    let text = std::fs::read_to_string(&audit).unwrap().replace("5xx since 2.4.0", "no reason");
    std::fs::write(&audit, text).unwrap();
    let broken = opsdeck(home.path()).args(["--demo", "audit", "verify"]).output().unwrap();
    assert_eq!(broken.status.code(), Some(5), "{}", stdout(&broken));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let home = home();
    let lab = Lab::serve("--demo=calm", home.path());
    let act = |arguments: &[&str]| {
        let output = lab.opsdeck().args(["-n", "shop"]).args(arguments).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    for (arguments, code, words) in [
        (["scale", "payment", "--replicas", "-1", "--yes"].as_slice(), 3, "-1 is below 0"),
        (&["scale", "payment", "--replicas", "1000000000", "--yes"], 3, "over the limit"),
        (&["scale", "frontend", "--by", "2", "--yes"], 3, "HPA frontend owns the number of pods"),
        (&["scale", "daemonset/x", "--replicas", "1", "--yes"], 3, "one pod per node"),
        (&["rollback", "payment", "--to-revision", "999", "--yes"], 3, "no revision 999"),
        (&["restart", "p\u{430}yment", "--yes"], 3, "U+0430"),
        (&["restart", "payment", "no-such", "--yes"], 3, "no-such"),
        (&["set-image", "payment", "a b", "--yes"], 3, "is no image"),
        (&["resume", "payment", "--yes"], 3, "is not paused"),
        (&["autoscale", "payment", "--max", "3"], 2, "no autoscaler"),
        (&["scale", "payment"], 2, "--replicas"),
        (&["restart", "sandwich/payment"], 2, "no kind of workload"),
        (&["audit", "undo", "0123"], 2, "no action 0123"),
        (&["delete-pod", "gone-0", "--yes"], 3, "does not exist"),
        (&["evict", "p\u{430}yment-1", "--yes"], 3, "U+0430"),
        (&["drain", "node/no-such", "--yes"], 3, "does not exist"),
        (&["cordon", "worker\u{202e}", "--yes"], 3, "U+202E"),
        (&["uncordon", "worker-a1", "--yes"], 3, "is not cordoned"),
        (&["abort", "deployment/payment", "--yes"], 2, "is no rollout"),
        (&["suspend", "no-such", "--yes"], 3, "does not exist"),
        (&["restart", "payment", "--yes", "--reason", "a\u{7}b"], 3, "control character (U+0007)"),
        (&["restart", "payment", "--yes", "--incident", "INC\u{200b}1"], 3, "U+200B"),
        (&["silence", "add", "alertname=NoSuch", "--for", "1h", "--comment", "x", "--yes"], 3, "no alert matches"),
        (&["silence", "add", "a=~.*", "--for", "1h", "--comment", "x", "--yes"], 3, "these accept every alert"),
        (&["silence", "add", "a=~(", "--for", "1h", "--comment", "x", "--yes"], 3, "no regular expression"),
        (&["silence", "add", "a=\u{1b}[0m", "--for", "1h", "--comment", "x", "--yes"], 3, "control character"),
        (&["silence", "add", "a=b", "--for", "1h", "--comment", " ", "--yes"], 3, "a comment is required"),
        (&["silence", "add", "a=b", "--for", "900days", "--comment", "x", "--yes"], 3, "over the limit of a year"),
        (&["silence", "add", "a=b", "--for", "0s", "--comment", "x", "--yes"], 3, "hides nothing"),
        (&["silence", "add", "ab", "--for", "1h", "--comment", "x"], 2, "is no matcher"),
        (&["silence", "ack", "a=b"], 2, "--comment"),
        (&["silence", "extend", "no-such", "--for", "1h", "--yes"], 3, "does not exist"),
        (&["silence", "expire", "no-such", "--yes"], 3, "does not exist"),
    ] {
        let (found, said) = act(arguments);
        assert_eq!((found, said.contains(words)), (Some(code), true), "{arguments:?}: {said}");
    }
    // As long as one argument may be on Linux. A reason of 1 MB never gets this far; the form and the door refuse it, too.
    let long = "x".repeat(120 << 10);
    let (code, said) = act(&["restart", "payment", "--yes", "--reason", &long]);
    assert_eq!(code, Some(3), "{said:.300}");
    assert!(said.contains("122880 bytes long; at most 4096") && said.len() < 1000, "{said:.300}");
    let log = home.path().join("state/opsdeck/audit/audit.jsonl");
    assert!(std::fs::metadata(&log).unwrap().len() < 64 << 10, "what was too long is not recorded");
    let records = json_lines(&log);
    assert!(records.iter().all(|record| record["kind"] == "refusal"), "nothing was meant to be done: {records:#?}");
}

#[test]
fn a_bulk_is_one_plan_and_is_undone_from_the_log() {
    let home = home();
    let act = |arguments: &[&str]| {
        let base = ["--demo=calm", "--demo-speed", "6", "-n", "shop"];
        opsdeck(home.path()).args(base).args(arguments).output().unwrap()
    };
    let both = ["scale", "payment", "auth", "--by", "1", "--yes", "--incident", "INC-12", "--json"];
    let output = act(&both);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["outcome"]["steps"].as_array().unwrap().len(), 2, "an outcome for each: {told:#}");
    let id = told["id"].as_str().unwrap();
    // Every start is a lab of its own, in which nothing was scaled: the undo goes as far as the plan, which says so.
    let undone = act(&["audit", "undo", id, "--yes"]);
    assert_eq!(undone.status.code(), Some(3), "{}{}", stdout(&undone), stderr(&undone));
    assert!(stderr(&undone).contains("nothing to do"), "{}", stderr(&undone));
    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    assert_eq!(records[0]["incident"], "INC-12");
    assert_eq!(records[0]["targets"].as_array().unwrap().len(), 2);
    assert_eq!(records.last().unwrap()["undo_of"], id);
}

#[test]
fn scenarios_are_healed_from_the_command_line() {
    let home = home();
    let act = |scenario: &str, arguments: &[&str]| {
        let base = [scenario, "--demo-speed", "6", "-n", "shop"];
        let output = opsdeck(home.path()).args(base).args(arguments).args(["--yes", "--json"]).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {}{}", stdout(&output), stderr(&output)));
        assert_eq!((output.status.code(), &told["outcome"]["end"]), (Some(0), &"done".into()), "{told:#}");
        told
    };
    act("--demo=bad-canary", &["abort", "auth", "--reason", "older sessions are rejected"]);
    let drained = act("--demo=bad-node", &["drain", "worker-b2"]);
    assert!(drained["outcome"]["steps"].as_array().unwrap().len() > 2, "an outcome for each pod: {drained:#}");
    act("--demo", &["silence", "ack", "alertname=HighErrorRate", "service=payment", "--comment", "on it"]);
    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    let done: Vec<&str> = records.iter().filter_map(|record| record["action"].as_str()).collect();
    assert_eq!(done, ["abort", "abort", "drain", "drain", "silence", "silence"]);
}

#[test]
fn doctor_finds_the_lab_well() {
    let home = home();
    let output = opsdeck(home.path()).args(["--demo", "doctor"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    for expected in ["Kubernetes", "Prometheus", "Alertmanager"] {
        assert!(stdout(&output).contains(expected), "{}", stdout(&output));
    }
}

#[test]
fn doctor_names_the_culprit_and_fails() {
    let home = home();
    let path = home.path().join("kubeconfig");
    let doctor = |expected: &[&str]| {
        let output = opsdeck(home.path()).arg("--kubeconfig").arg(&path).arg("doctor").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
        for expected in expected {
            assert!(stdout(&output).contains(expected), "{expected}: {}", stdout(&output));
        }
    };
    doctor(&["✗ Kubernetes", "does not exist"]);
    let write = |cluster: &str, user: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {cluster}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        std::fs::write(&path, text).unwrap();
    };
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("{{server: 'http://{free}'}}");
    write(&server, "{}");
    doctor(&["reachable", "Connection refused", "nothing listens there", "not checked"]);
    write(&format!("{{server: 'http://k.example', proxy-url: 'http://user:s3cret@{free}'}}"), "{}");
    doctor(&[&format!("the proxy http://{free} cannot be reached")]);
    write("{server: 'https://no-such-host.invalid'}", "{}");
    doctor(&["DNS", "no-such-host.invalid"]);
    write(&server, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin}}");
    doctor(&["credentials", "no-such-plugin is not installed"]);
}

#[test]
fn mistakes_are_explained_before_the_screen_opens() {
    let home = home();
    let config = home.path().join("config/opsdeck");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.toml"), "[ui]\nthem = \"dark\"\n").unwrap();
    let output = opsdeck(home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    for expected in ["config.toml", "2", "them", "theme"] {
        assert!(stderr(&output).contains(expected), "{expected}\n{}", stderr(&output));
    }
    std::fs::remove_file(config.join("config.toml")).unwrap();

    let piped = opsdeck(home.path()).arg("--demo").output().unwrap();
    assert_eq!(piped.status.code(), Some(2));
    assert!(stderr(&piped).contains("opsdeck status") && stderr(&piped).contains("snapshot"), "{}", stderr(&piped));

    let unknown = opsdeck(home.path()).args(["--demo", "--context", "lba", "status"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("lab"), "lists the contexts that there are: {}", stderr(&unknown));

    let none = opsdeck(home.path()).arg("status").output().unwrap();
    assert_eq!(none.status.code(), Some(2), "{}", stdout(&none));
    assert!(format!("{}{}", stdout(&none), stderr(&none)).contains("--demo"), "{}", stdout(&none));
}

#[test]
fn the_debug_log_tells_what_failed_and_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let log = home.path().join("debug.log");
    let output = opsdeck(home.path()).args(["--demo", "status", "--log"]).arg(&log).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("connecting") && text.contains("opening"), "{text}");
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn asking_again_stays_in_the_namespace() {
    let home = home();
    let arguments = ["--demo=calm", "-n", "platform", "snapshot", "--size", "120x40", "--keys", "ctrl-r"];
    let output = opsdeck(home.path()).args(arguments).output().unwrap();
    let text = stdout(&output);
    assert!(text.lines().next().unwrap().contains("▏platform"), "{text}{}", stderr(&output));
}
