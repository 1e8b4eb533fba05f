//! Every shipped runbook, walked to its end on the lab against a scenario that fits: the checks of its verification pass,
//! its actions go through the door, and nobody has to be called.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::walk::Walk;
use support::{home, process};

macro_rules! walks {
    ($($name:ident: $scenario:literal, $arguments:expr, $answers:expr, $seen:expr;)*) => {$(
        #[test]
        fn $name() {
            let home = home();
            let mut command = process(home.path());
            command.arg(concat!("--demo=", $scenario)).args(["--demo-speed", "20", "runbook", "run", "--yes"]);
            command.args($arguments);
            Walk { answers: &$answers, seen: &$seen }.to_its_end(command);
        }
    )*};
}

const PAYMENT: &str = "workload=shop/deployment/payment";

walks! {
    high_error_rate: "bad-deploy", ["high-error-rate", "--alert", "HighErrorRate"],
        [("What changed just before", "A release")], ["wanted value < tolerated", "Roll back deployment/payment"];
    crash_loop: "bad-deploy", ["crash-loop", "--alert", "PodCrashLooping"],
        [("Why does", "The last release")], ["Roll back deployment/payment"];
    error_budget_burn_fast: "bad-deploy", ["error-budget-burn-fast", "--alert", "ErrorBudgetBurn"],
        [("What burns the budget", "A release just went out")], ["Roll back deployment/payment"];
    error_budget_burn_slow: "bad-deploy", ["error-budget-burn-slow", "--alert", "ErrorBudgetBurn"],
        [("What burns the budget", "It began with a release")], ["Roll back deployment/payment"];
    generic_triage: "bad-deploy", ["generic-triage", "--alert", "HighErrorRate"],
        [("Where does it point", "A release went out")], ["Roll back deployment/payment"];
    high_latency: "bad-flag", ["high-latency", "--alert", "HighLatency"],
        [("What makes", "A feature flag"), ("The flag that changed", "new-pricing"), ("What to do with", "Switch it off")],
        ["new-pricing"];
    bad_flag: "bad-flag", ["bad-flag", "--alert", "HighErrorRate"],
        [("The flag that changed", "new-pricing"), ("What to do with", "Switch it off")], ["new-pricing"];
    bad_canary: "bad-canary", ["bad-canary", "--alert", "HighErrorRate"],
        [("What about the canary", "Abort it")], ["Abort rollout/auth"];
    traffic_spike: "traffic-spike",
        ["traffic-spike", "--param", "workload=shop/deployment/frontend", "--param", "namespace=shop", "--param", "service=frontend"],
        [("What brings the traffic", "raise its maximum"), ("New maximum", "16")], ["hpa/frontend"];
    hpa_at_maximum: "traffic-spike", ["hpa-at-maximum", "--alert", "KubeHpaMaxedOut"],
        [("What now?", "Raise the maximum"), ("New maximum", "16")], ["hpa/frontend"];
    stuck_rollout: "stuck-statefulset", ["stuck-rollout", "--alert", "KubeStatefulSetUpdateStuck"],
        [("What holds", "go back")], ["Roll back statefulset/"];
    node_not_ready: "bad-node", ["node-not-ready", "--alert", "NodeFilesystemReadOnly"],
        [("What is the state", "drain it")], ["Drain node/"];
    dependency_down: "bad-deploy",
        ["dependency-down", "--param", PAYMENT, "--param", "namespace=shop", "--param", "service=payment"],
        [("fails first", "payment"), ("What is payment", "a release to take back"), ("The workload of", "shop/deployment/payment")],
        ["Roll back deployment/payment"];
    oom_kills: "calm", ["oom-kills", "--param", PAYMENT, "--param", "namespace=shop"],
        [("Why does", "A slow leak")], ["Restart deployment/payment"];
    service: "calm", ["service", "--param", PAYMENT],
        [("What should happen", "Restart it")], ["Restart deployment/payment"];
    certificate_expiry: "calm",
        ["certificate-expiry", "--param", PAYMENT, "--param", "namespace=shop", "--param", "host=shop.example.com"],
        [("Who should have renewed", "still serves the old one")], ["Restart deployment/payment"];
    volume_full: "calm",
        ["volume-full", "--param", "workload=shop/statefulset/mysql", "--param", "namespace=shop", "--param", "claim=data-mysql-0"],
        [("get space", "It holds something")], ["done"];
    disk_pressure: "calm", ["disk-pressure", "--param", "node=worker-a1"],
        [("What fills the disk", "Images and dead")], ["Cordon node/worker-a1"];
    image_pull_failure: "bad-deploy", ["image-pull-failure", "--param", PAYMENT, "--param", "namespace=shop", "--param", "pod=payment-0"],
        [("Why does the image", "it worked before")], ["Roll back deployment/payment"];
    pod_pending: "bad-deploy", ["pod-pending", "--param", PAYMENT, "--param", "namespace=shop", "--param", "pod=payment-0"],
        [("Why does", "asks for too much")], ["Roll back deployment/payment"];
    dns_failing: "calm", ["dns-failing"], [("Why does DNS fail", "The resolver of the network")], ["done"];
}

#[test]
fn every_shipped_runbook_is_walked_here() {
    let here = include_str!("shipped.rs");
    for (file, _) in opsdeck::runbook::shipped::ALL {
        let id = file.trim_end_matches(".md");
        assert!(here.contains(&format!("[\"{id}\"")), "{id} is not walked");
    }
}
