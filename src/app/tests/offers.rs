//! What can be done with each kind of row: the menu, the footer, the forms of silences and of an autoscaler's bounds, and
//! a drain, pod by pod.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::fixture::*;
use super::kinds::{canary, cron_job, delta, nodes, of, say};
use super::surface::{answer_with, app_under, stage};
use crate::actions::approval::Receipt;
use crate::actions::examples;
use crate::actions::exchange::{Answer, DoorEffect, DoorInput, Work};
use crate::actions::guardrail::Rules;
use crate::actions::outcome::Stage;
use crate::app::App;
use crate::app::aims::new_silence;
use crate::app::offers::OFFERS;
use crate::config::keymap::{Keymap, Scope};
use crate::domain::cluster::{HpaRow, Resource};
use crate::domain::mutation::{Change, Matcher};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::rollout::RolloutPhase;
use crate::domain::target::WorkloadKind;
use crate::ports::cluster::{ClusterError, DryRun, Facts, Needs, Permission};
use crate::ports::feed::{SourceId, Update};
use crate::state::effect::Effect;
use crate::state::message::Message;

fn app() -> App {
    let mut app = app_under(Rules::default());
    canary(&mut app, &RolloutPhase::Paused, false);
    nodes(&mut app);
    say(&mut app, WorkloadKind::CronJob, vec![cron_job("nightly", true, 1_800)]);
    app
}

/// Alerts as Alertmanager tells them, and the silence of the muted one.
fn heard(needs: &Needs) -> Facts {
    let alerts = alerts().into_iter().map(|alert| json!({"labels": alert.labels, "state": "active"})).collect();
    let silence = crate::domain::mutation::Silence {
        matchers: vec![Matcher::is("service", "edge")],
        starts: ago(90_000),
        ends: now() + chrono::TimeDelta::hours(3),
        author: "mira".into(),
        comment: "renewed on monday".into(),
        annotations: std::collections::BTreeMap::default(),
    };
    let object = match &*needs.target.name {
        "CertExpiresSoon" | "HighErrorRate" | "PodCrashLooping" | "alerts" => Value::Null,
        id => json!({"id": id, "state": "active", "silence": silence, "hears": []}),
    };
    Facts { object, alerts: Some(alerts), ..Facts::default() }
}

/// The labels of the menu.
fn menu(app: &mut App, keys: &str) -> Vec<&'static str> {
    press(app, keys);
    let items = match app.session().overlays.last() {
        Some(crate::state::session::Overlay::Menu(menu)) => menu.items.iter().map(|item| item.label).collect(),
        other => panic!("{other:?}"),
    };
    press(app, "esc");
    items
}

#[test]
fn every_action_is_offered_and_every_key_of_one_is_a_capital() {
    let objects: Vec<ObjectRef> = WorkloadKind::ALL
        .iter()
        .map(|kind| ObjectRef::from(&of(*kind, "x")))
        .chain([
            ObjectRef::new(ObjectKind::Pod, "shop", "x"),
            ObjectRef::new(ObjectKind::HorizontalPodAutoscaler, "shop", "x"),
            ObjectRef::global(ObjectKind::Node, "x"),
            ObjectRef::global(ObjectKind::Silence, "x"),
            new_silence(),
            crate::domain::flag::FlagRef::new("unleash", "default", "production", "x").object(),
        ])
        .collect();
    let made = |object| OFFERS.iter().filter_map(move |offer| (offer.make)(object, None));
    let offered: BTreeSet<&str> = objects.iter().flat_map(made).map(|action| action.word()).collect();
    let all: BTreeSet<&str> = examples::all().iter().map(|example| example.action.word()).collect();
    assert_eq!(offered, all);
    let keymap = Keymap::built_in(&crate::app::command_ids()).unwrap();
    for offer in OFFERS {
        let keys = keymap.keys_for(offer.command.id, &[Scope::Global]);
        let keys: Vec<String> = keys.iter().map(|keys| crate::config::keymap::spell(keys)).collect();
        let is_capital = |key: &String| key.len() == 1 && key.bytes().all(|byte| byte.is_ascii_uppercase());
        assert!(keys.iter().all(is_capital), "{}: {keys:?}", offer.command.id);
        assert_eq!(
            keys.is_empty(),
            ["promote-full", "set-flag", "set-image"].contains(&offer.command.id),
            "{}",
            offer.command.id
        );
    }
}

