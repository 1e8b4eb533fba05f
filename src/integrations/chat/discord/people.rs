//! People: found in the server, let into the channel where it is private, and called there.

use serde_json::{Value, json};

use super::super::board::{ARRIVED, Board as _, in_doubt};
use super::super::road::{Trouble, nobody, raw};
use super::super::rooms::Rooms as _;
use super::rooms::overwrite;
use super::{Discord, HISTORY, Identity, SEND, VIEW, bits, of_channel};
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;

impl Discord {
    /// Discord knows no invitation to a channel: who may see it is called by name, which notifies them.
    pub(super) async fn call(
        &self,
        cleared: &Cleared,
        me: &Identity,
        channel: &str,
        user: &str,
    ) -> Result<Vec<String>, Trouble> {
        let there = self.ask(&of_channel(channel), &[]).await.map_err(|trouble| trouble.unseen(cleared))?.json;
        let is_private = overwrite(&there, &me.guild).is_some_and(|one| bits(&one["deny"]) & VIEW == VIEW);
        let may_see = overwrite(&there, user).is_some_and(|one| bits(&one["allow"]) & VIEW == VIEW);
        if is_private && !may_see {
            let path = format!("{}/permissions/{}", of_channel(channel), segment(user));
            let body = json!({"type": 1, "allow": (VIEW | SEND | HISTORY).to_string(), "deny": "0"});
            self.tell(cleared, "PUT", &path, &body).await?;
        }
        let half = |trouble: Trouble| {
            if is_private { trouble.after_a_part("they were let into the channel") } else { trouble }
        };
        let marks = [cleared.mark()];
        let known = in_doubt(cleared, self.find(cleared, channel, &marks)).await.map_err(half)?;
        if known.is_some_and(|known| !known.is_empty()) {
            return Ok(vec![ARRIVED.to_owned()]);
        }
        let words = format!("<@{user}>, you are asked to join.");
        self.write(cleared, channel, &marks[0], &words, &[user]).await.map_err(half)?;
        Ok(Vec::new())
    }

    /// The id of a member of the server.
    pub(super) async fn id_of(&self, me: &Identity, who: &str) -> Result<String, Trouble> {
        let name =
            who.trim().trim_start_matches("<@").trim_start_matches('!').trim_end_matches('>').trim_start_matches('@');
        let members = format!("/guilds/{}/members", segment(&me.guild));
        let hint = "Discord knows people by user name, nickname or id, and only those who joined the server";
        if name.is_empty() || name.contains('@') {
            return Err(nobody("Discord", who, "does not know", hint));
        }
        if name.len() >= 15 && name.chars().all(|c| c.is_ascii_digit()) {
            return match self.ask(&format!("{members}/{name}"), &[]).await {
                Ok(_) => Ok(name.to_owned()),
                Err(trouble) if trouble.is(&["10007", "10013"]) => Err(nobody("Discord", who, "does not know", hint)),
                Err(trouble) => Err(trouble),
            };
        }
        let found = self.ask(&format!("{members}/search"), &[("query", name), ("limit", "100")]).await?.json;
        let wanted = name.to_lowercase();
        let found = found.as_array().map_or(&[][..], Vec::as_slice);
        let ids = |is_it: fn(&Value, &str) -> bool| -> Vec<&str> {
            found.iter().filter(|member| is_it(member, &wanted)).map(|member| raw(member, "/user/id")).collect()
        };
        // The user name is the only one that is unique.
        let by_name = ids(|member, wanted| raw(member, "/user/username").to_lowercase() == wanted);
        let any = || {
            ids(|member, wanted| {
                ["/nick", "/user/global_name"].iter().any(|name| raw(member, name).to_lowercase() == wanted)
            })
        };
        let ids = if by_name.is_empty() { any() } else { by_name };
        match ids.as_slice() {
            [id] => Ok((*id).to_owned()),
            [] => Err(nobody("Discord", who, "does not know", hint)),
            _ => Err(nobody("Discord", who, "knows several people as", "use the user name or the id")),
        }
    }
}
