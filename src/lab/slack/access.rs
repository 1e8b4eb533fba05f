//! Tokens, and what they may.

use super::answers::Refusal;

/// The token of the workspace's bot, which may do all that a console does.
pub const BOT_TOKEN: &str = "xoxb-lab-only";
/// A token that may look and write, and may neither manage channels nor pin.
pub const NARROW_TOKEN: &str = "xoxb-lab-narrow-only";
/// A token that was taken back.
pub const REVOKED_TOKEN: &str = "xoxb-lab-revoked-only";

/// What the bot may.
const ALL: [&str; 16] = [
    "bookmarks:read",
    "bookmarks:write",
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "chat:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "pins:read",
    "pins:write",
    "reactions:read",
    "reactions:write",
    "users:read",
    "users:read.email",
];
/// What the narrow token may.
const FEW: [&str; 4] = ["channels:history", "channels:read", "chat:write", "users:read"];

/// What a token may, or why it is refused.
pub(super) fn scopes(token: Option<&str>) -> Result<&'static [&'static str], Refusal> {
    match token {
        None | Some("") => Err("not_authed".into()),
        Some(BOT_TOKEN) => Ok(&ALL),
        Some(NARROW_TOKEN) => Ok(&FEW),
        Some(REVOKED_TOKEN) => Err("token_revoked".into()),
        Some(_) => Err("invalid_auth".into()),
    }
}
