//! The console's office: a task that takes what the console asks for in its order, and does its own work in between.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::office::{Ground, Office, OfficeError};
use super::paper::Papers;
use crate::domain::incident::IncidentId;
use crate::runtime::wiring::Launch;
use crate::state::incident::{IncidentEffect, IncidentNews};
use crate::state::message::Message;

/// Who leaves waits so long for what is under way; what is not back by then is looked for by the next console.
pub const LEAVING: Duration = Duration::from_secs(5);

/// One thing to do.
#[derive(Debug)]
enum Order {
    /// Another context.
    Adopt(Box<Ground>),
    /// For the console.
    Do(IncidentEffect),
    /// The console ends.
    Close(oneshot::Sender<()>),
}

/// Takes orders, and does them in their order.
#[derive(Debug)]
pub struct Clerk {
    orders: mpsc::UnboundedSender<Order>,
    _tasks: JoinSet<()>,
}

impl Clerk {
    /// Begins to wait for orders.
    pub fn new(launch: &Arc<Launch>, messages: mpsc::Sender<Message>) -> Self {
        let (orders, mut inbox) = mpsc::unbounded_channel();
        let home = launch.incidents.clone();
        let (clock, user, launch) = (launch.clock, launch.person(), launch.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (mut office, mut news) = Office::new(home.store, clock, user);
            let papers = Papers { post_mortems: home.post_mortems };
            let mut mail = JoinSet::new();
            mail.spawn(async move {
                while let Some(news) = news.recv().await {
                    let _ = messages.send(Message::Incident(news)).await;
                }
            });
            loop {
                // What the console asks for goes before what comes by itself; both end what they began.
                let order = tokio::select! {
                    biased;
                    order = inbox.recv() => order,
                    event = office.wait() => {
                        office.handle(event).await;
                        continue;
                    }
                };
                match order {
                    None => return,
                    Some(Order::Adopt(ground)) => office.adopt(*ground),
                    Some(Order::Do(effect)) => take(&mut office, &papers, &launch, effect).await,
                    Some(Order::Close(done)) => {
                        office.close(LEAVING).await;
                        let _ = done.send(());
                        return;
                    }
                }
            }
        });
        Self { orders, _tasks: tasks }
    }

    /// From now on incidents are of this context.
    pub fn adopt(&self, ground: Ground) {
        // The task ends only with this, or when it was closed.
        let _ = self.orders.send(Order::Adopt(Box::new(ground)));
    }

    /// Something to do.
    pub fn order(&self, effect: IncidentEffect) {
        let _ = self.orders.send(Order::Do(effect));
    }

    /// Ends it: waits a bounded moment for what is under way.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Close(done)).is_ok() {
            let _ = timeout(LEAVING + Duration::from_secs(1), closed).await;
        }
    }
}

async fn take(office: &mut Office, papers: &Papers, launch: &Launch, effect: IncidentEffect) {
    let (id, done): (IncidentId, Result<(), OfficeError>) = match effect {
        IncidentEffect::Look => {
            if let Err(error) = office.look().await {
                office.tell(IncidentNews::Remark(error.to_string()));
            }
            drop(office.tidy());
            return;
        }
        IncidentEffect::Begin { id, deeds } => {
            let done = office.begin(&id, deeds).await;
            (id, done)
        }
        IncidentEffect::Do { id, command } => {
            let done = office.perform(&id, command).await;
            (id, done)
        }
        IncidentEffect::Merge { from, into } => {
            let done = office.merge(&from, &into).await;
            (from, done)
        }
        IncidentEffect::Notice { id, noticed } => {
            let done = office.notice(&id, noticed).await;
            (id, done)
        }
        IncidentEffect::Open(id) => {
            let done = office.open(&id).await;
            (id, done)
        }
        IncidentEffect::Lately => return office.lately(),
        IncidentEffect::TakeInActions => return office.take_in_actions(launch.journal.clone()).await,
        IncidentEffect::ViewChannel(id) => return office.view_channel(&id),
        IncidentEffect::AskPaging => return office.ask_paging(),
        IncidentEffect::FindRunbook(asked) => {
            let (places, settings) = (launch.runbooks.places.clone(), launch.config.settings.runbooks.clone());
            return office.find_runbook(places, settings, asked);
        }
        IncidentEffect::PostMortem(id) => {
            let written = papers.post_mortem(office, &id).await;
            return office.tell(IncidentNews::PostMortem { id, written });
        }
        IncidentEffect::Export { id, file } => {
            let written = papers.export(office, &id, file).await;
            return office.tell(IncidentNews::Exported { id, written });
        }
    };
    if let Err(error) = done {
        office.tell(IncidentNews::Refused { id, why: error.to_string() });
    }
}
