//! What a large cluster costs, as ratios against a small one of the same run: one event, one key, one frame must not
//! grow with the number of rows. `cargo bench --bench world`; with `-- --test` everything runs once, unmeasured.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BenchmarkId, Criterion, Throughput};
use opsdeck::actions::guardrail::{ConfirmLevel, GuardContext};
use opsdeck::app::{App, AppSettings, command_ids};
use opsdeck::config::keymap::{Key, Keymap};
use opsdeck::config::theme::{ColourDepth, Theme};
use opsdeck::domain::alert::{Alert, AlertState, Labels, Severity};
use opsdeck::domain::cluster::Resource;
use opsdeck::domain::pod::{PodHealth, PodRow};
use opsdeck::domain::rollout::{RolloutPhase, RolloutStatus};
use opsdeck::domain::target::{PodRef, WorkloadKind, WorkloadRef};
use opsdeck::domain::workload::WorkloadRow;
use opsdeck::ports::feed::{Delta, SourceId, Update};
use opsdeck::state::context::{ContextInfo, NamespaceScope};
use opsdeck::state::message::{FeedItem, Message};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// Pods of the small cluster, which is the baseline, and of the large one.
const SIZES: [usize; 2] = [100, 10_000];
/// Pods per workload.
const REPLICAS: usize = 10;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000, 0).unwrap()
}

fn pod(number: usize, health: PodHealth) -> PodRow {
    let workload = workload(number / REPLICAS).id;
    PodRow {
        id: PodRef {
            namespace: workload.namespace.clone(),
            name: format!("{}-7d9c5b8f6d-{number:05}", workload.name).into(),
        },
        owner: Some(workload),
        revision_hash: Some("7d9c5b8f6d".into()),
        node: format!("node-{}", number % 200).into(),
        health,
        status: "Running".into(),
        reason: None,
        ready: 1,
        containers: 1,
        restarts: 0,
        last_restart: None,
        created: now() - TimeDelta::days(3),
        container_names: Arc::from(["app".into()]),
    }
}

/// In a large cluster one pod in a hundred is unhealthy, in the small one it is one.
fn health(number: usize) -> PodHealth {
    if number.is_multiple_of(100) { PodHealth::CrashLoop } else { PodHealth::Ready }
}

fn workload(number: usize) -> WorkloadRow {
    let replicas = u32::try_from(REPLICAS).unwrap();
    WorkloadRow {
        id: WorkloadRef::new(WorkloadKind::Deployment, format!("team-{}", number % 40), format!("service-{number}")),
        rollout: RolloutStatus {
            desired: replicas,
            total: replicas,
            updated: replicas,
            ready: replicas,
            available: replicas,
            phase: RolloutPhase::Complete,
            since: Some(now() - TimeDelta::hours(2)),
        },
        revision: Some(7),
        images: Arc::from([format!("registry.example/service-{number}:1.{number}.0").into()]),
        change_cause: None,
        managed_by: None,
        flags: None,
        detail: None,
        created: now() - TimeDelta::days(90),
    }
}

/// Twenty alerts, whatever the size of the cluster: a watchdog about nothing, the others about services.
fn alerts() -> Vec<Alert> {
    let alert = |number: usize| {
        let mut labels: Labels = [("alertname".into(), format!("Alert{number}").into())].into();
        if number > 0 {
            labels.insert("namespace".into(), format!("team-{}", number % 40).into());
            labels.insert("service".into(), format!("service-{number}").into());
        }
        Alert {
            key: format!("{labels:?}").into(),
            name: format!("Alert{number}").into(),
            severity: if number == 0 { Severity::Info } else { Severity::Warning },
            state: AlertState::Firing,
            suppressed_by: None,
            labels,
            annotations: Labels::new(),
            since: now() - TimeDelta::minutes(5),
            value: None,
        }
    };
    (0..20).map(alert).collect()
}

fn feed(source: SourceId, update: Update) -> Message {
    Message::Feed { epoch: 0, source, item: FeedItem::Update(update) }
}

fn pods(delta: Delta<PodRow, PodRef>) -> Message {
    feed(SourceId::Kubernetes(Resource::Pods), Update::Pods(delta))
}

fn workloads(delta: Delta<WorkloadRow, WorkloadRef>) -> Message {
    feed(SourceId::Kubernetes(Resource::Deployments), Update::Workloads(WorkloadKind::Deployment, delta))
}

/// A console that knows nothing yet, its pods pane active.
fn console() -> App {
    let settings = AppSettings {
        keymap: Keymap::built_in(&command_ids()).unwrap(),
        theme: Theme::built_in("dark", ColourDepth::True).unwrap(),
        ascii: false,
        log_lines: 1_000,
        context: ContextInfo {
            epoch: 0,
            name: "bench".into(),
            label: "bench".into(),
            production: false,
            colour: None,
            demo: false,
            identity: None,
            namespace: NamespaceScope::All,
        },
        guard: GuardContext {
            rules: vec![],
            context: "bench".into(),
            namespace: None,
            identity: None,
            read_only: None,
            production: false,
            confirm: ConfirmLevel::Yes,
            verification_timeout: 300,
            user: "bench".into(),
            ssh_client: None,
        },
    };
    let mut app = App::new(settings, now());
    app.update(Message::Resize(120, 40), now());
    press(&mut app, "4");
    app
}

