//! The HTTP API v2, with the errors a real Alertmanager gives.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use super::matchers::{Matcher, MatcherText};
use super::silences::{Draft, SilenceError, time};
use super::{AlertFilter, AlertView, Alertmanager, PostedAlert};

type Params = Query<Vec<(String, String)>>;

/// Serves the API until the task is dropped.
pub async fn serve(listener: TcpListener, state: Alertmanager) -> std::io::Result<()> {
    axum::serve(listener, router(state)).await
}

pub(super) fn router(state: Alertmanager) -> Router {
    let api = Router::new()
        .route("/alerts", get(alerts).post(post_alerts))
        .route("/alerts/groups", get(groups))
        .route("/silences", get(silences).post(post_silence))
        .route("/silence/{id}", get(silence).delete(delete_silence))
        .route("/receivers", get(receivers))
        .route("/status", get(status))
        .method_not_allowed_fallback(async |method: Method| {
            problem(StatusCode::METHOD_NOT_ALLOWED, 405, &format!("method {method} is not allowed"))
        })
        .fallback(async |uri: Uri| {
            problem(StatusCode::NOT_FOUND, 404, &format!("path /api/v2{} was not found", uri.path()))
        });
    Router::new()
        .nest("/api/v2", api)
        .route("/-/healthy", get(async || "OK"))
        .route("/-/ready", get(async || "OK"))
        .with_state(state)
}

fn ok(body: &Json) -> Response {
    json_response(StatusCode::OK, body)
}

fn json_response(status: StatusCode, body: &Json) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

/// An answer that is an error.
struct Refusal {
    status: StatusCode,
    body: Json,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_response(self.status, &self.body)
    }
}

/// An error of a handler: a bare JSON string.
fn refusal(status: StatusCode, why: &str) -> Refusal {
    Refusal { status, body: json!(why) }
}

/// An error of the API layer: code and message.
fn problem(status: StatusCode, code: u16, message: &str) -> Refusal {
    Refusal { status, body: json!({ "code": code, "message": message }) }
}

fn missing(field: &str) -> Refusal {
    problem(StatusCode::UNPROCESSABLE_ENTITY, 602, &format!("{field} in body is required"))
}

/// Reads a request's body as JSON, which must not be empty and must say that it is JSON.
fn body(headers: &HeaderMap, body: &Bytes, name: &str) -> Result<Json, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/octet-stream");
    if !kind.starts_with("application/json") {
        let why = format!("unsupported media type {kind:?}, only [application/json] are allowed");
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, &why));
    }
    if body.is_empty() {
        return Err(missing(name));
    }
    serde_json::from_slice(body).map_err(|why| unparsable(name, &why.to_string()))
}

fn unparsable(name: &str, why: &str) -> Refusal {
    problem(StatusCode::BAD_REQUEST, 400, &format!("parsing {name} body from \"\" failed, because {why}"))
}

fn matchers(params: &[(String, String)]) -> Result<Vec<Matcher>, Refusal> {
    let filters = params.iter().filter(|(name, _)| name == "filter");
    let parsed = filters.map(|(_, text)| Matcher::parse(text)).collect::<Result<_, _>>();
    parsed.map_err(|why| refusal(StatusCode::BAD_REQUEST, &why))
}

fn filter(params: &[(String, String)]) -> Result<AlertFilter, Refusal> {
    let get = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    // Anything that is not a yes is a no; absence is a yes.
    let wanted = |name: &str| get(name).is_none_or(|v| matches!(v, "true" | "1" | "yes" | "y" | "t" | "on" | "ok"));
    let receiver = get("receiver").map(|pattern| regex::Regex::new(&format!("^(?:{pattern})$"))).transpose();
    let receiver =
        receiver.map_err(|why| refusal(StatusCode::BAD_REQUEST, &format!("failed to parse receiver param: {why}")))?;
    Ok(AlertFilter {
        active: wanted("active"),
        silenced: wanted("silenced"),
        inhibited: wanted("inhibited"),
        matchers: matchers(params)?,
        receiver,
    })
}

fn alert_json(view: &AlertView) -> Json {
    let alert = &view.alert;
    let muted = !view.silenced_by.is_empty() || !view.inhibited_by.is_empty();
    json!({
        "annotations": alert.annotations,
        "endsAt": time(alert.ends_at),
        "fingerprint": view.fingerprint,
        "receivers": view.groups.iter().map(|(name, _)| json!({ "name": name })).collect::<Vec<_>>(),
        "startsAt": time(alert.starts_at),
        "status": {
            "inhibitedBy": view.inhibited_by,
            "mutedBy": [],
            "silencedBy": view.silenced_by,
            "state": if muted { "suppressed" } else { "active" },
        },
        "updatedAt": time(alert.updated_at),
        "generatorURL": alert.generator_url,
        "labels": alert.labels,
    })
}

async fn alerts(State(state): State<Alertmanager>, Query(params): Params) -> Result<Response, Refusal> {
    Ok(ok(&state.alerts(&filter(&params)?).iter().map(alert_json).collect()))
}

