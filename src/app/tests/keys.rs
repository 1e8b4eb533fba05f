//! Keys to effects and to what is selected.

use super::fixture::*;
use crate::app::{command_ids, commands};
use crate::domain::cluster::Resource;
use crate::domain::pod::PodHealth;
use crate::domain::target::{Focus, PodRef};
use crate::ports::feed::{Delta, LogTarget, SourceId, Update};
use crate::state::context::{ContextInfo, NamespaceScope};
use crate::state::effect::Effect;
use crate::state::message::{FeedItem, Message, Mouse, MouseKind};
use crate::state::pane::PaneId;

#[test]
fn enter_on_an_alert_focuses_its_workload_and_escape_widens() {
    let mut app = app();
    incident(&mut app);
    let effects = press(&mut app, "enter");
    assert_eq!(effects, [Effect::FollowLogs(Some(LogTarget::Workload(workload("payment"))))]);
    let focused = app.session().focus.clone().unwrap();
    assert_eq!((focused.focus, focused.via.as_deref()), (Focus::Workload(workload("payment")), Some("HighErrorRate")));
    assert_eq!(app.world().pods.shown_len(), 6);
    press(&mut app, "esc j j enter");
    let row = app.world().alerts.selected(app.session().cursors.alerts.as_ref()).unwrap();
    assert_eq!(&*row.alert.name, "PodCrashLooping", "the entered row stays selected");
    assert_eq!(row.all.len(), 3);
    assert_eq!(app.world().rollouts.shown_len(), 1);
    assert_eq!(app.world().alerts.shown_len(), 3);
    assert_eq!(app.world().slos.shown_len(), 1);
    let effects = press(&mut app, "esc");
    assert!(
        matches!(&effects[..], [Effect::FollowLogs(Some(LogTarget::Pods(pods)))] if pods.len() == 4),
        "{effects:?}"
    );
    assert_eq!(app.world().pods.shown_len(), 15);
}

#[test]
fn without_a_focus_the_worst_pods_are_followed() {
    let mut app = app();
    let effects = incident(&mut app);
    let [Effect::FollowLogs(Some(LogTarget::Pods(pods)))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(pods.len(), 4);
    // A pod that joins them moves the logs only after a while.
    let worse = pod("auth-59fd7-0mm8", "auth", PodHealth::CrashLoop, "CrashLoopBackOff", None, 9);
    let delta = Delta { reset: false, upserts: vec![worse], removes: Vec::new() };
    let source = SourceId::Kubernetes(Resource::Pods);
    assert!(tell(&mut app, source, Update::Pods(delta)).is_empty());
    assert!(app.update(Message::Tick, now() + chrono::TimeDelta::seconds(5)).is_empty());
    let effects = app.update(Message::Tick, now() + chrono::TimeDelta::seconds(20));
    assert!(matches!(&effects[..], [Effect::FollowLogs(Some(LogTarget::Pods(pods)))] if pods.len() == 5));
}

#[test]
fn the_selection_is_a_row_and_not_a_line() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "4 j j");
    let selected =
        |app: &crate::app::App| app.world().pods.selected(app.session().cursors.pods.as_ref()).unwrap().id.clone();
    let before = selected(&app);
    let worse = pod("aaa-crash", "auth", PodHealth::CrashLoop, "CrashLoopBackOff", None, 1);
    let delta = Delta { reset: false, upserts: vec![worse], removes: Vec::new() };
    tell(&mut app, SourceId::Kubernetes(Resource::Pods), Update::Pods(delta));
    assert_eq!(selected(&app), before);
    let effects = press(&mut app, "enter");
    assert_eq!(effects, [Effect::FollowLogs(Some(LogTarget::Pod(PodRef { ..before })))]);
}

#[test]
fn a_filter_is_live_and_escape_brings_back_what_was() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "4 /");
    write(&mut app, "!payment");
    assert_eq!(app.world().pods.shown_len(), 9);
    press(&mut app, "enter /");
    write(&mut app, "zzz");
    assert_eq!(app.world().pods.shown_len(), 15, "`!paymentzzz` hides nothing");
    press(&mut app, "esc");
    assert_eq!(app.world().pods.shown_len(), 9, "back to the filter that was kept");
    press(&mut app, "esc");
    assert_eq!(app.world().pods.shown_len(), 15);
}

