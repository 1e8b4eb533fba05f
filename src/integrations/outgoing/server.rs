//! A service for contract tests: it keeps a state, answers from it as its documentation says, and fails where a test wants
//! it to, also after it did what it was asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::domain::incident::delivery::{Again, Delivery, Receipt, What};
use crate::incident::clearance::{Aim, Cleared, Courier};
use crate::integrations::http::{HttpAnswer, Pairs, Pass, Product, Transport, Write};
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// What the server is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Names and values, those of the path too.
    pub query: Vec<(String, String)>,
    /// Of a write.
    pub body: Value,
}

impl Request {
    /// A value of the query.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A number of the query.
    pub fn number(&self, name: &str, default: usize) -> usize {
        self.value(name).map_or(default, |text| text.parse().unwrap())
    }

    /// All values of a name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The segments of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        let decode = |text: &str| {
            let pair = format!("x={}", text.replace('+', "%2B"));
            form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
        };
        self.path.trim_matches('/').split('/').map(decode).collect()
    }
}

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is carried out, and its answer is lost.
    Lost,
    /// The server cannot be reached.
    Unreachable,
    /// A status in place of an answer; nothing is carried out.
    Status(u16),
    /// A status in place of an answer, after it was carried out.
    After(u16),
    /// Too many requests, for so many seconds.
    Limited(u64),
    /// It is carried out, and the answer is cut off.
    Cut,
    /// A login page in place of an answer.
    LoginPage,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Lost,
        Self::Unreachable,
        Self::Status(400),
        Self::Status(401),
        Self::Status(402),
        Self::Status(403),
        Self::Status(422),
        Self::Status(500),
        Self::Status(502),
        Self::Status(503),
        Self::After(302),
        Self::After(408),
        Self::After(503),
        Self::After(504),
        Self::Limited(7),
        Self::Cut,
        Self::LoginPage,
    ];
}

type Behaviour<S> = fn(&mut S, &Request) -> (u16, Value);

/// See the module. It is shared by the roads that lead to it.
pub struct Server<S> {
    state: Mutex<S>,
    behaviour: Behaviour<S>,
    /// What goes wrong with the n-th request from now on.
    troubles: Mutex<BTreeMap<usize, Trouble>>,
    asked: Mutex<Vec<Request>>,
}

impl<S: Send + 'static> Server<S> {
    /// Begins with a state.
    pub fn new(state: S, behaviour: Behaviour<S>) -> Arc<Self> {
        let (troubles, asked) = (Mutex::default(), Mutex::default());
        Arc::new(Self { state: Mutex::new(state), behaviour, troubles, asked })
    }

    /// Reads or alters the state.
    pub fn state<T>(&self, with: impl FnOnce(&mut S) -> T) -> T {
        with(&mut self.state.lock().unwrap())
    }

    /// Lets the n-th request from now on go wrong, 0 is the next one.
    pub fn trouble(&self, at: usize, trouble: Trouble) {
        let asked = self.asked.lock().unwrap().len();
        self.troubles.lock().unwrap().insert(asked + at, trouble);
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// A road to it.
    pub fn road(self: &Arc<Self>, product: Product) -> Arc<dyn Transport> {
        Arc::new(Door { server: self.clone(), product })
    }

    fn answer(&self, request: &Request) -> Result<HttpAnswer, Option<Fault>> {
        let trouble = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.clone());
            self.troubles.lock().unwrap().remove(&(asked.len() - 1))
        };
        let acts = matches!(trouble, None | Some(Trouble::Lost | Trouble::Cut | Trouble::After(_)));
        let answer = acts.then(|| (self.behaviour)(&mut self.state.lock().unwrap(), request));
        let with = |status, content_type: &str, body: &str| HttpAnswer {
            status,
            content_type: content_type.to_owned(),
            body: body.as_bytes().to_vec(),
            ..HttpAnswer::default()
        };
        match trouble {
            None => {
                let (status, body) = answer.unwrap();
                Ok(HttpAnswer {
                    date: Some("2026-11-21T14:32:00Z".parse().unwrap()),
                    remaining: Some(900),
                    ..with(status, "application/json", &body.to_string())
                })
            }
            Some(Trouble::Lost) => Err(None),
            Some(Trouble::Unreachable) => {
                Err(Some(Fault::new(FaultKind::Unreachable, "cannot connect: connection refused")))
            }
            Some(Trouble::Status(status) | Trouble::After(status)) => {
                Ok(with(status, "application/json", r#"{"error":"no"}"#))
            }
            Some(Trouble::Limited(seconds)) => {
                Ok(HttpAnswer { retry_after: Some(seconds), ..with(429, "application/json", "{}") })
            }
            Some(Trouble::Cut) => {
                let (status, body) = answer.unwrap();
                let body = body.to_string();
                Ok(with(status, "application/json", &body[..body.len() / 2]))
            }
            Some(Trouble::LoginPage) => Ok(with(200, "text/html", "<html>Log in</html>")),
        }
    }
}

struct Door<S> {
    server: Arc<Server<S>>,
    product: Product,
}

