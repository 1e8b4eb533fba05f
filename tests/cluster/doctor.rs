//! `opsdeck doctor` on a whole stack is all green; with one thing wrong, the line of that thing says so and what to do,
//! and what does not depend on it stays green.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::backend::until;
use crate::monitoring::{WATCHED, budgets, monitoring};
use crate::stack::process::{Ports, Process, has};
use crate::stack::{Parts, Stack, certificates};
use crate::support::home;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("doctor_is_all_green_on_the_whole_stack", Body::Stack(green)),
    Case::new("doctor_names_the_part_of_monitoring_that_is_stopped", Body::Own(monitoring_stopped)),
    Case::new("doctor_names_the_part_of_the_control_plane_that_is_stopped", Body::Own(control_plane_stopped)),
    Case::new("doctor_names_wrong_credentials_and_authorities", Body::Stack(strangers)),
    Case::new("doctor_names_the_clock_that_is_off", Body::Stack(clocks)),
    Case::new("doctor_names_a_kubeconfig_that_cannot_be_read", Body::Stack(kubeconfigs)),
];

/// No check waits longer than its limit, and few wait for each other.
const LONGEST: Duration = Duration::from_secs(60);

/// One check, as `--json` prints it.
#[derive(Clone, Debug)]
struct Check {
    source: String,
    name: String,
    verdict: String,
    detail: String,
    hint: String,
}

/// What `doctor` said.
struct Report {
    text: String,
    checks: Vec<Check>,
    code: i32,
}

impl Report {
    /// Runs it twice: as people read it and as programs do; both say the same.
    fn of(patient: &Patient, wrapper: &[&str]) -> Self {
        let began = Instant::now();
        let plain = patient.doctor(wrapper, &[]);
        assert!(began.elapsed() < LONGEST, "a doctor that takes {:?} is of no use", began.elapsed());
        let json = patient.doctor(wrapper, &["--json"]);
        let text = String::from_utf8_lossy(&plain.stdout).into_owned();
        assert_eq!(plain.status.code(), json.status.code(), "{text}{}", String::from_utf8_lossy(&json.stdout));
        let all: Vec<Value> = serde_json::from_slice(&json.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json.stdout)));
        let word = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
        let checks: Vec<Check> = all
            .iter()
            .map(|check| Check {
                source: word(check, "source"),
                name: word(check, "name"),
                verdict: word(check, "verdict"),
                detail: word(check, "detail"),
                hint: word(check, "hint"),
            })
            .collect();
        for check in &checks {
            let mark = match &*check.verdict {
                "ok" => '✓',
                "warning" => '!',
                _ => '✗',
            };
            // Numbers move between two runs, lines do not.
            let is_it = |line: &str| line.contains(&check.source) && line.contains(&check.name);
            let told = text.lines().any(|line| line.starts_with(mark) && is_it(line));
            assert!(told, "{check:?} is not in\n{text}");
        }
        Self { text, checks, code: plain.status.code().unwrap() }
    }

    /// Exactly these are wrong, each with words in its line and words that tell what to do; everything else is well.
    fn blames(&self, culprits: &[Culprit]) {
        assert_eq!(self.code, 1, "something failed:\n{}", self.text);
        let wrong: Vec<&Check> = self.wrong().collect();
        assert_eq!(wrong.len(), culprits.len(), "as many wrong as {culprits:?}:\n{}", self.text);
        for Culprit(source, said, to_do) in culprits {
            let line = wrong.iter().find(|check| check.source == *source && check.detail.contains(said));
            let check = line.unwrap_or_else(|| panic!("no line of {source} says {said:?}:\n{}", self.text));
            assert_eq!(check.verdict, "failed", "{check:?}");
            assert!(check.hint.contains(to_do), "it says what to do ({to_do:?}):\n{}", self.text);
            assert!(self.text.lines().any(|line| line.contains('→') && line.contains(to_do)), "{}", self.text);
        }
    }

    /// What is not well.
    fn wrong(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.verdict != "ok")
    }

    /// Is this source well, and was it asked?
    fn well(&self, source: &str) {
        let mut all = self.checks.iter().filter(|check| check.source == source).peekable();
        assert!(all.peek().is_some(), "{source} was asked:\n{}", self.text);
        assert!(all.all(|check| check.verdict == "ok"), "{source} is well:\n{}", self.text);
    }
}

