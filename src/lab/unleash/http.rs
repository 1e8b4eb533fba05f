//! The HTTP side: routes, who asks, and errors in the real server's words.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::access::{CLIENT_TOKEN, Caller};
use super::{Unleash, reads, writes};
use crate::lab::world::naming::digest;

/// Serves the API until the task is dropped.
pub async fn serve(listener: TcpListener, server: Unleash) -> std::io::Result<()> {
    axum::serve(listener, router(server)).await
}

fn router(server: Unleash) -> Router {
    let strategies = "/projects/{project}/features/{flag}/environments/{environment}/strategies";
    let api = Router::new()
        .route("/user", get(reads::user))
        .route("/ui-config", get(reads::configuration))
        .route("/projects", get(reads::projects))
        .route("/environments", get(reads::environments))
        .route("/environments/project/{project}", get(reads::project_environments))
        .route("/feature-types", get(reads::kinds))
        .route("/search/features", get(reads::search))
        .route("/search/events", get(reads::search_events))
        .route("/events/{flag}", get(reads::events))
        .route("/features/{flag}/tags", get(reads::tags).post(writes::tag))
        .route("/client-metrics/features/{flag}", get(reads::metrics))
        .route("/projects/{project}/features", get(reads::flags).post(writes::create))
        .route("/projects/{project}/features/{flag}", get(reads::flag).delete(writes::archive))
        .route("/projects/{project}/features/{flag}/environments/{environment}", get(reads::environment))
        .route("/projects/{project}/features/{flag}/environments/{environment}/on", post(writes::on))
        .route("/projects/{project}/features/{flag}/environments/{environment}/off", post(writes::off))
        .route(strategies, post(writes::add_strategy))
        .route(
            &format!("{strategies}/{{strategy}}"),
            put(writes::put_strategy).patch(writes::patch_strategy).delete(writes::remove_strategy),
        )
        .route("/projects/{project}/revive", post(writes::revive))
        .route("/projects/{project}/stale", post(writes::stale))
        .fallback(async |_: Asker, State(server): State<Unleash>, uri: Uri| {
            let path = format!("/api/admin{}", uri.path());
            Refusal::not_found(&format!("The path you were looking for ({path}) is not available.")).with_id(&server)
        });
    Router::new()
        .nest("/api/admin", api)
        .route("/health", get(async || Json(json!({"health": "GOOD"}))))
        .with_state(server)
}

/// Who asks. Taking one as an argument refuses everybody else.
pub(super) struct Asker(pub Caller);

impl FromRequestParts<Unleash> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, server: &Unleash) -> Result<Self, Refusal> {
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match token {
            None => Err(Refusal::nobody().with_id(server)),
            Some(CLIENT_TOKEN) => Err(Refusal {
                status: StatusCode::FORBIDDEN,
                body: json!({"message": "invalid token: expected a different token type for this endpoint"}),
            }),
            Some(token) => Caller::of(token).map(Self).ok_or_else(|| {
                let why = "You must log in to use Unleash.";
                Refusal::new(StatusCode::UNAUTHORIZED, "UnauthorizedError", why).with_id(server)
            }),
        }
    }
}

impl Asker {
    /// Refuses what they may not do.
    pub(super) fn must(
        &self,
        server: &Unleash,
        permission: &str,
        project: &str,
        environment: Option<&str>,
    ) -> Result<(i64, &'static str), Refusal> {
        if self.0.may(permission, project, environment) {
            return Ok((self.0.id, self.0.name));
        }
        let why = format!(
            "You don't have the required permissions to perform this operation. To perform this action, you need the \"{permission}\" permission."
        );
        let mut refusal = Refusal::new(StatusCode::FORBIDDEN, "PermissionError", &why).with_id(server);
        refusal.body["permissions"] = json!([permission]);
        Err(refusal)
    }
}

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, name: &str, why: &str) -> Self {
        Self { status, body: json!({"name": name, "message": why, "details": [{"message": why}]}) }
    }

    pub(super) fn not_found(why: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", why)
    }

    /// Something in the request is not as it has to be; `path` says where.
    pub(super) fn bad_data(why: &str, path: Option<&str>) -> Self {
        let general = "Request validation failed: your request body or params contain invalid data. Refer to the `details` list for more information.";
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, "BadDataError", general);
        let mut detail = json!({"message": why});
        if let Some(path) = path {
            detail["path"] = json!(path);
        }
        refusal.body["details"] = json!([detail]);
        refusal
    }

    fn nobody() -> Self {
        let why = "You must log in to use Unleash. Your request had no authorization header, so we could not authorize you. Try logging in at /auth/simple/login";
        let mut refusal = Self::new(StatusCode::UNAUTHORIZED, "AuthenticationRequired", why);
        for (name, value) in
            [("path", json!("/auth/simple/login")), ("type", json!("password")), ("defaultHidden", json!(false))]
        {
            refusal.body[name] = value;
        }
        refusal
    }

    /// With the identifier by which the real server's log knows it.
    pub(super) fn with_id(mut self, server: &Unleash) -> Self {
        self.body["id"] = json!(server.lock().id());
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

/// A weak hash of what is answered, as every answer of the real server has.
pub(super) fn tagged(body: &Value) -> Response {
    let text = body.to_string();
    let tag = format!("W/\"{:x}-{:016x}\"", text.len(), digest(&[&text]));
    ([(header::ETAG, tag), (header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned())], text).into_response()
}
