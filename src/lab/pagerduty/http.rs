//! The HTTP side: routes, who asks, and errors in the service's words.

use std::time::Duration;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::access::Caller;
use super::lists::Params;
use super::people::User;
use super::{BURST, PagerDuty, events, reads, writes};

/// Serves the API until the task is dropped.
pub async fn serve(listener: TcpListener, server: PagerDuty) -> std::io::Result<()> {
    axum::serve(listener, router(server)).await
}

fn router(server: PagerDuty) -> Router {
    let rest = Router::new()
        .route("/abilities", get(reads::abilities))
        .route("/users", get(reads::users))
        .route("/users/me", get(reads::me))
        .route("/users/{id}", get(reads::user))
        .route("/teams", get(reads::teams))
        .route("/services", get(reads::services))
        .route("/services/{id}", get(reads::service))
        .route("/escalation_policies", get(reads::policies))
        .route("/escalation_policies/{id}", get(reads::policy))
        .route("/oncalls", get(reads::on_calls))
        .route("/change_events", get(reads::changes))
        .route("/incidents", get(reads::incidents).put(writes::manage))
        .route("/incidents/{id}", get(reads::incident).put(writes::update))
        .route("/incidents/{id}/alerts", get(reads::alerts))
        .route("/incidents/{id}/log_entries", get(reads::log))
        .route("/incidents/{id}/notes", get(reads::notes).post(writes::note))
        .route("/incidents/{id}/responder_requests", post(writes::request))
        .route("/incidents/{id}/snooze", post(writes::snooze))
        .fallback(async || Refusal::not_found())
        .layer(middleware::from_fn_with_state(server.clone(), limited));
    Router::new()
        .route("/v2/enqueue", post(events::enqueue))
        .route("/v2/change/enqueue", post(events::change))
        .merge(rest)
        .method_not_allowed_fallback(async || Refusal::new(StatusCode::METHOD_NOT_ALLOWED, 2000, "Method Not Allowed"))
        .with_state(server)
}

/// Lets calls through as fast as they may come, and says how many are left.
async fn limited(State(server): State<PagerDuty>, request: axum::extract::Request, next: middleware::Next) -> Response {
    let (taken, left) = {
        let mut held = server.lock();
        (held.pace.take(), held.pace.left())
    };
    let (mut response, wait) = match taken {
        Ok(()) => (next.run(request).await, Duration::ZERO),
        Err(wait) => (Refusal::new(StatusCode::TOO_MANY_REQUESTS, 2020, "Rate Limit Exceeded").into_response(), wait),
    };
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    for (name, value) in
        [("ratelimit-limit", BURST.into()), ("ratelimit-remaining", left.into()), ("ratelimit-reset", seconds)]
    {
        response.headers_mut().insert(HeaderName::from_static(name), value.into());
    }
    response
}

/// Who asks. Taking one as an argument refuses everybody else.
pub(super) struct Asker(pub Caller);

impl FromRequestParts<PagerDuty> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &PagerDuty) -> Result<Self, Refusal> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let unknown = || Refusal::new(StatusCode::UNAUTHORIZED, 2006, "Unauthorized");
        given.and_then(Caller::of).map(Self).ok_or_else(unknown)
    }
}

/// In whose name something is written. Taking one as an argument refuses who may not write.
pub(super) struct Writer(pub &'static User);

impl FromRequestParts<PagerDuty> for Writer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, server: &PagerDuty) -> Result<Self, Refusal> {
        let Asker(caller) = Asker::from_request_parts(parts, server).await?;
        if !caller.writes {
            return Err(Refusal::new(StatusCode::FORBIDDEN, 2010, "Access Denied"));
        }
        if let Some(user) = caller.user {
            return Ok(Self(user));
        }
        let bad = |code, why| Refusal::new(StatusCode::BAD_REQUEST, code, why);
        let from = parts.headers.get(header::FROM).and_then(|value| value.to_str().ok());
        let why = "You must specify a user's email address in the \"From\" header to perform this action";
        let from = from.filter(|from| !from.is_empty()).ok_or_else(|| bad(2016, why))?;
        if !from.contains('@') {
            return Err(bad(1028, "Malformed \"From\" header"));
        }
        User::of_email(from).map(Self).ok_or_else(|| bad(1008, "Requester User Not Found"))
    }
}

impl FromRequestParts<PagerDuty> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, server: &PagerDuty) -> Result<Self, Refusal> {
        let given: Result<Query<Vec<(String, String)>>, _> = Query::from_request_parts(parts, server).await;
        given.map(|Query(given)| Self(given)).map_err(|_| Refusal::invalid("The query cannot be read"))
    }
}

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: u32, why: &str) -> Self {
        Self { status, body: json!({"error": {"message": why, "code": code}}) }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, 2100, "Not Found")
    }

    /// Something in the request is not as it has to be.
    pub(super) fn invalid(why: &str) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, 2001, "Invalid Input Provided");
        refusal.body["error"]["errors"] = json!([why]);
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
