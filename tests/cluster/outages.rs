//! The API server stops, dies, comes back, comes back with nothing, or has forgotten where the console was: what was on
//! screen ages visibly, the keys work, and the rows are kubectl's again by themselves, none twice and none too many.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::backend::{Backend, Place, deployment, until};
use crate::between::Between;
use crate::screen::{SIZE, is_live, kubectl_pods, pods, stale_for, wait_for_truth, zoom_pods};
use crate::stack::process::Ports;
use crate::stack::{Parts, Stack};
use crate::support::Console;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("a_stopped_api_server_shows_as_data_that_ages", Body::Own(stopped)),
    Case::new("a_killed_api_server_leaves_no_ghosts", Body::Own(killed)),
    Case::new("an_emptied_cluster_leaves_no_ghosts", Body::Own(emptied)),
    Case::new("an_expired_watch_starts_anew", Body::Own(expired)),
];

/// As often as a watch may end by itself at the wrong moment.
const TRIES: u32 = 5;

fn start(binaries: &Path) -> Stack {
    Stack::start(binaries, Parts::CLUSTER, Ports::free()).unwrap()
}

/// A namespace on it with a Deployment of three pods and pods of their own, `lone-0` ….
fn furnished(stack: &Stack, name: &str, lone: u32) -> Place {
    let place = Backend::given(stack.kubeconfig("admin")).place(name);
    place.apply(&deployment("web", "busybox:1.36", 3));
    accounts(&place);
    (0..lone).for_each(|number| place.apply(&lone_pod(&format!("lone-{number}"))));
    place.kubectl("rollout status deployment/web --timeout=120s");
    if lone > 0 {
        place.kubectl("wait pods --all --for=condition=Ready --timeout=120s");
    }
    place
}

/// Pods are refused until the controllers have made their service account.
fn accounts(place: &Place) {
    until("the service account of pods", || place.kubectl("get serviceaccounts --no-headers").contains("default"));
}

/// A pod that no controller makes again.
fn lone_pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n\
         spec: {{containers: [{{name: app, image: 'busybox:1.36', command: [sleep, '1000000']}}]}}\n"
    )
}

/// The console with the pods zoomed, once it shows the truth.
fn watching(place: &Place) -> Console {
    let mut console = place.console(&[], SIZE);
    console.wait_for("web");
    zoom_pods(&mut console);
    wait_for_truth(&mut console, place, "at first");
    console
}

/// Presses keys whose effect cannot be missed. They must work whatever the servers do.
fn keys_work(console: &mut Console, when: &str) {
    let pressed = Instant::now();
    console.send(":");
    console.send("themes-of-nothing");
    console.wait_for("themes-of-nothing");
    console.send("\x1b");
    console.wait_until("the palette gone", |screen| !screen.contains("themes-of-nothing"));
    println!("{when}: open the palette, type, close it: {:?}", pressed.elapsed());
}

fn stopped(binaries: &Path) {
    let stack = start(binaries);
    let place = furnished(&stack, "stopped", 1);
    let mut console = watching(&place);
    let before = kubectl_pods(&place);
    keys_work(&mut console, "served");

    stack.control_plane.apiserver.pause();
    let paused = Instant::now();
    keys_work(&mut console, "just stopped");
    console.wait_until("stale pods", |screen| stale_for(screen).is_some() && screen.contains("◐ k8s"));
    println!("the screen calls its data stale {:?} after the stop", paused.elapsed());
    let age = stale_for(&console.screen.screen().contents());
    console.wait_until("the pods ageing", |screen| stale_for(screen) > age);
    keys_work(&mut console, "stopped for long");
    // Which source, and what is the matter with it.
    let url = &stack.control_plane.url;
    console.wait_until("the silent source", |screen| {
        screen
            .lines()
            .any(|line| line.contains("◐ pods: ") && line.contains(url.as_str()) && line.contains("no answer"))
    });
    println!("the silent source is named {:?} after the stop", paused.elapsed());
    let contents = console.screen.screen().contents();
    assert!(!is_live(&contents), "{contents}");
    assert_eq!(pods(&contents), before, "what was known stays:\n{contents}");
    keys_work(&mut console, "still stopped");

    stack.control_plane.apiserver.resume();
    let resumed = Instant::now();
    console.wait_until("live again", is_live);
    println!("live again {:?} after it went on", resumed.elapsed());
    place.kubectl("delete pod lone-0 --now");
    place.kubectl("scale deployment web --replicas=5");
    place.kubectl("rollout status deployment/web --timeout=120s");
    wait_for_truth(&mut console, &place, "after it went on");
}

/// Deletes a pod in the store, behind the API server's back: no watch ever tells.
fn vanish(stack: &Stack, place: &Place, pod: &str) {
    let key = format!("/registry/pods/{}/{pod}", place.namespace);
    let answer = etcd(stack, "deleterange", &format!("{{\"key\": \"{}\"}}", base64(&key)));
    assert_eq!(answer["deleted"], "1", "{answer}");
}

