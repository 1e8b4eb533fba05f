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

use serde_json::Value;

use super::account::Account;
use super::road::{Trouble, raw};
use super::rooms::Rooms as _;
use crate::config::incidents::ChatSource;
use crate::domain::text::clean;
use crate::integrations::flags::segment;
use crate::integrations::http::Product;
use crate::ports::feed::{Fault, FaultKind};

/// A team on a server.
pub(super) struct Mattermost {
    account: Account<Identity>,
}

/// Whose token it is, and the team.
#[derive(Debug)]
pub(super) struct Identity {
    user: String,
    username: String,
    team: String,
    /// As addresses name it.
    team_name: String,
}

impl Mattermost {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        Self { account: Account::new(source, Product::Mattermost, "", "/api/v4", refusal::refusal) }
    }

    /// The configured team, or the only one.
    async fn team(&self) -> Result<Value, Trouble> {
        let teams = self.ask("/users/me/teams", &[]).await?.json;
        let teams = teams.as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<_> = teams.iter().map(|team| clean(raw(team, "/name"))).collect();
        let there =
            if names.is_empty() { "it is in no team".to_owned() } else { format!("its teams: {}", names.join(", ")) };
        let wanted = match (&self.account.team, teams) {
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
}

/// `/channels/…` of an id.
fn of_channel(channel: &str) -> String {
    format!("/channels/{}", segment(channel))
}
