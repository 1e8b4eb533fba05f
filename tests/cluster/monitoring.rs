//! Alerts and error budgets against a real Prometheus and a real pair of Alertmanagers: what they say is what is shown,
//! once, to the digit, and with what is missing said.

pub mod budgets;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::backend::until;
use crate::stack::monitoring::requests;
use crate::stack::process::Ports;
use crate::stack::{Monitoring, Parts, Stack};
use crate::support::{Console, home, opsdeck};
use crate::{Body, Case};

/// Wide enough for whole messages.
const SIZE: (u16, u16) = (200, 60);

pub const CASES: &[Case] = &[
    Case::new("an_alert_that_three_servers_report_is_shown_once_silenced_and_cleared", Body::Stack(once)),
    Case::new("a_missing_alertmanager_is_said_and_its_alerts_stay", Body::Own(missing_replica)),
    Case::new("the_rules_of_the_lab_fire_and_clear_on_a_real_prometheus", Body::Own(lab_rules)),
    Case::new("a_stopped_prometheus_goes_stale_and_comes_back", Body::Own(stopped_prometheus)),
    Case::new("budgets_equal_what_the_rules_recorded", Body::Stack(budgets::recorded)),
    Case::new("budgets_are_found_where_none_is_declared", Body::Stack(budgets::discovered)),
    Case::new("budgets_that_no_rule_records_equal_what_the_rules_would_give", Body::Stack(budgets::computed)),
    Case::new("a_query_that_fails_or_is_slow_is_said_in_the_servers_words", Body::Stack(budgets::broken_queries)),
];

/// Prometheus and its Alertmanagers, on a cluster of their own.
pub const WATCHED: Parts = Parts { monitoring: true, ..Parts::CLUSTER };

/// The part that these cases are about.
pub fn monitoring(stack: &Stack) -> &Monitoring {
    stack.monitoring.as_ref().expect("a stack with monitoring")
}

/// What a server answers to a GET.
pub fn get(url: &str, query: &[(&str, &str)]) -> Value {
    let mut curl = Command::new("curl");
    curl.args(["-sSG", "-m", "30", url]);
    for (name, value) in query {
        curl.args(["--data-urlencode", &format!("{name}={value}")]);
    }
    let output = curl.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{url}: {error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// `opsdeck status --json` with a configuration.
pub fn status(stack: &Stack, configuration: &Path) -> Value {
    let home = home();
    let (kubeconfig, configuration) = (stack.kubeconfig("admin"), configuration.to_str().unwrap().to_owned());
    let output = opsdeck(home.path())
        .args(["--kubeconfig", kubeconfig.to_str().unwrap(), "--config", &configuration])
        .args(["status", "--json", "--wait", "60"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The console with a configuration, zoomed on a pane.
pub fn console(stack: &Stack, configuration: &Path, home: &Path, pane: &str) -> Console {
    let kubeconfig = stack.kubeconfig("admin");
    let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--config", configuration.to_str().unwrap()];
    let mut console = Console::start(home, &arguments, SIZE);
    console.wait_for("Alerts");
    console.send(pane);
    console.send("z");
    console.wait_until("the zoomed pane", |screen| !screen.contains("Rollouts ─"));
    console
}

fn test_alert(case: &str) -> String {
    format!("opsdeck_test_alert{{case=\"{case}\",service=\"{case}\"}}")
}

/// Lines of a screen that speak of a test's alert.
fn rows<'a>(screen: &'a str, case: &str) -> Vec<&'a str> {
    screen.lines().filter(|line| line.contains("TestAlert") && line.contains(case)).collect()
}

/// Do both Alertmanagers have an alert of this case, in this state?
fn both_have(monitoring: &Monitoring, case: &str, state: &str) -> bool {
    monitoring.alertmanager_urls.iter().all(|url| {
        let alerts = get(&format!("{url}/api/v2/alerts"), &[]);
        alerts
            .as_array()
            .is_some_and(|all| all.iter().any(|a| a["labels"]["case"] == *case && a["status"]["state"] == *state))
    })
}

fn amtool(url: &str, arguments: &[&str]) -> String {
    let output = Command::new("amtool").arg(format!("--alertmanager.url={url}")).args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "amtool {arguments:?}\n{out}{err}");
    out.trim().to_owned()
}

fn once(stack: &Stack) {
    let monitoring = monitoring(stack);
    let (configuration, home) = (stack.configuration(), home());
    let mut console = console(stack, &configuration, home.path(), "1");
    console.wait_for("Watchdog");
    let since = Instant::now();
    monitoring.exporter.gauge(&test_alert("once"), 1.0);
    console.wait_until("the alert", |screen| rows(screen, "once").len() == 1);
    println!("an alert is on screen {:?} after its cause", since.elapsed());
    until("both Alertmanagers have it", || both_have(monitoring, "once", "active"));
    // Three servers report it by now; the status is asked anew, so it has merged all of them.
    let shown = status(stack, &configuration);
    let alerts: Vec<&Value> =
        shown["alerts"].as_array().unwrap().iter().filter(|alert| alert["labels"]["case"] == "once").collect();
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["value"], 1.0, "the value is Prometheus', which knew it too: {alerts:#?}");
    console.wait_until(
        "one row of it that fires",
        |screen| matches!(&rows(screen, "once")[..], [row] if row.contains("CRIT") && !row.contains('×')),
    );

    // A silence that one Alertmanager was told reaches the other by gossip.
    let id = amtool(
        &monitoring.alertmanager_urls[0],
        &["silence", "add", "--author=tester", "--comment=on purpose", "--duration=10m", "case=once"],
    );
    let since = Instant::now();
    console.wait_until("one row that is silent and says by whom", |screen| {
        matches!(&rows_or_silent(screen)[..], [row] if row.contains("mute") && row.contains("silenced by tester") && row.contains("on purpose"))
    });
    println!("a silence is on screen {:?} after amtool made it", since.elapsed());
    assert!(
        !status(stack, &configuration)["alerts"].to_string().contains("\"case\":\"once\""),
        "what is silenced asks for nobody"
    );
    amtool(&monitoring.alertmanager_urls[1], &["silence", "expire", &id]);
    console.wait_until("it fires again", |screen| matches!(&rows(screen, "once")[..], [row] if row.contains("CRIT")));
    let since = Instant::now();
    monitoring.exporter.gauge(&test_alert("once"), 0.0);
    console.wait_until("nothing of it", |screen| rows(screen, "once").is_empty());
    println!("an alert is off screen {:?} after its cause", since.elapsed());
    // What is shown when there is nothing is not an empty pane of a failed source.
    console.wait_for("Watchdog");
}

/// Rows of the first case, silenced or not: a silent one has the silence in place of its summary.
fn rows_or_silent(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| line.contains("TestAlert") && line.contains("once")).collect()
}

