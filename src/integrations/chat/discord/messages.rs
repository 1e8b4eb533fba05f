//! Messages: each once, found again by their last line.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::board::{Board, is_before, short, unfinished};
use super::super::road::{Trouble, raw};
use super::super::rooms::Rooms as _;
use super::super::words::{Manner, markdown, written};
use super::{Discord, of_channel};
use crate::incident::clearance::Cleared;
use crate::integrations::outgoing::instant;
use crate::ports::incident::ChatLimits;

/// So many pages of messages are looked through for an earlier attempt's, the newest first.
const PAGES: usize = 10;
/// Messages of a page.
const PAGE: &str = "100";
/// What the last line begins with: small and grey.
const LAST_LINE: &str = "\n-# opsdeck ";

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

impl Board for Discord {
    /// Of a topic's 1,024 characters the mark takes some, of a message's 2,000 its last line.
    const LIMITS: ChatLimits = ChatLimits { name: 100, topic: 900, message: 1_950 };
    const MANNER: Manner = markdown;

    async fn find(
        &self,
        cleared: &Cleared,
        channel: &str,
        marks: &[String],
    ) -> Result<BTreeMap<String, String>, Trouble> {
        let ends: Vec<(&String, String)> =
            marks.iter().map(|mark| (mark, format!("{LAST_LINE}{}", nonce(mark)))).collect();
        let me = self.identity().await?;
        let mut found = BTreeMap::new();
        let mut before = String::new();
        for _ in 0..PAGES {
            let query = [("limit", PAGE), ("before", &before)];
            let query = if before.is_empty() { &query[..1] } else { &query[..] };
            let page = self.ask(&format!("{}/messages", of_channel(channel)), query).await?.json;
            let messages = page.as_array().map_or(&[][..], Vec::as_slice);
            for message in messages.iter().filter(|message| raw(message, "/author/id") == me.user) {
                for (mark, end) in &ends {
                    if raw(message, "/content").ends_with(end.as_str()) {
                        found.insert((*mark).clone(), raw(message, "/id").to_owned());
                    }
                }
            }
            messages.last().map_or("", |message| raw(message, "/id")).clone_into(&mut before);
            let oldest = messages.last().and_then(|message| instant(raw(message, "/timestamp")));
            if before.is_empty() || found.len() == marks.len() || is_before(cleared, oldest) {
                return Ok(found);
            }
        }
        unfinished(cleared, PAGES * 100)?;
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, channel: &str, mark: &str, text: &str) -> Result<String, Trouble> {
        self.write(cleared, channel, mark, &written(text, markdown), &[]).await
    }
}

impl Discord {
    /// Posts what is in Discord's own writing, and notifies `called` of it.
    pub(super) async fn write(
        &self,
        cleared: &Cleared,
        channel: &str,
        mark: &str,
        body: &str,
        called: &[&str],
    ) -> Result<String, Trouble> {
        let body = json!({
            "content": format!("{body}{LAST_LINE}{}", nonce(mark)),
            "nonce": nonce(mark),
            "enforce_nonce": true,
            // Whatever the text says, it notifies nobody else: no everyone, no role.
            "allowed_mentions": {"parse": [], "users": called},
            // Addresses are not unrolled.
            "flags": 4,
        });
        let posted = self.tell(cleared, "POST", &format!("{}/messages", of_channel(channel)), &body).await?;
        let id = raw(&posted, "/id");
        if id.is_empty() { Err(self.account.road.lacks("the message's id")) } else { Ok(id.to_owned()) }
    }
}
