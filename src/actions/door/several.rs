//! Several steps behind one door: bulk, stop or go on, budgets that hold back, and what the audit log says of each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::walk::*;
use super::*;
use crate::actions::outcome::End;
use crate::actions::restart::Restart;
use crate::actions::step::StepState;
use crate::actions::{ActionKind, OnFailure, Origin, rehearsal};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::Seen;

const NAMES: [&str; 3] = ["cart", "payment", "search"];

fn restarts(on_failure: OnFailure) -> ActionRequest {
    let restart =
        |name: &str| ActionKind::Restart(Restart { target: WorkloadRef::new(WorkloadKind::Deployment, "shop", name) });
    ActionRequest { on_failure, ..ActionRequest::bulk(NAMES.map(restart), Origin::Key).unwrap() }
}

fn planned(on_failure: OnFailure, confirm: ConfirmLevel) -> Walk {
    let mut walk = Walk::begin(restarts(on_failure), &guard(confirm));
    for _ in NAMES {
        walk.answer(gathered(rehearsal::facts()));
    }
    for _ in NAMES {
        walk.answer(allowed());
    }
    for _ in NAMES {
        walk.answer(Answer::DryRun(Ok(crate::ports::cluster::DryRun { object: json!({}), warnings: vec![] })));
    }
    walk
}

fn sent(on_failure: OnFailure) -> Walk {
    let mut walk = planned(on_failure, ConfirmLevel::Yes);
    walk.input(DoorInput::Confirm).answer(Answer::Recorded(Ok(())));
    walk
}

/// What a healthy object shows that says what its plan sent.
fn healthy_now(walk: &Walk) -> Answer {
    let plan = walk.door.view().plan.unwrap();
    let Answer::Observed(one) = observed(6, healthy()) else { panic!() };
    let object =
        rehearsal::apply(&Plan { steps: vec![plan.steps[0].clone()], ..plan.clone() }, &rehearsal::deployment());
    let seen = Seen { object: Ok(object.unwrap()), ..one[0].clone() };
    Answer::Observed(vec![seen; 3])
}

fn rejected() -> Answer {
    Answer::Executed(Err(ClusterError::Rejected("policy".into())))
}

#[test]
fn a_bulk_is_one_plan_one_confirmation_one_intent() {
    let mut walk = planned(OnFailure::Stop, ConfirmLevel::Name);
    let plan = walk.door.view().plan.unwrap().clone();
    assert_eq!((plan.title.as_str(), plan.confirm_word().as_str()), ("Restart 3 deployments", "3 deployments"));
    assert_eq!(plan.steps.iter().map(|step| step.part).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((plan.blast.pods, plan.blast.workloads), (9, 3));
    walk.input(DoorInput::Type("payment".into())).input(DoorInput::Confirm);
    assert_eq!(walk.door.view().notice, Some("type 3 deployments to confirm"));
    walk.input(DoorInput::Type("3 deployments".into())).input(DoorInput::Confirm).answer(Answer::Recorded(Ok(())));
    for done in 1..=3 {
        assert_eq!(walk.work.len(), 1, "one after the other");
        walk.answer(receipt());
        assert_eq!(walk.executed, done);
    }
    let seen = healthy_now(&walk);
    walk.answer(seen.clone()).later(5).answer(seen).answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Done, "done for 3 deployments");
    let [intent, outcome] = &walk.records[..] else { panic!("{:?}", walk.records) };
    assert_eq!(intent["targets"].as_array().unwrap().len(), 3);
    assert_eq!(outcome["steps"][2], json!({"step": "patch deployment/search", "state": "done"}));
    assert_eq!(walk.announced.len(), 3, "word on each");
}

#[test]
fn a_failure_stops_and_what_was_done_is_told() {
    let mut walk = sent(OnFailure::Stop);
    walk.answer(receipt()).answer(rejected()).answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Failed, "policy; 1 of 3 steps were done before");
    assert_eq!(walk.executed, 2, "the third was not sent");
    assert_eq!(walk.records[1]["steps"][2]["state"], "skipped");
    // A conflict of the first one altered nothing, and can be planned again.
    let mut walk = sent(OnFailure::Stop);
    walk.answer(Answer::Executed(Err(ClusterError::Conflict("x".into())))).answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Conflict, "nothing was altered");
}

