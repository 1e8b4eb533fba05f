//! What the two servers have in common: what was asked of them, and answers that come instead of theirs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opsdeck::config::settings::{FlagProduct, KeptFlags};
use opsdeck::config::{FlagSource, Http, SecretSource};
use opsdeck::ports::cluster::ClusterError;
use opsdeck::ports::feed::{Fault, FaultKind};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET /path?query`.
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

impl Asked {
    /// Does it change something?
    pub fn writes(&self) -> bool {
        !self.line.starts_with("GET ") && !self.line.contains("dryRun=true")
    }
}

/// A server with a world of its own.
pub trait World: Default + Send + 'static {
    fn answer(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, Vec<String>>,
        body: &Value,
    ) -> ResponseTemplate;
    /// What it says to a wrong token.
    fn stranger(&self) -> ResponseTemplate;
}

struct Inner<W> {
    world: W,
    token: &'static str,
    asked: Vec<Asked>,
    /// Answers to what begins so (`PATCH `, `GET /api/v2/flags`), first come first served.
    instead: VecDeque<(&'static str, ResponseTemplate)>,
}

pub struct Server<W> {
    pub uri: String,
    inner: Arc<Mutex<Inner<W>>>,
    _mock: MockServer,
}

struct Answers<W>(Arc<Mutex<Inner<W>>>);

impl<W: World> Respond for Answers<W> {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut inner = self.0.lock().unwrap();
        let query = request.url.query().map_or_else(String::new, |query| format!("?{query}"));
        let line = format!("{} {}{query}", request.method, request.url.path());
        let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let headers: BTreeMap<_, _> =
            request.headers.keys().map(|name| (name.to_string(), header(name.as_str()).unwrap())).collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        inner.asked.push(Asked { line: line.clone(), headers, body: body.clone() });
        if let Some(index) = inner.instead.iter().position(|(begin, _)| line.starts_with(begin)) {
            return inner.instead.remove(index).unwrap().1;
        }
        if header("authorization").as_deref() != Some(inner.token) {
            return inner.world.stranger();
        }
        let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in request.url.query_pairs() {
            pairs.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        // Segments as they were sent, unescaped one by one.
        let path: Vec<String> = request.url.path().trim_matches('/').split('/').map(unescape).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        inner.world.answer(request.method.as_str(), &path, &pairs, &body)
    }
}

impl<W: World> Server<W> {
    pub async fn start(token: &'static str) -> Self {
        let inner = Inner { world: W::default(), token, asked: Vec::new(), instead: VecDeque::new() };
        let inner = Arc::new(Mutex::new(inner));
        let mock = MockServer::start().await;
        Mock::given(any()).respond_with(Answers(inner.clone())).mount(&mock).await;
        Self { uri: mock.uri(), inner, _mock: mock }
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut W) -> T) -> T {
        change(&mut self.inner.lock().unwrap().world)
    }

    /// The next request that begins so is answered with this.
    pub fn instead(&self, begin: &'static str, answer: ResponseTemplate) {
        self.inner.lock().unwrap().instead.push_back((begin, answer));
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.inner.lock().unwrap().asked)
    }

    /// Of that, what changes something.
    pub fn written(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(Asked::writes).collect()
    }
}

pub fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub fn status(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// A path's segment as it was meant.
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A source whose token a helper command prints.
pub fn source(provider: FlagProduct, url: &str, token: &str) -> FlagSource {
    FlagSource {
        name: "svc".into(),
        provider,
        url: Some(url.into()),
        projects: None,
        environments: vec!["production".into()],
        workloads: BTreeMap::from([("new-*".to_owned(), vec!["shop/checkout".to_owned()])]),
        interval: Duration::from_secs(60),
        kept: KeptFlags::default(),
        http: Http {
            timeout: Duration::from_secs(10),
            headers: BTreeMap::new(),
            token: Some(SecretSource::Command(vec!["printf".into(), "%s".into(), token.into()])),
            basic: None,
            ca_file: None,
            insecure_skip_tls_verify: false,
            proxy_url: None,
        },
    }
}

/// Answers that no API gives on a good day, each with what a list then says.
pub fn strange_answers(elsewhere: &str) -> Vec<(ResponseTemplate, FaultKind, &'static str)> {
    let page = "<!doctype html><title>Sign in</title>";
    vec![
        (ResponseTemplate::new(200).set_body_raw(page, "text/html"), FaultKind::Malformed, "a web page"),
        (ResponseTemplate::new(404).set_body_raw(page, "text/html"), FaultKind::Malformed, "a web page"),
        (
            ResponseTemplate::new(302).insert_header("location", elsewhere.to_owned()),
            FaultKind::Malformed,
            "which is not followed",
        ),
        (
            ResponseTemplate::new(200).set_body_string("{\"items\": [{\"key\": \"a\""),
            FaultKind::Malformed,
            "something else",
        ),
        (ResponseTemplate::new(200).set_body_string("[1, 2]"), FaultKind::Malformed, "something else"),
        (ok(&json!({"items": "none", "results": 3})), FaultKind::Malformed, "something else"),
        (ResponseTemplate::new(200), FaultKind::Malformed, "something else"),
        (ResponseTemplate::new(503).set_body_string("maintenance"), FaultKind::Server, "503 Service Unavailable"),
    ]
}

/// The fault of a read that failed.
pub fn fault(error: &ClusterError) -> &Fault {
    match error {
        ClusterError::Fault(fault) => fault,
        other => panic!("{other:?} is no fault"),
    }
}