#[test]
fn the_palette_switches_and_runs_what_is_typed() {
    let mut app = app();
    incident(&mut app);
    assert_eq!(press(&mut app, ":"), [Effect::ListContexts]);
    write(&mut app, "ns checkout");
    assert_eq!(press(&mut app, "enter"), [Effect::SwitchNamespace(NamespaceScope::One("checkout".into()))]);
    press(&mut app, ":");
    write(&mut app, "ctx staging");
    assert_eq!(press(&mut app, "enter"), [Effect::SwitchContext("staging".into())]);
    press(&mut app, ":");
    write(&mut app, "focus deploy/auth");
    press(&mut app, "enter");
    assert_eq!(app.session().focus.as_ref().map(|f| f.focus.clone()), Some(Focus::Workload(workload("auth"))));
    press(&mut app, ":");
    write(&mut app, "q");
    assert_eq!(press(&mut app, "enter"), [Effect::Quit]);
    assert_eq!(press(&mut app, "0"), [Effect::SwitchNamespace(NamespaceScope::All)]);
}

#[test]
fn late_messages_of_another_context_are_dropped() {
    let mut app = app();
    incident(&mut app);
    let next = ContextInfo { epoch: 2, name: "staging".into(), ..context() };
    app.update(Message::Switched(next, guard(false)), now());
    assert!(app.world().pods.is_empty());
    tell(&mut app, SourceId::Alertmanager, Update::Alerts(alerts()));
    assert!(app.world().alerts.is_empty(), "epoch 1 is over");
}

#[test]
fn the_first_connection_takes_no_key_back() {
    let mut app = app_of(ContextInfo { epoch: 0, name: "connecting…".into(), ..context() });
    press(&mut app, "4 z /");
    write(&mut app, "web");
    app.update(Message::Switched(context(), guard(false)), now());
    assert!(app.session().zoom && app.session().active == PaneId::Pods);
    press(&mut app, "enter");
    assert_eq!(app.session().view(PaneId::Pods).filter, "web");
    let next = ContextInfo { epoch: 2, name: "staging".into(), ..context() };
    app.update(Message::Switched(next, guard(false)), now());
    assert!(!app.session().zoom, "another cluster is looked at from the beginning");
}

#[test]
fn a_refresh_keeps_rows_and_focus_until_the_new_lists_come() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "enter");
    let (focus, pods) = (app.session().focus.clone(), app.world().pods.len());
    assert!(focus.is_some() && pods > 1, "{focus:?} {pods}");
    let again = ContextInfo { epoch: 2, identity: None, ..context() };
    let effects = app.update(Message::Switched(again, guard(false)), now());
    assert!(matches!(&effects[..], [Effect::FollowLogs(Some(_))]), "{effects:?}");
    assert_eq!((app.session().focus.clone(), app.world().pods.len()), (focus.clone(), pods));
    tell(&mut app, SourceId::Alertmanager, Update::Alerts(Vec::new()));
    assert!(!app.world().alerts.is_empty(), "epoch 1 is over");
    let later = |update| Message::Feed {
        epoch: 2,
        source: SourceId::Kubernetes(Resource::Pods),
        item: FeedItem::Update(update),
    };
    app.update(later(Update::Pods(Delta { reset: true, ..Delta::default() })), now());
    assert!(app.world().pods.is_empty(), "the new list replaces everything");
    assert_eq!(app.session().focus.clone(), focus);
}

