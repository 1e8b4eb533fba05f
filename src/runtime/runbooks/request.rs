//! A request of a runbook's `http` step.

use std::time::Duration;

use reqwest::{Client, Method, Url};

use crate::domain::text::clean_lines;
use crate::runbook::run::work::{Outcome, Output};

/// Of an answer so much is kept.
const MOST: usize = 64 * 1024;

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where to.
    pub url: &'a str,
    /// Method.
    pub method: &'a str,
    /// Headers.
    pub headers: &'a [(String, String)],
    /// Body.
    pub body: Option<&'a str>,
    /// Statuses that are a pass; none is any of 200 to 299.
    pub expect: &'a [u16],
}

/// Sends it, once.
pub async fn send(request: Request<'_>, limit: Duration) -> Outcome {
    match exchange(request, limit).await {
        Ok((status, text)) => {
            let wanted =
                if request.expect.is_empty() { (200..300).contains(&status) } else { request.expect.contains(&status) };
            let detail = format!("{} answers {status}", request.method);
            let output = Output { value: Some(crate::runbook::parameter::Value::Text(text.clone())), text };
            if wanted { Outcome::Passed { detail, output } } else { Outcome::Failed { detail, output } }
        }
        Err(why) => Outcome::failed(why),
    }
}

async fn exchange(request: Request<'_>, limit: Duration) -> Result<(u16, String), String> {
    let url = Url::parse(request.url).map_err(|error| format!("`{}` is no address: {error}", request.url))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| "no such method".to_owned())?;
    let explain = |error: &reqwest::Error| {
        if error.is_timeout() {
            format!("{host} did not answer within {}", humantime::format_duration(limit))
        } else {
            format!("{host}: {}", crate::integrations::http::fault::root_cause(error))
        }
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("opsdeck/", env!("CARGO_PKG_VERSION")))
        .timeout(limit)
        // Headers of the runbook may be for this host only.
        .redirect(reqwest::redirect::Policy::none());
    let own = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    if own {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|error| explain(&error))?;
    let mut sent = client.request(method, url);
    for (name, value) in request.headers {
        sent = sent.header(name, value);
    }
    if let Some(body) = request.body {
        sent = sent.body(body.to_owned());
    }
    let mut response = sent.send().await.map_err(|error| explain(&error))?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while bytes.len() < MOST
        && let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(MOST);
    Ok((status, clean_lines(&String::from_utf8_lossy(&bytes)).into_owned()))
}