/// Source, words of its line, words of what to do.
#[derive(Debug)]
struct Culprit<'a>(&'a str, &'a str, &'a str);

/// Who is looked at: a kubeconfig and a configuration.
struct Patient {
    home: TempDir,
    kubeconfig: PathBuf,
    configuration: PathBuf,
}

impl Patient {
    fn of(stack: &Stack) -> Self {
        // Until then an objective is declared that no rule records.
        budgets::until_recorded(stack);
        Self { home: home(), kubeconfig: stack.kubeconfig("admin"), configuration: stack.configuration() }
    }

    /// Somebody with credentials of the test's choice (the inside of a YAML flow mapping).
    fn with(stack: &Stack, authority: &Path, credentials: &str) -> Self {
        let patient = Self::of(stack);
        let text = stack.control_plane.kubeconfig_with(authority, "somebody", credentials);
        patient.rewritten(&text)
    }

    /// The same with another kubeconfig.
    fn rewritten(mut self, kubeconfig: &str) -> Self {
        self.kubeconfig = self.home.path().join("kubeconfig");
        std::fs::write(&self.kubeconfig, kubeconfig).unwrap();
        self
    }

    fn doctor(&self, wrapper: &[&str], more: &[&str]) -> Output {
        let program = assert_cmd::cargo::cargo_bin("opsdeck");
        let mut command = match wrapper {
            [] => Command::new(program),
            [wrapper, arguments @ ..] => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program);
                command
            }
        };
        command.env_clear().env("HOME", self.home.path()).env("PATH", std::env::var_os("PATH").unwrap());
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--config").arg(&self.configuration);
        command.arg("doctor").args(more).output().unwrap()
    }
}

fn green(stack: &Stack) {
    let report = Report::of(&Patient::of(stack), &[]);
    assert_eq!(report.code, 0, "{}", report.text);
    assert!(report.text.lines().all(|line| line.starts_with('✓')), "{}", report.text);
    for source in ["opsdeck", "Kubernetes", "Prometheus", "Alertmanager"] {
        report.well(source);
    }
    println!("{}", report.text);
}

/// What is done to a part.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Blow {
    Stop,
    Kill,
}

fn monitoring_stopped(binaries: &Path) {
    let mut stack = Stack::start(binaries, WATCHED, Ports::free()).unwrap();
    let patient = Patient::of(&stack);
    well_again(&patient);
    let pair = monitoring(&stack).alertmanager_urls.clone();
    let prometheus = monitoring(&stack).prometheus_url.clone();
    for blow in [Blow::Kill, Blow::Stop] {
        let (silent, to_do) = match blow {
            Blow::Kill => ("cannot connect to", "check"),
            Blow::Stop => ("did not answer within 10s", "it may be overloaded"),
        };
        for (number, url) in pair.iter().enumerate() {
            let report = struck(&mut stack, |stack| &mut watching(stack).alertmanagers[number], blow, &patient);
            report.blames(&[Culprit("Alertmanager", url, to_do)]);
            assert!(report.wrong().all(|check| check.detail.contains(silent)), "{}", report.text);
            report.well("Prometheus");
            report.well("Kubernetes");
            well_again(&patient);
        }
        let report = struck(&mut stack, |stack| &mut watching(stack).prometheus, blow, &patient);
        report.blames(&[Culprit("Prometheus", &prometheus, to_do)]);
        assert!(report.wrong().all(|check| check.detail.contains(silent)), "{}", report.text);
        report.well("Alertmanager");
        report.well("Kubernetes");
        well_again(&patient);
    }
}

