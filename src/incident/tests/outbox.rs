//! Tests of outbox.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Pen, at, begun};
use crate::domain::incident::delivery::{Again, Delivery, DeliveryKey, Receipt, What};
use crate::domain::incident::entry::{Deed, Entry};
use crate::incident::Incident;
use crate::incident::clearance::Cleared;
use crate::incident::outbox::{AUTOMATIC, Outbox, Standing, others};
use crate::incident::parcel::ParcelState;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

fn plan(key: &str, service: &str, what: What, after: &[&str]) -> Deed {
    let after = after.iter().map(|key| DeliveryKey::from(*key)).collect();
    Deed::Planned(Delivery { key: key.into(), service: service.into(), what, after })
}

fn post(key: &str, after: &[&str]) -> Deed {
    plan(key, "chat", What::Post { text: key.to_owned() }, after)
}

fn channel() -> Deed {
    let what = What::OpenChannel { name: "inc".into(), private: false, purpose: String::new() };
    plan("channel", "chat", what, &[])
}

fn failed(again: Again) -> Result<Receipt, DeliveryError> {
    Err(DeliveryError { fault: Fault::new(FaultKind::Unreachable, "no answer"), again })
}

#[allow(clippy::unnecessary_wraps)] // an answer, as `failed` is
fn arrived(id: &str) -> Result<Receipt, DeliveryError> {
    Ok(Receipt { id: Some(id.to_owned()), ..Receipt::default() })
}

/// One delivery, all the way, with what the service answers.
fn send(
    incident: &mut Incident,
    outbox: &mut Outbox,
    pen: &mut Pen,
    key: &str,
    now: i64,
    answer: Result<Receipt, DeliveryError>,
) -> Cleared {
    let key = key.into();
    let deed = outbox.begin(incident, &key, at(now)).unwrap_or_else(|| panic!("{key} is not due"));
    assert!(outbox.clone().recorded(incident, &key).is_none(), "no pass before the record");
    incident.insert(pen.entry(at(now), deed));
    let cleared = outbox.recorded(incident, &key).unwrap();
    assert!(outbox.recorded(incident, &key).is_none(), "one pass only");
    let deed = outbox.came_back(&key, answer).unwrap();
    assert!(!outbox.next(incident, at(now)).contains(&key), "it is under way until its end is on record");
    incident.insert(pen.entry(at(now), deed));
    cleared
}

fn standing(incident: &Incident, outbox: &Outbox, key: &str, now: i64) -> Standing {
    let all = outbox.standings(incident, at(now));
    all.into_iter().find(|(parcel, _)| &*parcel.delivery.key == key).unwrap().1
}

fn with(deeds: impl IntoIterator<Item = Deed>) -> (Incident, Pen, Outbox) {
    let (mut incident, mut pen) = begun();
    for deed in deeds {
        incident.insert(pen.entry(at(0), deed));
    }
    (incident, pen, Outbox::new("w1".into(), false))
}

#[test]
fn a_declare_goes_in_order_and_aims_at_its_channel() {
    let pin = plan("pin", "chat", What::Pin { message: "first".into() }, &["channel", "first"]);
    let page = plan("ack", "pager", What::Acknowledge { page: "P1".into() }, &[]);
    let (mut incident, mut pen, mut outbox) = with([channel(), post("first", &["channel"]), pin, page]);
    assert_eq!(outbox.next(&incident, at(0)), ["channel".into(), "ack".into()], "one for each service");
    send(&mut incident, &mut outbox, &mut pen, "channel", 1, arrived("C1"));
    let cleared = send(&mut incident, &mut outbox, &mut pen, "first", 2, arrived("M1"));
    assert_eq!((cleared.channel(), cleared.doubt()), (Some("C1"), false));
    let cleared = send(&mut incident, &mut outbox, &mut pen, "pin", 3, arrived("x"));
    assert_eq!((cleared.channel(), cleared.message()), (Some("C1"), Some("M1")));
    assert_eq!(outbox.next(&incident, at(4)), ["ack".into()]);
}

