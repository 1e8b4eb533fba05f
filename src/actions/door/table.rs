//! Every action × every end of the door: what was sent, and what the audit log says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::walk::{allowed, fault, guard, receipt, start};
use super::*;
use crate::actions::Origin;
use crate::actions::examples::{Example, World, all};
use crate::actions::exchange::Work;
use crate::actions::guardrail::Rules;
use crate::actions::settle::{Sight, Verdict, expectations, record as settled, settle};
use crate::domain::audit::open_intents;
use crate::domain::mutation::Mutation;
use crate::domain::object::ObjectKind;
use crate::ports::cluster::{DryRun, Permission, Seen};

/// The ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Done,
    Guardrail,
    ReadOnly,
    Forbidden,
    Rejected,
    Conflict,
    Failed,
    TimedOut,
    Cancelled,
    CrashedBefore,
    CrashedAfter,
}

const CASES: [Case; 11] = [
    Case::Done,
    Case::Guardrail,
    Case::ReadOnly,
    Case::Forbidden,
    Case::Rejected,
    Case::Conflict,
    Case::Failed,
    Case::TimedOut,
    Case::Cancelled,
    Case::CrashedBefore,
    Case::CrashedAfter,
];

/// What a run left behind.
struct Run {
    /// Names of all pieces of work, in their order.
    asked: Vec<&'static str>,
    /// What altered something.
    sent: Vec<Mutation>,
    records: Vec<Value>,
    /// The mutations of the plan that was confirmed.
    planned: Vec<Mutation>,
    /// `None` after a crash.
    end: Option<(End, String)>,
    world: World,
}

fn run(example: &Example, case: Case) -> Run {
    let mut guard = guard(ConfirmLevel::Yes);
    match case {
        Case::Guardrail => {
            guard.rules = vec![Rules { deny: Some("by order".into()), ..Rules::default() }];
        }
        Case::ReadOnly => guard.read_only = Some("--read-only".into()),
        _ => {}
    }
    let mut now = start();
    let request = ActionRequest::new(example.action.clone(), Origin::Headless);
    let (mut door, mut work) = Door::request(request, &guard, now);
    let mut run =
        Run { asked: vec![], sent: vec![], records: vec![], planned: vec![], end: None, world: World::before(example) };
    for _ in 0..500 {
        if work.is_empty() {
            let view = door.view();
            if let Some(outcome) = view.outcome.filter(|_| view.stage == Stage::Ended) {
                run.end = Some((outcome.end, outcome.detail.clone()));
                return run;
            }
            let plan = view.plan.unwrap_or_else(|| panic!("{case:?}: stands still at {:?}", view.stage));
            assert_eq!(view.stage, Stage::Review, "{case:?}");
            run.planned = plan.steps.iter().map(|step| step.mutation.clone()).collect();
            let word = plan.confirm_word();
            work = if case == Case::Cancelled {
                door.handle(DoorInput::Cancel, now)
            } else {
                door.handle(DoorInput::Type(word), now);
                door.handle(DoorInput::Confirm, now)
            };
            continue;
        }
        let effect = work.remove(0);
        run.asked.push(effect.work.name());
        now += TimeDelta::seconds(1);
        let answer = match effect.work {
            Work::Gather(needs) => {
                assert_eq!(needs.target, example.action.target());
                Answer::Gathered(Ok(example.facts.clone()))
            }
            Work::CheckPermission(_) if case == Case::Forbidden => {
                Answer::Permission(Ok(Permission { allowed: false, what: "patch it".into(), reason: None }))
            }
            Work::CheckPermission(_) => allowed(),
            Work::DryRun(_) if case == Case::Rejected => Answer::DryRun(Err(ClusterError::Rejected("policy".into()))),
            Work::DryRun(mutation) => {
                let object = run.world.clone().send(&mutation).unwrap();
                Answer::DryRun(Ok(DryRun { object, warnings: vec![] }))
            }
            Work::Record(record) => {
                run.records.push(record);
                if case == Case::CrashedBefore {
                    return run;
                }
                Answer::Recorded(Ok(()))
            }
            Work::Execute(approved) => {
                assert_eq!(run.records.len(), 1, "{case:?}: sent without an intent");
                assert_eq!(run.records[0]["kind"], "intent");
                run.sent.push(approved.get().clone());
                match case {
                    Case::Conflict => Answer::Executed(Err(ClusterError::Conflict("it changed".into()))),
                    Case::Failed | Case::Rejected => Answer::Executed(Err(ClusterError::Rejected("invalid".into()))),
                    Case::Forbidden => Answer::Executed(Err(ClusterError::Forbidden("no".into()))),
                    _ => {
                        run.world.send(approved.get()).unwrap();
                        receipt()
                    }
                }
            }
            // All was sent: the process dies before anybody looks.
            Work::Observe(_) if case == Case::CrashedAfter => return run,
            Work::Observe(looks) => Answer::Observed(
                looks
                    .iter()
                    .map(|look| match case {
                        Case::TimedOut => {
                            Seen { object: Err(fault().into()), rollout: None, pods: None, signals: Some(Err(fault())) }
                        }
                        _ => run.world.seen(look),
                    })
                    .collect(),
            ),
            Work::Wait(seconds) => {
                now += TimeDelta::seconds(seconds.into());
                Answer::Waited
            }
            Work::Announce(_) => Answer::Announced(Err(ClusterError::Forbidden("no events".into()))),
        };
        work.extend(door.handle(DoorInput::Answer(effect.ticket, answer), now));
        work.extend(door.handle(DoorInput::Tick, now));
    }
    panic!("{case:?} of {} does not end: {:?}", example.action.word(), run.asked)
}

