//! Requests to the API server over kube's client, which brings authentication, TLS and proxies.
//!
//! One client serves reads and mutations, and it never repeats a request by itself: kube's own retry would try a
//! mutation again for minutes after the user gave up, and would hide a failing source from its health. Reads repeat here,
//! briefly, when the server asks for it (429), and once with fresh credentials when the old ones were refused (401).

use std::sync::Arc;
use std::time::Duration;

use futures::AsyncBufRead;
use http::{Request, StatusCode};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::bytes::Bytes;

use super::link::{Held, Link, Way};
use crate::domain::Text;
use crate::domain::time::Instant;
use crate::ports::feed::Fault;

/// How often a read is repeated when the server says 429.
const PATIENT_TRIES: u32 = 3;
/// The longest `Retry-After` that a read waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// A read that is not answered in full within this time is given up: a stopped server must not hold up a plan.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// An API server sends the head of an endless answer at once.
const OPENING: Duration = Duration::from_secs(10);

/// Why a request has no useful answer.
#[derive(Debug)]
pub enum Failure {
    /// The server answered with an error.
    Status(Status),
    /// No answer, or a broken one.
    Transport(kube::Error),
    /// An answer that is not what was asked for.
    Malformed(String),
    /// There are no credentials to ask with; nothing was sent.
    Credentials(Fault),
}

impl Failure {
    /// No answer within `limit`.
    pub fn silent(limit: Duration) -> Self {
        let text = format!("no answer within {} s", limit.as_secs());
        let error = std::io::Error::new(std::io::ErrorKind::TimedOut, text);
        Self::Transport(kube::Error::Service(Box::new(error)))
    }
}

/// `metav1.Status`, as far as we read it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    /// HTTP code.
    pub code: u16,
    /// Machine-readable reason.
    pub reason: String,
    /// Words.
    pub message: String,
    /// Details.
    pub details: Option<StatusDetails>,
}

/// `StatusDetails`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatusDetails {
    /// What was wrong, item by item.
    pub causes: Vec<StatusCause>,
}

/// `StatusCause`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatusCause {
    /// Words.
    pub message: String,
}

/// An answer that is no error.
#[derive(Debug)]
pub struct Answer {
    /// Texts of `Warning` headers.
    pub warnings: Vec<String>,
    /// The server's clock, from the `Date` header.
    pub date: Option<Instant>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Reads the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse(&self.body)
    }
}

/// Reads JSON, or says what came instead.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let start = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_lowercase();
        Failure::Malformed(if start.starts_with('<') {
            "a web page instead of JSON, as a login page or a proxy sends it".to_owned()
        } else {
            format!("unreadable JSON ({error})")
        })
    })
}

/// The API server, reachable.
#[derive(Clone)]
pub struct Transport {
    link: Arc<Link>,
    server: Text,
}

impl Transport {
    /// Wraps a client that stays. `server` is named in messages.
    #[cfg(test)]
    pub fn new(client: Client, server: Text) -> Self {
        Self { link: Arc::new(Link::fixed(client)), server }
    }

    /// Asks `way` for a client when the first request is made, and again when its credentials no longer do.
    pub(super) fn through(way: Box<dyn Way>, server: Text) -> Self {
        Self { link: Arc::new(Link::through(way)), server }
    }

    /// The server's URL, for messages.
    pub fn server(&self) -> &Text {
        &self.server
    }

    async fn held(&self) -> Result<Held, Failure> {
        self.link.client().await.map_err(Failure::Credentials)
    }

    /// After a 401: a newer client, if there is one.
    async fn newer(&self, refused: &Held) -> Result<Option<Held>, Failure> {
        self.link.newer(Some(refused)).await.map_err(Failure::Credentials)
    }

    /// Sends one request, once; error answers are [`Failure::Status`].
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, Failure> {
        let (code, answer) = self.exchange(request).await?;
        if code.is_success() { Ok(answer) } else { Err(Failure::Status(status(code, &answer.body))) }
    }

    /// Sends one request, once, and hands back whatever was answered. After a 401 the next request goes with fresh
    /// credentials.
    pub async fn exchange(&self, request: Request<Vec<u8>>) -> Result<(StatusCode, Answer), Failure> {
        let held = self.held().await?;
        let answer = exchange(&held, request).await?;
        if answer.0 == StatusCode::UNAUTHORIZED {
            // Why there are no fresh ones tells the next request.
            let _ = self.newer(&held).await;
        }
        Ok(answer)
    }

    /// Sends a request that changes nothing: under a deadline, and again with fresh credentials after a 401. Obtaining
    /// credentials has its own limit: a plugin that is slow must not be ended again and again.
    pub async fn ask(&self, request: Request<Vec<u8>>) -> Result<(StatusCode, Answer), Failure> {
        let held = self.held().await?;
        let answer = within(READ_DEADLINE, exchange(&held, request.clone())).await?;
        if answer.0 == StatusCode::UNAUTHORIZED
            && let Some(newer) = self.newer(&held).await?
        {
            return within(READ_DEADLINE, exchange(&newer, request)).await;
        }
        Ok(answer)
    }

