//! One incident: a rollout of `payment` broke it four minutes ago.

use std::sync::Arc;

use chrono::TimeDelta;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::actions::guardrail::{ConfirmLevel, GuardContext};
use crate::app::{App, AppSettings, command_ids};
use crate::config::keymap::{Key, Keymap};
use crate::config::theme::{ColourDepth, Theme};
use crate::domain::alert::{Alert, AlertState, Labels, Severity};
use crate::domain::cluster::{EventRow, Resource};
use crate::domain::log::{LogBatch, LogLevel, LogLine};
use crate::domain::pod::{PodHealth, PodRow};
use crate::domain::rollout::{RolloutPhase, RolloutStatus};
use crate::domain::slo::{Objective, SloReading};
use crate::domain::target::{PodRef, WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::{RevisionRow, WorkloadRow};
use crate::ports::feed::{Delta, SourceId, Update};
use crate::state::context::{ContextInfo, NamespaceScope};
use crate::state::effect::Effect;
use crate::state::message::{FeedItem, Message};

pub fn now() -> Instant {
    chrono::DateTime::parse_from_rfc3339("2026-03-04T14:32:07Z").unwrap().to_utc()
}

pub fn ago(seconds: i64) -> Instant {
    now() - TimeDelta::seconds(seconds)
}

pub fn guard(read_only: bool) -> GuardContext {
    GuardContext {
        context: "prod-eu-west-1".into(),
        namespace: Some("shop".into()),
        identity: None,
        read_only: read_only.then(|| "--read-only was given".into()),
        production: true,
        rules: vec![],
        confirm: ConfirmLevel::Name,
        verification_timeout: 300,
        user: "oncall".into(),
        ssh_client: None,
    }
}

pub fn context() -> ContextInfo {
    ContextInfo {
        epoch: 1,
        name: "prod-eu-west-1".into(),
        label: "PROD eu-west-1".into(),
        production: true,
        colour: None,
        demo: true,
        identity: Some("oncall@bastion".into()),
        namespace: NamespaceScope::One("shop".into()),
    }
}

pub fn app_with(read_only: bool, ascii: bool) -> App {
    make(context(), read_only, ascii)
}

pub fn app_of(context: ContextInfo) -> App {
    make(context, false, false)
}

fn make(context: ContextInfo, read_only: bool, ascii: bool) -> App {
    let settings = AppSettings {
        keymap: Keymap::built_in(&command_ids()).unwrap(),
        theme: Theme::built_in("dark", ColourDepth::None).unwrap(),
        ascii,
        log_lines: 1_000,
        context,
        guard: guard(read_only),
    };
    App::new(settings, now())
}

pub fn app() -> App {
    app_with(false, false)
}

pub fn feed(app: &mut App, source: SourceId, item: FeedItem) -> Vec<Effect> {
    app.update(Message::Feed { epoch: 1, source, item }, now())
}

pub fn tell(app: &mut App, source: SourceId, update: Update) -> Vec<Effect> {
    feed(app, source, FeedItem::Update(update))
}

/// Types keys as keymap files write them, separated by spaces.
pub fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    keys.split(' ').flat_map(|key| app.update(Message::Key(Key::parse(key).unwrap()), now())).collect()
}

pub fn write(app: &mut App, text: &str) -> Vec<Effect> {
    text.chars().flat_map(|c| app.update(Message::Key(Key::char(c)), now())).collect()
}

pub fn screen(app: &mut App, width: u16, height: u16) -> String {
    app.update(Message::Resize(width, height), now());
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| app.render(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut out = String::new();
    for y in 0..height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = crate::ui::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

pub fn workload(name: &str) -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::Deployment, "shop", name)
}

pub fn alert(name: &str, severity: Severity, labels: &[(&str, &str)], seconds: i64, summary: &str) -> Alert {
    let mut all: Labels = labels.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    all.insert("alertname".into(), name.into());
    let key = format!("{all:?}");
    let annotations = [("summary".into(), summary.into()), ("runbook_url".into(), "https://runbooks/x".into())];
    Alert {
        key: key.into(),
        name: name.into(),
        severity,
        state: AlertState::Firing,
        suppressed_by: None,
        labels: all,
        annotations: if summary.is_empty() { Labels::new() } else { annotations.into_iter().collect() },
        since: ago(seconds),
        value: Some(0.172),
    }
}

