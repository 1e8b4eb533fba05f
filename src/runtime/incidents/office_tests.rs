//! The office against services of the test's own: what is sent when, once, and by whom.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::office::{Ground, MANY_WRITERS, Office};
use super::services::{IncidentServices, Shared};
use super::store::IncidentStore;
use crate::config::Config;
use crate::domain::Text;
use crate::domain::incident::delivery::{Again, Delivery, Receipt, What};
use crate::domain::incident::entry::{Declared, Deed, Entry};
use crate::domain::incident::{IncidentId, Severity, Visibility};
use crate::incident::clearance::{Cleared, Courier};
use crate::incident::command::Command;
use crate::incident::outbox::Standing;
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ChannelView, Chat, ChatLimits, ChatMessage, DeliveryError, Service, ServiceCheck};
use crate::runtime::clock::Clock;
use crate::state::incident::IncidentNews;

pub(super) fn id() -> IncidentId {
    super::tests::id()
}

/// What the chat does with the next delivery.
#[derive(Clone, Debug)]
enum Turn {
    /// Fails.
    Fails(Again),
    /// Does it, and never answers.
    Hangs,
}

/// A chat that writes down what it did.
#[derive(Default)]
pub(super) struct FakeChat {
    /// Where the journal is: `sending` has to be in it before anything comes here.
    root: PathBuf,
    /// Key and doubt of each delivery that came.
    came: Mutex<Vec<(String, bool)>>,
    /// Marks of what is there.
    done: Mutex<Vec<String>>,
    turns: Mutex<BTreeMap<String, VecDeque<Turn>>>,
    messages: Mutex<Vec<ChatMessage>>,
}

impl FakeChat {
    pub(super) fn keys(&self) -> Vec<String> {
        self.came.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }

    fn then(&self, key: &str, turns: &[Turn]) {
        self.turns.lock().unwrap().insert(key.into(), turns.iter().cloned().collect());
    }
}

impl Service for FakeChat {
    fn name(&self) -> &'static str {
        "chat"
    }
    fn product(&self) -> &'static str {
        "Fake"
    }
    fn origin(&self) -> &'static str {
        "here"
    }
    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(async { Vec::new() })
    }
}

impl Chat for FakeChat {
    fn limits(&self) -> ChatLimits {
        ChatLimits { name: 80, topic: 250, message: 4_000 }
    }
    fn has_channels(&self) -> bool {
        true
    }
    fn channel_name(&self, wanted: &str) -> Result<String, String> {
        Ok(wanted.into())
    }
    fn view<'a>(&'a self, _: &'a str) -> Future<'a, Result<ChannelView, Fault>> {
        Box::pin(async {
            Ok(ChannelView { messages: self.messages.lock().unwrap().clone(), ..ChannelView::default() })
        })
    }
}

impl Courier for FakeChat {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move {
            let key = cleared.delivery().key.to_string();
            let journal = std::fs::read_to_string(self.root.join(id().as_str()).join("journal.jsonl")).unwrap();
            let sending = format!("\"kind\":\"sending\",\"key\":\"{key}\"");
            assert!(journal.lines().any(|line| line.contains(&sending)), "{key} came before it was on disk");
            self.came.lock().unwrap().push((key.clone(), cleared.doubt()));
            let there = self.done.lock().unwrap().contains(&cleared.mark());
            if cleared.doubt() && there {
                return Ok(Receipt { id: Some(key), ..Receipt::default() });
            }
            let turn = self.turns.lock().unwrap().get_mut(&key).and_then(VecDeque::pop_front);
            match turn {
                Some(Turn::Fails(again)) => Err(DeliveryError { fault: Fault::new(FaultKind::Server, "no"), again }),
                Some(Turn::Hangs) => {
                    self.done.lock().unwrap().push(cleared.mark());
                    std::future::pending().await
                }
                None => {
                    self.done.lock().unwrap().push(cleared.mark());
                    Ok(Receipt { id: Some(key), ..Receipt::default() })
                }
            }
        })
    }
}

fn config() -> crate::config::incidents::Incidents {
    Config::built_in().unwrap().settings.incidents
}

pub(super) fn ground(chat: &Arc<FakeChat>, shared: Option<Shared>) -> Ground {
    let mut services = IncidentServices::default();
    services.shared = shared;
    services.chat(chat.clone(), chat.clone());
    Ground { context: "prod".into(), config: config(), services, read_only: None }
}

