//! The desk: a runbook from the alert to the closed run, with the runtime's answers made here. What is written down comes
//! before what it is about; what changes something goes through the door.

use std::sync::Arc;

use super::fixture::{app, incident, now, press, screen, workload, write};
use crate::actions::exchange::DoorEffect;
use crate::actions::{ActionRequest, Origin as Asker};
use crate::app::App;
use crate::runbook::facts::Facts;
use crate::runbook::run::RunEffect;
use crate::runbook::run::record::Event;
use crate::runbook::run::work::{Outcome, Output, Work};
use crate::runbook::{Origin, Runbook, Shelf, parse};
use crate::state::effect::Effect;
use crate::state::message::Message;
use crate::state::runbook::{DeskEffect, DeskNews, Keep, Unfinished};

const BOOK: &str = r#"---
apiVersion: opsdeck.dev/v1
id: errors
title: Errors in a service
match:
  - alert: HighErrorRate
parameters:
  workload: {type: workload, from: workload, required: true}
---
# Errors in a service

## Meaning
Requests to {{ workload }} fail. A table says how bad it is:

| share | what to do |
|---|---|
| over 1 % | roll back |

## Diagnosis

### How many requests fail?
```promql {assert="value < 0.01", name="errors"}
sum(rate(http_requests_total{app="{{ workload.name }}"}[1m]))
```

## Mitigation

### Roll it back
```action
do: rollback
workload: "{{ workload }}"
reason: errors since the rollout
```

## Verification

### Tell the others
- [ ] Write into the channel that {{ workload.name }} is well again
"#;

fn book() -> Arc<Runbook> {
    let origin =
        Origin { place: "/etc/opsdeck/runbooks/errors.md".into(), shelf: Shelf::System, modified: Some(now()) };
    let parsed = parse(BOOK, origin);
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    Arc::new(parsed.runbook.unwrap())
}

fn news(app: &mut App, news: DeskNews) -> Vec<Effect> {
    app.update(Message::Desk(news), now())
}

fn facts(effects: &[Effect]) -> Facts {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Desk(DeskEffect::Find(facts)) => Some((**facts).clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{effects:?}"))
}

fn found(facts: Facts, fitting: &[Arc<Runbook>]) -> DeskNews {
    let fitting = fitting.iter().map(|book| (Keep(book.clone()), "alert HighErrorRate".to_owned())).collect();
    DeskNews::Found { facts: Box::new(facts), fitting, generic: Vec::new(), remarks: Vec::new() }
}

/// Kinds of what is written and done, in order; work with its ticket.
fn told(effects: &[Effect]) -> (Vec<String>, Option<(u64, Work)>) {
    let mut work = None;
    let words = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Desk(DeskEffect::Run { effect: RunEffect::Record(record), .. }) => {
                let value = serde_json::to_value(record).unwrap();
                Some(value["kind"].as_str().unwrap().to_owned())
            }
            Effect::Desk(DeskEffect::Run { effect: RunEffect::Perform { ticket, work: done, .. }, .. }) => {
                work = Some((*ticket, (**done).clone()));
                Some("perform".to_owned())
            }
            Effect::Desk(DeskEffect::Leave { .. }) => Some("leave".to_owned()),
            _ => None,
        })
        .collect();
    (words, work)
}

#[test]
fn before_it_begins_its_text_has_its_values_and_a_key_moves_it_by_a_line() {
    let mut app = app();
    incident(&mut app);
    let facts = facts(&press(&mut app, "b"));
    news(&mut app, found(facts, &[book()]));
    let text = |app: &mut App| {
        let shown = screen(app, 80, 24);
        shown.lines().map(|line| line.chars().skip(4).take(31).collect::<String>()).collect::<Vec<_>>()
    };
    let before = text(&mut app);
    let told = before.join(" ");
    assert!(told.contains("deployment/payment") && !told.contains("{{ workload }}"), "{told}");
    press(&mut app, "j");
    let after = text(&mut app);
    assert_eq!(before[4..16], after[3..15], "{after:#?}");
    press(&mut app, "k");
    assert_eq!(text(&mut app), before);
}

