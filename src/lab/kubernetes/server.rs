//! The HTTP side: from a path and a verb to the part that answers.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::request::{Request, Target};
use super::resources::NAMESPACES;
use super::status::{ApiError, json_response};
use super::{ApiState, discovery, openapi, proxy, read, subresources, watching, write};

/// Largest body that is taken, as a real server's.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

#[derive(Clone)]
struct Server {
    state: ApiState,
    stop: CancellationToken,
    client: reqwest::Client,
}

/// Serves until the future is dropped; then open watches end and connections close.
pub async fn serve(listener: TcpListener, state: ApiState) -> std::io::Result<()> {
    let stop = CancellationToken::new();
    let _on_drop = stop.clone().drop_guard();
    let client = proxy::client().map_err(std::io::Error::other)?;
    let server = Server { state, stop: stop.clone(), client };
    let app = Router::new().fallback(handle).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(server);
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn handle(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let segments: Vec<String> = uri.path().split('/').filter(|s| !s.is_empty()).map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // kubectl sends tokens over TLS only; to this server it says who it is by a prefix of the path.
    let (prefix, segments) = match segments.as_slice() {
        ["as", token, rest @ ..] => (Some(*token), rest.to_vec()),
        all => (None, all.to_vec()),
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (group, version, rest) = match segments[..] {
        [] => return found(Some(discovery::paths())),
        ["version"] => return found(Some(discovery::version())),
        ["healthz" | "livez" | "readyz", ..] => return (StatusCode::OK, "ok").into_response(),
        ["openapi", "v2"] => return found(Some(openapi::v2())),
        ["openapi", "v3"] => return found(Some(openapi::index())),
        ["openapi", "v3", "api", version] => return found(openapi::v3("", version)),
        ["openapi", "v3", "apis", group, version] => return found(openapi::v3(group, version)),
        ["api"] => return aggregated_or(accept, true, discovery::core_versions),
        ["apis"] => return aggregated_or(accept, false, discovery::group_list),
        ["apis", group] => return found(discovery::group(group)),
        ["api", version] => return found(discovery::resource_list("", version)),
        ["apis", group, version] => return found(discovery::resource_list(group, version)),
        ["api", version, ref rest @ ..] => ("", version, rest),
        ["apis", group, version, ref rest @ ..] => (group, version, rest),
        _ => return no_page(),
    };
    let Some(target) = Target::parse(group, version, rest) else { return no_page() };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = prefix.unwrap_or(bearer.strip_prefix("Bearer ").unwrap_or_default().trim());
    let server = Server { state: server.state.for_token(token), ..server };
    let request = Request { method, target, query, headers, body };
    dispatch(&server, &request, uri.query()).await.unwrap_or_else(IntoResponse::into_response)
}

async fn dispatch(server: &Server, request: &Request, raw_query: Option<&str>) -> Result<Response, ApiError> {
    let (state, target) = (&server.state, &request.target);
    let sub = target.subresource();
    let verb = verb(request).ok_or_else(ApiError::method_not_allowed)?;
    authorize(state, target, verb)?;
    if !sub.is_empty() {
        if !target.resource.has(sub) || (sub != "proxy" && target.rest.len() > 1) {
            return Err(ApiError::no_such_path());
        }
        return match sub {
            "proxy" => proxy::forward(&server.client, state, request, raw_query).await,
            "log" => subresources::logs::read(state, request, server.stop.clone()),
            "eviction" => subresources::eviction::answer(state, request),
            "scale" => subresources::scale::answer(state, request),
            _ => match verb {
                "get" => read::get(state, request),
                "update" => write::update(state, request),
                "patch" => write::patch(state, request),
                _ => Err(ApiError::method_not_allowed()),
            },
        };
    }
    if !target.resource.verbs.contains(&verb) {
        return Err(ApiError::method_not_allowed());
    }
    if target.resource.group == "metrics.k8s.io" {
        return subresources::metrics::answer(state, request);
    }
    match verb {
        "get" => read::get(state, request),
        "list" => read::list(state, request),
        "watch" => watching::watch(state, request, server.stop.clone()),
        "create" if target.resource.plural.starts_with("selfsubject") => subresources::reviews::answer(state, request),
        "create" => write::create(state, request),
        "update" => write::update(state, request),
        "patch" => write::patch(state, request),
        "delete" => write::delete(state, request),
        "deletecollection" => write::delete_collection(state, request),
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// The verb that a request amounts to.
fn verb(request: &Request) -> Option<&'static str> {
    let named = request.target.name.is_some();
    Some(match request.method {
        Method::GET if request.flag("watch") && request.target.subresource().is_empty() => "watch",
        Method::GET | Method::HEAD if named => "get",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT if named => "update",
        Method::PATCH if named => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => return None,
    })
}

fn authorize(state: &ApiState, target: &Target, verb: &'static str) -> Result<(), ApiError> {
    let (resource, sub) = (target.resource, target.subresource());
    // Everybody may ask about themselves.
    if resource.plural.starts_with("selfsubject") {
        return Ok(());
    }
    let full = if sub.is_empty() { resource.plural.to_owned() } else { format!("{}/{sub}", resource.plural) };
    // A namespace counts as being in itself.
    let itself = target.name.as_deref().filter(|_| resource.kind == NAMESPACES.kind);
    let namespace = target.namespace.as_deref().or(itself);
    if state.identity.may(verb, resource.group, &full, namespace) {
        return Ok(());
    }
    Err(ApiError::forbidden(&state.identity.user, verb, resource, sub, namespace, target.object()))
}

fn aggregated_or(accept: &str, core: bool, otherwise: fn() -> Value) -> Response {
    let wanted = accept.split(',').find_map(|clause| {
        let version = clause.split(';').find_map(|part| part.trim().strip_prefix("v="))?;
        (clause.contains("g=apidiscovery.k8s.io") && matches!(version, "v2" | "v2beta1")).then_some(version)
    });
    let Some(version) = wanted else { return found(Some(otherwise())) };
    let mut response = json_response(StatusCode::OK, &discovery::aggregated(core, version));
    let kind = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

fn found(value: Option<Value>) -> Response {
    value.map_or_else(no_page, |value| json_response(StatusCode::OK, &value))
}

/// What a real server says to a path that it has never heard of.
fn no_page() -> Response {
    let mut response = Response::new(Body::from("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A path segment without its percent signs.
fn decode(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| segment.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