#[test]
fn the_menu_shows_only_what_fits_the_row() {
    let mut app = app();
    let workload = ["rollback", "scale", "restart", "pause", "resume", "set image"];
    assert_eq!(menu(&mut app, "1 a"), [workload.as_slice(), &["acknowledge", "silence"]].concat());
    press(&mut app, "a");
    assert_snapshot!("menu-alert-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc");
    // Silenced: it can be silenced for longer, and be heard again.
    assert_eq!(
        menu(&mut app, "G a"),
        ["acknowledge", "silence", "extend silence", "expire silence"],
        "it names no workload that there is"
    );
    assert_eq!(menu(&mut app, "4 g g a"), [workload.as_slice(), &["delete pod", "evict pod"]].concat());
    assert_eq!(menu(&mut app, "6 a"), ["drain", "cordon", "uncordon"]);
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("D drain") && shown.contains("O cordon") && !shown.contains("W uncordon"), "{shown}");
    app.focus_on("rollout/checkout").unwrap();
    let canary = menu(&mut app, "3 a");
    for label in ["rollback", "abort", "scale", "promote", "promote fully", "retry"] {
        assert!(canary.contains(&label), "{canary:?}");
    }
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("R rollback  X abort") && shown.contains("? help"), "{shown}");
    app.focus_on("cj/nightly").unwrap();
    assert_eq!(menu(&mut app, "3 a"), ["pause", "resume", "trigger"]);
    press(&mut app, "U");
    let asked = app.door.as_ref().unwrap().view().request.action.title();
    assert_eq!(asked, "Unsuspend cronjob/nightly");
    press(&mut app, "esc K");
    assert!(screen(&mut app, 80, 24).contains("select a pod first"));
}

#[test]
fn an_alert_is_silenced_by_a_form_that_knows_it() {
    let mut app = app();
    press(&mut app, "1 Z");
    assert_snapshot!("silence-80x24", screen(&mut app, 80, 24));
    assert!(press(&mut app, "enter").is_empty());
    assert!(screen(&mut app, 80, 24).contains("comment is needed"));
    write(&mut app, "rolling back");
    // To the duration, then past it to a matcher: each wrong line is told where it stands.
    press(&mut app, "tab");
    write(&mut app, " and a bit");
    assert!(press(&mut app, "enter").is_empty());
    assert!(screen(&mut app, 80, 24).contains("is no duration"));
    press(&mut app, "ctrl-u");
    for _ in 0..12 {
        press(&mut app, "backspace");
    }
    write(&mut app, "2h");
    press(&mut app, "tab");
    write(&mut app, "\"");
    assert!(press(&mut app, "enter").is_empty());
    assert!(screen(&mut app, 80, 24).contains("is no matcher"));
    press(&mut app, "backspace");
    let effects = press(&mut app, "enter");
    answer_with(&mut app, effects, &heard);
    assert_snapshot!("silence-plan-80x24", screen(&mut app, 80, 24));
    let effects = press(&mut app, "y");
    let (sent, records) = answer_with(&mut app, effects, &heard);
    let [Change::Silence(silence)] = sent.as_slice() else { panic!("{sent:?}") };
    let mut matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    matchers.sort();
    assert_eq!(matchers, ["alertname=\"HighErrorRate\"", "namespace=\"shop\"", "service=\"payment\""]);
    assert_eq!(
        (silence.ends - silence.starts, silence.comment.as_str()),
        (chrono::TimeDelta::hours(2), "rolling back")
    );
    assert_eq!(records[0]["action"], "silence");
}

