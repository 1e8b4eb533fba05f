//! Rows on screen equal what kubectl prints, also while everything moves.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::backend::{Backend, crashing, deployment, until, workload};
use crate::support::Console;
use crate::{Body, Case};

/// Wide enough for whole names, high enough for every pod of a rolling update.
const SIZE: (u16, u16) = (220, 100);
/// Pods that roll.
const REPLICAS: u32 = 40;

pub const CASES: &[Case] = &[
    Case::new("rows_equal_kubectl_while_40_replicas_roll", Body::Kubernetes(rolling_update)),
    Case::new("a_crash_loop_shows_with_its_restarts_and_events", Body::Kubernetes(crash_loop)),
];

/// `name → (ready, status)` of pods.
type Pods = BTreeMap<String, (String, String)>;

fn kubectl_pods(text: &str) -> Pods {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, ready, status) = (words.next()?, words.next()?, words.next()?);
            Some((name.to_owned(), (ready.to_owned(), status.to_owned())))
        })
        .collect()
}

/// The pods of the zoomed pane: a glyph, the name, the status in words, ready/total.
fn screen_pods(contents: &str, prefix: &str) -> Pods {
    contents
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|word| word.starts_with(prefix))?;
            let ready = words.iter().skip(at).find(|word| word.split_once('/').is_some_and(is_count))?;
            Some((words[at].to_owned(), ((*ready).to_owned(), (*words.get(at + 1)?).to_owned())))
        })
        .collect()
}

fn is_count((left, right): (&str, &str)) -> bool {
    !left.is_empty() && [left, right].iter().all(|part| part.chars().all(|digit| digit.is_ascii_digit()))
}

fn zoom_pods(console: &mut Console) {
    console.send("4");
    console.send("z");
    console.wait_until("the zoomed pods", |screen| !screen.contains("Rollouts ─"));
}

fn rolling_update(backend: &Backend) {
    let place = backend.place("rows");
    let roll = "  minReadySeconds: 2\n  strategy: {rollingUpdate: {maxSurge: 5%, maxUnavailable: 5%}}\n";
    place.apply(&workload("web", "busybox:1.36", REPLICAS, None, roll));
    place.kubectl("rollout status deployment/web --timeout=120s");
    let mut console = place.console(&[], SIZE);
    console.wait_for("web");
    zoom_pods(&mut console);
    console.wait_until("all pods", |screen| screen_pods(screen, "web-").len() == REPLICAS as usize);

    place.apply(&workload("web", "busybox:1.35", REPLICAS, None, roll));
    let mut rounds = 0;
    loop {
        // What does not change between two looks of kubectl has to be on screen as it is.
        let before = kubectl_pods(&place.kubectl("get pods --no-headers"));
        let after = kubectl_pods(&place.kubectl("get pods --no-headers"));
        let steady: Pods = before
            .iter()
            .filter(|(name, pod)| after.get(*name) == Some(pod))
            .map(|(n, p)| (n.clone(), p.clone()))
            .collect();
        console.wait_until("what kubectl says", |screen| {
            let shown = screen_pods(screen, "web-");
            let now = || kubectl_pods(&place.kubectl("get pods --no-headers"));
            steady.iter().all(|(name, pod)| shown.get(name) == Some(pod)) || differs_no_more(&shown, &steady, &now())
        });
        rounds += 1;
        let status = place.get("deployment web");
        if status["status"]["updatedReplicas"] == REPLICAS
            && status["status"]["replicas"] == REPLICAS
            && status["status"]["readyReplicas"] == REPLICAS
        {
            break;
        }
    }
    // The last round may have been after the end.
    assert!(rounds > 1, "the update was over before anything was compared");
    let truth = kubectl_pods(&place.kubectl("get pods --no-headers"));
    console.wait_until("the end of the update", |screen| screen_pods(screen, "web-") == truth);
    // The workload's own row.
    console.send("z");
    console.wait_for("40/40");
}

/// A pod that has moved on in the meantime is no difference.
fn differs_no_more(shown: &Pods, steady: &Pods, now: &Pods) -> bool {
    steady.iter().all(|(name, pod)| shown.get(name) == Some(pod) || now.get(name) == shown.get(name))
}

fn crash_loop(backend: &Backend) {
    let place = backend.place("crash");
    place.apply(&deployment("good", "busybox:1.36", 2));
    let mut console = place.console(&[], SIZE);
    console.wait_for("good");
    let applied = Instant::now();
    place.apply(&crashing("bad", "busybox:1.36", 2));
    until("kubectl sees the crash loop", || place.kubectl("get pods --no-headers").contains("CrashLoopBackOff"));
    let seen = Instant::now();
    console.wait_for("CrashLoopBackOff");
    println!("crash loop: kubectl {:?} after the apply, the screen {:?} later", seen - applied, seen.elapsed());
    let restarts = |text: &str| {
        let line = text.lines().find(|line| line.contains("bad-"))?;
        line.split_whitespace().nth(3)?.parse::<u32>().ok()
    };
    until("a restart", || restarts(&place.kubectl("get pods --no-headers")) >= Some(2));
    let seen = Instant::now();
    console.wait_until("the restarts", |screen| {
        screen.lines().any(|line| line.contains("bad-") && line.contains("↻ ") && !line.contains("↻ 1 "))
    });
    println!("restarts: the screen {:?} after kubectl", seen.elapsed());
    // Events of the pod stand in its details.
    until("the event", || place.kubectl("get events --no-headers").contains("BackOff"));
    zoom_pods(&mut console);
    console.send("d");
    console.wait_for("BackOff");
}
