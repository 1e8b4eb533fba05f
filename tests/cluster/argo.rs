//! Argo Rollouts beside Deployments: a canary by the real controller, as the console tells it.

use serde_json::json;

use crate::backend::{Backend, until};
use crate::{Body, Case};

pub const CASES: &[Case] =
    &[Case::new("a_paused_canary_shows_its_step_and_weight_and_an_abort", Body::Kubernetes(canary))];

fn rollout(image: &str) -> String {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": {"opsdeck.dev/behaviour": "healthy"}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    })
    .to_string()
}

fn canary(backend: &Backend) {
    let place = backend.place("argo");
    place.apply(&rollout("busybox:1.35"));
    until("the Rollout is healthy", || place.get("rollouts.argoproj.io web")["status"]["phase"] == "Healthy");
    let mut console = place.console(&[], (160, 48));
    console
        .wait_until("four of four", |screen| screen.lines().any(|line| line.contains("web") && line.contains("4/4")));

    place.apply(&rollout("busybox:1.36"));
    until("the canary pauses", || place.get("rollouts.argoproj.io web")["status"]["phase"] == "Paused");
    console.wait_until("the step of the canary", |screen| screen.contains("step 1/4") && screen.contains("25"));

    place.kubectl(r#"patch rollouts.argoproj.io web --subresource=status --type=merge -p {"status":{"abort":true}}"#);
    until("the abort", || place.get("rollouts.argoproj.io web")["status"]["phase"] == "Degraded");
    console.wait_for("aborted");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
}