fn control_plane_stopped(binaries: &Path) {
    let mut stack = Stack::start(binaries, Parts { leases: true, ..WATCHED }, Ports::free()).unwrap();
    let patient = Patient::of(&stack);
    well_again(&patient);
    // A controller that dies is missed when it no longer renews its lease.
    for (name, consequence) in
        [("kube-controller-manager", "rollouts do not progress"), ("kube-scheduler", "new pods are not placed")]
    {
        controller(&mut stack, name).kill();
        until("its lease is old", || patient.doctor(&[], &[]).status.code() == Some(1));
        let report = Report::of(&patient, &[]);
        println!("{name} killed:\n{}", report.text);
        report.blames(&[Culprit("Kubernetes", "it is down", consequence)]);
        assert!(report.wrong().all(|check| check.name == name && check.detail.starts_with(name)), "{}", report.text);
        controller(&mut stack, name).restart().unwrap();
        well_again(&patient);
    }
    // The store stands still: the API server says so itself, once it asks its store again (it remembers its last check
    // for a moment, and answers reads from memory).
    stack.control_plane.etcd.pause();
    until("the API server has noticed", || patient.doctor(&[], &[]).status.code() == Some(1));
    let report = Report::of(&patient, &[]);
    stack.control_plane.etcd.resume();
    report.blames(&[Culprit("Kubernetes", "etcd", "its store (etcd) is down or slow")]);
    monitored(&report);
    revive(&mut stack, &patient);
    for (blow, said, to_do) in
        [(Blow::Stop, "no answer", "the API server hangs"), (Blow::Kill, "onnection refused", "is the API server")]
    {
        let report = struck(&mut stack, |stack| &mut stack.control_plane.apiserver, blow, &patient);
        report.blames(&[Culprit("Kubernetes", said, to_do)]);
        monitored(&report);
        revive(&mut stack, &patient);
    }
}

/// What is reached directly stays well.
fn monitored(report: &Report) {
    report.well("Prometheus");
    report.well("Alertmanager");
}

fn controller<'a>(stack: &'a mut Stack, name: &str) -> &'a mut Process {
    match name {
        "kube-scheduler" => &mut stack.control_plane.scheduler,
        _ => &mut stack.control_plane.controllers,
    }
}

/// Controllers that could not renew their leases have ended.
fn revive(stack: &mut Stack, patient: &Patient) {
    stack.control_plane.until_ready().unwrap();
    stack.control_plane.controllers.restart().unwrap();
    stack.control_plane.scheduler.restart().unwrap();
    well_again(patient);
}

fn well_again(patient: &Patient) {
    until("everything is green", || patient.doctor(&[], &[]).status.code() == Some(0));
}

fn strangers(stack: &Stack) {
    let authority = stack.control_plane.certificates.authority.clone();
    // A token that nobody gave.
    let report = Report::of(&Patient::with(stack, &authority, "token: stolen"), &[]);
    report.blames(&[Culprit("Kubernetes", "refuses the credentials of user somebody", "log in again")]);
    monitored(&report);
    // An authority that signed nothing here.
    let directory = home();
    let stranger = certificates::stranger(directory.path()).unwrap();
    let report = Report::of(&Patient::with(stack, &stranger, "token: viewer-token"), &[]);
    report.blames(&[Culprit("Kubernetes", "issued by", "certificate-authority")]);
    let said = report.wrong().next().unwrap().detail.clone();
    assert!(
        said.contains("opsdeck-test-ca") && said.contains("stranger.crt"),
        "whose it is and what is trusted: {said}"
    );
    monitored(&report);
    // Plugins: one that is not installed, one that fails, one that hangs is the business of the outages.
    let exec = |command: &str, arguments: &str| {
        format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: {command}, args: [{arguments}], \
             interactiveMode: Never, installHint: 'install it from the shelf'}}"
        )
    };
    let report = Report::of(&Patient::with(stack, &authority, &exec("no-such-plugin", "")), &[]);
    report.blames(&[Culprit("Kubernetes", "no-such-plugin", "install it from the shelf")]);
    assert!(report.wrong().all(|check| check.name == "credentials"), "{}", report.text);
    monitored(&report);
    let failing = exec("sh", "-c, 'echo the vault is closed >&2; exit 3'");
    let report = Report::of(&Patient::with(stack, &authority, &failing), &[]);
    report.blames(&[Culprit("Kubernetes", "the vault is closed", "")]);
    monitored(&report);
    // Who may look at everything and change nothing is told so, which is no failure.
    let viewer = Patient::with(stack, &authority, "token: viewer-token");
    let report = Report::of(&viewer, &[]);
    assert_eq!(report.code, 0, "{}", report.text);
    let wrong: Vec<&Check> = report.wrong().collect();
    assert!(
        matches!(wrong[..], [check] if check.name == "roll back deployments" && check.verdict == "warning"),
        "{}",
        report.text
    );
    assert!(!report.text.contains("viewer-token"), "a token is never printed:\n{}", report.text);
}

