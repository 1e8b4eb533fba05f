//! Rooms: what Matrix calls their opening, topic, people, pins and end. One that was being made when an attempt ended is
//! completed.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::board::{Board as _, NAMES, nth, short, shortened};
use super::super::road::{Outcome, Trouble, items, nobody, raw};
use super::super::rooms::{Rooms, Wanted, there_already};
use super::{Identity, MARK, Matrix, of_room};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::FaultKind;
use crate::ports::incident::{ChannelView, ServiceCheck};

/// The longest alias that is made, in characters, without the server's name.
const ALIAS: usize = 120;

impl Rooms for Matrix {
    type Identity = Identity;

    fn account(&self) -> &Account<Identity> {
        &self.account
    }

    async fn whoami(&self) -> Outcome<Identity> {
        let whoami = self.ask("/account/whoami", &[]).await?.json;
        self.whose(&whoami).map_err(|fault| Trouble::ask(fault).coded("foreign_server"))
    }

    /// Rooms have no names of their own: these are aliases, made of the mark, too.
    fn names(name: &str, mark: &str) -> Vec<String> {
        let stem = format!("{name}-{}", short(mark, 4));
        (1..=NAMES).map(|number| nth(&stem, number, ALIAS)).collect()
    }

    async fn opened_before(&self, wanted: &Wanted<'_, Identity>) -> Outcome<Option<Receipt>> {
        for alias in &wanted.names {
            let Some(room) = self.room_of(wanted.me, alias).await? else { break };
            if self.is_ours(wanted, &room).await? {
                return Ok(Some(self.completed(wanted, alias, room).await?));
            }
        }
        Ok(None)
    }

