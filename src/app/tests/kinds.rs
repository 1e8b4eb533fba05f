//! Rollouts, StatefulSets that cannot go on, CronJobs and Jobs, nodes: what a person sees of them and what a focus on
//! them narrows to.

use std::sync::Arc;

use insta::assert_snapshot;

use super::fixture::*;
use crate::app::App;
use crate::domain::Text;
use crate::domain::cluster::{NodeRow, NodeUsage, Resource};
use crate::domain::pod::{PodHealth, PodRow, PodUsage};
use crate::domain::rollout::{Pause, Progressive, RolloutPhase, Strategy};
use crate::domain::target::{Focus, PodRef, WorkloadKind, WorkloadRef};
use crate::domain::workload::{Batch, Detail, Ordinals, RevisionRow, Schedule, WorkloadRow};
use crate::ports::feed::{Delta, LogTarget, SourceId, Update};
use crate::state::effect::Effect;
use crate::state::message::Message;
use crate::state::pane::PaneId;

fn of(kind: WorkloadKind, name: &str) -> WorkloadRef {
    WorkloadRef::new(kind, "shop", name)
}

fn delta<Row, Key>(upserts: Vec<Row>) -> Delta<Row, Key> {
    Delta { reset: false, upserts, removes: Vec::new() }
}

fn say(app: &mut App, kind: WorkloadKind, rows: Vec<WorkloadRow>) {
    let resource = match kind {
        WorkloadKind::Rollout => Resource::Rollouts,
        WorkloadKind::StatefulSet => Resource::StatefulSets,
        WorkloadKind::CronJob => Resource::CronJobs,
        _ => Resource::Jobs,
    };
    tell(app, SourceId::Kubernetes(resource), Update::Workloads(kind, delta(rows)));
}

fn say_pods(app: &mut App, pods: Vec<PodRow>) {
    tell(app, SourceId::Kubernetes(Resource::Pods), Update::Pods(delta(pods)));
}

/// `checkout`: a canary at its pause, with its pods and its two revisions.
fn canary(app: &mut App, phase: &RolloutPhase, aborted: bool) {
    let mut checkout = row("checkout", "checkout:3.1.0", 12, 700, 5, 5, phase.clone());
    checkout.id = of(WorkloadKind::Rollout, "checkout");
    checkout.images = Arc::from([]);
    checkout.detail = Some(Box::new(Detail::Progressive(Progressive {
        strategy: Strategy::Canary {
            step: 3,
            steps: 8,
            weight: if aborted { 0 } else { 20 },
            weight_of: 100,
            doing: Some("pause".into()),
        },
        current: "65fb5ffc84".into(),
        stable: "877894d5b".into(),
        aborted,
        pause: (*phase == RolloutPhase::Paused).then(|| Pause {
            why: "until it is promoted".into(),
            since: Some(ago(300)),
            until: None,
        }),
        promoting: false,
        analysis: aborted.then(|| "checkout-65fb5ffc84-12 Failed: metric \"web\" assessed Failed".into()),
        message: Some("CanaryPauseStep".into()),
        template_of: Some("Deployment/checkout-base".into()),
    })));
    let revision = |number: u64, tag: &str, hash: &str, age: i64, replicas: u32| RevisionRow {
        workload: of(WorkloadKind::Rollout, "checkout"),
        revision: number,
        name: format!("checkout-{hash}").into(),
        hash: Some(hash.into()),
        images: Arc::from([format!("registry.example/shop/checkout:{tag}").into()]),
        change_cause: None,
        replicas,
        ready: replicas,
        created: ago(age),
    };
    let revisions = vec![revision(12, "3.1.0", "65fb5ffc84", 620, 1), revision(11, "3.0.9", "877894d5b", 600_000, 4)];
    let update = Update::Revisions { controller_revisions: false, delta: delta(revisions) };
    tell(app, SourceId::Kubernetes(Resource::ReplicaSets), update);
    say(app, WorkloadKind::Rollout, vec![checkout]);
    let pod = |hash: &str, end: &str, health| PodRow {
        owner: Some(of(WorkloadKind::Rollout, "checkout")),
        revision_hash: Some(hash.into()),
        ..pod(&format!("checkout-{hash}-{end}"), "checkout", health, "Running", None, 0)
    };
    let mut pods: Vec<PodRow> = ["a2x", "b7k", "c9m", "d4p"].map(|end| pod("877894d5b", end, PodHealth::Ready)).into();
    pods.push(pod("65fb5ffc84", "zz8", PodHealth::Ready));
    say_pods(app, pods);
}

