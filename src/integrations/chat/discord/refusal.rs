//! What Discord's errors mean (`{"code": 50013, "message": …}`;
//! <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>).

use serde_json::Value;

use super::super::road::{Road, Trouble, text};
use crate::integrations::http::HttpAnswer;
use crate::ports::feed::{Fault, FaultKind};

/// See [`super::super::road::Refusal`].
pub(super) fn refusal(road: &Road, answer: &HttpAnswer, json: &Value) -> Option<Trouble> {
    let code = json["code"].as_u64().filter(|_| (400..500).contains(&answer.status))?;
    let (kind, hint) = match (answer.status, code) {
        (401, _) => (
            FaultKind::Unauthorized,
            "the token was reset: copy the bot's new one to where chat.token says, without the word Bot",
        ),
        (_, 50001) => (FaultKind::Forbidden, "the bot may not see it: add it to the channel or its category"),
        (_, 50013 | 50007) => (
            FaultKind::Forbidden,
            "the bot lacks a permission in the server: Manage Channels, Manage Roles, Send Messages or Pin Messages",
        ),
        (_, 10003 | 10004 | 10008) => (FaultKind::NotServed, "it was deleted in Discord: drop this delivery"),
        (_, 10007 | 10013) => (FaultKind::NotConfigured, "they have to join the server first"),
        (_, 30003) => (FaultKind::Server, "the channel holds no more pins: remove some"),
        (_, 30013) => (FaultKind::Server, "the server holds no more channels: delete old ones"),
        (_, 50083) => (FaultKind::Server, "the thread is archived: unarchive it, or drop this delivery"),
        (403, _) => (FaultKind::Forbidden, "ask an administrator of the server to allow it to the bot"),
        _ => (FaultKind::Server, "correct it, or drop this delivery"),
    };
    let message = format!("{} refused it: {} ({code})", road.whose(), text(json, "/message"));
    Some(Trouble::ask(Fault::new(kind, message).hint(hint)).coded(code.to_string()))
}
