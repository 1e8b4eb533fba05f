//! Every action from the console: menu, forms, marks, what guardrails want said, undo; how many keys it takes.

use super::fixture::*;
use crate::actions::approval::Receipt;
use crate::actions::exchange::{Answer, DoorEffect, DoorInput, Work};
use crate::actions::guardrail::{ConfirmLevel, Rules};
use crate::actions::outcome::Stage;
use crate::app::{App, AppSettings, command_ids};
use crate::config::keymap::Keymap;
use crate::config::theme::{ColourDepth, Theme};
use crate::domain::mutation::Change;
use crate::ports::cluster::{ClusterError, DryRun, Facts, Needs, Permission};
use crate::state::effect::Effect;
use crate::state::message::Message;
use crate::state::session::Overlay;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn app_under(rules: Rules) -> App {
    let mut guard = guard(false);
    guard.confirm = ConfirmLevel::Yes;
    guard.rules = vec![rules];
    let mut app = App::new(
        AppSettings {
            keymap: Keymap::built_in(&command_ids()).unwrap(),
            theme: Theme::built_in("dark", ColourDepth::None).unwrap(),
            ascii: false,
            log_lines: 1_000,
            context: context(),
            guard,
        },
        now(),
    );
    incident(&mut app);
    app
}

fn facts(needs: &Needs, hpa: bool) -> Facts {
    let name = needs.target.name.to_string();
    let autoscaler = json!({"metadata": {"name": name, "namespace": "shop", "uid": "h1"},
        "spec": {"minReplicas": 2, "maxReplicas": 8, "scaleTargetRef": {"kind": "Deployment", "name": name}},
        "status": {"currentReplicas": 8}});
    if needs.target.kind.word() == "hpa" {
        return Facts { object: autoscaler, ..Facts::default() };
    }
    let template =
        json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "x:1"}]}});
    Facts {
        object: json!({"kind": "Deployment", "apiVersion": "apps/v1",
            "metadata": {"name": name, "namespace": "shop", "uid": "u1", "resourceVersion": "10", "generation": 7},
            "spec": {"replicas": 6, "selector": {"matchLabels": {"app": name}}, "template": template},
            "status": {"observedGeneration": 7, "replicas": 6, "updatedReplicas": 6, "availableReplicas": 6}}),
        autoscalers: Some(if hpa { vec![autoscaler] } else { Vec::new() }),
        ..Facts::default()
    }
}

/// Answers what the door asks, until it waits for a person or for proof; gives what was sent to the server and what was
/// written to the audit log.
fn answer(app: &mut App, effects: Vec<Effect>, hpa: bool) -> (Vec<Change>, Vec<Value>) {
    let (mut open, mut sent, mut records) = (effects, Vec::new(), Vec::new());
    while !open.is_empty() {
        let Effect::Door(DoorEffect { ticket, work }) = open.remove(0) else { continue };
        let answer = match work {
            Work::Gather(needs) => Answer::Gathered(Ok(facts(&needs, hpa))),
            Work::CheckPermission(_) => {
                Answer::Permission(Ok(Permission { allowed: true, what: "patch".into(), reason: None }))
            }
            Work::DryRun(_) => Answer::DryRun(Ok(DryRun { object: Value::Null, warnings: Vec::new() })),
            Work::Record(record) => {
                records.push(record);
                Answer::Recorded(Ok(()))
            }
            Work::Execute(approved) => {
                sent.push(approved.get().change.clone());
                Answer::Executed(Ok(Receipt { resource_version: "11".into(), generation: 8, warnings: Vec::new() }))
            }
            _ => continue,
        };
        open.extend(app.update(Message::Door(DoorInput::Answer(ticket, answer)), now()));
    }
    (sent, records)
}

fn stage(app: &App) -> Option<Stage> {
    app.door.as_ref().map(|door| door.view().stage)
}