/// `ledger`: a StatefulSet whose newest pod crashes while it is rolled out in order.
fn ledger(app: &mut App, update: &str, broken: &str) {
    let words = "2 of 3 pods ready".into();
    let mut ledger = row("ledger", "ledger:9.0.1", 4, 900, 2, 3, RolloutPhase::Progressing { waiting_for: words });
    ledger.id = of(WorkloadKind::StatefulSet, "ledger");
    ledger.detail = Some(Box::new(Detail::Ordinals(Ordinals {
        ordered: true,
        update_revision: update.into(),
        current_revision: "ledger-old".into(),
    })));
    say(app, WorkloadKind::StatefulSet, vec![ledger]);
    let member = |ordinal: u32, hash: &str, health: PodHealth, status: &str| PodRow {
        owner: Some(of(WorkloadKind::StatefulSet, "ledger")),
        revision_hash: Some(hash.into()),
        ..pod(&format!("ledger-{ordinal}"), "ledger", health, status, None, 0)
    };
    say_pods(
        app,
        vec![
            member(0, "ledger-old", PodHealth::Ready, "Running"),
            member(1, "ledger-old", PodHealth::Ready, "Running"),
            member(2, broken, PodHealth::CrashLoop, "CrashLoopBackOff"),
        ],
    );
}

fn cron_job(name: &str, suspended: bool, last_success: i64) -> WorkloadRow {
    let phase = if suspended { RolloutPhase::Held { why: "suspended".into() } } else { RolloutPhase::Complete };
    let mut cron_job = row(name, "report:3", 0, 1_800, 0, 0, phase);
    cron_job.id = of(WorkloadKind::CronJob, name);
    cron_job.revision = None;
    cron_job.detail = Some(Box::new(Detail::Schedule(Schedule {
        schedule: "*/30 * * * *".into(),
        time_zone: Some("Europe/Vienna".into()),
        suspended,
        last_schedule: Some(ago(1_800)),
        last_success: Some(ago(last_success)),
        active: Arc::from([]),
    })));
    cron_job
}

fn job(name: &str, cron_job: &str, age: i64, failed: bool) -> WorkloadRow {
    let why = "failed: BackoffLimitExceeded: Job has reached the specified backoff limit".into();
    let phase = if failed { RolloutPhase::Stuck { why } } else { RolloutPhase::Complete };
    let mut job = row(name, "report:3", 0, age, u32::from(!failed), 1, phase);
    job.id = of(WorkloadKind::Job, name);
    job.revision = None;
    job.detail = Some(Box::new(Detail::Batch(Batch {
        cron_job: Some(cron_job.into()),
        active: 0,
        succeeded: u32::from(!failed),
        failed: u32::from(failed) * 3,
        started: Some(ago(age)),
        ended: Some(ago(age - 60)),
    })));
    job
}

fn nodes(app: &mut App) {
    let node = |name: &str| NodeRow {
        name: name.into(),
        ready: true,
        cordoned: false,
        problem: None,
        taints: Arc::from([]),
        roles: "".into(),
        cpu: 4_000,
        memory: 16 << 30,
        max_pods: 110,
        version: "v1.36.0".into(),
        created: ago(5_000_000),
    };
    let lost = NodeRow {
        ready: false,
        problem: Some("kubelet does not answer".into()),
        taints: Arc::from(["dedicated=batch:NoSchedule".into()]),
        ..node("ip-10-0-3-40")
    };
    let cordoned = NodeRow { cordoned: true, ..node("ip-10-0-3-22") };
    let rows = vec![node("ip-10-0-3-17"), node("ip-10-0-3-18"), cordoned, lost];
    tell(app, SourceId::Kubernetes(Resource::Nodes), Update::Nodes(delta(rows)));
    let usage = |name: &str, cpu: u64, memory: u64| NodeUsage { name: name.into(), cpu, memory: memory << 30 };
    let usage = vec![usage("ip-10-0-3-17", 3_720, 9), usage("ip-10-0-3-18", 400, 4), usage("ip-10-0-3-22", 80, 1)];
    tell(app, SourceId::Kubernetes(Resource::NodeMetrics), Update::NodeUsage(delta(usage)));
}

fn shown(app: &App) -> Vec<String> {
    app.world().rollouts.shown().map(|row| row.row.id.short()).collect()
}

