//! Every end of the door, and what leads to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unnecessary_wraps)]

use serde_json::json;

use super::walk::*;
use super::*;
use crate::actions::exchange::Work;
use crate::actions::outcome::End;
use crate::actions::verification::CheckState;
use crate::actions::{Origin, present};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Permission, Signals};
use crate::ports::journal::JournalError;

#[test]
fn done_with_proof_and_two_records() {
    let mut walk = Walk::reviewed(ConfirmLevel::Name);
    assert!(!walk.door.view().can_confirm);
    walk.input(DoorInput::Confirm);
    assert_eq!(walk.door.view().notice, Some("type payment to confirm"));
    walk.input(DoorInput::Type("paymen".into())).input(DoorInput::Confirm);
    assert_eq!(walk.door.view().stage, Stage::Review);
    walk.input(DoorInput::Type("payment".into())).input(DoorInput::Confirm);
    assert_eq!(walk.executed, 0);
    walk.answer(Answer::Recorded(Ok(()))).answer(receipt());
    let firing = Signals { firing: Some(vec!["HighErrorRate".into()]), burn_alerts: None, burn: Some(171.0) };
    walk.later(1).answer(observed(3, Ok(firing)));
    assert!(walk.door.view().checks.iter().any(|check| check.text == "HighErrorRate still firing"));
    walk.later(10).answer(observed(6, healthy()));
    assert!(matches!(walk.work[0].work, Work::Observe(_)), "it has to last");
    walk.later(5).answer(observed(6, healthy()));
    assert_eq!(walk.door.view().stage, Stage::RecordingOutcome);
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Done, "deployment/payment is back on the template of revision 41");
    let [intent, outcome] = &walk.records[..] else { panic!("{:?}", walk.records) };
    assert_eq!((&intent["kind"], &outcome["kind"]), (&json!("intent"), &json!("outcome")));
    assert_eq!(intent["id"], outcome["id"]);
    assert_eq!((&intent["from"]["revision"], &intent["to"]["revision"]), (&json!(42), &json!(41)));
    assert_eq!((&outcome["end"], &outcome["duration_ms"]), (&json!("done"), &json!(16_000)));
    assert_eq!(intent["diff_digest"].as_str().unwrap().len(), 64);
    let burn = walk.door.view().outcome.unwrap().checks[3].text.clone();
    assert_eq!(burn, "burn ×171 → ×0.4");
}

#[test]
fn what_cannot_be_checked_is_said_and_still_done() {
    let mut walk = Walk::verifying();
    walk.answer(observed(6, Err(fault()))).later(5).answer(observed(6, Err(fault())));
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Done, "alerts not checked: no Prometheus");
}

#[test]
fn an_alert_that_was_seen_does_not_clear_by_silence() {
    let mut walk = Walk::verifying();
    let firing = Signals { firing: Some(vec!["HighErrorRate".into()]), ..Signals::default() };
    walk.answer(observed(6, Ok(firing))).later(30).answer(observed(6, Err(fault())));
    walk.later(31).answer(observed(6, Err(fault()))).answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Unverified, "alerts fired, and now cannot be read");
}

#[test]
fn refused_before_anything_is_sent() {
    let read_only = GuardContext { read_only: Some("--read-only".into()), ..guard(ConfirmLevel::Yes) };
    let request = ActionRequest::rollback(payment(), None, Origin::Headless);
    Walk::begin(request, &read_only).refused("read-only: --read-only");
    for kind in [WorkloadKind::ReplicaSet, WorkloadKind::Job] {
        let request = ActionRequest::rollback(WorkloadRef::new(kind, "shop", "x"), None, Origin::Key);
        Walk::begin(request, &guard(ConfirmLevel::Yes)).refused("cannot be rolled back");
    }
}

