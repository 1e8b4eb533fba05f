//! HTTP as the sources need it: a small port ([`Transport`]) that answers with a status and a bounded body, and its
//! implementation over a URL of the settings ([`HttpTransport`]). What a status or a body means is its caller's
//! business, with [`fault`] to say it in words.
//!
//! Rules that hold for every request: one deadline for all of it, a size limit on the unpacked body, redirects only
//! within the same origin (credentials and tenant headers must not reach another host), and no secret in any message.

pub mod fault;
mod mask;
mod product;
#[cfg(test)]
pub mod script;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Url};

use crate::config::Http;
use crate::config::secret::{Basic, HeaderValue as Configured};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::integrations::secret::{self, Secret};
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// Unpacked bodies beyond this are refused: 32 MiB hold tens of thousands of alerts.
pub const BODY_LIMIT: usize = 32 * 1024 * 1024;

pub use self::product::Product;
pub use self::write::{JSON, Pass, Rehearsal, Write};

/// Names and values of a query string or a form.
pub type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What a server answered, whatever the status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status code.
    pub status: u16,
    /// `Content-Type`, lower case; empty when absent.
    pub content_type: String,
    /// `Location` of a redirect that was not followed, without credentials.
    pub location: Option<String>,
    /// The server's clock, from the `Date` header.
    pub date: Option<Instant>,
    /// Seconds until it wants to be asked again, when it says so (`Retry-After`, `X-RateLimit-Reset`, `ratelimit-reset`).
    pub retry_after: Option<u64>,
    /// How many more requests it takes until then, when it says so (`ratelimit-remaining`, `X-RateLimit-Remaining`).
    pub remaining: Option<u64>,
    /// What the token may do, where the server says so (`X-OAuth-Scopes`).
    pub scopes: Option<String>,
    /// The unpacked body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// Does the body look like a web page, whatever its header claims?
    pub fn is_html(&self) -> bool {
        self.content_type.starts_with("text/html")
            || self.body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte == b'<')
    }

    /// The beginning of a textual body, cleaned, for messages; empty for web pages.
    pub fn excerpt(&self) -> String {
        if self.is_html() {
            return String::new();
        }
        let head = &self.body[..self.body.len().min(1_024)];
        clean(String::from_utf8_lossy(head).trim()).chars().take(300).collect()
    }
}

/// A road to one server: paths are those of its API (`/api/v1/query`), prefixes and hosts are the road's.
pub trait Transport: Send + Sync {
    /// Which product it leads to.
    fn product(&self) -> Product;
    /// The server as people know it (`http://prometheus:9090`, `monitoring/prometheus:9090`), without secrets.
    fn origin(&self) -> &str;
    /// Sends a GET. Any HTTP status is an answer; a fault means that there was none.
    fn get<'a>(&'a self, path: &'a str, query: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>>;
    /// Sends a form by POST, for reads too long for a query string.
    fn post_form<'a>(&'a self, path: &'a str, form: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>>;
    /// Alters something: sent once. Any HTTP status is an answer; without one it is said whether it was sent.
    fn write<'a>(&'a self, write: Write<'a>) -> Future<'a, Result<HttpAnswer, ClusterError>>;
    /// Has a change tried and not kept, where the product can. Any HTTP status is an answer.
    fn rehearse<'a>(&'a self, _: Rehearsal<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        let fault = Fault::new(FaultKind::NotServed, format!("{} has no dry run", self.product().name()));
        Box::pin(std::future::ready(Err(fault)))
    }
    /// Reads the credentials again before the next request: for products that refuse a token with another status than 401.
    fn forget_credentials(&self) {}
    /// How often the credentials were read so far: another number means that they may be somebody else's.
    fn credentials(&self) -> u64 {
        0
    }
}

/// Everything that a connection needs to know.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Who answers there.
    pub product: Product,
    /// Base URL, with the route prefix if there is one. Userinfo in it serves as basic authentication.
    pub url: String,
    /// How to reach it, as configured.
    pub http: Http,
}

impl HttpSettings {
    /// The settings of one server.
    pub fn new(product: Product, url: impl Into<String>, http: Http) -> Self {
        Self { product, url: url.into(), http }
    }
}

/// A server at a URL. Connects when first used, keeps its connections, reads credentials when first needed and again
/// after a 401.
pub struct HttpTransport {
    client: Client,
    base: String,
    origin: String,
    product: Product,
    http: Http,
    secrets: tokio::sync::Mutex<Option<HeaderMap>>,
    /// How often they were read.
    readings: AtomicU64,
}