#[test]
fn failures_wait_ask_and_look_first() {
    let (mut incident, mut pen, mut outbox) = with([channel(), post("a", &["channel"])]);
    send(&mut incident, &mut outbox, &mut pen, "channel", 0, failed(Again::In(40)));
    assert_eq!(standing(&incident, &outbox, "channel", 1), Standing::Later(at(40)), "the service says when");
    assert_eq!(outbox.wakes(&incident, at(1)), Some(at(40)));
    assert!(matches!(standing(&incident, &outbox, "a", 1), Standing::After(why) if why.contains("no answer")));
    let cleared = send(&mut incident, &mut outbox, &mut pen, "channel", 40, failed(Again::Doubtful));
    assert!(!cleared.doubt(), "it certainly had not arrived");
    assert_eq!(
        standing(&incident, &outbox, "channel", 41),
        Standing::Later(at(44)),
        "the second attempt: four seconds"
    );
    let cleared = send(&mut incident, &mut outbox, &mut pen, "channel", 44, failed(Again::Ask));
    assert!(cleared.doubt());
    assert!(matches!(standing(&incident, &outbox, "channel", 9_999), Standing::Asks(..)));
    incident.insert(pen.entry(at(50), Deed::Retried { key: "channel".into() }));
    let cleared = send(&mut incident, &mut outbox, &mut pen, "channel", 50, arrived("C1"));
    assert!(cleared.doubt(), "what was once in doubt stays so");
    incident.insert(pen.entry(at(60), post("b", &["channel"])));
    assert_eq!(outbox.next(&incident, at(60)), ["a".into()]);
}

#[test]
fn a_person_who_was_asked_may_insist_until_an_attempt_is_in_doubt_again() {
    let (mut incident, mut pen, mut outbox) = with([channel()]);
    let retried = || Deed::Retried { key: "channel".into() };
    let cleared = send(&mut incident, &mut outbox, &mut pen, "channel", 3, failed(Again::Doubtful));
    assert_eq!((cleared.first_attempt(), cleared.insisted()), (Some(at(3)), false));
    incident.insert(pen.entry(at(8), retried()));
    let cleared = send(&mut incident, &mut outbox, &mut pen, "channel", 9, failed(Again::Ask));
    assert_eq!((cleared.first_attempt(), cleared.insisted()), (Some(at(3)), false), "nobody was asked yet");
    incident.insert(pen.entry(at(10), retried()));
    let cleared = send(&mut incident, &mut outbox, &mut pen, "channel", 11, failed(Again::Doubtful));
    assert!(cleared.insisted() && cleared.doubt());
    let cleared = send(&mut incident, &mut outbox, &mut pen, "channel", 400, failed(Again::Doubtful));
    assert!(!cleared.insisted(), "the attempt that they wanted may have arrived, too");
}

#[test]
fn a_post_never_overtakes_one_that_waits_but_passes_one_that_asks() {
    let link = plan("link", "chat", What::Link { title: "t".into(), url: "u".into() }, &[]);
    let (mut incident, mut pen, mut outbox) = with([post("a", &[]), post("b", &[]), link]);
    send(&mut incident, &mut outbox, &mut pen, "a", 0, failed(Again::Doubtful));
    assert_eq!(standing(&incident, &outbox, "b", 1), Standing::Behind);
    assert_eq!(outbox.next(&incident, at(1)), ["link".into()], "the rest goes on");
    send(&mut incident, &mut outbox, &mut pen, "a", 10, failed(Again::Ask));
    assert_eq!(outbox.next(&incident, at(11)), ["b".into()]);
    send(&mut incident, &mut outbox, &mut pen, "b", 11, failed(Again::In(30)));
    assert_eq!(outbox.next(&incident, at(12)), ["link".into()], "only messages want to wait");
    incident.insert(pen.entry(at(12), post("c", &[])));
    assert!(matches!(standing(&incident, &outbox, "c", 12), Standing::Later(_)), "what was said of one holds for all");
    // The clock went back an hour: nothing hangs for that hour.
    assert_eq!(outbox.next(&incident, at(-3_600)), ["b".into()]);
}

