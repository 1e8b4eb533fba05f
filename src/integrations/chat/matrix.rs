//! Matrix, by the client-server API v3 (<https://spec.matrix.org/latest/client-server-api/>). Messages carry a transaction
//! id made of the mark, so that the server itself takes them once for a device; a room has no such id, and is known by an
//! alias made of the mark, and by the mark in its `m.room.create`.

mod messages;
mod refusal;
mod rooms;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;

use super::board::plain_name;
use super::road::{Reply, Road, Trouble, channel, message, not_here, raw};
use crate::config::incidents::ChatSource;
use crate::domain::incident::delivery::{Receipt, What};
use crate::domain::text::clean;
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::flags::segment;
use crate::integrations::http::{HttpSettings, Pairs, Product, connect};
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ChannelView, Chat, ChatLimits, DeliveryError, Service, ServiceCheck};

/// An event holds 65,536 bytes, with the text once plain and once as HTML: so many characters fit whatever they are.
const LIMITS: ChatLimits = ChatLimits { name: 80, topic: 500, message: 6_000 };

/// The field that holds the mark, of messages and of `m.room.create`.
const MARK: &str = "opsdeck.mark";

/// A homeserver.
pub(super) struct Matrix {
    name: String,
    server: Option<String>,
    space: Option<String>,
    marker: String,
    road: Road,
    identity: Mutex<Option<Arc<Identity>>>,
}

/// Whose token it is.
#[derive(Debug)]
struct Identity {
    /// `@opsdeck:example.org`
    user: String,
    /// Its homeserver, `example.org`.
    server: String,
}

impl Matrix {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        let url = source.chat.url.clone().unwrap_or_default();
        let transport = connect(&HttpSettings::new(Product::Matrix, url, source.http.clone()));
        Self {
            name: source.chat.name.clone(),
            server: source.chat.team.clone(),
            space: source.chat.parent.clone(),
            marker: source.marker.clone(),
            road: Road::new(transport, refusal::refusal),
            identity: Mutex::default(),
        }
    }

    async fn ask(&self, path: &str, query: Pairs<'_>) -> Result<Reply, Trouble> {
        self.road.read(&format!("/_matrix/client/v3{path}"), query).await
    }

    async fn tell(&self, cleared: &Cleared, method: &'static str, path: &str, body: &Value) -> Result<Value, Trouble> {
        Ok(self.road.write(cleared, method, &format!("/_matrix/client/v3{path}"), body).await?.json)
    }

    /// A state event's content; `None` where the room has none such.
    async fn state(&self, room: &str, kind: &str, key: &str) -> Result<Option<Value>, Trouble> {
        match self.ask(&format!("{}/state/{kind}/{}", of_room(room), segment(key)), &[]).await {
            Ok(reply) => Ok(Some(reply.json)),
            Err(trouble) if trouble.is(&["M_NOT_FOUND"]) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sets a state event.
    async fn set_state(
        &self,
        cleared: &Cleared,
        room: &str,
        kind: &str,
        key: &str,
        content: &Value,
    ) -> Result<Value, Trouble> {
        self.tell(cleared, "PUT", &format!("{}/state/{kind}/{}", of_room(room), segment(key)), content).await
    }

    /// Whose token it is; an error for one of another homeserver.
    async fn identity(&self) -> Result<Arc<Identity>, Trouble> {
        let mut known = self.identity.lock().await;
        if let Some(known) = known.as_ref() {
            return Ok(Arc::clone(known));
        }
        let whose = self.ask("/account/whoami", &[]).await?.json;
        let identity = Arc::new(self.whose(&whose).map_err(|fault| Trouble::ask(fault).coded("foreign_server"))?);
        *known = Some(Arc::clone(&identity));
        Ok(identity)
    }

    fn whose(&self, whoami: &Value) -> Result<Identity, Fault> {
        let user = raw(whoami, "/user_id");
        let server = user.split_once(':').map_or("", |(_, server)| server).to_owned();
        match &self.server {
            Some(wanted) if *wanted != server => {
                let message = format!(
                    "the token is for another homeserver: it belongs to {}, not to {}; nothing was sent there",
                    clean(user),
                    clean(wanted)
                );
                Err(Fault::new(FaultKind::NotConfigured, message)
                    .hint("use a token of that server, or correct chat.team"))
            }
            _ => Ok(Identity { user: user.to_owned(), server }),
        }
    }

    async fn send(&self, cleared: &Cleared) -> Result<Receipt, Trouble> {
        let identity = self.identity().await.map_err(|trouble| trouble.unseen(cleared))?;
        match &cleared.delivery().what {
            What::OpenChannel { name, private, purpose } => {
                self.open(cleared, &identity, name, *private, purpose).await
            }
            What::Topic { topic } => self.set_topic(cleared, channel(cleared)?, topic).await,
            What::Invite { who } => self.invite(cleared, &identity, channel(cleared)?, who).await,
            What::Post { text } => self.post(cleared, channel(cleared)?, text).await,
            What::Pin { .. } => self.pin(cleared, channel(cleared)?, message(cleared)?).await,
            What::Link { title, url } => self.link(cleared, channel(cleared)?, title, url).await,
            What::Archive => self.archive(cleared, channel(cleared)?).await,
            _ => Err(not_here("Matrix", "page anyone or publish anything")),
        }
    }
}

/// `/rooms/…` of an id.
fn of_room(room: &str) -> String {
    format!("/rooms/{}", segment(room))
}

impl Service for Matrix {
    fn name(&self) -> &str {
        &self.name
    }

    fn product(&self) -> &'static str {
        Product::Matrix.name()
    }

    fn origin(&self) -> &str {
        self.road.origin()
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(self.checks())
    }
}

impl Chat for Matrix {
    fn limits(&self) -> ChatLimits {
        LIMITS
    }

    fn has_channels(&self) -> bool {
        true
    }

    fn channel_name(&self, wanted: &str) -> Result<String, String> {
        plain_name(wanted, LIMITS.name)
    }

    fn view<'a>(&'a self, channel: &'a str) -> Future<'a, Result<ChannelView, Fault>> {
        Box::pin(async move { self.look(channel).await.map_err(|trouble| trouble.error.fault) })
    }
}

impl Courier for Matrix {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move { Ok(self.send(cleared).await?) })
    }
}
