//! What must not get lost, and what must not get in: entries of an outage, entries in somebody else's name, incidents that
//! are over, contexts with several names, files that people have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc::UnboundedReceiver;

use super::held::Held;
use super::office::{Ground, Office};
use super::office_tests::{Machine, declared, ground, id, work};
use super::paper::Papers;
use super::services::{IncidentServices, Shared};
use super::sharing_tests::{FakeShared, gone};
use super::store::IncidentStore;
use super::tests::{note, now, texts};
use crate::domain::Text;
use crate::domain::incident::delivery::{Delivery, What};
use crate::domain::incident::entry::{Deed, Entry, NewEntry, Stamp};
use crate::domain::incident::{IncidentId, Status};
use crate::incident::Incident;
use crate::incident::command::Command;
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ServiceCheck, SharedJournal, SharedStream, SharedUpdate};
use crate::runtime::clock::Clock;
use crate::state::incident::IncidentNews;

const MOMENT: Duration = Duration::from_secs(2);

fn store(machine: &Machine) -> IncidentStore {
    IncidentStore::new(machine.home.path().to_owned())
}

fn listened(machine: &Machine, ground: Ground) -> (Office, UnboundedReceiver<IncidentNews>) {
    let (mut office, news) = Office::new(store(machine), Clock::shifted(now(), 1.0), "alice".into());
    office.adopt(ground);
    (office, news)
}

fn remarks(news: &mut UnboundedReceiver<IncidentNews>) -> Vec<String> {
    let said = std::iter::from_fn(|| news.try_recv().ok());
    said.filter_map(|news| if let IncidentNews::Remark(text) = news { Some(text) } else { None }).collect()
}

fn stamped(writer: &str, later: i64, deed: Deed) -> Entry {
    let at = now() + chrono::TimeDelta::milliseconds(later);
    Entry { stamp: Stamp::next(at, &writer.into(), None), at, by: "mallory".into(), deed }
}

fn there(shared: &FakeShared) -> Vec<String> {
    let mut stamps: Vec<String> = shared
        .there
        .lock()
        .unwrap()
        .get(&id())
        .map(|entries| entries.iter().map(|entry| entry.stamp.to_string()).collect())
        .unwrap_or_default();
    stamps.sort();
    stamps
}

fn here(machine: &Machine) -> Vec<String> {
    let mut stamps: Vec<String> = machine.entries().iter().map(|entry| entry.stamp.to_string()).collect();
    stamps.sort();
    stamps
}

