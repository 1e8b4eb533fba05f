//! Posts: each once, found again by their `props`, and pinned.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::board::{Board, post, short};
use super::super::road::{Trouble, items, raw};
use super::super::words::{markdown, pieces, written};
use super::{Identity, LIMITS, Mattermost, of_channel};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::{Fault, FaultKind};

/// The property that holds the mark.
pub(super) const PROPERTY: &str = "opsdeck_mark";

/// So many pages of posts are looked through for an earlier attempt's, the newest first.
const PAGES: usize = 5;

/// A channel of posts, for one user.
struct Posts<'a>(&'a Mattermost, &'a Identity);

impl Mattermost {
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
        let mut receipt = post(&Posts(self, identity), cleared, channel, &parts).await?;
        receipt.link = receipt.id.as_deref().map(|id| self.permalink(identity, id));
        Ok(receipt)
    }

    /// Pins a post; one that is pinned stays so.
    pub(super) async fn pin(&self, cleared: &Cleared, post: &str) -> Result<Receipt, Trouble> {
        self.tell(cleared, "POST", &format!("/posts/{}/pin", segment(post)), &Value::Null).await?;
        Ok(Receipt::default())
    }

    /// Where a person can look at a post.
    pub(super) fn permalink(&self, identity: &Identity, post: &str) -> String {
        clean(&format!("{}/{}/pl/{post}", self.road.origin(), identity.team_name)).into_owned()
    }
}

impl Board for Posts<'_> {
    async fn find(&self, channel: &str, marks: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
        let mut found = BTreeMap::new();
        for page in 0..PAGES {
            let page = page.to_string();
            let query = [("page", page.as_str()), ("per_page", "200")];
            let posts = self.0.ask(&format!("{}/posts", of_channel(channel)), &query).await?.json;
            let order = items(&posts, "/order");
            for id in order.iter().filter_map(Value::as_str) {
                let mark = posts["posts"][id]["props"][PROPERTY].as_str().unwrap_or_default();
                if marks.iter().any(|known| known == mark) {
                    found.insert(mark.to_owned(), id.to_owned());
                }
            }
            if order.len() < 200 || found.len() == marks.len() {
                break;
            }
        }
        Ok(found)
    }

    async fn put(&self, cleared: &Cleared, channel: &str, mark: &str, body: &str) -> Result<String, Trouble> {
        let body = json!({
            "channel_id": channel,
            "message": body,
            "pending_post_id": format!("{}:{}", self.1.user, short(mark, 13)),
            "props": {PROPERTY: mark},
        });
        let posted = self.0.tell(cleared, "POST", "/posts", &body).await?;
        let id = raw(&posted, "/id");
        if id.is_empty() { Err(self.0.road.lacks("the post's id")) } else { Ok(id.to_owned()) }
    }
}
