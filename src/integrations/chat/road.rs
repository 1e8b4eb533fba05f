//! The road to one chat: what is asked and sent, the waits that it asks for, and what an end of a request says about
//! whether it was done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::domain::incident::delivery::Again;
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::patience::Patiences;
use crate::integrations::http::{HttpAnswer, JSON, Pairs, Product, Transport, Write, fault};
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{DeliveryError, ServiceCheck, ServiceFinding};

/// After so many seconds it is tried again where the service does not say when.
pub(super) const LATER: u64 = 30;

/// A request that did not do what it should.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The product's own word for it (`name_taken`); empty where it said none. Not cleaned: to compare, never to show.
    pub code: String,
    /// What it means for the delivery.
    pub error: DeliveryError,
}

impl Trouble {
    /// Not done, and a person has to change something.
    pub fn ask(fault: Fault) -> Self {
        Self { code: String::new(), error: DeliveryError { fault, again: Again::Ask } }
    }

    /// Not done; again in so many seconds.
    pub fn later(fault: Fault, seconds: u64) -> Self {
        Self { code: String::new(), error: DeliveryError { fault, again: Again::In(seconds) } }
    }

    /// Perhaps done.
    pub fn doubtful(fault: Fault) -> Self {
        Self { code: String::new(), error: DeliveryError { fault, again: Again::Doubtful } }
    }

    /// With the product's word.
    pub fn coded(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Is that the product's word?
    pub fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    /// What it says, for a remark.
    pub fn said(&self) -> String {
        let fault = &self.error.fault;
        fault.hint.as_ref().map_or_else(|| fault.message.clone(), |hint| format!("{}; {hint}", fault.message))
    }

    /// Something before it was done already, so that the whole is half done: the next attempt has to look.
    pub fn after_a_part(mut self, what: &str) -> Self {
        self.error.again = Again::Doubtful;
        self.error.fault.message = format!("{what}, then: {}", self.error.fault.message);
        self
    }

    /// A look that failed. As long as it is not known what an earlier attempt did, the doubt stays.
    pub fn unseen(mut self, cleared: &Cleared) -> Self {
        if cleared.doubt() && matches!(self.error.again, Again::In(_)) {
            self.error.again = Again::Doubtful;
        }
        self
    }
}

/// What came of asking or telling.
pub(super) type Outcome<T> = Result<T, Trouble>;

impl From<Trouble> for DeliveryError {
    fn from(trouble: Trouble) -> Self {
        trouble.error
    }
}

/// What a usable answer held.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The body; `null` for none.
    pub json: Value,
    /// The server's clock.
    pub date: Option<Instant>,
    /// What the token may do, where it is said.
    pub scopes: Option<String>,
}

/// Reads a product's refusal out of an answer; `None` where the answer is fine or says nothing in the product's words.
pub(super) type Refusal = fn(&Road, &HttpAnswer, &Value) -> Option<Trouble>;

/// A transport that leaves its server alone after "too many requests".
pub(super) struct Road {
    transport: Arc<dyn Transport>,
    prefix: &'static str,
    patience: Patiences,
    refusal: Refusal,
    /// The reading of the credentials that was accepted last.
    good: AtomicU64,
}

impl Road {
    /// Over a transport, with what all paths begin with and the product's way to refuse.
    pub fn new(transport: Arc<dyn Transport>, prefix: &'static str, refusal: Refusal) -> Self {
        Self { transport, prefix, patience: Patiences::default(), refusal, good: AtomicU64::new(0) }
    }