fn press(app: &mut App, keys: &str) {
    for key in keys.split(' ') {
        app.update(Message::Key(Key::parse(key).unwrap()), now());
    }
}

/// One list of pods, as a source hands it over.
fn list(size: usize) -> Delta<PodRow, PodRef> {
    Delta { reset: true, upserts: (0..size).map(|number| pod(number, health(number))).collect(), removes: Vec::new() }
}

/// A console that knows so many pods.
fn full(size: usize) -> App {
    let mut app = console();
    app.update(pods(list(size)), now());
    let upserts = (0..size / REPLICAS).map(workload).collect();
    app.update(workloads(Delta { reset: true, upserts, removes: Vec::new() }), now());
    app.update(feed(SourceId::Alertmanager, Update::Alerts(alerts())), now());
    app
}

type Screen = Terminal<TestBackend>;

/// What is measured: a name, and what is done in every turn (told its number, so that turns can alternate).
struct Case {
    name: &'static str,
    turn: fn(&mut App, &mut Screen, usize),
}

const CASES: [Case; 5] = [
    Case {
        name: "one pod changes",
        turn: |app, _, turn| {
            let health = if turn.is_multiple_of(2) { PodHealth::NotReady } else { PodHealth::Ready };
            app.update(pods(Delta { upserts: vec![pod(57, health)], ..Delta::default() }), now());
        },
    },
    Case {
        name: "one workload changes",
        turn: |app, _, turn| {
            let mut row = workload(5);
            row.rollout.ready = u32::try_from(turn % 10).unwrap();
            app.update(workloads(Delta { upserts: vec![row], ..Delta::default() }), now());
        },
    },
    Case {
        name: "alerts arrive",
        turn: |app, _, _| {
            app.update(feed(SourceId::Alertmanager, Update::Alerts(alerts())), now());
        },
    },
    Case {
        name: "a key and its frame",
        turn: |app, screen, turn| {
            press(app, if turn.is_multiple_of(2) { "j" } else { "k" });
            screen.draw(|frame| app.render(frame)).unwrap();
        },
    },
    Case {
        name: "to the other end, and its frame",
        turn: |app, screen, turn| {
            press(app, if turn.is_multiple_of(2) { "G" } else { "g g" });
            screen.draw(|frame| app.render(frame)).unwrap();
        },
    },
];

fn screen() -> Screen {
    Terminal::new(TestBackend::new(120, 40)).unwrap()
}

fn measured(c: &mut Criterion) {
    for case in &CASES {
        let mut group = c.benchmark_group(case.name);
        for size in SIZES {
            let (mut app, mut screen, mut turn) = (full(size), screen(), 0);
            group.bench_function(BenchmarkId::from_parameter(size), |b| {
                b.iter(|| {
                    turn += 1;
                    (case.turn)(&mut app, &mut screen, turn);
                });
            });
        }
        group.finish();
    }
    // These walk all rows by their nature: what counts is what one row costs, and that a letter typed into the filter of
    // a large cluster, or the way back from a focus, still fits into a frame.
    let mut group = c.benchmark_group("first list, per pod");
    group.sample_size(10);
    for size in SIZES {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter_batched(
                || (console(), pods(list(size))),
                |(mut app, message)| {
                    app.update(message, now());
                    app
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    let mut group = c.benchmark_group("a letter in the filter, and its frame");
    for size in SIZES {
        let (mut app, mut screen, mut turn) = (full(size), screen(), 0);
        press(&mut app, "/");
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                turn += 1;
                press(&mut app, if usize::is_multiple_of(turn, 2) { "backspace" } else { "9" });
                screen.draw(|frame| app.render(frame)).unwrap();
            });
        });
    }
    group.finish();
    let mut group = c.benchmark_group("focus and widen, two frames");
    for size in SIZES {
        let (mut app, mut screen) = (full(size), screen());
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                for key in ["enter", "esc"] {
                    press(&mut app, key);
                    screen.draw(|frame| app.render(frame)).unwrap();
                }
            });
        });
    }
    group.finish();
}

/// Median time of a turn at each size, turns of both sizes taken by turns so that a busy machine slows both.
fn medians(case: &Case, rounds: usize, turns: usize) -> [Duration; 2] {
    let mut consoles = SIZES.map(|size| (full(size), screen()));
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for ((app, screen), times) in consoles.iter_mut().zip(&mut times) {
            let start = Instant::now();
            for turn in 0..turns {
                (case.turn)(black_box(app), screen, turn);
            }
            times.push(start.elapsed() / u32::try_from(turns).unwrap());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

/// What grows with the rows costs a hundred times as much with a hundred times the rows; what is found in a tree costs
/// a few more steps and cache misses. The bound lies far from both.
const BOUND: f64 = 10.0;

fn main() -> ExitCode {
    let once = std::env::args().any(|argument| argument == "--test");
    // In a test criterion runs everything once by itself.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    measured(&mut criterion);
    criterion.final_summary();
    let (rounds, turns) = if once { (7, 10) } else { (51, 40) };
    println!("\n{:<34}{:>12}{:>12}{:>8}", "median of a turn", "100 pods", "10,000 pods", "ratio");
    let mut grows = false;
    for case in &CASES {
        let [small, large] = medians(case, rounds, turns);
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        println!("{:<34}{small:>12.1?}{large:>12.1?}{ratio:>8.2}", case.name);
        grows |= ratio > BOUND;
    }
    if grows {
        println!("something grows with the number of rows");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
