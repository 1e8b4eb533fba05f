//! One server of the lab on a port of its own, and somebody who asks it: for its tests.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A client of loopback servers.
pub(super) fn client() -> reqwest::Client {
    // A provider that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A running server and somebody who asks.
pub(super) struct Served<S> {
    pub url: String,
    pub http: reqwest::Client,
    pub server: S,
    _tasks: JoinSet<()>,
}

impl<S: Clone> Served<S> {
    /// Serves what is made for an address, until it is dropped.
    pub async fn start<F>(make: impl FnOnce(&str) -> S, serve: impl FnOnce(TcpListener, S) -> F) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = make(&url);
        let serving = serve(listener, server.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { serving.await.unwrap() });
        Self { url, http: client(), server, _tasks: tasks }
    }

    /// The status and the JSON of an answer, `null` where it holds none.
    pub async fn ask(&self, headers: &[(&str, &str)], method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }
}