    async fn create(&self, wanted: &Wanted<'_, Identity>, alias: &str) -> Outcome<Option<Receipt>> {
        match self.tell(wanted.cleared, "POST", "/createRoom", &self.request(wanted, alias)).await {
            Ok(made) if raw(&made, "/room_id").is_empty() => Err(self.account.road.lacks("the new room's id")),
            Ok(made) => {
                let room = raw(&made, "/room_id").to_owned();
                let remarks = self.put_into_space(wanted, &room).await;
                Ok(Some(receipt(wanted, alias, room, remarks)))
            }
            Err(taken) if taken.is(&["M_ROOM_IN_USE"]) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    async fn topic(&self, room: &str) -> Outcome<Option<String>> {
        let there = self.state(room, "m.room.topic", "").await?;
        Ok(there.map(|there| raw(&there, "/topic").to_owned()))
    }

    async fn set_topic(&self, cleared: &Cleared, room: &str, topic: &str) -> Outcome<bool> {
        self.set_state(cleared, room, "m.room.topic", "", &json!({ "topic": topic })).await?;
        Ok(true)
    }

    /// Of this or another homeserver.
    async fn resolve(&self, me: &Identity, who: &str) -> Outcome<String> {
        let user = user_id(who, me)?;
        self.known(&user, who, me).await?;
        Ok(user)
    }

    /// In the room, or invited.
    async fn is_there(&self, room: &str, user: &str) -> Outcome<bool> {
        let member = self.state(room, "m.room.member", user).await?;
        Ok(member.is_some_and(|member| matches!(raw(&member, "/membership"), "join" | "invite")))
    }

    async fn add(&self, cleared: &Cleared, _: &Identity, room: &str, user: &str, who: &str) -> Outcome<Vec<String>> {
        match self.tell(cleared, "POST", &format!("{}/invite", of_room(room)), &json!({ "user_id": user })).await {
            Ok(_) => Ok(Vec::new()),
            // The same word is for those who are in the room and for a room where we may invite nobody.
            Err(trouble) if trouble.is(&["M_FORBIDDEN"]) => match self.is_there(room, user).await {
                Ok(true) => Ok(vec![there_already(who)]),
                _ => Err(trouble),
            },
            Err(trouble) if trouble.is(&["M_NOT_FOUND", "M_INVALID_PARAM", "M_UNKNOWN"]) => Err(unknown(who)),
            Err(trouble) => Err(trouble),
        }
    }

    /// Beside those that are pinned.
    async fn pin(&self, cleared: &Cleared, room: &str, event: &str) -> Outcome<bool> {
        let there = self.state(room, "m.room.pinned_events", "").await.map_err(|trouble| trouble.unseen(cleared))?;
        let mut all = there.map_or_else(Vec::new, |there| items(&there, "/pinned").to_vec());
        if all.iter().any(|one| one == event) {
            return Ok(false);
        }
        all.push(json!(event));
        self.set_state(cleared, room, "m.room.pinned_events", "", &json!({ "pinned": all })).await?;
        Ok(true)
    }

    /// From then on only moderators write. A room cannot be put away.
    async fn archive(&self, cleared: &Cleared, _: &Identity, room: &str) -> Outcome<Option<&'static str>> {
        let levels = self.state(room, "m.room.power_levels", "").await.map_err(|trouble| trouble.unseen(cleared))?;
        let mut levels = levels.unwrap_or_else(|| json!({}));
        if levels["events_default"].as_i64().unwrap_or(0) >= 50 {
            return Ok(Some("it was closed already"));
        }
        // Types of their own level are none that people write.
        levels["events_default"] = json!(50);
        self.set_state(cleared, room, "m.room.power_levels", "", &levels).await?;
        Ok(Some("the room stays, and only moderators write in it"))
    }

    fn permalink(&self, _: &Identity, room: &str, event: &str) -> Option<String> {
        Some(clean(&format!("https://matrix.to/#/{}/{}", segment(room), segment(event))).into_owned())
    }

    async fn look(&self, me: &Identity, room: &str) -> Outcome<ChannelView> {
        self.seen(me, room).await
    }

    async fn checks(&self) -> Vec<ServiceCheck> {
        self.doctor().await
    }
}

impl Matrix {
    fn request(&self, wanted: &Wanted<'_, Identity>, alias: &str) -> Value {
        let mut request = json!({
            "room_alias_name": alias,
            "name": title(wanted),
            "topic": shortened(&wanted.purpose, Self::LIMITS.topic).0,
            "preset": if wanted.private { "private_chat" } else { "public_chat" },
            // Never in the directory of a server that others can read.
            "visibility": "private",
            "creation_content": {MARK: wanted.mark},
        });
        // Open to all, but to all of this homeserver: not to the whole federation.
        if !wanted.private {
            request["creation_content"]["m.federate"] = json!(false);
        }
        if let Some(space) = &self.account.parent {
            let content = json!({"via": [wanted.me.server], "canonical": true});
            request["initial_state"] = json!([{"type": "m.space.parent", "state_key": space, "content": content}]);
        }
        request
    }