pub fn alerts() -> Vec<Alert> {
    let shop = ("namespace", "shop");
    let crash = |pod: &str| {
        alert("PodCrashLooping", Severity::Warning, &[shop, ("pod", pod)], 300, "a container keeps crashing")
    };
    let mut muted = alert("CertExpiresSoon", Severity::Warning, &[("service", "edge")], 90_000, "expires in 12 days");
    muted.state = AlertState::Suppressed;
    muted.suppressed_by = Some("silenced by mira until 18:00".into());
    vec![
        alert("Watchdog", Severity::Info, &[], 3_542_400, ""),
        crash("payment-7d9c8f6b5-x2xkq"),
        crash("payment-7d9c8f6b5-9kfrt"),
        crash("payment-7d9c8f6b5-p7qzw"),
        alert(
            "HighErrorRate",
            Severity::Critical,
            &[shop, ("service", "payment")],
            360,
            "17.2 % of requests fail (allowed 1 %)",
        ),
        alert(
            "ErrorBudgetBurn",
            Severity::Critical,
            &[shop, ("service", "payment"), ("slo", "availability")],
            240,
            "the budget of 30 days is gone in 3 hours",
        ),
        muted,
    ]
}

pub fn row(
    name: &str,
    image: &str,
    revision: u64,
    age: i64,
    ready: u32,
    desired: u32,
    phase: RolloutPhase,
) -> WorkloadRow {
    WorkloadRow {
        id: workload(name),
        rollout: RolloutStatus {
            desired,
            total: desired,
            updated: ready,
            ready,
            available: ready,
            phase,
            since: Some(ago(age)),
        },
        revision: Some(revision),
        images: Arc::from([format!("registry.example/shop/{image}").into()]),
        change_cause: None,
        managed_by: None,
        flags: None,
        detail: None,
        created: ago(9_000_000),
    }
}

pub fn workloads() -> Vec<WorkloadRow> {
    vec![
        row(
            "payment",
            "payment:2.4.0",
            42,
            400,
            3,
            6,
            RolloutPhase::Progressing { waiting_for: "3 of 6 new pods to be ready".into() },
        ),
        row("frontend", "frontend:5.1.2", 17, 260_000, 4, 4, RolloutPhase::Complete),
        row("auth", "auth:1.9.0", 8, 780_000, 3, 3, RolloutPhase::Complete),
        row("search", "search:0.44.1", 91, 4_000, 1, 2, RolloutPhase::Degraded { why: "1 of 2 pods available".into() }),
    ]
}

pub fn revisions() -> Vec<RevisionRow> {
    let revision = |number: u64, tag: &str, age: i64, replicas: u32| RevisionRow {
        workload: workload("payment"),
        revision: number,
        name: format!("payment-{number}").into(),
        hash: None,
        images: Arc::from([format!("registry.example/shop/payment:{tag}").into()]),
        change_cause: Some(format!("release {tag}").into()),
        replicas,
        ready: 0,
        created: ago(age),
    };
    vec![revision(42, "2.4.0", 400, 3), revision(41, "2.3.7", 780_000, 3), revision(40, "2.3.6", 1_900_000, 0)]
}

pub fn pod(name: &str, owner: &str, health: PodHealth, status: &str, reason: Option<&str>, restarts: u32) -> PodRow {
    PodRow {
        id: PodRef { namespace: "shop".into(), name: name.into() },
        owner: Some(workload(owner)),
        revision_hash: None,
        node: "ip-10-0-3-17".into(),
        health,
        status: status.into(),
        reason: reason.map(Into::into),
        ready: u16::from(health == PodHealth::Ready) * 2,
        containers: 2,
        restarts,
        last_restart: (restarts > 0).then(|| ago(i64::from(restarts) * 10)),
        created: ago(if health == PodHealth::Ready { 260_000 } else { 390 }),
        container_names: Arc::from(["app".into(), "proxy".into()]),
    }
}

pub fn pods() -> Vec<PodRow> {
    let crash = |name: &str, restarts| {
        pod(name, "payment", PodHealth::CrashLoop, "CrashLoopBackOff", Some("exit 1: missing key \"eu_vat\""), restarts)
    };
    let well = |name: &str, owner: &str| pod(name, owner, PodHealth::Ready, "Running", None, 0);
    let mut pods = vec![
        crash("payment-7d9c8f6b5-x2xkq", 5),
        crash("payment-7d9c8f6b5-9kfrt", 5),
        crash("payment-7d9c8f6b5-p7qzw", 4),
        pod("search-6f7b8-qq2lm", "search", PodHealth::NotReady, "Running", Some("readiness probe failing for 3m"), 0),
        well("payment-5b44d7c9f-aaq8s", "payment"),
        well("payment-5b44d7c9f-bb7tx", "payment"),
        well("payment-5b44d7c9f-cc3ww", "payment"),
        well("search-6f7b8-zz9pk", "search"),
    ];
    pods.extend((0..4).map(|n| well(&format!("frontend-84c6d-{n}xk2"), "frontend")));
    pods.extend((0..3).map(|n| well(&format!("auth-59fd7-{n}mm8"), "auth")));
    pods
}