    /// The product, as people call it.
    pub fn product(&self) -> &'static str {
        self.transport.product().name()
    }

    /// Where it leads, without secrets.
    pub fn origin(&self) -> &str {
        self.transport.origin()
    }

    /// `Slack at https://slack.com`.
    pub fn whose(&self) -> String {
        format!("{} at {}", self.product(), self.origin())
    }

    /// Asks.
    pub async fn read(&self, path: &str, query: Pairs<'_>) -> Result<Reply, Trouble> {
        let part = self.part("GET", path, &Value::Null);
        self.ready(part.as_deref())?;
        let answer = self.transport.get(&self.path(path), query).await.map_err(unsent)?;
        self.judge(answer, part.as_deref(), false)
    }

    /// Asks with a form, for what is served by POST alone.
    pub async fn read_form(&self, path: &str, form: Pairs<'_>) -> Result<Reply, Trouble> {
        let part = self.part("POST", path, &Value::Null);
        self.ready(part.as_deref())?;
        let answer = self.transport.post_form(&self.path(path), form).await.map_err(unsent)?;
        self.judge(answer, part.as_deref(), false)
    }

    /// Sends what was cleared, once; `body` may be `null` for none.
    pub async fn write(
        &self,
        cleared: &Cleared,
        method: &'static str,
        path: &str,
        body: &Value,
    ) -> Result<Reply, Trouble> {
        let part = self.part(method, path, body);
        self.ready(part.as_deref())?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = self.path(path);
        let write = Write { pass: cleared.into(), method, path: &path, content_type: JSON, body: body.as_bytes() };
        let answer = self.transport.write(write).await.map_err(|error| match error {
            ClusterError::Fault(fault) => unsent(fault),
            ClusterError::Unknown(message) => Trouble::doubtful(
                Fault::new(FaultKind::Timeout, message)
                    .hint("it may have arrived: it is looked for before it is sent again"),
            ),
            other => Trouble::ask(Fault::new(FaultKind::Server, other.to_string())),
        })?;
        self.judge(answer, part.as_deref(), true)
    }

    /// What of the server counts its requests by itself; `None` for all of it.
    ///
    /// Slack counts by method, messages by channel as well (<https://docs.slack.dev/apis/web-api/rate-limits>); Discord by
    /// route with the channel or server in it (<https://discord.com/developers/docs/topics/rate-limits>), of which it also
    /// answers with the ids of its own buckets, not read here. Matrix leaves it to the server; Synapse tells apart joining,
    /// inviting, making rooms and the rest (`rc_*`). Mattermost counts all requests of a user or address together.
    fn part(&self, method: &str, path: &str, body: &Value) -> Option<String> {
        match self.transport.product() {
            Product::Slack if path == "chat.postMessage" => Some(format!("{path} {}", raw(body, "/channel"))),
            Product::Slack => Some(path.to_owned()),
            Product::Discord => {
                let is_id = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                let parts = path.split('/').filter(|part| !part.is_empty()).enumerate();
                let route = parts.map(|(at, part)| if at > 1 && is_id(part) { "{id}" } else { part });
                Some(format!("{method} {}", route.collect::<Vec<_>>().join("/")))
            }
            Product::Matrix => {
                let mut parts = path.split('/').filter(|part| !part.is_empty());
                let first = parts.next().unwrap_or_default();
                let verb = if first == "rooms" { parts.nth(1) } else { Some(first) };
                Some(format!("{method} {}", verb.unwrap_or_default()))
            }
            _ => None,
        }
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    fn ready(&self, part: Option<&str>) -> Result<(), Trouble> {
        self.patience.left(part).map_or(Ok(()), |left| Err(self.too_many(left)))
    }

    fn too_many(&self, seconds: u64) -> Trouble {
        let message = format!("{} had too many requests and wants to be left alone for {seconds} s", self.whose());
        let fault = Fault::new(FaultKind::Server, message).hint("it is sent by itself afterwards");
        Trouble::later(fault, seconds).coded("ratelimited")
    }

    /// What an answer means: the one place that knows what is certain about a request.
    fn judge(&self, answer: HttpAnswer, part: Option<&str>, wrote: bool) -> Result<Reply, Trouble> {
        let parsed: Option<Value> = match &answer.body {
            _ if answer.is_html() => None,
            body if body.iter().all(u8::is_ascii_whitespace) => Some(Value::Null),
            body => serde_json::from_slice(body).ok(),
        };
        if answer.status == 429 {
            let said = answer.retry_after.or_else(|| parsed.as_ref().and_then(wait)).unwrap_or(LATER).max(1);
            // A limit of the whole application says so; an answer without a body is of what stands before the API.
            let all = parsed.as_ref().is_none_or(|json| json["global"].as_bool() == Some(true));
            let all = all && self.transport.product() == Product::Discord;
            self.patience.rest(part.filter(|_| !all), said);
            return Err(self.too_many(said));
        }
        let refused = |json| (self.refusal)(self, &answer, json).filter(|_| answer.status != 408);
        if let Some(mut trouble) = parsed.as_ref().and_then(refused) {
            // Slack refuses a token with status 200: the next attempt reads it again.
            if trouble.error.fault.kind == FaultKind::Unauthorized {
                self.transport.forget_credentials();
                // One that was good until now may have been renewed.
                if wrote && answer.status == 401 && self.was_good() {
                    trouble.error.again = Again::In(1);
                }
            }
            // Asking alters nothing.
            if !wrote && trouble.error.again == Again::Doubtful {
                trouble.error.again = Again::In(LATER);
            }
            return Err(trouble);
        }
        let fault = || fault::of_answer(&answer, self.transport.product(), self.origin());
        match (answer.status, parsed) {
            (200..300, Some(json)) => {
                self.good.store(self.transport.credentials(), Ordering::Relaxed);
                Ok(Reply { json, date: answer.date, scopes: answer.scopes })
            }
            (500..600 | 408, _) if !wrote => Err(Trouble::later(fault(), answer.retry_after.unwrap_or(LATER).max(1))),
            // What came in between is not known: it may have been done before the answer broke. Also with 503, which a
            // proxy says of a server that took the request and then broke off.
            (500..600 | 408, _) => {
                if let Some(seconds) = answer.retry_after {
                    self.patience.rest(part, seconds);
                }
                Err(Trouble::doubtful(fault()))
            }
            (200..300, None) | (300..400, _) if wrote => Err(Trouble::doubtful(fault())),
            _ => Err(Trouble::ask(fault())),
        }
    }

    /// Which reading of the credentials is the current one.
    pub fn credentials(&self) -> u64 {
        self.transport.credentials()
    }

    /// Were the current credentials accepted at least once?
    fn was_good(&self) -> bool {
        let now = self.transport.credentials();
        now > 0 && self.good.load(Ordering::Relaxed) == now
    }

    /// An answer of the right shape that lacks what it should hold: it was done, but how is not known.
    pub fn lacks(&self, what: &str) -> Trouble {
        let message = format!("{} answered without {what}", self.whose());
        Trouble::doubtful(Fault::new(FaultKind::Malformed, message))
    }
}