    /// Are there credentials? What is wrong with the plugin or file that gives them, if not. Sends nothing.
    pub async fn credentials(&self) -> Result<(), Fault> {
        self.link.client().await.map(|_| ())
    }

    async fn read(&self, request: Request<Vec<u8>>) -> Result<Answer, Failure> {
        let (code, answer) = self.ask(request).await?;
        if code.is_success() { Ok(answer) } else { Err(Failure::Status(status(code, &answer.body))) }
    }

    /// Reads a path. Repeats a few times when the server says that it is busy.
    pub async fn get(&self, path: &str) -> Result<Answer, Failure> {
        let mut tries = 1;
        loop {
            match self.read(request("GET", path, None, Vec::new())?).await {
                Err(Failure::Status(status)) if status.code == 429 && tries < PATIENT_TRIES => {
                    tokio::time::sleep(LONGEST_WAIT.min(Duration::from_secs(1) * tries)).await;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    /// Reads a path as JSON.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.get(path).await?.json()
    }

    /// Sends a JSON body and reads the JSON answer: reviews, which only look like writes.
    pub async fn post_json<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, Failure> {
        self.read(request("POST", path, Some("application/json"), body.to_string().into_bytes())?).await?.json()
    }

    /// Opens an endless answer (a watch, a log), uncompressed so that a compressor's buffer cannot hold lines back.
    pub async fn open(&self, path: &str) -> Result<impl AsyncBufRead + Send + use<>, Failure> {
        let mut request = request("GET", path, None, Vec::new())?;
        request.headers_mut().insert(http::header::ACCEPT_ENCODING, http::HeaderValue::from_static("identity"));
        let held = self.held().await?;
        let opening = |client: Client, request| async move { client.request_stream(request).await.map_err(unopened) };
        match within(OPENING, opening(held.client.clone(), request.clone())).await {
            Err(Failure::Status(status)) if status.code == 401 => match self.newer(&held).await? {
                Some(newer) => within(OPENING, opening(newer.client, request)).await,
                None => Err(Failure::Status(status)),
            },
            other => {
                if other.is_ok() {
                    held.accept();
                }
                other
            }
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(Failure::silent(limit)))
}

fn unopened(error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => Failure::Status(Status {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
            details: None,
        }),
        other => Failure::Transport(other),
    }
}

async fn exchange(held: &Held, request: Request<Vec<u8>>) -> Result<(StatusCode, Answer), Failure> {
    let response = held.client.send(request.map(Body::from)).await.map_err(Failure::Transport)?;
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::UNAUTHORIZED {
        held.accept();
    }
    let header = |name| parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let warnings = header(http::header::WARNING).map(warning_text).collect();
    let date = header(http::header::DATE).next().and_then(crate::integrations::http::date);
    let body = body.collect_bytes().await.map_err(Failure::Transport)?;
    Ok((parts.status, Answer { warnings, date, body }))
}

/// Builds a request; fails only on a path that is no path.
pub fn request(
    method: &str,
    path: &str,
    content_type: Option<&'static str>,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, Failure> {
    let mut builder = Request::builder().method(method).uri(path);
    if let Some(content_type) = content_type {
        builder = builder.header(http::header::CONTENT_TYPE, content_type);
    }
    builder.body(body).map_err(|error| Failure::Transport(kube::Error::HttpError(error)))
}

/// An error answer, also when it is not a `Status` (a proxy's page, plain text).
fn status(code: StatusCode, body: &[u8]) -> Status {
    let parsed = serde_json::from_slice::<Status>(body).ok().filter(|status| !status.message.is_empty());
    let mut status = parsed.unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned();
        let message = if text.is_empty() || text.starts_with('<') || text.starts_with('{') {
            format!("{} {}", code.as_u16(), code.canonical_reason().unwrap_or("error"))
        } else {
            text
        };
        Status { message, ..Status::default() }
    });
    status.code = code.as_u16();
    status
}

/// `299 - "text"` (RFC 7234) without its frame.
fn warning_text(header: &str) -> String {
    let inner = header.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')).map_or(header, |(text, _)| text);
    crate::domain::text::clean(&inner.replace("\\\"", "\"")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_answers_of_any_shape_keep_their_code() {
        let api = status(StatusCode::FORBIDDEN, br#"{"kind":"Status","message":"no","reason":"Forbidden","code":403}"#);
        assert_eq!((api.code, api.message.as_str(), api.reason.as_str()), (403, "no", "Forbidden"));
        let page = status(StatusCode::BAD_GATEWAY, b"<html>oops</html>");
        assert_eq!((page.code, page.message.as_str()), (502, "502 Bad Gateway"));
        assert_eq!(status(StatusCode::NOT_FOUND, b"404 page not found\n").message, "404 page not found");
    }

    #[test]
    fn warnings_lose_their_frame() {
        assert_eq!(warning_text(r#"299 - "spec.x: \"y\" is unknown""#), r#"spec.x: "y" is unknown"#);
        assert_eq!(warning_text("odd"), "odd");
    }
}
