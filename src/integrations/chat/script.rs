//! For the tests of the chats: a server on loopback that keeps a world, notes every request, and fails where it is told
//! to, before or after it did what it was asked for; and an outbox that tries again as the real one does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Provider;
use crate::config::SecretSource;
use crate::config::incidents::{Chat, ChatProduct, ChatSource};
use crate::config::settings::HttpSection;
use crate::domain::incident::delivery::{Again, Delivery, Receipt, What};
use crate::incident::clearance::{Aim, Cleared};
use crate::integrations::http::script::plain;
use crate::ports::incident::DeliveryError;

/// What must never show in an error.
pub const TOKEN: &str = "canary-7f3a-token";

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `POST /api/chat.postMessage`, without the query.
    pub line: String,
    /// Of the query, or of a form.
    pub pairs: BTreeMap<String, String>,
    /// `Authorization`.
    pub authorization: String,
    /// The JSON body; `null` for none.
    pub body: Value,
}

impl Call {
    /// A value of the query or the form.
    pub fn pair(&self, name: &str) -> &str {
        self.pairs.get(name).map_or("", String::as_str)
    }

    /// `POST`.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// The segments of the path.
    pub fn path(&self) -> Vec<String> {
        let path = self.line.split_once(' ').map_or("", |(_, path)| path);
        path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
    }
}

/// Percent-decoded.
pub fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// What comes back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status and JSON.
    Json(u16, Value),
    /// Status, headers, body.
    Raw(u16, Vec<(&'static str, String)>, String),
    /// The connection ends without an answer.
    Cut,
}

/// How a request fails.
#[derive(Clone, Debug)]
pub enum Fail {
    /// It is not carried out.
    Instead(Answer),
    /// It is carried out, and then this is answered.
    After(Answer),
}

/// A product's world.
pub trait World: Send + 'static {
    /// Carries a request out.
    fn answer(&mut self, call: &Call) -> Answer;
}

#[derive(Default)]
struct Faults {
    at: BTreeMap<usize, Fail>,
    of: Vec<(String, Fail)>,
}

/// The server. It ends when it is dropped.
pub struct Server<W> {
    pub url: String,
    world: Arc<Mutex<W>>,
    calls: Arc<Mutex<Vec<Call>>>,
    faults: Arc<Mutex<Faults>>,
    _tasks: JoinSet<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W: World> Server<W> {
    pub async fn start(world: W) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(world));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let faults = Arc::new(Mutex::new(Faults::default()));
        let mut tasks = JoinSet::new();
        let (served, noted, failing) = (Arc::clone(&world), Arc::clone(&calls), Arc::clone(&faults));
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(call) = read(&mut stream).await else { continue };
                let fail = {
                    let mut calls = lock(&noted);
                    calls.push(call.clone());
                    let mut faults = lock(&failing);
                    let found = faults.of.iter().position(|(part, _)| call.line.contains(part.as_str()));
                    faults.at.remove(&(calls.len() - 1)).or_else(|| found.map(|at| faults.of.remove(at).1))
                };
                let act = |call: &Call| lock(&served).answer(call);
                let answer = match fail {
                    None => act(&call),
                    Some(Fail::Instead(answer)) => answer,
                    Some(Fail::After(answer)) => {
                        act(&call);
                        answer
                    }
                };
                write(&mut stream, answer).await;
            }
        });
        Self { url, world, calls, faults, _tasks: tasks }
    }

    /// Its world.
    pub fn world(&self) -> MutexGuard<'_, W> {
        lock(&self.world)
    }

    /// The requests since the last call of this.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut lock(&self.calls))
    }

    /// The first request whose line has this in it fails.
    pub fn fail(&self, part: &str, fail: Fail) {
        lock(&self.faults).of.push((part.to_owned(), fail));
    }

    /// The request of this number fails.
    pub fn fail_at(&self, number: usize, fail: Fail) {
        lock(&self.faults).at.insert(number, fail);
    }
}

async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 8_192];
    let (head, length) = loop {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = header(&head, "content-length").parse().unwrap_or(0_usize);
            bytes.drain(..end + 4);
            break (head, length);
        }
    };
    while bytes.len() < length {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
    let mut words = head.lines().next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if header(&head, "content-type").starts_with("application/x-www-form") {
        pairs.extend(form_urlencoded::parse(&bytes).into_owned());
    }
    Some(Call {
        line: format!("{method} {path}"),
        pairs,
        authorization: header(&head, "authorization"),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    })
}

