//! Two machines that share an incident through a journal of the test's own: within two seconds, through an outage, and
//! merged afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::office::{Ground, Office};
use super::office_tests::{Machine, declared, ground, id, work};
use super::services::Shared;
use crate::domain::Text;
use crate::domain::incident::entry::{Deed, Entry};
use crate::domain::incident::{IncidentId, Status};
use crate::incident::Noticed;
use crate::incident::clearance::{MayShare, SharedWriter};
use crate::incident::command::Command;
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ServiceCheck, SharedJournal, SharedStream, SharedUpdate};
use crate::state::incident::IncidentNews;

type Watcher = futures::channel::mpsc::UnboundedSender<Result<SharedUpdate, Fault>>;

/// ConfigMaps, as far as the office knows them.
pub(super) struct FakeShared {
    pub(super) there: Mutex<BTreeMap<IncidentId, Vec<Entry>>>,
    pub(super) watchers: Mutex<Vec<Watcher>>,
    down: Mutex<bool>,
    /// RBAC lets it be read, and not written.
    forbids: Mutex<bool>,
    /// Uploads that were tried.
    tried: Mutex<usize>,
}

impl FakeShared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            there: Mutex::default(),
            watchers: Mutex::default(),
            down: Mutex::new(false),
            forbids: Mutex::new(false),
            tried: Mutex::new(0),
        })
    }

    pub(super) fn of(self: &Arc<Self>) -> Shared {
        Shared { journal: self.clone(), writer: MayShare::unless(false).map(|pass| (self.clone() as _, pass)) }
    }
}

pub(super) fn gone() -> Fault {
    Fault::new(FaultKind::Unreachable, "the API server is gone")
}

fn forbidden() -> Fault {
    Fault::new(FaultKind::Forbidden, "may not write shared incidents")
}

impl SharedJournal for FakeShared {
    fn watch(&self) -> SharedStream {
        if *self.down.lock().unwrap() {
            return Box::pin(futures::stream::iter([Err(gone())]));
        }
        let (watcher, rest) = futures::channel::mpsc::unbounded();
        self.watchers.lock().unwrap().push(watcher);
        let there: Vec<_> = self.there.lock().unwrap().clone().into_iter().collect();
        let there = there.into_iter().map(|(id, entries)| Ok(SharedUpdate::Entries(id, entries)));
        let limited = self.forbids.lock().unwrap().then(|| Ok(SharedUpdate::Limited(forbidden())));
        let live = std::iter::once(Ok(SharedUpdate::Live));
        Box::pin(futures::stream::iter(there.chain(limited).chain(live).collect::<Vec<_>>()).chain(rest))
    }
    fn list(&self) -> Future<'_, Result<Vec<(IncidentId, usize)>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn read<'a>(&'a self, id: &'a IncidentId) -> Future<'a, Result<Vec<Entry>, Fault>> {
        Box::pin(async { Ok(self.there.lock().unwrap().get(id).cloned().unwrap_or_default()) })
    }
    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(async { Vec::new() })
    }
    fn place(&self) -> Text {
        "memory".into()
    }
}

impl SharedWriter for FakeShared {
    fn append<'a>(
        &'a self,
        _: MayShare,
        incident: &'a IncidentId,
        entries: &'a [Entry],
    ) -> Future<'a, Result<(), Fault>> {
        Box::pin(async {
            *self.tried.lock().unwrap() += 1;
            sleep(Duration::from_millis(10)).await;
            if *self.forbids.lock().unwrap() {
                return Err(forbidden());
            }
            if *self.down.lock().unwrap() {
                return Err(gone());
            }
            let writer = entries[0].stamp.writer();
            assert!(entries.iter().all(|entry| entry.stamp.writer() == writer), "of one writer");
            self.there.lock().unwrap().entry(incident.clone()).or_default().extend(entries.to_vec());
            for watcher in self.watchers.lock().unwrap().iter() {
                let _ = watcher.unbounded_send(Ok(SharedUpdate::Entries(incident.clone(), entries.to_vec())));
            }
            Ok(())
        })
    }
}

fn stamps(machine: &Machine) -> Vec<String> {
    machine.entries().iter().map(|entry| entry.stamp.to_string()).collect()
}

/// Lets both work side by side.
async fn both(one: &mut Office, other: &mut Office, time: Duration) {
    tokio::join!(work(one, time), work(other, time));
}

