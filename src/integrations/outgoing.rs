//! The road to one service that incidents speak to: what is asked and sent, the waits that it asks for, and what an end
//! means for a delivery: certainly not done, or perhaps.

#[cfg(test)]
pub(in crate::integrations) mod server;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::flags::patience::{self, Patience};
use super::flags::segment;
use super::http::fault::of_answer;
use super::http::{HttpAnswer, JSON, Pairs, Transport, Write};
use crate::domain::incident::delivery::Again;
use crate::domain::text::{clean, clean_lines};
use crate::domain::time::Instant;
use crate::incident::clearance::Cleared;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{DeliveryError, ServiceCheck, ServiceFinding};

/// When to try again, in seconds, where a service is down or says nothing of it.
const LATER: u64 = 30;

/// What an unwelcome answer means, in a service's own words where it has any.
pub(super) type Meaning = fn(&Road, &HttpAnswer) -> Fault;

/// What is a service's own in [`Road::told`].
pub(super) struct Hints {
    /// What it calls its credentials: `key`, `token`.
    pub key: &'static str,
    /// Of what a plan is: `account`, `page`.
    pub plan: &'static str,
    /// What to do where they are not accepted (401).
    pub unknown: &'static str,
    /// What to do where they may not (403).
    pub forbidden: &'static str,
    /// What to do where there is nothing like that (404).
    pub missing: &'static str,
}

/// A transport that leaves its server alone after "too many requests".
pub(super) struct Road {
    transport: Arc<dyn Transport>,
    meaning: Meaning,
    patience: Patience,
}

impl Road {
    /// Over a transport.
    pub fn new(transport: Arc<dyn Transport>, meaning: Meaning) -> Self {
        Self { transport, meaning, patience: Patience::default() }
    }

    /// Where it leads, without secrets.
    pub fn origin(&self) -> &str {
        self.transport.origin()
    }