#[test]
fn ends_of_the_preflight() {
    type Case = (&'static str, Result<Facts, ClusterError>, End, &'static str);
    let with = |change: fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        Ok(facts)
    };
    let cases: Vec<Case> = vec![
        ("paused", with(|f| f.object["spec"]["paused"] = json!(true)), End::Refused, "is paused"),
        (
            "one revision",
            with(|f| f.revisions.as_mut().unwrap().retain(|r| r["metadata"]["name"] == "payment-h42")),
            End::Refused,
            "only one revision (42)",
        ),
        ("none", with(|f| f.revisions.as_mut().unwrap().clear()), End::Refused, "none recorded"),
        (
            "equal",
            with(|f| f.revisions.as_mut().unwrap()[2] = replica_set(41, "payment:2.4.0")),
            End::Refused,
            "nothing to do",
        ),
        ("shape", with(|f| f.object = json!({"spec": [1]})), End::Refused, "no spec.template"),
        ("no version", with(|f| f.object["metadata"] = json!({})), End::Refused, "neither generation"),
        (
            "not found",
            Err(ClusterError::NotFound("deployment/payment".into())),
            End::Refused,
            "deployment/payment does not exist",
        ),
        ("forbidden", Err(ClusterError::Forbidden("get deployments".into())), End::Refused, "get deployments"),
        ("unreachable", Err(fault().into()), End::Failed, "nothing was altered"),
    ];
    for (name, answer, end, words) in cases {
        let mut walk = Walk::rollback(ConfirmLevel::Yes);
        walk.answer(Answer::Gathered(answer));
        match end {
            End::Refused => walk.refused(words),
            end => walk.assert_end(end, words),
        }
        assert_eq!(walk.executed, 0, "{name}");
    }
    let request = ActionRequest::rollback(payment(), Some(12), Origin::Headless);
    let mut walk = Walk::begin(request, &guard(ConfirmLevel::Yes));
    walk.answer(gathered(facts()));
    walk.refused("no revision 12; there are 42, 41, 40");
}

#[test]
fn ends_of_the_questions_to_the_server() {
    let denied = Permission { allowed: false, what: "patch deployments.apps".into(), reason: Some("RBAC".into()) };
    let cases = [
        (Answer::Permission(Ok(denied)), End::Refused, "patch deployments.apps (RBAC)"),
        (Answer::DryRun(Err(ClusterError::Rejected("policy".into()))), End::Refused, "policy"),
        (Answer::DryRun(Err(ClusterError::Forbidden("no".into()))), End::Refused, "no"),
        (Answer::DryRun(Err(ClusterError::Conflict("test failed".into()))), End::Conflict, "test failed"),
        (Answer::DryRun(Err(ClusterError::Unknown("timeout".into()))), End::Failed, "nothing was altered"),
    ];
    for (answer, end, words) in cases {
        let mut walk = Walk::rollback(ConfirmLevel::Yes);
        walk.answer(gathered(facts()));
        if matches!(answer, Answer::DryRun(_)) {
            walk.answer(allowed());
        } else {
            assert!(
                walk.work.iter().all(|effect| !matches!(effect.work, Work::DryRun(_))),
                "who may not, rehearses not"
            );
        }
        walk.answer(answer);
        match end {
            End::Refused => walk.refused(words),
            end => {
                walk.work.clear();
                walk.assert_end(end, words);
            }
        }
    }
}

#[test]
fn questions_that_cannot_be_asked_warn_and_do_not_block() {
    let mut walk = Walk::rollback(ConfirmLevel::None);
    let webhook = "admission webhook \"x\" does not support dry run".to_owned();
    walk.answer(gathered(facts()))
        .answer(Answer::Permission(Err(fault().into())))
        .answer(Answer::DryRun(Err(ClusterError::Rejected(webhook))));
    let view = walk.door.view();
    assert_eq!(view.stage, Stage::Review, "warnings ask for a yes even where nothing is asked otherwise");
    assert_eq!(view.plan.unwrap().warnings.len(), 2);
    assert!(view.can_confirm);
}

