//! Messages: each once, found again by the metadata that they carry.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::board::{Board, is_before, unfinished};
use super::super::road::{Trouble, items, raw};
use super::super::rooms::Rooms as _;
use super::super::words::{Manner, written};
use super::Slack;
use super::view::instant;
use super::writing::mrkdwn;
use crate::incident::clearance::Cleared;
use crate::ports::incident::ChatLimits;

/// The type of our metadata (<https://docs.slack.dev/messaging/message-metadata>).
pub(super) const EVENT: &str = "opsdeck_delivery";

/// So many pages of messages are looked through for an earlier attempt's, the newest first.
pub(super) const PAGES: usize = 10;

impl Board for Slack {
    /// <https://docs.slack.dev/reference/methods/chat.postMessage> recommends 4,000 characters.
    const LIMITS: ChatLimits = ChatLimits { name: 80, topic: 250, message: 4_000 };
    const MANNER: Manner = mrkdwn;

    async fn find(
        &self,
        cleared: &Cleared,
        channel: &str,
        marks: &[String],
    ) -> Result<BTreeMap<String, String>, Trouble> {
        let mut found = BTreeMap::new();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let arguments =
                [("channel", channel), ("include_all_metadata", "true"), ("limit", "200"), ("cursor", &cursor)];
            let arguments = if cursor.is_empty() { &arguments[..3] } else { &arguments[..] };
            let page = self.ask("conversations.history", arguments).await?.json;
            for message in items(&page, "/messages") {
                let mark = raw(message, "/metadata/event_payload/mark");
                if raw(message, "/metadata/event_type") == EVENT && marks.iter().any(|known| known == mark) {
                    found.insert(mark.to_owned(), raw(message, "/ts").to_owned());
                }
            }
            raw(&page, "/response_metadata/next_cursor").clone_into(&mut cursor);
            let oldest = items(&page, "/messages").last().and_then(|message| instant(raw(message, "/ts")));
            if cursor.is_empty() || found.len() == marks.len() || is_before(cleared, oldest) {
                return Ok(found);
            }
        }
        unfinished(cleared, PAGES * 200)?;
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, channel: &str, mark: &str, text: &str) -> Result<String, Trouble> {
        let arguments = json!({
            "channel": channel,
            "text": written(text, mrkdwn),
            "mrkdwn": true,
            // Names in the text call nobody, and addresses are not unrolled.
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
            "metadata": {"event_type": EVENT, "event_payload": {"mark": mark}},
        });
        let posted = self.tell(cleared, "POST", "chat.postMessage", &arguments).await?;
        let ts = raw(&posted, "/ts");
        if ts.is_empty() { Err(self.account.road.lacks("the message's timestamp")) } else { Ok(ts.to_owned()) }
    }
}