#[test]
fn going_on_sends_the_rest_verifies_it_and_still_fails() {
    let mut walk = sent(OnFailure::GoOn);
    walk.answer(receipt()).answer(rejected()).answer(receipt());
    let seen = healthy_now(&walk);
    let Answer::Observed(seen) = seen else { panic!() };
    let two = || Answer::Observed(seen[..2].to_vec());
    walk.answer(two()).later(5).answer(two()).answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Failed, "2 of 3 steps done and verified");
    let states: Vec<_> =
        walk.records[1]["steps"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(states, ["done", "failed", "done"]);
}

#[test]
fn a_target_without_a_plan_is_left_out_or_refuses_all() {
    let facts = |name: usize| {
        let mut facts = rehearsal::facts();
        if name == 1 {
            facts.object["spec"]["paused"] = json!(true);
        }
        gathered(facts)
    };
    let mut walk = Walk::begin(restarts(OnFailure::Stop), &guard(ConfirmLevel::Yes));
    walk.answer(facts(0)).answer(facts(1)).answer(facts(2));
    walk.refused("deployment/payment is paused");
    let mut walk = Walk::begin(restarts(OnFailure::GoOn), &guard(ConfirmLevel::Yes));
    walk.answer(facts(0)).answer(facts(1)).answer(facts(2));
    let plan = walk.door.view().plan.unwrap();
    assert_eq!(plan.named(), "2 deployments");
    assert!(plan.warnings.iter().any(|warning| warning.text.contains("payment is left out")), "{:?}", plan.warnings);
}

#[test]
fn what_a_budget_holds_back_is_sent_again_and_only_that() {
    let blocked = || Answer::Executed(Err(ClusterError::Blocked("budget".into())));
    let mut walk = sent(OnFailure::Stop);
    walk.answer(receipt()).answer(blocked()).answer(receipt());
    assert!(matches!(walk.work[..], [DoorEffect { work: Work::Wait(5), .. }]), "{:?}", walk.work);
    walk.later(5).answer(Answer::Waited).answer(blocked()).later(5).answer(Answer::Waited).answer(receipt());
    assert_eq!(walk.door.view().stage, Stage::Verifying);
    assert_eq!(walk.executed, 5);
    // It does not wait for ever.
    let mut walk = sent(OnFailure::Stop);
    walk.answer(receipt()).answer(receipt()).answer(blocked()).later(61).answer(Answer::Waited);
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Failed, "was not allowed within 60s: budget");
    // Nobody has to wait.
    let mut walk = sent(OnFailure::Stop);
    walk.answer(receipt()).answer(receipt()).answer(blocked()).input(DoorInput::StopVerifying);
    walk.work.retain(|effect| matches!(effect.work, Work::Record(_)));
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Failed, "2 of 3 steps were done before");
    assert_eq!(walk.door.view().plan.unwrap().steps[2].state, StepState::Skipped);
}

#[test]
fn no_answer_stops_the_rest_and_is_looked_up() {
    let mut walk = sent(OnFailure::Stop);
    walk.answer(receipt()).answer(Answer::Executed(Err(ClusterError::Unknown("timed out".into()))));
    assert_eq!((walk.door.view().stage, walk.executed), (Stage::Verifying, 2));
    let Answer::Observed(seen) = healthy_now(&walk) else { panic!() };
    let two = || Answer::Observed(seen[..2].to_vec());
    walk.answer(two()).later(5).answer(two()).answer(Answer::Recorded(Ok(())));
    let (end, detail) = walk.end();
    assert_eq!(end, End::Failed, "it happened, but the third was never sent: {detail}");
    assert!(detail.contains("2 of 3 steps done and verified"), "{detail}");
}
