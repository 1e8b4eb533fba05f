//! What the console asks of services and only looks at: what the channel shows, which pages are open, who is on call.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use super::office::{Done, Office};
use super::store::IncidentStore;
use crate::domain::incident::IncidentId;
use crate::incident::Incident;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{OnCall, Page, Paging};
use crate::state::incident::{Brief, IncidentNews};

/// A service gets this long to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Incidents that are over and told of, and how many journals are read for them.
const MOST_OVER: usize = 20;
const MOST_READ: usize = 60;

/// The newest incidents of a context that are over.
fn over_in(store: &IncidentStore, context: &str) -> Vec<Brief> {
    let read = store.ids().into_iter().take(MOST_READ).filter_map(|id| {
        let incident = Incident::of(store.read(&id).ok()?.entries)?;
        let here = store.context_of(&id).unwrap_or_else(|| incident.declared().context.clone());
        Brief::of(&incident).filter(|_| here == context)
    });
    read.take(MOST_OVER).collect()
}

fn late<E>(_: E) -> Fault {
    Fault::new(FaultKind::Timeout, format!("no answer within {} s", PATIENCE.as_secs()))
}

/// Open pages, and who is on call.
pub async fn paging(service: &dyn Paging) -> Result<(Vec<Page>, Vec<OnCall>), Fault> {
    let asked = async { tokio::try_join!(service.pages(), service.on_call()) };
    timeout(PATIENCE, asked).await.map_err(late)?
}

impl Office {
    /// Asks what the channel shows; it is told as news.
    pub(super) fn view_channel(&mut self, id: &IncidentId) {
        let incident = self.incident(id);
        let place = incident.as_ref().and_then(|incident| {
            let channel = incident.channel()?;
            Some((channel.service.clone(), channel.id?.to_owned()))
        });
        let chat = place
            .as_ref()
            .zip(self.cases.get(id))
            .and_then(|((service, _), case)| case.ground.services.chat_of(service));
        let id = id.clone();
        self.jobs.spawn(async move {
            let view = match (place, chat) {
                (Some((_, channel)), Some(chat)) => {
                    timeout(PATIENCE, chat.view(&channel)).await.map_err(late).and_then(|view| view)
                }
                _ => Err(Fault::new(FaultKind::NotConfigured, "it has no channel that could be looked at")),
            };
            Done::News(Box::new(IncidentNews::Channel { id, view }))
        });
    }

    /// Reads which incidents of this context are over; likewise.
    pub(super) fn lately(&mut self) {
        let Some(ground) = self.ground.clone() else { return };
        let store = self.store.clone();
        self.jobs.spawn(async move {
            let read = tokio::task::spawn_blocking(move || over_in(&store, &ground.context)).await;
            Done::News(Box::new(IncidentNews::Lately(read.unwrap_or_default())))
        });
    }

    /// Asks for open pages and who is on call; likewise.
    pub(super) fn ask_paging(&mut self) {
        let services = self.ground.as_ref().map(|ground| ground.services.pagings.clone()).unwrap_or_default();
        self.jobs.spawn(async move {
            let asked = services.iter().map(|service| async { (service.name().into(), paging(&**service).await) });
            Done::News(Box::new(IncidentNews::Paging(join_all(asked).await)))
        });
    }
}
