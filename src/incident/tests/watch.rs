//! Tests of watch.

use std::sync::Arc;

use serde_json::json;

use super::{Pen, alert, at, begun, payment};
use crate::domain::alert::AlertState;
use crate::domain::audit;
use crate::domain::incident::Severity;
use crate::domain::incident::Status;
use crate::domain::incident::entry::{Deed, Moment};
use crate::domain::slo::{Objective, SloReading};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::incident::nudge::{NudgeKind, clock, nudges};
use crate::incident::outbox::Outbox;
use crate::incident::timeline::RowKind;
use crate::incident::{Incident, Noticed, update, watch};

fn take(noticed: Vec<Noticed>, incident: &mut Incident, pen: &mut Pen, now: i64) -> usize {
    let entries: Vec<_> = noticed.into_iter().map(|one| pen.noticed(at(now), one)).collect();
    incident.extend(entries)
}

pub(super) fn reading(burn: [f64; 4], events: (f64, f64), remaining: f64, now: i64) -> SloReading {
    let objective = Objective {
        name: "payment availability".into(),
        service: "payment".into(),
        namespace: Some("shop".into()),
        target: 0.999,
        period: 2_592_000,
        errors: "e".into(),
        total: "t".into(),
    };
    SloReading {
        objective: Arc::new(objective),
        burn: burn.map(Some),
        remaining: Some(remaining),
        events: Some(events),
        history: Vec::new(),
        at: at(now),
        error: None,
    }
}

#[test]
fn an_alert_is_recorded_when_it_begins_and_when_it_clears() {
    let (mut incident, mut pen) = begun();
    let firing = alert("HighErrorRate", alert::Severity::Critical, at(-90));
    let mut other = alert("Unrelated", alert::Severity::Critical, at(-90));
    other.labels.insert("service".into(), "cart".into());
    let mut pending = alert("Slow", alert::Severity::Warning, at(-5));
    pending.state = AlertState::Pending;
    let all = [firing.clone(), other, pending];
    assert_eq!(take(watch::alerts(&incident, &all, at(5)), &mut incident, &mut pen, 5), 1);
    assert_eq!(incident.time(Moment::Detected), Some(at(-90)));
    assert!(watch::alerts(&incident, &all, at(6)).is_empty(), "once");
    let mut silenced = firing.clone();
    silenced.state = AlertState::Suppressed;
    assert!(watch::alerts(&incident, &[silenced], at(7)).is_empty(), "a silence is no cure");
    assert_eq!(take(watch::alerts(&incident, &[], at(60)), &mut incident, &mut pen, 60), 1);
    assert!(watch::alerts(&incident, &[], at(61)).is_empty());
    // It fires again; the source still tells of the first time.
    assert_eq!(take(watch::alerts(&incident, &[firing], at(90)), &mut incident, &mut pen, 90), 1);
    let rows: Vec<_> =
        incident.timeline().iter().filter(|row| row.kind <= RowKind::Cleared).map(|row| (row.at, row.kind)).collect();
    assert!(rows.contains(&(at(-90), RowKind::Firing)) && rows.contains(&(at(60), RowKind::Cleared)));
    assert!(rows.contains(&(at(90), RowKind::Firing)), "{rows:?}");
}

