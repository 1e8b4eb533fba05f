//! Every shipped runbook, walked to its end on the lab against a scenario that fits: the checks of its verification pass,
//! its actions go through the door, and nobody has to be called.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// What is waited for is another process: real time passes.
#![allow(clippy::disallowed_methods)]

mod support;

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use support::{home, process};

/// One walk: what is asked on the way, and what is answered.
struct Walk {
    scenario: &'static str,
    /// The runbook and the arguments that it needs.
    arguments: &'static [&'static str],
    /// A part of a question, with a part of the option that is chosen, or the text that is typed. Plans are approved, and
    /// what only a person can do is called done.
    answers: &'static [(&'static str, &'static str)],
    /// What the person sees on the way.
    seen: &'static [&'static str],
}

impl Walk {
    fn to_its_end(&self) {
        let home = home();
        let speed = ["--demo-speed", "20"];
        let mut command = process(home.path());
        command.arg(format!("--demo={}", self.scenario)).args(speed).args(["runbook", "run", "--yes"]);
        let mut child = command
            .args(self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // What is told and what is asked come by two roads, in no order.
        let (sender, said) = mpsc::channel();
        let roads: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for (road, mut stream) in roads.into_iter().enumerate() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let _ = sender.send((road, String::from_utf8_lossy(&bytes[..count]).into_owned()));
                }
            });
        }
        drop(sender);
        let (mut text, mut asked, mut taken, mut silence) = (String::new(), String::new(), 0, 0);
        loop {
            match said.recv_timeout(Duration::from_millis(200)) {
                Ok((road, more)) => {
                    if road == 0 { &mut text } else { &mut asked }.push_str(&more);
                    silence = 0;
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => silence += 1,
            }
            assert!(silence < 600, "nothing more is said, after:\n{text}\nasked:\n{asked}");
            // A question is what stands without an end of its line once nothing more comes.
            if silence == 1 && asked.ends_with(": ") {
                let answer = self.answer(&text[taken..], asked.lines().last().unwrap_or_default().trim());
                taken = text.len();
                asked.push('\n');
                writeln!(stdin, "{answer}").unwrap();
            }
        }
        child.wait().unwrap();
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        let (_, end) = last.rsplit_once(": ").unwrap_or_else(|| panic!("{text}\n{asked}"));
        assert!(end.starts_with("done"), "{text}");
        for wanted in self.seen {
            assert!(text.contains(wanted), "`{wanted}` was not seen:\n{text}");
        }
        assert!(!text.contains("Hand over"), "somebody had to be called:\n{text}");
    }

    /// What is answered to a question, after what was told.
    fn answer(&self, text: &str, question: &str) -> String {
        if question.starts_with("enter ") {
            assert!(!question.contains("leave the run open"), "the run stopped:\n{text}");
            return String::new();
        }
        let wanted = self.answers.iter().filter(|(part, _)| text.contains(part) || question.contains(part)).map(|(_, answer)| *answer);
        if question == "number:" {
            let option = wanted.filter_map(|answer| text.lines().rfind(|line| line.contains(answer))).next_back();
            let option = option.unwrap_or_else(|| panic!("no answer to:\n{text}"));
            return option.trim().split('.').next().unwrap_or_default().to_owned();
        }
        if question.ends_with("y/n:") {
            return "y".to_owned();
        }
        let wanted = wanted.collect::<Vec<_>>();
        assert!(!wanted.is_empty() || question.contains("]:"), "no answer to:\n{text}");
        wanted.last().copied().unwrap_or_default().to_owned()
    }
}

macro_rules! walks {
    ($($name:ident: $scenario:literal, $arguments:expr, $answers:expr, $seen:expr;)*) => {$(
        #[test]
        fn $name() {
            Walk { scenario: $scenario, arguments: &$arguments, answers: &$answers, seen: &$seen }.to_its_end();
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
    dns_failing: "calm", ["dns-failing"], [("Why does DNS fail", "The resolver of the network")], ["done"];
}
