//! Anything that takes `{"text": …}` by POST: incoming webhooks of Slack, Mattermost, Google Chat and others. Microsoft Teams
//! is none of them: its workflows take cards. A webhook opens no channel and shows none; what may have arrived cannot be
//! looked for, so a person is asked, and may say that it is sent again.
//!
//! Such an address is a secret as a whole: only its host is ever named.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Url;
use serde_json::json;

use super::board::{Board, post, short};
use super::road::{LATER, Trouble, found, not_here};
use super::words::{Manner, Span, plain, quiet};
use crate::config::Http;
use crate::config::incidents::ChatSource;
use crate::domain::incident::delivery::{Receipt, What};
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::flags::patience::Patience;
use crate::integrations::http::{
    HttpAnswer, HttpSettings, HttpTransport, JSON, Product, Transport as _, Write, fault::of_answer,
};
use crate::integrations::secret;
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ChannelView, Chat, ChatLimits, DeliveryError, Service, ServiceCheck, ServiceFinding};

/// One address.
pub(super) struct Webhook {
    name: String,
    url: Option<String>,
    origin: String,
    http: Http,
    patience: Patience,
    open: tokio::sync::Mutex<Option<Arc<Open>>>,
}

/// The address, taken apart: the host, which may be named, and the rest, which may not.
struct Open {
    transport: HttpTransport,
    path: String,
    /// Its secret parts as an answer may repeat them, the longest first.
    secrets: Vec<String>,
}

impl Webhook {
    /// Of the configuration; sends nothing.
    pub fn new(source: &ChatSource) -> Self {
        let url = source.chat.url.clone();
        let host = url.as_deref().and_then(|url| Url::parse(url).ok()).map(|url| url.origin().ascii_serialization());
        Self {
            name: source.chat.name.clone(),
            origin: host.unwrap_or_else(|| "the address in chat.token".to_owned()),
            url,
            http: source.http.clone(),
            patience: Patience::default(),
            open: tokio::sync::Mutex::default(),
        }
    }

    async fn open(&self) -> Result<Arc<Open>, Fault> {
        let mut open = self.open.lock().await;
        if let Some(open) = open.as_ref() {
            return Ok(Arc::clone(open));
        }
        let address = match (&self.http.token, &self.url) {
            (Some(source), _) => secret::resolve(source, "chat.token").await?.expose().to_owned(),
            (None, Some(url)) => url.clone(),
            (None, None) => {
                let fault = Fault::new(FaultKind::NotConfigured, "the webhook has no address");
                return Err(
                    fault.hint("set chat.token to where its whole address lies, or chat.url if it is no secret")
                );
            }
        };
        let fits = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
        let url = Url::parse(address.trim()).ok().filter(fits).ok_or_else(|| {
            let fault = Fault::new(FaultKind::NotConfigured, "what chat.token or chat.url holds is not a web address");
            fault.hint("for a webhook it is the whole address, with https://")
        })?;
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let mut base = url.clone();
        base.set_path("");
        base.set_query(None);
        base.set_fragment(None);
        let http = Http { token: None, ..self.http.clone() };
        let transport = HttpTransport::new(&HttpSettings::new(Product::Webhook, base.as_str(), http))?;
        let made = Arc::new(Open { transport, path, secrets: secrets(&url) });
        *open = Some(Arc::clone(&made));
        Ok(made)
    }

    async fn send(&self, cleared: &Cleared) -> Result<Receipt, Trouble> {
        match &cleared.delivery().what {
            What::Post { text } => post(self, cleared, "", text).await,
            _ => Err(not_here("a webhook", "do that: it only takes messages")),
        }
    }

    async fn carry(&self, cleared: &Cleared, text: &str) -> Result<(), Trouble> {
        if let Some(left) = self.patience.left() {
            return Err(self.too_many(left));
        }
        let open = self.open().await.map_err(Trouble::ask)?;
        let body = json!({ "text": text }).to_string();
        let write =
            Write { pass: cleared.into(), method: "POST", path: &open.path, content_type: JSON, body: body.as_bytes() };
        let answer = open.transport.write(write).await.map_err(|error| match error {
            ClusterError::Fault(fault) if matches!(fault.kind, FaultKind::Unreachable | FaultKind::Timeout) => {
                Trouble::later(fault, LATER)
            }
            ClusterError::Fault(fault) => Trouble::ask(fault),
            other => Trouble::doubtful(Fault::new(FaultKind::Timeout, other.to_string())),
        });
        let trouble = match answer {
            Ok(answer) if (200..300).contains(&answer.status) && !answer.is_html() => return Ok(()),
            Ok(answer) => self.refused(&open, answer).await,
            Err(trouble) => trouble,
        };
        Err(without(trouble, &open.secrets))
    }