fn header(head: &str, name: &str) -> String {
    let found = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut found = found.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

async fn write(stream: &mut TcpStream, answer: Answer) {
    let (status, headers, body) = match answer {
        Answer::Cut => return,
        Answer::Json(status, json) => (status, vec![("content-type", "application/json".to_owned())], json.to_string()),
        Answer::Raw(status, headers, body) => (status, headers, body),
    };
    // Nothing may follow a 204.
    let body = if status == 204 { String::new() } else { body };
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ndate: Sat, 21 Nov 2026 14:32:00 GMT\r\n");
    if status != 204 {
        head.push_str(&["content-length: ", &body.len().to_string(), "\r\n"].concat());
    }
    for (name, value) in headers {
        head.push_str(&[name, ": ", &value, "\r\n"].concat());
    }
    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A chat at this address, with a token from a command.
pub fn source(product: ChatProduct, url: &str, team: Option<&str>) -> ChatSource {
    let mut http = plain();
    http.token = Some(SecretSource::Command(vec!["echo".into(), TOKEN.into()]));
    ChatSource {
        chat: Chat {
            name: "chat".into(),
            provider: product,
            url: Some(url.to_owned()),
            team: team.map(str::to_owned),
            parent: None,
            contexts: None,
            http: HttpSection::default(),
        },
        marker: "pushpin".into(),
        http,
    }
}

/// A pass for a delivery of the incident of the tests.
pub fn pass(key: &str, what: What, aim: Aim, doubt: bool) -> Cleared {
    let delivery = Delivery { key: key.into(), service: "chat".into(), what, after: Vec::new() };
    Cleared::forged("20261121-1432-payment-x7k2".parse().unwrap(), delivery, aim, doubt)
}

/// Sends with a pass of its own.
pub async fn deliver(
    chat: &dyn Provider,
    key: &str,
    what: What,
    aim: (Option<&str>, Option<&str>),
    doubt: bool,
) -> Result<Receipt, DeliveryError> {
    let aim = Aim { channel: aim.0.map(str::to_owned), message: aim.1.map(str::to_owned) };
    let result = chat.deliver(&pass(key, what, aim, doubt)).await;
    let told = format!("{result:?}");
    assert!(!told.contains(TOKEN), "the token is in {told}");
    result
}

/// Opens the channel of the tests.
pub fn open(private: bool) -> What {
    What::OpenChannel { name: "inc-payment".into(), private, purpose: "slow".into() }
}

/// Posts a message.
pub fn post(text: &str) -> What {
    What::Post { text: text.into() }
}

/// What a declare sends to a chat.
pub fn declare(invitees: &[&str]) -> Vec<(String, What)> {
    let mut steps = vec![
        (
            "channel".to_owned(),
            What::OpenChannel {
                name: "inc-payment".into(),
                private: false,
                purpose: "SEV2: payment answers slowly".into(),
            },
        ),
        ("topic".to_owned(), What::Topic { topic: "SEV2 · triage · *payment* is slow".into() }),
    ];
    for who in invitees {
        steps.push((format!("invite:{who}"), What::Invite { who: (*who).to_owned() }));
    }
    let long: Vec<String> = (0..400).map(|line| format!("- line {line} of what is known & seen")).collect();
    steps.push(("summary".to_owned(), What::Post { text: "*SEV2* payment answers slowly".into() }));
    steps.push(("pin".to_owned(), What::Pin { message: "summary".into() }));
    steps.push(("link:board".to_owned(), What::Link { title: "The board".into(), url: "https://grafana/d/1".into() }));
    steps.push(("update:1".to_owned(), What::Post { text: long.join("\n") }));
    steps.push(("update:2".to_owned(), What::Post { text: "*SEV2* payment answers slowly".into() }));
    steps
}

/// Sends all steps in their order, again as long as the chat says so; a step that a person would have to see to is
/// left and told of.
pub async fn outbox(chat: &dyn Provider, steps: &[(String, What)]) -> (BTreeMap<String, Receipt>, Vec<DeliveryError>) {
    asked(chat, steps, 0).await
}

/// As [`outbox`], with a person who says "again" so many times for each step.
async fn asked(
    chat: &dyn Provider,
    steps: &[(String, What)],
    patient: usize,
) -> (BTreeMap<String, Receipt>, Vec<DeliveryError>) {
    let mut receipts: BTreeMap<String, Receipt> = BTreeMap::new();
    let mut errors = Vec::new();
    for (key, what) in steps {
        // What may have arrived once stays in doubt.
        let (mut doubt, mut again_by_hand) = (false, patient);
        for attempt in 0.. {
            assert!(attempt < 8, "{key} never ends: {errors:?}");
            let id = |key: &str| receipts.get(key).and_then(|receipt| receipt.id.clone());
            let message = if let What::Pin { message } = what { id(message) } else { None };
            let aim = (id("channel"), message);
            match deliver(chat, key, what.clone(), (aim.0.as_deref(), aim.1.as_deref()), doubt).await {
                Ok(receipt) => {
                    receipts.insert(key.clone(), receipt);
                    break;
                }
                Err(error) => {
                    let again = error.again;
                    errors.push(error);
                    match again {
                        Again::Ask if again_by_hand == 0 => break,
                        Again::Ask => again_by_hand -= 1,
                        // Also the service that wants to be left alone is tried again only afterwards.
                        Again::Doubtful => {
                            doubt = true;
                            pass_time(60).await;
                        }
                        Again::In(seconds) => pass_time(seconds).await,
                    }
                }
            }
        }
    }
    (receipts, errors)
}

/// Lets time go by without waiting for it.
pub async fn pass_time(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds + 1)).await;
    tokio::time::resume();
}