#[test]
fn rollouts_actions_and_steps_are_recorded_once() {
    let (mut incident, mut pen) = begun();
    let seen = watch::rollout(&incident, &payment(), 42, "payment:2.3.7 → payment:2.4.0", at(-240));
    assert_eq!(take(seen.into_iter().collect(), &mut incident, &mut pen, 1), 1);
    assert!(watch::rollout(&incident, &payment(), 42, "x", at(-240)).is_none());
    assert!(watch::rollout(&incident, &payment(), 41, "x", at(-90_000)).is_none(), "long before");
    let cart = WorkloadRef::new(WorkloadKind::Deployment, "shop", "cart");
    assert!(watch::rollout(&incident, &cart, 7, "x", at(0)).is_none());

    let intent = json!({"seq": 1, "kind": "intent", "id": "a1", "at": "2026-11-21T14:01:00Z", "user": "alice",
        "context": "prod-eu", "namespace": "shop", "action": "rollback", "target": "deployment/payment",
        "from": {"revision": 42}, "to": {"revision": 41}});
    let outcome =
        json!({"seq": 2, "kind": "outcome", "id": "a1", "end": "done", "detail": "verified", "duration_ms": 52_000});
    let begun = audit::entries([intent.clone()]).remove(0);
    assert_eq!(take(watch::action(&incident, &begun), &mut incident, &mut pen, 60), 1);
    assert!(watch::change_events(&incident, &begun, &["pager".into()]).is_empty(), "nothing was changed yet");
    let ended = audit::entries([intent.clone(), outcome]).remove(0);
    assert_eq!(take(watch::action(&incident, &ended), &mut incident, &mut pen, 112), 1);
    assert!(watch::action(&incident, &ended).is_empty());
    assert_eq!(watch::change_events(&incident, &ended, &["pager".into()]).len(), 1);
    let texts: Vec<&str> = incident.timeline().iter().map(|row| row.text.as_str()).collect();
    assert!(texts.contains(&"rollback of deployment/payment began: revision 42 → 41"), "{texts:?}");
    assert!(texts.contains(&"rollback of deployment/payment done: verified"));
    for (field, value) in [("incident", json!("other")), ("context", json!("dev")), ("dry_run", json!(true))] {
        let mut foreign = intent.clone();
        foreign["id"] = json!("a2");
        foreign[field] = value;
        assert!(watch::action(&incident, &audit::entries([foreign]).remove(0)).is_empty(), "{field}");
    }
    let step = watch::StepEnded {
        run: "r1".into(),
        runbook: "high-error-rate".into(),
        step: "Is it a rollout?".into(),
        result: "passed".into(),
        at: at(30),
        by: "alice".into(),
    };
    let seen = watch::step(&incident, &step);
    assert_eq!(take(seen.into_iter().collect(), &mut incident, &mut pen, 31), 1);
    assert!(watch::step(&incident, &step).is_none());
}

#[test]
fn impact_is_taken_every_few_minutes_and_at_the_end() {
    let (mut incident, mut pen) = begun();
    // Ten minutes: the window of 30 m holds it. 20 · 1800 / 2592000.
    let first = reading([30.0, 20.0, 10.0, 2.0], (600.0, 36_000.0), 0.8, 600);
    assert_eq!(take(watch::impacts(&incident, &[first], at(600), false), &mut incident, &mut pen, 600), 1);
    let (_, impact) = incident.impacts().next().unwrap();
    assert!((impact.spent.unwrap() - 20.0 * 1_800.0 / 2_592_000.0).abs() < 1e-9);
    assert_eq!((impact.bad, impact.total), (Some(600.0), Some(6_000.0)));
    let second = reading([1.0, 20.0, 10.0, 2.0], (700.0, 36_000.0), 0.79, 660);
    assert!(watch::impacts(&incident, std::slice::from_ref(&second), at(660), false).is_empty(), "too soon");
    assert_eq!(watch::impacts(&incident, std::slice::from_ref(&second), at(660), true).len(), 1, "its end");
    assert_eq!(watch::impacts(&incident, &[second], at(900), false).len(), 1);
    // After more than the longest window, what was spent only grows.
    let late = reading([0.0, 0.0, 0.0, 1.0], (0.0, 36_000.0), 0.7, 30_000);
    let noticed = watch::impacts(&incident, &[late], at(30_000), false);
    let Deed::Impact(impact) = &noticed[0].deed else { panic!() };
    assert!(impact.spent.unwrap() >= 20.0 * 1_800.0 / 2_592_000.0);
}

