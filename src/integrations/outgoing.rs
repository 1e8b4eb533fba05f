//! The road to one service that incidents speak to: what is asked and sent, the waits that it asks for, and what an end
//! means for a delivery: certainly not done, or perhaps.

#[cfg(test)]
pub(in crate::integrations) mod server;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::flags::patience::Patience;
use super::http::fault::of_answer;
use super::http::{HttpAnswer, JSON, Pairs, Transport, Write};
use crate::domain::incident::delivery::Again;
use crate::domain::text::{clean, clean_lines};
use crate::domain::time::Instant;
use crate::incident::clearance::Cleared;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// When to try again, in seconds, where a service is down or says nothing of it.
const LATER: u64 = 30;

/// A transport that leaves its server alone after "too many requests".
pub(super) struct Road {
    transport: Arc<dyn Transport>,
    patience: Patience,
}

impl Road {
    /// Over a transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, patience: Patience::default() }
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

    /// What a status and a shape mean where the product has no words of its own.
    pub fn fault(&self, answer: &HttpAnswer) -> Fault {
        of_answer(answer, self.transport.product(), self.origin())
    }
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
    answer.retry_after.unwrap_or(LATER).max(1)
}

/// What an unwelcome answer says about the next attempt.
fn again(answer: &HttpAnswer) -> Again {
    match answer.status {
        420 | 429 | 503 => Again::In(wait(answer)),
        // It went through and its answer makes no sense, or a gateway gave up on what it passed on.
        200..300 | 408 | 500..600 => Again::Doubtful,
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