fn missing_replica(binaries: &Path) {
    let mut stack = Stack::start(binaries, WATCHED, Ports::free()).unwrap();
    let (configuration, home) = (stack.configuration(), home());
    let mut console = console(&stack, &configuration, home.path(), "1");
    monitoring(&stack).exporter.gauge(&test_alert("pair"), 1.0);
    until("both Alertmanagers have it", || both_have(monitoring(&stack), "pair", "active"));
    console.wait_until("the alert", |screen| rows(screen, "pair").len() == 1);
    assert!(!console.screen.screen().contents().contains("replicas"), "nothing is missing yet");

    let urls = monitoring(&stack).alertmanager_urls.clone();
    let pair = |stack: &mut Stack, number: usize, alive: bool| {
        let process = &mut stack.monitoring.as_mut().unwrap().alertmanagers[number];
        if alive { process.restart().unwrap() } else { process.kill() }
    };
    for (dead, url) in urls.iter().enumerate() {
        pair(&mut stack, dead, false);
        let since = Instant::now();
        console.wait_until("the missing replica", |screen| {
            screen.contains("1 of 2 replicas: cannot connect to Alertmanager at") && screen.contains(url.as_str())
        });
        println!("a dead Alertmanager is said after {:?}", since.elapsed());
        assert_eq!(rows(&console.screen.screen().contents(), "pair").len(), 1, "its alert stays");
        let shown = status(&stack, &configuration);
        assert!(shown["alerts"].to_string().contains("\"case\":\"pair\""), "{shown:#}");
        let source = source(&shown, "alertmanager");
        assert_eq!(source["health"], "live", "{source:#}");
        assert!(source["why"].as_str().is_some_and(|why| why.contains(url.as_str())), "{source:#}");
        pair(&mut stack, dead, true);
        console
            .wait_until("both are back", |screen| !screen.contains("of 2 replicas") && rows(screen, "pair").len() == 1);
    }
    // Without any, Prometheus still tells what fires, and the pane what it lacks.
    pair(&mut stack, 0, false);
    pair(&mut stack, 1, false);
    console.wait_until("none answers", |screen| {
        screen.contains("none of 2 replicas answered") && rows(screen, "pair").len() == 1
    });
    monitoring(&stack).exporter.gauge(&test_alert("later"), 1.0);
    console.wait_until("what began meanwhile, from Prometheus", |screen| rows(screen, "later").len() == 1);
    pair(&mut stack, 0, true);
    pair(&mut stack, 1, true);
    monitoring(&stack).exporter.gauge(&test_alert("pair"), 0.0);
    console.wait_until("all well again", |screen| {
        !screen.contains("of 2 replicas") && rows(screen, "pair").is_empty() && rows(screen, "later").len() == 1
    });
}