#[test]
fn the_header_reminds_of_what_is_so_now() {
    let (mut incident, mut pen) = begun();
    let outbox = Outbox::new("w1".into(), false);
    let kinds = |incident: &Incident, review: Option<&(Severity, String)>, now| {
        let standings: Vec<_> = outbox.standings(incident, at(now)).into_iter().map(|(_, standing)| standing).collect();
        let all = nudges(incident, &standings, review, at(now));
        all.into_iter().map(|nudge| (nudge.kind, nudge.urgent, nudge.text)).collect::<Vec<_>>()
    };
    assert_eq!(clock(&incident, at(723)), "SEV2 triage 12m 03s");
    assert_eq!(update::due(&incident), Some(at(1_800)), "SEV2: twice as often");
    assert_eq!(kinds(&incident, None, 0), [(NudgeKind::Role, true, "nobody is Incident Commander".to_owned())]);
    let role = Deed::Role { role: crate::domain::incident::Role::Commander, who: Some("alice".into()) };
    incident.insert(pen.entry(at(1), role));
    assert_eq!(kinds(&incident, None, 1_560)[0].2, "update due in 4m");
    assert_eq!(kinds(&incident, None, 2_000)[0], (NudgeKind::Update, true, "update overdue by 3m".to_owned()));
    incident.insert(pen.entry(at(2_000), Deed::Update { text: "u".into(), next: Some(600) }));
    assert_eq!(update::due(&incident), Some(at(2_600)));
    let worse = (Severity::Sev1, "burn".to_owned());
    assert_eq!(kinds(&incident, Some(&worse), 2_010)[0], (NudgeKind::Severity, true, "SEV1? burn".to_owned()));
    // A decision by hand answers it, until something new fires.
    incident.insert(pen.entry(at(2_011), Deed::Severity { to: Severity::Sev3, reason: None }));
    let asked = |incident: &Incident, now| {
        kinds(incident, Some(&worse), now).into_iter().any(|(kind, ..)| kind == NudgeKind::Severity)
    };
    assert!(!asked(&incident, 2_012));
    let fires = |firing| Deed::Alert { alert: "A".into(), subject: "s".into(), firing };
    incident.insert(pen.entry(at(2_020), fires(true)));
    assert!(asked(&incident, 2_021));
    incident.insert(pen.entry(at(2_030), fires(false)));
    let moves = |incident: &Incident, now| {
        kinds(incident, None, now).into_iter().find(|(kind, ..)| *kind == NudgeKind::Status).map(|(.., text)| text)
    };
    assert_eq!(moves(&incident, 2_100), None, "not yet");
    assert_eq!(moves(&incident, 2_400).as_deref(), Some("alerts quiet for 6m: monitoring?"));
    incident.insert(pen.entry(at(2_410), Deed::Status { to: Status::Resolved, from: None, reason: None }));
    assert!(kinds(&incident, Some(&worse), 9_999).is_empty());
    assert_eq!(update::due(&incident), None);
}

