//! A feature flag server: the admin API of Unleash, as far as a console needs it, and a dozen flags with a past.
//!
//! What a real Unleash 7.5 (open source, recorded in `tests/data/unleash`) does, and this one does too:
//! - `Authorization` carries the bare token. `*:*.…` is an admin token, which belongs to nobody; `user:…` is a personal
//!   one with its owner's root role (Admin, Editor, Viewer). `GET /api/admin/user` lists what a person may do, nothing
//!   for a Viewer, and **repeats an admin token in its answer**. No token or an unknown one is a 401, a client's token a
//!   403 without a permission.
//! - What is not allowed is a 403 `PermissionError` whose `permissions` name what is missing, before anything else is
//!   looked at. For a *person*, even an Admin, an unknown environment is such a 403 as well; for an admin token a 404.
//! - `search/features` gives 50 flags unless told otherwise, at most 100: a higher `limit` silently means 50 (1,000 for
//!   `search/events`). Advance by what was received. The order is by creation, then name. An unknown project is empty.
//! - `on` and `off` answer 200 without a body, also when there is nothing to change (then without an event). A flag
//!   without strategies gets one for everybody with its first `on`. There is no precondition to be had.
//! - An archived flag is a 404, but its environment is still read as it was left; switching it is a 400
//!   `ArchivedFeatureError`, and archiving it again a 202.
//! - `variantCount` of a search does not count the variants of strategies, which are the only ones there are now.
//! - Names are at most 100 characters and URL-friendly; types are five. Change requests and projects beside `default`
//!   need another edition: this one has a second project, as those have.
//! - Programs ask every few seconds; `yes` and `no` count their evaluations of the last hour.

mod access;
mod catalogue;
mod events;
mod flag;
mod http;
mod query;
mod reads;
#[cfg(test)]
mod tests;
mod writes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use self::events::Event;
use self::flag::Flag;
pub use self::http::serve;
use crate::lab::clock::LabClock;
use crate::lab::world::naming::digest;
use crate::lab::world::traffic::switches::Switches;

pub use self::access::{ADMIN_TOKEN, EDITOR_TOKEN, OWNER_TOKEN, VIEWER_TOKEN};

/// Projects: id, name, description.
const PROJECTS: [(&str, &str, &str); 2] =
    [("default", "Default", "Default project"), ("platform", "Platform", "What the cluster itself goes by")];
/// Environments: name and type are the same; order.
const ENVIRONMENTS: [(&str, u32); 2] = [("development", 2), (PRODUCTION, 3)];
/// The environment that the shop runs in.
const PRODUCTION: &str = "production";

/// One flag server. Clones share their state.
#[derive(Clone)]
pub struct Unleash {
    clock: LabClock,
    url: Arc<str>,
    switches: Switches,
    held: Arc<Mutex<Held>>,
}

/// What changes.
#[derive(Default)]
struct Held {
    /// By name, which is unique over all projects.
    flags: BTreeMap<String, Flag>,
    /// Oldest first.
    events: Vec<Event>,
    /// How many identifiers were given.
    given: u64,
}

impl Held {
    /// An identifier in the form of a UUID.
    fn id(&mut self) -> String {
        self.given += 1;
        let number = self.given.to_string();
        let (high, low) = (digest(&["unleash", &number]), digest(&["unleash", &number, "low"]));
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }
}

impl Unleash {
    /// A server at `url` with the lab's flags. What it switches, the world goes by; the switches made before are its
    /// history.
    pub fn new(clock: LabClock, switches: Switches, url: &str) -> Self {
        let held = catalogue::held(clock.origin(), &switches);
        let server = Self { clock, url: url.into(), switches, held: Arc::new(Mutex::new(held)) };
        server.tell(&server.lock());
        server
    }

    /// A server without flags.
    #[cfg(test)]
    fn empty(clock: LabClock, url: &str) -> Self {
        Self { clock, url: url.into(), switches: Switches::default(), held: Arc::default() }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the world for which share of the users each flag is on.
    fn tell(&self, held: &Held) {
        let now = self.now();
        for (name, flag) in &held.flags {
            self.switches.set(name, now, flag.share(PRODUCTION));
        }
    }
}

/// A time as JavaScript writes it.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
