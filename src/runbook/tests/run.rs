//! Runs: the rules of walking, and that nothing is done twice wherever a run is cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, TimeZone, Utc};
use proptest::prelude::*;

use super::{GOOD, book};
use crate::actions::outcome::End;
use crate::actions::{Origin, RunbookStep};
use crate::runbook::Runbook;
use crate::runbook::action::Act;
use crate::runbook::parameter::{Value, Values, read_workload};
use crate::runbook::run::record::{Event, Record, RunEnd, Verdict};
use crate::runbook::run::work::{Outcome, Output, Question, Work};
use crate::runbook::run::{Begin, Phase, Run, RunEffect, RunError, RunInput};
use crate::runbook::step::IncidentWord;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 4, 12, 0, 0).unwrap()
}

fn values() -> Values {
    let workload = Value::Workload(read_workload("shop/deployment/payment").unwrap());
    [("workload".to_owned(), workload), ("token".to_owned(), Value::Text("hunter22".into()))].into()
}

fn begin(book: &Arc<Runbook>, values: Values, unattended: bool) -> (Run, Vec<RunEffect>) {
    let begin = Begin { id: "r1".into(), who: "ada".into(), now: now(), values, unattended, stack: Vec::new() };
    Run::begin(Arc::clone(book), begin).unwrap()
}

fn performed(effects: &[RunEffect]) -> Option<(u64, Work)> {
    effects.iter().find_map(|effect| match effect {
        RunEffect::Perform { ticket, work, .. } => Some((*ticket, (**work).clone())),
        _ => None,
    })
}

fn recorded(effects: &[RunEffect]) -> Vec<Record> {
    let records = effects.iter().filter_map(|effect| match effect {
        RunEffect::Record(record) => Some(record.clone()),
        _ => None,
    });
    records.collect()
}

fn acted() -> Outcome {
    Outcome::Acted { end: End::Done, detail: "rolled back".into(), id: Some("a1".into()) }
}

#[test]
fn a_check_fails_a_rollback_heals_and_the_check_passes() {
    let book = book(GOOD);
    let (mut run, _) = begin(&book, values(), false);
    assert!(run.may_start_by_itself());
    let (ticket, work) = performed(&run.feed(RunInput::Start, now())).unwrap();
    let Work::Promql { query, .. } = &work else { panic!("{work:?}") };
    assert!(query.contains("namespace=\"shop\""), "{query}");
    run.feed(RunInput::Done { ticket, outcome: Outcome::failed("0.2, wanted value < 0.01") }, now());
    assert_eq!((run.place(), run.phase()), (1, &Phase::Ready), "a failed check goes on");
    let (ticket, work) = performed(&run.feed(RunInput::Start, now())).unwrap();
    assert_eq!(work.describe(), ["kubectl get pods -n shop -l app=payment"]);
    run.feed(RunInput::Done { ticket, outcome: Outcome::passed("2 pods") }, now());
    assert!(!run.may_start_by_itself(), "a write is asked for");
    let shown = run.preview().unwrap().unwrap().describe();
    assert_eq!(shown, ["Roll back deployment/payment in shop — errors of payment"]);
    let (ticket, _) = performed(&run.feed(RunInput::Start, now())).unwrap();
    run.feed(RunInput::Done { ticket, outcome: acted() }, now());
    assert_eq!(run.place(), 0, "verified at once");
    let (ticket, _) = performed(&run.feed(RunInput::Start, now())).unwrap();
    let output = Output { text: String::new(), value: Some(Value::Number(0.001)) };
    run.feed(RunInput::Done { ticket, outcome: Outcome::Passed { detail: "0.001".into(), output } }, now());
    assert_eq!(run.place(), 4, "what takes it back is not in the order");
    assert_eq!(run.values().get("ratio_now"), Some(&Value::Number(0.001)));
    run.feed(RunInput::Start, now());
    let effects = run.feed(RunInput::Approve, now());
    assert!(effects.contains(&RunEffect::Finished(RunEnd::Done { failed: 0 })), "{effects:?}");
}