fn request(method: &str, path: &str, pairs: Pairs<'_>, body: &[u8]) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let own = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().chain(own).collect();
    let body = serde_json::from_slice(body).unwrap_or_default();
    Request { method: method.to_owned(), path: path.to_owned(), query, body }
}

impl<S: Send + 'static> Transport for Door<S> {
    fn product(&self) -> Product {
        self.product
    }

    fn origin(&self) -> &'static str {
        "https://service.example"
    }

    fn get<'a>(&'a self, path: &'a str, query: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        let lost = || Fault::new(FaultKind::Timeout, "did not answer within 10s");
        let answer = self.server.answer(&request("GET", path, query, b"")).map_err(|fault| fault.unwrap_or_else(lost));
        Box::pin(std::future::ready(answer))
    }

    fn post_form<'a>(&'a self, _: &'a str, _: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        panic!("no service of incidents takes forms")
    }

    fn write<'a>(&'a self, one: Write<'a>) -> Future<'a, Result<HttpAnswer, ClusterError>> {
        assert!(matches!(one.pass, Pass::Outbox(_)), "nothing is sent without an outbox");
        let answer = self.server.answer(&request(one.method, one.path, &[], one.body)).map_err(|fault| match fault {
            Some(fault) => fault.into(),
            None => ClusterError::Unknown("did not answer within 10s".into()),
        });
        Box::pin(std::future::ready(answer))
    }
}

/// A delivery as the outbox clears it.
pub fn cleared(key: &str, what: What, doubt: bool) -> Cleared {
    aimed(key, what, None, doubt)
}

/// One that is about something that was published before.
pub fn aimed(key: &str, what: What, channel: Option<&str>, doubt: bool) -> Cleared {
    let delivery = Delivery { key: key.into(), service: "service".into(), what, after: Vec::new() };
    let aim = Aim { channel: channel.map(str::to_owned), message: None };
    Cleared::forged("20261121-1432-payment-x7k2".parse().unwrap(), delivery, aim, doubt)
}

/// Delivers it as an outbox would, at most nine times; the first error, and what came of it in the end.
pub async fn delivered(
    courier: &dyn Courier,
    clear: impl Fn(bool) -> Cleared,
) -> (Option<DeliveryError>, Result<Receipt, DeliveryError>) {
    let (mut first, mut doubt) = (None, false);
    for tries in 1..10 {
        match courier.deliver(&clear(doubt)).await {
            Ok(receipt) => return (first, Ok(receipt)),
            Err(error) => {
                let wait = match error.again {
                    Again::In(seconds) => seconds,
                    // An outbox leaves a while between a doubtful attempt and the look, and longer each time.
                    Again::Doubtful => 1 << tries,
                    Again::Ask => 0,
                };
                if wait > 0 {
                    tokio::time::advance(std::time::Duration::from_secs(wait)).await;
                }
                // What may have arrived once stays in doubt.
                doubt |= error.again == Again::Doubtful;
                first.get_or_insert(error);
            }
        }
    }
    (first.clone(), Err(first.unwrap()))
}

/// Has every request of a delivery go wrong in every way, and delivers again as the outbox would: in the end it is there,
/// and `effects` counts it once.
pub async fn survives<S: Send + 'static, C: Courier>(
    server: impl Fn() -> Arc<Server<S>>,
    courier: impl Fn(&Arc<Server<S>>) -> C,
    clear: impl Fn(bool) -> Cleared,
    effects: impl Fn(&mut S) -> usize,
) {
    let calm = server();
    let what = format!("{:?}", clear(false).delivery().what);
    courier(&calm).deliver(&clear(false)).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert_eq!(calm.state(&effects), 1, "{what}");
    let steps = calm.asked().len();
    for step in 0..steps {
        for trouble in Trouble::ALL {
            let server = server();
            let courier = courier(&server);
            server.trouble(step, trouble);
            let (first, end) = delivered(&courier, &clear).await;
            let place = format!("{what}: {trouble:?} at {:?}", server.asked()[step]);
            assert!(end.is_ok(), "{place}: {end:?}");
            assert_eq!(server.state(&effects), 1, "{place}: {first:?}, {end:?}");
            let Some(first) = first else { continue };
            assert!(!first.fault.message.is_empty() && !first.fault.message.contains('\u{1b}'), "{place}: {first:?}");
            let write = server.asked()[step].method != "GET";
            // What was sent is not known until a service that works later has said what came of it.
            if !write && server.asked()[..step].iter().any(|request| request.method != "GET") {
                assert_eq!(first.again, Again::Doubtful, "{place}");
                continue;
            }
            match trouble {
                Trouble::Lost | Trouble::Cut | Trouble::Status(500 | 502 | 503) | Trouble::After(_) if write => {
                    assert_eq!(first.again, Again::Doubtful, "{place}");
                }
                Trouble::Limited(seconds) => assert_eq!(first.again, Again::In(seconds), "{place}"),
                Trouble::Status(401..=403) => assert_eq!(first.again, Again::Ask, "{place}"),
                Trouble::Unreachable => assert!(matches!(first.again, Again::In(_)), "{place}"),
                _ => {}
            }
        }
    }
}
