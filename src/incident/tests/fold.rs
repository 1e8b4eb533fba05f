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
        1 => Deed::Status { to: Status::ALL[usize::from(n) % 4], reason: None },
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
    }
}

#[test]
fn the_four_times_follow_status_and_hand() {
    let (mut incident, mut pen) = begun();
    let mut add = |incident: &mut Incident, seconds, deed| {
        let entry = pen.entry(at(seconds), deed);
        incident.insert(entry);
    };
    let status = |to| Deed::Status { to, reason: None };
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
            pen.entry(at(2), Deed::Absorbed { from: other.clone(), title: "x".into() }),
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
