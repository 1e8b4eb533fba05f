//! People, by whatever they are known as: an id, an address, a name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::super::road::{Trouble, items, nobody, raw, text};
use super::super::rooms::Rooms as _;
use super::Slack;
use super::rooms::{PAGE, PAGES};

/// How long the list of people is taken for true when a name is not in it.
const FRESH: Duration = Duration::from_secs(300);
/// So many names of people are asked for one by one for one look at a channel; the others show as their ids until the next.
const NAMES: usize = 30;

/// What is known of people.
#[derive(Default)]
pub(super) struct People {
    directory: Mutex<Option<(Instant, Vec<Person>)>>,
    names: Mutex<BTreeMap<String, String>>,
}

#[derive(Clone, Debug)]
struct Person {
    id: String,
    /// User name, display name, full name; lower case.
    known_as: Vec<String>,
}

impl Slack {
    /// The id of somebody.
    pub(super) async fn id_of(&self, who: &str) -> Result<String, Trouble> {
        let name = who.trim().trim_start_matches("<@").trim_end_matches('>').trim_start_matches('@');
        let is_id = name.len() >= 9
            && name.starts_with(['U', 'W'])
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if is_id {
            return Ok(name.to_owned());
        }
        if name.contains('@') {
            return match self.ask("users.lookupByEmail", &[("email", name)]).await {
                Ok(reply) if !raw(&reply.json, "/user/id").is_empty() => Ok(raw(&reply.json, "/user/id").to_owned()),
                Ok(_) => Err(self.account.road.lacks("the user's id")),
                Err(trouble) if trouble.is(&["users_not_found", "user_not_found"]) => Err(nobody(
                    "Slack",
                    who,
                    "knows nobody with the address",
                    "correct the address, or use a user name or id",
                )),
                Err(trouble) => Err(trouble),
            };
        }
        if name.is_empty() {
            return Err(nobody("Slack", who, "does not know", "name somebody"));
        }
        let wanted = name.to_lowercase();
        let ids = self.named(&wanted).await?;
        match ids.as_slice() {
            [id] => Ok(id.clone()),
            [] => Err(nobody(
                "Slack",
                who,
                "does not know",
                "use the user name, the e-mail address or the id of the profile",
            )),
            several => Err(nobody(
                "Slack",
                who,
                "knows several people as",
                format!("use one of their ids: {}", crate::domain::text::clean(&several.join(", "))),
            )),
        }
    }

    /// The ids of those who are known as this. The user name decides before display names do.
    async fn named(&self, wanted: &str) -> Result<Vec<String>, Trouble> {
        let mut directory = self.people.directory.lock().await;
        if let Some((read, people)) = directory.as_ref() {
            let ids = matching(people, wanted);
            if !ids.is_empty() || read.elapsed() < FRESH {
                return Ok(ids);
            }
        }
        let mut people = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let arguments = [("limit", PAGE), ("cursor", &cursor)];
            let arguments = if cursor.is_empty() { &arguments[..1] } else { &arguments[..] };
            let page = self.ask("users.list", arguments).await?.json;
            people.extend(
                items(&page, "/members").iter().filter(|user| user["deleted"].as_bool() != Some(true)).map(person),
            );
            raw(&page, "/response_metadata/next_cursor").clone_into(&mut cursor);
            if cursor.is_empty() {
                break;
            }
        }
        let ids = matching(&people, wanted);
        *directory = Some((Instant::now(), people));
        Ok(ids)
    }

    /// Names of people by their ids, for a look at a channel.
    pub(super) async fn names(&self, ids: &[String]) -> BTreeMap<String, String> {
        let mut names = self.people.names.lock().await;
        let mut asked = 0;
        for id in ids {
            if names.contains_key(id) || asked >= NAMES {
                continue;
            }
            asked += 1;
            // Without the scope for it, people show as their ids.
            let Ok(reply) = self.ask("users.info", &[("user", id)]).await else { break };
            names.insert(id.clone(), shown(&reply.json["user"]));
        }
        names.clone()
    }
}

fn matching(people: &[Person], wanted: &str) -> Vec<String> {
    let of = |range: fn(&Person, &str) -> bool| -> Vec<String> {
        people.iter().filter(|person| range(person, wanted)).map(|person| person.id.clone()).collect()
    };
    let by_user_name = of(|person, wanted| person.known_as.first().is_some_and(|name| name == wanted));
    if by_user_name.is_empty() {
        of(|person, wanted| person.known_as.iter().any(|name| name == wanted))
    } else {
        by_user_name
    }
}

fn person(user: &Value) -> Person {
    let names = ["/name", "/profile/display_name", "/profile/real_name"];
    let known_as = names.iter().map(|name| raw(user, name).to_lowercase()).collect();
    Person { id: raw(user, "/id").to_owned(), known_as }
}

/// As people see somebody.
fn shown(user: &Value) -> String {
    let names = ["/profile/display_name", "/profile/real_name", "/name", "/id"];
    names.iter().map(|name| text(user, name)).find(|name| !name.is_empty()).unwrap_or_default()
}
