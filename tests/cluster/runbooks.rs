//! A shipped runbook, walked to its end: what it reads is there, what it does is done.

use crate::backend::{Backend, deployment};
use crate::support::walk::Walk;
use crate::{Body, Case};

pub const CASES: &[Case] = &[Case::new("a_shipped_runbook_comes_to_its_end", Body::Kubernetes(shipped))];

/// What is chosen, and what is done then. The others prove themselves by metrics of kube-state-metrics, which is not among
/// the counterparts: they are walked on the lab (`tests/shipped.rs`).
const WAYS: &[(&str, &str)] =
    &[("Roll it back to the revision before", "Roll back deployment/web"), ("Restart it", "Restart deployment/web")];

fn shipped(backend: &Backend) {
    let place = backend.place("runbooks");
    for image in ["busybox:1.35", "busybox:1.36"] {
        place.apply(&deployment("web", image, 2));
        place.kubectl("rollout status deployment/web --timeout=120s");
    }
    let target = format!("workload={}/deployment/web", place.namespace);
    for (way, seen) in WAYS {
        let walk = Walk { answers: &[("What should happen", way)], seen: &[seen] };
        walk.to_its_end(place.process(&["runbook", "run", "service", "--yes", "--param", &target]));
    }
    let image = place.get("deployment web")["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(image, "busybox:1.35");
}