/// A user's machine: its disk outlives every console.
pub(super) struct Machine {
    pub(super) home: tempfile::TempDir,
    pub(super) chat: Arc<FakeChat>,
}

impl Machine {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let chat = Arc::new(FakeChat { root: home.path().to_owned(), ..FakeChat::default() });
        Self { home, chat }
    }

    /// A console, as a process of its own.
    fn console(&self) -> Office {
        self.console_of(ground(&self.chat, None))
    }

    /// A console that is listened to.
    pub(super) fn heard(&self, ground: Ground) -> (Office, UnboundedReceiver<IncidentNews>) {
        let clock = Clock::shifted(super::tests::now(), 1.0);
        let (mut office, news) = Office::new(IncidentStore::new(self.home.path().to_owned()), clock, "alice".into());
        office.adopt(ground);
        (office, news)
    }

    pub(super) fn console_of(&self, ground: Ground) -> Office {
        self.console_at(ground, super::tests::now())
    }

    fn console_at(&self, ground: Ground, now: crate::domain::time::Instant) -> Office {
        let clock = Clock::shifted(now, 1.0);
        let (mut office, news) = Office::new(IncidentStore::new(self.home.path().to_owned()), clock, "alice".into());
        drop(news);
        office.adopt(ground);
        office
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        IncidentStore::new(self.home.path().to_owned()).read(&id()).unwrap().entries
    }
}

pub(super) fn declared() -> Vec<Deed> {
    let declared = Declared {
        id: id(),
        title: "Payments fail".into(),
        severity: Severity::Sev2,
        service: "payment".into(),
        workload: None,
        context: "prod".into(),
        visibility: Visibility::Public,
        detected: None,
        alerts: Vec::new(),
        burn: None,
        suspect: None,
        runbook: None,
        proposed: None,
        update_every: 3600,
        update_fixed: false,
        demo: false,
    };
    let plan = |key: &str, what: What, after: &[&str]| {
        let after = after.iter().map(|key| Text::from(*key)).collect();
        Deed::Planned(Delivery { key: key.into(), service: "chat".into(), what, after })
    };
    let open = What::OpenChannel { name: "inc".into(), private: false, purpose: String::new() };
    vec![
        Deed::Declared(Box::new(declared)),
        plan("channel", open, &[]),
        plan("invite:bob", What::Invite { who: "bob".into() }, &["channel"]),
        plan("first-message", What::Post { text: "hello".into() }, &["channel"]),
        plan("pin", What::Pin { message: "first-message".into() }, &["channel", "first-message"]),
    ]
}