#[test]
fn a_verification_that_fails_halts_and_offers_the_way_back() {
    let book = book(GOOD);
    let (mut run, _) = begin(&book, values(), false);
    run.feed(RunInput::Jump(2), now());
    let (ticket, _) = performed(&run.feed(RunInput::Start, now())).unwrap();
    run.feed(RunInput::Done { ticket, outcome: acted() }, now());
    let (ticket, _) = performed(&run.feed(RunInput::Start, now())).unwrap();
    run.feed(RunInput::Done { ticket, outcome: Outcome::failed("0.3") }, now());
    assert_eq!(run.phase(), &Phase::Halted { why: "0.3".into(), rollback: Some(3) });
    assert!(matches!(run.feed(RunInput::Skip { reason: " ".into() }, now()).as_slice(), [RunEffect::Say(_)]));
    run.feed(RunInput::Jump(3), now());
    assert_eq!(run.place(), 3);
}

#[test]
fn secrets_are_nowhere_in_the_records() {
    let text = "---\napiVersion: opsdeck.dev/v1\nid: a\nparameters:\n  token: {secret: true, required: true}\n---\n## D\n### S\n```http {capture=body}\nurl: https://example.com/x/{{ token }}\nheaders: {authorization: \"Bearer {{ token }}\"}\n```\n### T\n```http\nurl: https://example.com/{{ body }}\n```\n";
    let book = book(text);
    let (mut run, mut effects) = begin(&book, [("token".to_owned(), Value::Text("hunter22".into()))].into(), false);
    effects.extend(run.feed(RunInput::Start, now()));
    let (ticket, work) = performed(&effects).unwrap();
    assert!(work.describe().join(" ").contains("hunter22"), "the request itself has it");
    let output = Output { text: "you said hunter22".into(), value: Some(Value::Text("hunter22!".into())) };
    effects.extend(run.feed(
        RunInput::Done { ticket, outcome: Outcome::Failed { detail: "no hunter22".into(), output: output.clone() } },
        now(),
    ));
    effects.extend(run.feed(RunInput::Note("hunter22 does not work".into()), now()));
    effects.extend(run.feed(RunInput::Retry, now()));
    effects.extend(
        run.feed(RunInput::Done { ticket: 2, outcome: Outcome::Passed { detail: "yes".into(), output } }, now()),
    );
    let records = recorded(&effects);
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("hunter22"), "{text}");
    assert_eq!(serde_json::from_str::<Vec<Record>>(&text).unwrap(), records, "records read as they are written");
    // After a crash it is asked again, before anything can be done with its placeholder.
    let mut again = Run::replay(Arc::clone(&book), &records).unwrap();
    again.resume("bob", now());
    assert_eq!(again.missing_secrets(), ["body", "token"]);
    assert!(performed(&again.feed(RunInput::Start, now())).is_none());
    again.feed(RunInput::Secret { name: "token".into(), value: "hunter22".into() }, now());
    again.feed(RunInput::Secret { name: "body".into(), value: "hunter22!".into() }, now());
    let (_, work) = performed(&again.feed(RunInput::Start, now())).unwrap();
    assert_eq!(work.describe(), ["GET https://example.com/hunter22%21"]);
}

#[test]
fn nobody_is_there() {
    let text = "---\napiVersion: opsdeck.dev/v1\nid: a\n---\n## D\n### A\n```input {capture=x}\nask: how many?\ntype: integer\ndefault: 3\n```\n### B\n```approve\nreally?\n```\n";
    let book = book(text);
    let (mut run, _) = begin(&book, Values::new(), true);
    run.feed(RunInput::Start, now());
    assert_eq!(run.values().get("x"), Some(&Value::Integer(3)), "a default is an answer");
    let effects = run.feed(RunInput::Start, now());
    assert!(matches!(effects.last(), Some(RunEffect::Finished(RunEnd::Failed { .. }))), "{effects:?}");
}

