//! Whatever comes in, in whatever order: no execution without a confirmation and a recorded intent, and never twice.
#![allow(clippy::unwrap_used, clippy::panic)]

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

use super::walk::*;
use super::*;
use crate::actions::Origin;
use crate::actions::approval::Receipt;
use crate::actions::examples::{Example, World, all};
use crate::actions::exchange::Work;
use crate::ports::cluster::{DryRun, Look, Permission};
use crate::ports::journal::JournalError;

/// A move of the world: a person's input, or an answer to one of the pieces of work that were ever given out.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful of them in a test")]
enum Move {
    Input(DoorInput),
    /// Type what the plan wants typed.
    Name,
    /// Which piece of work, and what kind of answer: 0 fits and is good, 1 fits and is bad, others do not fit.
    Answer(usize, u8),
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => prop_oneof![
            Just(DoorInput::Confirm), Just(DoorInput::Cancel), Just(DoorInput::Replan), Just(DoorInput::Tick),
            Just(DoorInput::ToggleDiff), Just(DoorInput::StopVerifying), Just(DoorInput::Confirm),
            Just(DoorInput::Type("paymen".into())), (39_u64..44).prop_map(DoorInput::SelectRevision),
        ].prop_map(Move::Input),
        1 => Just(Move::Name),
        6 => (0_usize..3, 0_u8..4).prop_map(|(back, kind)| Move::Answer(back, kind.saturating_sub(1))),
        1 => (0_i64..40).prop_map(Move::Wait),
    ]
}

/// A piece of work that was given out.
struct Given {
    ticket: Ticket,
    awaits: Awaits,
    looks: Vec<Look>,
}

impl Given {
    fn of(effect: &DoorEffect) -> Self {
        let looks = if let Work::Observe(looks) = &effect.work { looks.clone() } else { vec![] };
        Self { ticket: effect.ticket, awaits: Awaits::of(&effect.work), looks }
    }

    fn answer(&self, kind: u8, example: &Example) -> Answer {
        let error = || ClusterError::Conflict("x".into());
        let journal = JournalError { path: "p".into(), why: "w".into() };
        match (self.awaits, kind) {
            (Awaits::Gathered, 0) => gathered(example.facts.clone()),
            (Awaits::Gathered, 1) => Answer::Gathered(Err(error())),
            (Awaits::Permission, 0) => allowed(),
            (Awaits::Permission, 1) => {
                Answer::Permission(Ok(Permission { allowed: false, what: String::new(), reason: None }))
            }
            (Awaits::DryRun, 0) => {
                Answer::DryRun(Ok(DryRun { object: example.facts.object.clone(), warnings: vec![] }))
            }
            (Awaits::DryRun, 1) => Answer::DryRun(Err(error())),
            (Awaits::Recorded, 0) | (Awaits::Executed, 2) => Answer::Recorded(Ok(())),
            (Awaits::Recorded, 1) => Answer::Recorded(Err(journal)),
            (Awaits::Executed, 0) => receipt(),
            (Awaits::Executed, 1) => Answer::Executed(Err(error())),
            (Awaits::Observed, 0) => {
                let world = World::before(example);
                Answer::Observed(self.looks.iter().map(|look| world.seen(look)).collect())
            }
            (Awaits::Observed, 1) => observed(2, healthy()),
            _ => Answer::Executed(Ok(Receipt { resource_version: String::new(), generation: 0, warnings: vec![] })),
        }
    }
}

proptest! {
    #[test]
    fn never_round_the_door(
        which in any::<prop::sample::Index>(),
        confirm in prop_oneof![Just(ConfirmLevel::Yes), Just(ConfirmLevel::Name)],
        dry_run in prop::bool::weighted(0.1),
        steps in prop::collection::vec(moves(), 1..80),
    ) {
        let examples = all();
        let example = which.get(&examples);
        let request = ActionRequest { dry_run, ..ActionRequest::new(example.action.clone(), Origin::Key) };
        let (mut door, effects) = Door::request(request, &guard(confirm), start());
        let mut now = start();
        let mut given: Vec<Given> = effects.iter().map(Given::of).collect();
        let (mut typed, mut intent, mut written, mut executed) = (String::new(), None, false, false);
        // What was approved and may still be sent, in this order.
        let mut approved = std::collections::VecDeque::new();
        for step in steps {
            let word = door.view().plan.map(Plan::confirm_word);
            let input = match step {
                Move::Wait(seconds) => {
                    now += TimeDelta::seconds(seconds);
                    DoorInput::Tick
                }
                Move::Name => DoorInput::Type(word.clone().unwrap_or_default()),
                Move::Input(input) => input,
                Move::Answer(back, kind) => {
                    let Some(given) = given.len().checked_sub(1 + back).map(|at| &given[at]) else { continue };
                    let answer = given.answer(kind, example);
                    written |= Some(given.ticket) == intent && answer == Answer::Recorded(Ok(()));
                    DoorInput::Answer(given.ticket, answer)
                }
            };
            if let (DoorInput::Type(text), true) = (&input, door.view().stage.can_cancel()) {
                typed.clone_from(text);
            }
            let named = confirm == ConfirmLevel::Yes || Some(&typed) == word.as_ref();
            let confirmed = input == DoorInput::Confirm && door.view().stage == Stage::Review && named && !dry_run;
            let reviewed = door.view().plan.cloned();
            for effect in door.handle(input, now) {
                match &effect.work {
                    Work::Record(record) if record["kind"] == json!("intent") => {
                        prop_assert!(confirmed, "an intent without a confirmation");
                        let plan = reviewed.as_ref().unwrap();
                        prop_assert_eq!(&record["diff_digest"], &json!(plan.digest), "of another plan");
                        approved = plan.steps.iter().map(|step| step.mutation.clone()).collect();
                        (intent, written) = (Some(effect.ticket), false);
                    }
                    Work::Execute(pass) => {
                        prop_assert!(written, "executed without a recorded intent");
                        // Each is used up: a second execution takes a confirmation and an intent of its own.
                        let next = approved.pop_front();
                        prop_assert_eq!(Some(pass.get()), next.as_ref(), "not what was approved");
                        executed = true;
                    }
                    Work::Announce(_) => prop_assert!(executed, "word of what was not done"),
                    _ => {}
                }
                given.push(Given::of(&effect));
            }
            let view = door.view();
            prop_assert_eq!(view.stage == Stage::Ended, view.outcome.is_some() && view.stage != Stage::RecordingOutcome);
        }
    }
}
