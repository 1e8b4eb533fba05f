//! The door from the console: what it offers, what it refuses, what it draws.

use super::fixture::*;
use crate::actions::exchange::{Answer, DoorEffect, DoorInput, Work};
use crate::app::App;
use crate::domain::rollout::{RolloutPhase, RolloutStatus};
use crate::ports::cluster::{DryRun, Facts, Permission, Seen, Signals};
use crate::state::effect::Effect;
use crate::state::message::Message;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn template(tag: &str, pricing: Option<&str>) -> Value {
    let env: Vec<Value> = pricing.into_iter().map(|v| json!({"name": "PRICING_TABLE", "value": v})).collect();
    json!({
        "metadata": {"labels": {"app": "payment"}},
        "spec": {"containers": [{"name": "app", "image": format!("registry.example/shop/payment:{tag}"), "env": env}]}
    })
}

fn facts() -> Facts {
    let set = |revision: u64, tag: &str, pricing: Option<&str>, created: &str| {
        let mut template = template(tag, pricing);
        template["metadata"]["labels"]["pod-template-hash"] = json!(format!("h{revision}"));
        json!({
            "metadata": {
                "name": format!("payment-{revision}"), "namespace": "shop", "creationTimestamp": created,
                "labels": {"app": "payment"},
                "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
                "ownerReferences": [{"kind": "Deployment", "name": "payment", "uid": "u1", "controller": true}]
            },
            "spec": {"replicas": if revision == 42 { 6 } else { 0 }, "template": template},
            "status": {}
        })
    };
    Facts {
        object: json!({
            "kind": "Deployment", "apiVersion": "apps/v1",
            "metadata": {
                "name": "payment", "namespace": "shop", "uid": "u1", "resourceVersion": "1000", "generation": 7,
                "annotations": {"deployment.kubernetes.io/revision": "42"}
            },
            "spec": {
                "replicas": 6, "selector": {"matchLabels": {"app": "payment"}}, "template": template("2.4.0", Some("v2")),
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}
            },
            "status": {"observedGeneration": 7, "replicas": 6, "updatedReplicas": 6, "availableReplicas": 3}
        }),
        revisions: Some(vec![
            set(42, "2.4.0", Some("v2"), "2026-03-04T14:25:27Z"),
            set(41, "2.3.7", None, "2026-02-23T14:00:00Z"),
            set(40, "2.3.6", None, "2026-02-10T14:00:00Z"),
        ]),
        autoscalers: Some(Vec::new()),
        ..Facts::default()
    }
}

/// Answers everything that the door asks until it waits for a person or for proof.
fn answer(app: &mut App, effects: Vec<Effect>) -> Vec<Work> {
    let mut open = effects;
    let mut left = Vec::new();
    while let Some(effect) = open.pop() {
        let Effect::Door(DoorEffect { ticket, work }) = effect else { continue };
        let answer = match work {
            Work::Gather(_) => Answer::Gathered(Ok(facts())),
            Work::CheckPermission(_) => Answer::Permission(Ok(Permission {
                allowed: true,
                what: "patch deployments.apps in namespace shop".into(),
                reason: None,
            })),
            Work::DryRun(_) => Answer::DryRun(Ok(DryRun {
                object: json!({"spec": {"template": template("2.3.7", None)}}),
                warnings: Vec::new(),
            })),
            Work::Record(_) => Answer::Recorded(Ok(())),
            other => {
                left.push(other);
                continue;
            }
        };
        open.extend(app.update(Message::Door(DoorInput::Answer(ticket, answer)), now()));
    }
    left
}