#[test]
fn the_menu_lists_what_the_row_takes_and_why_the_rest_is_not() {
    let mut app = app_under(Rules::default());
    press(&mut app, "3 a");
    assert_snapshot!("menu-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("menu-120x40", screen(&mut app, 120, 40));
    press(&mut app, "j enter");
    assert!(matches!(app.session().overlays.last(), Some(Overlay::Form(_))), "the second one asks for a number");
    press(&mut app, "esc a B");
    assert_eq!(stage(&app), Some(Stage::Preflight), "a key of the menu is the key of the panes");
    press(&mut app, "esc 6 a");
    assert!(app.session().overlays.is_empty(), "nothing can be done with no row");
}

#[test]
fn scaling_asks_for_a_number_and_takes_the_autoscalers_bounds_with_one_key() {
    let mut app = app_under(Rules::default());
    press(&mut app, "3 S");
    assert_snapshot!("scale-80x24", screen(&mut app, 80, 24));
    for bad in ["-", "1 2 x", "0 - 9 9 9 9 9 9 9"] {
        press(&mut app, "backspace backspace backspace backspace backspace backspace backspace backspace");
        press(&mut app, bad);
        assert!(press(&mut app, "enter").is_empty(), "{bad}");
    }
    assert_snapshot!("scale-bad-120x40", screen(&mut app, 120, 40));
    press(&mut app, "esc S");
    // Counted from the first screen of the scenario, where the alert on the workload is selected: S, page-up, enter, r,
    // and the confirmation, which is one decision however many letters it has.
    let effects = press(&mut app, "pageup enter");
    let (sent, records) = answer(&mut app, effects, true);
    assert!(sent.is_empty());
    assert_eq!(records[0]["kind"], "refusal");
    assert_snapshot!("scale-owned-80x24", screen(&mut app, 80, 24));
    let effects = press(&mut app, "r");
    answer(&mut app, effects, true);
    assert_snapshot!("bounds-120x40", screen(&mut app, 120, 40));
    let effects = press(&mut app, "y");
    let (sent, records) = answer(&mut app, effects, true);
    assert_eq!(sent.len(), 1);
    assert_eq!((&records[0]["kind"], &records[0]["action"]), (&json!("intent"), &json!("scale-bounds")));
}

#[test]
fn marked_rows_are_one_plan_with_a_choice_of_what_follows_a_failure() {
    let mut app = app_under(Rules::default());
    press(&mut app, "3 space space");
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("2 marked") && shown.matches('◆').count() == 2, "{shown}");
    let effects = press(&mut app, "B");
    answer(&mut app, effects, false);
    assert_snapshot!("bulk-80x24", screen(&mut app, 80, 24));
    let effects = press(&mut app, "o");
    answer(&mut app, effects, false);
    assert_snapshot!("bulk-120x40", screen(&mut app, 120, 40));
    let effects = press(&mut app, "y");
    let (sent, records) = answer(&mut app, effects, false);
    assert_eq!(sent.len(), 2);
    assert_eq!((records[0]["targets"].as_array().unwrap().len(), &records[0]["on_failure"]), (2, &json!("go-on")));
    // Marks belong to their pane, and escape takes them away before it does anything else.
    let mut app = app_under(Rules::default());
    press(&mut app, "4 space space space");
    press(&mut app, "3 S");
    assert!(screen(&mut app, 120, 40).contains("Scale deployment/payment"));
    press(&mut app, "esc 4 esc");
    assert_eq!(app.session().marks.count(app.session().active), 0);
    press(&mut app, "g g space space B");
    let door = app.door.as_ref().unwrap().view();
    assert_eq!((door.request.len(), door.request.action.target().to_string().as_str()), (1, "deployment/payment"));
}

#[test]
fn what_a_guardrail_wants_said_is_asked_first() {
    let mut app = app_under(Rules { require_reason: true, require_incident: true, ..Rules::default() });
    assert!(press(&mut app, "3 B").is_empty(), "nothing is read before");
    assert_snapshot!("why-80x24", screen(&mut app, 80, 24));
    press(&mut app, "enter");
    assert!(screen(&mut app, 120, 40).contains("reason is needed"));
    write(&mut app, "leaks memory");
    press(&mut app, "tab");
    write(&mut app, "INC-12");
    let effects = press(&mut app, "enter");
    answer(&mut app, effects, false);
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("leaks memory") && shown.contains("INC-12"), "{shown}");
    // It can be said anew while the plan waits.
    press(&mut app, "e");
    write(&mut app, " since 2.4.0");
    let effects = press(&mut app, "enter");
    answer(&mut app, effects, false);
    let effects = press(&mut app, "y");
    let (_, records) = answer(&mut app, effects, false);
    assert_eq!(
        (&records[0]["reason"], &records[0]["incident"]),
        (&json!("leaks memory since 2.4.0"), &json!("INC-12"))
    );
}

#[test]
fn glass_is_broken_with_a_key_a_reason_and_the_name() {
    let rules = Rules { deny: Some("payday".into()), source: "guardrails[0]".into(), ..Rules::default() };
    let mut app = app_under(rules);
    let effects = press(&mut app, "3 B");
    let (_, records) = answer(&mut app, effects, false);
    assert_eq!(records[0]["kind"], "refusal");
    assert_snapshot!("denied-80x24", screen(&mut app, 80, 24));
    press(&mut app, "b enter");
    assert!(screen(&mut app, 80, 24).contains("break-glass is needed"));
    write(&mut app, "all checkouts fail");
    let effects = press(&mut app, "enter");
    answer(&mut app, effects, false);
    assert_snapshot!("glass-80x24", screen(&mut app, 80, 24));
    // What only looks like the name is not the name, and control characters never come as far as the field.
    for odd in ["p\u{430}yment", "payment\u{200b}", "payment\u{a0}", "\u{202e}payment"] {
        write(&mut app, odd);
        assert!(press(&mut app, "enter").is_empty(), "{odd:?}");
        assert!(screen(&mut app, 80, 24).contains("is no letter of it"), "{odd:?}");
        press(&mut app, "ctrl-u");
        for _ in 0..10 {
            press(&mut app, "backspace");
        }
    }
    write(&mut app, "payment");
    let effects = press(&mut app, "enter");
    let (sent, records) = answer(&mut app, effects, false);
    assert_eq!((sent.len(), &records[0]["break_glass"]), (1, &json!("all checkouts fail")));
    // Read-only is never overridden.
    let mut app = app_under(Rules { read_only: Some("audit week".into()), ..Rules::default() });
    let effects = press(&mut app, "3 B");
    answer(&mut app, effects, false);
    press(&mut app, "b");
    assert!(matches!(app.session().overlays.last(), Some(Overlay::Door(_))));
}

