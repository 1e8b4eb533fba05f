//! The HTTP side: methods, who may call them, and what a call has at hand.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::net::TcpListener;

use super::answers::{Answer, Refusal};
use super::arguments::Arguments;
use super::channel::Channel;
use super::{Held, Slack, access, conversations, marks, messages, people};
use crate::lab::ScenarioName;

/// Serves the API until the task is dropped.
pub async fn serve(listener: TcpListener, server: Slack) -> std::io::Result<()> {
    axum::serve(listener, router(server)).await
}

fn router(server: Slack) -> Router {
    Router::new().route("/api/{method}", any(answer)).with_state(server)
}

/// A method.
struct Method {
    name: &'static str,
    /// One of these has to be among the token's scopes.
    scopes: &'static [&'static str],
    /// Does it change anything? Then it takes JSON.
    writes: bool,
    run: fn(&mut Call<'_>) -> Answer,
}

const fn reads(name: &'static str, scopes: &'static [&'static str], run: fn(&mut Call<'_>) -> Answer) -> Method {
    Method { name, scopes, writes: false, run }
}

const fn writes(name: &'static str, scopes: &'static [&'static str], run: fn(&mut Call<'_>) -> Answer) -> Method {
    Method { name, scopes, writes: true, run }
}

const SEE: &[&str] = &["channels:read", "groups:read"];
const MANAGE: &[&str] = &["channels:manage", "groups:write"];

static METHODS: [Method; 23] = [
    writes("auth.test", &[], people::who),
    writes("conversations.create", MANAGE, conversations::create),
    reads("conversations.list", SEE, conversations::list),
    reads("conversations.info", SEE, conversations::info),
    writes("conversations.setTopic", MANAGE, conversations::set_topic),
    writes("conversations.setPurpose", MANAGE, conversations::set_purpose),
    writes("conversations.invite", MANAGE, conversations::invite),
    writes("conversations.join", &["channels:join"], conversations::join),
    writes("conversations.archive", MANAGE, conversations::archive),
    reads("conversations.members", SEE, conversations::members),
    reads("conversations.history", &["channels:history", "groups:history"], conversations::history),
    reads("users.list", &["users:read"], people::list),
    reads("users.info", &["users:read"], people::info),
    reads("users.lookupByEmail", &["users:read.email"], people::by_email),
    writes("chat.postMessage", &["chat:write"], messages::post),
    reads("chat.getPermalink", &[], messages::permalink),
    writes("pins.add", &["pins:write"], marks::pin),
    reads("pins.list", &["pins:read"], marks::pins),
    writes("reactions.add", &["reactions:write"], marks::react),
    reads("reactions.get", &["reactions:read"], marks::reactions),
    writes("bookmarks.add", &["bookmarks:write"], marks::bookmark),
    // It takes JSON though it only reads: so does Slack.
    writes("bookmarks.list", &["bookmarks:read"], marks::bookmarks),
    writes("api.test", &[], |_| Ok(json!({"args": {}}))),
];

/// One call of a method.
pub(super) struct Call<'a> {
    pub held: &'a mut Held,
    pub given: &'a Arguments,
    pub now: DateTime<Utc>,
    pub url: &'a str,
    pub scenario: ScenarioName,
    scopes: &'static [&'static str],
}

impl Call<'_> {
    /// Refuses a token without one of some scopes.
    fn must_any(&self, wanted: &[&str]) -> Result<(), Refusal> {
        if wanted.is_empty() || wanted.iter().any(|scope| self.scopes.contains(scope)) {
            return Ok(());
        }
        Err(Refusal::Error("missing_scope", json!({"needed": wanted.join(","), "provided": self.scopes.join(",")})))
    }

    /// Refuses a token without this scope.
    pub(super) fn must(&self, scope: &str) -> Result<(), Refusal> {
        self.must_any(&[scope])
    }

    /// The channel that the call is about, by its id, or by its name with a `#`.
    pub(super) fn channel(&mut self) -> Result<&mut Channel, Refusal> {
        // Bookmarks have a word of their own for it.
        let given = self.given;
        let wanted = given.text("channel").or_else(|| given.text("channel_id"));
        let wanted = wanted.ok_or_else(|| Refusal::arguments("missing required field: channel"))?;
        let named = wanted.strip_prefix('#');
        let found = self.held.channels.iter_mut().find(|channel| match named {
            Some(name) => channel.name == name,
            None => channel.id == wanted,
        });
        found.filter(|channel| channel.is_seen()).ok_or_else(|| "channel_not_found".into())
    }

    /// The same, if the bot is in it and may change it.
    pub(super) fn own_channel(&mut self) -> Result<&mut Channel, Refusal> {
        let channel = self.channel()?;
        if channel.archived {
            return Err("is_archived".into());
        }
        if !channel.has(people::bot().id) {
            return Err("not_in_channel".into());
        }
        Ok(channel)
    }
}

async fn answer(
    State(server): State<Slack>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(method) = METHODS.iter().find(|method| method.name == name) else {
        return Refusal::Error("unknown_method", json!({"req_method": name})).into_response();
    };
    match perform(&server, method, query.as_deref(), &headers, &body) {
        Ok((mut told, scopes)) => {
            told["ok"] = json!(true);
            ([("x-oauth-scopes", scopes.join(","))], Json(told)).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn perform(
    server: &Slack,
    method: &Method,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(serde_json::Value, &'static [&'static str]), Refusal> {
    let given = Arguments::read(query, headers, body, method.writes)?;
    let scopes = access::scopes(given.token(headers))?;
    let mut held = server.lock();
    let mut call = Call {
        held: &mut held,
        given: &given,
        now: server.clock.now(),
        url: &server.url,
        scenario: server.scenario,
        scopes,
    };
    call.must_any(method.scopes)?;
    Ok(((method.run)(&mut call)?, scopes))
}