#[test]
fn a_rollback_is_planned_named_and_only_then_executed() {
    let mut app = app();
    incident(&mut app);
    let effects = press(&mut app, "3 R");
    assert!(matches!(&effects[..], [Effect::Door(DoorEffect { work: Work::Gather(_), .. })]), "{effects:?}");
    assert!(answer(&mut app, effects).is_empty());
    assert_snapshot!("plan-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("plan-80x24", screen(&mut app, 80, 24));

    let lines = screen(&mut app, 120, 40);
    assert!(lines.contains("ctrl-d full diff"), "a letter would be typed:\n{lines}");
    assert!(press(&mut app, "enter").is_empty(), "nothing without the name");
    write(&mut app, "payment");
    assert_snapshot!("plan-typed-120x40", screen(&mut app, 120, 40));
    let effects = press(&mut app, "enter");
    assert!(matches!(&effects[..], [Effect::Door(DoorEffect { work: Work::Record(_), .. })]), "{effects:?}");
    let left = answer(&mut app, effects);
    assert!(matches!(&left[..], [Work::Execute(_)]), "{left:?}");
}

#[test]
fn the_diff_and_the_chooser_open_in_the_box() {
    let mut app = app();
    incident(&mut app);
    let effects = press(&mut app, "3 R");
    answer(&mut app, effects);
    press(&mut app, "ctrl-d");
    assert_snapshot!("plan-diff", screen(&mut app, 120, 40));
    press(&mut app, "ctrl-d ctrl-v");
    assert_snapshot!("plan-revisions", screen(&mut app, 120, 40));
    let effects = press(&mut app, "down enter");
    answer(&mut app, effects);
    let lines = screen(&mut app, 120, 40);
    assert!(lines.contains("2.3.6"), "{lines}");
    press(&mut app, "esc");
    assert!(app.session().overlays.is_empty());
}

#[test]
fn progress_and_proof_stand_in_the_same_box() {
    let mut app = app();
    incident(&mut app);
    let effects = press(&mut app, "3 R");
    answer(&mut app, effects);
    write(&mut app, "payment");
    let mut open = press(&mut app, "enter");
    let mut snapshots = 0;
    for second in 0..60 {
        let at = now() + chrono::TimeDelta::seconds(second);
        let mut next = Vec::new();
        for effect in open {
            let Effect::Door(DoorEffect { ticket, work }) = effect else { continue };
            let answer = match work {
                Work::Record(_) => Answer::Recorded(Ok(())),
                Work::Execute(_) => Answer::Executed(Ok(crate::actions::approval::Receipt {
                    resource_version: "1001".into(),
                    generation: 8,
                    warnings: Vec::new(),
                })),
                Work::Observe(_) => {
                    let ready = u32::try_from(second / 5).unwrap().min(6);
                    let phase = if ready == 6 {
                        RolloutPhase::Complete
                    } else {
                        RolloutPhase::Progressing { waiting_for: "new pods".into() }
                    };
                    let status = RolloutStatus {
                        desired: 6,
                        total: 7,
                        updated: ready,
                        ready,
                        available: ready,
                        phase,
                        since: None,
                    };
                    let firing = if second < 35 { vec!["HighErrorRate".to_owned()] } else { Vec::new() };
                    let burn = if second < 35 { 171.0 } else { 0.4 };
                    let signals = Signals { firing: Some(firing), burn_alerts: Some(Vec::new()), burn: Some(burn) };
                    let mut after = facts().object;
                    after["spec"]["template"] = template("2.3.7", None);
                    let (rollout, signals) = (Some(status), Some(Ok(signals)));
                    Answer::Observed(vec![Seen { object: Ok(after), rollout, pods: None, signals }])
                }
                Work::Announce(_) => continue,
                other => panic!("{other:?}"),
            };
            next.extend(app.update(Message::Door(DoorInput::Answer(ticket, answer)), at));
        }
        open = next;
        if second == 20 {
            snapshots += 1;
            assert_snapshot!("verifying", screen_at(&app));
        }
    }
    assert_eq!(snapshots, 1);
    assert_snapshot!("done", screen_at(&app));
    press(&mut app, "esc");
    assert!(app.session().overlays.is_empty());
}

fn screen_at(app: &App) -> String {
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(120, 40)).unwrap();
    terminal.draw(|frame| app.render(frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn read_only_offers_nothing_and_says_why() {
    let mut app = app_with(true, false);
    incident(&mut app);
    assert!(!screen(&mut app, 200, 60).lines().last().unwrap().contains("rollback"));
    assert!(press(&mut app, "3 R").is_empty());
    assert!(screen(&mut app, 120, 40).contains("read-only: --read-only was given"));
    press(&mut app, ":");
    write(&mut app, "rollback deploy/payment");
    assert!(press(&mut app, "enter").is_empty());
}

/// Goes on until the door waits for proof; gives the effects that are open then.
fn until_verifying(app: &mut App) -> Vec<Effect> {
    let effects = press(app, "3 R");
    answer(app, effects);
    write(app, "payment");
    let mut open = press(app, "enter");
    for _ in 0..2 {
        let mut next = Vec::new();
        for effect in open {
            let Effect::Door(DoorEffect { ticket, work }) = effect else { continue };
            let answer = match work {
                Work::Record(_) => Answer::Recorded(Ok(())),
                Work::Execute(_) => Answer::Executed(Ok(crate::actions::approval::Receipt {
                    resource_version: "1001".into(),
                    generation: 8,
                    warnings: Vec::new(),
                })),
                other => panic!("{other:?}"),
            };
            next.extend(app.update(Message::Door(DoorInput::Answer(ticket, answer)), now()));
        }
        open = next;
    }
    open
}

#[test]
fn a_hidden_action_goes_on_and_holds_its_context() {
    let mut app = app();
    incident(&mut app);
    let open = until_verifying(&mut app);
    assert!(matches!(&open[..], [Effect::Door(DoorEffect { work: Work::Observe(_), .. })]), "{open:?}");
    press(&mut app, "esc");
    assert!(app.session().overlays.is_empty());
    assert!(press(&mut app, "0").is_empty(), "no other namespace while it is under way");
    assert!(press(&mut app, "R").is_empty(), "shown again, not asked for twice");
    assert!(screen(&mut app, 120, 40).contains("waiting for proof"));
}

#[test]
fn leaving_while_it_is_verified_records_that_it_was_not() {
    let mut app = app();
    incident(&mut app);
    until_verifying(&mut app);
    assert!(press(&mut app, "ctrl-c").is_empty());
    let effects = press(&mut app, "ctrl-c");
    assert!(
        matches!(&effects[..], [Effect::Door(DoorEffect { work: Work::Record(_), .. }), Effect::Quit]),
        "{effects:?}"
    );
    assert!(app.holds_quit());
}

#[test]
fn a_conflict_is_planned_again_with_one_key() {
    let mut app = app();
    incident(&mut app);
    let effects = press(&mut app, "3 R");
    answer(&mut app, effects);
    write(&mut app, "payment");
    let mut open = press(&mut app, "enter");
    for _ in 0..3 {
        let mut next = Vec::new();
        for effect in open {
            let Effect::Door(DoorEffect { ticket, work }) = effect else { continue };
            let answer = match work {
                Work::Record(_) => Answer::Recorded(Ok(())),
                Work::Execute(_) => {
                    Answer::Executed(Err(crate::ports::cluster::ClusterError::Conflict("it changed meanwhile".into())))
                }
                other => panic!("{other:?}"),
            };
            next.extend(app.update(Message::Door(DoorInput::Answer(ticket, answer)), now()));
        }
        open = next;
    }
    assert_snapshot!("conflict", screen(&mut app, 120, 40));
    let effects = press(&mut app, "r");
    assert!(matches!(&effects[..], [Effect::Door(DoorEffect { work: Work::Gather(_), .. })]), "{effects:?}");
}
