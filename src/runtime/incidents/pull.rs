//! Messages of the channel that somebody marked, pulled into the timeline: each once, by its id, and a bounded number at
//! a time.

use std::time::Duration;

use tokio::time::timeout;

use super::office::{Done, Office, aside, lock};
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::Deed;
use crate::incident::{Incident, Noticed, SELF};
use crate::ports::incident::ChatMessage;

/// New messages that are taken at a time; the rest comes the next time.
const MOST: usize = 20;
/// The longest text that is taken, in characters.
const LONGEST: usize = 4_000;
/// The chat gets this long to answer.
const PATIENCE: Duration = Duration::from_secs(15);

impl Office {
    /// Begins to look at the channel of an open incident.
    pub(super) fn pull(&mut self, id: &IncidentId) {
        let Some(case) = self.cases.get(id).filter(|case| case.ground.read_only.is_none()) else { return };
        let channel = |incident: &Incident| {
            let channel = incident.channel().filter(|_| incident.is_open())?;
            Some((channel.service.clone(), channel.id?.to_owned()))
        };
        let Some((service, channel)) = lock(&case.held).incident().and_then(channel) else { return };
        let Some(chat) = case.ground.services.chat_of(&service) else { return };
        let (id, held) = (id.clone(), case.held.clone());
        self.jobs.spawn(async move {
            match timeout(PATIENCE, chat.view(&channel)).await {
                Ok(Ok(view)) => {
                    // Aside: somebody may be writing to it just now.
                    let found = aside(&held, move |held| {
                        held.incident().map(|incident| marked(incident, &service, view.messages)).unwrap_or_default()
                    });
                    Done::Pulled(id, found.await.unwrap_or_default())
                }
                // It is asked again soon; that messages cannot be read hinders nothing.
                Ok(Err(fault)) => {
                    tracing::debug!(%id, %fault, "the channel cannot be read");
                    Done::Pulled(id, Vec::new())
                }
                Err(_) => Done::Pulled(id, Vec::new()),
            }
        });
    }
}

/// The marked ones that the timeline lacks. What the incident itself posted is in it anyway.
pub(super) fn marked(incident: &Incident, service: &Text, messages: Vec<ChatMessage>) -> Vec<Noticed> {
    let own = |id: &str| {
        let mut receipts = incident.parcels().iter().filter_map(|parcel| parcel.receipt());
        receipts.any(|receipt| receipt.id.as_deref() == Some(id))
    };
    let fresh = messages
        .into_iter()
        .filter(|message| message.marked && !own(&message.id) && !incident.has_message(service, &message.id));
    let noticed = fresh.take(MOST).map(|message| {
        let ChatMessage { id, at, author, text, link, .. } = message;
        let text = crate::incident::template::shortened(&text, LONGEST);
        Noticed { at, by: SELF.into(), deed: Deed::Message { service: service.clone(), id, author, text, link } }
    });
    noticed.collect()
}