const SCRIPT: &str = "---\napiVersion: opsdeck.dev/v1\nid: a\nparameters:\n  token: {secret: true}\n---\n## D\n### A\n```sh {on-failure=continue}\nrm -rf \"$token\"\n```\n### B\n```promql\nup\n```\n";

fn token() -> Values {
    [("token".to_owned(), Value::Text("hunter22".into()))].into()
}

fn untrusted(run: &mut Run) -> Vec<RunEffect> {
    let (ticket, _) = performed(&run.feed(RunInput::Start, now())).unwrap();
    run.feed(RunInput::Done { ticket, outcome: Outcome::Skipped { reason: "not trusted".into() } }, now())
}

#[test]
fn a_script_that_is_not_run_is_asked_about() {
    let book = book(SCRIPT);
    for (input, verdict) in [
        (RunInput::Approve, Verdict::Passed),
        (RunInput::Decline { reason: "no".into() }, Verdict::Failed),
        (RunInput::Skip { reason: "not now".into() }, Verdict::Skipped),
    ] {
        let (mut run, _) = begin(&book, token(), false);
        assert!(recorded(&untrusted(&mut run)).is_empty(), "nothing is decided yet");
        let Phase::Asking(Question::Manual(asked)) = run.phase() else { panic!("{:?}", run.phase()) };
        assert!(asked.starts_with("not trusted\n") && asked.contains("rm -rf \"$token\""), "{asked}");
        assert!(!asked.contains("hunter22"), "{asked}");
        run.feed(input, now());
        assert_eq!((run.place(), run.visits()[0].verdict), (1, Some(verdict)));
    }
}

#[test]
fn with_nobody_there_what_is_not_done_is_a_failure() {
    // Whatever a failure does: the run does not end well.
    for (text, at_once) in [(SCRIPT.to_owned(), false), (SCRIPT.replace("on-failure=continue", "timeout=1m"), true)] {
        let (mut run, _) = begin(&book(&text), token(), true);
        let effects = untrusted(&mut run);
        assert_eq!(run.visits()[0].verdict, Some(Verdict::Failed));
        if at_once {
            let Some(RunEffect::Finished(RunEnd::Failed { step, why })) = effects.last() else { panic!("{effects:?}") };
            assert_eq!((step.as_str(), why.as_str()), ("a", "not done: not trusted"));
            continue;
        }
        let (ticket, _) = performed(&run.feed(RunInput::Start, now())).unwrap();
        run.feed(RunInput::Done { ticket, outcome: Outcome::passed("1") }, now());
        assert_eq!(run.end(), Some(&RunEnd::Done { failed: 1 }));
        assert!(!run.end().unwrap().is_good());
    }
}

#[test]
fn the_door_is_told_which_step_asks() {
    let (mut run, _) = begin(&book(GOOD), values(), false);
    run.feed(RunInput::Jump(2), now());
    let Some(Ok(Work::Act(act))) = run.preview() else { panic!() };
    let Act::Request(request) = *act else { panic!("{act:?}") };
    let from = RunbookStep { id: "high-error-rate".into(), step: "roll-it-back".into() };
    assert_eq!((request.origin, request.runbook), (Origin::Runbook, Some(from)));
}

#[test]
fn waits_are_over_when_they_are_over() {
    let text = "---\napiVersion: opsdeck.dev/v1\nid: a\n---\n## D\n### A\n```wait\n2m\n```\n";
    let book = book(text);
    let (mut run, _) = begin(&book, Values::new(), false);
    assert!(performed(&run.feed(RunInput::Start, now())).is_some());
    assert!(run.feed(RunInput::Tick, now() + Duration::seconds(119)).is_empty());
    let effects = run.feed(RunInput::Tick, now() + Duration::seconds(120));
    assert!(matches!(effects.last(), Some(RunEffect::Finished(RunEnd::Done { failed: 0 }))));
}