#[test]
fn an_alert_of_another_workload_is_none_of_ours() {
    let (incident, _) = begun();
    let with = |labels: &[(&str, &str)]| {
        let mut one = alert("HighErrorRate", alert::Severity::Critical, at(-90));
        one.labels.retain(|name, _| **name != *"service");
        one.labels.extend(labels.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        one
    };
    assert!(watch::concerns(&incident, &with(&[])), "it was declared for that");
    assert!(watch::concerns(&incident, &with(&[("job", "kube-state-metrics")])), "what was scraped says nothing");
    assert!(watch::concerns(&incident, &with(&[("pod", "payment-5c9f-x7k2")])));
    for other in [("pod", "frontend-5c9f-x7k2"), ("deployment", "frontend"), ("service", "frontend")] {
        assert!(!watch::concerns(&incident, &with(&[other])), "{other:?}");
    }
}

#[test]
fn an_alert_that_fires_again_counts_though_the_clock_is_behind() {
    let (mut incident, mut pen) = begun();
    let firing = [alert("HighErrorRate", alert::Severity::Critical, at(-90))];
    take(watch::alerts(&incident, &firing, at(3_600)), &mut incident, &mut pen, 3_600);
    take(watch::alerts(&incident, &[], at(3_660)), &mut incident, &mut pen, 3_660);
    // The clock went back by an hour.
    take(watch::alerts(&incident, &firing, at(60)), &mut incident, &mut pen, 60);
    assert!(incident.alert("HighErrorRate", "payment").unwrap().firing);
    assert!(watch::alerts(&incident, &firing, at(80)).is_empty(), "once");
}

#[test]
fn an_action_that_ends_after_the_incident_is_told() {
    let (mut incident, mut pen) = begun();
    let record = |id: &str, at: &str| {
        json!({"seq": 1, "kind": "intent", "id": id, "at": at, "user": "alice", "context": "prod-eu",
            "namespace": "shop", "action": "rollback", "target": "deployment/payment"})
    };
    let intent = record("a1", "2026-11-21T14:01:00Z");
    let begun = audit::entries([intent.clone()]).remove(0);
    take(watch::action(&incident, &begun), &mut incident, &mut pen, 60);
    incident.insert(pen.entry(at(90), Deed::Status { to: Status::Resolved, from: None, reason: None }));
    let outcome = json!({"seq": 2, "kind": "outcome", "id": "a1", "end": "done", "duration_ms": 52_000});
    let ended = audit::entries([intent, outcome]).remove(0);
    assert_eq!(take(watch::action(&incident, &ended), &mut incident, &mut pen, 112), 1);
    let later = audit::entries([record("a2", "2026-11-21T15:00:00Z")]).remove(0);
    assert!(watch::action(&incident, &later).is_empty(), "that was afterwards");
}

#[test]
fn the_last_reading_is_taken_once_after_the_end_and_long_incidents_count_what_burns_now() {
    let (mut incident, mut pen) = begun();
    let first = reading([30.0, 30.0, 30.0, 2.0], (1_080.0, 36_000.0), 0.8, 3_600);
    take(watch::impacts(&incident, &[first], at(3_600), false), &mut incident, &mut pen, 3_600);
    // It burns no more: the hour's pace would add 90.
    let second = reading([0.0, 12.0, 25.0, 2.0], (900.0, 36_000.0), 0.8, 3_901);
    take(watch::impacts(&incident, &[second], at(3_901), false), &mut incident, &mut pen, 3_901);
    assert_eq!(incident.impacts().next().unwrap().1.bad, Some(1_080.0));
    incident.insert(pen.entry(at(4_000), Deed::Status { to: Status::Resolved, from: None, reason: None }));
    assert!(watch::is_ending(&incident, at(4_010)));
    let last = [reading([1.0, 12.0, 25.0, 2.0], (900.0, 36_000.0), 0.75, 4_010)];
    assert_eq!(take(watch::impacts(&incident, &last, at(4_010), false), &mut incident, &mut pen, 4_010), 1);
    let more = [reading([2.0, 12.0, 25.0, 2.0], (900.0, 36_000.0), 0.7, 4_020)];
    assert!(watch::impacts(&incident, &more, at(4_020), false).is_empty(), "once");
    assert!(!watch::is_ending(&incident, at(9_000)));
}

#[test]
fn after_it_was_opened_again_updates_are_due_from_there_and_what_nobody_sends_is_named() {
    let (mut incident, mut pen) = begun();
    let status = |to| Deed::Status { to, from: None, reason: None };
    incident.insert(pen.entry(at(10), Deed::Update { text: "u".into(), next: Some(600) }));
    incident.insert(pen.entry(at(100), status(Status::Resolved)));
    incident.insert(pen.entry(at(50_000), status(Status::Mitigating)));
    assert_eq!(update::due(&incident), Some(at(51_800)));
    let what = crate::domain::incident::delivery::What::Post { text: "x".into() };
    incident.insert(pen.entry(at(50_000), crate::incident::plan::planned("k", &"chat".into(), what, Vec::new())));
    let outbox = Outbox::new("w2".into(), false);
    let said = |now| {
        let standings: Vec<_> =
            outbox.standings(&incident, at(now)).into_iter().map(|(_, standing)| standing).collect();
        let first = nudges(&incident, &standings, None, at(now)).remove(0);
        (first.kind, first.text)
    };
    assert_ne!(said(50_060).0, NudgeKind::Outbox, "it may be on its way");
    assert_eq!(said(50_600), (NudgeKind::Outbox, "1 of another console not sent for 10m: take over?".to_owned()));
}
