//! People who may do less: the console shows them what they may see, says what they may not do, and sends nothing that
//! changes anything.

use crate::backend::{Place, crashing, deployment};
use crate::stack::Stack;
use crate::support::json_lines;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("a_viewer_is_told_what_is_missing_and_sends_no_mutation", Body::Stack(viewer)),
    Case::new("an_editor_of_one_namespace_sees_it_and_is_told_so", Body::Stack(editor)),
];

/// Verbs of the API server's audit log that change something.
const MUTATING: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// What `user` asked the API server to change, as `verb uri`. Reviews are questions, though they are created.
fn mutations_of(stack: &Stack, user: &str) -> Vec<String> {
    let asked = stack.control_plane.audit().into_iter().filter(|entry| entry["user"]["username"] == user);
    let mutating = asked.filter(|entry| MUTATING.iter().any(|verb| entry["verb"] == *verb));
    mutating
        .map(|entry| format!("{} {}", entry["verb"].as_str().unwrap(), entry["requestURI"].as_str().unwrap()))
        .filter(|request| !request.contains("reviews"))
        .collect()
}

fn viewer(stack: &Stack) {
    let place = Place::of(stack, "viewer", "viewer");
    place.apply(&deployment("web", "busybox:1.35", 2));
    place.kubectl("rollout status deployment/web --timeout=120s");
    place.apply(&crashing("web", "busybox:1.36", 2));
    let home = place.home.path();
    let mut console = place.console(&[], (160, 48));
    console.wait_for("CrashLoopBackOff");
    console.wait_for("viewer");
    console.send("3");
    console.send("R");
    console.wait_for("patch deployments.apps");
    let contents = console.screen.screen().contents();
    assert!(contents.contains("REFUSED"), "{contents}");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
    // The reads have passed the audit log, so what was sent before them has too.
    let reads = stack.control_plane.audit().iter().filter(|entry| entry["user"]["username"] == "viewer").count();
    assert!(reads > 5, "the viewer's requests are in the API server's audit log: {reads}");
    let sent: Vec<String> =
        mutations_of(stack, "viewer").into_iter().filter(|request| !request.contains("dryRun=All")).collect();
    assert_eq!(sent, Vec::<String>::new());
    // Nobody got as far as an intent.
    let log = home.join("state/opsdeck/audit/audit.jsonl");
    let intents = if log.exists() { json_lines(&log) } else { Vec::new() };
    assert!(intents.iter().all(|record| record["kind"] != "intent"), "{intents:#?}");

    // The same without the screen: the exit code of a refusal, and the permission by name.
    let output = place.opsdeck(&["rollback", "web", "--yes"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("patch deployments.apps"), "{output:?}");
    assert_eq!(place.get("deployment web")["spec"]["template"]["spec"]["containers"][0]["image"], "busybox:1.36");
}

fn editor(stack: &Stack) {
    let place = Place::of(stack, "editor", "editor");
    place.kubectl("create rolebinding editor --clusterrole=edit --user=editor");
    place.apply(&deployment("own", "busybox:1.36", 2));
    place.kubectl("rollout status deployment/own --timeout=120s");
    let beyond = Place::of(stack, "editor", "beyond");
    beyond.apply(&deployment("beyond", "busybox:1.36", 1));
    beyond.kubectl("rollout status deployment/beyond --timeout=120s");
    let said = format!("only namespace {}", place.namespace);

    let mut console = place.console(&["--all-namespaces"], (160, 48));
    console.wait_for("own");
    console.wait_for(&said);
    let contents = console.screen.screen().contents();
    assert!(!contents.contains("beyond"), "{contents}");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);

    let doctor = place.opsdeck(&["--all-namespaces", "doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains(&format!("{said} is shown")), "{doctor}");
}