    /// The product, as people call it.
    pub fn product(&self) -> &'static str {
        self.transport.product().name()
    }

    /// `PagerDuty at https://api.pagerduty.com`.
    pub fn whose(&self) -> String {
        format!("{} at {}", self.product(), self.origin())
    }

    /// Asks. Any status is an answer.
    pub async fn ask(&self, path: &str, query: Pairs<'_>) -> Result<HttpAnswer, Fault> {
        if let Some(left) = self.patience.left() {
            return Err(self.too_many(left));
        }
        let answer = self.transport.get(path, query).await?;
        self.patience.heed(&answer);
        Ok(answer)
    }

    /// Sends one request of a delivery. Any status is an answer.
    pub async fn send(
        &self,
        pass: &Cleared,
        method: &'static str,
        path: &str,
        body: &Value,
    ) -> Result<HttpAnswer, DeliveryError> {
        if let Some(left) = self.patience.left() {
            return Err(DeliveryError { fault: self.too_many(left), again: Again::In(left) });
        }
        let body = body.to_string();
        let write = Write { pass: pass.into(), method, path, content_type: JSON, body: body.as_bytes() };
        let sent = self.transport.write(write).await;
        match sent {
            Ok(answer) => {
                self.patience.heed(&answer);
                Ok(answer)
            }
            // It may have been carried out all the same.
            Err(ClusterError::Unknown(message)) => {
                let fault = Fault::new(FaultKind::Timeout, message).hint("it is looked up before it is sent again");
                Err(DeliveryError { fault, again: Again::Doubtful })
            }
            Err(ClusterError::Fault(fault)) => Err(self.unsent(fault)),
            Err(error) => Err(refused(Fault::new(FaultKind::Server, error.to_string()))),
        }
    }

    /// A failure before anything was sent, by what helps against it.
    pub fn unsent(&self, fault: Fault) -> DeliveryError {
        let passes = matches!(fault.kind, FaultKind::Unreachable | FaultKind::Timeout | FaultKind::Server);
        let again = match self.patience.left() {
            Some(left) => Again::In(left),
            None if passes => Again::In(LATER),
            None => Again::Ask,
        };
        DeliveryError { fault, again }
    }

    /// A failure to look at what an earlier attempt did. As long as that is not known, the doubt stays.
    pub fn unseen(&self, pass: &Cleared, fault: Fault) -> DeliveryError {
        let error = self.unsent(fault);
        if pass.doubt() { DeliveryError { again: Again::Doubtful, ..error } } else { error }
    }

    /// What a 429 means.
    pub fn limited(&self, answer: &HttpAnswer) -> Fault {
        self.too_many(wait(answer))
    }

    fn too_many(&self, seconds: u64) -> Fault {
        let message = format!("{} had too many requests and is left alone for {seconds} s", self.whose());
        Fault::new(FaultKind::Server, message).hint("other users of the same token count too")
    }

    /// An unwelcome answer in words.
    pub fn fault(&self, answer: &HttpAnswer) -> Fault {
        (self.meaning)(self, answer)
    }

    /// What a status and a shape mean where the product has no words of its own.
    pub fn plain(&self, answer: &HttpAnswer) -> Fault {
        of_answer(answer, self.transport.product(), self.origin())
    }

    /// What a status means with all of these services, with what this one `said` about it, cleaned.
    pub fn told(&self, answer: &HttpAnswer, said: Option<&str>, hints: &Hints) -> Fault {
        let told = said.map_or_else(String::new, |said| format!(": {said}"));
        let Hints { key, plan, .. } = hints;
        let fault = |kind, what: &str| Fault::new(kind, format!("{} {what}{told}", self.whose()));
        match answer.status {
            420 | 429 => self.limited(answer),
            401 => fault(FaultKind::Unauthorized, &format!("does not accept the {key} (401)")).hint(hints.unknown),
            402 => fault(FaultKind::Forbidden, &format!("has no such feature in this {plan}'s plan (402)"))
                .hint(format!("do it in {} itself, or have the plan changed", self.product())),
            403 => fault(FaultKind::Forbidden, "does not allow it (403)").hint(hints.forbidden),
            404 if said.is_some() => fault(FaultKind::NotServed, "does not know it (404)").hint(hints.missing),
            400 | 422 if said.is_some() => fault(FaultKind::Server, &format!("refuses it ({})", answer.status)),
            _ => self.plain(answer),
        }
    }

    /// The body of a good answer; what is wrong with any other.
    pub fn parsed<T: DeserializeOwned>(&self, answer: &HttpAnswer) -> Result<T, Fault> {
        body(answer).ok_or_else(|| self.fault(answer))
    }

    /// Asks for a body.
    pub async fn fetch<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<T, Fault> {
        self.parsed(&self.ask(path, query).await?)
    }

    /// Asks for one thing; `None` where there is none such.
    pub async fn find<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<Option<T>, Fault> {
        let answer = self.ask(path, query).await?;
        if answer.status == 404 && !answer.is_html() {
            return Ok(None);
        }
        self.parsed(&answer).map(Some)
    }

    /// What a delivery is about, as it is now; `gone` is what is said where it is there no more.
    pub async fn now<T: DeserializeOwned>(
        &self,
        pass: &Cleared,
        path: &str,
        query: Pairs<'_>,
        gone: impl FnOnce() -> Fault,
    ) -> Result<T, DeliveryError> {
        let found = self.find(path, query).await.map_err(|fault| self.unseen(pass, fault))?;
        found.ok_or_else(|| refused(gone()))
    }

    /// For `doctor`: is the token accepted? With what was asked, or the checks that say why not.
    pub async fn token<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Pairs<'_>,
    ) -> Result<(T, HttpAnswer), Vec<ServiceCheck>> {
        let failed = |fault| vec![check("token", ServiceFinding::Failed(fault))];
        let answer = self.ask(path, query).await.map_err(failed)?;
        Ok((self.parsed(&answer).map_err(failed)?, answer))
    }
}

/// A check of `doctor`.
pub(super) fn check(name: &str, result: ServiceFinding) -> ServiceCheck {
    ServiceCheck { name: name.to_owned(), result }
}

/// For `doctor`, what any answer tells: how many more requests there may be in this `period`, and the clock.
pub(super) fn rate_and_clock(answer: &HttpAnswer, period: &str) -> Vec<ServiceCheck> {
    let rate = |left| check("rate", ServiceFinding::Well(format!("{left} more requests in this {period}")));
    let clock = answer.date.map(|date| check("clock", ServiceFinding::Clock(date)));
    answer.remaining.map(rate).into_iter().chain(clock).collect()
}

/// A look that came to an end before it saw all: nobody knows whether it arrived, unless a person who was asked wants it
/// sent.
pub(super) fn unfinished(pass: &Cleared, why: &str) -> Result<(), DeliveryError> {
    if pass.insisted() {
        return Ok(());
    }
    let fault = Fault::new(FaultKind::Timeout, format!("it may have arrived: {why}"));
    Err(refused(fault.hint("look there: drop it if it arrived; retrying sends it again")))
}

/// A person has to change something.
pub(super) const fn refused(fault: Fault) -> DeliveryError {
    DeliveryError { fault, again: Again::Ask }
}

/// An unwelcome answer to something that was sent, with its words.
pub(super) fn judged(answer: &HttpAnswer, fault: Fault) -> DeliveryError {
    DeliveryError { fault, again: again(answer) }
}

