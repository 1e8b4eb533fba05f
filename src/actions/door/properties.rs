//! Whatever comes in, in whatever order: no execution without a confirmation and a recorded intent, and never twice.
#![allow(clippy::unwrap_used, clippy::panic)]

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

use super::walk::*;
use super::*;
use crate::actions::Origin;
use crate::actions::approval::Receipt;
use crate::actions::exchange::Work;
use crate::ports::cluster::Permission;
use crate::ports::journal::JournalError;

/// A move of the world: a person's input, or an answer to one of the pieces of work that were ever given out.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful of them in a test")]
enum Move {
    Input(DoorInput),
    /// Which piece of work, and what kind of answer: 0 fits and is good, 1 fits and is bad, others do not fit.
    Answer(usize, u8),
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => prop_oneof![
            Just(DoorInput::Confirm), Just(DoorInput::Cancel), Just(DoorInput::Replan), Just(DoorInput::Tick),
            Just(DoorInput::ToggleDiff), Just(DoorInput::StopVerifying), Just(DoorInput::Confirm),
            Just(DoorInput::Type("payment".into())), Just(DoorInput::Type("paymen".into())),
            (39_u64..44).prop_map(DoorInput::SelectRevision),
        ].prop_map(Move::Input),
        6 => (0_usize..3, 0_u8..4).prop_map(|(back, kind)| Move::Answer(back, kind.saturating_sub(1))),
        1 => (0_i64..40).prop_map(Move::Wait),
    ]
}

fn answer_to(work: Awaits, kind: u8) -> Answer {
    let error = || ClusterError::Conflict("x".into());
    let journal = JournalError { path: "p".into(), why: "w".into() };
    match (work, kind) {
        (Awaits::Gathered, 0) => gathered(facts()),
        (Awaits::Gathered, 1) => Answer::Gathered(Err(error())),
        (Awaits::Permission, 0) => allowed(),
        (Awaits::Permission, 1) => {
            Answer::Permission(Ok(Permission { allowed: false, what: String::new(), reason: None }))
        }
        (Awaits::DryRun, 0) => accepted(),
        (Awaits::DryRun, 1) => Answer::DryRun(Err(error())),
        (Awaits::Recorded, 0) | (Awaits::Executed, 2) => Answer::Recorded(Ok(())),
        (Awaits::Recorded, 1) => Answer::Recorded(Err(journal)),
        (Awaits::Executed, 0) => receipt(),
        (Awaits::Executed, 1) => Answer::Executed(Err(error())),
        (Awaits::Observed, 0) => observed(6, healthy()),
        (Awaits::Observed, 1) => observed(2, healthy()),
        _ => Answer::Executed(Ok(Receipt { resource_version: String::new(), generation: 0, warnings: vec![] })),
    }
}

proptest! {
    #[test]
    fn never_round_the_door(
        confirm in prop_oneof![Just(ConfirmLevel::Yes), Just(ConfirmLevel::Name)],
        dry_run in prop::bool::weighted(0.1),
        steps in prop::collection::vec(moves(), 1..80),
    ) {
        let request = ActionRequest { dry_run, ..ActionRequest::rollback(payment(), None, Origin::Key) };
        let (mut door, effects) = Door::request(request, &guard(confirm), start());
        let mut now = start();
        let mut given: Vec<(Ticket, Awaits)> = effects.iter().map(|e| (e.ticket, Awaits::of(&e.work))).collect();
        let (mut typed, mut intent, mut written, mut executed) = (String::new(), None, false, false);
        for step in steps {
            let input = match step {
                Move::Wait(seconds) => {
                    now += TimeDelta::seconds(seconds);
                    DoorInput::Tick
                }
                Move::Input(input) => input,
                Move::Answer(back, kind) => {
                    let Some((ticket, awaits)) = given.len().checked_sub(1 + back).map(|at| given[at]) else { continue };
                    let answer = answer_to(awaits, kind);
                    written |= Some(ticket) == intent && answer == Answer::Recorded(Ok(()));
                    DoorInput::Answer(ticket, answer)
                }
            };
            if let (DoorInput::Type(text), true) = (&input, door.view().stage.can_cancel()) {
                typed.clone_from(text);
            }
            let named = confirm == ConfirmLevel::Yes || typed == "payment";
            let confirmed = input == DoorInput::Confirm && door.view().stage == Stage::Review && named && !dry_run;
            for effect in door.handle(input, now) {
                match &effect.work {
                    Work::Record(record) if record["kind"] == json!("intent") => {
                        prop_assert!(confirmed, "an intent without a confirmation");
                        (intent, written) = (Some(effect.ticket), false);
                    }
                    Work::Execute(_) => {
                        prop_assert!(written, "executed without a recorded intent");
                        // It is used up: a second execution takes a confirmation and an intent of its own.
                        (intent, written, executed) = (None, false, true);
                    }
                    Work::Announce(_) => prop_assert!(executed, "word of what was not done"),
                    _ => {}
                }
                given.push((effect.ticket, Awaits::of(&effect.work)));
            }
            let view = door.view();
            prop_assert_eq!(view.stage == Stage::Ended, view.outcome.is_some() && view.stage != Stage::RecordingOutcome);
        }
    }
}
