//! Shipped runbooks about workloads, walked to their end: what they read is there, what they do is done.

use crate::backend::{Backend, deployment};
use crate::support::walk::Walk;
use crate::{Body, Case};

pub const CASES: &[Case] =
    &[Case::new("shipped_runbooks_about_workloads_come_to_their_end", Body::Kubernetes(shipped))];

/// A runbook, what is chosen, and what it does then.
const BOOKS: &[(&str, (&str, &str), &str)] = &[
    ("service", ("What should happen", "Restart it"), "Restart deployment/web"),
    ("oom-kills", ("Why does", "A slow leak"), "Restart deployment/web"),
    ("crash-loop", ("Why does", "The last release"), "Roll back deployment/web"),
    ("image-pull-failure", ("Why does the image", "it worked before"), "Roll back deployment/web"),
    ("pod-pending", ("Why does", "asks for too much"), "Roll back deployment/web"),
    ("stuck-rollout", ("What holds", "go back"), "Roll back deployment/web"),
];

fn shipped(backend: &Backend) {
    let place = backend.place("runbooks");
    for image in ["busybox:1.35", "busybox:1.36"] {
        place.apply(&deployment("web", image, 2));
        place.kubectl("rollout status deployment/web --timeout=120s");
    }
    let pods = place.get("pods");
    let pod = pods["items"][0]["metadata"]["name"].as_str().unwrap();
    for (book, answer, seen) in BOOKS {
        let text =
            opsdeck::runbook::shipped::ALL.iter().find(|(file, _)| file.trim_end_matches(".md") == *book).unwrap().1;
        let mut arguments = vec!["runbook".to_owned(), "run".to_owned(), (*book).to_owned(), "--yes".to_owned()];
        for (name, value) in [
            ("namespace", place.namespace.clone()),
            ("workload", format!("{}/deployment/web", place.namespace)),
            ("pod", pod.to_owned()),
        ] {
            if text.contains(&format!("\n  {name}: {{type:")) {
                arguments.extend(["--param".to_owned(), format!("{name}={value}")]);
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Walk { answers: &[*answer], seen: &[seen] }.to_its_end(place.process(&arguments));
    }
}
