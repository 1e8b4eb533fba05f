//! Channels: what Mattermost calls their opening, header, people, bookmarks and end.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::board::{holds, marked_purpose, shortened};
use super::super::road::{Outcome, nobody, raw, text};
use super::super::rooms::{Rooms, Wanted};
use super::refusal::{TAKEN, is_archived, is_missing};
use super::{Identity, Mattermost, of_channel};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::FaultKind;
use crate::ports::incident::{ChannelView, ServiceCheck};

/// The longest purpose of a channel.
const PURPOSE: usize = 250;

impl Rooms for Mattermost {
    type Identity = Identity;

    const BOOKMARK: Option<usize> = Some(64);

    fn account(&self) -> &Account<Identity> {
        &self.account
    }

    async fn whoami(&self) -> Outcome<Identity> {
        let me = self.ask("/users/me", &[]).await?.json;
        let team = self.team().await?;
        let word = |json: &Value, name: &str| raw(json, name).to_owned();
        Ok(Identity {
            user: word(&me, "/id"),
            username: word(&me, "/username"),
            team: word(&team, "/id"),
            team_name: word(&team, "/name"),
        })
    }

    /// A channel's purpose holds the mark from the start. One that is hidden from us has a name all the same, so that all
    /// names are looked up.
    async fn opened_before(&self, wanted: &Wanted<'_, Identity>) -> Outcome<Option<Receipt>> {
        for name in &wanted.names {
            let there = self.named(wanted.me, name).await?;
            if let Some(there) = there.filter(|there| holds(raw(there, "/purpose"), &wanted.mark)) {
                return Ok(Some(self.receipt(wanted.me, &there)));
            }
        }
        Ok(None)
    }

