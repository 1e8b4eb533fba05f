//! Silences: read from, written to and read back from one replica; gossip brings them to the others.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::wire::{WireAlert, WireSilence};
use super::{AlertmanagerClient, fetch};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::domain::mutation::{Change, Matcher, Mutation, Silence};
use crate::domain::object::ObjectRef;
use crate::domain::silence::Matching;
use crate::domain::text::clean;
use crate::integrations::http::{HttpAnswer, JSON, Transport, Write};
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, Facts, Needs, Part, Silences};
use crate::ports::feed::Fault;

impl Silences for AlertmanagerClient {
    fn facts<'a>(&'a self, needs: &'a Needs) -> Future<'a, Result<Facts, ClusterError>> {
        Box::pin(async move {
            let mut facts = Facts::default();
            if needs.parts.contains(&Part::Alerts) {
                let told = self.gather().await?;
                facts.alerts = Some(told.seen.values().map(alert).collect());
            }
            let (replica, silences) = self.choose().await?;
            if let Some(silence) = find(silences, &needs.target.name) {
                facts.object = whole(replica, silence).await?;
            }
            Ok(facts)
        })
    }

    fn look<'a>(&'a self, silence: &'a ObjectRef) -> Future<'a, Result<Value, ClusterError>> {
        Box::pin(async move {
            let replica = self.writer()?;
            let silences = fetch::<Vec<WireSilence>>(replica, "/api/v2/silences", &[]).await?;
            let found = find(silences, &silence.name).ok_or_else(|| ClusterError::NotFound(silence.to_string()))?;
            Ok(whole(replica, found).await?)
        })
    }
}

impl Mutator for AlertmanagerClient {
    fn execute(&self, approved: Approved<Mutation>) -> Future<'_, Result<Receipt, ClusterError>> {
        Box::pin(async move {
            let replica = self.writer()?;
            let mutation = approved.get();
            let id = &*mutation.target.name;
            let (method, path, body) = match &mutation.change {
                Change::Silence(silence) => ("POST", "/api/v2/silences".to_owned(), posted(id, silence).to_string()),
                Change::ExpireSilence => ("DELETE", format!("/api/v2/silence/{id}"), String::new()),
                _ => return Err(ClusterError::Rejected(format!("{}: that is no silence", mutation.target))),
            };
            let write =
                Write { pass: (&approved).into(), method, path: &path, content_type: JSON, body: body.as_bytes() };
            let answer = replica.write(write).await?;
            judge(&answer, replica, mutation)?;
            Ok(Receipt { resource_version: String::new(), generation: 0, warnings: Vec::new() })
        })
    }
}

/// `postableSilence`.
fn posted(id: &str, silence: &Silence) -> Value {
    let matchers: Vec<Value> = silence
        .matchers
        .iter()
        .map(|matcher| {
            json!({"name": matcher.name, "value": matcher.value, "isRegex": matcher.regex, "isEqual": matcher.equal})
        })
        .collect();
    let time = |at: &crate::domain::time::Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let mut posted = json!({
        "matchers": matchers, "startsAt": time(&silence.starts), "endsAt": time(&silence.ends),
        "createdBy": silence.author, "comment": silence.comment,
    });
    if !id.is_empty() {
        posted["id"] = json!(id);
    }
    if !silence.annotations.is_empty() {
        posted["annotations"] = json!(silence.annotations);
    }
    posted
}

/// What an answer to a write says.
fn judge(answer: &HttpAnswer, replica: &dyn Transport, mutation: &Mutation) -> Result<(), ClusterError> {
    let fault = || crate::integrations::http::fault::of_answer(answer, replica.product(), replica.origin());
    let said = || {
        let said = answer.excerpt();
        if said.is_empty() { fault().message } else { said }
    };
    match answer.status {
        200 if !answer.is_html() => Ok(()),
        400 | 422 => Err(ClusterError::Rejected(said())),
        403 => Err(ClusterError::Forbidden(fault().message)),
        404 if !answer.is_html() => Err(ClusterError::NotFound(mutation.target.to_string())),
        // A gateway's, or its own, that may follow a write.
        500 | 502 | 504 | 200..400 => Err(ClusterError::Unknown(said())),
        _ => Err(fault().into()),
    }
}

impl AlertmanagerClient {
    /// The replica that is written to, and read back from.
    fn writer(&self) -> Result<&dyn Transport, Fault> {
        let chosen = self.replicas.get(self.writer.load(Ordering::Relaxed));
        chosen.map(|replica| &**replica).ok_or_else(super::not_configured)
    }

    /// Chooses it: the first one that answers.
    async fn choose(&self) -> Result<(&dyn Transport, Vec<WireSilence>), Fault> {
        let mut first = None;
        for (index, replica) in self.replicas.iter().enumerate() {
            match fetch(&**replica, "/api/v2/silences", &[]).await {
                Ok(silences) => {
                    self.writer.store(index, Ordering::Relaxed);
                    return Ok((&**replica, silences));
                }
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        Err(first.unwrap_or_else(super::not_configured))
    }
}

/// By id, or by key: then the one that is not over yet, else the one that ended last.
fn find(silences: Vec<WireSilence>, name: &str) -> Option<WireSilence> {
    let by_key = Silence::is_key(name);
    silences
        .into_iter()
        .filter(|silence| if by_key { meaning(silence).key() == name } else { silence.id == name })
        .max_by_key(|silence| (silence.status.state != "expired", silence.ends_at))
}

/// The silence as it was posted. Text stays as it is: it is sent again when the silence is changed.
fn meaning(silence: &WireSilence) -> Silence {
    let matcher = |matcher: &super::wire::WireMatcher| Matcher {
        name: matcher.name.clone(),
        value: matcher.value.clone(),
        regex: matcher.is_regex,
        equal: matcher.is_equal,
    };
    Silence {
        matchers: silence.matchers.iter().map(matcher).collect(),
        starts: silence.starts_at.unwrap_or(silence.ends_at).to_utc(),
        ends: silence.ends_at.to_utc(),
        author: silence.created_by.clone(),
        comment: silence.comment.clone(),
        annotations: silence.annotations.clone(),
    }
}

fn alert(alert: &WireAlert) -> Value {
    json!({"fingerprint": alert.fingerprint, "labels": alert.labels, "state": alert.status.state})
}

/// The silence with what it should hide and does not, as this replica says.
async fn whole(replica: &dyn Transport, silence: WireSilence) -> Result<Value, Fault> {
    let meaning = meaning(&silence);
    let hears: Vec<String> = match Matching::new(&meaning.matchers) {
        Ok(matching) if silence.status.state == "active" => {
            let alerts = fetch::<Vec<WireAlert>>(replica, "/api/v2/alerts", &[]).await?;
            let heard = alerts.iter().filter(|alert| {
                !alert.status.is_suppressed() && matching.accepts(|name| alert.labels.get(name).map(String::as_str))
            });
            heard.map(|alert| clean(alert.labels.get("alertname").map_or("", String::as_str)).into_owned()).collect()
        }
        _ => Vec::new(),
    };
    Ok(json!({"id": silence.id, "state": silence.status.state, "silence": meaning, "hears": hears}))
}
