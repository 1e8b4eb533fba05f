//! Tests of fold.

use proptest::prelude::*;

use super::{Pen, at, begun, declared, payment};
use crate::domain::incident::delivery::{Again, Delivery, Receipt, What};
use crate::domain::incident::entry::{Deed, Entry, Impact, Moment};
use crate::domain::incident::{IncidentId, Role, Severity, Status};
use crate::incident::Incident;
use crate::incident::timeline::RowKind;

/// What two consoles may show of an incident.
fn shown(incident: &Incident) -> String {
    let rows: Vec<String> =
        incident.timeline().iter().map(|row| format!("{} {} {}", row.at, row.by, row.text)).collect();
    let times: Vec<_> = Moment::ALL.into_iter().map(|moment| incident.time(moment)).collect();
    let parcels: Vec<_> = incident.parcels().iter().collect();
    let impacts: Vec<_> = incident.impacts().collect();
    format!(
        "{} {} {} {times:?} {parcels:?} {:?} {impacts:?} {:?}\n{}",
        incident.title(),
        incident.severity(),
        incident.status(),
        incident.roles(),
        incident.tasks(),
        rows.join("\n")
    )
}

fn deed(kind: u8, n: u8) -> Deed {
    let key = || format!("k{}", n % 3).into();
    match kind {
        0 => Deed::Note { text: format!("n{n}") },
        1 => Deed::Status {
            to: Status::ALL[usize::from(n) % 4],
            from: Some(Status::ALL[usize::from(n / 4) % 4]),
            reason: None,
        },
        2 => Deed::Severity { to: Severity::ALL[usize::from(n) % 4], reason: None },
        3 => Deed::Role { role: Role::ALL[usize::from(n) % 4], who: (!n.is_multiple_of(3)).then(|| format!("p{n}")) },
        4 => Deed::Alert { alert: format!("a{}", n % 2), subject: "s".into(), firing: n % 4 < 2 },
        5 => Deed::Planned(Delivery { key: key(), service: "c".into(), what: What::Archive, after: Vec::new() }),
        6 => Deed::Sending { key: key(), attempt: u32::from(n) },
        7 => Deed::Sent { key: key(), receipt: Receipt::default() },
        8 => Deed::Unsent { key: key(), why: "w".into(), hint: None, again: Again::Doubtful },
        9 => Deed::Rollout { workload: payment(), change: "c".into(), revision: u64::from(n % 2) },
        10 => Deed::Task { id: format!("t{}", n % 2), text: format!("x{n}"), owner: None, done: n.is_multiple_of(2) },
        11 => Deed::Impact(Impact { slo: "s".into(), spent: Some(f64::from(n)), left: None, bad: None, total: None }),
        12 => Deed::Time { which: Moment::ALL[usize::from(n) % 4], to: at(i64::from(n)) },
        13 => Deed::Taken { writer: "w1".into() },
        _ => Deed::Retitled { title: format!("t{n}") },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn order_and_repetition_alter_nothing(
        deeds in proptest::collection::vec((0u8..15, any::<u8>(), any::<bool>()), 0..30),
        order in proptest::collection::vec(any::<usize>(), 30),
    ) {
        let (mut one, mut other) = (Pen::new("w1", "alice"), Pen::new("w2", "bob"));
        let mut entries = vec![one.entry(at(0), Deed::Declared(Box::new(declared())))];
        for (index, (kind, n, first)) in (0i64..).zip(deeds) {
            let pen = if first { &mut one } else { &mut other };
            entries.push(pen.entry(at(index / 3), deed(kind, n)));
        }
        let whole = Incident::of(entries.clone()).unwrap();
        // One by one, in another order, some of them twice.
        let mut shuffled = entries.clone();
        for (index, with) in order.iter().enumerate().take(entries.len()) {
            shuffled.swap(index, with % entries.len());
        }
        let mut grown = Incident::of([entries[0].clone()]).unwrap();
        for entry in shuffled.iter().chain(&shuffled[..shuffled.len() / 2]) {
            let known = grown.contains(&entry.stamp);
            prop_assert_eq!(grown.insert(entry.clone()), !known);
        }
        prop_assert_eq!(shown(&grown), shown(&whole));
        prop_assert_eq!(grown.len(), entries.len());
        // Several at once, as journals and the cluster tell them: some at the end, some that come late.
        let mut batched = Incident::of([entries[0].clone()]).unwrap();
        let mut rest = &shuffled[..];
        for size in order.iter().cycle().map(|size| size % 7 + 1) {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            let new = batch.iter().filter(|entry| !batched.contains(&entry.stamp)).count();
            prop_assert_eq!(batched.extend(batch.iter().cloned()), new);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(shown(&batched), shown(&whole));
    }
}

#[test]
fn the_four_times_follow_status_and_hand() {
    let (mut incident, mut pen) = begun();
    let mut add = |incident: &mut Incident, seconds, deed| {
        let entry = pen.entry(at(seconds), deed);
        incident.insert(entry);
    };
    let status = |to| Deed::Status { to, from: None, reason: None };
    assert_eq!(incident.time(Moment::Detected), Some(at(0)), "nothing else is known");
    assert_eq!(incident.time(Moment::Acknowledged), Some(at(0)));
    add(&mut incident, 100, status(Status::Mitigating));
    add(&mut incident, 200, status(Status::Monitoring));
    add(&mut incident, 300, status(Status::Resolved));
    assert_eq!(incident.time(Moment::Mitigated), Some(at(200)));
    assert_eq!(incident.time(Moment::Resolved), Some(at(300)));
    assert!(!incident.is_open());
    assert_eq!(incident.clock(at(9_999)).num_seconds(), 300, "the clock stands");
    add(&mut incident, 310, Deed::Time { which: Moment::Mitigated, to: at(150) });
    assert_eq!(incident.time(Moment::Mitigated), Some(at(150)));
    // It was not over: neither time holds, not even the one that was set by hand.
    add(&mut incident, 400, status(Status::Mitigating));
    assert_eq!((incident.time(Moment::Mitigated), incident.time(Moment::Resolved)), (None, None));
    assert_eq!((incident.reopened(), incident.is_open()), (1, true));
    add(&mut incident, 500, status(Status::Resolved));
    assert_eq!(incident.time(Moment::Mitigated), Some(at(500)), "straight to the end");
    add(&mut incident, 510, Deed::Time { which: Moment::Detected, to: at(-60) });
    assert_eq!(incident.clock(at(9_999)).num_seconds(), 560);
}

#[test]
fn what_two_consoles_noticed_is_one_row() {
    let (mut incident, mut one) = begun();
    let mut two = Pen::new("w2", "bob");
    let fires = |firing| Deed::Alert { alert: "HighErrorRate".into(), subject: "payment".into(), firing };
    // Each saw it fire and clear before they saw each other; the second saw all of it a little later.
    let mut entries: Vec<Entry> = Vec::new();
    for (pen, late) in [(&mut one, 0), (&mut two, 2)] {
        for (seconds, seen, deed) in [
            (10, 10, fires(true)),
            (100, 100 + late, fires(false)),
            (50, 101, Deed::Rollout { workload: payment(), change: "2.3.7 → 2.4.0".into(), revision: 42 }),
        ] {
            let written = seen.max(seconds) + late * 60;
            entries.push(Entry { at: at(seen.min(seconds + late)), ..pen.entry(at(written), deed) });
        }
    }
    assert_eq!(incident.extend(entries.clone()), 6);
    assert_eq!(incident.extend(entries), 0);
    let of = |kind| incident.timeline().iter().filter(|row| row.kind == kind).count();
    assert_eq!(
        (of(RowKind::Firing), of(RowKind::Cleared), of(RowKind::Change)),
        (1, 1, 1),
        "{:#?}",
        incident.timeline()
    );
    let order: Vec<_> = incident.timeline().iter().map(|row| row.at).collect();
    assert!(order.is_sorted());
}

#[test]
fn of_two_that_were_merged_into_each_other_the_older_goes_on() {
    let (older, newer) = ("20261121-1359-payment-aaaa", "20261121-1401-payment-bbbb");
    for (own, other, ends) in [(older, newer, false), (newer, older, true)] {
        let mut pen = Pen::new("w1", "alice");
        let mut first = declared();
        first.id = IncidentId::made_of(own);
        let other = IncidentId::made_of(other);
        let incident = Incident::of([
            pen.entry(at(0), Deed::Declared(Box::new(first))),
            pen.entry(at(1), Deed::Merged { into: other.clone() }),
            pen.entry(at(2), absorbed(&other, None)),
        ])
        .unwrap();
        assert_eq!(incident.merged_into().is_some(), ends, "{own}");
    }
}

#[test]
fn an_entry_at_the_end_does_not_fold_everything_again() {
    // Ratios of the same run: twice the entries may cost little more than twice, not four times.
    let cost = |count: i64| {
        let mut fastest = std::time::Duration::MAX;
        for _ in 0..3 {
            let (mut incident, mut pen) = begun();
            let entries: Vec<_> =
                (0..count).map(|n| pen.entry(at(n), Deed::Note { text: format!("note {n}") })).collect();
            #[allow(clippy::disallowed_methods)] // measures, in a test
            let start = std::time::Instant::now();
            for entry in entries {
                assert!(incident.insert(entry));
            }
            fastest = fastest.min(start.elapsed());
            assert_eq!(incident.timeline().len(), incident.len());
        }
        fastest
    };
    let (few, many) = (cost(2_000), cost(16_000));
    assert!(many < few * 24, "2,000 took {few:?}, 16,000 took {many:?}");
}

#[test]
fn nothing_is_an_incident_before_it_is_declared() {
    let mut pen = Pen::new("w1", "alice");
    let note = pen.entry(at(0), Deed::Note { text: "early".into() });
    assert!(Incident::of([note.clone()]).is_none());
    let incident = Incident::of([pen.entry(at(1), Deed::Declared(Box::new(declared()))), note]).unwrap();
    assert_eq!(incident.timeline().len(), 2, "what came before it counts");
}

#[test]
fn a_suspect_that_was_declared_and_seen_is_one() {
    let mut pen = Pen::new("w1", "alice");
    let suspect = "rollout of deployment/payment to revision 42, 11s before HighErrorRate: payment:2.4.0".to_owned();
    let declared = crate::domain::incident::entry::Declared {
        suspect: Some(suspect.clone()),
        detected: Some(at(-60)),
        ..declared()
    };
    let rollout = |revision| Deed::Rollout { workload: payment(), change: "payment:2.4.0".into(), revision };
    let deeds = [Deed::Declared(Box::new(declared)), rollout(42), rollout(4)];
    let entries: Vec<Entry> = deeds.map(|deed| pen.entry(at(-90), deed)).into();
    let incident = Incident::of(entries).unwrap();
    let other = "rollout of deployment/payment to revision 4: payment:2.4.0".to_owned();
    assert_eq!(incident.suspects(), [suspect, other]);
}

fn absorbed(from: &IncidentId, detected: Option<crate::domain::time::Instant>) -> Deed {
    let cart = crate::domain::target::WorkloadRef::new(crate::domain::target::WorkloadKind::Deployment, "shop", "cart");
    let (alerts, workloads) = (vec!["CartSlow".into()], vec![cart]);
    Deed::Absorbed { from: from.clone(), title: "x".into(), detected, alerts, workloads }
}

#[test]
fn a_status_set_without_knowing_the_end_opens_nothing() {
    let (incident, mut one) = begun();
    let mut two = Pen::new("w2", "bob");
    let status = |to, from| Deed::Status { to, from, reason: None };
    let end = one.entry(at(1_800), status(Status::Resolved, Some(Status::Mitigating)));
    let late = two.entry(at(1_860), status(Status::Monitoring, Some(Status::Mitigating)));
    let mut merged = incident.clone();
    merged.extend([late.clone(), end.clone()]);
    assert_eq!((merged.status(), merged.reopened()), (Status::Resolved, 0));
    assert_eq!(merged.time(Moment::Resolved), Some(at(1_800)));
    assert!(merged.timeline().last().unwrap().text.contains("stays so"));
    // Who knew opens it; and what an older version wrote counts as it did.
    merged.insert(two.entry(at(1_900), status(Status::Mitigating, Some(Status::Resolved))));
    assert_eq!((merged.status(), merged.reopened(), merged.reopened_at()), (Status::Mitigating, 1, Some(at(1_900))));
    let mut old = incident;
    let line = r#"{"stamp":"20261121T143100000Z-0000-w2","at":"2026-11-21T14:31:00Z","by":"bob","kind":"status","to":"monitoring","reason":null}"#;
    old.extend([end, serde_json::from_str(line).unwrap()]);
    assert_eq!((old.status(), old.reopened()), (Status::Monitoring, 1));
}

#[test]
fn acknowledged_is_never_before_detected_and_a_slow_clock_is_not_first() {
    let (mut incident, mut pen) = begun();
    // Bob's clock is an hour behind; his entry stands after ours.
    let late = Entry { at: at(-3_540), ..pen.entry(at(60), Deed::Note { text: "x".into() }) };
    incident.insert(late);
    assert_eq!(incident.time(Moment::Acknowledged), Some(at(0)));
    incident.insert(pen.entry(at(70), Deed::Time { which: Moment::Detected, to: at(30) }));
    assert_eq!(incident.time(Moment::Acknowledged), Some(at(30)));
}

#[test]
fn what_was_merged_brings_its_alerts_workloads_and_first_sign() {
    let (mut incident, mut pen) = begun();
    let other = IncidentId::made_of("20261121-1359-cart-aaaa");
    incident.insert(pen.entry(at(10), absorbed(&other, Some(at(-900)))));
    assert_eq!(incident.time(Moment::Detected), Some(at(-900)));
    assert_eq!(incident.alert_names().collect::<Vec<_>>(), ["HighErrorRate", "CartSlow"]);
    assert_eq!(incident.workloads().map(|one| &*one.name).collect::<Vec<_>>(), ["payment", "cart"]);
    let of_cart = r#"{"kind":"absorbed","from":"20261121-1359-cart-bbbb","title":"old"}"#;
    let deed: Deed = serde_json::from_str(of_cart).unwrap();
    incident.insert(pen.entry(at(20), deed));
    assert_eq!(incident.absorbed().len(), 2, "what an older version wrote counts");
}

#[test]
fn failures_of_one_cause_are_one_row() {
    let (mut incident, mut pen) = begun();
    let what = What::Post { text: "x".into() };
    incident.insert(
        pen.entry(at(0), Deed::Planned(Delivery { key: "k".into(), service: "c".into(), what, after: vec![] })),
    );
    for n in 1..=14 {
        incident.insert(pen.entry(at(n * 10), Deed::Sending { key: "k".into(), attempt: 1 }));
        let why = if n == 14 { "forbidden" } else { "no answer" };
        let deed = Deed::Unsent { key: "k".into(), why: why.into(), hint: None, again: Again::In(5) };
        incident.insert(pen.entry(at(n * 10 + 1), deed));
    }
    let rows: Vec<&str> =
        incident.timeline().iter().filter(|row| row.kind == RowKind::Trouble).map(|row| row.text.as_str()).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].ends_with("(×13, last at 14:02:11)"), "{rows:?}");
    let table = |incident: &Incident| {
        let text = crate::incident::post_mortem::draft(incident);
        text.lines().filter(|line| line.starts_with("| 2026-") && line.contains("not sent")).count()
    };
    assert_eq!(table(&incident), 1, "only what stands");
    incident.insert(pen.entry(at(200), Deed::Sending { key: "k".into(), attempt: 15 }));
    incident.insert(pen.entry(at(201), Deed::Sent { key: "k".into(), receipt: Receipt::default() }));
    assert_eq!(table(&incident), 0);
}