/// A request that got no answer and altered nothing.
fn unsent(fault: Fault) -> Trouble {
    match fault.kind {
        FaultKind::Unreachable | FaultKind::Timeout | FaultKind::Server => Trouble::later(fault, LATER),
        _ => Trouble::ask(fault),
    }
}

/// The wait that a body names: Discord in seconds with a fraction, Matrix in milliseconds.
fn wait(json: &Value) -> Option<u64> {
    let seconds = json["retry_after"].as_f64().or_else(|| Some(json["retry_after_ms"].as_f64()? / 1_000.0))?;
    (0.0..1e9).contains(&seconds).then(|| seconds.ceil() as u64)
}

/// A text of a body, cleaned into one line; empty where there is none.
pub(super) fn text(json: &Value, pointer: &str) -> String {
    clean(raw(json, pointer)).into_owned()
}

/// A text of a body as it is: for ids that are sent back, and for comparing.
pub(super) fn raw<'a>(json: &'a Value, pointer: &str) -> &'a str {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list in a body.
pub(super) fn items<'a>(json: &'a Value, pointer: &str) -> &'a [Value] {
    json.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A finding of `doctor`.
pub(super) fn found(name: impl Into<String>, result: ServiceFinding) -> ServiceCheck {
    ServiceCheck { name: name.into(), result }
}

/// What every check says of an answer: the clock.
pub(super) fn clock(reply: &Reply) -> Option<ServiceCheck> {
    reply.date.map(|date| found("clock", ServiceFinding::Clock(date)))
}

/// Somebody whom the service does not know, or knows more than once.
pub(super) fn nobody(whose: &str, who: &str, why: &str, hint: impl Into<String>) -> Trouble {
    let message = format!("{whose} {why} `{}`, who is not invited", clean(who));
    Trouble::ask(Fault::new(FaultKind::NotConfigured, message).hint(hint)).coded("unknown_invitee")
}

/// A delivery that is no chat's business, or not this one's.
pub(super) fn not_here(product: &str, what: &str) -> Trouble {
    Trouble::ask(Fault::new(FaultKind::NotServed, format!("{product} cannot {what}")).hint("drop this delivery"))
}