/// Every way in which a request can end badly, and not for good.
pub fn mishaps() -> Vec<Fail> {
    let html = || Answer::Raw(200, vec![("content-type", "text/html".into())], "<html>Sign in</html>".into());
    vec![
        Fail::After(Answer::Cut),
        Fail::Instead(Answer::Cut),
        Fail::After(Answer::Json(502, Value::Null)),
        Fail::After(html()),
        Fail::After(Answer::Raw(200, vec![("content-type", "application/json".into())], "{\"ok\": tr".into())),
        Fail::Instead(Answer::Raw(429, vec![("retry-after", "7".into())], "{}".into())),
        Fail::Instead(Answer::Json(503, Value::Null)),
        Fail::After(Answer::Json(503, Value::Null)),
        Fail::After(Answer::Json(504, Value::Null)),
        Fail::After(Answer::Json(408, Value::Null)),
        Fail::After(Answer::Raw(302, vec![], String::new())),
    ]
}

/// Runs `run` for every request of an undisturbed one and every mishap: what `seen` tells of the world has to be the same
/// at the end.
pub async fn nothing_twice<W: World, P: Provider>(
    world: impl Fn() -> W,
    chat: impl Fn(&str) -> P,
    steps: &[(String, What)],
    seen: impl Fn(&W) -> Value,
) {
    let server = Server::start(world()).await;
    let (receipts, errors) = outbox(&chat(&server.url), steps).await;
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(receipts.len(), steps.len());
    let expected = seen(&server.world());
    let calls = server.calls();
    for (number, call) in calls.iter().enumerate() {
        // Whether a read was carried out makes no difference.
        let is_read = call.line.starts_with("GET ");
        for mishap in
            mishaps().into_iter().enumerate().filter(|(kind, _)| !is_read || kind % 3 == 0).map(|(_, one)| one)
        {
            let server = Server::start(world()).await;
            server.fail_at(number, mishap.clone());
            let chat = chat(&server.url);
            let (receipts, errors) = asked(&chat, steps, 1).await;
            let told = format!("{} ends with {mishap:?}: {errors:?}", call.line);
            assert_eq!(receipts.len(), steps.len(), "{told}");
            // A link that was posted and could not be pinned is pinned by hand.
            for (key, receipt) in &receipts {
                if receipt.remarks.iter().any(|remark| remark.contains("not pinned")) {
                    let channel = receipts["channel"].id.as_deref();
                    let pin = What::Pin { message: key.as_str().into() };
                    deliver(&chat, "pin:by-hand", pin, (channel, receipt.id.as_deref()), false).await.unwrap();
                }
            }
            // What is pinned last stands last in a Matrix room: nothing is compared then, but that it could be pinned.
            if !receipts.values().any(|receipt| receipt.remarks.iter().any(|remark| remark.contains("not pinned"))) {
                assert_eq!(seen(&server.world()), expected, "{told}");
            }
        }
    }
}