    async fn refused(&self, open: &Open, answer: HttpAnswer) -> Trouble {
        // Where it leads on may be as secret as where it was. What it repeats of the address goes before anything is cut.
        let body = masked(&String::from_utf8_lossy(&answer.body), &open.secrets).into_bytes();
        let answer = HttpAnswer { location: None, body, ..answer };
        let fault = of_answer(&answer, Product::Webhook, open.transport.origin());
        match answer.status {
            429 => {
                let seconds = answer.retry_after.unwrap_or(LATER).max(1);
                self.patience.heed(&HttpAnswer { retry_after: Some(seconds), ..answer });
                self.too_many(seconds)
            }
            // Also 503: a proxy says it of a server that took the request and then broke off.
            200..=399 | 408 | 500..=599 => Trouble::doubtful(fault),
            401 | 403 | 404 | 410 => {
                // It was withdrawn or renewed: the next attempt reads it again.
                *self.open.lock().await = None;
                Trouble::ask(
                    fault.hint("the webhook may have been withdrawn: make a new one and put it where chat.token says"),
                )
            }
            _ => Trouble::ask(fault),
        }
    }

    fn too_many(&self, seconds: u64) -> Trouble {
        let message =
            format!("the webhook at {} had too many requests and wants to be left alone for {seconds} s", self.origin);
        Trouble::later(Fault::new(FaultKind::Server, message).hint("it is sent by itself afterwards"), seconds)
    }
}

impl Board for Webhook {
    /// What the strictest of them take.
    const LIMITS: ChatLimits = ChatLimits { name: 0, topic: 0, message: 4_000 };
    const MANNER: Manner = as_it_is;

    async fn find(&self, cleared: &Cleared, _: &str, _: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
        if cleared.insisted() {
            return Ok(BTreeMap::new());
        }
        let message = "it may have arrived, and a webhook cannot be asked whether it did";
        let hint = "look into the channel: drop it if it is there; retrying sends all of it again";
        Err(Trouble::ask(Fault::new(FaultKind::Timeout, message).hint(hint)))
    }

    async fn put(&self, cleared: &Cleared, _: &str, mark: &str, text: &str) -> Result<String, Trouble> {
        self.carry(cleared, &quiet(&plain(text))).await?;
        // It gives no id; later deliveries that name this one still have something to name.
        Ok(short(mark, 8))
    }
}

/// The shortest part of an address that is taken for a secret, in bytes.
const SECRET: usize = 6;

/// The parts of an address that must not be named, in the writings in which an answer may repeat them: as they are, in
/// JSON, decoded. The longest first, so that nothing is left of it.
fn secrets(url: &Url) -> Vec<String> {
    let path = url.path().trim_start_matches('/').to_owned();
    let query = url.query().unwrap_or_default().to_owned();
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    parts.extend(query.split('&').map(str::to_owned));
    parts.extend(url.query_pairs().flat_map(|(name, value)| [format!("{name}={value}"), value.into_owned()]));
    parts.extend(query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1.to_owned())));
    parts.extend([format!("{path}?{query}"), path, query]);
    let writings = |part: &String| {
        let pair = format!("x={}", part.replace('+', "%2B").replace('&', "%26"));
        let decoded = form_urlencoded::parse(pair.as_bytes()).next();
        let decoded = decoded.map(|(_, value)| value.into_owned()).unwrap_or_default();
        let encoded = form_urlencoded::byte_serialize(decoded.as_bytes()).collect();
        [part.replace('/', "\\/"), decoded.replace('/', "\\/"), part.clone(), decoded, encoded]
    };
    let mut all: Vec<String> = parts.iter().flat_map(writings).filter(|part| part.len() >= SECRET).collect();
    all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    all.dedup();
    all
}

fn masked(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
}

