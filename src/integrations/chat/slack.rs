//! Slack, by its Web API (<https://docs.slack.dev/reference/methods>). Every answer is HTTP 200 with `ok`; what a refusal
//! means is in [`refusal`]. A token is asked once whose it is, so that nothing is ever sent to another workspace.

mod doctor;
mod messages;
mod people;
mod refusal;
mod rooms;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
mod view;
mod writing;

use serde_json::Value;

use self::people::People;
use super::account::Account;
use super::road::{raw, text};
use crate::config::incidents::ChatSource;
use crate::integrations::http::Product;
use crate::ports::feed::{Fault, FaultKind};

/// Where Slack is.
const ORIGIN: &str = "https://slack.com";

/// A workspace.
pub(super) struct Slack {
    account: Account<Identity>,
    people: People,
}

/// Whose token it is (`auth.test`).
#[derive(Debug)]
pub(super) struct Identity {
    /// The bot's user id.
    user: String,
    /// The workspace's address, with a slash at its end.
    url: String,
}

impl Slack {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        Self {
            account: Account::new(source, Product::Slack, ORIGIN, "/api/", refusal::refusal),
            people: People::default(),
        }
    }

    /// What is wrong with the token's workspace, if it is another than the configured one.
    fn foreign(&self, whose: &Value) -> Option<Fault> {
        let wanted = self.account.team.as_deref()?;
        let url = raw(whose, "/url");
        let domain = url.trim_start_matches("https://").trim_start_matches("http://").split(['.', '/', ':']).next();
        let is_it = raw(whose, "/team_id") == wanted
            || raw(whose, "/team").eq_ignore_ascii_case(wanted)
            || domain.is_some_and(|domain| domain.eq_ignore_ascii_case(wanted));
        if is_it {
            return None;
        }
        let message = format!(
            "the token is for another workspace: {} ({}), not {wanted}; nothing was sent there",
            text(whose, "/team"),
            text(whose, "/team_id")
        );
        let hint = "install the app in the right workspace and use its token, or correct chat.team";
        Some(Fault::new(FaultKind::NotConfigured, message).hint(hint))
    }
}
