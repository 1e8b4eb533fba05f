//! What Slack's errors mean (`{"ok": false, "error": …}` with status 200), and what to do about them.

use serde_json::Value;

use super::super::road::{LATER, Road, Trouble, raw, text};
use crate::domain::text::clean;
use crate::integrations::http::HttpAnswer;
use crate::ports::feed::{Fault, FaultKind};

/// Errors after which it may have been done, as their documentation says.
const DOUBTFUL: [&str; 3] = ["internal_error", "fatal_error", "service_unavailable"];

/// Errors that pass by themselves.
const PASSING: [&str; 2] = ["request_timeout", "team_added_to_org"];

/// See [`super::super::road::Refusal`].
pub(super) fn refusal(road: &Road, _: &HttpAnswer, json: &Value) -> Option<Trouble> {
    // No `ok` at all is not Slack's; the road says what to think of that.
    if json["ok"].as_bool()? {
        return None;
    }
    let code = raw(json, "/error").to_owned();
    let (kind, why, hint) = meaning(&code, json);
    let message = format!("{} refused it: {} ({why})", road.whose(), clean(&code));
    let fault = Fault::new(kind, message).hint(hint);
    Some(
        match code.as_str() {
            "ratelimited" | "rate_limited" => Trouble::later(fault, LATER),
            code if DOUBTFUL.contains(&code) => Trouble::doubtful(fault),
            code if PASSING.contains(&code) => Trouble::later(fault, LATER),
            _ => Trouble::ask(fault),
        }
        .coded(code),
    )
}

/// Kind, meaning and what to do.
fn meaning(code: &str, json: &Value) -> (FaultKind, String, String) {
    let said = |kind: FaultKind, why: &str, hint: &str| (kind, why.to_owned(), hint.to_owned());
    match code {
        "invalid_auth" | "not_authed" => said(
            FaultKind::Unauthorized,
            "it does not know the token",
            "check chat.token: a bot's token begins with xoxb-",
        ),
        "token_revoked" => said(
            FaultKind::Unauthorized,
            "the token was revoked",
            "install the app in the workspace again and put its new token where chat.token says",
        ),
        "token_expired" => {
            said(FaultKind::Unauthorized, "the token has expired", "put a new one where chat.token says")
        }
        "account_inactive" => said(
            FaultKind::Unauthorized,
            "the token's user or workspace was deactivated",
            "install the app in the workspace again, or have its user activated",
        ),
        "missing_scope" => {
            let needed = text(json, "/needed");
            let provided = text(json, "/provided");
            let has = if provided.is_empty() { String::new() } else { format!("; it has {provided}") };
            (
                FaultKind::Forbidden,
                format!("the token lacks the scope {needed}{has}"),
                format!("add {needed} under OAuth & Permissions of the app, and install it again"),
            )
        }
        "no_permission" | "restricted_action" | "not_allowed_token_type" | "access_denied" | "user_is_restricted" => {
            said(
                FaultKind::Forbidden,
                "the workspace does not allow it to this app",
                "ask an administrator of the workspace to allow it",
            )
        }
        "is_archived" => {
            said(FaultKind::Server, "the channel is archived", "unarchive it in Slack, or drop this delivery")
        }
        "channel_not_found" => said(
            FaultKind::NotServed,
            "there is no such channel, or it is private and the app is not in it",
            "invite the app to the channel, or open another one",
        ),
        "not_in_channel" => {
            said(FaultKind::Forbidden, "the app is not in the channel", "invite it there: /invite @ and the app's name")
        }
        "name_taken" => said(FaultKind::Server, "a channel of that name exists", "choose another name"),
        "user_not_found" | "users_not_found" => {
            said(FaultKind::NotConfigured, "it does not know that user", "correct the name, or invite them by hand")
        }
        "cant_invite" | "user_team_not_in_channel" | "ura_max_channels" => {
            said(FaultKind::Forbidden, "that user cannot be invited there", "invite them by hand")
        }
        "message_not_found" | "no_item_specified" => {
            said(FaultKind::NotServed, "the message is gone", "drop this delivery")
        }
        "ratelimited" | "rate_limited" => {
            said(FaultKind::Server, "it had too many requests", "it is sent by itself afterwards")
        }
        "accesslimited" => said(
            FaultKind::Forbidden,
            "this network is not allowed",
            "ask an administrator of the workspace to allow this address to the app",
        ),
        "internal_error" | "fatal_error" | "service_unavailable" => said(
            FaultKind::Server,
            "it failed on the way; a part may have been done",
            "it is looked for before it is sent again",
        ),
        "request_timeout" | "team_added_to_org" => {
            said(FaultKind::Server, "it is not able to at the moment", "it is sent by itself afterwards")
        }
        "too_many_bookmarks" | "too_many_pins" => {
            said(FaultKind::Server, "the channel holds no more of them", "remove some in Slack, or drop this delivery")
        }
        "invalid_link" => said(FaultKind::Server, "it takes only web addresses", "correct the link"),
        code if code.starts_with("invalid_name") => said(
            FaultKind::Server,
            "it takes no such name",
            "names hold lower-case letters, digits, - and _, at most 80 of them",
        ),
        _ => said(FaultKind::Server, "see docs.slack.dev", "correct it, or drop this delivery"),
    }
}