#[test]
fn without_confirmation_a_clean_plan_goes_ahead_but_never_a_dry_run() {
    let walk = Walk::reviewed(ConfirmLevel::None);
    assert_eq!(walk.door.view().stage, Stage::RecordingIntent);
    let request = ActionRequest { dry_run: true, ..ActionRequest::rollback(payment(), None, Origin::Headless) };
    let mut walk = Walk::begin(request, &guard(ConfirmLevel::None));
    walk.answer(gathered(facts())).answer(allowed()).answer(accepted()).input(DoorInput::Confirm);
    assert_eq!(walk.door.view().stage, Stage::Review);
    let lines = present::plan(walk.door.view().plan.unwrap(), start(), true).join("\n");
    for words in [
        "payment:2.4.0  →  payment:2.3.7",
        "rev 42",
        "6 pods, at most 1 unavailable and 2 extra",
        "accepted by the server",
        "-  - image: payment:2.4.0",
    ] {
        assert!(lines.contains(words), "{words:?} is not in\n{lines}");
    }
    assert!(serde_json::to_string(walk.door.view().plan.unwrap()).unwrap().contains("\"revision\":41"));
}

#[test]
fn cancelled_until_the_intent_and_not_after() {
    let mut walk = Walk::reviewed(ConfirmLevel::Yes);
    walk.input(DoorInput::Cancel);
    walk.assert_end(End::Cancelled, "nothing was sent");
    let mut walk = Walk::rollback(ConfirmLevel::Yes);
    walk.input(DoorInput::Cancel);
    let late = walk.work.remove(0);
    walk.input(DoorInput::Answer(late.ticket, gathered(facts())));
    walk.assert_end(End::Cancelled, "nothing was sent");
    let mut walk = Walk::executing();
    walk.input(DoorInput::Cancel);
    assert_eq!(walk.door.view().stage, Stage::Executing);
}

#[test]
fn no_intent_on_disk_no_action() {
    let mut walk = Walk::reviewed(ConfirmLevel::Yes);
    let error = JournalError { path: "/var/audit".into(), why: "disk full".into() };
    walk.input(DoorInput::Confirm).answer(Answer::Recorded(Err(error)));
    walk.assert_end(End::Refused, "disk full");
    assert_eq!(walk.executed, 0);
}

#[test]
fn failed_and_conflict_at_execution_are_recorded() {
    let cases = [
        (ClusterError::Rejected("invalid".into()), End::Failed, "invalid"),
        (ClusterError::Forbidden("no".into()), End::Failed, "refused"),
        (ClusterError::NotFound("it".into()), End::Failed, "does not exist"),
        (fault().into(), End::Failed, "not sent"),
        (ClusterError::Conflict("changed".into()), End::Conflict, "changed"),
    ];
    for (error, end, words) in cases {
        let mut walk = Walk::executing();
        walk.answer(Answer::Executed(Err(error))).answer(Answer::Recorded(Ok(())));
        walk.assert_end(end, words);
        assert_eq!(walk.records[1]["end"], json!(end.word()));
    }
}

#[test]
fn a_conflict_plans_again_for_the_same_revision_and_asks_again() {
    let mut walk = Walk::executing();
    walk.answer(Answer::Executed(Err(ClusterError::Conflict("x".into())))).answer(Answer::Recorded(Ok(())));
    walk.input(DoorInput::Replan);
    let mut newer = facts();
    newer.object["spec"]["template"] = template("payment:2.4.1");
    newer.revisions.as_mut().unwrap().push(replica_set(43, "payment:2.4.1"));
    walk.answer(gathered(newer)).answer(allowed()).answer(accepted());
    let view = walk.door.view();
    assert_eq!((view.stage, to(view.plan), view.outcome), (Stage::Review, 41, None));
    // Only a conflict can be planned again.
    let mut refused = Walk::reviewed(ConfirmLevel::Yes);
    refused.input(DoorInput::Cancel).input(DoorInput::Replan);
    refused.assert_end(End::Cancelled, "");
}

#[test]
fn no_answer_is_looked_up_and_never_sent_again() {
    let unknown = || Answer::Executed(Err(ClusterError::Unknown("timed out".into())));
    let mut walk = Walk::executing();
    walk.answer(unknown());
    walk.answer(observed(6, healthy())).later(6).answer(observed(6, healthy()));
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Done, "revision 41");
    let mut walk = Walk::executing();
    walk.answer(unknown()).answer(seen(&facts(), 6, healthy())).later(7).answer(seen(&facts(), 6, healthy()));
    assert_eq!(walk.door.view().stage, Stage::Verifying, "no sign of it is no contradiction while nobody knows");
    walk.later(61).input(DoorInput::Tick);
    walk.work.retain(|effect| matches!(effect.work, Work::Record(_)));
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Unverified, "no answer came after sending (timed out)");
    assert_eq!(walk.executed, 1);
}