    /// The room that an alias leads to.
    async fn room_of(&self, me: &Identity, alias: &str) -> Outcome<Option<String>> {
        let full = full(me, alias);
        match self.ask(&format!("/directory/room/{}", segment(&full)), &[]).await {
            Ok(reply) => Ok(Some(raw(&reply.json, "/room_id").to_owned()).filter(|room| !room.is_empty())),
            Err(trouble) if trouble.is(&["M_NOT_FOUND"]) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Does the room hold the mark? Who may not look into it did not make it.
    async fn is_ours(&self, wanted: &Wanted<'_, Identity>, room: &str) -> Outcome<bool> {
        match self.state(room, "m.room.create", "").await {
            Ok(content) => Ok(content.is_some_and(|content| content[MARK] == wanted.mark.as_str())),
            Err(trouble) if trouble.is(&["M_FORBIDDEN"]) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// A homeserver makes the alias first and then the room event by event: one whose making was interrupted lacks what
    /// says who may do what in it. It is completed.
    async fn completed(&self, wanted: &Wanted<'_, Identity>, alias: &str, room: String) -> Outcome<Receipt> {
        let mut remarks = Vec::new();
        let created = self.state(&room, "m.room.create", "").await?;
        let version = created.as_ref().map_or("", |created| raw(created, "/room_version"));
        let rule = if wanted.private { "invite" } else { "public" };
        let full = full(wanted.me, alias);
        let parts = [
            ("m.room.power_levels", levels(wanted.me, version)),
            ("m.room.join_rules", json!({ "join_rule": rule })),
            ("m.room.history_visibility", json!({"history_visibility": "shared"})),
            ("m.room.canonical_alias", json!({ "alias": full })),
            ("m.room.name", json!({"name": title(wanted)})),
        ];
        let mut completed = false;
        for (kind, content) in parts {
            let there = self.state(&room, kind, "").await?;
            if there.is_none() {
                self.set_state(wanted.cleared, &room, kind, "", &content).await?;
                completed = true;
            }
        }
        if completed {
            remarks.push("its making had been interrupted, and was completed".to_owned());
        }
        remarks.extend(self.put_into_space(wanted, &room).await);
        Ok(receipt(wanted, alias, room, remarks))
    }

    /// The space names its rooms, too. Whether it does hinders nothing.
    async fn put_into_space(&self, wanted: &Wanted<'_, Identity>, room: &str) -> Vec<String> {
        let Some(space) = &self.account.parent else { return Vec::new() };
        let content = json!({"via": [wanted.me.server]});
        match self.set_state(wanted.cleared, space, "m.space.child", room, &content).await {
            Ok(_) => Vec::new(),
            Err(trouble) => vec![format!("it was not put into the space: {}", trouble.said())],
        }
    }

    /// Homeservers invite whoever is named; whether there is somebody behind it, their profile tells.
    async fn known(&self, user: &str, who: &str, me: &Identity) -> Outcome<()> {
        match self.ask(&format!("/profile/{}", segment(user)), &[]).await {
            Err(trouble)
                if trouble.is(&["M_INVALID_PARAM"])
                    || (!trouble.code.is_empty() && trouble.error.fault.kind == FaultKind::NotServed) =>
            {
                Err(unknown(who))
            }
            // Another server may be away, or keep profiles to itself: the invitation waits there.
            Err(trouble) if !user.ends_with(&format!(":{}", me.server)) && !trouble.is(&["ratelimited"]) => Ok(()),
            Err(trouble) if trouble.is(&["M_FORBIDDEN"]) => Ok(()),
            Err(trouble) => Err(trouble),
            Ok(_) => Ok(()),
        }
    }
}

/// Who may do what in a room, as a homeserver sets it: people write, moderators alter it. From version 12 on, who made a
/// room stands above all levels and must not be named.
fn levels(me: &Identity, version: &str) -> Value {
    let is_above = version.parse::<u32>().is_ok_and(|version| version >= 12);
    let users = if is_above { json!({}) } else { json!({me.user.as_str(): 100}) };
    json!({
        "users": users,
        "users_default": 0,
        "events_default": 0,
        "state_default": 50,
        "events": {"m.room.power_levels": 100, "m.room.history_visibility": 100},
    })
}

/// `#payment-4f2a:example.org`.
fn full(me: &Identity, alias: &str) -> String {
    format!("#{alias}:{}", me.server)
}

/// What people see a room called.
fn title(wanted: &Wanted<'_, Identity>) -> String {
    shortened(wanted.asked, Matrix::LIMITS.name).0
}

fn receipt(wanted: &Wanted<'_, Identity>, alias: &str, room: String, remarks: Vec<String>) -> Receipt {
    let link = format!("https://matrix.to/#/{}", segment(&full(wanted.me, alias)));
    Receipt { id: Some(room), name: Some(clean(&title(wanted)).into_owned()), link: Some(link), remarks }
}

/// `@alice:example.org` of `alice`, `@alice` or the whole.
fn user_id(who: &str, me: &Identity) -> Outcome<String> {
    let name = who.trim();
    let local = name.trim_start_matches('@');
    if local.is_empty() || (local.contains('@') && !name.starts_with('@')) {
        let hint = "Matrix invites by user id (@name:server); it has no addresses of its own";
        return Err(nobody("Matrix", who, "does not know", hint));
    }
    Ok(if local.contains(':') { format!("@{local}") } else { format!("@{local}:{}", me.server) })
}

fn unknown(who: &str) -> Trouble {
    nobody("Matrix", who, "does not know", "use the user id, @name:server, or invite them by hand")
}
