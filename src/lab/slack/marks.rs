//! `pins.*`, `reactions.*` and `bookmarks.*`: what people hang on messages and channels.

use serde_json::{Value, json};

use super::answers::{Answer, Refusal};
use super::channel::Pin;
use super::http::Call;
use super::messages::address;
use super::people;
use crate::lab::world::naming::digest;

/// Most pins, and most bookmarks, of a channel.
const MOST: usize = 100;

pub(super) fn pin(call: &mut Call<'_>) -> Answer {
    let ts = call.given.text("timestamp").ok_or("no_item_specified")?.to_owned();
    let at = call.now.timestamp();
    let channel = call.own_channel()?;
    channel.message(&ts)?;
    if channel.pins.iter().any(|pin| pin.ts == ts) {
        return Err("already_pinned".into());
    }
    if channel.pins.len() >= MOST {
        return Err("too_many_pins".into());
    }
    channel.pins.push(Pin { ts, by: people::bot().id.to_owned(), at });
    Ok(json!({}))
}

pub(super) fn pins(call: &mut Call<'_>) -> Answer {
    let url = call.url;
    let channel = call.channel()?;
    let item = |pin: &Pin| {
        let message = channel.messages.iter().find(|message| message.ts == pin.ts)?;
        let mut told = channel.message_json(message, false);
        told["permalink"] = json!(address(url, &channel.id, &pin.ts));
        Some(json!({
            "type": "message", "channel": channel.id, "created": pin.at, "created_by": pin.by, "message": told,
        }))
    };
    // The newest first, as they are shown.
    let items: Vec<Value> = channel.pins.iter().rev().filter_map(item).collect();
    Ok(json!({"items": items}))
}

pub(super) fn react(call: &mut Call<'_>) -> Answer {
    let name = call.given.text("name").ok_or("no_reaction")?.trim_matches(':').to_owned();
    let ts = call.given.text("timestamp").ok_or("no_item_specified")?.to_owned();
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_+-':".contains(c)) {
        return Err("invalid_name".into());
    }
    call.own_channel()?.message(&ts)?.react(&name, people::bot().id)?;
    Ok(json!({}))
}

pub(super) fn reactions(call: &mut Call<'_>) -> Answer {
    let (url, ts) = (call.url, call.given.text("timestamp").ok_or("no_item_specified")?.to_owned());
    let channel = call.channel()?;
    let message = channel.message(&ts)?.clone();
    let mut told = channel.message_json(&message, false);
    told["permalink"] = json!(address(url, &channel.id, &ts));
    Ok(json!({"type": "message", "channel": channel.id, "message": told}))
}

pub(super) fn bookmark(call: &mut Call<'_>) -> Answer {
    let (given, at) = (call.given, call.now.timestamp());
    let title = given.required("title")?;
    if given.required("type")? != "link" {
        return Err("invalid_bookmark_type".into());
    }
    let link = given.text("link").filter(|link| link.starts_with("https://") || link.starts_with("http://"));
    let link = link.ok_or_else(|| Refusal::from("invalid_link"))?;
    let channel = call.own_channel()?;
    if channel.bookmarks.len() >= MOST {
        return Err("too_many_bookmarks".into());
    }
    let number = channel.bookmarks.len().to_string();
    let bookmark = json!({
        "id": format!("Bk{:010X}", digest(&["slack bookmark", &channel.id, &number]) & 0xff_ffff_ffff),
        "channel_id": channel.id, "title": title, "link": link, "emoji": given.text("emoji").unwrap_or_default(),
        "icon_url": "", "type": "link", "entity_id": null, "date_created": at, "date_updated": 0, "rank": number,
        "last_updated_by_user_id": people::bot().id, "last_updated_by_team_id": super::TEAM, "shortcut_id": null,
        "app_id": null,
    });
    channel.bookmarks.push(bookmark.clone());
    Ok(json!({"bookmark": bookmark}))
}

pub(super) fn bookmarks(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    Ok(json!({"bookmarks": channel.bookmarks}))
}