async fn groups(State(state): State<Alertmanager>, Query(params): Params) -> Result<Response, Refusal> {
    let filter = filter(&params)?;
    let mut groups: std::collections::BTreeMap<_, Vec<Json>> = std::collections::BTreeMap::new();
    for view in state.alerts(&filter) {
        for (receiver, labels) in &view.groups {
            if filter.receiver.as_ref().is_none_or(|r| r.is_match(receiver)) {
                groups.entry((labels.clone(), receiver.clone())).or_default().push(alert_json(&view));
            }
        }
    }
    let group =
        |((labels, receiver), alerts)| json!({ "alerts": alerts, "labels": labels, "receiver": { "name": receiver } });
    Ok(ok(&groups.into_iter().map(group).collect()))
}

async fn post_alerts(
    State(state): State<Alertmanager>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode, Refusal> {
    let list = body(&headers, &bytes, "alerts")?;
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    if let Some(i) = items.iter().position(|alert| alert.get("labels").is_none_or(Json::is_null)) {
        return Err(missing(&format!("{i}.labels")));
    }
    let posted: Vec<PostedAlert> =
        serde_json::from_value(list).map_err(|why| unparsable("alerts", &why.to_string()))?;
    let refused = state.post(posted, state.clock.now());
    if refused.is_empty() { Ok(StatusCode::OK) } else { Err(refusal(StatusCode::BAD_REQUEST, &refused.join("; "))) }
}

async fn silences(State(state): State<Alertmanager>, Query(params): Params) -> Result<Response, Refusal> {
    let (now, filter) = (state.clock.now(), matchers(&params)?);
    Ok(ok(&state.lock().silences.list(&filter, now).iter().map(|s| s.json(now)).collect()))
}

/// Silence ids are UUIDs; anything else is refused before it is looked up.
fn check_id(id: &str) -> Result<(), Refusal> {
    let is_uuid = id.len() == 36
        && id.char_indices().all(|(i, c)| if matches!(i, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_hexdigit() });
    if is_uuid {
        return Ok(());
    }
    let why = format!("silenceID in path must be of type uuid: {id:?}");
    Err(problem(StatusCode::UNPROCESSABLE_ENTITY, 601, &why))
}

async fn silence(State(state): State<Alertmanager>, Path(id): Path<String>) -> Result<Response, Refusal> {
    check_id(&id)?;
    let now = state.clock.now();
    let found = state.lock().silences.get(&id).map(|s| s.json(now));
    Ok(found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |json| ok(&json)))
}

async fn delete_silence(State(state): State<Alertmanager>, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    check_id(&id)?;
    let now = state.clock.now();
    let expired = state.lock().silences.expire(&id, now);
    expired.map(|()| StatusCode::OK).map_err(|why| refusal(StatusCode::NOT_FOUND, &why.to_string()))
}

async fn post_silence(
    State(state): State<Alertmanager>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let draft = draft(&body(&headers, &bytes, "silence")?)?;
    let now = state.clock.now();
    match state.lock().silences.set(draft, now) {
        Ok(id) => Ok(ok(&json!({ "silenceID": id }))),
        Err(why @ SilenceError::NotFound) => Err(refusal(StatusCode::NOT_FOUND, &why.to_string())),
        Err(SilenceError::Invalid(why)) => Err(refusal(StatusCode::BAD_REQUEST, &why)),
    }
}

/// Checks a posted silence field by field, in the order in which the real server complains.
fn draft(posted: &Json) -> Result<Draft, Refusal> {
    let text = |name: &str| posted[name].as_str().map(str::to_owned);
    let (comment, created_by) =
        (text("comment").ok_or_else(|| missing("comment"))?, text("createdBy").ok_or_else(|| missing("createdBy"))?);
    let moment = |name: &str| {
        let text = posted[name].as_str().ok_or_else(|| missing(name))?;
        let parsed = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
        parsed.map_err(|_| unparsable("silence", &format!("parsing time {text:?}: not an RFC 3339 date-time")))
    };
    let ends_at = moment("endsAt")?;
    let list = posted["matchers"].as_array().ok_or_else(|| missing("matchers"))?;
    if list.is_empty() {
        let why = "matchers in body should have at least 1 items";
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, 612, why));
    }
    let mut matchers = Vec::with_capacity(list.len());
    for (i, matcher) in list.iter().enumerate() {
        if let Some(field) = ["isRegex", "name", "value"].iter().find(|f| matcher[**f].is_null()) {
            return Err(missing(&format!("matchers.{i}.{field}")));
        }
        let text: MatcherText =
            serde_json::from_value(matcher.clone()).map_err(|why| unparsable("silence", &why.to_string()))?;
        let pattern = text.value.clone();
        matchers.push(Matcher::new(text).map_err(|why| {
            let why =
                format!("silence invalid: invalid label matcher {i}: invalid regular expression {pattern:?}: {why}");
            refusal(StatusCode::BAD_REQUEST, &why)
        })?);
    }
    let id = text("id").unwrap_or_default();
    Ok(Draft { id, matchers, starts_at: moment("startsAt")?, ends_at, created_by, comment })
}

async fn receivers(State(state): State<Alertmanager>) -> Response {
    ok(&state.config.receivers.iter().map(|name| json!({ "name": name })).collect())
}

async fn status(State(state): State<Alertmanager>) -> Response {
    ok(&json!({
        "cluster": { "name": "lab", "peers": [], "status": "disabled" },
        "config": { "original": state.config.original },
        "uptime": time(state.clock.origin()),
        "versionInfo": {
            "branch": "HEAD",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": "lab",
            "version": "0.28.0",
        },
    }))
}
