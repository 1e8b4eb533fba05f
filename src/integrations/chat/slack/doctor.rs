//! What `doctor` wants to know of Slack: token, workspace, scopes, clock.

use super::super::road::{clock, found, raw, text};
use super::super::rooms::Rooms as _;
use super::Slack;
use crate::ports::incident::{ServiceCheck, ServiceFinding};

/// Scopes, others that do as well, and what does not work without them.
const SCOPES: [(&str, &[&str], &str); 11] = [
    ("channels:manage", &["channels:write"], "public channels cannot be opened, named, filled or archived"),
    ("groups:write", &[], "private channels cannot be opened, named, filled or archived"),
    ("chat:write", &[], "nothing can be posted"),
    ("pins:write", &[], "the summary cannot be pinned"),
    ("bookmarks:write", &[], "links cannot be put at the channel's head"),
    ("bookmarks:read", &[], "a link that may have arrived cannot be looked for"),
    ("channels:read", &[], "a public channel that may have been opened cannot be looked for, nor looked at"),
    ("channels:history", &[], "messages that may have arrived cannot be looked for, nor marked ones be read"),
    ("groups:read", &[], "a private channel that may have been opened cannot be looked for, nor looked at"),
    ("groups:history", &[], "in private channels, messages that may have arrived cannot be looked for"),
    ("users:read", &[], "people can be invited by id or address only, and show as ids"),
];

/// Needed for addresses alone.
const EMAIL: &str = "users:read.email";

impl Slack {
    /// Token, workspace, scopes, clock.
    pub(super) async fn doctor(&self) -> Vec<ServiceCheck> {
        let reply = match self.ask("auth.test", &[]).await {
            Ok(reply) => reply,
            Err(trouble) => return vec![found("token", ServiceFinding::Failed(trouble.error.fault))],
        };
        let whose = &reply.json;
        let kind = if raw(whose, "/bot_id").is_empty() { "user" } else { "bot" };
        let well = format!("{kind} {} of {}", text(whose, "/user"), text(whose, "/team"));
        let mut checks = vec![found("token", ServiceFinding::Well(well))];
        checks.push(match self.foreign(whose) {
            Some(fault) => found("workspace", ServiceFinding::Failed(fault)),
            None if self.account.team.is_some() => found("workspace", ServiceFinding::Well(text(whose, "/team"))),
            None => found(
                "workspace",
                ServiceFinding::Loss(
                    format!(
                        "any workspace would do; the token's is {} ({})",
                        text(whose, "/team"),
                        text(whose, "/team_id")
                    ),
                    "set chat.team, so that a wrong token is noticed before anything is sent".to_owned(),
                ),
            ),
        });
        checks.extend(scopes(reply.scopes.as_deref()));
        checks.extend(clock(&reply));
        checks
    }
}

fn scopes(said: Option<&str>) -> Vec<ServiceCheck> {
    let Some(said) = said else {
        let loss = "Slack did not say which scopes the token has".to_owned();
        let hint = "what is missing shows when it is needed".to_owned();
        return vec![found("scopes", ServiceFinding::Loss(loss, hint))];
    };
    let has: Vec<&str> = said.split(',').map(str::trim).collect();
    let is_missing =
        |scope: &str, others: &[&str]| !has.contains(&scope) && !others.iter().any(|one| has.contains(one));
    let loss = |scope: &str, without: &str| {
        let hint = format!("add {scope} under OAuth & Permissions of the app, and install it again");
        found(format!("scope {scope}"), ServiceFinding::Loss(format!("missing: {without}"), hint))
    };
    let mut checks: Vec<ServiceCheck> = SCOPES
        .iter()
        .filter(|(scope, others, _)| is_missing(scope, others))
        .map(|(scope, _, without)| loss(scope, without))
        .collect();
    if is_missing(EMAIL, &[]) {
        checks.push(loss(EMAIL, "people cannot be invited by their e-mail address"));
    }
    if checks.is_empty() {
        checks.push(found("scopes", ServiceFinding::Well("all that are needed".to_owned())));
    }
    checks
}
