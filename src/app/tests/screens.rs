//! What a person sees, at three sizes and in every state of the sources.

use super::fixture::*;
use crate::domain::cluster::Resource;
use crate::domain::target::WorkloadKind;
use crate::ports::feed::{Delta, Fault, FaultKind, SourceId, Update};
use crate::state::message::{FeedItem, Message};
use insta::assert_snapshot;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

#[test]
fn live() {
    for (width, height) in SIZES {
        let mut app = app();
        incident(&mut app);
        assert_snapshot!(format!("live-{width}x{height}"), screen(&mut app, width, height));
    }
}

#[test]
fn focused_on_what_an_alert_is_about() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "enter");
    tell(&mut app, SourceId::Logs, Update::Logs(logs()));
    assert_snapshot!("focused-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("focused-80x24", screen(&mut app, 80, 24));
}

#[test]
fn calm_is_said_and_not_left_empty() {
    let mut app = app();
    for resource in Resource::ALL {
        tell(&mut app, SourceId::Kubernetes(resource), Update::Alive);
    }
    let rows = Delta { reset: true, upserts: Vec::new(), removes: Vec::new() };
    let update = Update::Workloads(WorkloadKind::Deployment, rows);
    tell(&mut app, SourceId::Kubernetes(Resource::Deployments), update);
    tell(&mut app, SourceId::Alertmanager, Update::Alerts(Vec::new()));
    tell(&mut app, SourceId::Slos, Update::Slos(Vec::new()));
    assert_snapshot!("empty-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("empty-80x24", screen(&mut app, 80, 24));
}

fn unreachable() -> Fault {
    Fault::new(FaultKind::Unreachable, "cannot reach http://prometheus:9090: connection refused")
        .hint("check [prometheus] url in the configuration, or run opsdeck doctor")
}

#[test]
fn stale_rows_stay_and_say_why() {
    let mut app = app();
    incident(&mut app);
    feed(&mut app, SourceId::Slos, FeedItem::Fault(unreachable(), 8));
    let watch = Fault::new(FaultKind::Timeout, "no answer from the API server for 30s");
    feed(&mut app, SourceId::Kubernetes(Resource::Pods), FeedItem::Fault(watch, 4));
    app.update(Message::Tick, now() + chrono::TimeDelta::seconds(95));
    assert_snapshot!("stale-120x40", {
        app.update(Message::Resize(120, 40), now() + chrono::TimeDelta::seconds(95));
        render_at(&app, 120, 40)
    });
}

fn render_at(app: &crate::app::App, width: u16, height: u16) -> String {
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| app.render(frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn failures_say_what_why_and_what_next() {
    let mut app = app();
    feed(&mut app, SourceId::Slos, FeedItem::Fault(unreachable(), 8));
    feed(&mut app, SourceId::PrometheusAlerts, FeedItem::Fault(unreachable(), 8));
    let nowhere =
        Fault::new(FaultKind::NotConfigured, "no Alertmanager is configured, and none was found in the cluster")
            .hint("[alertmanager] urls = [\"http://…\"] in the configuration");
    feed(&mut app, SourceId::Alertmanager, FeedItem::Fault(nowhere, 60));
    let forbidden = Fault::new(FaultKind::Forbidden, "user oncall cannot list deployments in namespace shop")
        .hint("ask for the role view in this namespace");
    for resource in [Resource::Deployments, Resource::ReplicaSets, Resource::StatefulSets, Resource::DaemonSets] {
        feed(&mut app, SourceId::Kubernetes(resource), FeedItem::Fault(forbidden.clone(), 30));
    }
    feed(&mut app, SourceId::Kubernetes(Resource::Pods), FeedItem::Connecting { patience: 90 });
    assert_snapshot!("failed-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("failed-80x24", screen(&mut app, 80, 24));
}

#[test]
fn boxes_over_the_panes() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "d");
    assert_snapshot!("details-alert", screen(&mut app, 120, 40));
    press(&mut app, "esc 3 d");
    assert_snapshot!("details-workload", screen(&mut app, 120, 40));
    press(&mut app, "esc ?");
    assert_snapshot!("help", screen(&mut app, 120, 40));
    press(&mut app, "esc :");
    write(&mut app, "pan");
    assert_snapshot!("palette", screen(&mut app, 120, 40));
    press(&mut app, "esc 4 /");
    write(&mut app, "!payment");
    assert_snapshot!("filter-80x24", screen(&mut app, 80, 24));
}

#[test]
fn small_and_plain_terminals() {
    let mut app = app_with(true, true);
    incident(&mut app);
    let ascii = screen(&mut app, 80, 24);
    assert!(ascii.is_ascii(), "{ascii}");
    assert_snapshot!("ascii-read-only-80x24", ascii);
    assert_snapshot!("too-small", screen(&mut app, 40, 10));
}