/// Lets it work for so long of its own time.
pub(super) async fn work(office: &mut Office, time: Duration) {
    let _ = timeout(time, async {
        loop {
            let event = office.wait().await;
            office.handle(event).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_planned_is_sent_once_each_after_it_is_on_disk() {
    let machine = Machine::new();
    let mut office = machine.console();
    office.begin(&id(), declared()).await.unwrap();
    office.settle(Duration::from_secs(10)).await;
    assert_eq!(machine.chat.keys(), ["channel", "invite:bob", "first-message", "pin"]);
    assert!(!office.is_busy());
    let incident = office.incident(&id()).unwrap();
    assert_eq!(incident.waiting().count(), 0);
    assert_eq!(incident.channel().unwrap().id, Some("channel"));
    office.perform(&id(), Command::Update { text: "better".into(), next: None }).await.unwrap();
    office.settle(Duration::from_secs(10)).await;
    assert_eq!(machine.chat.keys().len(), 5);
    let refused = office.perform(&id(), Command::Note(" ".into())).await.unwrap_err();
    assert!(refused.to_string().contains("some words"), "{refused}");
    assert!(office.begin(&id(), declared()).await.is_err(), "its id is taken");
    // Who comes later finds it, and sends nothing again.
    let mut later = machine.console();
    later.look().await.unwrap();
    work(&mut later, Duration::from_secs(60)).await;
    assert_eq!(later.ids(), [id()]);
    assert_eq!(machine.chat.keys().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_in_time_or_when_a_person_says_so_and_the_rest_goes_on() {
    let machine = Machine::new();
    machine.chat.then("channel", &[Turn::Fails(Again::In(30)), Turn::Fails(Again::In(1))]);
    machine.chat.then("invite:bob", &[Turn::Fails(Again::Ask)]);
    let mut office = machine.console();
    office.begin(&id(), declared()).await.unwrap();
    work(&mut office, Duration::from_secs(29)).await;
    assert_eq!(machine.chat.keys(), ["channel"]);
    assert!(matches!(office.standings(&id())[0].1, Standing::Later(_)));
    work(&mut office, Duration::from_secs(60)).await;
    let keys = machine.chat.keys();
    assert_eq!(keys[..3], ["channel"; 3]);
    assert_eq!(keys[3..], ["invite:bob", "first-message", "pin"]);
    let (_, standing) = office.standings(&id())[1].clone();
    assert!(matches!(standing, Standing::Asks(..)), "{standing:?}");
    office.perform(&id(), Command::Retry("invite:bob".into())).await.unwrap();
    office.settle(Duration::from_secs(10)).await;
    assert_eq!(office.incident(&id()).unwrap().waiting().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_console_that_dies_in_the_middle_is_taken_over_and_what_arrived_is_not_sent_again() {
    for dies_at in ["channel", "invite:bob", "first-message", "pin"] {
        let machine = Machine::new();
        machine.chat.then(dies_at, &[Turn::Hangs]);
        let mut first = machine.console();
        first.begin(&id(), declared()).await.unwrap();
        let mut second = machine.console();
        second.look().await.unwrap();
        work(&mut first, Duration::from_secs(20)).await;
        work(&mut second, Duration::from_secs(20)).await;
        let before = machine.chat.keys().len();
        assert_eq!(machine.chat.keys().last().unwrap(), dies_at, "the other one runs: it is not taken over");
        drop(first);
        work(&mut second, Duration::from_secs(30)).await;
        let came = machine.chat.came.lock().unwrap().clone();
        assert_eq!(came[before], (dies_at.to_owned(), true), "looked for first");
        let mut done = machine.chat.done.lock().unwrap().clone();
        assert_eq!(done.len(), 4, "{done:?}");
        done.dedup();
        assert_eq!(done.len(), 4, "each once");
        assert_eq!(second.incident(&id()).unwrap().waiting().count(), 0);
        let taken = machine.entries().iter().filter(|entry| matches!(entry.deed, Deed::Taken { .. })).count();
        assert_eq!(taken, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn two_consoles_that_find_what_a_third_left_do_not_both_send_it() {
    let machine = Machine::new();
    machine.chat.then("channel", &[Turn::Fails(Again::Ask)]);
    let mut first = machine.console();
    first.begin(&id(), declared()).await.unwrap();
    first.settle(Duration::from_secs(5)).await;
    drop(first);
    let (mut one, mut other) = (machine.console(), machine.console());
    let (looked, also) = tokio::join!(one.look(), other.look());
    looked.and(also).unwrap();
    work(&mut one, Duration::from_secs(1)).await;
    work(&mut other, Duration::from_secs(1)).await;
    let taken = machine.entries().iter().filter(|entry| matches!(entry.deed, Deed::Taken { .. })).count();
    assert_eq!(taken, 1, "by one of them");
    for office in [&mut one, &mut other] {
        let _ = office.perform(&id(), Command::Retry("channel".into())).await;
        office.settle(Duration::from_secs(5)).await;
    }
    let channels = machine.chat.keys().iter().filter(|key| *key == "channel").count();
    assert_eq!(channels, 2, "the one that failed, and one more");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_waits_for_what_is_under_way_but_not_for_ever() {
    let machine = Machine::new();
    machine.chat.then("channel", &[Turn::Hangs]);
    let mut office = machine.console();
    office.begin(&id(), declared()).await.unwrap();
    let before = tokio::time::Instant::now();
    office.close(Duration::from_secs(5)).await;
    assert_eq!(before.elapsed().as_secs(), 5);
    assert_eq!(machine.chat.keys(), ["channel"], "nothing new is begun");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_behind_is_told_of_once() {
    let machine = Machine::new();
    machine.console().begin(&id(), declared()).await.unwrap();
    let late = super::tests::now() - chrono::TimeDelta::minutes(90);
    let mut behind = machine.console_at(ground(&machine.chat, None), late);
    behind.open(&id()).await.unwrap();
    for text in ["one", "two"] {
        behind.perform(&id(), Command::Note(text.into())).await.unwrap();
    }
    let told: Vec<String> = machine
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.deed {
            Deed::Note { text } | Deed::Remark { text } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!((told.len(), told[0].as_str(), told[2].as_str()), (3, "one", "two"), "{told:?}");
    assert!(told[1].starts_with("the clock here is 1h 30m behind"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_read_only_console_reads_and_writes_nothing() {
    let machine = Machine::new();
    let mut office = machine.console();
    machine.chat.then("channel", &[Turn::Fails(Again::In(5))]);
    office.begin(&id(), declared()).await.unwrap();
    office.settle(Duration::from_secs(5)).await;
    drop(office);
    let before = machine.entries();
    let read_only = Ground { read_only: Some("--read-only".into()), ..ground(&machine.chat, None) };
    let mut office = machine.console_of(read_only);
    office.look().await.unwrap();
    let refused = office.perform(&id(), Command::Note("x".into())).await.unwrap_err();
    assert!(refused.to_string().contains("read-only"), "{refused}");
    assert!(office.begin(&"other".parse().unwrap(), declared()).await.is_err());
    work(&mut office, Duration::from_secs(60)).await;
    assert_eq!(office.incident(&id()).unwrap().title(), "Payments fail");
    // A post-mortem is a file of this machine: it is written, and it is said that the incident does not know of it.
    let papers = super::paper::Papers { post_mortems: Some(machine.home.path().join("papers")) };
    let (path, remarks) = papers.post_mortem(&mut office, &id()).await.unwrap();
    assert!(path.is_file() && remarks.iter().any(|remark| remark.contains("not recorded")), "{remarks:?}");
    assert_eq!(machine.entries(), before);
    assert_eq!(machine.chat.keys(), ["channel"]);
}

#[tokio::test(start_paused = true)]
async fn marked_messages_come_into_the_timeline_once_and_our_own_do_not() {
    let machine = Machine::new();
    let message = |id: &str, marked| ChatMessage {
        id: id.into(),
        at: super::tests::now(),
        author: "bob".into(),
        text: format!("text of {id}"),
        marked,
        link: None,
    };
    let mut office = machine.console();
    office.begin(&id(), declared()).await.unwrap();
    *machine.chat.messages.lock().unwrap() =
        vec![message("m1", true), message("m2", false), message("first-message", true)];
    work(&mut office, Duration::from_secs(90)).await;
    let pulled = |machine: &Machine| {
        let entries = machine.entries();
        let of = |entry: &Entry| if let Deed::Message { id, .. } = &entry.deed { Some(id.clone()) } else { None };
        entries.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(pulled(&machine), ["m1"]);
    machine.chat.messages.lock().unwrap()[1].marked = true;
    work(&mut office, Duration::from_secs(30)).await;
    assert_eq!(pulled(&machine), ["m1", "m2"]);
}

#[tokio::test(start_paused = true)]
async fn what_came_back_and_could_not_be_written_is_written_later_and_not_sent_again() {
    let machine = Machine::new();
    let mut office = machine.console();
    machine.chat.then("channel", &[Turn::Hangs]);
    office.begin(&id(), declared()).await.unwrap();
    let journal = machine.home.path().join(id().as_str()).join("journal.jsonl");
    let aside = machine.home.path().join("aside");
    work(&mut office, Duration::from_secs(60)).await;
    // The answer comes (there is none: in doubt after two minutes) while the journal cannot be written.
    std::fs::rename(&journal, &aside).unwrap();
    std::fs::create_dir(&journal).unwrap();
    work(&mut office, Duration::from_secs(120)).await;
    assert_eq!(machine.chat.keys(), ["channel"]);
    std::fs::remove_dir(&journal).unwrap();
    std::fs::rename(&aside, &journal).unwrap();
    work(&mut office, Duration::from_secs(30)).await;
    assert_eq!(office.incident(&id()).unwrap().waiting().count(), 0);
    assert_eq!(machine.chat.done.lock().unwrap().len(), 4);
    assert_eq!(machine.chat.came.lock().unwrap()[1], ("channel".into(), true));
}

#[tokio::test]
async fn what_many_consoles_that_ended_have_left_is_removed_unless_this_one_only_reads() {
    let machine = Machine::new();
    let store = || IncidentStore::new(machine.home.path().to_owned());
    let writers = || store().writers().gone().unwrap().len();
    for _ in 0..MANY_WRITERS {
        store().own_writer().unwrap();
    }
    let only_reads = Ground { read_only: Some("so configured".into()), ..ground(&machine.chat, None) };
    assert!(machine.console_of(only_reads).tidy().is_none());
    assert_eq!(writers(), MANY_WRITERS);
    machine.console().tidy().unwrap().await.unwrap();
    assert_eq!(writers(), 0);
}
