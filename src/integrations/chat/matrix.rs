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

use serde_json::Value;

use super::account::Account;
use super::road::{Trouble, raw};
use super::rooms::Rooms as _;
use crate::config::incidents::ChatSource;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::http::Product;
use crate::ports::feed::{Fault, FaultKind};

/// The field that holds the mark, of messages and of `m.room.create`.
const MARK: &str = "opsdeck.mark";

/// A homeserver.
pub(super) struct Matrix {
    account: Account<Identity>,
}

/// Whose token it is.
#[derive(Debug)]
pub(super) struct Identity {
    /// `@opsdeck:example.org`
    user: String,
    /// Its homeserver, `example.org`.
    server: String,
}

impl Matrix {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        Self { account: Account::new(source, Product::Matrix, "", "/_matrix/client/v3", refusal::refusal) }
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

    /// Whose token it is; a fault for one of another homeserver.
    fn whose(&self, whoami: &Value) -> Result<Identity, Fault> {
        let user = raw(whoami, "/user_id");
        let server = user.split_once(':').map_or("", |(_, server)| server).to_owned();
        match &self.account.team {
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
}

/// `/rooms/…` of an id.
fn of_room(room: &str) -> String {
    format!("/rooms/{}", segment(room))
}
