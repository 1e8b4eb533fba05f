//! A transport for tests: a closure answers, and what was asked is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{HttpAnswer, Pairs, Product, Rehearsal, Transport, Write};
use crate::config::Http;
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::Fault;

/// How to reach a server without credentials.
pub fn plain() -> Http {
    Http {
        timeout: Duration::from_secs(10),
        headers: BTreeMap::new(),
        token: None,
        basic: None,
        ca_file: None,
        insecure_skip_tls_verify: false,
        proxy_url: None,
    }
}

/// One request: path and pairs.
pub type Asked = (String, Vec<(String, String)>);

type Answer = dyn Fn(&Asked) -> Result<HttpAnswer, Fault> + Send + Sync;

/// See the module.
pub struct Script {
    product: Product,
    answer: Box<Answer>,
    asked: Mutex<Vec<Asked>>,
}

impl Script {
    /// Answers with what `answer` says.
    pub fn new(
        product: Product,
        answer: impl Fn(&Asked) -> Result<HttpAnswer, Fault> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { product, answer: Box::new(answer), asked: Mutex::default() })
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().map(|mut asked| std::mem::take(&mut *asked)).unwrap_or_default()
    }

    fn answer(&self, path: &str, pairs: Pairs<'_>) -> Future<'_, Result<HttpAnswer, Fault>> {
        let asked = (path.to_owned(), pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
        let answer = (self.answer)(&asked);
        if let Ok(mut log) = self.asked.lock() {
            log.push(asked);
        }
        Box::pin(std::future::ready(answer))
    }
}

/// A value of a request.
pub fn pair<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.1.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// A JSON answer with status 200.
#[allow(clippy::unnecessary_wraps)] // the shape that closures of scripts return
pub fn json(body: &serde_json::Value) -> Result<HttpAnswer, Fault> {
    let body = body.to_string().into_bytes();
    Ok(HttpAnswer {
        status: 200,
        content_type: "application/json".into(),
        location: None,
        date: None,
        retry_after: None,
        remaining: None,
        scopes: None,
        body,
    })
}

impl Transport for Script {
    fn product(&self) -> Product {
        self.product
    }

    fn origin(&self) -> &'static str {
        "http://scripted:9090"
    }

    fn get<'a>(&'a self, path: &'a str, query: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        self.answer(path, query)
    }

    fn post_form<'a>(&'a self, path: &'a str, form: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        self.answer(path, form)
    }

    /// Asked as `POST /path`, with the body as the pair `body`.
    fn write<'a>(&'a self, write: Write<'a>) -> Future<'a, Result<HttpAnswer, ClusterError>> {
        let body = String::from_utf8_lossy(write.body).into_owned();
        let answer = self.answer(&format!("{} {}", write.method, write.path), &[("body", &body)]);
        Box::pin(async { Ok(answer.await?) })
    }

    /// Asked as `PATCH /path?dryRun=true`, with the body as the pair `body`.
    fn rehearse<'a>(&'a self, rehearsal: Rehearsal<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        let body = String::from_utf8_lossy(rehearsal.body).into_owned();
        self.answer(&format!("PATCH {}?dryRun=true", rehearsal.path), &[("body", &body)])
    }
}