impl HttpTransport {
    /// Prepares the client; sends nothing. Fails on settings that cannot work (no scheme, unreadable CA bundle).
    pub fn new(settings: &HttpSettings) -> Result<Self, Fault> {
        let HttpSettings { product, http, .. } = settings;
        let product = *product;
        let wrong = |message: String| Fault::new(FaultKind::NotConfigured, message);
        let url = Url::parse(settings.url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
            .ok_or_else(|| {
                wrong(format!("{} is not a web address", product.url_setting()))
                    .hint(format!("write {} as http://host:port or https://host", product.url_setting()))
            })?;
        let origin = without_userinfo(&url);

        // One provider for the process, the one that kube uses too; reqwest is built without one. If another was
        // installed first, that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("opsdeck/", env!("CARGO_PKG_VERSION")))
            .timeout(http.timeout)
            .redirect(same_origin_only());
        if let Some(file) = &http.ca_file {
            let unreadable = |why: String| {
                wrong(format!("cannot use the CA bundle {}: {why}", file.display()))
                    .hint(format!("{}.ca-file must be a PEM file with certificates", product.section()))
            };
            let pem = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(error.to_string()))?;
            if roots.is_empty() {
                return Err(unreadable("it holds no certificate".into()));
            }
            builder = builder.tls_certs_merge(roots);
        }
        if url.scheme() == "http" {
            // Plain HTTP must also work in a container that has no certificate store to load.
            builder = builder.tls_certs_only([]);
        }
        if http.insecure_skip_tls_verify {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(proxy) = &http.proxy_url {
            let proxy = reqwest::Proxy::all(proxy.as_str()).map_err(|_| {
                wrong(format!("{}.proxy-url is not a proxy's address", product.section()))
                    .hint("write it as http://host:port")
            })?;
            builder = builder.proxy(proxy);
        } else if is_loopback(&url) {
            // A proxy from the environment cannot reach this machine's own ports (port-forwards, the lab).
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            Fault::new(
                FaultKind::Tls,
                format!("cannot set up TLS for {}: {}", product.name(), fault::root_cause(&error)),
            )
            .hint(format!("set {}.ca-file if this machine has no certificate store", product.section()))
        })?;
        Ok(Self {
            client,
            base: url.as_str().trim_end_matches('/').to_owned(),
            origin,
            product,
            http: http.clone(),
            secrets: tokio::sync::Mutex::new(None),
            readings: AtomicU64::new(0),
        })
    }

    /// Configured headers and `Authorization`, from the cache or their sources; and whether they came from the cache.
    async fn headers(&self) -> Result<(HeaderMap, bool), Fault> {
        let mut cached = self.secrets.lock().await;
        if let Some(headers) = cached.as_ref() {
            return Ok((headers.clone(), true));
        }
        let section = self.product.section();
        let unusable = |setting: &str| {
            Fault::new(FaultKind::NotConfigured, format!("{setting} is not something that an HTTP header may hold"))
                .hint("check for line breaks and characters outside of ASCII")
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &self.http.headers {
            let setting = format!("{section}.headers.{}", clean(name));
            let value = match value {
                Configured::Plain(text) => sensitive(text),
                Configured::Secret(source) => sensitive(secret::resolve(source, &setting).await?.expose()),
            };
            let pair = HeaderName::try_from(name.as_str()).ok().zip(value);
            let (name, value) = pair.ok_or_else(|| unusable(&setting))?;
            headers.insert(name, value);
        }
        if let Some(source) = &self.http.token {
            let setting = format!("{section}.token");
            let token = secret::resolve(source, &setting).await?;
            let value =
                sensitive(&format!("{}{}", self.product.scheme(), token.expose())).ok_or_else(|| unusable(&setting))?;
            headers.insert(AUTHORIZATION, value);
        } else if let Some(Basic { username, password }) = &self.http.basic {
            let setting = format!("{section}.basic.password");
            let password = secret::resolve(password, &setting).await?;
            headers.insert(AUTHORIZATION, basic(username, &password).ok_or_else(|| unusable(&setting))?);
        }
        self.readings.fetch_add(1, Ordering::Relaxed);
        *cached = Some(headers.clone());
        Ok((headers, false))
    }

    async fn send(&self, method: Method, path: &str, pairs: Pairs<'_>) -> Result<HttpAnswer, Fault> {
        loop {
            let (headers, from_cache) = self.headers().await?;
            let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
            request = if method == Method::POST { request.form(pairs) } else { request.query(pairs) };
            let answer = self.exchange(request, headers).await?;
            if answer.status == 401 {
                // Tokens rotate: read it again, at once if this one was old, else for the next request.
                *self.secrets.lock().await = None;
                if from_cache && self.has_secrets() {
                    continue;
                }
            }
            return Ok(answer);
        }
    }

    fn has_secrets(&self) -> bool {
        let http = &self.http;
        http.token.is_some()
            || http.basic.is_some()
            || http.headers.values().any(|value| matches!(value, Configured::Secret(_)))
    }

    async fn exchange(&self, request: reqwest::RequestBuilder, headers: HeaderMap) -> Result<HttpAnswer, Fault> {
        let explain = |error| fault::of_request(error, self.product, &self.origin, self.http.timeout);
        let response = request.headers(headers.clone()).send().await.map_err(explain)?;
        self.read(response, &headers).await
    }

    async fn read(&self, mut response: reqwest::Response, sent: &HeaderMap) -> Result<HttpAnswer, Fault> {
        let explain = |error| fault::of_request(error, self.product, &self.origin, self.http.timeout);
        let header = |name: &HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let clock = header(&DATE).and_then(date);
        let named = |names: &[&'static str]| names.iter().find_map(|name| header(&HeaderName::from_static(name)));
        // Opsgenie tells the length of its period only.
        let resets = ["x-ratelimit-reset", "ratelimit-reset", "x-ratelimit-period-in-sec"];
        let wait = header(&RETRY_AFTER).or_else(|| named(&resets));
        let mut answer = HttpAnswer {
            status: response.status().as_u16(),
            content_type: header(&CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase(),
            location: header(&LOCATION).and_then(|to| response.url().join(to).ok()).map(|url| without_userinfo(&url)),
            date: clock,
            retry_after: wait.and_then(|text| retry_after(text, clock)),
            remaining: named(&["ratelimit-remaining", "x-ratelimit-remaining"])
                .and_then(|text| text.trim().parse().ok()),
            scopes: header(&HeaderName::from_static("x-oauth-scopes")).map(|text| clean(text).into_owned()),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(explain)? {
            if answer.body.len() + chunk.len() > BODY_LIMIT {
                let limit = BODY_LIMIT / 1024 / 1024;
                return Err(Fault::new(
                    FaultKind::Malformed,
                    format!("{} at {} answered with more than {limit} MiB", self.product.name(), self.origin),
                )
                .hint("narrow the query, or check that the address leads to its API"));
            }
            answer.body.extend_from_slice(&chunk);
        }
        self.mask(sent, &mut answer);
        Ok(answer)
    }
}

impl Transport for HttpTransport {
    fn product(&self) -> Product {
        self.product
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn get<'a>(&'a self, path: &'a str, query: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        Box::pin(self.send(Method::GET, path, query))
    }

    fn post_form<'a>(&'a self, path: &'a str, form: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        Box::pin(self.send(Method::POST, path, form))
    }

    fn write<'a>(&'a self, write: Write<'a>) -> Future<'a, Result<HttpAnswer, ClusterError>> {
        Box::pin(self.write_once(write))
    }

    fn rehearse<'a>(&'a self, rehearsal: Rehearsal<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        Box::pin(self.rehearse_once(rehearsal))
    }

    fn credentials(&self) -> u64 {
        self.readings.load(Ordering::Relaxed)
    }

    fn forget_credentials(&self) {
        // Held only while they are being read, and then they are new.
        if let Ok(mut secrets) = self.secrets.try_lock() {
            *secrets = None;
        }
    }
}

/// A road that could not be built (settings that cannot work): it answers every request with why, so that a wrong
/// setting shows as a source's fault and not as a console that does not start.
pub struct Unusable {
    product: Product,
    why: Fault,
}

impl Unusable {
    /// Keeps the reason.
    pub const fn new(product: Product, why: Fault) -> Self {
        Self { product, why }
    }
}

impl Transport for Unusable {
    fn product(&self) -> Product {
        self.product
    }

    fn origin(&self) -> &str {
        self.product.url_setting()
    }

    fn get<'a>(&'a self, _: &'a str, _: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        Box::pin(std::future::ready(Err(self.why.clone())))
    }

    fn post_form<'a>(&'a self, _: &'a str, _: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        Box::pin(std::future::ready(Err(self.why.clone())))
    }