#[test]
fn matchers_that_hide_more_than_the_alert_say_so_and_those_that_hide_none_are_refused() {
    let mut app = app();
    press(&mut app, "1 Z");
    write(&mut app, "storm");
    // Comment, for, alertname, namespace, service: without its name and namespace it is about all of payment.
    for field in ["tab tab", "tab"] {
        press(&mut app, field);
        for _ in 0..30 {
            press(&mut app, "backspace");
        }
    }
    let effects = press(&mut app, "enter");
    answer_with(&mut app, effects, &heard);
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("it hides 1 more than the chosen alert:"), "{shown}");
    assert!(shown.contains("ErrorBudgetBurn{namespace=shop,service=payment,slo=availability}"), "{shown}");
    press(&mut app, "esc Z");
    write(&mut app, "storm");
    press(&mut app, "shift-tab shift-tab shift-tab");
    write(&mut app, "zone=b");
    let effects = press(&mut app, "enter");
    let (sent, records) = answer_with(&mut app, effects, &heard);
    assert_eq!((sent.len(), &records[0]["kind"]), (0, &json!("refusal")));
    assert!(screen(&mut app, 120, 40).contains("no alert matches"));
    // What accepts every alert is told in the form.
    press(&mut app, "esc Z");
    write(&mut app, "storm");
    press(&mut app, "tab");
    for _ in 0..3 {
        press(&mut app, "tab");
        for _ in 0..30 {
            press(&mut app, "backspace");
        }
    }
    assert!(press(&mut app, "enter").is_empty());
    assert!(screen(&mut app, 120, 40).contains("a silence has 1 to 64 matchers, not 0"));
}

#[test]
fn an_alert_is_taken_on_with_two_keys_and_a_confirmation() {
    let mut app = app();
    let effects = press(&mut app, "1 Q enter");
    answer_with(&mut app, effects, &heard);
    let effects = press(&mut app, "y");
    let (sent, _) = answer_with(&mut app, effects, &heard);
    let [Change::Silence(silence)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((silence.ends - silence.starts, silence.comment.as_str()), (chrono::TimeDelta::minutes(15), "on it"));
    // Several alerts in one row: what they have in common.
    let mut app = self::app();
    press(&mut app, "1 j j Q");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("alertname=\"PodCrashLooping\"") && !shown.contains("pod=\""), "{shown}");
}

#[test]
fn a_silence_is_extended_and_expired_from_the_alert_that_it_hides() {
    let mut app = app();
    press(&mut app, "1 G L");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("Extend silence") && shown.contains("1h"), "{shown}");
    let effects = press(&mut app, "enter");
    answer_with(&mut app, effects, &heard);
    let effects = press(&mut app, "y");
    let (sent, _) = answer_with(&mut app, effects, &heard);
    let [Change::Silence(silence)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(silence.ends - now(), chrono::TimeDelta::hours(4));
    let mut app = self::app();
    let effects = press(&mut app, "1 G H");
    answer_with(&mut app, effects, &heard);
    let effects = press(&mut app, "y");
    let (sent, _) = answer_with(&mut app, effects, &heard);
    assert_eq!(sent, [Change::ExpireSilence]);
}

#[test]
fn where_an_autoscaler_owns_the_number_its_bounds_are_asked_for() {
    let mut app = app();
    let hpa = HpaRow {
        namespace: "shop".into(),
        name: "web".into(),
        target: Some(workload("payment")),
        min: 2,
        max: 8,
        current: 8,
    };
    tell(&mut app, SourceId::Kubernetes(Resource::Hpas), Update::Hpas(delta(vec![hpa])));
    press(&mut app, "3 S");
    assert_snapshot!("bounds-form-80x24", screen(&mut app, 80, 24));
    assert!(press(&mut app, "enter").is_empty());
    assert!(screen(&mut app, 80, 24).contains("give a minimum, a maximum, or both"), "nothing was altered");
    let facts = |_: &Needs| Facts {
        object: json!({"metadata": {"name": "web", "namespace": "shop", "uid": "h1"},
            "spec": {"minReplicas": 3, "maxReplicas": 8, "scaleTargetRef": {"kind": "Deployment", "name": "payment"}},
            "status": {"currentReplicas": 8}}),
        ..Facts::default()
    };
    let effects = press(&mut app, "pageup enter");
    answer_with(&mut app, effects, &facts);
    let effects = press(&mut app, "y");
    let (sent, records) = answer_with(&mut app, effects, &facts);
    // Somebody raised the minimum meanwhile: what was not touched here is not put back.
    let [Change::JsonPatch(patch)] = sent.as_slice() else { panic!("{sent:?}") };
    let set: Vec<&Value> = patch.as_array().unwrap().iter().filter(|operation| operation["op"] == "add").collect();
    assert_eq!((&set[0]["value"], &set[1]["value"]), (&json!(16), &json!(3)), "{patch}");
    assert_eq!(records[0]["action"], "scale-bounds");
    // Written out, a number is a number.
    let mut app = self::app();
    press(&mut app, ":");
    write(&mut app, "scale deploy/payment 0");
    press(&mut app, "enter");
    assert_eq!(app.door.as_ref().unwrap().view().request.action.word(), "scale");
}

