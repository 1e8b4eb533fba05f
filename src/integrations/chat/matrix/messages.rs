//! Messages: each once, found again by the mark in their content, and pinned.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::board::{Board, pinned, post, short};
use super::super::road::{Trouble, items, raw};
use super::super::words::{Span, html_escaped, pieces, plain, written};
use super::{LIMITS, MARK, Matrix, of_room};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::{Fault, FaultKind};

/// So many pages of events are looked through for an earlier attempt's, the newest first.
const PAGES: usize = 5;

impl Matrix {
    /// Posts a text.
    pub(super) async fn post(&self, cleared: &Cleared, room: &str, text: &str) -> Result<Receipt, Trouble> {
        // In the simple writing: it is sent in two.
        let parts = pieces(text, LIMITS.message, longest);
        if parts.is_empty() {
            let fault = Fault::new(FaultKind::NotConfigured, "the message is empty");
            return Err(Trouble::ask(fault.hint("write something, or drop this delivery")));
        }
        let mut receipt = post(self, cleared, room, &parts).await?;
        receipt.link = receipt.id.as_deref().map(|event| permalink(room, event));
        Ok(receipt)
    }

    /// Pins a message, beside those that are pinned.
    pub(super) async fn pin(&self, cleared: &Cleared, room: &str, event: &str) -> Result<Receipt, Trouble> {
        let there = self.state(room, "m.room.pinned_events", "").await.map_err(|trouble| trouble.unseen(cleared))?;
        let mut all = there.map_or_else(Vec::new, |there| items(&there, "/pinned").to_vec());
        if all.iter().any(|one| one == event) {
            return Ok(Receipt { remarks: vec!["it was pinned already".to_owned()], ..Receipt::default() });
        }
        all.push(json!(event));
        self.set_state(cleared, room, "m.room.pinned_events", "", &json!({ "pinned": all })).await?;
        Ok(Receipt::default())
    }

    /// A room has no place for links: one is posted and pinned.
    pub(super) async fn link(&self, cleared: &Cleared, room: &str, title: &str, url: &str) -> Result<Receipt, Trouble> {
        let receipt = self.post(cleared, room, &format!("[{title}]({url})")).await?;
        let event = receipt.id.clone().unwrap_or_default();
        pinned(receipt, self.pin(cleared, room, &event).await)
    }
}

impl Board for Matrix {
    async fn find(&self, room: &str, marks: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
        let mut found = BTreeMap::new();
        let mut from = String::new();
        for _ in 0..PAGES {
            let query = [("dir", "b"), ("limit", "100"), ("from", &from)];
            let query = if from.is_empty() { &query[..2] } else { &query[..] };
            let page = self.ask(&format!("{}/messages", of_room(room)), query).await?.json;
            for event in items(&page, "/chunk") {
                let mark = event["content"][MARK].as_str().unwrap_or_default();
                if raw(event, "/type") == "m.room.message" && marks.iter().any(|known| known == mark) {
                    found.insert(mark.to_owned(), raw(event, "/event_id").to_owned());
                }
            }
            raw(&page, "/end").clone_into(&mut from);
            if from.is_empty() || found.len() == marks.len() {
                break;
            }
        }
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, room: &str, mark: &str, body: &str) -> Result<String, Trouble> {
        let path = format!("{}/send/m.room.message/{}", of_room(room), short(mark, 16));
        let posted = self.tell(cleared, "PUT", &path, &content(mark, body)).await?;
        let event = raw(&posted, "/event_id");
        if event.is_empty() { Err(self.road.lacks("the event's id")) } else { Ok(event.to_owned()) }
    }
}

fn content(mark: &str, body: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": plain(body),
        "format": "org.matrix.custom.html",
        "formatted_body": written(body, html).replace('\n', "<br/>"),
        // Nobody is called by what a text says (intentional mentions, since v1.7).
        "m.mentions": {},
        MARK: mark,
    })
}

/// How HTML writes a part.
fn html(span: &Span) -> String {
    match span {
        Span::Text(text) => html_escaped(text),
        Span::Strong(text) => format!("<strong>{}</strong>", html_escaped(text)),
        Span::Emphasis(text) => format!("<em>{}</em>", html_escaped(text)),
        Span::Code(code) => format!("<code>{}</code>", html_escaped(code)),
        Span::Url(url) => format!("<a href=\"{0}\">{0}</a>", html_escaped(url)),
        Span::Link(words, url) => format!("<a href=\"{}\">{}</a>", html_escaped(url), html_escaped(words)),
    }
}

/// For the measure of a piece: HTML is always the longer of the two.
fn longest(span: &Span) -> String {
    html(span)
}

/// Where a person can look at an event.
pub(super) fn permalink(room: &str, event: &str) -> String {
    clean(&format!("https://matrix.to/#/{}/{}", segment(room), segment(event))).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_there_in_two_writings_and_breaks_out_of_neither() {
        let content = content("m", "*so* `a<b`\n[x\"y](https://g/?a=1&b=\"2\") <script> @room");
        assert_eq!(content["body"], "so `a<b`\nx\"y (https://g/?a=1&b=\"2\") <script> @\u{200b}room");
        let expected = "<em>so</em> <code>a&lt;b</code><br/>\
            <a href=\"https://g/?a=1&amp;b=&quot;2&quot;\">x&quot;y</a> &lt;script&gt; @\u{200b}room";
        assert_eq!(content["formatted_body"], expected);
        assert_eq!(content["m.mentions"], json!({}));
    }

    #[test]
    fn the_longest_message_fits_into_an_event() {
        for c in ["\"", "𝄞", "<", "a", "ß"] {
            for part in pieces(&c.repeat(20_000), LIMITS.message, longest) {
                let size = content(&"m".repeat(120), &part).to_string().len();
                assert!(size < 60_000, "{size} bytes of {c}");
            }
        }
    }
}
