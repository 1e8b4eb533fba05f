//! Posts: each once, found again by their `props`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::board::{Board, is_before, short, unfinished};
use super::super::road::{Trouble, items, raw};
use super::super::rooms::Rooms as _;
use super::super::words::{Manner, Span, markdown, quiet, written};
use super::{Mattermost, of_channel};
use crate::incident::clearance::Cleared;
use crate::ports::incident::ChatLimits;

/// The property that holds the mark.
pub(super) const PROPERTY: &str = "opsdeck_mark";

/// So many pages of posts are looked through for an earlier attempt's, the newest first.
const PAGES: usize = 10;

impl Board for Mattermost {
    /// Names of channels, their headers, posts (`MaxPostSize` of its own databases).
    const LIMITS: ChatLimits = ChatLimits { name: 64, topic: 1_024, message: 16_383 };
    const MANNER: Manner = calling_nobody;

    async fn find(
        &self,
        cleared: &Cleared,
        channel: &str,
        marks: &[String],
    ) -> Result<BTreeMap<String, String>, Trouble> {
        let mut found = BTreeMap::new();
        for page in 0..PAGES {
            let page = page.to_string();
            let query = [("page", page.as_str()), ("per_page", "200")];
            let posts = self.ask(&format!("{}/posts", of_channel(channel)), &query).await?.json;
            let order = items(&posts, "/order");
            for id in order.iter().filter_map(Value::as_str) {
                let mark = posts["posts"][id]["props"][PROPERTY].as_str().unwrap_or_default();
                if marks.iter().any(|known| known == mark) {
                    found.insert(mark.to_owned(), id.to_owned());
                }
            }
            let oldest = order.last().and_then(Value::as_str).and_then(|id| posts["posts"][id]["create_at"].as_i64());
            let oldest = oldest.and_then(chrono::DateTime::from_timestamp_millis);
            if order.len() < 200 || found.len() == marks.len() || is_before(cleared, oldest) {
                return Ok(found);
            }
        }
        unfinished(cleared, PAGES * 200)?;
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, channel: &str, mark: &str, text: &str) -> Result<String, Trouble> {
        let me = self.identity().await?;
        let body = json!({
            "channel_id": channel,
            "message": written(text, calling_nobody),
            "pending_post_id": format!("{}:{}", me.user, short(mark, 13)),
            // As the server's own `PostPropsGroupHighlightDisabled`: groups are not shown as if they were called.
            "props": {PROPERTY: mark, "disable_group_highlight": true},
        });
        let posted = self.tell(cleared, "POST", "/posts", &body).await?;
        let id = raw(&posted, "/id");
        if id.is_empty() { Err(self.account.road.lacks("the post's id")) } else { Ok(id.to_owned()) }
    }
}

/// Markdown in which no name of a text calls anybody. Of texts, Mattermost knows no other way; code and addresses call
/// nobody there.
fn calling_nobody(span: &Span) -> String {
    markdown(&match span {
        Span::Text(text) => Span::Text(quiet(text)),
        Span::Strong(text) => Span::Strong(quiet(text)),
        Span::Emphasis(text) => Span::Emphasis(quiet(text)),
        Span::Link(words, url) => Span::Link(quiet(words), url.clone()),
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_in_a_text_calls_anybody() {
        let text = "@alice *@sre-team* [@bob](https://g/@bob) `@eve` ada@shop.example";
        let expected = "@\u{200b}alice *@\u{200b}sre-team* [@\u{200b}bob](https://g/@bob) `@eve` ada@shop.example";
        assert_eq!(written(text, calling_nobody), expected);
    }
}
