//! Messages: each once, found again by the mark in their content.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::board::{Board, is_before, short, unfinished};
use super::super::road::{Trouble, items, raw};
use super::super::rooms::Rooms as _;
use super::super::words::{Manner, Span, html_escaped, plain, written};
use super::{MARK, Matrix, of_room};
use crate::incident::clearance::Cleared;
use crate::ports::incident::ChatLimits;

/// So many pages of events are looked through for an earlier attempt's, the newest first.
const PAGES: usize = 10;

impl Board for Matrix {
    /// An event holds 65,536 bytes, with the text once plain and once as HTML: so many characters fit whatever they are.
    const LIMITS: ChatLimits = ChatLimits { name: 80, topic: 500, message: 6_000 };
    /// It is sent in two writings: HTML is always the longer of the two.
    const MANNER: Manner = html;

    async fn find(&self, cleared: &Cleared, room: &str, marks: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
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
            let oldest = items(&page, "/chunk").last().and_then(|event| event["origin_server_ts"].as_i64());
            let oldest = oldest.and_then(chrono::DateTime::from_timestamp_millis);
            if from.is_empty() || found.len() == marks.len() || is_before(cleared, oldest) {
                return Ok(found);
            }
        }
        unfinished(cleared, PAGES * 100)?;
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, room: &str, mark: &str, text: &str) -> Result<String, Trouble> {
        let path = format!("{}/send/m.room.message/{}", of_room(room), short(mark, 16));
        let posted = self.tell(cleared, "PUT", &path, &content(mark, text)).await?;
        let event = raw(&posted, "/event_id");
        if event.is_empty() { Err(self.account.road.lacks("the event's id")) } else { Ok(event.to_owned()) }
    }
}

fn content(mark: &str, text: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": plain(text),
        "format": "org.matrix.custom.html",
        "formatted_body": written(text, html).replace('\n', "<br/>"),
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

#[cfg(test)]
mod tests {
    use super::super::super::words::pieces;
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
            for part in pieces(&c.repeat(20_000), Matrix::LIMITS.message, html) {
                let size = content(&"m".repeat(120), &part).to_string().len();
                assert!(size < 60_000, "{size} bytes of {c}");
            }
        }
    }
}
