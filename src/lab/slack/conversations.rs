//! `conversations.*`: channels, their people, topics and past.

use serde_json::{Value, json};

use super::answers::{Answer, Refusal, page};
use super::channel::{Channel, Message};
use super::http::Call;
use super::people::{self, Person};
use super::{channel_id, life};

/// Longest name of a channel, in characters.
const LONGEST_NAME: usize = 80;
/// Longest topic and purpose, in characters.
const LONGEST_TOPIC: usize = 250;
/// Most people who can be invited at once.
const MOST_INVITED: usize = 1000;

/// What channels are called, or why not so.
fn name(given: Option<&str>) -> Result<&str, Refusal> {
    let name = given.ok_or("invalid_name_required")?;
    if name.chars().count() > LONGEST_NAME {
        return Err("invalid_name_maxlength".into());
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !name.chars().all(|c| plain(c) || c == '-' || c == '_') {
        return Err("invalid_name_specials".into());
    }
    if !name.chars().any(plain) {
        return Err("invalid_name_punctuation".into());
    }
    Ok(name)
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let name = name(call.given.text("name"))?;
    let private = call.given.flag("is_private");
    call.must(if private { "groups:write" } else { "channels:manage" })?;
    if call.held.channels.iter().any(|channel| channel.name == name) {
        return Err("name_taken".into());
    }
    let mut channel = Channel::new(channel_id(name), name, private, people::bot().id, call.now);
    channel.plan = life::plan(call.scenario, name);
    let told = channel.json();
    call.held.channels.push(channel);
    Ok(json!({"channel": told}))
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let types = call.given.text("types").unwrap_or("public_channel");
    if let Some(kind) =
        types.split(',').find(|kind| !["public_channel", "private_channel", "mpim", "im"].contains(kind))
    {
        return Err(Refusal::Error("invalid_types", json!({"response_metadata": {"messages": [kind]}})));
    }
    let wanted = |channel: &&Channel| {
        let kind = if channel.private { "private_channel" } else { "public_channel" };
        types.split(',').any(|wanted| wanted == kind) && channel.is_seen()
    };
    let all: Vec<&Channel> = call.held.channels.iter().filter(wanted).collect();
    let (page, next) = page(&all, call.given.text("cursor"), call.given.limit(100, 1000)?)?;
    // After the page was cut, as Slack does it.
    let living = call.given.flag("exclude_archived");
    let channels: Vec<Value> =
        page.iter().filter(|channel| !(living && channel.archived)).map(|channel| channel.json()).collect();
    Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn info(call: &mut Call<'_>) -> Answer {
    Ok(json!({"channel": call.channel()?.json()}))
}

pub(super) fn set_topic(call: &mut Call<'_>) -> Answer {
    say(call, "topic")
}

pub(super) fn set_purpose(call: &mut Call<'_>) -> Answer {
    say(call, "purpose")
}

fn say(call: &mut Call<'_>, what: &'static str) -> Answer {
    let (now, given) = (call.now, call.given);
    let text = given.text(what).unwrap_or_default();
    let (ts, bot) = (call.held.stamp(now), people::bot().id);
    let channel = call.own_channel()?;
    if text.chars().count() > LONGEST_TOPIC {
        return Err("too_long".into());
    }
    let (saying, subtype) = match what {
        "topic" => (&mut channel.topic, "channel_topic"),
        _ => (&mut channel.purpose, "channel_purpose"),
    };
    saying.set(text, bot, now);
    let line = Message::said(ts, bot, &format!("<@{bot}> set the channel {what}: {text}"));
    channel.messages.push(Message { subtype: Some(subtype), ..line });
    Ok(json!({"channel": channel.json()}))
}

pub(super) fn invite(call: &mut Call<'_>) -> Answer {
    let users: Vec<&str> = call.given.text("users").ok_or("no_user")?.split(',').map(str::trim).collect();
    if users.len() > MOST_INVITED {
        return Err("too_many_users".into());
    }
    let force = call.given.flag("force");
    let channel = call.own_channel()?;
    let refused = |user: &str| match Person::of(user) {
        None => Some("user_not_found"),
        Some(person) if person.id == people::bot().id => Some("cant_invite_self"),
        Some(person) if person.gone || person.bot => Some("cant_invite"),
        Some(person) => channel.has(person.id).then_some("already_in_channel"),
    };
    let refusals: Vec<(&str, &'static str)> = users.iter().filter_map(|user| Some((*user, refused(user)?))).collect();
    let errors: Vec<Value> =
        refusals.iter().map(|(user, error)| json!({"user": user, "ok": false, "error": error})).collect();
    // One of them alone is told as the error itself; all of them together are the first one's.
    if let Some((_, first)) = refusals.first().filter(|_| !force || refusals.len() == users.len()) {
        return Err(Refusal::Error(first, if users.len() > 1 { json!({"errors": errors}) } else { json!({}) }));
    }
    let id = channel.id.clone();
    for user in users.iter().filter(|user| !refusals.iter().any(|(refused, _)| refused == *user)) {
        let ts = call.held.stamp(call.now);
        // Named twice, they come in once.
        if let Some(channel) = call.held.channels.iter_mut().find(|channel| channel.id == id && !channel.has(user)) {
            channel.enter(user, ts);
        }
    }
    let mut told = json!({"channel": call.channel()?.json()});
    if !errors.is_empty() {
        told["errors"] = json!(errors);
    }
    Ok(told)
}

pub(super) fn join(call: &mut Call<'_>) -> Answer {
    let (ts, bot) = (call.held.stamp(call.now), people::bot().id);
    let channel = call.channel()?;
    if channel.archived {
        return Err("is_archived".into());
    }
    let mut told = json!({});
    if channel.has(bot) {
        told["warning"] = json!("already_in_channel");
        told["response_metadata"] = json!({"warnings": ["already_in_channel"]});
    } else {
        channel.enter(bot, ts);
    }
    told["channel"] = channel.json();
    Ok(told)
}

pub(super) fn members(call: &mut Call<'_>) -> Answer {
    let given = call.given;
    let channel = call.channel()?;
    let (page, next) = page(&channel.members, given.text("cursor"), given.limit(100, 1000)?)?;
    Ok(json!({"members": page, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn archive(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    if channel.archived {
        return Err("already_archived".into());
    }
    if channel.name == "general" {
        return Err("cant_archive_general".into());
    }
    if !channel.has(people::bot().id) {
        return Err("not_in_channel".into());
    }
    channel.archived = true;
    Ok(json!({}))
}

pub(super) fn history(call: &mut Call<'_>) -> Answer {
    let given = call.given;
    let limit = given.limit(100, 999)?;
    let channel = call.channel()?;
    if !channel.has(people::bot().id) {
        return Err("not_in_channel".into());
    }
    let bound = |name: &str| match given.text(name).filter(|text| *text != "0") {
        None => Ok(None),
        Some(text) => micros(text)
            .map(Some)
            .ok_or_else(|| Refusal::from(if name == "oldest" { "invalid_ts_oldest" } else { "invalid_ts_latest" })),
    };
    let (oldest, latest, inclusive) = (bound("oldest")?, bound("latest")?, given.flag("inclusive"));
    let within = |message: &&Message| {
        let at = micros(&message.ts).unwrap_or_default();
        oldest.is_none_or(|oldest| at > oldest || inclusive && at == oldest)
            && latest.is_none_or(|latest| at < latest || inclusive && at == latest)
            && message.thread.is_none()
    };
    let newest_first: Vec<&Message> = channel.messages.iter().rev().filter(within).collect();
    let (page, next) = page(&newest_first, given.text("cursor"), limit)?;
    let whole = given.flag("include_all_metadata");
    let messages: Vec<Value> = page.iter().map(|message| channel.message_json(message, whole)).collect();
    let mut told = json!({"messages": messages, "has_more": !next.is_empty(), "pin_count": channel.pins.len()});
    if !next.is_empty() {
        told["response_metadata"] = json!({"next_cursor": next});
    }
    Ok(told)
}

/// A timestamp in microseconds.
fn micros(ts: &str) -> Option<i64> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, "0"));
    let rest: i64 = format!("{rest:0<6}").get(..6)?.parse().ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(rest)
}