/// A source of a status.
fn source<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["sources"].as_array().unwrap().iter().find(|source| source["name"] == *name).unwrap()
}

fn lab_rules(binaries: &Path) {
    let stack = Stack::start(binaries, WATCHED, Ports::free()).unwrap();
    let (configuration, home) = (stack.configuration(), home());
    let exporter = &monitoring(&stack).exporter;
    let mut console = console(&stack, &configuration, home.path(), "1");
    console.wait_for("Watchdog");
    let row = |screen: &str, state: &str| {
        screen.lines().any(|line| line.contains("HighErrorRate") && line.contains("payment") && line.contains(state))
    };
    assert!(!console.screen.screen().contents().contains("HighErrorRate"));
    let since = Instant::now();
    requests(exporter, "payment", 50.0, 0.2);
    // Alertmanager never hears of what is pending: only Prometheus can tell.
    console.wait_until("it is pending", |screen| row(screen, "pend"));
    println!("HighErrorRate is pending on screen after {:?}", since.elapsed());
    console.wait_until("it fires", |screen| row(screen, "CRIT"));
    println!("HighErrorRate fires on screen after {:?}", since.elapsed());
    console.wait_until("in words", |screen| screen.contains("payment fails ") && screen.contains("of its requests"));
    let since = Instant::now();
    requests(exporter, "payment", 50.0, 0.0);
    console.wait_until("it cleared", |screen| !screen.contains("HighErrorRate"));
    println!("HighErrorRate is off screen {:?} after the cure", since.elapsed());
}

fn stopped_prometheus(binaries: &Path) {
    let mut stack = Stack::start(binaries, WATCHED, Ports::free()).unwrap();
    // So that it does not take ten seconds until each question is given up.
    let configuration = stack.directory().join("impatient.toml");
    let text = monitoring(&stack).configuration().replace("interval = \"1s\"", "interval = \"1s\"\ntimeout = \"2s\"");
    std::fs::write(&configuration, text).unwrap();
    let home = home();
    let mut console = console(&stack, &configuration, home.path(), "2");
    console.wait_until("numbers", |screen| screen.contains("×3.1"));
    for by in ["SIGSTOP", "SIGKILL"] {
        let prometheus = &mut stack.monitoring.as_mut().unwrap().prometheus;
        let since = Instant::now();
        let words = if by == "SIGSTOP" {
            prometheus.pause();
            "did not answer within 2s"
        } else {
            prometheus.kill();
            "cannot connect to Prometheus"
        };
        // The last numbers stay, with their age and the reason.
        console.wait_until("since when it is silent, and why", |screen| {
            let title = screen.lines().find(|line| line.contains("Error budget")).unwrap_or_default();
            title.contains("stale ") && screen.contains(words) && screen.contains("×3.1")
        });
        println!("{by} of Prometheus is on screen after {:?}", since.elapsed());
        console.wait_until("it ages", |screen| {
            let aged =
                screen.lines().find(|line| line.contains("Error budget")).and_then(|line| line.split_once("stale "));
            aged.and_then(|(_, age)| age.split('s').next()?.parse::<u32>().ok()).is_some_and(|age| age >= 5)
        });
        let prometheus = &mut stack.monitoring.as_mut().unwrap().prometheus;
        if by == "SIGSTOP" {
            prometheus.resume();
        } else {
            prometheus.restart().unwrap();
        }
        let since = Instant::now();
        console.wait_until("it is back", |screen| !screen.contains("stale ") && screen.contains("×3.1"));
        println!("after {by} it is back on screen {:?} after Prometheus", since.elapsed());
    }
}
