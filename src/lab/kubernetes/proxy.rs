//! `services/NAME:PORT/proxy`: what stands behind a service, reached through the API server.

use axum::body::Body;
use axum::http::header;
use axum::response::Response;

use super::ApiState;
use super::request::Request;
use super::status::ApiError;

/// A client for backends: plain HTTP on loopback, whatever proxies the environment names.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    // The client wants a TLS provider even where no TLS is spoken. A refusal means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build()
}

/// Forwards a request to the backend of its service.
pub async fn forward(
    client: &reqwest::Client,
    state: &ApiState,
    request: &Request,
    raw_query: Option<&str>,
) -> Result<Response, ApiError> {
    let target = &request.target;
    // `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`; a backend has one port, so only the name matters.
    let parts: Vec<&str> = target.object().split(':').collect();
    let ([service] | [service, _] | ["http" | "https", service, _]) = parts[..] else {
        return Err(ApiError::bad_request(format!("invalid service request \"{}\"", target.object())));
    };
    if state.store.get(target.resource, target.ns(), service).is_none() {
        return Err(ApiError::not_found(target.resource, service));
    }
    let backend = state
        .backends
        .iter()
        .find(|backend| backend.namespace == target.ns() && backend.service == service)
        .ok_or_else(|| ApiError::unavailable(format!("no endpoints available for service \"{service}\"")))?;
    let mut url = format!("{}/{}", backend.url.trim_end_matches('/'), target.rest[1..].join("/"));
    if let Some(query) = raw_query {
        url = format!("{url}?{query}");
    }
    let refused = |error: reqwest::Error| ApiError::unavailable(format!("error trying to reach service: {error}"));
    let mut outgoing = client.request(request.method.clone(), url).body(request.body.clone());
    for name in [header::CONTENT_TYPE, header::ACCEPT] {
        if let Some(value) = request.headers.get(&name) {
            outgoing = outgoing.header(name, value);
        }
    }
    let answer = outgoing.send().await.map_err(refused)?;
    let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}
