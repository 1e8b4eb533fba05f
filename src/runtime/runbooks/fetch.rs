//! Runbooks over HTTPS: what an alert's `runbook_url` names, kept on disk for the night when the wiki is down too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};

use super::find::LARGEST;
use crate::actions::record::sha256_hex;
use crate::domain::text::clean;
use crate::domain::time::Instant;

/// Links that a server sends us along.
const HOPS: usize = 5;

/// A page as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its address, as the alert names it.
    pub url: String,
    /// When it was fetched.
    pub at: Instant,
    /// The Markdown.
    pub text: String,
    /// Why the copy on disk is shown and not the page, when it is so.
    #[serde(skip)]
    pub stale: Option<String>,
}

/// The page: fresh, else the copy that was kept, else why there is none.
pub async fn fetch(url: &str, kept_in: &Path, limit: Duration, now: Instant) -> Result<Page, String> {
    let file = kept_in.join(format!("{}.json", sha256_hex(url.as_bytes())));
    match get(url, limit).await {
        Ok(text) => {
            let page = Page { url: url.to_owned(), at: now, text, stale: None };
            // A copy that cannot be kept hinders nobody tonight.
            if let Err(error) = keep(&page, file) {
                tracing::warn!(%error, "a fetched runbook could not be kept");
            }
            Ok(page)
        }
        Err(why) => {
            let kept = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Page>(&bytes).ok());
            match kept.filter(|page| page.url == url) {
                Some(page) => Ok(Page { stale: Some(why), ..page }),
                None => Err(why),
            }
        }
    }
}

fn keep(page: &Page, file: PathBuf) -> std::io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut new, page)?;
    new.persist(file)?;
    Ok(())
}

/// Only encrypted, but for this machine itself.
fn is_allowed(url: &Url) -> bool {
    let own = url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    url.scheme() == "https" || (url.scheme() == "http" && own)
}

/// Where the text itself is, for pages of GitHub and GitLab that show it.
fn raw(mut url: Url) -> Url {
    let path = url.path().to_owned();
    if url.host_str() == Some("github.com")
        && let Some((repository, rest)) = path.split_once("/blob/")
    {
        let moved = url.set_host(Some("raw.githubusercontent.com")).is_ok();
        if moved {
            url.set_path(&format!("{repository}/{rest}"));
        }
    } else if let Some((repository, rest)) = path.split_once("/-/blob/") {
        url.set_path(&format!("{repository}/-/raw/{rest}"));
    }
    url.set_fragment(None);
    url
}

async fn get(text: &str, limit: Duration) -> Result<String, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("`{}` is no address: {error}", clean(text)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a password in it is not fetched".to_owned());
    }
    if !is_allowed(&url) {
        return Err(format!("{} is not fetched: only https:// is", clean(text)));
    }
    let url = raw(url);
    let host = url.host_str().unwrap_or_default().to_owned();
    let explain = |error: &reqwest::Error| {
        let cause = crate::integrations::http::fault::root_cause(error);
        if error.is_timeout() {
            format!("{host} did not answer within {}", humantime::format_duration(limit))
        } else {
            format!("{host}: {cause}")
        }
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let policy = reqwest::redirect::Policy::custom(|attempt| {
        if attempt.previous().len() > HOPS || !is_allowed(attempt.url()) { attempt.stop() } else { attempt.follow() }
    });
    let mut builder =
        Client::builder().user_agent(concat!("opsdeck/", env!("CARGO_PKG_VERSION"))).timeout(limit).redirect(policy);
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]).no_proxy();
    }
    let client = builder.build().map_err(|error| explain(&error))?;
    let request = client.get(url).header("accept", "text/markdown, text/plain;q=0.9");
    let mut response = request.send().await.map_err(|error| explain(&error))?;
    if !response.status().is_success() {
        return Err(format!("{host} answers {}", response.status()));
    }
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_page = kind.to_ascii_lowercase().starts_with("text/html");
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > LARGEST {
            return Err(format!("{host} sends more than {} MB", LARGEST >> 20));
        }
    }
    if is_page || bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte == b'<') {
        return Err(format!(
            "{host} shows a web page, not Markdown: keep its files in a directory and name it in [runbooks] pages"
        ));
    }
    String::from_utf8(bytes).map_err(|_| format!("{host} sends text that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[tokio::test]
    async fn a_page_is_kept_for_the_night_when_the_wiki_is_down() {
        let server = MockServer::start().await;
        Mock::given(path("/a.md"))
            .respond_with(ResponseTemplate::new(200).set_body_string("# A"))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(path("/a.md")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
        let html = ResponseTemplate::new(200).set_body_raw("<html>login</html>", "text/html");
        Mock::given(path("/login")).respond_with(html).mount(&server).await;
        let home = tempfile::tempdir().unwrap();
        let now: Instant = "2026-03-14T14:32:07Z".parse().unwrap();
        let limit = Duration::from_secs(20);
        let url = format!("{}/a.md", server.uri());
        let fresh = fetch(&url, home.path(), limit, now).await.unwrap();
        assert_eq!((&*fresh.text, fresh.stale), ("# A", None));
        let kept = fetch(&url, home.path(), limit, now + Duration::from_secs(60)).await.unwrap();
        assert_eq!((&*kept.text, kept.at), ("# A", now));
        assert!(kept.stale.unwrap().contains("503"));
        let page = fetch(&format!("{}/login", server.uri()), home.path(), limit, now).await;
        assert!(page.unwrap_err().contains("[runbooks] pages"));
        for refused in ["http://example.com/a.md", "file:///etc/passwd", "https://u:p@example.com/a.md", "nonsense"] {
            assert!(fetch(refused, home.path(), limit, now).await.is_err(), "{refused}");
        }
    }

    #[test]
    fn pages_of_code_hosts_lead_to_their_text() {
        let raw = |text: &str| raw(Url::parse(text).unwrap()).to_string();
        assert_eq!(raw("https://github.com/o/r/blob/main/a.md#x"), "https://raw.githubusercontent.com/o/r/main/a.md");
        assert_eq!(raw("https://git.example.com/o/r/-/blob/main/a.md"), "https://git.example.com/o/r/-/raw/main/a.md");
        assert_eq!(raw("https://wiki.example.com/a"), "https://wiki.example.com/a");
    }
}