pub fn slos() -> Vec<SloReading> {
    let reading = |name: &str, service: &str, target: f64, burn: [f64; 4], remaining: f64| SloReading {
        objective: Arc::new(Objective {
            name: name.into(),
            service: service.into(),
            namespace: Some("shop".into()),
            target,
            period: 2_592_000,
            errors: "sum(rate(errors[$window]))".into(),
            total: "sum(rate(requests[$window]))".into(),
        }),
        burn: burn.map(Some),
        remaining: Some(remaining),
        events: Some((burn[2] * 40.0, 48_000.0)),
        history: (0..30).map(|n| if n < 24 { 0.0004 } else { f64::from(n - 23) * 0.03 }).collect(),
        at: ago(5),
        error: None,
    };
    vec![
        reading("payment availability", "payment", 0.999, [171.0, 64.0, 38.0, 7.0], 0.614),
        reading("frontend latency", "frontend", 0.99, [0.3, 0.2, 0.3, 0.3], 0.97),
    ]
}

pub fn logs() -> LogBatch {
    let line = |millis: i64, pod: &str, level: LogLevel, text: &str| LogLine {
        at: now() - TimeDelta::milliseconds(millis),
        pod: pod.into(),
        container: "app".into(),
        level,
        continuation: text.starts_with(' '),
        text: text.into(),
    };
    let (bad, well) = ("payment-7d9c8f6b5-x2xkq", "payment-5b44d7c9f-aaq8s");
    let mut lines = vec![
        line(9_400, bad, LogLevel::Info, "starting payment 2.4.0 (config v2), listening on :8080"),
        line(9_200, bad, LogLevel::Error, "ERROR could not load pricing table: missing key \"eu_vat\" (config v2)"),
        line(9_200, bad, LogLevel::Error, "  at pricing::load (pricing.rs:88)"),
        line(9_200, bad, LogLevel::Error, "  at payment::main (main.rs:31)"),
        line(7_000, well, LogLevel::Info, "POST /charge 200 in 43 ms"),
    ];
    lines.extend((0..38).map(|n| {
        line(6_000 - n * 100, well, LogLevel::Warn, &format!("WARN upstream 503 from payment, retry {n}/50"))
    }));
    lines.push(line(900, "payment-7d9c8f6b5-9kfrt", LogLevel::Fatal, "panicked at src/pricing.rs:88: called unwrap on a None value while loading the pricing table for the european union"));
    LogBatch { lines, lost: 0, streams: 6, failed: Vec::new() }
}

fn delta<Row, Key>(upserts: Vec<Row>) -> Delta<Row, Key> {
    Delta { reset: true, upserts, removes: Vec::new() }
}

/// Everything is there.
pub fn incident(app: &mut App) -> Vec<Effect> {
    let kube = SourceId::Kubernetes;
    let mut effects = Vec::new();
    for resource in Resource::ALL {
        effects.extend(feed(app, kube(resource), FeedItem::Connecting { patience: 90 }));
        effects.extend(tell(app, kube(resource), Update::Alive));
    }
    effects.extend(tell(
        app,
        kube(Resource::Deployments),
        Update::Workloads(WorkloadKind::Deployment, delta(workloads())),
    ));
    let update = Update::Revisions { controller_revisions: false, delta: delta(revisions()) };
    effects.extend(tell(app, kube(Resource::ReplicaSets), update));
    effects.extend(tell(app, SourceId::Alertmanager, Update::Alerts(alerts())));
    effects.extend(tell(app, SourceId::PrometheusAlerts, Update::Alerts(Vec::new())));
    effects.extend(tell(app, SourceId::Slos, Update::Slos(slos())));
    effects.extend(tell(app, kube(Resource::Pods), Update::Pods(delta(pods()))));
    let event = EventRow {
        key: "shop/e1".into(),
        namespace: "shop".into(),
        warning: true,
        reason: "BackOff".into(),
        message: "Back-off restarting failed container app".into(),
        kind: "Pod".into(),
        name: "payment-7d9c8f6b5-x2xkq".into(),
        count: 12,
        last_seen: ago(20),
    };
    effects.extend(tell(app, kube(Resource::Events), Update::Events(delta(vec![event]))));
    effects.extend(tell(app, SourceId::Logs, Update::Logs(logs())));
    effects
}