#[test]
fn words_in_the_palette_name_pods_and_nodes_too() {
    for (words, title) in [
        ("drain ip-10-0-3-17", "Drain node/ip-10-0-3-17"),
        ("cordon node/ip-10-0-3-17", "Cordon node/ip-10-0-3-17"),
        ("evict-pod pod/payment-5b44d7c9f-aaq8s", "Evict pod/payment-5b44d7c9f-aaq8s"),
        ("abort checkout", "Abort rollout/checkout"),
        ("promote-full rollout/checkout", "Promote fully rollout/checkout"),
    ] {
        let mut app = app();
        press(&mut app, ":");
        write(&mut app, words);
        press(&mut app, "enter");
        let door = app.door.as_ref().unwrap_or_else(|| panic!("{words}"));
        assert_eq!(door.view().request.action.title(), title, "{words}");
    }
    let mut app = app();
    press(&mut app, ":");
    write(&mut app, "drain ");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("drain node/ip-10-0-3-17") && !shown.contains("drain deploy"), "{shown}");
    write(&mut app, "nowhere x");
    press(&mut app, "enter");
    assert!(screen(&mut app, 80, 24).contains("`nowhere` is not a node"), "{}", screen(&mut app, 80, 24));
}

#[test]
fn a_drain_shows_each_pod_on_its_way() {
    let mut app = app();
    let example = examples::all().into_iter().find(|example| example.action.word() == "drain").unwrap();
    let mut open = press(&mut app, "6 D");
    let (mut evicted, mut at_work) = (0, String::new());
    while let Some(Effect::Door(DoorEffect { ticket, work })) = (!open.is_empty()).then(|| open.remove(0)) {
        let answer = match work {
            Work::Gather(_) => Answer::Gathered(Ok(example.facts.clone())),
            Work::CheckPermission(_) => {
                Answer::Permission(Ok(Permission { allowed: true, what: "x".into(), reason: None }))
            }
            Work::DryRun(_) => Answer::DryRun(Ok(DryRun { object: Value::Null, warnings: Vec::new() })),
            Work::Record(_) => Answer::Recorded(Ok(())),
            Work::Execute(approved) if approved.get().change.removes() => {
                evicted += 1;
                if evicted == 2 {
                    Answer::Executed(Err(ClusterError::Blocked("payment allows no disruption".into())))
                } else {
                    Answer::Executed(Ok(Receipt { resource_version: "11".into(), generation: 8, warnings: Vec::new() }))
                }
            }
            Work::Execute(_) => {
                Answer::Executed(Ok(Receipt { resource_version: "11".into(), generation: 8, warnings: Vec::new() }))
            }
            Work::Wait(_) => {
                at_work = screen(&mut app, 80, 24);
                break;
            }
            _ => continue,
        };
        open.extend(app.update(Message::Door(DoorInput::Answer(ticket, answer)), now()));
        if stage(&app) == Some(Stage::Review) {
            assert_snapshot!("drain-plan-120x40", screen(&mut app, 120, 40));
            open = press(&mut app, "y");
        }
    }
    assert_snapshot!("drain-80x24", at_work);
    assert_eq!(stage(&app), Some(Stage::Executing));
    press(&mut app, "esc");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("drain goes on") || shown.contains("drain: executing"), "{shown}");
}