fn clocks(stack: &Stack) {
    if !has("faketime") {
        assert!(std::env::var_os("OPSDECK_REQUIRE_CLIENTS").is_none(), "faketime is not installed");
        println!("not shown: faketime is not installed");
        return;
    }
    let patient = Patient::of(stack);
    let ours = "this machine's clock is wrong";
    // Ahead of all of them: each says so, and together they say whose it is.
    let report = Report::of(&patient, &["faketime", "-f", "+10m"]);
    let urls = monitoring(stack).alertmanager_urls.clone();
    report.blames(&[
        Culprit("Kubernetes", "s behind ours", ours),
        Culprit("Prometheus", &monitoring(stack).prometheus_url, ours),
        Culprit("Alertmanager", &urls[0], ours),
        Culprit("Alertmanager", &urls[1], ours),
    ]);
    assert!(report.wrong().all(|check| check.name == "clock" && off(check, 600)), "{}", report.text);
    println!("{}", report.text);
    // A little: told, and no failure.
    let report = Report::of(&patient, &["faketime", "-f", "+2m"]);
    assert_eq!(report.code, 0, "{}", report.text);
    assert_eq!(
        report.wrong().filter(|check| check.verdict == "warning" && off(check, 120)).count(),
        4,
        "{}",
        report.text
    );
    // Far behind: the certificates of the cluster are not valid yet.
    let report = Report::of(&patient, &["faketime", "-f", "-2d"]);
    let check = report.wrong().find(|check| check.source == "Kubernetes").unwrap();
    assert!(check.detail.contains("not valid before") && check.hint.contains("clock"), "{}", report.text);
    assert!(
        report.wrong().filter(|check| check.source != "Kubernetes").all(|check| check.hint.contains(ours)),
        "{}",
        report.text
    );
    println!("{}", report.text);
}

/// Does it say that clocks are so many seconds apart, give or take what the answers took?
fn off(check: &Check, seconds: i64) -> bool {
    let number = check.detail.split_whitespace().find_map(|word| word.parse::<i64>().ok());
    number.is_some_and(|number| (seconds - 5..=seconds + 5).contains(&number))
}

fn kubeconfigs(stack: &Stack) {
    let good = std::fs::read_to_string(stack.kubeconfig("admin")).unwrap();
    let patient = || Patient::of(stack);
    let broken = [
        (patient().rewritten("apiVersion: v1\nclusters: [{name: test"), "kubeconfig", ""),
        (patient().rewritten(&good.replace("current-context: test", "current-context: gone")), "gone", ""),
        (patient().rewritten(&good.replace("admin.crt", "no-such.crt")), "no-such.crt", ""),
    ];
    for (patient, said, to_do) in &broken {
        let report = Report::of(patient, &[]);
        println!("{}", report.text);
        report.blames(&[Culprit("Kubernetes", said, to_do)]);
        report.well("opsdeck");
        assert!(report.wrong().all(|check| !check.hint.is_empty()), "{}", report.text);
    }
    let mut missing = patient();
    missing.kubeconfig = missing.home.path().join("no-such-file");
    let report = Report::of(&missing, &[]);
    println!("{}", report.text);
    report.blames(&[Culprit("Kubernetes", "no-such-file", "")]);
    missing.kubeconfig = missing.home.path().to_owned();
    let report = Report::of(&missing, &[]);
    println!("{}", report.text);
    report.blames(&[Culprit("Kubernetes", missing.kubeconfig.to_str().unwrap(), "")]);
}

fn watching(stack: &mut Stack) -> &mut crate::stack::Monitoring {
    stack.monitoring.as_mut().unwrap()
}

/// What `doctor` says while a part is stopped; afterwards it runs again.
fn struck(stack: &mut Stack, part: impl Fn(&mut Stack) -> &mut Process, blow: Blow, patient: &Patient) -> Report {
    match blow {
        Blow::Stop => part(stack).pause(),
        Blow::Kill => part(stack).kill(),
    }
    let report = Report::of(patient, &[]);
    println!("{} after {blow:?}:\n{}", part(stack).name, report.text);
    match blow {
        Blow::Stop => part(stack).resume(),
        Blow::Kill => part(stack).restart().unwrap(),
    }
    report
}
