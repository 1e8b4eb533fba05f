//! Discord, by its API v10 (<https://discord.com/developers/docs/reference>). A message's `nonce` with `enforce_nonce` keeps
//! it from being there twice within minutes; to find it later, its last line holds the same. Channels may share a name, so
//! one of ours is known by the mark in its topic.

mod messages;
mod people;
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

/// Where Discord is.
const ORIGIN: &str = "https://discord.com";

/// What it holds; of a message's 2,000 characters the last line takes some.
const LIMITS: ChatLimits = ChatLimits { name: 100, topic: 1_024, message: 1_950 };

/// May see the channel.
const VIEW: u64 = 1 << 10;
/// May write there.
const SEND: u64 = 1 << 11;
/// May read what was written before.
const HISTORY: u64 = 1 << 16;

/// A server, which its API calls a guild.
pub(super) struct Discord {
    name: String,
    guild: Option<String>,
    category: Option<String>,
    marker: String,
    road: Road,
    identity: Mutex<Option<Arc<Identity>>>,
}

/// Whose token it is, and the server.
#[derive(Debug)]
struct Identity {
    /// The bot's user id.
    user: String,
    username: String,
    guild: String,
    guild_name: String,
    /// What the bot may do in the server.
    permissions: u64,
}

impl Discord {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        let url = source.chat.url.clone().unwrap_or_else(|| ORIGIN.into());
        let transport = connect(&HttpSettings::new(Product::Discord, url, source.http.clone()));
        Self {
            name: source.chat.name.clone(),
            guild: source.chat.team.clone(),
            category: source.chat.parent.clone(),
            marker: source.marker.clone(),
            road: Road::new(transport, refusal::refusal),
            identity: Mutex::default(),
        }
    }

    async fn ask(&self, path: &str, query: Pairs<'_>) -> Result<Reply, Trouble> {
        self.road.read(&format!("/api/v10{path}"), query).await
    }

    async fn tell(&self, cleared: &Cleared, method: &'static str, path: &str, body: &Value) -> Result<Value, Trouble> {
        Ok(self.road.write(cleared, method, &format!("/api/v10{path}"), body).await?.json)
    }

    /// Whose token it is; an error where the bot is not in the server.
    async fn identity(&self) -> Result<Arc<Identity>, Trouble> {
        let mut known = self.identity.lock().await;
        if let Some(known) = known.as_ref() {
            return Ok(Arc::clone(known));
        }
        let me = self.ask("/users/@me", &[]).await?.json;
        let guild = self.guild(raw(&me, "/username")).await?;
        let word = |json: &Value, name: &str| raw(json, name).to_owned();
        let identity = Arc::new(Identity {
            user: word(&me, "/id"),
            username: word(&me, "/username"),
            guild: word(&guild, "/id"),
            guild_name: word(&guild, "/name"),
            permissions: bits(&guild["permissions"]),
        });
        *known = Some(Arc::clone(&identity));
        Ok(identity)
    }

    /// The configured server, or the only one that the bot is in.
    async fn guild(&self, bot: &str) -> Result<Value, Trouble> {
        let guilds = self.ask("/users/@me/guilds", &[("limit", "200")]).await?.json;
        let guilds = guilds.as_array().map_or(&[][..], Vec::as_slice);
        let those: Vec<String> = guilds
            .iter()
            .map(|guild| clean(&format!("{} ({})", raw(guild, "/id"), raw(guild, "/name"))).into_owned())
            .collect();
        let those =
            if those.is_empty() { "it is in none".to_owned() } else { format!("it is in {}", those.join(", ")) };
        match (&self.guild, guilds) {
            (None, [only]) => Ok(only.clone()),
            (None, _) => {
                let fault =
                    Fault::new(FaultKind::NotConfigured, format!("chat.team does not say which server; {those}"));
                Err(Trouble::ask(fault.hint("set chat.team to the server's id")))
            }
            (Some(wanted), _) => guilds.iter().find(|guild| raw(guild, "/id") == wanted).cloned().ok_or_else(|| {
                let message =
                    format!("the bot {} is not in the server {}; {those}; nothing was sent", clean(bot), clean(wanted));
                let hint = "add the bot to the server, use the right bot's token, or correct chat.team";
                Trouble::ask(Fault::new(FaultKind::NotConfigured, message).hint(hint)).coded("foreign_server")
            }),
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
            What::Post { text } => self.post(cleared, &identity, channel(cleared)?, text).await,
            What::Pin { .. } => self.pin(cleared, channel(cleared)?, message(cleared)?).await,
            What::Link { title, url } => self.link(cleared, &identity, channel(cleared)?, title, url).await,
            What::Archive => self.archive(cleared, &identity, channel(cleared)?).await,
            _ => Err(not_here("Discord", "page anyone or publish anything")),
        }
    }
}

/// `/channels/…` of an id.
fn of_channel(channel: &str) -> String {
    format!("/channels/{}", segment(channel))
}

/// Permissions, which are a number in a text.
fn bits(json: &Value) -> u64 {
    json.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Service for Discord {
    fn name(&self) -> &str {
        &self.name
    }

    fn product(&self) -> &'static str {
        Product::Discord.name()
    }

    fn origin(&self) -> &str {
        self.road.origin()
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(self.checks())
    }
}

impl Chat for Discord {
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

impl Courier for Discord {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move { Ok(self.send(cleared).await?) })
    }
}