/// Scales, and lets the verification be stopped: sent, and not proven.
fn scaled(app: &mut App) -> Vec<Value> {
    press(app, "3 S + tab");
    write(app, "load");
    let effects = press(app, "enter");
    answer(app, effects, false);
    let effects = press(app, "y");
    let (sent, mut records) = answer(app, effects, false);
    assert_eq!(sent.len(), 1);
    let effects = app.update(Message::Door(DoorInput::StopVerifying), now());
    records.extend(answer(app, effects, false).1);
    assert_eq!(stage(app), Some(Stage::Ended));
    records
}

#[test]
fn the_last_action_is_undone_with_one_key() {
    let mut app = app_under(Rules::default());
    press(&mut app, "u");
    assert!(screen(&mut app, 120, 40).contains("nothing was done here"));
    let records = scaled(&mut app);
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("u undo"), "{shown}");
    press(&mut app, "esc");
    assert!(screen(&mut app, 120, 40).contains("u undoes this: scale deployment/payment"));
    let effects = press(&mut app, "u");
    let door = app.door.as_ref().unwrap().view();
    assert_eq!(door.request.undo_of.as_deref(), records[0]["id"].as_str());
    assert!(matches!(&effects[..], [Effect::Door(DoorEffect { work: Work::Gather(_), .. })]), "{effects:?}");
    // It was never scaled in this world: the plan says so, and nothing is sent.
    let (sent, records) = answer(&mut app, effects, false);
    assert_eq!((sent.len(), &records[0]["undo_of"]), (0, &json!(door_id(&app))));
    assert!(screen(&mut app, 120, 40).contains("nothing to do"));
}

#[test]
fn a_box_that_was_closed_on_its_outcome_stays_closed() {
    let mut app = app_under(Rules::default());
    let effects = press(&mut app, "3 B");
    answer(&mut app, effects, false);
    let effects = press(&mut app, "y");
    answer(&mut app, effects, false);
    let effects = app.update(Message::Door(DoorInput::StopVerifying), now());
    assert_eq!(stage(&app), Some(Stage::RecordingOutcome));
    press(&mut app, "esc");
    answer(&mut app, effects, false);
    assert_eq!(stage(&app), Some(Stage::Ended));
    assert!(app.session().overlays.is_empty(), "the record came after the key");
}

fn door_id(app: &App) -> String {
    app.door.as_ref().and_then(|door| door.view().request.undo_of.clone()).unwrap_or_default()
}

#[test]
fn what_the_audit_view_has_chosen_is_undone_there() {
    use crate::ports::journal::{Chain, Reading};
    let mut app = app_under(Rules::default());
    let records = scaled(&mut app);
    press(&mut app, "esc A");
    let chain = Chain::Whole { records: 2, torn: 0, remarks: Vec::new() };
    let reading = Reading { path: "/x".into(), older: 0, records: records.clone(), chain };
    app.update(Message::Audit(Ok(reading)), now());
    let effects = press(&mut app, "u");
    assert!(matches!(&effects[..], [Effect::Door(DoorEffect { work: Work::Gather(_), .. })]), "{effects:?}");
    assert_eq!(door_id(&app), records[0]["id"].as_str().unwrap());
    let failed = Answer::Gathered(Err(ClusterError::NotFound("payment".into())));
    let Some(Effect::Door(DoorEffect { ticket, .. })) = effects.into_iter().next() else { panic!() };
    app.update(Message::Door(DoorInput::Answer(ticket, failed)), now());
    assert!(screen(&mut app, 120, 40).contains("payment"));
}

#[test]
fn words_in_the_palette_do_the_same() {
    let mut app = app_under(Rules::default());
    press(&mut app, ":");
    write(&mut app, "scale deploy/payment +2");
    let effects = press(&mut app, "enter");
    answer(&mut app, effects, false);
    assert!(screen(&mut app, 120, 40).contains("Scale deployment/payment from 6 to 8"));
    press(&mut app, "esc :");
    write(&mut app, "set-image deploy/payment app=x:2");
    let effects = press(&mut app, "enter");
    answer(&mut app, effects, false);
    assert!(screen(&mut app, 120, 40).contains("x:2"));
    press(&mut app, "esc 3 I");
    assert_snapshot!("image-80x24", screen(&mut app, 80, 24));
}