    async fn create(&self, wanted: &Wanted<'_, Identity>, name: &str) -> Outcome<Option<Receipt>> {
        let body = json!({
            "team_id": wanted.me.team,
            "name": name,
            "display_name": shortened(wanted.asked, 64).0,
            "type": if wanted.private { "P" } else { "O" },
            "purpose": marked_purpose(&wanted.purpose, &wanted.mark, PURPOSE),
        });
        match self.tell(wanted.cleared, "POST", "/channels", &body).await {
            Ok(made) if raw(&made, "/id").is_empty() => Err(self.account.road.lacks("the new channel's id")),
            Ok(made) => Ok(Some(self.receipt(wanted.me, &made))),
            Err(taken) if taken.is(&TAKEN) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// The header is what a channel shows at its top.
    async fn topic(&self, channel: &str) -> Outcome<Option<String>> {
        let there = self.ask(&of_channel(channel), &[]).await?.json;
        Ok(Some(raw(&there, "/header").to_owned()))
    }

    async fn set_topic(&self, cleared: &Cleared, channel: &str, topic: &str) -> Outcome<bool> {
        let path = format!("{}/patch", of_channel(channel));
        self.tell(cleared, "PUT", &path, &json!({ "header": topic })).await?;
        Ok(true)
    }

    async fn resolve(&self, _: &Identity, who: &str) -> Outcome<String> {
        let name = who.trim().trim_start_matches('@').to_lowercase();
        let is_id = name.len() == 26 && name.chars().all(|c| c.is_ascii_alphanumeric());
        let path = if name.contains('@') {
            format!("/users/email/{}", segment(&name))
        } else if is_id {
            format!("/users/{name}")
        } else {
            format!("/users/username/{}", segment(&name))
        };
        let unknown = || nobody("Mattermost", who, "does not know", "use the user name, the e-mail address or the id");
        if name.is_empty() {
            return Err(unknown());
        }
        match self.ask(&path, &[]).await {
            Ok(reply) if !raw(&reply.json, "/id").is_empty() => Ok(raw(&reply.json, "/id").to_owned()),
            Ok(_) => Err(self.account.road.lacks("the user's id")),
            // A name that none may have is answered with 400.
            Err(trouble)
                if !trouble.code.is_empty()
                    && matches!(trouble.error.fault.kind, FaultKind::NotServed | FaultKind::Server) =>
            {
                Err(unknown())
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn is_there(&self, channel: &str, user: &str) -> Outcome<bool> {
        match self.ask(&format!("{}/members/{}", of_channel(channel), segment(user)), &[]).await {
            Ok(_) => Ok(true),
            Err(trouble) if !trouble.code.is_empty() => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// They have to be in the team. Who is in the channel already stays there.
    async fn add(&self, cleared: &Cleared, _: &Identity, channel: &str, user: &str, who: &str) -> Outcome<Vec<String>> {
        let path = format!("{}/members", of_channel(channel));
        match self.tell(cleared, "POST", &path, &json!({ "user_id": user })).await {
            Ok(_) => Ok(Vec::new()),
            Err(trouble) if trouble.code.contains("team") || trouble.code.contains("get_member") => Err(nobody(
                "Mattermost",
                who,
                "finds outside of the team",
                "add them to the team first, or invite them by hand",
            )),
            Err(trouble) => Err(trouble),
        }
    }

    /// One that is pinned stays so.
    async fn pin(&self, cleared: &Cleared, _: &str, post: &str) -> Outcome<bool> {
        self.tell(cleared, "POST", &format!("/posts/{}/pin", segment(post)), &Value::Null).await?;
        Ok(true)
    }

    async fn bookmarked(&self, channel: &str, title: &str, url: &str) -> Outcome<Option<String>> {
        let listed = match self.ask(&format!("{}/bookmarks", of_channel(channel)), &[]).await {
            Ok(listed) => listed.json,
            Err(trouble) if is_missing(&trouble) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let same = |one: &&Value| raw(one, "/link_url") == url && raw(one, "/display_name") == title;
        let found = listed.as_array().and_then(|all| all.iter().find(same));
        Ok(found.map(|there| raw(there, "/id").to_owned()))
    }

    /// Not every edition has them.
    async fn bookmark(&self, cleared: &Cleared, channel: &str, title: &str, url: &str) -> Outcome<Option<String>> {
        let body = json!({"display_name": title, "link_url": url, "type": "link"});
        match self.tell(cleared, "POST", &format!("{}/bookmarks", of_channel(channel)), &body).await {
            Ok(made) => Ok(Some(raw(&made, "/id").to_owned())),
            Err(trouble) if is_missing(&trouble) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// An administrator can undo it.
    async fn archive(&self, cleared: &Cleared, _: &Identity, channel: &str) -> Outcome<Option<&'static str>> {
        match self.tell(cleared, "DELETE", &of_channel(channel), &Value::Null).await {
            Ok(_) => Ok(None),
            Err(trouble) if is_archived(&trouble) => Ok(Some("it was archived already")),
            Err(trouble) => Err(trouble),
        }
    }

    fn permalink(&self, me: &Identity, _: &str, post: &str) -> Option<String> {
        Some(clean(&format!("{}/{}/pl/{post}", self.account.road.origin(), me.team_name)).into_owned())
    }

    async fn look(&self, me: &Identity, channel: &str) -> Outcome<ChannelView> {
        self.seen(me, channel).await
    }

    async fn checks(&self) -> Vec<ServiceCheck> {
        self.doctor().await
    }
}

impl Mattermost {
    /// The channel of a name, as far as the token's user may see it.
    async fn named(&self, me: &Identity, name: &str) -> Outcome<Option<Value>> {
        let path = format!("/teams/{}/channels/name/{}", segment(&me.team), segment(name));
        match self.ask(&path, &[("include_deleted", "true")]).await {
            Ok(reply) => Ok(Some(reply.json)),
            Err(trouble) if !trouble.code.is_empty() && is_missing(&trouble) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    fn receipt(&self, me: &Identity, channel: &Value) -> Receipt {
        let name = text(channel, "/name");
        let origin = self.account.road.origin();
        let link = clean(&format!("{origin}/{}/channels/{name}", me.team_name)).into_owned();
        let id = raw(channel, "/id").to_owned();
        Receipt { id: Some(id), name: Some(name), link: Some(link), remarks: Vec::new() }
    }
}