#[test]
fn leaving_takes_two_keys_unless_it_is_meant() {
    let mut app = app();
    assert!(press(&mut app, "q").is_empty());
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
    assert_eq!(press(&mut app, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn a_click_selects_and_a_second_one_goes_in() {
    let mut app = app();
    incident(&mut app);
    screen(&mut app, 120, 40);
    let lines = screen(&mut app, 120, 40);
    let line = lines.lines().position(|line| line.contains("p7qzw")).unwrap();
    let mouse = |kind| Message::Mouse(Mouse { kind, column: 70, row: line as u16 });
    app.update(mouse(MouseKind::Press), now());
    assert_eq!(app.session().active, PaneId::Pods);
    let selected = app.world().pods.selected(app.session().cursors.pods.as_ref()).unwrap();
    assert_eq!(&*selected.id.name, "payment-7d9c8f6b5-p7qzw");
    app.update(mouse(MouseKind::DoublePress), now());
    assert!(matches!(app.session().focus.as_ref().map(|f| &f.focus), Some(Focus::Pod { .. })));
}

#[test]
fn a_suspect_is_named_with_its_distance() {
    let mut app = app();
    incident(&mut app);
    let row = app.world().rollouts.get(&workload("payment")).unwrap();
    let suspect = row.suspect.as_ref().unwrap();
    assert_eq!((&*suspect.alert, suspect.seconds_before), ("HighErrorRate", 40));
    assert!(app.world().rollouts.get(&workload("search")).unwrap().suspect.is_none());
}

#[test]
fn nothing_is_drawn_again_without_a_change() {
    let mut app = app();
    app.drawn();
    app.update(Message::Tick, now());
    assert!(!app.dirty(), "the same second");
    app.update(Message::Tick, now() + chrono::TimeDelta::seconds(1));
    assert!(app.dirty());
}

#[test]
fn every_command_is_documented_once_per_scope() {
    let mut seen = std::collections::BTreeSet::new();
    for command in commands() {
        assert!(seen.insert(command.id), "{} stands twice", command.id);
        assert!(!command.doc.is_empty() && !command.doc.ends_with('.'), "{}", command.id);
    }
    assert_eq!(command_ids().len(), commands().len());
}

#[test]
fn next_match_shows_what_stands_around_it() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "5 /");
    write(&mut app, "eu_vat");
    press(&mut app, "enter");
    assert_eq!(app.world().logs.shown_len(), 1);
    press(&mut app, "N");
    assert_eq!(app.world().logs.shown_len(), app.world().logs.len(), "all lines, the cursor on the match");
    let at = app.session().cursors.logs.unwrap();
    assert!(app.world().logs.get(&at).unwrap().line.text.contains("eu_vat"));
    press(&mut app, "s");
    assert!(app.session().follows());
}

#[test]
fn ten_thousand_pods_cost_a_screen_and_not_a_list() {
    let mut app = app();
    let many = (0..10_000).map(|n| pod(&format!("web-{n:05}"), "web", PodHealth::Ready, "Running", None, 0)).collect();
    let delta = Delta { reset: true, upserts: many, removes: Vec::new() };
    let source = SourceId::Kubernetes(Resource::Pods);
    tell(&mut app, source.clone(), Update::Pods(delta));
    press(&mut app, "4 G");
    let lines = screen(&mut app, 120, 40);
    assert!(lines.contains("web-09999") && lines.contains("10000 healthy"), "{lines}");
    press(&mut app, "g g");
    assert!(screen(&mut app, 120, 40).contains("web-00000"));
    let bad = pod("web-05000", "web", PodHealth::CrashLoop, "CrashLoopBackOff", None, 3);
    let delta = Delta { reset: false, upserts: vec![bad], removes: Vec::new() };
    tell(&mut app, source, Update::Pods(delta));
    assert_eq!(app.world().pods.shown().next().unwrap().id.name.as_ref(), "web-05000");
}

#[test]
fn what_is_typed_while_the_first_connection_is_made_stays() {
    let mut app = app();
    app.context = ContextInfo { epoch: 0, name: "connecting".into(), ..context() };
    press(&mut app, "4 z / x");
    let (info, guard) = (context(), guard(false));
    app.update(Message::Switched(info.clone(), guard.clone()), now());
    assert!(app.session().zoom && app.session().active == PaneId::Pods);
    assert_eq!(app.session().view(PaneId::Pods).filter, "x");
    // Another context is another place.
    let other = ContextInfo { epoch: 2, name: "other".into(), ..info };
    app.update(Message::Switched(other, guard), now());
    assert!(!app.session().zoom && app.session().view(PaneId::Pods).filter.is_empty());
}