#[test]
fn what_was_under_way_in_a_crash_is_looked_for() {
    let (mut incident, mut pen, mut outbox) = with([post("a", &[])]);
    let deed = outbox.begin(&incident, &"a".into(), at(1)).unwrap();
    assert!(outbox.not_recorded(&"a".into()), "the disk was full: nothing was sent");
    assert_eq!(outbox.next(&incident, at(1)), ["a".into()]);
    incident.insert(pen.entry(at(1), deed));
    // A new process: it has nothing but the entries.
    let mut outbox = Outbox::new("w1".into(), false);
    let cleared = send(&mut incident, &mut outbox, &mut pen, "a", 2, arrived("M"));
    assert!(cleared.doubt());
    // Another console sends nothing of it until it takes it over.
    incident.insert(pen.entry(at(3), post("b", &[])));
    let mut second = Outbox::new("w2".into(), false);
    assert!(second.next(&incident, at(3)).is_empty());
    assert_eq!(others(&incident, &"w2".into()), ["w1".into()]);
    let mut theirs = Pen::new("w2", "bob");
    incident.insert(theirs.entry(at(4), Deed::Taken { writer: "w1".into() }));
    assert_eq!(second.next(&incident, at(4)), ["b".into()]);
    assert_eq!(standing(&incident, &outbox, "b", 4), Standing::Elsewhere("w2".into()));
    assert!(outbox.next(&incident, at(4)).is_empty());
}

#[test]
fn a_dropped_channel_leaves_its_messages_visible_and_unsent() {
    let (mut incident, mut pen, mut outbox) = with([channel(), post("a", &["channel"])]);
    incident.insert(pen.entry(at(1), Deed::Dropped { key: "channel".into(), reason: None, with: None }));
    assert!(outbox.next(&incident, at(1)).is_empty());
    assert!(
        matches!(standing(&incident, &outbox, "a", 1), Standing::Stranded(why) if why.contains("open channel inc"))
    );
    // Dropped between the record and the pass: there is no pass, and nothing stays busy.
    incident.insert(pen.entry(at(2), post("b", &[])));
    let deed = outbox.begin(&incident, &"b".into(), at(2)).unwrap();
    incident.insert(pen.entry(at(2), deed));
    incident.insert(pen.entry(at(2), Deed::Dropped { key: "b".into(), reason: None, with: None }));
    assert!(outbox.recorded(&incident, &"b".into()).is_none());
    assert!(!outbox.is_busy());
}

#[test]
fn a_read_only_console_sends_nothing_and_attempts_come_to_an_end() {
    let (mut incident, mut pen, mut outbox) = with([post("a", &[])]);
    let mut reader = Outbox::new("w1".into(), true);
    assert!(reader.next(&incident, at(0)).is_empty());
    assert!(reader.begin(&incident, &"a".into(), at(0)).is_none());
    let mut now = 0;
    for _ in 0..AUTOMATIC {
        send(&mut incident, &mut outbox, &mut pen, "a", now, failed(Again::In(1)));
        let due = outbox.wakes(&incident, at(now));
        now += 300;
        assert!(due.is_none_or(|due| due <= at(now)), "never more than five minutes");
    }
    assert!(matches!(standing(&incident, &outbox, "a", now), Standing::Asks(why, _) if why.contains("60 times")));
    assert!(outbox.next(&incident, at(now)).is_empty());
}

