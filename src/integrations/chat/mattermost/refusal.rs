//! What Mattermost's errors mean (`{"id": "api.….app_error", "message": …, "status_code": …}`).

use serde_json::Value;

use super::super::road::{Road, Trouble, raw, text};
use crate::integrations::http::HttpAnswer;
use crate::ports::feed::{Fault, FaultKind};

/// A channel of that name is there, or was and is archived.
pub(super) const TAKEN: [&str; 2] =
    ["store.sql_channel.save_channel.exists.app_error", "store.sql_channel.save_channel.previously.app_error"];

/// See [`super::super::road::Refusal`].
pub(super) fn refusal(road: &Road, answer: &HttpAnswer, json: &Value) -> Option<Trouble> {
    let id = raw(json, "/id");
    // It does not serve it (501): another edition, or switched off.
    if !matches!(answer.status, 400..=499 | 501) || id.is_empty() {
        return None;
    }
    let (kind, hint) = match (answer.status, id) {
        (401, _) => (
            FaultKind::Unauthorized,
            "the token was revoked or its user deactivated: make a new one and put it where chat.token says",
        ),
        (403, _) => (FaultKind::Forbidden, "ask an administrator of the server to allow it to the token's user"),
        (_, id) if id.contains("deleted") => {
            (FaultKind::Server, "the channel is archived: unarchive it, or drop this delivery")
        }
        (404 | 501, _) => (FaultKind::NotServed, "it is gone, or the token's user may not see it"),
        _ => (FaultKind::Server, "correct it, or drop this delivery"),
    };
    let said = text(json, "/message");
    let message = format!("{} refused it: {said} ({})", road.whose(), text(json, "/id"));
    Some(Trouble::ask(Fault::new(kind, message).hint(hint)).coded(id))
}

/// Was that refused because the channel is archived already?
pub(super) fn is_archived(trouble: &Trouble) -> bool {
    trouble.code.contains("delete_channel.deleted")
}

/// Is there nothing like that on this server (an older one, another edition), or not for this token?
pub(super) fn is_missing(trouble: &Trouble) -> bool {
    matches!(trouble.error.fault.kind, FaultKind::NotServed | FaultKind::Forbidden) || trouble.code.contains("license")
}
