//! What Matrix' errors mean (`{"errcode": "M_…", "error": …}`).

use serde_json::Value;

use super::super::road::{Road, Trouble, raw, text};
use crate::integrations::http::HttpAnswer;
use crate::ports::feed::{Fault, FaultKind};

/// See [`super::super::road::Refusal`].
pub(super) fn refusal(road: &Road, answer: &HttpAnswer, json: &Value) -> Option<Trouble> {
    let code = raw(json, "/errcode");
    if !(400..500).contains(&answer.status) || code.is_empty() {
        return None;
    }
    let (kind, hint) = match code {
        "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" => (
            FaultKind::Unauthorized,
            "the token was revoked or has expired: log in again and put the new one where chat.token says",
        ),
        "M_USER_DEACTIVATED" | "M_USER_SUSPENDED" | "M_USER_LOCKED" => {
            (FaultKind::Unauthorized, "the token's user may do nothing any more: ask an administrator of the server")
        }
        "M_FORBIDDEN" | "M_GUEST_ACCESS_FORBIDDEN" => (
            FaultKind::Forbidden,
            "the token's user may not do it there: ask an administrator of the room or the server",
        ),
        "M_ROOM_IN_USE" => (FaultKind::Server, "choose another name"),
        "M_TOO_LARGE" => (FaultKind::Server, "make it shorter"),
        // Synapse has no better word for some that are not there.
        _ if answer.status == 404 && code != "M_UNRECOGNIZED" => {
            (FaultKind::NotServed, "it is gone, or the token's user is not in the room")
        }
        "M_UNRECOGNIZED" => (FaultKind::NotServed, "check that chat.url leads to the homeserver itself"),
        _ => (FaultKind::Server, "correct it, or drop this delivery"),
    };
    let message = format!("{} refused it: {} ({})", road.whose(), text(json, "/error"), text(json, "/errcode"));
    Some(Trouble::ask(Fault::new(kind, message).hint(hint)).coded(code))
}