#[test]
fn unverified_names_what_is_missing() {
    let firing = Signals { firing: Some(vec!["HighErrorRate".into()]), ..Signals::default() };
    let mut walk = Walk::verifying();
    walk.answer(observed(4, Ok(firing))).later(61).input(DoorInput::Tick);
    walk.work.retain(|effect| matches!(effect.work, Work::Record(_)));
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Unverified, "rollout 4/6, waiting for new pods; ready 4/6; HighErrorRate still firing");
    // Stopped by hand.
    let mut walk = Walk::verifying();
    walk.answer(observed(4, healthy())).input(DoorInput::StopVerifying);
    walk.work.retain(|effect| matches!(effect.work, Work::Record(_)));
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Unverified, "verification was stopped");
}

#[test]
fn a_controller_that_puts_it_back_is_found_out() {
    let mut walk = Walk::verifying();
    walk.answer(observed(6, healthy())).later(5).answer(seen(&facts(), 6, healthy()));
    walk.answer(Answer::Recorded(Ok(())));
    walk.assert_end(End::Unverified, "something else changed it");
}

#[test]
fn an_unwritten_outcome_is_told_and_keeps_its_end() {
    let mut walk = Walk::executing();
    let error = JournalError { path: "/var/audit".into(), why: "disk full".into() };
    walk.answer(Answer::Executed(Err(fault().into()))).answer(Answer::Recorded(Err(error)));
    walk.assert_end(End::Failed, "not sent");
    let unrecorded = walk.door.view().outcome.unwrap().unrecorded.clone();
    assert!(unrecorded.unwrap().contains("disk full"));
}

#[test]
fn another_revision_makes_another_plan_and_voids_old_answers() {
    let mut walk = Walk::rollback(ConfirmLevel::Yes);
    walk.answer(gathered(facts())).answer(allowed());
    let stale = walk.work.remove(0);
    walk.input(DoorInput::SelectRevision(40));
    walk.input(DoorInput::Answer(stale.ticket, accepted()));
    assert_eq!(walk.door.view().stage, Stage::Preflight, "the old plan's dry run proves nothing");
    let plan = walk.door.view().plan.unwrap();
    assert_eq!((to(Some(plan)), plan.is_checked()), (40, false));
    walk.answer(allowed()).answer(accepted()).input(DoorInput::SelectRevision(42));
    let view = walk.door.view();
    assert_eq!((view.stage, to(view.plan)), (Stage::Review, 40));
    assert!(view.notice.unwrap().contains("nothing to do"), "{:?}", view.notice);
}

#[test]
fn falling_burn_counts_and_a_burning_one_does_not() {
    let burning = |burn| Ok(Signals { firing: Some(vec![]), burn_alerts: Some(vec!["Burn".into()]), burn: Some(burn) });
    for (then, state) in [(100.0, CheckState::Passed), (170.0, CheckState::Waiting), (0.9, CheckState::Passed)] {
        let mut walk = Walk::verifying();
        walk.answer(observed(6, burning(171.0))).later(1).answer(observed(6, burning(then)));
        assert_eq!(walk.door.view().checks[3].state, state, "{then}");
    }
}

#[test]
fn an_answer_counts_once_and_only_with_its_own_ticket() {
    let mut walk = Walk::verifying();
    let ticket = walk.work.remove(0).ticket;
    let mut other = Walk::verifying();
    assert!(other.door.handle(DoorInput::Answer(ticket, observed(6, healthy())), start()).is_empty(), "another door's");
    let wrong = DoorInput::Answer(ticket, receipt());
    assert!(walk.door.handle(wrong, start()).is_empty(), "the wrong kind");
    let answer = || DoorInput::Answer(ticket, observed(6, healthy()));
    assert_eq!(walk.door.handle(answer(), start()).len(), 1);
    assert!(walk.door.handle(answer(), start()).is_empty(), "twice");
}