#[test]
fn a_runbook_never_runs_inside_of_itself() {
    let text = "---\napiVersion: opsdeck.dev/v1\nid: a\n---\n## D\n### A\n```runbook\nid: a\n```\n";
    let book = book(text);
    let begin = |stack: &[&str]| {
        let stack = stack.iter().map(|id| (*id).to_owned()).collect();
        let begin =
            Begin { id: "r".into(), who: "ada".into(), now: now(), values: Values::new(), unattended: true, stack };
        Run::begin(Arc::clone(&book), begin)
    };
    assert!(matches!(begin(&["b", "a"]), Err(RunError::Loop(_))));
    assert!(matches!(begin(&["b"; 8]), Err(RunError::Loop(_))));
    let (mut run, _) = begin(&[]).unwrap();
    let effects = run.feed(RunInput::Start, now());
    assert!(performed(&effects).is_none() && matches!(effects.last(), Some(RunEffect::Finished(_))));
}

#[test]
fn another_version_is_not_taken_up() {
    let one = book(GOOD);
    let two = book(&GOOD.replace("Users of", "People of"));
    let (_, effects) = begin(&one, values(), false);
    assert!(matches!(Run::replay(two, &recorded(&effects)), Err(RunError::Records(_))));
}

/// A world that counts what is done to it.
#[derive(Default)]
struct World {
    writes: BTreeMap<usize, u32>,
}

const MANY: &str = "---\napiVersion: opsdeck.dev/v1\nid: a\n---\n## D\n### One\n```action\ndo: cordon\nnode: n1\n```\n### Two\n```promql {assert=\"value < 1\", attempts=2}\nup\n```\n### Three\n```action {verify=two, on-failure=continue}\ndo: uncordon\nnode: n1\n```\n### Four\n```sh {confirm=true}\ntrue\n```\n### Five\n```http\nurl: https://example.com/\nmethod: POST\n```\n### Six\n```approve\nok?\n```\n";

