//! Flags in the console: what a person sees of them, what a focus leaves, and from an alert to the plan that turns off
//! what was switched on before it.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::fixture::{ago, app, feed, incident, now, press, screen, tell, workload, write};
use crate::actions::ActionKind;
use crate::actions::exchange::Work;
use crate::app::App;
use crate::domain::Text;
use crate::domain::flag::{Evaluations, FlagChange, FlagDetail, FlagEvent, FlagFacts, FlagKind, FlagRef, FlagRow};
use crate::domain::target::Focus;
use crate::ports::feed::{Fault, FaultKind, SourceId, Update};
use crate::state::effect::Effect;
use crate::state::message::{FeedItem, Message};

fn source() -> SourceId {
    SourceId::Flags("unleash".into())
}

fn row(key: &str, enabled: bool, changed: Option<(i64, &str)>, workloads: &[&str]) -> FlagRow {
    FlagRow {
        id: FlagRef::new("unleash", "default", "production", key),
        enabled,
        serves: if enabled { "25 % of users".into() } else { "nobody".into() },
        kind: FlagKind::Release,
        description: Some("what it is for".into()),
        changed: changed.map(|(seconds, by)| FlagEvent {
            at: ago(seconds),
            by: by.into(),
            what: if enabled { "switched on in production".into() } else { "switched off in production".into() },
        }),
        seen: Some(Evaluations { yes: 81_200, no: 4, seconds: 3600 }),
        last_seen: Some(ago(30)),
        stale: key == "old-cart",
        archived: false,
        tags: [Text::from("team:pricing")].into(),
        workloads: workloads.iter().map(|text| Text::from(*text)).collect(),
    }
}

fn flags(app: &mut App) {
    let rows = vec![
        row("checkout-page", true, Some((90_000, "bob")), &["checkout"]),
        row("dark-mode", true, None, &[]),
        row("new-pricing", true, Some((420, "mira")), &["shop/pay*"]),
        row("old-cart", false, Some((8_000_000, "bob")), &["payment"]),
    ];
    tell(app, source(), Update::Flags(rows));
}

fn shown(app: &App) -> Vec<&str> {
    app.world().flags.shown().map(|row| &*row.id.key).collect()
}