fn hiccup(shared: &FakeShared) {
    for watcher in shared.watchers.lock().unwrap().drain(..) {
        let _ = watcher.unbounded_send(Err(gone()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_apart_from_the_cluster_reaches_it_also_when_the_incident_is_over() {
    let (shared, machine) = (FakeShared::new(), Machine::new());
    let mut one = machine.console_of(ground(&machine.chat, Some(shared.of())));
    assert!(one.catch_up(MOMENT).await);
    one.begin(&id(), declared()).await.unwrap();
    work(&mut one, MOMENT).await;
    assert_eq!(there(&shared), here(&machine));
    one.perform(&id(), Command::Note("before".into())).await.unwrap();
    drop(one);
    let mut apart = machine.console_of(ground(&machine.chat, None));
    apart.open(&id()).await.unwrap();
    apart.perform(&id(), Command::Status { to: Status::Resolved, reason: None }).await.unwrap();
    apart.settle(MOMENT).await;
    drop(apart);
    assert_ne!(there(&shared), here(&machine));
    let mut back = machine.console_of(ground(&machine.chat, Some(shared.of())));
    assert!(back.catch_up(MOMENT).await);
    assert_eq!(back.is_shared(), Some(false));
    work(&mut back, MOMENT).await;
    assert_eq!(there(&shared), here(&machine), "`resolved` too");
    assert!(back.ids().is_empty(), "nobody here looks at it");
    assert_eq!(back.is_shared(), Some(true));
    // A person wants something of it: that opens it by itself.
    let papers = Papers { post_mortems: None };
    assert!(papers.post_mortem(&mut back, &id()).await.unwrap().0.is_file());
    hiccup(&shared);
    work(&mut back, Duration::from_secs(10)).await;
    assert_eq!(back.ids(), [id()], "it is looked at");
    back.perform(&id(), Command::Reopen { reason: None }).await.unwrap();
    back.perform(&id(), Command::Status { to: Status::Resolved, reason: None }).await.unwrap();
    hiccup(&shared);
    work(&mut back, Duration::from_secs(10)).await;
    assert_eq!(back.ids(), [id()], "who ended it still sees it");
    assert_eq!(there(&shared), here(&machine));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_declared_apart_is_shared_when_it_is_opened_and_not_before_that_is_it_said() {
    let (shared, machine) = (FakeShared::new(), Machine::new());
    let mut apart = machine.console_of(ground(&machine.chat, None));
    apart.begin(&id(), declared()).await.unwrap();
    apart.settle(MOMENT).await;
    drop(apart);
    let mut sync = machine.console_of(ground(&machine.chat, Some(shared.of())));
    assert!(sync.catch_up(MOMENT).await);
    sync.open(&id()).await.unwrap();
    assert_eq!(sync.is_shared(), Some(false));
    sync.settle(MOMENT).await;
    assert_eq!((sync.is_shared(), there(&shared)), (Some(true), here(&machine)));
}

#[tokio::test(start_paused = true)]
async fn nobody_plans_anything_in_the_name_of_a_console_here() {
    let (shared, machine) = (FakeShared::new(), Machine::new());
    let mut gone = machine.console_of(ground(&machine.chat, Some(shared.of())));
    gone.begin(&id(), declared()).await.unwrap();
    gone.settle(MOMENT).await;
    let was = store_writer(&gone);
    drop(gone);
    let (mut alice, mut news) = listened(&machine, ground(&machine.chat, Some(shared.of())));
    let mut beside = machine.console_of(ground(&machine.chat, Some(shared.of())));
    assert!(alice.catch_up(MOMENT).await && beside.catch_up(MOMENT).await);
    alice.perform(&id(), Command::Note("mine".into())).await.unwrap();
    work(&mut alice, MOMENT).await;
    let (mine, sent) = (store_writer(&alice), machine.chat.keys().len());
    let plan = |key: &str| {
        let what = What::Post { text: "everything is lost".into() };
        Deed::Planned(Delivery { key: key.into(), service: "chat".into(), what, after: Vec::new() })
    };
    let forged = [(&*mine, "a"), (&*was, "b"), ("wmallory00", "c")];
    let forged: Vec<Entry> = forged.map(|(writer, key)| stamped(writer, 60_000, plan(key))).into();
    for watcher in shared.watchers.lock().unwrap().iter() {
        let _ = watcher.unbounded_send(Ok(SharedUpdate::Entries(id(), forged.clone())));
    }
    beside.perform(&id(), Command::Note("beside".into())).await.unwrap();
    tokio::join!(work(&mut alice, Duration::from_secs(20)), work(&mut beside, Duration::from_secs(20)));
    assert_eq!(machine.chat.keys().len(), sent, "nothing of it is sent");
    let stamps = here(&machine);
    let known: Vec<bool> = forged.iter().map(|entry| stamps.contains(&entry.stamp.to_string())).collect();
    assert_eq!(known, [false, false, true], "who plans in their own name sends it themselves");
    let said = remarks(&mut news);
    assert_eq!(said.len(), 1, "named once, and nothing that the console beside wrote: {said:?}");
    assert!(said[0].contains("2 of the shared entries") && said[0].contains("never wrote"), "{said:?}");
}

fn store_writer(office: &Office) -> Text {
    office.store().own_writer().unwrap()
}

fn first() -> Vec<NewEntry> {
    declared().into_iter().take(1).map(|deed| NewEntry { at: now(), by: "oncall".into(), deed }).collect()
}

#[test]
fn what_others_wrote_is_written_once_there_is_room_before_anything_of_our_own() {
    let machine = Machine::new();
    let store = store(&machine);
    store.create(&id()).unwrap();
    let (mut held, _) = Held::open(&store, &id(), false).unwrap();
    held.write(now(), first()).unwrap();
    let lock = store.directory(&id()).join("journal.lock");
    let on_disk = || texts(&store.read(&id()).unwrap().entries).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let theirs = |text: &str, later| stamped("wother", later, Deed::Note { text: text.into() });
    for (text, later) in [("a", 10), ("b", 20)] {
        fs::remove_file(&lock).or_else(|_| fs::remove_dir(&lock)).unwrap();
        fs::create_dir(&lock).unwrap();
        let merged = held.merge(&[theirs(text, later)]);
        assert_eq!((texts(&merged.news), merged.error.is_some()), (vec![text], true));
        assert!(!on_disk().contains(&text.to_owned()) && held.write(now(), note("mine")).is_err());
        if text == "a" {
            fs::remove_dir(&lock).unwrap();
            assert!(held.poll().unwrap().is_empty(), "it was told when it came");
            assert_eq!(on_disk(), ["a"]);
        }
    }
    fs::remove_dir(&lock).unwrap();
    held.write(now(), note("mine")).unwrap();
    assert_eq!(on_disk(), ["a", "b", "mine"]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_two_names_has_one_incident_under_both() {
    let (shared, machine) = (FakeShared::new(), Machine::new());
    let named = |context: &str| Ground { context: context.into(), ..ground(&machine.chat, Some(shared.of())) };
    let mut one = machine.console_of(named("prod"));
    one.begin(&id(), declared()).await.unwrap();
    one.settle(MOMENT).await;
    assert!(one.catch_up(MOMENT).await);
    work(&mut one, MOMENT).await;
    drop(one);
    // A look from the other name, which may not write.
    let read_only = Ground { read_only: Some("viewer".into()), ..named("prod-admin") };
    let mut other = machine.console_of(read_only);
    assert!(other.catch_up(MOMENT).await);
    assert_eq!(other.ids(), [id()]);
    for context in ["prod", "prod-admin"] {
        assert_eq!(store(&machine).newest_open(context), Some(id()), "{context}");
    }
    assert_eq!(store(&machine).newest_open("staging"), None);
    // Back again in the same console: it is written and shared as before.
    other.adopt(named("prod"));
    assert!(other.catch_up(MOMENT).await);
    other.perform(&id(), Command::Update { text: "better".into(), next: None }).await.unwrap();
    let sent = machine.chat.keys().len();
    work(&mut other, MOMENT).await;
    assert_eq!(there(&shared), here(&machine));
    assert_eq!(machine.chat.keys().len(), sent.max(5), "and sent");
    // One of another context is only read: its services are not here.
    let mut staging = machine.console_of(named("staging"));
    staging.open(&id()).await.unwrap();
    let refused = staging.perform(&id(), Command::Note("x".into())).await.unwrap_err().to_string();
    assert!(refused.contains("of context prod"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_be_read_hides_no_other_and_appears_when_it_can() {
    let machine = Machine::new();
    let mut first = machine.console_of(ground(&machine.chat, None));
    first.begin(&id(), declared()).await.unwrap();
    first.settle(MOMENT).await;
    let other: IncidentId = "20261121-1500-cart-b2m9".parse().unwrap();
    let mut deeds = declared();
    if let Deed::Declared(declared) = &mut deeds[0] {
        declared.id = other.clone();
    }
    let new = NewEntry { at: now(), by: "oncall".into(), deed: deeds.swap_remove(0) };
    store(&machine).journal(&other).append(now(), vec![new]).unwrap();
    // A link that leads to itself cannot be opened by anybody.
    let lock = store(&machine).directory(&other).join("journal.lock");
    fs::remove_file(&lock).unwrap();
    symlink(&lock, &lock).unwrap();
    let (mut office, mut news) = listened(&machine, ground(&machine.chat, None));
    office.look().await.unwrap();
    work(&mut office, MOMENT).await;
    assert_eq!(office.ids(), [id()]);
    let said = remarks(&mut news);
    assert!(said.len() == 1 && said[0].contains(other.as_str()), "told once: {said:?}");
    fs::remove_file(&lock).unwrap();
    work(&mut office, MOMENT).await;
    assert_eq!(office.ids(), [id(), other]);
}

#[tokio::test(start_paused = true)]
async fn a_merge_that_a_crash_cut_in_half_is_completed_by_doing_it_again() {
    let machine = Machine::new();
    let mut office = machine.console_of(ground(&machine.chat, None));
    let into: IncidentId = "20261121-1500-cart-b2m9".parse().unwrap();
    let mut other = declared();
    if let Deed::Declared(declared) = &mut other[0] {
        declared.id = into.clone();
    }
    office.begin(&id(), declared()[..1].to_vec()).await.unwrap();
    office.begin(&into, other[..1].to_vec()).await.unwrap();
    let half = office.by_person(vec![Deed::Merged { into: into.clone() }]);
    office.write(&id(), move |held, now| held.write(now, half)).await.unwrap();
    office.merge(&id(), &into).await.unwrap();
    let absorbed = |office: &Office| {
        let incident: Incident = office.incident(&into).unwrap();
        incident.entries().filter(|entry| matches!(entry.deed, Deed::Absorbed { .. })).count()
    };
    assert_eq!(absorbed(&office), 1);
    let refused = office.merge(&id(), &into).await.unwrap_err().to_string();
    assert!(refused.contains("already"), "{refused}");
    assert_eq!(absorbed(&office), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_console_here_says_which_file_is_the_post_mortem() {
    let machine = Machine::new();
    let mut office = machine.console_of(ground(&machine.chat, None));
    office.begin(&id(), declared()[..1].to_vec()).await.unwrap();
    let precious = machine.home.path().join("precious.md");
    fs::write(&precious, "mine").unwrap();
    let deed = Deed::PostMortem { path: precious.display().to_string() };
    store(&machine).journal(&id()).merge(&[stamped("wmallory00", 5_000, deed)]).unwrap();
    work(&mut office, MOMENT).await;
    assert!(office.incident(&id()).unwrap().post_mortem().is_some());
    let papers = Papers { post_mortems: None };
    let (path, _) = papers.post_mortem(&mut office, &id()).await.unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
    // Where the person has put it: behind a link, readable for the team. Both stay so.
    let kept: PathBuf = machine.home.path().join("kept.md");
    fs::rename(&path, &kept).unwrap();
    symlink(&kept, &path).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o644)).unwrap();
    let before = fs::read_to_string(&kept).unwrap();
    office.perform(&id(), Command::Note("a\u{202e}b\u{1b}[2Jc".into())).await.unwrap();
    assert_eq!(texts(&machine.entries()), ["abc"], "the same text as others read");
    office.perform(&id(), Command::Status { to: Status::Resolved, reason: None }).await.unwrap();
    assert_eq!(papers.post_mortem(&mut office, &id()).await.unwrap().0, path);
    assert_ne!(fs::read_to_string(&kept).unwrap(), before);
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o644);
}

/// A journal that may not be read.
struct Forbidden;

impl SharedJournal for Forbidden {
    fn watch(&self) -> SharedStream {
        let fault = Fault::new(FaultKind::Forbidden, "may not list configmaps").hint("ask for the role");
        Box::pin(futures::stream::iter([Ok(SharedUpdate::Limited(fault))]).chain(futures::stream::pending()))
    }
    fn list(&self) -> Future<'_, Result<Vec<(IncidentId, usize)>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn read<'a>(&'a self, _: &'a IncidentId) -> Future<'a, Result<Vec<Entry>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(async { Vec::new() })
    }
    fn place(&self) -> Text {
        "memory".into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_waited_for_and_known_by_its_own_words() {
    let machine = Machine::new();
    let mut services = IncidentServices::default();
    services.shared = Some(Shared { journal: Arc::new(Forbidden), writer: None });
    let mut office = machine.console_of(Ground { services, ..ground(&machine.chat, None) });
    let before = tokio::time::Instant::now();
    assert!(!office.catch_up(Duration::from_secs(5)).await);
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(office.sharing_fault().unwrap().hint.as_deref(), Some("ask for the role"));
}
