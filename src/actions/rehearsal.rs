//! Plans of actions, applied in memory: what a plan's patch makes of the object, and whether its undo restores it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(in crate::actions) mod cron_jobs;
pub(in crate::actions) mod deliveries;
pub(in crate::actions) mod pods;

use serde_json::{Value, json};

use super::kind::Ground;
use super::outcome::Refusal;
use super::pause::{Pause, Resume};
use super::plan::{Plan, WarningKind};
use super::restart::Restart;
use super::scale::{Replicas, Scale};
use super::scale_bounds::ScaleBounds;
use super::set_image::SetImage;
use super::{ActionKind, guardrail::ConfirmLevel};
use crate::domain::mutation::{Change, Subresource};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::Facts;

pub fn payment() -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment")
}

pub fn deployment() -> Value {
    json!({
        "metadata": {"name": "payment", "namespace": "shop", "uid": "u1", "generation": 7, "resourceVersion": "100"},
        "spec": {"replicas": 3, "template": {
            "metadata": {"labels": {"app": "payment"}},
            "spec": {"containers": [
                {"name": "app", "image": "payment:2", "resources": {"requests": {"cpu": "500m"}}},
                {"name": "proxy", "image": "proxy:1"}]}}},
        "status": {"observedGeneration": 7, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
    })
}

pub fn facts() -> Facts {
    Facts { object: deployment(), autoscalers: Some(vec![]), ..Facts::default() }
}

pub fn hpa(min: u32, max: u32, current: u32) -> Value {
    json!({"metadata": {"name": "payment", "namespace": "shop", "uid": "h1", "resourceVersion": "7"},
        "spec": {"minReplicas": min, "maxReplicas": max, "scaleTargetRef": {"kind": "Deployment", "name": "payment"}},
        "status": {"currentReplicas": current}})
}

pub fn plan(action: &ActionKind, facts: &Facts) -> Result<Plan, Refusal> {
    plan_of(action, facts, false)
}

pub fn plan_of(action: &ActionKind, facts: &Facts, undoes: bool) -> Result<Plan, Refusal> {
    action.admit()?;
    let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    action.plan(facts, &Ground { now, user: "alice", identity: None, reason: None, undoes })
}

/// What the server makes of the object, with its preconditions; `Err` is a conflict.
pub fn apply(plan: &Plan, object: &Value) -> Result<Value, String> {
    let mut object = object.clone();
    for step in &plan.steps {
        let Change::JsonPatch(patch) = &step.mutation.change else { panic!("{:?}", step.mutation) };
        let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
        json_patch::patch(&mut object, &patch).map_err(|error| error.to_string())?;
    }
    let generation = object["metadata"]["generation"].as_u64();
    if let Some(generation) = generation {
        object["metadata"]["generation"] = json!(generation + 1);
    }
    Ok(object)
}

fn scale(replicas: Replicas) -> ActionKind {
    ActionKind::Scale(Scale { target: payment(), replicas })
}

fn image(container: &str, image: &str) -> ActionKind {
    ActionKind::SetImage(SetImage { target: payment(), container: container.into(), image: image.into() })
}

fn set_bounds(min: Option<i64>, max: Option<i64>) -> ActionKind {
    ActionKind::ScaleBounds(ScaleBounds { namespace: "shop".into(), hpa: "payment".into(), min, max })
}

#[test]
fn undo_restores_every_field() {
    let paused = || {
        let mut facts = facts();
        facts.object["spec"]["paused"] = json!(true);
        facts
    };
    let autoscaler = Facts { object: hpa(2, 5, 5), ..facts() };
    let cases = [
        (scale(Replicas::To(6)), facts()),
        (scale(Replicas::By(-2)), facts()),
        (scale(Replicas::To(0)), facts()),
        (set_bounds(None, Some(9)), autoscaler.clone()),
        (set_bounds(Some(1), Some(3)), autoscaler),
        (ActionKind::Pause(Pause { target: payment() }), facts()),
        (ActionKind::Resume(Resume { target: payment() }), paused()),
        (image("app", "payment:3"), facts()),
    ];
    for (action, facts) in cases {
        let there = plan(&action, &facts).unwrap();
        let after = apply(&there, &facts.object).unwrap();
        assert_ne!(after["spec"], facts.object["spec"], "{action:?} did nothing");
        assert!(!there.changes.is_empty() && !there.diff.is_empty(), "{action:?} shows nothing");
        let [back] = &there.undo.actions[..] else { panic!("{action:?}: {:?}", there.undo) };
        // Undo comes from a record: it has to survive the way there.
        let back: ActionKind = serde_json::from_value(serde_json::to_value(back).unwrap()).unwrap();
        let back = plan(&back, &Facts { object: after.clone(), ..facts.clone() }).unwrap();
        let restored = apply(&back, &after).unwrap();
        assert_eq!(restored["spec"], facts.object["spec"], "{action:?}");
        assert_eq!(restored["metadata"]["labels"], facts.object["metadata"]["labels"]);
    }
}

#[test]
fn a_change_in_between_is_a_conflict() {
    let change = |object: &mut Value| {
        object["metadata"]["generation"] = json!(8);
        object["spec"]["replicas"] = json!(4);
    };
    let actions = [
        scale(Replicas::To(6)),
        ActionKind::Restart(Restart { target: payment() }),
        ActionKind::Pause(Pause { target: payment() }),
        image("app", "payment:3"),
    ];
    for action in actions {
        let planned = plan(&action, &facts()).unwrap();
        let mut newer = deployment();
        newer["metadata"]["resourceVersion"] = json!("101");
        assert!(apply(&planned, &newer).is_ok(), "{action:?}: a new status is no conflict");
        change(&mut newer);
        assert!(apply(&planned, &newer).is_err(), "{action:?} overwrites what it did not see");
        let mut other = deployment();
        other["metadata"]["uid"] = json!("u2");
        assert!(apply(&planned, &other).is_err(), "{action:?} hits a namesake");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let mut paused = facts();
    paused.object["spec"]["paused"] = json!(true);
    let autoscaler = Facts { object: hpa(2, 5, 5), ..facts() };
    let of = |kind| WorkloadRef::new(kind, "shop", "payment");
    let restart = |kind| ActionKind::Restart(Restart { target: of(kind) });
    let cases = [
        (scale(Replicas::To(-1)), facts(), "-1 is below 0"),
        (scale(Replicas::To(1_000_000_000)), facts(), "over the limit of 10000"),
        (scale(Replicas::By(i64::MIN)), facts(), "over the limit"),
        (scale(Replicas::By(-4)), facts(), "-1 is below 0"),
        (scale(Replicas::To(3)), facts(), "has 3 replicas already"),
        (
            ActionKind::Scale(Scale { target: of(WorkloadKind::DaemonSet), replicas: Replicas::To(1) }),
            facts(),
            "one pod per node",
        ),
        (set_bounds(Some(6), None), autoscaler.clone(), "minimum 6 is above the maximum 5"),
        (set_bounds(None, None), autoscaler.clone(), "give a minimum"),
        (set_bounds(Some(0), None), autoscaler.clone(), "HPAScaleToZero"),
        (set_bounds(Some(2), Some(5)), autoscaler, "2–5 already"),
        (restart(WorkloadKind::Deployment), paused.clone(), "is paused"),
        (restart(WorkloadKind::Job), facts(), "does not roll"),
        (ActionKind::Pause(Pause { target: payment() }), paused, "paused already"),
        (ActionKind::Resume(Resume { target: payment() }), facts(), "is not paused"),
        (image("", "payment:3"), facts(), "several containers; there are app, proxy"),
        (image("web", "payment:3"), facts(), "no container web; there are app, proxy"),
        (image("app", "payment:2"), facts(), "runs payment:2 already"),
        (image("app", "pay ment\u{1b}[31m"), facts(), "is no image"),
        (image("app", ""), facts(), "is no image"),
    ];
    for (action, facts, words) in cases {
        let refusal = plan(&action, &facts).unwrap_err().to_string();
        assert!(refusal.contains(words), "{action:?}: {refusal}");
    }
}

#[test]
fn scaling_goes_to_the_subresource_and_says_what_stands_against_it() {
    let mut facts = facts();
    facts.quotas = Some(vec![json!({"metadata": {"name": "team"}, "status": {
        "hard": {"pods": "10", "requests.cpu": "2"}, "used": {"pods": "3", "requests.cpu": "1500m"}}})]);
    facts.pods = Some(vec![json!({"status": {"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]}})]);
    facts.budgets = Some(vec![
        json!({"metadata": {"name": "two"}, "spec": {"selector": {"matchLabels": {"app": "payment"}}},
        "status": {"disruptionsAllowed": 1}}),
        json!({"metadata": {"name": "other"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}}),
    ]);
    let up = plan(&scale(Replicas::By(3)), &facts).unwrap();
    assert_eq!(up.steps[0].mutation.subresource, Some(Subresource::Scale));
    assert_eq!((up.title.as_str(), up.blast.at_once), ("Scale deployment/payment from 3 to 6", false));
    let texts: Vec<_> = up.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "1 of its pods already wait for a node (0/3 nodes are available): more will too",
            "ResourceQuota team has room for 1 more (requests.cpu)",
        ]
    );
    let down = plan(&scale(Replicas::To(1)), &facts).unwrap();
    assert_eq!((down.blast.share_percent(), down.blast.at_once), (Some(67), true));
    assert_eq!(down.warnings.len(), 1);
    assert!(down.warnings[0].text.contains("PodDisruptionBudget two allows 1 disruptions now"), "{:?}", down.warnings);
    assert_eq!(down.confirm, ConfirmLevel::None, "the guardrails decide");
    let zero = plan(&scale(Replicas::To(0)), &facts).unwrap();
    assert_eq!(zero.confirm, ConfirmLevel::Name);
    assert!(zero.warnings.iter().any(|warning| warning.kind == WarningKind::Destructive));
}

#[test]
fn what_an_autoscaler_owns_is_offered_by_its_bounds() {
    // Over the maximum it goes up, under what runs it comes down.
    for (wanted, offered) in [(8, (2, 8)), (4, (2, 4)), (1, (1, 1))] {
        let mut facts = facts();
        facts.object["spec"]["replicas"] = json!(5);
        facts.autoscalers = Some(vec![hpa(2, 5, 5)]);
        let refusal = plan(&scale(Replicas::To(wanted)), &facts).unwrap_err();
        assert!(refusal.to_string().contains("HPA payment owns"), "{refusal}");
        let (min, max) = (Some(offered.0), Some(offered.1));
        assert_eq!(refusal.offer(), Some(set_bounds(min, max)), "{wanted}");
    }
    // To zero an autoscaler rests.
    let facts = Facts { autoscalers: Some(vec![hpa(2, 5, 5)]), ..facts() };
    assert!(plan(&scale(Replicas::To(0)), &facts).is_ok());
}

#[test]
fn a_restart_is_kubectls_annotation_and_nothing_else() {
    let action = ActionKind::Restart(Restart { target: payment() });
    for annotations in [Value::Null, json!({"a": "b"})] {
        let mut facts = facts();
        if !annotations.is_null() {
            facts.object["spec"]["template"]["metadata"]["annotations"] = annotations.clone();
        }
        let planned = plan(&action, &facts).unwrap();
        let after = apply(&planned, &facts.object).unwrap();
        let mut expected = facts.object.clone();
        expected["metadata"]["generation"] = json!(8);
        expected["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] =
            json!("2026-09-21T14:13:20Z");
        assert_eq!(after, expected);
        assert!(planned.steps[0].leaves[0].holds(&after) && !planned.steps[0].leaves[0].holds(&facts.object));
        assert!(planned.undo.actions.is_empty(), "a restart has no undo");
    }
}

#[test]
fn held_pods_are_expected_only_as_far_as_they_move() {
    let target = WorkloadRef::new(WorkloadKind::StatefulSet, "shop", "payment");
    let action = ActionKind::Restart(Restart { target });
    let mut facts = facts();
    for (strategy, expectations, words) in [
        (json!({"type": "RollingUpdate"}), 1, "3 pods, at most 1 unavailable and 0 extra"),
        (json!({"type": "OnDelete"}), 1, "no pods by themselves"),
        (json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}), 2, "1 pod, at most 1 unavailable"),
    ] {
        facts.object["spec"]["updateStrategy"] = strategy.clone();
        let planned = plan(&action, &facts).unwrap();
        assert_eq!(planned.expect.len(), expectations, "{strategy}");
        assert!(planned.blast.moves.contains(words), "{strategy}: {}", planned.blast.moves);
        let held = planned.warnings.iter().any(|warning| warning.kind == WarningKind::Held);
        assert_eq!(held, words != "3 pods, at most 1 unavailable and 0 extra", "{strategy}");
    }
}
