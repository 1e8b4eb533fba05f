//! Rooms: opened once, with a topic and people, and an end.

use serde_json::{Value, json};

use super::super::board::{NAMES, cut, nth, plain_name, short, shortened};
use super::super::road::{Trouble, nobody, raw};
use super::super::words::plain;
use super::{Identity, LIMITS, MARK, Matrix, of_room};
use crate::domain::incident::delivery::Receipt;
use crate::domain::text::clean;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::ports::feed::{Fault, FaultKind};

impl Matrix {
    /// Opens the room, or finds the one that an earlier attempt opened, by its alias.
    pub(super) async fn open(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        wanted: &str,
        private: bool,
        purpose: &str,
    ) -> Result<Receipt, Trouble> {
        let name = plain_name(wanted, LIMITS.name)
            .map_err(|why| Trouble::ask(Fault::new(FaultKind::NotConfigured, why).hint("choose another name")))?;
        let (purpose, _) = shortened(&plain(purpose), LIMITS.topic);
        let title = shortened(wanted, LIMITS.name).0;
        let stem = format!("{name}-{}", short(&cleared.mark(), 4));
        let aliases: Vec<String> = (1..=NAMES).map(|number| nth(&stem, number, 120)).collect();
        let opening = Opening { alias: String::new(), title, private, purpose };
        if cleared.doubt() {
            for alias in &aliases {
                let there = self.room_of(identity, alias).await.map_err(|trouble| trouble.unseen(cleared))?;
                let Some(room) = there else { break };
                if self.is_ours(cleared, &room).await.map_err(|trouble| trouble.unseen(cleared))? {
                    return self.adopted(cleared, identity, room, &Opening { alias: alias.clone(), ..opening }).await;
                }
            }
        }
        for alias in aliases {
            let opening = Opening { alias, ..opening.clone() };
            match self.tell(cleared, "POST", "/createRoom", &self.request(cleared, identity, &opening)).await {
                Ok(made) if raw(&made, "/room_id").is_empty() => return Err(self.road.lacks("the new room's id")),
                Ok(made) => {
                    let room = raw(&made, "/room_id").to_owned();
                    let remarks = self.put_into_space(cleared, identity, &room).await;
                    return Ok(receipt(identity, room, &opening, remarks));
                }
                Err(taken) if taken.is(&["M_ROOM_IN_USE"]) => {
                    let there = self.room_of(identity, &opening.alias).await?;
                    if let Some(room) = there
                        && self.is_ours(cleared, &room).await?
                    {
                        return self.adopted(cleared, identity, room, &opening).await;
                    }
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let message = format!("rooms with the aliases {stem} to {} all exist already", nth(&stem, NAMES, 120));
        Err(Trouble::ask(Fault::new(FaultKind::Server, message).hint("choose another name")))
    }

    fn request(&self, cleared: &Cleared, identity: &Identity, opening: &Opening) -> Value {
        let mut request = json!({
            "room_alias_name": opening.alias,
            "name": opening.title,
            "topic": opening.purpose,
            "preset": if opening.private { "private_chat" } else { "public_chat" },
            // Never in the directory of a server that others can read.
            "visibility": "private",
            "creation_content": {MARK: cleared.mark()},
        });
        if let Some(space) = &self.space {
            let content = json!({"via": [identity.server], "canonical": true});
            request["initial_state"] = json!([{"type": "m.space.parent", "state_key": space, "content": content}]);
        }
        request
    }

    /// The room that an alias leads to.
    async fn room_of(&self, identity: &Identity, alias: &str) -> Result<Option<String>, Trouble> {
        let full = format!("#{alias}:{}", identity.server);
        match self.ask(&format!("/directory/room/{}", segment(&full)), &[]).await {
            Ok(reply) => Ok(Some(raw(&reply.json, "/room_id").to_owned()).filter(|room| !room.is_empty())),
            Err(trouble) if trouble.is(&["M_NOT_FOUND"]) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Does the room hold the mark? Who may not look into it did not make it.
    async fn is_ours(&self, cleared: &Cleared, room: &str) -> Result<bool, Trouble> {
        match self.state(room, "m.room.create", "").await {
            Ok(content) => Ok(content.is_some_and(|content| content[MARK] == cleared.mark().as_str())),
            Err(trouble) if trouble.is(&["M_FORBIDDEN"]) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// A homeserver makes the alias first and then the room event by event: one whose making was interrupted lacks what
    /// says who may do what in it. It is completed.
    async fn adopted(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        room: String,
        opening: &Opening,
    ) -> Result<Receipt, Trouble> {
        let mut remarks = vec!["it was there already: an earlier attempt had arrived".to_owned()];
        let created = self.state(&room, "m.room.create", "").await.map_err(|trouble| trouble.unseen(cleared))?;
        let version = created.as_ref().map_or("", |created| raw(created, "/room_version"));
        let rule = if opening.private { "invite" } else { "public" };
        let alias = format!("#{}:{}", opening.alias, identity.server);
        let parts = [
            ("m.room.power_levels", levels(identity, version)),
            ("m.room.join_rules", json!({ "join_rule": rule })),
            ("m.room.history_visibility", json!({"history_visibility": "shared"})),
            ("m.room.canonical_alias", json!({ "alias": alias })),
            ("m.room.name", json!({"name": opening.title})),
        ];
        let mut completed = false;
        for (kind, content) in parts {
            let there = self.state(&room, kind, "").await.map_err(|trouble| trouble.unseen(cleared))?;
            if there.is_none() {
                self.set_state(cleared, &room, kind, "", &content).await?;
                completed = true;
            }
        }
        if completed {
            remarks.push("its making had been interrupted, and was completed".to_owned());
        }
        remarks.extend(self.put_into_space(cleared, identity, &room).await);
        Ok(receipt(identity, room, opening, remarks))
    }

    /// The space names its rooms, too. Whether it does hinders nothing.
    async fn put_into_space(&self, cleared: &Cleared, identity: &Identity, room: &str) -> Vec<String> {
        let Some(space) = &self.space else { return Vec::new() };
        let content = json!({"via": [identity.server]});
        match self.set_state(cleared, space, "m.space.child", room, &content).await {
            Ok(_) => Vec::new(),
            Err(trouble) => vec![format!("it was not put into the space: {}", trouble.said())],
        }
    }

    /// Sets the topic.
    pub(super) async fn set_topic(&self, cleared: &Cleared, room: &str, topic: &str) -> Result<Receipt, Trouble> {
        let (topic, was_cut) = shortened(&plain(topic), LIMITS.topic);
        let mut remarks = Vec::new();
        if was_cut {
            remarks.push(cut("topic", LIMITS.topic));
        }
        if cleared.doubt() {
            let there = self.state(room, "m.room.topic", "").await.map_err(|trouble| trouble.unseen(cleared))?;
            if there.is_some_and(|there| raw(&there, "/topic") == topic) {
                remarks.push("it had arrived already".to_owned());
                return Ok(Receipt { remarks, ..Receipt::default() });
            }
        }
        self.set_state(cleared, room, "m.room.topic", "", &json!({ "topic": topic })).await?;
        Ok(Receipt { remarks, ..Receipt::default() })
    }

    /// Invites one person of this or another homeserver.
    pub(super) async fn invite(
        &self,
        cleared: &Cleared,
        identity: &Identity,
        room: &str,
        who: &str,
    ) -> Result<Receipt, Trouble> {
        let user = user_id(who, identity)?;
        self.known(&user, who, identity).await.map_err(|trouble| trouble.unseen(cleared))?;
        let mut receipt = Receipt { id: Some(user.clone()), ..Receipt::default() };
        let there = format!("{} was in the room or invited already", clean(who));
        if cleared.doubt() && self.is_there(room, &user).await.map_err(|trouble| trouble.unseen(cleared))? {
            receipt.remarks.push(there);
            return Ok(receipt);
        }
        match self.tell(cleared, "POST", &format!("{}/invite", of_room(room)), &json!({ "user_id": user })).await {
            Ok(_) => Ok(receipt),
            // The same word is for those who are in the room and for a room where we may invite nobody.
            Err(trouble) if trouble.is(&["M_FORBIDDEN"]) => match self.is_there(room, &user).await {
                Ok(true) => {
                    receipt.remarks.push(there);
                    Ok(receipt)
                }
                _ => Err(trouble),
            },
            Err(trouble) if trouble.is(&["M_NOT_FOUND", "M_INVALID_PARAM", "M_UNKNOWN"]) => Err(unknown(who)),
            Err(trouble) => Err(trouble),
        }
    }

    /// Homeservers invite whoever is named; whether there is somebody behind it, their profile tells.
    async fn known(&self, user: &str, who: &str, identity: &Identity) -> Result<(), Trouble> {
        match self.ask(&format!("/profile/{}", segment(user)), &[]).await {
            Err(trouble)
                if trouble.is(&["M_INVALID_PARAM"])
                    || (!trouble.code.is_empty() && trouble.error.fault.kind == FaultKind::NotServed) =>
            {
                Err(unknown(who))
            }
            // Another server may be away, or keep profiles to itself: the invitation waits there.
            Err(trouble) if !user.ends_with(&format!(":{}", identity.server)) && !trouble.is(&["ratelimited"]) => {
                Ok(())
            }
            Err(trouble) if trouble.is(&["M_FORBIDDEN"]) => Ok(()),
            Err(trouble) => Err(trouble),
            Ok(_) => Ok(()),
        }
    }

    async fn is_there(&self, room: &str, user: &str) -> Result<bool, Trouble> {
        let member = self.state(room, "m.room.member", user).await?;
        Ok(member.is_some_and(|member| matches!(raw(&member, "/membership"), "join" | "invite")))
    }

    /// Closes the room for new messages: from then on only moderators write. A room cannot be put away.
    pub(super) async fn archive(&self, cleared: &Cleared, room: &str) -> Result<Receipt, Trouble> {
        let levels = self.state(room, "m.room.power_levels", "").await.map_err(|trouble| trouble.unseen(cleared))?;
        let mut levels = levels.unwrap_or_else(|| json!({}));
        let remark = if levels["events_default"].as_i64().unwrap_or(0) >= 50 {
            "it was closed already"
        } else {
            levels["events_default"] = json!(50);
            // Types of their own level are none that people write.
            self.set_state(cleared, room, "m.room.power_levels", "", &levels).await?;
            "the room stays, and only moderators write in it"
        };
        Ok(Receipt { remarks: vec![remark.to_owned()], ..Receipt::default() })
    }
}

/// Who may do what in a room, as a homeserver sets it: people write, moderators alter it. From version 12 on, who made a
/// room stands above all levels and must not be named.
fn levels(identity: &Identity, version: &str) -> Value {
    let is_above = version.parse::<u32>().is_ok_and(|version| version >= 12);
    let users = if is_above { json!({}) } else { json!({identity.user.as_str(): 100}) };
    json!({
        "users": users,
        "users_default": 0,
        "events_default": 0,
        "state_default": 50,
        "events": {"m.room.power_levels": 100, "m.room.history_visibility": 100},
    })
}

/// A room as it is wanted.
#[derive(Clone, Debug)]
struct Opening {
    alias: String,
    title: String,
    private: bool,
    purpose: String,
}

fn receipt(identity: &Identity, room: String, opening: &Opening, remarks: Vec<String>) -> Receipt {
    let alias = format!("#{}:{}", opening.alias, identity.server);
    let link = format!("https://matrix.to/#/{}", segment(&alias));
    Receipt { id: Some(room), name: Some(clean(&opening.title).into_owned()), link: Some(link), remarks }
}

/// `@alice:example.org` of `alice`, `@alice` or the whole.
fn user_id(who: &str, identity: &Identity) -> Result<String, Trouble> {
    let name = who.trim();
    let local = name.trim_start_matches('@');
    if local.is_empty() || (local.contains('@') && !name.starts_with('@')) {
        let hint = "Matrix invites by user id (@name:server); it has no addresses of its own";
        return Err(nobody("Matrix", who, "does not know", hint));
    }
    Ok(if local.contains(':') { format!("@{local}") } else { format!("@{local}:{}", identity.server) })
}

fn unknown(who: &str) -> Trouble {
    nobody("Matrix", who, "does not know", "use the user id, @name:server, or invite them by hand")
}