/// `kind` and `end` of each record.
fn said(records: &[Value]) -> Vec<(&str, Option<&str>)> {
    records.iter().map(|record| (record["kind"].as_str().unwrap(), record["end"].as_str())).collect()
}

const REFUSED: [(&str, Option<&str>); 1] = [("refusal", Some("refused"))];

#[test]
fn every_action_at_every_end() {
    for example in all() {
        for case in CASES {
            cell(&example, case);
        }
    }
}

fn cell(example: &Example, case: Case) {
    let run = run(example, case);
    let at = format!("{} × {case:?}: {:?} {:?} {:#?}", example.action.word(), run.end, run.asked, run.records);
    // Alertmanager knows neither permissions nor dry runs: its no comes when it is asked in earnest. Whoever keeps flags
    // knows permissions, and some have dry runs.
    let is_asked = match example.action.target().kind {
        ObjectKind::Flag => case == Case::Forbidden || example.facts.object["rehearses"] == true,
        kind => kind.api().is_some(),
    };
    let ended = |end: End| [("intent", None), ("outcome", Some(end.word()))];
    for record in &run.records {
        assert_eq!(record["action"], example.action.word(), "{at}");
        let who = ["user", "context", "identity"].map(|key| record[key].as_str().unwrap());
        assert_eq!(who, ["alice", "prod-eu", "oncall"], "{at}");
    }
    let end = run.end.as_ref().map(|(end, _)| *end);
    let nothing_altered = || {
        assert!(run.sent.is_empty(), "{at}");
        assert!(!run.asked.contains(&"execute") && !run.asked.contains(&"announce"), "{at}");
    };
    match case {
        Case::Done => {
            assert_eq!((end, said(&run.records)), (Some(End::Done), ended(End::Done).to_vec()), "{at}");
            assert_eq!(run.sent, run.planned, "every step once, in order: {at}");
        }
        Case::Guardrail | Case::ReadOnly => {
            nothing_altered();
            assert_eq!(run.asked, ["record"], "not even read: {at}");
            assert_eq!((end, said(&run.records)), (Some(End::Refused), REFUSED.to_vec()), "{at}");
            let words = if case == Case::ReadOnly { "read-only: --read-only" } else { "by order" };
            assert!(run.records[0]["detail"].as_str().unwrap().contains(words), "{at}");
        }
        Case::Forbidden | Case::Rejected if is_asked => {
            nothing_altered();
            assert_eq!((end, said(&run.records)), (Some(End::Refused), REFUSED.to_vec()), "{at}");
            let words = if case == Case::Rejected { "policy" } else { "patch it" };
            assert!(run.records[0]["detail"].as_str().unwrap().contains(words), "{at}");
        }
        Case::Conflict | Case::Failed | Case::Forbidden | Case::Rejected => {
            let wanted = if case == Case::Conflict { End::Conflict } else { End::Failed };
            assert_eq!((end, said(&run.records)), (Some(wanted), ended(wanted).to_vec()), "{at}");
            assert_eq!(run.sent, run.planned[..1], "nothing after the first no: {at}");
        }
        Case::TimedOut => {
            assert_eq!((end, said(&run.records)), (Some(End::Unverified), ended(End::Unverified).to_vec()), "{at}");
            assert_eq!(run.sent, run.planned, "sent once, however long it waits: {at}");
        }
        Case::Cancelled => {
            nothing_altered();
            assert_eq!((end, said(&run.records)), (Some(End::Cancelled), vec![]), "{at}");
        }
        Case::CrashedBefore | Case::CrashedAfter => {
            assert_eq!(said(&run.records), [("intent", None)], "{at}");
            assert_eq!(run.sent.len(), if case == Case::CrashedAfter { run.planned.len() } else { 0 }, "{at}");
            crashed(&run, case, &at);
        }
    }
    if run.records.len() == 2 {
        assert_eq!(run.records[0]["id"], run.records[1]["id"], "{at}");
    }
}

/// The next start finds it and says rightly whether it happened.
fn crashed(run: &Run, case: Case, at: &str) {
    let intent = &run.records[0];
    assert_eq!(open_intents(run.records.clone()).len(), 1, "{at}");
    let sights: Vec<Sight> = expectations(intent)
        .iter()
        .map(|expected| match run.world.seen(&expected.look()).object {
            Ok(object) => Sight::There(object),
            Err(_) => Sight::Gone,
        })
        .collect();
    let settlement = settle(intent, &sights);
    let wanted = if case == Case::CrashedAfter { Verdict::Happened } else { Verdict::DidNotHappen };
    // What was to be made, and is not there, may have been removed since: that cannot be told.
    let is_open = settlement.verdict == Verdict::CannotTell && sights.contains(&Sight::Gone);
    assert!(settlement.verdict == wanted || (is_open && case == Case::CrashedBefore), "{settlement:?} {at}");
    let outcome = settled(intent, &settlement, "bob", start());
    assert!(outcome["detail"].as_str().unwrap().starts_with("a crash cut it off"), "{at}");
    assert_eq!(outcome["settled"], json!(settlement.verdict));
    assert!(open_intents([intent.clone(), outcome]).is_empty(), "{at}");
}
