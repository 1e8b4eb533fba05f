//! The people of the workspace, by their roles, and what tells of them.

use serde_json::{Value, json};

use super::TEAM;
use super::answers::{Answer, page};
use super::http::Call;

/// Somebody, or a program.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The identifier by which everything goes.
    pub id: &'static str,
    /// The handle.
    pub name: &'static str,
    /// The name that is shown.
    pub shown: &'static str,
    /// The address that they are found by; programs have none.
    pub email: &'static str,
    /// Is it a program?
    pub bot: bool,
    /// Is the account closed?
    pub gone: bool,
}

const fn person(id: &'static str, name: &'static str, shown: &'static str, email: &'static str) -> Person {
    Person { id, name, shown, email, bot: false, gone: false }
}

/// Who made the workspace.
pub(super) const OWNER: &str = PEOPLE[1].id;

/// Everybody. The first is the bot in whose name tokens act.
pub const PEOPLE: [Person; 7] = [
    Person { bot: true, ..person("U0LABBOT001", "opsdeck", "opsdeck (lab)", "") },
    person("U0LABONCALL", "oncall", "On call (lab)", "oncall@shop.example"),
    person("U0LABPAYLED", "payments-lead", "Payments lead (lab)", "payments-lead@shop.example"),
    person("U0LABSRELED", "sre-lead", "SRE lead (lab)", "sre-lead@shop.example"),
    person("U0LABSUPPRT", "support", "Support (lab)", "support@shop.example"),
    Person { gone: true, ..person("U0LABFORMER", "former-lead", "Former lead (lab)", "former-lead@shop.example") },
    Person { bot: true, ..person("USLACKBOT", "slackbot", "Slackbot", "") },
];

/// The bot in whose name tokens act.
pub(super) fn bot() -> &'static Person {
    &PEOPLE[0]
}

impl Person {
    /// The one with this identifier.
    pub(super) fn of(id: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.id == id)
    }

    /// The one with this handle.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.name == name)
    }

    fn json(&self) -> Value {
        let mut profile = json!({
            "real_name": self.shown, "real_name_normalized": self.shown, "display_name": self.shown,
            "display_name_normalized": self.shown, "title": "", "status_text": "", "status_emoji": "", "team": TEAM,
        });
        if !self.email.is_empty() {
            profile["email"] = json!(self.email);
        }
        json!({
            "id": self.id, "team_id": TEAM, "name": self.name, "deleted": self.gone, "real_name": self.shown,
            "tz": "Etc/UTC", "tz_label": "Coordinated Universal Time", "tz_offset": 0, "profile": profile,
            "is_admin": self.id == OWNER, "is_owner": self.id == OWNER, "is_restricted": false,
            "is_ultra_restricted": false, "is_bot": self.bot && self.id != "USLACKBOT", "is_app_user": false, "updated": 0,
        })
    }
}

/// `auth.test`
#[expect(clippy::unnecessary_wraps, reason = "a method like the others, which may fail")]
pub(super) fn who(call: &mut Call<'_>) -> Answer {
    let bot = bot();
    Ok(json!({
        "url": format!("{}/", call.url), "team": "Shop (lab)", "user": bot.name, "team_id": TEAM, "user_id": bot.id,
        "bot_id": "B0LABBOT001", "is_enterprise_install": false,
    }))
}

/// `users.list`
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let limit = call.given.limit(PEOPLE.len(), 1000)?;
    let (people, next) = page(&PEOPLE, call.given.text("cursor"), limit)?;
    let members: Vec<Value> = people.iter().map(Person::json).collect();
    Ok(json!({
        "members": members, "cache_ts": call.now.timestamp(), "response_metadata": {"next_cursor": next},
    }))
}

/// `users.info`
pub(super) fn info(call: &mut Call<'_>) -> Answer {
    let person = Person::of(call.given.required("user")?).ok_or("user_not_found")?;
    Ok(json!({"user": person.json()}))
}

/// `users.lookupByEmail`
pub(super) fn by_email(call: &mut Call<'_>) -> Answer {
    let email = call.given.required("email")?;
    let found = PEOPLE.iter().find(|person| !person.gone && person.email.eq_ignore_ascii_case(email));
    Ok(json!({"user": found.ok_or("users_not_found")?.json()}))
}