/// A server may repeat the address in its answer.
fn without(mut trouble: Trouble, secrets: &[String]) -> Trouble {
    let fault = &mut trouble.error.fault;
    fault.message = masked(&fault.message, secrets);
    fault.hint = fault.hint.take().map(|hint| masked(&hint, secrets));
    trouble
}

/// For the measure of a piece: text without marks of writing, as it is sent.
fn as_it_is(span: &Span) -> String {
    match span {
        Span::Text(text) | Span::Strong(text) | Span::Emphasis(text) => text.clone(),
        Span::Code(code) => format!("`{code}`"),
        Span::Url(url) => url.clone(),
        Span::Link(words, url) => format!("{words} ({url})"),
    }
}

impl Service for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn product(&self) -> &'static str {
        "Webhook"
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(async move {
            vec![match self.open().await {
                Err(fault) => found("address", ServiceFinding::Failed(fault)),
                Ok(open) => {
                    let loss =
                        format!("{} is set; whether it takes messages shows with the first", open.transport.origin());
                    let hint = "a webhook opens no channel, invites nobody, and cannot be looked into";
                    found("address", ServiceFinding::Loss(loss, hint.to_owned()))
                }
            }]
        })
    }
}

impl Chat for Webhook {
    fn limits(&self) -> ChatLimits {
        Self::LIMITS
    }

    fn has_channels(&self) -> bool {
        false
    }

    fn channel_name(&self, _: &str) -> Result<String, String> {
        Err("a webhook opens no channels".to_owned())
    }

    fn view<'a>(&'a self, _: &'a str) -> Future<'a, Result<ChannelView, Fault>> {
        let fault = Fault::new(FaultKind::NotServed, "a webhook only takes messages: there is nothing to look at");
        Box::pin(std::future::ready(Err(fault)))
    }
}

impl Courier for Webhook {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move { Ok(self.send(cleared).await?) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::Value;

    use super::*;
    use crate::config::SecretSource;
    use crate::config::incidents::ChatProduct;
    use crate::domain::incident::delivery::Again;
    use crate::incident::clearance::Aim;
    use crate::integrations::chat::script::{Answer, Call, Fail, Server, World, deliver, pass, post, source};

    const SECRET: &str = "/services/T0/B0/hook-canary-91?thread=1&sig=canary%2Fsig%2B7";

    /// Takes everything.
    struct Hook(Vec<Value>);

    impl World for Hook {
        fn answer(&mut self, call: &Call) -> Answer {
            self.0.push(call.body["text"].clone());
            Answer::Raw(200, vec![("content-type", "text/plain".into())], "ok".into())
        }
    }

    fn hook(url: &str) -> Webhook {
        let mut source = source(ChatProduct::Webhook, url, None);
        source.http.token = Some(SecretSource::Command(vec!["echo".into(), format!("{url}{SECRET}")]));
        Webhook::new(&source)
    }

    #[tokio::test]
    async fn messages_arrive_in_order_and_call_nobody() {
        let server = Server::start(Hook(Vec::new())).await;
        let chat = hook(&server.url);
        deliver(&chat, "a", post("*SEV2* [board](https://g) @channel"), (None, None), false).await.unwrap();
        let long: Vec<String> = (0..1_000).map(|line| format!("line {line}")).collect();
        let receipt = deliver(&chat, "b", post(&long.join("\n")), (None, None), false).await.unwrap();
        assert_eq!(receipt.remarks, ["it was too long for one message and became 3"]);
        assert_eq!(server.world().0.len(), 4);
        assert_eq!(server.world().0[0], "SEV2 board (https://g) @\u{200b}channel");
        assert!(server.calls()[0].line.ends_with("/services/T0/B0/hook-canary-91"));
    }

    #[test]
    fn nobody_is_called_in_any_of_their_languages() {
        for (text, expected) in [
            ("<!channel> <!here>", "<\u{200b}!channel> <\u{200b}!here>"),
            ("<@U123> <#C1> <users/all>", "<\u{200b}@\u{200b}U123> <\u{200b}#C1> <\u{200b}users/all>"),
            ("@alice, (@sre-team) and ada@shop.example", "@\u{200b}alice, (@\u{200b}sre-team) and ada@shop.example"),
            ("a < b, <https://x|y>", "a < b, <https://x|y>"),
        ] {
            assert_eq!(quiet(text), expected);
        }
    }