/// A service that remembers what arrived, by mark, and can be looked at.
#[derive(Default)]
struct Server {
    arrived: BTreeMap<String, u32>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever crashes when: a pass has its record, doubt is told, no key is sent twice at once, and in the end each
    /// has arrived once, or says what it waits for.
    #[test]
    fn crashes_lose_nothing_and_double_nothing(choices in proptest::collection::vec(0u8..12, 0..120)) {
        let pin = plan("pin", "chat", What::Pin { message: "a".into() }, &["a"]);
        let page = plan("ack", "pager", What::Acknowledge { page: "P".into() }, &[]);
        let (incident, mut pen, mut outbox) = with([channel(), post("a", &["channel"]), post("b", &["channel"]), pin, page]);
        let mut disk: Vec<Entry> = incident.entries().cloned().collect();
        let mut incident = incident;
        let mut server = Server::default();
        // Passes that were issued and not answered: they die with the process.
        let mut flying: Vec<Cleared> = Vec::new();
        // Keys whose last `sending` on disk has no certain failure after it.
        let mut unsure: BTreeSet<String> = BTreeSet::new();
        let mut now = 0;
        // After the choices, everything goes well: the end has to come.
        for choice in choices.into_iter().chain(std::iter::repeat_n(11, 60)) {
            now += 400;
            let mut record = |incident: &mut Incident, deed: Deed| {
                let entry = pen.entry(at(now), deed);
                disk.push(entry.clone());
                incident.insert(entry);
            };
            if choice == 0 {
                // Killed: what is on disk is all there is.
                incident = Incident::of(disk.clone()).unwrap();
                outbox = Outbox::new("w1".into(), false);
                flying.clear();
                continue;
            }
            for key in outbox.next(&incident, at(now)) {
                let Some(deed) = outbox.begin(&incident, &key, at(now)) else { continue };
                prop_assert!(outbox.clone().recorded(&incident, &key).is_none());
                if choice == 1 {
                    outbox.not_recorded(&key);
                    continue;
                }
                record(&mut incident, deed);
                let was_unsure = !unsure.insert(key.to_string());
                let cleared = outbox.recorded(&incident, &key);
                prop_assert!(cleared.is_some());
                let cleared = cleared.unwrap();
                prop_assert!(cleared.doubt() || !was_unsure, "{key} may have arrived");
                prop_assert!(flying.iter().all(|other| other.delivery().key != key));
                prop_assert!(flying.iter().all(|other| other.delivery().service != cleared.delivery().service));
                flying.push(cleared);
            }
            if choice == 2 {
                continue; // the answer comes later, or never
            }
            for cleared in std::mem::take(&mut flying) {
                let key = cleared.delivery().key.clone();
                let there = server.arrived.contains_key(&cleared.mark());
                let answer = match choice {
                    3 => failed(Again::In(7)),
                    4 => failed(Again::Doubtful),
                    // It arrived, and the answer was lost.
                    5 | 6 => {
                        if !(cleared.doubt() && there) {
                            *server.arrived.entry(cleared.mark()).or_default() += 1;
                        }
                        if choice == 6 {
 continue;
 }
 failed(Again::Doubtful)
                    }
                    _ => {
                        if !(cleared.doubt() && there) {
                            *server.arrived.entry(cleared.mark()).or_default() += 1;
                        }
                        arrived("id")
                    }
                };
                let certain = !matches!(&answer, Err(DeliveryError { again: Again::Doubtful, .. }));
                let deed = outbox.came_back(&key, answer).unwrap();
                record(&mut incident, deed);
                if certain && choice == 3 && !cleared.doubt() {
                    unsure.remove(&*key);
                }
            }
            if choice == 6 {
                // The process hangs on lost answers; it is killed.
                incident = Incident::of(disk.clone()).unwrap();
                outbox = Outbox::new("w1".into(), false);
            }
        }
        for parcel in incident.parcels() {
            prop_assert!(matches!(parcel.state, ParcelState::Sent { .. }), "{parcel:?}");
        }
        prop_assert!(server.arrived.values().all(|times| *times == 1), "{:?}", server.arrived);
        prop_assert_eq!(server.arrived.len(), 5);
    }
}