#[test]
fn a_canary_and_a_set_that_cannot_go_on() {
    let mut app = app();
    incident(&mut app);
    canary(&mut app, &RolloutPhase::Paused, false);
    ledger(&mut app, "ledger-new", "ledger-new");
    press(&mut app, "3 z");
    assert_snapshot!("kinds-rollouts-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("kinds-rollouts-80x24", screen(&mut app, 80, 24));
    app.focus_on("rollout/checkout").unwrap();
    assert_eq!(app.world().pods.shown_len(), 5, "pods of both revisions");
    press(&mut app, "d");
    assert_snapshot!("details-rollout", screen(&mut app, 120, 40));
}

#[test]
fn an_aborted_canary_stands_above_what_is_well() {
    let mut app = app();
    incident(&mut app);
    let why = "aborted: Rollout aborted update to revision 12".into();
    canary(&mut app, &RolloutPhase::Degraded { why }, true);
    assert!(app.world().rollouts.worst().any(|row| row.row.id.kind == WorkloadKind::Rollout));
    let row = app.world().rollouts.get(&of(WorkloadKind::Rollout, "checkout")).unwrap();
    assert_eq!(row.row.images.join(""), "registry.example/shop/checkout:3.1.0", "of the revision: it has no template");
    press(&mut app, "3 z");
    let screen = screen(&mut app, 120, 40);
    let lines: Vec<&str> = screen.lines().skip_while(|line| !line.contains("checkout")).take(2).collect();
    assert!(lines[0].contains("3.1.0 ← 3.0.9") && lines[1].contains("aborted: Rollout aborted update"), "{lines:?}");
}

#[test]
fn the_broken_pod_of_a_set_is_told_as_long_as_it_is_in_the_way() {
    let mut app = app();
    incident(&mut app);
    let words = |app: &App| {
        let row = app.world().rollouts.get(&of(WorkloadKind::StatefulSet, "ledger")).unwrap();
        row.blocked.as_ref().map(crate::domain::rollout::Blocked::words)
    };
    ledger(&mut app, "ledger-new", "ledger-new");
    let blocks = "ledger-2 is broken and blocks the update: a rollback alone does not move it";
    assert_eq!(words(&app).as_deref(), Some(blocks));
    // Rolled back: nothing is left to roll out, and the pod is still there.
    ledger(&mut app, "ledger-old", "ledger-new");
    let left = "ledger-2 is broken at another revision and blocks the update: delete it";
    assert_eq!(words(&app).as_deref(), Some(left));
    // Replaced by one of the old revision that fails as well: unwell, but in nobody's way.
    ledger(&mut app, "ledger-old", "ledger-old");
    assert_eq!(words(&app), None);
    ledger(&mut app, "ledger-new", "ledger-new");
    let gone = PodRef { namespace: "shop".into(), name: "ledger-2".into() };
    let update = Update::Pods(Delta { removes: vec![gone], ..Delta::default() });
    tell(&mut app, SourceId::Kubernetes(Resource::Pods), update);
    assert_eq!(words(&app), None);
}

#[test]
fn jobs_are_seen_when_something_is_wrong_and_when_someone_asks() {
    let mut app = app();
    incident(&mut app);
    let before = shown(&app);
    say(&mut app, WorkloadKind::CronJob, vec![cron_job("report", false, 90_000), cron_job("cleanup", true, 90_000)]);
    let jobs = vec![job("report-1", "report", 5_400, false), job("report-2", "report", 1_800, true)];
    say(&mut app, WorkloadKind::Job, jobs);
    let seen = |app: &App| shown(app).into_iter().filter(|name| !before.contains(name)).collect::<Vec<_>>();
    assert_eq!(seen(&app), ["job/report-2", "cj/cleanup"]);
    // A later success settles it.
    say(&mut app, WorkloadKind::CronJob, vec![cron_job("report", false, 60)]);
    assert_eq!(seen(&app), ["cj/cleanup"]);
    press(&mut app, ":");
    write(&mut app, "cronjobs");
    press(&mut app, "enter");
    assert_eq!(shown(&app), ["cj/cleanup", "cj/report"]);
    press(&mut app, "j enter");
    let focus = app.session().focus.as_ref().map(|focused| focused.focus.clone());
    assert_eq!(focus, Some(Focus::Workload(of(WorkloadKind::CronJob, "report"))));
    press(&mut app, "esc");
    assert_eq!(shown(&app), ["cj/report", "job/report-2", "job/report-1"], "a focus shows its Jobs");
    press(&mut app, "g g d");
    assert_snapshot!("details-cronjob", screen(&mut app, 120, 40));
}

#[test]
fn a_cron_job_in_focus_has_the_pods_of_its_jobs() {
    let mut app = app();
    incident(&mut app);
    say(&mut app, WorkloadKind::CronJob, vec![cron_job("report", false, 90_000)]);
    assert!(app.focus_on("cj/report").unwrap().contains(&Effect::FollowLogs(None)));
    assert_eq!(app.world().pods.shown_len(), 0);
    let run = PodRow {
        owner: Some(of(WorkloadKind::Job, "report-3")),
        ..pod("report-3-x7k", "report", PodHealth::Starting, "Pending", None, 0)
    };
    let id = run.id.clone();
    say(&mut app, WorkloadKind::Job, vec![job("report-3", "report", 5, false)]);
    say_pods(&mut app, vec![run]);
    let effects = app.update(Message::Tick, now() + chrono::TimeDelta::seconds(1));
    assert_eq!(effects, [Effect::FollowLogs(Some(LogTarget::Pods(Arc::from([id]))))]);
    assert_eq!(app.world().pods.shown_len(), 1);
}

#[test]
fn nodes_take_the_place_of_rollouts_and_narrow_to_what_runs_there() {
    let mut app = app();
    incident(&mut app);
    nodes(&mut app);
    press(&mut app, "6");
    assert_snapshot!("nodes-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("nodes-80x24", screen(&mut app, 80, 24));
    press(&mut app, "shift-tab");
    assert_eq!(app.session().active, PaneId::Logs);
    press(&mut app, "tab j enter");
    let focus: Option<Focus> = app.session().focus.as_ref().map(|focused| focused.focus.clone());
    let node: Text = "ip-10-0-3-17".into();
    assert_eq!(focus, Some(Focus::Node(node.clone())));
    assert_eq!(app.world().pods.shown_len(), 15);
    assert_eq!(app.world().nodes.table.shown_len(), 1);
    assert_eq!(shown(&app).len(), 4, "workloads with pods there");
    assert_snapshot!("nodes-focused-120x40", screen(&mut app, 120, 40));
    press(&mut app, "enter");
    assert_snapshot!("details-node", screen(&mut app, 120, 40));
    press(&mut app, "esc esc 3");
    assert!(app.session().shared == PaneId::Rollouts && app.session().focus.is_none());
    // The other way round: the nodes of a workload.
    app.focus_on("payment").unwrap();
    press(&mut app, "6");
    let names: Vec<&str> = app.world().nodes.table.shown().map(|row| &*row.node.name).collect();
    assert_eq!(names, ["ip-10-0-3-17"]);
}

#[test]
fn an_alert_about_a_node_leads_there() {
    let mut app = app();
    incident(&mut app);
    nodes(&mut app);
    let severity = crate::domain::alert::Severity::Critical;
    let labels = [("node", "ip-10-0-3-40"), ("job", "payment")];
    let alert = alert("KubeNodeNotReady", severity, &labels, 10, "a node is not ready");
    tell(&mut app, SourceId::Alertmanager, Update::Alerts(vec![alert]));
    press(&mut app, "1 enter");
    let focus = app.session().focus.as_ref().map(|focused| focused.focus.clone());
    assert_eq!(focus, Some(Focus::Node("ip-10-0-3-40".into())));
}

#[test]
fn what_pods_use_stands_in_their_rows_while_it_is_measured() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "4 z");
    let id = app.world().pods.shown().next().unwrap().id.clone();
    let row = |app: &mut App| {
        let text = screen(app, 160, 40);
        text.lines().find(|line| line.contains(&*id.name)).unwrap().to_owned()
    };
    let plain = row(&mut app);
    let metrics = SourceId::Kubernetes(Resource::PodMetrics);
    let usage = PodUsage { id: id.clone(), cpu: 1_251, memory: (96 << 20) + 5 };
    tell(&mut app, metrics.clone(), Update::PodUsage(delta(vec![usage])));
    assert!(row(&mut app).contains(" 1251m  96Mi "), "{}", row(&mut app));
    press(&mut app, "d");
    assert!(screen(&mut app, 160, 40).contains("1251m of CPU, 96Mi of memory"));
    press(&mut app, "esc");
    tell(&mut app, metrics, Update::PodUsage(delta(Vec::new())));
    assert_eq!(row(&mut app), plain, "without metrics nothing takes their place");
}
