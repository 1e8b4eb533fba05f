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

use serde_json::Value;

use super::account::Account;
use super::road::{Trouble, raw};
use super::rooms::Rooms as _;
use crate::config::incidents::ChatSource;
use crate::domain::text::clean;
use crate::integrations::flags::segment;
use crate::integrations::http::Product;
use crate::ports::feed::{Fault, FaultKind};

/// Where Discord is.
const ORIGIN: &str = "https://discord.com";

/// May see the channel.
const VIEW: u64 = 1 << 10;
/// May write there.
const SEND: u64 = 1 << 11;
/// May read what was written before.
const HISTORY: u64 = 1 << 16;

/// A server, which its API calls a guild.
pub(super) struct Discord {
    account: Account<Identity>,
}

/// Whose token it is, and the server.
#[derive(Debug)]
pub(super) struct Identity {
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
        Self { account: Account::new(source, Product::Discord, ORIGIN, "/api/v10", refusal::refusal) }
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
        match (&self.account.team, guilds) {
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
}

/// `/channels/…` of an id.
fn of_channel(channel: &str) -> String {
    format!("/channels/{}", segment(channel))
}

/// Permissions, which are a number in a text.
fn bits(json: &Value) -> u64 {
    json.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}
