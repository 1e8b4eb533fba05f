//! Mattermost, by its API v4 (<https://api.mattermost.com>). A channel's purpose holds the mark from the moment that it is
//! made; a post carries it in `props`, and a `pending_post_id` that the server itself takes once for some seconds.

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

/// What it holds: names of channels, their headers, posts (`MaxPostSize` of its own databases).
const LIMITS: ChatLimits = ChatLimits { name: 64, topic: 1_024, message: 16_383 };

/// The longest purpose of a channel.
const PURPOSE: usize = 250;

/// A team on a server.
pub(super) struct Mattermost {
    name: String,
    team: Option<String>,
    marker: String,
    road: Road,
    identity: Mutex<Option<Arc<Identity>>>,
}

/// Whose token it is, and the team.
#[derive(Debug)]
struct Identity {
    user: String,
    username: String,
    team: String,
    /// As addresses name it.
    team_name: String,
}

impl Mattermost {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        let url = source.chat.url.clone().unwrap_or_default();
        let transport = connect(&HttpSettings::new(Product::Mattermost, url, source.http.clone()));
        Self {
            name: source.chat.name.clone(),
            team: source.chat.team.clone(),
            marker: source.marker.clone(),
            road: Road::new(transport, refusal::refusal),
            identity: Mutex::default(),
        }
    }

    async fn ask(&self, path: &str, query: Pairs<'_>) -> Result<Reply, Trouble> {
        self.road.read(&format!("/api/v4{path}"), query).await
    }

    async fn tell(&self, cleared: &Cleared, method: &'static str, path: &str, body: &Value) -> Result<Value, Trouble> {
        Ok(self.road.write(cleared, method, &format!("/api/v4{path}"), body).await?.json)
    }

    /// Whose token it is; an error where it does not belong to the team.
    async fn identity(&self) -> Result<Arc<Identity>, Trouble> {
        let mut known = self.identity.lock().await;
        if let Some(known) = known.as_ref() {
            return Ok(Arc::clone(known));
        }
        let me = self.ask("/users/me", &[]).await?.json;
        let team = self.team().await?;
        let word = |json: &Value, name: &str| raw(json, name).to_owned();
        let identity = Arc::new(Identity {
            user: word(&me, "/id"),
            username: word(&me, "/username"),
            team: word(&team, "/id"),
            team_name: word(&team, "/name"),
        });
        *known = Some(Arc::clone(&identity));
        Ok(identity)
    }

    /// The configured team, or the only one.
    async fn team(&self) -> Result<Value, Trouble> {
        let teams = self.ask("/users/me/teams", &[]).await?.json;
        let teams = teams.as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<_> = teams.iter().map(|team| clean(raw(team, "/name"))).collect();
        let there =
            if names.is_empty() { "it is in no team".to_owned() } else { format!("its teams: {}", names.join(", ")) };
        let wanted = match (&self.team, teams) {
            (None, [only]) => return Ok(only.clone()),
            (None, _) => {
                let fault = Fault::new(FaultKind::NotConfigured, format!("chat.team does not say which team; {there}"));
                return Err(Trouble::ask(fault.hint("set chat.team to one of them")));
            }
            (Some(wanted), _) => wanted,
        };
        let is_it = |team: &&Value| raw(team, "/id") == wanted || raw(team, "/name").eq_ignore_ascii_case(wanted);
        teams.iter().find(is_it).cloned().ok_or_else(|| {
            let message = format!("the token does not belong to the team {}; {there}; nothing was sent", clean(wanted));
            let fault = Fault::new(FaultKind::NotConfigured, message);
            Trouble::ask(fault.hint("add its user to the team, or correct chat.team or chat.url")).coded("foreign_team")
        })
    }

    async fn send(&self, cleared: &Cleared) -> Result<Receipt, Trouble> {
        let identity = self.identity().await.map_err(|trouble| trouble.unseen(cleared))?;
        match &cleared.delivery().what {
            What::OpenChannel { name, private, purpose } => {
                self.open(cleared, &identity, name, *private, purpose).await
            }
            What::Topic { topic } => self.set_header(cleared, channel(cleared)?, topic).await,
            What::Invite { who } => self.invite(cleared, channel(cleared)?, who).await,
            What::Post { text } => self.post(cleared, &identity, channel(cleared)?, text).await,
            What::Pin { .. } => self.pin(cleared, message(cleared)?).await,
            What::Link { title, url } => self.link(cleared, &identity, channel(cleared)?, title, url).await,
            What::Archive => self.archive(cleared, channel(cleared)?).await,
            _ => Err(not_here("Mattermost", "page anyone or publish anything")),
        }
    }
}

/// `/channels/…` of an id.
fn of_channel(channel: &str) -> String {
    format!("/channels/{}", segment(channel))
}

impl Service for Mattermost {
    fn name(&self) -> &str {
        &self.name
    }

    fn product(&self) -> &'static str {
        Product::Mattermost.name()
    }

    fn origin(&self) -> &str {
        self.road.origin()
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(self.checks())
    }
}

impl Chat for Mattermost {
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

impl Courier for Mattermost {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move { Ok(self.send(cleared).await?) })
    }
}