/// Walks to the end, or until so many effects were looked at; gives what is on disk by then.
fn walk(run: &mut Run, first: Vec<RunEffect>, world: &mut World, mut budget: usize, fails: &[bool]) -> Vec<Record> {
    let mut disk = Vec::new();
    let mut queue: std::collections::VecDeque<RunEffect> = first.into();
    let mut step = 0;
    for _ in 0..500 {
        while let Some(effect) = queue.pop_front() {
            // Killed: what was not looked at never happened.
            if budget == 0 {
                return disk;
            }
            budget -= 1;
            match effect {
                RunEffect::Record(record) => disk.push(record),
                RunEffect::Perform { ticket, step: place, work, .. } => {
                    let writes = matches!(*work, Work::Act(_) | Work::Command { .. })
                        || matches!(&*work, Work::Http { method, .. } if method != "GET");
                    if writes {
                        *world.writes.entry(place).or_default() += 1;
                    }
                    step += 1;
                    let outcome = if fails.get(step % fails.len().max(1)) == Some(&true) {
                        Outcome::failed("no")
                    } else {
                        Outcome::passed("yes")
                    };
                    queue.extend(run.feed(RunInput::Done { ticket, outcome }, now()));
                }
                RunEffect::Finished(_) => return disk,
                RunEffect::Cancel { .. } | RunEffect::Say(_) => {}
            }
        }
        let next = match run.phase() {
            Phase::Ready => RunInput::Start,
            Phase::Asking(_) => RunInput::Approve,
            Phase::Halted { .. } => RunInput::Skip { reason: "failed".into() },
            Phase::Unknown { .. } => RunInput::MarkDone { detail: "seen".into() },
            Phase::Running { .. } | Phase::Ended(_) => return disk,
        };
        queue.extend(run.feed(next, now()));
    }
    panic!("it does not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Killed after any effect, resumed, killed again, resumed: no write is done twice, none of the records is lost, and
    /// the run ends.
    #[test]
    fn nothing_is_done_twice(cuts in prop::collection::vec(0_usize..40, 1..5), fails in prop::collection::vec(any::<bool>(), 1..6)) {
        let book = book(MANY);
        let mut world = World::default();
        let (mut run, first) = begin(&book, Values::new(), false);
        let mut disk = walk(&mut run, first, &mut world, cuts[0] + 1, &fails);
        for cut in cuts[1..].iter().copied().chain([usize::MAX]) {
            let mut again = Run::replay(Arc::clone(&book), &disk).unwrap();
            let first = again.resume("bob", now());
            disk.extend(walk(&mut again, first, &mut world, cut, &fails));
        }
        for (place, times) in &world.writes {
            prop_assert!(*times <= 1, "step {place} was done {times} times");
        }
        let end = Run::replay(Arc::clone(&book), &disk).unwrap();
        prop_assert!(end.end().is_some(), "{:?}", end.phase());
        // Each of the writes began once, and one was done for each that began, or nobody knows.
        for place in [0_usize, 2, 3, 4] {
            let began = disk.iter().filter(|record| matches!(record.event, Event::StepBegan { step, .. } if step == place)).count();
            prop_assert_eq!(began, 1);
        }
    }

    /// Whatever is fed in whatever order, replaying the records stands at the same place with the same results.
    #[test]
    fn a_replay_stands_where_the_run_stood(inputs in prop::collection::vec(0_u8..12, 1..60)) {
        let book = book(MANY);
        let (mut run, first) = begin(&book, Values::new(), false);
        let mut disk = recorded(&first);
        let mut open = 0;
        for input in inputs {
            let input = match input {
                0..4 => RunInput::Start,
                4 => RunInput::Skip { reason: "x".into() },
                5 => RunInput::Back,
                6 => RunInput::Jump(2),
                7 => RunInput::Approve,
                8 => RunInput::Decline { reason: "no".into() },
                9 => RunInput::Done { ticket: open, outcome: Outcome::passed("yes") },
                10 => RunInput::Done { ticket: open, outcome: Outcome::failed("no") },
                _ => RunInput::Retry,
            };
            let effects = run.feed(input, now());
            open = performed(&effects).map_or(open, |(ticket, _)| ticket);
            disk.extend(recorded(&effects));
            let again = Run::replay(Arc::clone(&book), &disk).unwrap();
            prop_assert_eq!(again.place(), run.place());
            prop_assert_eq!(again.visits(), run.visits());
            let unsettled = matches!(run.phase(), Phase::Running { .. });
            if unsettled {
                let writes = run.step().unwrap().kind.writes();
                prop_assert_eq!(matches!(again.phase(), Phase::Unknown { .. }), writes);
            }
        }
        prop_assert!(run.visits().iter().all(|visit| visit.verdict != Some(Verdict::Passed) || visit.ended.is_some()));
    }
}

#[test]
fn what_is_said_of_the_incident_is_left_to_the_driver_when_nobody_is_here() {
    let text = "---\napiVersion: opsdeck.dev/v1\nid: a\n---\n## D\n### A\n```action\ndo: note\ntext: seen\n```\n### B\n```manual\nlook\n```\n";
    let (mut run, _) = begin(&book(text), Values::new(), true);
    assert!(run.feed(RunInput::Start, now()).is_empty());
    assert_eq!(*run.phase(), Phase::Asking(Question::Incident(IncidentWord::Note, "seen".into())));
    run.feed(RunInput::Approve, now());
    let effects = run.feed(RunInput::Start, now());
    assert!(
        matches!(effects.last(), Some(RunEffect::Finished(RunEnd::Failed { step, .. })) if step == "b"),
        "{effects:?}"
    );
}