/// The book is open and begun, and its check has failed with a number.
fn walked() -> App {
    let mut app = app();
    incident(&mut app);
    let facts = facts(&press(&mut app, "b"));
    assert_eq!((facts.alert.as_deref(), facts.workload.clone()), (Some("HighErrorRate"), Some(workload("payment"))));
    news(&mut app, found(facts, &[book()]));
    let effects = press(&mut app, "enter");
    let [Effect::Desk(DeskEffect::Begin { book, alert })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(alert.as_deref(), Some("HighErrorRate"));
    let (words, work) = told(&news(&mut app, DeskNews::Begun { id: "run-1".into(), book: book.clone() }));
    assert_eq!(words, ["began", "step-began", "perform"]);
    let (ticket, Work::Promql { query, .. }) = work.unwrap() else { panic!() };
    assert!(query.contains("app=\"payment\""), "{query}");
    let output = Output { text: "0.172  service=payment".into(), value: None };
    let outcome = Outcome::Failed { detail: "0.172, wanted value < 0.01".into(), output };
    let (words, work) = told(&news(&mut app, DeskNews::Done { id: "run-1".into(), ticket, outcome }));
    assert_eq!((words, work), (vec!["step-ended".to_owned()], None), "what changes something waits for a key");
    app
}

#[test]
fn from_an_alert_reads_run_by_themselves_and_a_change_goes_through_the_door() {
    let mut app = walked();
    insta::assert_snapshot!("runbook_walked_120", screen(&mut app, 120, 40));
    insta::assert_snapshot!("runbook_walked_80", screen(&mut app, 80, 24));
    let (words, work) = told(&press(&mut app, "enter"));
    assert_eq!(words, ["step-began", "perform"]);
    let (ticket, Work::Act(act)) = work.unwrap() else { panic!() };
    let crate::runbook::action::Act::Request(request) = *act else { panic!() };
    let request = Box::new(ActionRequest { origin: Asker::Key, step: Some(format!("run-1/{ticket}")), ..request });
    let effects = news(&mut app, DeskNews::Act { id: "run-1".into(), ticket, request });
    assert!(matches!(effects.as_slice(), [Effect::Door(DoorEffect { .. })]), "{effects:?}");
    assert!(screen(&mut app, 120, 40).contains("Roll back deployment/payment"));
    // Said no: nothing was sent, and the step says so.
    let (words, _) = told(&press(&mut app, "esc"));
    assert_eq!(words, ["step-ended"]);
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("cancelled: nothing was sent") && shown.contains("tries again"), "{shown}");
    // A skip has a reason.
    press(&mut app, "s");
    let (words, _) = told(&press(&mut app, "enter"));
    assert_eq!(words, [""; 0], "a reason is needed");
    write(&mut app, "done by hand");
    let (words, _) = told(&press(&mut app, "enter"));
    assert_eq!(words, ["skipped"]);
    assert!(screen(&mut app, 120, 40).contains("payment is well again"), "a question is asked at once");
    let (words, _) = told(&press(&mut app, "enter"));
    assert_eq!(words, ["step-ended", "finished", "leave"]);
    assert!(screen(&mut app, 80, 24).contains("Run closed"));
    assert!(!app.session().desk.is_open());
}

#[test]
fn hidden_it_stays_open_in_the_header_and_the_same_key_comes_back() {
    let mut app = walked();
    press(&mut app, "esc");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.lines().next().unwrap().contains("errors 2/3"), "{shown}");
    assert!(!shown.contains("How many requests fail?"));
    let effects = press(&mut app, "b");
    assert!(effects.is_empty() && screen(&mut app, 120, 40).contains("How many requests fail?"));
    // Quitting waits until every record is on disk.
    assert!(app.holds_quit());
    while app.session().desk.unwritten > 0 {
        news(&mut app, DeskNews::Written);
    }
    assert!(!app.holds_quit());
}

#[test]
fn without_its_log_a_run_does_not_go_on() {
    let mut app = walked();
    news(&mut app, DeskNews::Broken { id: "run-1".into(), why: "No space left on device".into() });
    let (words, work) = told(&press(&mut app, "enter"));
    assert_eq!((words.len(), work), (0, None));
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("No space left on device"), "{shown}");
}

#[test]
fn several_are_offered_best_first_with_runs_to_take_up_before_them() {
    let mut app = app();
    incident(&mut app);
    let run = Unfinished {
        id: "20260314-120000-errors".into(),
        title: "Errors in a service".into(),
        step: Some("Roll it back".into()),
        began: now(),
        who: "mira".into(),
        elsewhere: false,
    };
    news(&mut app, DeskNews::Unfinished(vec![run]));
    assert!(
        screen(&mut app, 120, 40)
            .contains("a runbook is not over: Errors in a service, at Roll it back; b takes it up")
    );
    let facts = facts(&press(&mut app, "b"));
    news(&mut app, found(facts, &[book()]));
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("resume 20260314-120000-errors") && shown.contains("alert HighErrorRate"), "{shown}");
    let effects = press(&mut app, "enter");
    assert_eq!(effects, [Effect::Desk(DeskEffect::Take("20260314-120000-errors".into()))]);
}

#[test]
fn what_was_cut_off_is_looked_up_before_anybody_is_asked() {
    let mut app = walked();
    let effects = press(&mut app, "enter");
    let all: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Desk(DeskEffect::Run { effect: RunEffect::Record(record), .. }) => Some(record.clone()),
            _ => None,
        })
        .collect();
    let began = all.iter().find(|record| matches!(record.event, Event::StepBegan { writes: true, .. })).unwrap();
    // The records of a run that was killed right after its action began.
    let first = crate::runbook::run::Run::begin(
        book(),
        crate::runbook::run::Begin {
            id: "run-1".into(),
            who: "oncall".into(),
            now: now(),
            values: [("workload".to_owned(), crate::runbook::parameter::Value::Workload(workload("payment")))].into(),
            unattended: false,
            stack: Vec::new(),
        },
    );
    let Ok((_, effects)) = first else { panic!() };
    let [RunEffect::Record(first), ..] = effects.as_slice() else { panic!() };
    let jump = Event::Jumped { from: 0, to: 1 };
    let jump = crate::runbook::run::record::Record { event: jump, ..first.clone() };
    let mut app = self::app();
    let records = vec![first.clone(), jump, began.clone()];
    let effects = news(&mut app, DeskNews::Taken { book: Keep(book()), records, edited: true });
    let look = effects.iter().find_map(|effect| match effect {
        Effect::Desk(DeskEffect::LookUp { ticket, .. }) => Some(*ticket),
        _ => None,
    });
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains("nobody knows how it ended") && shown.contains("edited since it began"), "{shown}");
    let fate = DeskNews::Fate {
        id: "run-1".into(),
        ticket: look.unwrap(),
        happened: Some(true),
        why: "the audit log says done".into(),
    };
    let (words, work) = told(&news(&mut app, fate));
    assert_eq!((words, work), (vec!["step-ended".to_owned()], None), "it is not done a second time");
}
