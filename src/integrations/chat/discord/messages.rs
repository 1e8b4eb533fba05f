//! Messages: each once, found again by their last line, and pinned.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::board::{Board, pinned, post, short};
use super::super::road::{Trouble, raw};
use super::super::words::{markdown, pieces, written};
use super::{Discord, Identity, LIMITS, of_channel};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::{Fault, FaultKind};

/// So many pages of messages are looked through for an earlier attempt's, the newest first.
const PAGES: usize = 10;
/// Messages of a page.
const PAGE: &str = "100";
/// What the last line begins with: small and grey.
const LAST_LINE: &str = "\n-# opsdeck ";

/// A channel's messages, for one bot; `calls` is who is notified by them.
struct Messages<'a> {
    discord: &'a Discord,
    identity: &'a Identity,
    calls: Option<&'a str>,
}

/// A mark as it fits into a nonce, which holds 25 characters.
fn nonce(mark: &str) -> String {
    short(mark, 12)
}

/// A message without the line that it is found by.
pub(super) fn without_last_line(text: &str) -> &str {
    match text.rfind(LAST_LINE) {
        Some(at) if !text[at + 1..].contains('\n') => &text[..at],
        _ => text,
    }
}

impl Discord {
    /// Posts a text.
    pub(super) async fn post(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        channel: &str,
        text: &str,
    ) -> Result<Receipt, Trouble> {
        let parts: Vec<String> =
            pieces(text, LIMITS.message, markdown).iter().map(|part| written(part, markdown)).collect();
        if parts.is_empty() {
            let fault = Fault::new(FaultKind::NotConfigured, "the message is empty");
            return Err(Trouble::ask(fault.hint("write something, or drop this delivery")));
        }
        let messages = Messages { discord: self, identity, calls: None };
        let mut receipt = post(&messages, cleared, channel, &parts).await?;
        receipt.link = receipt.id.as_deref().map(|id| permalink(identity, channel, id));
        Ok(receipt)
    }

    /// Calls one person into the channel.
    pub(super) async fn call(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        channel: &str,
        user: &str,
    ) -> Result<Receipt, Trouble> {
        let messages = Messages { discord: self, identity, calls: Some(user) };
        post(&messages, cleared, channel, &[format!("<@{user}>, you are asked to join.")]).await
    }

    /// Pins a message; one that is pinned stays so.
    pub(super) async fn pin(&self, cleared: &Cleared, channel: &str, message: &str) -> Result<Receipt, Trouble> {
        let path = format!("{}/messages/pins/{}", of_channel(channel), segment(message));
        self.tell(cleared, "PUT", &path, &Value::Null).await?;
        Ok(Receipt::default())
    }

    /// A channel has no place for links: one is posted and pinned.
    pub(super) async fn link(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        channel: &str,
        title: &str,
        url: &str,
    ) -> Result<Receipt, Trouble> {
        let receipt = self.post(cleared, identity, channel, &format!("[{title}]({url})")).await?;
        let message = receipt.id.clone().unwrap_or_default();
        pinned(receipt, self.pin(cleared, channel, &message).await)
    }
}

impl Board for Messages<'_> {
    async fn find(&self, channel: &str, marks: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
        let ends: Vec<(&String, String)> =
            marks.iter().map(|mark| (mark, format!("{LAST_LINE}{}", nonce(mark)))).collect();
        let mut found = BTreeMap::new();
        let mut before = String::new();
        for _ in 0..PAGES {
            let query = [("limit", PAGE), ("before", &before)];
            let query = if before.is_empty() { &query[..1] } else { &query[..] };
            let page = self.discord.ask(&format!("{}/messages", of_channel(channel)), query).await?.json;
            let messages = page.as_array().map_or(&[][..], Vec::as_slice);
            for message in messages.iter().filter(|message| raw(message, "/author/id") == self.identity.user) {
                for (mark, end) in &ends {
                    if raw(message, "/content").ends_with(end.as_str()) {
                        found.insert((*mark).clone(), raw(message, "/id").to_owned());
                    }
                }
            }
            messages.last().map_or("", |message| raw(message, "/id")).clone_into(&mut before);
            if before.is_empty() || found.len() == marks.len() {
                break;
            }
        }
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, channel: &str, mark: &str, body: &str) -> Result<String, Trouble> {
        let called: Vec<&str> = self.calls.into_iter().collect();
        let body = json!({
            "content": format!("{body}{LAST_LINE}{}", nonce(mark)),
            "nonce": nonce(mark),
            "enforce_nonce": true,
            // Whatever the text says, it notifies nobody else: no everyone, no role.
            "allowed_mentions": {"parse": [], "users": called},
            // Addresses are not unrolled.
            "flags": 4,
        });
        let posted = self.discord.tell(cleared, "POST", &format!("{}/messages", of_channel(channel)), &body).await?;
        let id = raw(&posted, "/id");
        if id.is_empty() { Err(self.discord.road.lacks("the message's id")) } else { Ok(id.to_owned()) }
    }
}

/// Where a person can look at a message.
pub(super) fn permalink(identity: &Identity, channel: &str, message: &str) -> String {
    clean(&format!("https://discord.com/channels/{}/{channel}/{message}", identity.guild)).into_owned()
}
