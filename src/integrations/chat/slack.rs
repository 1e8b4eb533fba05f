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

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;

use self::people::People;
use super::board::plain_name;
use super::road::{Reply, Road, Trouble, channel, message, not_here, raw, text};
use crate::config::incidents::ChatSource;
use crate::domain::incident::delivery::{Receipt, What};
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::http::{HttpSettings, Pairs, Product, connect};
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ChannelView, Chat, ChatLimits, DeliveryError, Service, ServiceCheck};

/// Where Slack is.
const ORIGIN: &str = "https://slack.com";

/// What Slack holds: <https://docs.slack.dev/reference/methods/chat.postMessage> recommends 4,000 characters.
const LIMITS: ChatLimits = ChatLimits { name: 80, topic: 250, message: 4_000 };

/// The longest purpose, in characters.
const PURPOSE: usize = 250;

/// A workspace.
pub(super) struct Slack {
    name: String,
    team: Option<String>,
    marker: String,
    road: Road,
    identity: Mutex<Option<Arc<Identity>>>,
    people: People,
}

/// Whose token it is (`auth.test`).
#[derive(Debug)]
struct Identity {
    /// The bot's user id.
    user: String,
    /// The workspace's address, with a slash at its end.
    url: String,
}

impl Slack {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        let url = source.chat.url.clone().unwrap_or_else(|| ORIGIN.into());
        let transport = connect(&HttpSettings::new(Product::Slack, url, source.http.clone()));
        Self {
            name: source.chat.name.clone(),
            team: source.chat.team.clone(),
            marker: source.marker.clone(),
            road: Road::new(transport, refusal::refusal),
            identity: Mutex::default(),
            people: People::default(),
        }
    }

    /// Asks a method.
    async fn ask(&self, method: &str, arguments: Pairs<'_>) -> Result<Reply, Trouble> {
        let answer = self.road.read(&format!("/api/{method}"), arguments).await;
        self.heed(answer).await
    }

    /// Has a method alter something.
    async fn tell(&self, cleared: &Cleared, method: &str, arguments: &Value) -> Result<Value, Trouble> {
        let answer = self.road.write(cleared, "POST", &format!("/api/{method}"), arguments).await;
        Ok(self.heed(answer).await?.json)
    }

    /// Slack refuses a token with status 200: the next attempt reads it again, and asks again whose it is.
    async fn heed(&self, answer: Result<Reply, Trouble>) -> Result<Reply, Trouble> {
        if answer.as_ref().is_err_and(|trouble| trouble.is(&refusal::TOKEN)) {
            self.road.forget_credentials();
            *self.identity.lock().await = None;
        }
        answer
    }

    /// Whose token it is; an error for one of another workspace.
    async fn identity(&self) -> Result<Arc<Identity>, Trouble> {
        if let Some(known) = self.identity.lock().await.as_ref() {
            return Ok(Arc::clone(known));
        }
        let whose = self.ask("auth.test", &[]).await?.json;
        if let Some(fault) = self.foreign(&whose) {
            return Err(Trouble::ask(fault).coded("foreign_workspace"));
        }
        let identity =
            Arc::new(Identity { user: raw(&whose, "/user_id").to_owned(), url: raw(&whose, "/url").to_owned() });
        *self.identity.lock().await = Some(Arc::clone(&identity));
        Ok(identity)
    }

    /// What is wrong with the token's workspace, if it is another than the configured one.
    fn foreign(&self, whose: &Value) -> Option<Fault> {
        let wanted = self.team.as_deref()?;
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

    async fn send(&self, cleared: &Cleared) -> Result<Receipt, Trouble> {
        // Without an answer to this, nothing is known of what an earlier attempt did.
        let identity = self.identity().await.map_err(|trouble| trouble.unseen(cleared))?;
        match &cleared.delivery().what {
            What::OpenChannel { name, private, purpose } => {
                self.open(cleared, &identity, name, *private, purpose).await
            }
            What::Topic { topic } => self.set_topic(cleared, channel(cleared)?, topic).await,
            What::Invite { who } => self.invite(cleared, channel(cleared)?, who).await,
            What::Post { text } => self.post(cleared, &identity, channel(cleared)?, text).await,
            What::Pin { .. } => self.pin(cleared, channel(cleared)?, message(cleared)?).await,
            What::Link { title, url } => self.link(cleared, channel(cleared)?, title, url).await,
            What::Archive => self.archive(cleared, channel(cleared)?).await,
            _ => Err(not_here("Slack", "page anyone or publish anything")),
        }
    }
}

impl Service for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn product(&self) -> &'static str {
        Product::Slack.name()
    }

    fn origin(&self) -> &str {
        self.road.origin()
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(self.checks())
    }
}

impl Chat for Slack {
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

impl Courier for Slack {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move { Ok(self.send(cleared).await?) })
    }
}