/// How long a server wants to be left alone, in seconds.
pub(super) fn wait(answer: &HttpAnswer) -> u64 {
    patience::wait(answer)
}

/// What an unwelcome answer says about the next attempt.
fn again(answer: &HttpAnswer) -> Again {
    match answer.status {
        420 | 429 => Again::In(wait(answer)),
        // It went through and its answer makes no sense or leads elsewhere, or a gateway gave up on what it passed on: also
        // with 503, which a proxy says of a server that took the request and then broke off.
        200..400 | 408 | 500..600 => Again::Doubtful,
        _ => Again::Ask,
    }
}

/// The body of a good answer; `None` for everything else. A field that is `null` counts as absent: these services write
/// both.
pub(super) fn body<T: DeserializeOwned>(answer: &HttpAnswer) -> Option<T> {
    let fine = (200..300).contains(&answer.status) && !answer.is_html();
    let mut value: Value = fine.then(|| serde_json::from_slice(&answer.body).ok()).flatten()?;
    drop_nulls(&mut value);
    serde_json::from_value(value).ok()
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

/// Text in one line, cleaned.
pub(super) fn line(text: &str) -> String {
    clean(text).trim().to_owned()
}

/// Text over several lines, cleaned.
pub(super) fn lines(text: &str) -> String {
    clean_lines(text).trim().to_owned()
}

/// An instant as APIs write it (RFC 3339, any offset).
pub(super) fn instant(text: &str) -> Option<Instant> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

/// `14:32 UTC on 2026-11-21`.
pub(super) fn moment(at: Instant) -> String {
    at.format("%H:%M UTC on %Y-%m-%d").to_string()
}

/// The text within `limit` characters; what was lost is said in the remarks.
pub(super) fn shortened(text: &str, limit: usize, what: &str, remarks: &mut Vec<String>) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    remarks.push(format!("{what} was shortened from {length} to {limit} characters, the most that it may have"));
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A text that ends with the mark by which it is found again, within `limit` characters.
pub(super) fn marked(text: &str, mark: &str, limit: usize, what: &str, remarks: &mut Vec<String>) -> String {
    let end = ending(mark);
    let text = shortened(text.trim_end(), limit.saturating_sub(end.chars().count()), what, remarks);
    format!("{text}{end}")
}

/// What a marked text ends with.
pub(super) fn ending(mark: &str) -> String {
    format!("\n[opsdeck {mark}]")
}

/// Does a text end with that mark?
pub(super) fn is_marked(text: &str, mark: &str) -> bool {
    text.trim_end().ends_with(ending(mark).trim())
}

/// What is said of something that an earlier attempt left, with when it did.
pub(super) fn left_at(at: &str) -> String {
    instant(at).map_or_else(|| THERE.to_owned(), |at| format!("{THERE}, since {}", moment(at)))
}

/// What is said of what a look found.
pub(super) const THERE: &str = "it was there already";

/// What a service said, in one line that is not longer than an error should be.
pub(super) fn brief(text: &str) -> String {
    line(text).chars().take(300).collect()
}

/// The path of something by its id. A path would take some ids for a direction, or (`parts`) for another part of the API.
pub(super) fn path_of(under: &str, id: &str, parts: &[&str], what: &str) -> Result<String, DeliveryError> {
    if matches!(id, "" | "." | "..") || parts.contains(&id) {
        return Err(refused(Fault::new(FaultKind::NotConfigured, format!("`{id}` is no id of {what}"))));
    }
    Ok(format!("{under}/{}", segment(id)))
}

/// A key of at most `limit` bytes: the mark itself where it fits, else a digest of it.
pub(super) fn key_of(mark: &str, limit: usize) -> String {
    use sha2::Digest as _;
    if mark.len() <= limit {
        return mark.to_owned();
    }
    sha2::Sha256::digest(mark.as_bytes()).iter().fold("opsdeck-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// `there are: a, b`, for names that were not found.
pub(super) fn those(known: &[String]) -> String {
    if known.is_empty() {
        return "there are none that the token may see".to_owned();
    }
    let named: Vec<String> = known.iter().take(20).map(|name| line(name)).collect();
    let more = known.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("there are: {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_service_is_left_alone_for_days_because_it_says_so() {
        let answer = |retry_after| HttpAnswer { status: 429, retry_after, ..HttpAnswer::default() };
        assert_eq!(again(&answer(Some(1_000_000_000))), Again::In(15 * 60));
        assert_eq!((again(&answer(Some(7))), again(&answer(None))), (Again::In(7), Again::In(LATER)));
    }
}