#[tokio::test(start_paused = true)]
async fn responders_share_an_incident_work_on_through_an_outage_and_merge_afterwards() {
    let shared = FakeShared::new();
    let (here, there) = (Machine::new(), Machine::new());
    let mut one = here.console_of(ground(&here.chat, Some(shared.of())));
    // Another one calls this cluster by another name.
    let mut other = there.console_of(Ground { context: "gke_prod".into(), ..ground(&there.chat, Some(shared.of())) });
    assert!(one.catch_up(Duration::from_secs(1)).await && other.catch_up(Duration::from_secs(1)).await);
    one.begin(&id(), declared()).await.unwrap();
    both(&mut one, &mut other, Duration::from_secs(2)).await;
    assert_eq!(stamps(&here), stamps(&there), "within two seconds");
    assert_eq!(there.chat.keys(), Vec::<String>::new(), "only who planned it sends it");
    assert_eq!(here.chat.keys().len(), 4);
    *shared.down.lock().unwrap() = true;
    for watcher in shared.watchers.lock().unwrap().drain(..) {
        let _ = watcher.unbounded_send(Err(gone()));
    }
    for n in 0..5 {
        one.perform(&id(), Command::Note(format!("here {n}"))).await.unwrap();
        other.perform(&id(), Command::Note(format!("there {n}"))).await.unwrap();
        both(&mut one, &mut other, Duration::from_secs(1)).await;
    }
    assert_ne!(stamps(&here), stamps(&there));
    assert_eq!(one.is_shared(), Some(false));
    *shared.down.lock().unwrap() = false;
    both(&mut one, &mut other, Duration::from_secs(60)).await;
    assert_eq!(stamps(&here), stamps(&there));
    assert_eq!(here.entries(), there.entries());
    assert_eq!((one.is_shared(), other.is_shared()), (Some(true), Some(true)));
    assert_eq!(shared.there.lock().unwrap()[&id()].len(), here.entries().len(), "nothing is uploaded twice");
    // It is found again by the next console there, in its own context, without the cluster.
    drop(other);
    let mut again = there.console_of(Ground { context: "gke_prod".into(), ..ground(&there.chat, None) });
    again.look().await.unwrap();
    assert_eq!(again.ids(), [id()]);
    // Resolved here: who comes later there is told of it, and does not look after it.
    one.perform(&id(), Command::Status { to: Status::Resolved, reason: None }).await.unwrap();
    work(&mut one, Duration::from_secs(5)).await;
    let mut late = there.console_of(Ground { context: "gke_prod".into(), ..ground(&there.chat, Some(shared.of())) });
    assert!(late.catch_up(Duration::from_secs(1)).await);
    assert!(late.ids().is_empty());
    assert_eq!(stamps(&here), stamps(&there), "and has it on disk");
}

/// What the office says of the shared journal, the newest last; everything else is passed over.
fn said(news: &mut UnboundedReceiver<IncidentNews>) -> Vec<Option<String>> {
    let all = std::iter::from_fn(|| news.try_recv().ok());
    let shared = all.filter_map(|news| match news {
        IncidentNews::Shared(fault) => Some(fault.map(|fault| fault.to_string())),
        _ => None,
    });
    shared.collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_viewer_writes_stays_here_is_said_to_and_is_shared_once_the_right_is_given() {
    let shared = FakeShared::new();
    let (here, there) = (Machine::new(), Machine::new());
    let mut one = here.console_of(ground(&here.chat, Some(shared.of())));
    assert!(one.catch_up(Duration::from_secs(1)).await);
    one.begin(&id(), declared()).await.unwrap();
    work(&mut one, Duration::from_secs(5)).await;
    *shared.forbids.lock().unwrap() = true;
    *shared.tried.lock().unwrap() = 0;
    let (mut viewer, mut news) = there.heard(ground(&there.chat, Some(shared.of())));
    assert!(viewer.catch_up(Duration::from_secs(1)).await);
    assert_eq!(stamps(&here), stamps(&there), "who may read it reads it");
    assert_eq!(said(&mut news), [Some("may not write shared incidents".to_owned())], "before anything is written");
    let count = there.entries().len();
    // What consoles notice by themselves, those of the others write down.
    let deed = Deed::Alert { alert: "HighErrorRate".into(), subject: "payment".into(), firing: true };
    let noticed = Noticed { at: viewer.now(), by: "opsdeck".into(), deed };
    viewer.notice(&id(), vec![noticed.clone()]).await.unwrap();
    assert_eq!(there.entries().len(), count);
    // What a person types is kept, and where it is is said.
    for text in ["one", "two"] {
        viewer.perform(&id(), Command::Note(text.into())).await.unwrap();
    }
    work(&mut viewer, Duration::from_secs(120)).await;
    assert_eq!(there.entries().len(), count + 2);
    assert_eq!(stamps(&here).len(), count, "others do not see it");
    let words = said(&mut news);
    let wanted = Some("2 entries are only here: may not write shared incidents".to_owned());
    assert!(!words.is_empty() && words.iter().all(|said| *said == wanted), "{words:?}");
    // After 1, 2, 4, 8, 16, 30, 30 s and so on.
    let tried = *shared.tried.lock().unwrap();
    assert!((6..=9).contains(&tried), "{tried} times in two minutes");
    assert_eq!(viewer.is_shared(), Some(false));
    *shared.forbids.lock().unwrap() = false;
    both(&mut one, &mut viewer, Duration::from_secs(40)).await;
    assert_eq!(stamps(&here), stamps(&there));
    assert_eq!(said(&mut news).last(), Some(&None), "it is in step again");
    viewer.notice(&id(), vec![noticed]).await.unwrap();
    assert_eq!(there.entries().len(), count + 3, "it writes down what it notices, too");
}