    fn write<'a>(&'a self, _: Write<'a>) -> Future<'a, Result<HttpAnswer, ClusterError>> {
        Box::pin(std::future::ready(Err(self.why.clone().into())))
    }
}

/// The road that the settings describe, or one that tells what is wrong with them.
pub fn connect(settings: &HttpSettings) -> Arc<dyn Transport> {
    match HttpTransport::new(settings) {
        Ok(transport) => Arc::new(transport),
        Err(why) => Arc::new(Unusable::new(settings.product, why)),
    }
}

/// The URL for people: no userinfo, no trailing slash.
fn without_userinfo(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    clean(url.as_str().trim_end_matches('/')).into_owned()
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

fn same_origin_only() -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(|attempt| {
        let stays = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        if stays && attempt.previous().len() <= 5 { attempt.follow() } else { attempt.stop() }
    })
}

/// A header value that no log prints.
fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn basic(username: &str, password: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Basic {}", BASE64.encode(format!("{username}:{}", password.expose()))))
}

/// A `Date` header (RFC 9110, the form that servers send).
pub(in crate::integrations) fn date(header: &str) -> Option<Instant> {
    chrono::DateTime::parse_from_rfc2822(header).ok().map(|date| date.to_utc())
}

/// How long to wait, as servers write it: seconds, a date, or an instant in seconds or milliseconds since 1970.
fn retry_after(header: &str, now: Option<Instant>) -> Option<u64> {
    let until = |at: Instant| now.map(|now| u64::try_from((at - now).num_seconds()).unwrap_or(0));
    match header.trim().parse::<u64>() {
        // No server means a wait of thirty years.
        Ok(seconds) if seconds < 1_000_000_000 => Some(seconds),
        Ok(instant) => {
            let seconds = if instant > 100_000_000_000 { instant / 1_000 } else { instant };
            until(chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?)
        }
        Err(_) => until(date(header)?),
    }
}