/// Asks etcd through its JSON gateway.
fn etcd(stack: &Stack, call: &str, body: &str) -> serde_json::Value {
    let url = format!("{}/v3/kv/{call}", stack.control_plane.etcd_url);
    let output = Command::new("curl").args(["-fsS", "-m", "60", "-d", body, &url]).output().unwrap();
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn base64(text: &str) -> String {
    let output =
        Command::new("sh").args(["-c", "printf %s \"$1\" | base64 | tr -d '\\n'", "sh", text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn killed(binaries: &Path) {
    let mut stack = start(binaries);
    let place = furnished(&stack, "killed", 4);
    let mut console = watching(&place);
    // Twice: what was learned while it recovered must not be in the way the next time.
    for round in 0..2 {
        stack.control_plane.apiserver.kill();
        let died = Instant::now();
        console.wait_until("stale pods and why", |screen| {
            stale_for(screen).is_some()
                && screen.contains("◐ k8s")
                && screen.lines().any(|line| line.contains("◐ pods: ") && line.contains("refused"))
        });
        println!("the screen says so {:?} after the kill", died.elapsed());
        keys_work(&mut console, "killed");
        let doomed = [format!("lone-{}", 2 * round), format!("lone-{}", 2 * round + 1)];
        vanish(&stack, &place, &doomed[0]);

        stack.control_plane.apiserver.restart().unwrap();
        stack.control_plane.until_ready().unwrap();
        let back = Instant::now();
        place.kubectl(&format!("delete pod {} --now --wait=false", doomed[1]));
        place.apply(&lone_pod(&format!("late-{round}")));
        console.wait_until("live again", is_live);
        println!("live again {:?} after it came back", back.elapsed());
        place.kubectl(&format!("wait pod/{} --for=delete --timeout=120s", doomed[1]));
        wait_for_truth(&mut console, &place, "after it came back");
        let contents = console.screen.screen().contents();
        assert!(!doomed.iter().any(|pod| contents.contains(pod.as_str())), "{contents}");
        assert!(contents.contains(&format!("late-{round}")), "{contents}");
    }
}

fn emptied(binaries: &Path) {
    let mut stack = start(binaries);
    let place = furnished(&stack, "emptied", 2);
    place.apply(&deployment("former", "busybox:1.36", 2));
    place.kubectl("rollout status deployment/former --timeout=120s");
    let mut console = watching(&place);
    let old = kubectl_pods(&place);

    stack.control_plane.start_over().unwrap();
    let back = Instant::now();
    place.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n", place.namespace));
    accounts(&place);
    place.apply(&lone_pod("lone-1"));
    place.apply(&deployment("latter", "busybox:1.36", 2));
    place.kubectl("rollout status deployment/latter --timeout=120s");
    wait_for_truth(&mut console, &place, "in the new cluster");
    println!("the truth {:?} after the new cluster answered", back.elapsed());
    let contents = console.screen.screen().contents();
    for (name, ..) in old.iter().filter(|(name, ..)| name != "lone-1") {
        assert!(!contents.contains(name.as_str()), "{name} is a ghost:\n{contents}");
    }
    // And it goes on from there: the watch is one of the new store.
    place.kubectl("delete pod lone-1 --now");
    place.kubectl("scale deployment latter --replicas=4");
    place.kubectl("rollout status deployment/latter --timeout=120s");
    wait_for_truth(&mut console, &place, "later in the new cluster");
    console.send("z");
    console.wait_until("the workloads of the new cluster", |screen| {
        screen.contains("3 Rollouts") && screen.contains("latter") && !screen.contains("former")
    });
}

fn expired(binaries: &Path) {
    let mut stack = start(binaries);
    let place = furnished(&stack, "expired", TRIES);
    let between = Between::start(&stack.kubeconfig("admin"), stack.directory());
    let kubeconfig = stack.directory().join("between.kubeconfig");
    std::fs::write(&kubeconfig, between.kubeconfig()).unwrap();
    let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "-n", &place.namespace];
    let mut console = Console::start(place.home.path(), &arguments, SIZE);
    console.wait_for("web");
    zoom_pods(&mut console);
    wait_for_truth(&mut console, &place, "at first");

    let watches = ["/pods?", "watch=true"];
    for number in 0..TRIES {
        // A watch lives for less than half a minute: this one is young, so what follows fits into its life.
        let opened = between.asked(&watches);
        console.wait_until("a new watch", |_| between.asked(&watches) > opened);
        between.hold_up();
        place.kubectl(&format!("delete pod lone-{number} --now --wait=false"));
        place.apply(&lone_pod(&format!("late-{number}")));
        let now = etcd(&stack, "range", &format!("{{\"key\": \"{}\"}}", base64("/registry/nothing")));
        let revision = now["header"]["revision"].as_str().unwrap();
        etcd(&stack, "compaction", &format!("{{\"revision\": \"{revision}\", \"physical\": true}}"));
        stack.control_plane.apiserver.restart().unwrap();
        stack.control_plane.until_ready().unwrap();
        between.cut();
        place.kubectl("wait pods --all --for=condition=Ready --timeout=120s");
        wait_for_truth(&mut console, &place, "after the cut");
        let expired = between.answered_with("\"code\":410");
        println!("410 to {expired:#?}");
        if expired.iter().any(|request| watches.iter().all(|word| request.contains(word))) {
            let contents = console.screen.screen().contents();
            assert!(!contents.contains(&format!("lone-{number}")), "{contents}");
            return;
        }
    }
    panic!("no watch of pods was told that it has expired");
}