#[test]
fn the_newest_change_stands_on_top_and_details_are_read_when_they_are_opened() {
    let mut app = app();
    incident(&mut app);
    flags(&mut app);
    press(&mut app, "7");
    assert_eq!(shown(&app), ["new-pricing", "checkout-page", "old-cart", "dark-mode"]);
    assert_snapshot!("flags-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("flags-80x24", screen(&mut app, 80, 24));
    let effects = press(&mut app, "d");
    let id = FlagRef::new("unleash", "default", "production", "new-pricing");
    assert_eq!(effects, [Effect::ReadFlag(id.clone())]);
    assert!(screen(&mut app, 120, 40).contains("reading the rest"));
    let facts = FlagFacts {
        enabled: true,
        when_on: "25 % of users".into(),
        strategies: vec!["25 % of users where country is one of de, fr".into()],
        ..FlagFacts::default()
    };
    let history = vec![FlagEvent { at: ago(420), by: "mira".into(), what: "switched on in production".into() }];
    let environments = vec![("development".into(), true), ("production".into(), true)];
    let detail = FlagDetail { facts, environments, history, gaps: vec!["its tags: not allowed".into()] };
    app.update(Message::Flag(id.clone(), Ok(Box::new(detail))), now());
    assert_snapshot!("details-flag", screen(&mut app, 120, 40));
    // What was read of another one is not shown for this one.
    press(&mut app, "esc j d");
    assert!(!screen(&mut app, 120, 40).contains("where country is"));
    app.update(Message::Flag(id, Err("late".into())), now());
    assert!(screen(&mut app, 120, 40).contains("reading the rest"));
}

#[test]
fn a_focus_leaves_the_flags_that_are_about_it_and_a_flag_leads_to_its_workload() {
    let mut app = app();
    incident(&mut app);
    flags(&mut app);
    app.focus_on("payment").unwrap();
    assert_eq!(shown(&app), ["new-pricing", "old-cart"]);
    // A workload may name its flags itself.
    let mut rows: Vec<_> = app.world().rollouts.iter().map(|rollout| rollout.row.clone()).collect();
    rows.retain(|row| row.id == workload("payment"));
    rows[0].flags = Some("dark-*, nothing".into());
    let delta = crate::ports::feed::Delta { upserts: rows, ..crate::ports::feed::Delta::default() };
    let kind = crate::domain::target::WorkloadKind::Deployment;
    tell(&mut app, SourceId::Kubernetes(crate::domain::cluster::Resource::Deployments), Update::Workloads(kind, delta));
    press(&mut app, "7");
    app.update(Message::Tick, now() + chrono::TimeDelta::seconds(1));
    assert_eq!(shown(&app), ["new-pricing", "old-cart", "dark-mode"]);
    press(&mut app, "esc");
    assert_eq!(shown(&app).len(), 4);
    press(&mut app, "g g enter");
    let focus = app.session().focus.as_ref().map(|focused| focused.focus.clone());
    assert_eq!(focus, Some(Focus::Workload(workload("payment"))));
}

/// The first action that a plan is asked for.
fn planned(effects: &[Effect], app: &App) -> Option<ActionKind> {
    let asked =
        effects.iter().any(|effect| matches!(effect, Effect::Door(door) if matches!(door.work, Work::Gather(_))));
    asked.then(|| app.door.as_ref().unwrap().view().request.action.clone())
}

#[test]
fn from_an_alert_two_keys_lead_to_the_plan_that_turns_off_what_was_switched_on_before_it() {
    let mut app = app();
    incident(&mut app);
    flags(&mut app);
    let effects = press(&mut app, "enter F");
    let Some(ActionKind::Flag(wish)) = planned(&effects, &app) else { panic!("{effects:?}") };
    assert_eq!((&*wish.flag.key, &wish.set), ("new-pricing", &FlagChange::Enabled(false)));
    assert_eq!(wish.about, Some(workload("payment")), "its alerts and its budget are part of the proof");
}

#[test]
fn the_selected_flag_is_switched_to_the_other_state_and_several_as_one_plan() {
    let mut app = app();
    incident(&mut app);
    flags(&mut app);
    let effects = press(&mut app, "7 j j F");
    let Some(ActionKind::Flag(wish)) = planned(&effects, &app) else { panic!("{effects:?}") };
    assert_eq!((&*wish.flag.key, &wish.set), ("old-cart", &FlagChange::Enabled(true)));
    press(&mut app, "esc g g space space F");
    let door = app.door.as_ref().unwrap().view();
    let keys: Vec<String> = door.request.actions().map(ActionKind::title).collect();
    assert_eq!(keys, ["Turn off flag checkout-page in PRODUCTION", "Turn off flag new-pricing in PRODUCTION"]);
}

#[test]
fn a_share_or_a_variant_is_asked_for_and_what_gets_well_by_it_is_proved() {
    for (written, wanted) in [
        ("5 %", FlagChange::Percentage(5)),
        ("100", FlagChange::Percentage(100)),
        ("one-page", FlagChange::Variant("one-page".into())),
    ] {
        let mut app = app();
        incident(&mut app);
        flags(&mut app);
        press(&mut app, "enter");
        press(&mut app, ":");
        write(&mut app, "set-flag");
        press(&mut app, "enter");
        write(&mut app, written);
        let effects = press(&mut app, "enter");
        let Some(ActionKind::Flag(wish)) = planned(&effects, &app) else { panic!("{effects:?}") };
        assert_eq!((&*wish.flag.key, &wish.set), ("new-pricing", &wanted));
        assert_eq!(wish.about, Some(workload("payment")));
    }
}

#[test]
fn an_empty_pane_never_means_that_a_source_failed() {
    let mut app = app();
    incident(&mut app);
    press(&mut app, "7 z");
    assert!(screen(&mut app, 120, 40).contains("no source of flags for this context"));
    let fault =
        Fault::new(FaultKind::Unauthorized, "Unleash at http://u does not accept the token (401)").hint("renew it");
    feed(&mut app, source(), FeedItem::Fault(fault.clone(), 5));
    let text = screen(&mut app, 120, 40);
    assert!(text.contains("does not accept the token") && text.contains("renew it"), "{text}");
    // Old rows stay, and are called old.
    flags(&mut app);
    feed(&mut app, source(), FeedItem::Fault(fault, 5));
    let text = screen(&mut app, 120, 40);
    assert!(text.contains("new-pricing") && text.contains("stale"), "{text}");
    // A list replaces what its source gave before, and nothing of another one.
    tell(&mut app, SourceId::Flags("other".into()), Update::Flags(Vec::new()));
    assert_eq!(app.world().flags.len(), 4);
    tell(&mut app, source(), Update::Flags(vec![row("dark-mode", true, None, &[])]));
    assert_eq!(app.world().flags.len(), 1);
}

proptest! {
    #[test]
    fn no_name_disturbs_the_screen(key in "\\PC{0,40}|[\\x00-\\x1f]{0,10}|[a-z]{200}") {
        let mut app = app();
        tell(&mut app, source(), Update::Flags(vec![row(&key, true, Some((60, "mira")), &[])]));
        press(&mut app, "7 z");
        for (width, height) in [(80, 24), (60, 16)] {
            let text = screen(&mut app, width, height);
            prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