    #[tokio::test]
    async fn every_end_is_honest_and_names_no_secret() {
        let server = Server::start(Hook(Vec::new())).await;
        let chat = hook(&server.url);
        let html = || Answer::Raw(200, vec![("content-type", "text/html".into())], "<html>".into());
        let echo = || Answer::Raw(404, vec![], format!("no such hook: {SECRET}"));
        // Parts of it, in other writings, and where the end of what is shown would cut them.
        let parts = [
            "no /services/T0/B0/hook-canary-91 here".to_owned(),
            "sig=canary/sig+7 is wrong".to_owned(),
            r#"{"error":"no \/services\/T0\/B0\/hook-canary-91"}"#.to_owned(),
            "canary%2Fsig%2B7".to_owned(),
            format!("{} {SECRET}", "x".repeat(280)),
            format!("{}/services/T0/B0/hook-canary-91", "x".repeat(285)),
        ];
        let on = || Answer::Raw(302, vec![("location", format!("http://other{SECRET}"))], String::new());
        for (fail, again) in [
            (Fail::After(Answer::Cut), Again::Doubtful),
            (Fail::After(Answer::Json(500, Value::Null)), Again::Doubtful),
            (Fail::After(html()), Again::Doubtful),
            (Fail::Instead(on()), Again::Doubtful),
            (Fail::Instead(echo()), Again::Ask),
            (Fail::Instead(Answer::Json(400, Value::Null)), Again::Ask),
            (Fail::Instead(Answer::Raw(400, vec![], parts[0].clone())), Again::Ask),
            (Fail::Instead(Answer::Raw(400, vec![], parts[1].clone())), Again::Ask),
            (Fail::Instead(Answer::Raw(400, vec![], parts[2].clone())), Again::Ask),
            (Fail::Instead(Answer::Raw(400, vec![], parts[3].clone())), Again::Ask),
            (Fail::Instead(Answer::Raw(400, vec![], parts[4].clone())), Again::Ask),
            (Fail::Instead(Answer::Raw(400, vec![], parts[5].clone())), Again::Ask),
            (Fail::After(Answer::Json(503, Value::Null)), Again::Doubtful),
            (Fail::Instead(Answer::Raw(429, vec![("retry-after", "9".into())], String::new())), Again::In(9)),
        ] {
            server.fail("POST", fail.clone());
            let error = deliver(&chat, "a", post("x"), (None, None), false).await.unwrap_err();
            assert_eq!(error.again, again, "{fail:?}: {error}");
            let told = format!("{error:?} {} {:?}", chat.origin(), chat.check().await);
            assert!(!told.contains("canary"), "{told}");
        }
        assert!(matches!(
            deliver(&chat, "a", post("x"), (None, None), false).await.unwrap_err().again,
            Again::In(1..=9)
        ));
        let gone = hook("http://127.0.0.1:1");
        let error = deliver(&gone, "a", post("x"), (None, None), false).await.unwrap_err();
        assert_eq!(error.again, Again::In(30));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }

    #[tokio::test]
    async fn a_doubt_is_a_persons_to_decide_and_nothing_is_sent() {
        let server = Server::start(Hook(Vec::new())).await;
        let chat = hook(&server.url);
        let error = deliver(&chat, "a", post("x"), (None, None), true).await.unwrap_err();
        assert!(error.again == Again::Ask && error.fault.message.contains("may have arrived"), "{error}");
        let long: Vec<String> = (0..1_000).map(|line| format!("line {line}")).collect();
        server.fail_at(1, Fail::After(Answer::Json(503, Value::Null)));
        let half = deliver(&chat, "b", post(&long.join("\n")), (None, None), false).await.unwrap_err();
        assert!(half.again == Again::Doubtful && half.fault.message.starts_with("1 of 3 messages arrived"), "{half}");
        let channel = What::Archive;
        assert_eq!(deliver(&chat, "c", channel, (None, None), false).await.unwrap_err().again, Again::Ask);
        assert_eq!(server.world().0.len(), 2);
        // A person who looked says that it is to be sent.
        let insisted = pass("a", post("x"), Aim::default(), true).forged_past(None, true);
        chat.deliver(&insisted).await.unwrap();
        assert_eq!(server.world().0.len(), 3);
        assert!(chat.view("x").await.is_err() && chat.channel_name("x").is_err() && !chat.has_channels());
    }
}
