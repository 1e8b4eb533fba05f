//! Argo Rollouts: abort, retry, promote, pause, resume, and back to a revision.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::actions::abort::{Abort, Retry};
use crate::actions::delivery;
use crate::actions::expectation::Expectation;
use crate::actions::promote::Promote;
use crate::actions::rollback::Rollback;
use crate::domain::object::ObjectKind;

fn auth() -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::Rollout, "shop", "auth")
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "auth"}}, "spec": {"containers": [{"name": "auth", "image": image}]}})
}

/// One canary of four pods, which waits for somebody at step 1 of 4.
fn canary() -> Value {
    json!({"metadata": {"name": "auth", "namespace": "shop", "uid": "r", "generation": 9, "resourceVersion": "500",
            "annotations": {"rollout.argoproj.io/revision": "9"}},
        "spec": {"replicas": 4, "template": template("auth:9"), "strategy": {"canary": {"steps": [
            {"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "5m"}}]}}},
        "status": {"observedGeneration": "9", "currentPodHash": "bad", "stableRS": "good", "currentStepIndex": 1,
            "controllerPause": true, "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}],
            "phase": "Paused", "replicas": 4, "updatedReplicas": 1, "readyReplicas": 4, "availableReplicas": 4}})
}

fn revision(number: u64, hash: &str) -> Value {
    let mut template = template(&format!("auth:{number}"));
    template["metadata"]["labels"]["rollouts-pod-template-hash"] = json!(hash);
    json!({"metadata": {"name": format!("auth-{hash}"), "labels": {"rollouts-pod-template-hash": hash},
            "annotations": {"rollout.argoproj.io/revision": number.to_string()}},
        "spec": {"template": template}})
}

fn of(object: Value) -> Facts {
    let revisions = vec![revision(9, "bad"), revision(8, "worse"), revision(7, "good"), revision(6, "old")];
    Facts { object, revisions: Some(revisions), autoscalers: Some(vec![]), ..Facts::default() }
}

fn with(change: impl Fn(&mut Value)) -> Facts {
    let mut object = canary();
    change(&mut object);
    of(object)
}

fn abort() -> ActionKind {
    ActionKind::Abort(Abort { target: auth() })
}

fn retry() -> ActionKind {
    ActionKind::Retry(Retry { target: auth() })
}

fn promote(full: bool) -> ActionKind {
    ActionKind::Promote(Promote { target: auth(), full })
}

fn back(to: Option<u64>) -> ActionKind {
    ActionKind::Rollback(Rollback { target: auth(), to })
}

/// One of each kind here, with what is read for it.
pub fn examples() -> Vec<(ActionKind, Facts)> {
    let aborted = with(|rollout| {
        rollout["status"]["abort"] = json!(true);
        rollout["status"]["phase"] = json!("Degraded");
    });
    vec![(abort(), of(canary())), (retry(), aborted), (promote(false), of(canary()))]
}

#[test]
fn an_abort_is_for_the_revision_that_was_seen_and_offers_what_is_left_to_do() {
    let facts = of(canary());
    let there = plan(&abort(), &facts).unwrap();
    assert_eq!(there.steps[0].mutation.subresource, Some(Subresource::Status));
    assert_eq!(
        (there.blast.pods, there.blast.of, there.changes[1].before.as_deref()),
        (1, Some(4), Some("serves 1 of 4 pods"))
    );
    assert!(there.warnings[0].text.contains("still names auth:9"), "{:?}", there.warnings);
    assert_eq!(there.next.as_ref().unwrap().1, back(None));
    let after = apply(&there, &facts.object).unwrap();
    assert_eq!(after["status"]["abort"], true);
    assert!(there.steps[0].leaves[0].holds(&after));
    // The controller's own writes are no conflict, another revision is.
    let mut newer = canary();
    newer["status"]["replicas"] = json!(5);
    assert!(apply(&there, &newer).is_ok());
    newer["status"]["currentPodHash"] = json!("newer");
    assert!(apply(&there, &newer).is_err());
    // Undo puts the status back, field by field.
    let undo: ActionKind = serde_json::from_value(serde_json::to_value(&there.undo.actions[0]).unwrap()).unwrap();
    assert_eq!(undo, retry());
    let undo = plan(&undo, &of(after.clone())).unwrap();
    assert_eq!(apply(&undo, &after).unwrap()["status"], facts.object["status"]);
    assert_eq!(undo.undo.actions, [abort()]);
    assert!(matches!(&undo.expect[0].1, Expectation::Object { fields, .. } if fields[0].holds(&facts.object)));
}

#[test]
fn what_there_is_nothing_to_do_about_says_what_to_do_instead() {
    let aborted = || with(|object| object["status"]["abort"] = json!(true));
    let promoted = || with(|object| object["status"]["stableRS"] = json!("bad"));
    let going = || {
        with(|object| {
            object["status"]["pauseConditions"] = Value::Null;
            object["status"]["currentStepIndex"] = json!(4);
        })
    };
    let resume = || ActionKind::Resume(Resume { target: auth() });
    let cases = [
        (abort(), aborted(), "aborted already; its spec still names auth:9", Some(back(None))),
        (abort(), promoted(), "nothing to abort", Some(back(None))),
        (retry(), of(canary()), "is not aborted", None),
        (promote(false), promoted(), "fully promoted already", None),
        (promote(true), aborted(), "is aborted", Some(retry())),
        (promote(false), going(), "waits for nothing", Some(promote(true))),
        (resume(), of(canary()), "waits at a step", Some(promote(false))),
        (ActionKind::Abort(Abort { target: payment() }), facts(), "only Argo Rollouts", None),
    ];
    for (action, facts, words, offer) in cases {
        let refusal = plan(&action, &facts).unwrap_err();
        assert!(refusal.to_string().contains(words), "{action:?}: {refusal}");
        assert_eq!(refusal.offer(), offer, "{action:?}");
    }
    for bad in [json!({}), json!(null), json!({"status": {"abort": 3, "currentPodHash": []}})] {
        for action in [abort(), retry(), promote(false), promote(true), back(None)] {
            assert!(plan(&action, &of(bad.clone())).is_err(), "{action:?} of {bad}");
        }
    }
}

#[test]
fn a_promotion_ends_a_pause_a_step_or_everything() {
    let facts = of(canary());
    let one = plan(&promote(false), &facts).unwrap();
    let after = apply(&one, &facts.object).unwrap();
    assert_eq!((&after["status"]["pauseConditions"], &after["status"]["currentStepIndex"]), (&Value::Null, &json!(1)));
    let Expectation::Rollout { fields, .. } = &one.expect[0].1 else { panic!("nothing waits for a person any more") };
    assert!(fields[0].holds(&after) && !fields[0].holds(&facts.object));
    // In the middle of an analysis the step is counted on, and a later pause makes it wait again.
    let mut facts = with(|object| {
        object["status"].as_object_mut().unwrap().remove("pauseConditions");
        object["spec"]["strategy"]["canary"]["steps"][3] = json!({"pause": {}});
        object["spec"]["paused"] = json!(true);
    });
    let step = plan(&promote(false), &facts).unwrap();
    let titles: Vec<&str> = step.steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(titles, ["resume rollout/auth", "promote rollout/auth"]);
    let after = apply(&step, &facts.object).unwrap();
    assert_eq!((&after["status"]["currentStepIndex"], &after["spec"]["paused"]), (&json!(2), &Value::Null));
    let Expectation::Object { fields, patient: true, .. } = &step.expect[0].1 else { panic!("{:?}", step.expect) };
    assert!(fields.iter().all(|field| field.holds(&after) && !field.holds(&facts.object)));
    // Fully.
    facts = of(canary());
    let full = plan(&promote(true), &facts).unwrap();
    assert_eq!(apply(&full, &facts.object).unwrap()["status"]["promoteFull"], true);
    assert!(full.warnings.iter().any(|warning| warning.text.contains("3 steps are skipped")), "{:?}", full.warnings);
    assert_eq!((full.confirm, full.undo.actions.len()), (ConfirmLevel::Yes, 0));
}

#[test]
fn back_is_the_stable_revision_whatever_was_tried_since() {
    let facts = of(canary());
    let there = plan(&back(None), &facts).unwrap();
    assert_eq!(there.revisions.as_ref().unwrap().to.revision, 7, "not the second highest");
    let after = apply(&there, &facts.object).unwrap();
    assert_eq!(after["spec"]["template"], template("auth:7"));
    assert!(matches!(&there.expect[..], [(_, Expectation::Rollout { signals: true, .. })]));
    // Undo restores the template, and is a canary again.
    let again = Facts { object: after.clone(), ..facts.clone() };
    let undo = plan(&there.undo.actions[0], &again).unwrap();
    assert_eq!(apply(&undo, &after).unwrap()["spec"], facts.object["spec"]);
    assert!(matches!(&undo.expect[..], [(_, Expectation::Object { .. })]), "it waits at its steps");
    assert!(undo.warnings.iter().any(|warning| warning.text.contains("4 steps of its canary again")));
    assert_eq!(plan(&back(Some(6)), &facts).unwrap().revisions.unwrap().to.revision, 6);
}

#[test]
fn the_template_of_another_object_is_patched_there() {
    let mut facts = with(|object| {
        object["spec"].as_object_mut().unwrap().remove("template");
        object["spec"]["workloadRef"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "auth-base"});
    });
    assert!(matches!(plan(&back(None), &facts), Err(Refusal::Forbidden(_))), "it could not be read");
    facts.template = Some(json!({"metadata": {"uid": "d", "generation": 3}, "spec": {"template": template("auth:9")}}));
    let there = plan(&back(None), &facts).unwrap();
    let target = there.steps[0].target();
    assert_eq!((target.kind, &*target.name), (ObjectKind::Deployment, "auth-base"));
    let after = apply(&there, facts.template.as_ref().unwrap()).unwrap();
    assert_eq!(after["spec"]["template"], template("auth:7"));
    let expected: Vec<String> = there.expect.iter().map(|(_, expected)| expected.object().to_string()).collect();
    assert_eq!(expected, ["deployment/auth-base", "rollout/auth"]);
    assert!(plan(&abort(), &facts).unwrap().warnings[0].text.contains("auth:9"));
    facts.object["spec"]["workloadRef"]["kind"] = json!("PodTemplate");
    let refusal = plan(&back(None), &facts).unwrap_err().to_string();
    assert!(refusal.contains("from PodTemplate/auth-base: only Deployments"), "{refusal}");
}

#[test]
fn a_rollout_is_paused_by_hand_and_goes_on() {
    let facts = of(canary());
    let there = plan(&ActionKind::Pause(Pause { target: auth() }), &facts).unwrap();
    let after = apply(&there, &facts.object).unwrap();
    let undo = plan(&there.undo.actions[0], &of(after.clone())).unwrap();
    assert_eq!(apply(&undo, &after).unwrap()["spec"], facts.object["spec"]);
    assert!(matches!(&undo.expect[..], [(_, Expectation::Object { .. })]), "its steps may make it wait again");
}

/// A change of the canary, whether its stable revision serves everything then, and the words for it.
type Case = (fn(&mut Value), bool, &'static str);

#[test]
fn the_stable_revision_serves_everything_when_nothing_of_the_canary_is_left() {
    let cases: [Case; 6] = [
        (|_| {}, false, "stable 3/4, 1 of the canary left"),
        (|object| object["status"]["updatedReplicas"] = json!(0), true, "stable 4/4"),
        (
            |object| {
                object["status"]["updatedReplicas"] = json!(0);
                object["status"]["availableReplicas"] = json!(3);
            },
            false,
            "stable 3/4",
        ),
        (
            |object| {
                object["spec"]["strategy"]["canary"]["trafficRouting"] = json!({});
                object["status"]["canary"] = json!({"weights": {"canary": {"weight": 0}}});
            },
            true,
            "canary gets 0 % of the traffic",
        ),
        (
            |object| {
                object["spec"]["strategy"] = json!({"blueGreen": {}});
                object["status"]["blueGreen"] = json!({"activeSelector": "bad"});
            },
            false,
            "the newest revision is still active",
        ),
        (
            |object| {
                object["spec"]["strategy"] = json!({"blueGreen": {}});
                object["status"]["blueGreen"] = json!({"activeSelector": "good"});
            },
            true,
            "stable is active",
        ),
    ];
    for (change, whole, words) in cases {
        let mut object = canary();
        change(&mut object);
        assert_eq!(delivery::stable_serves(&object), (whole, words.to_owned()));
    }
}
