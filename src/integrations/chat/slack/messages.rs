//! Messages: each once, found again by the metadata that they carry, and pinned.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::board::{Board, post};
use super::super::road::{Trouble, items, raw};
use super::super::words::{pieces, written};
use super::writing::mrkdwn;
use super::{Identity, LIMITS, Slack};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::ports::feed::{Fault, FaultKind};

/// The type of our metadata (<https://docs.slack.dev/messaging/message-metadata>).
pub(super) const EVENT: &str = "opsdeck_delivery";

/// So many pages of messages are looked through for an earlier attempt's, the newest first.
const PAGES: usize = 5;

impl Slack {
    /// Posts a text.
    pub(super) async fn post(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        channel: &str,
        text: &str,
    ) -> Result<Receipt, Trouble> {
        let parts: Vec<String> =
            pieces(text, LIMITS.message, mrkdwn).iter().map(|part| written(part, mrkdwn)).collect();
        if parts.is_empty() {
            let fault = Fault::new(FaultKind::NotConfigured, "the message is empty");
            return Err(Trouble::ask(fault.hint("write something, or drop this delivery")));
        }
        let mut receipt = post(self, cleared, channel, &parts).await?;
        let address = receipt.id.as_deref().map(|ts| permalink(&identity.url, channel, ts));
        receipt.link = address.filter(|_| !identity.url.is_empty());
        Ok(receipt)
    }

    /// Pins a message.
    pub(super) async fn pin(&self, cleared: &Cleared, channel: &str, message: &str) -> Result<Receipt, Trouble> {
        match self.tell(cleared, "pins.add", &json!({"channel": channel, "timestamp": message})).await {
            Ok(_) => Ok(Receipt::default()),
            Err(trouble) if trouble.is(&["already_pinned"]) => {
                Ok(Receipt { remarks: vec!["it was pinned already".to_owned()], ..Receipt::default() })
            }
            Err(trouble) => Err(trouble),
        }
    }
}

impl Board for Slack {
    async fn find(&self, channel: &str, marks: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
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
            if cursor.is_empty() || found.len() == marks.len() {
                break;
            }
        }
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, channel: &str, mark: &str, body: &str) -> Result<String, Trouble> {
        let arguments = json!({
            "channel": channel,
            "text": body,
            "mrkdwn": true,
            // Names in the text call nobody, and addresses are not unrolled.
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
            "metadata": {"event_type": EVENT, "event_payload": {"mark": mark}},
        });
        let posted = self.tell(cleared, "chat.postMessage", &arguments).await?;
        let ts = raw(&posted, "/ts");
        if ts.is_empty() { Err(self.road.lacks("the message's timestamp")) } else { Ok(ts.to_owned()) }
    }
}

/// Where a person can look at a message; what `chat.getPermalink` answers.
pub(super) fn permalink(workspace: &str, channel: &str, ts: &str) -> String {
    clean(&format!("{workspace}archives/{channel}/p{}", ts.replace('.', ""))).into_owned()
}
