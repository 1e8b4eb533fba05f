//! A chat server in the shape of Slack's Web API, as far as a console needs it, with a few people who play their part.
//!
//! What Slack does, and this one does too:
//! - Everything is `POST` or `GET` of `/api/<method>`. Arguments come as a query, as a form, or as JSON; a method that
//!   only reads ignores JSON. The token is a `Bearer`, or the argument `token` of a form.
//! - A refusal is HTTP 200 with `{"ok": false, "error": …}`. Only "too fast" is a 429, with `Retry-After` in seconds: about
//!   one message a second a channel, after a small burst. The limits of the other methods are so wide that no console meets
//!   them, and are left out.
//! - `missing_scope` says what was `needed` and what the token was `provided` with.
//! - Names of channels are taken for ever, also by archived and by private ones. What is archived takes no change.
//! - `conversations.list` filters what it has paged: a page may be short, even empty, and not the last. Cursors end with `=`.
//! - A list of invited people goes through as a whole or not at all, unless `force` is given; who is there already counts as a
//!   failure.
//! - Texts come back with `&`, `<` and `>` as entities, where they are not a link or a mention.
//! - Metadata of messages is shown in full only with `include_all_metadata`.
//!
//! A channel whose name begins with `inc` has a life: somebody joins it and says what they know of the scenario, by the lab's
//! clock (`life`). All people here are the lab's own, and say so in their names.

mod access;
mod answers;
mod arguments;
mod channel;
mod conversations;
mod http;
mod life;
mod marks;
mod messages;
mod people;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

pub use self::access::{BOT_TOKEN, NARROW_TOKEN, REVOKED_TOKEN};
use self::channel::{Channel, Message};
pub use self::http::serve;
pub use self::people::{PEOPLE, Person};
use crate::lab::ScenarioName;
use crate::lab::clock::LabClock;
use crate::lab::world::naming::digest;

/// The id of the workspace.
pub const TEAM: &str = "T0LABSHOP01";
/// How long ago the workspace was made.
const MADE: TimeDelta = TimeDelta::days(400);
/// How long ago the last incident was.
const LAST_INCIDENT: TimeDelta = TimeDelta::days(49);

/// One workspace. Clones share their state.
#[derive(Clone)]
pub struct Slack {
    clock: LabClock,
    url: Arc<str>,
    scenario: ScenarioName,
    held: Arc<Mutex<Held>>,
}

/// What changes.
#[derive(Default)]
struct Held {
    /// Oldest first.
    channels: Vec<Channel>,
    /// The last timestamp that was given, in microseconds: no two are the same.
    last: i64,
}

impl Slack {
    /// A workspace at `url` in which people know of a scenario.
    pub fn new(clock: LabClock, scenario: ScenarioName, url: &str) -> Self {
        let mut held = Held::default();
        let (now, bot) = (clock.origin(), people::bot().id);
        let made = now - MADE;
        for (name, topic) in [
            ("general", "Everybody is here"),
            ("incidents", "What is wrong and who is on it. Channels of incidents are announced here"),
            ("payments", "payment and pricing"),
        ] {
            let mut channel = Channel::new(channel_id(name), name, false, people::OWNER, made);
            // The bot was never asked into the one of the payments team.
            let asked =
                |person: &&Person| if person.bot { person.id == bot && name != "payments" } else { !person.gone };
            let others = PEOPLE.iter().filter(asked).filter(|person| person.id != people::OWNER);
            channel.members.extend(others.map(|person| person.id.to_owned()));
            channel.topic.set(topic, people::OWNER, made);
            held.channels.push(channel);
        }
        let then = now - LAST_INCIDENT;
        let name = then.format("inc-%Y%m%d-checkout-latency").to_string();
        let mut past = Channel::new(channel_id(&name), &name, false, bot, then);
        past.members.push(people::OWNER.to_owned());
        past.topic.set("SEV3: checkout is slow (resolved)", bot, then);
        past.messages.push(Message::said(
            ts(then.timestamp_micros()),
            people::OWNER,
            "Resolved. The post-mortem follows.",
        ));
        past.archived = true;
        held.channels.push(past);
        Self { clock, url: url.into(), scenario, held: Arc::new(Mutex::new(held)) }
    }

    /// The state, with everything done that people have done until now.
    fn lock(&self) -> MutexGuard<'_, Held> {
        // Every change leaves whole channels behind, so a poisoned lock is still sound.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        life::live(&mut held, self.clock.now());
        held
    }
}

impl Held {
    /// A timestamp that no other message has: `at`, or a microsecond after the last one.
    fn stamp(&mut self, at: DateTime<Utc>) -> String {
        self.last = at.timestamp_micros().max(self.last + 1);
        ts(self.last)
    }
}

/// Microseconds since 1970 as Slack writes them: an identifier that looks like a number.
fn ts(micros: i64) -> String {
    format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
}

/// The identifier of the channel that is opened by this name: names are unique.
fn channel_id(name: &str) -> String {
    format!("C{:010X}", digest(&["slack channel", name]) & 0xff_ffff_ffff)
}
