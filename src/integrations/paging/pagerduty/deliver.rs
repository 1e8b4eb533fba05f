//! What an incident sends to a page: acknowledged, resolved, escalated, a note. The page is read first, always: what is so
//! already is not done again.

use std::collections::BTreeSet;

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use super::PagerDuty;
use super::wire::{Incident, IncidentBody, LogEntries, LogEntry, NoteBody, Notes, OnCallEntry, Problem};
use crate::domain::incident::delivery::{Receipt, What};
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::http::HttpAnswer;
use crate::integrations::outgoing::{
    body, instant, is_marked, judged, left_at, line, lines, marked, moment, path_of, refused, unfinished,
};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// The longest note that is written, in characters. Neither the API reference (`POST /incidents/{id}/notes`: at most 2,000
/// notes for an incident) nor its OpenAPI document names a limit; a longer one would be refused or cut without a word, and
/// with its end the mark would be lost.
const NOTE: usize = 25_000;

/// This console's clock may be ahead of PagerDuty's by so much, in seconds, before an escalation of ours is taken for an
/// older one. An older one within it is taken for ours.
const CLOCKS: i64 = 60;
/// So many answers of a page's log are looked through.
const LOOKS: usize = 10;

impl PagerDuty {
    /// Sends one delivery.
    pub(super) async fn send(&self, cleared: &Cleared) -> Result<Receipt, DeliveryError> {
        match &cleared.delivery().what {
            What::Acknowledge { page } => self.set_status(cleared, page, "acknowledged").await,
            What::ResolvePage { page } => self.set_status(cleared, page, "resolved").await,
            What::Escalate { page, level } => self.escalate(cleared, page, *level).await,
            What::AddResponders { page, who, message } => self.add_responders(cleared, page, who, message).await,
            What::PageNote { page, text } => self.note(cleared, page, text).await,
            What::Page { summary, source, severity } => self.trigger(cleared, summary, source, severity).await,
            What::Change { summary, source, details } => self.change(cleared, summary, source, details).await,
            _ => Err(refused(Fault::new(FaultKind::NotServed, "PagerDuty is a paging service: that is not for it"))),
        }
    }

    /// The page as it is now.
    pub(super) async fn page(&self, cleared: &Cleared, id: &str) -> Result<Incident, DeliveryError> {
        let gone = || {
            let message = format!("{} has no page {}", self.rest.whose(), line(id));
            Fault::new(FaultKind::NotServed, message).hint("it was deleted, or it is another account's")
        };
        let read: IncidentBody = self.rest.now(cleared, &page_path(id)?, &[], gone).await?;
        Ok(read.incident)
    }

    async fn set_status(&self, cleared: &Cleared, id: &str, status: &str) -> Result<Receipt, DeliveryError> {
        let page = self.page(cleared, id).await?;
        if let Some(remark) = is_so(&page, status) {
            return Ok(receipt(&page, vec![remark]));
        }
        let answer = self.put(cleared, id, &json!({"status": status})).await?;
        if let Some(done) = body::<IncidentBody>(&answer) {
            return Ok(receipt(&done.incident, Vec::new()));
        }
        // Somebody was faster, between the look and the request.
        if resolved_meanwhile(&answer) {
            let page = self.page(cleared, id).await.unwrap_or(page);
            let remark = is_so(&page, "resolved").unwrap_or_else(|| "it was resolved meanwhile".to_owned());
            return Ok(receipt(&page, vec![remark]));
        }
        Err(judged(&answer, self.rest.fault(&answer)))
    }

    /// `PUT /incidents/{id}` with these fields.
    async fn put(&self, cleared: &Cleared, id: &str, fields: &Value) -> Result<HttpAnswer, DeliveryError> {
        let path = page_path(id)?;
        let mut incident = json!({"id": id, "type": "incident_reference"});
        if let (Some(into), Some(fields)) = (incident.as_object_mut(), fields.as_object()) {
            into.extend(fields.clone());
        }
        self.rest.send(cleared, "PUT", &path, &json!({"incident": incident})).await
    }

    async fn escalate(&self, cleared: &Cleared, id: &str, level: Option<u32>) -> Result<Receipt, DeliveryError> {
        let page = self.page(cleared, id).await?;
        if let Some(remark) = is_so(&page, "resolved") {
            return Ok(receipt(&page, vec![remark]));
        }
        let unseen = |fault| self.rest.unseen(cleared, fault);
        let on_call = self.on_call_of(&page.escalation_policy.id).await.map_err(unseen)?;
        let last = on_call.iter().map(|entry| entry.escalation_level).max().unwrap_or(1);
        let now = level_of(&page, &on_call);
        let policy = page.escalation_policy.named();
        let wanted = match (level, now) {
            (Some(level), Some(now)) if level == now => {
                return Ok(receipt(&page, vec![format!("it is at level {now} of {policy} already")]));
            }
            (Some(level), _) => level,
            // The next one of where it is would be one too far if an earlier attempt arrived.
            (None, _) if cleared.doubt() => {
                if let Some(remark) = self.escalated(cleared, &page).await? {
                    return Ok(receipt(&page, vec![remark]));
                }
                now.map(|now| now + 1).ok_or_else(|| refused(unknown_level(&page, last)))?
            }
            (None, Some(now)) => now + 1,
            (None, None) => return Err(refused(unknown_level(&page, last))),
        };
        if wanted == 0 || wanted > last {
            let message = format!("{policy} has {last} level(s): there is no level {wanted}");
            return Err(refused(Fault::new(FaultKind::Server, message).hint("add responders to the page")));
        }
        let answer = self.put(cleared, id, &json!({"escalation_level": wanted})).await?;
        match body::<IncidentBody>(&answer) {
            Some(done) => Ok(receipt(&done.incident, vec![format!("to level {wanted} of {policy}")])),
            None if resolved_meanwhile(&answer) => Ok(receipt(&page, vec!["it was resolved meanwhile".to_owned()])),
            None => Err(judged(&answer, self.rest.fault(&answer))),
        }
    }

    /// In words, an escalation since the first attempt, whoever made it: what was wanted has happened then. Without the
    /// time of the first attempt only one of ours counts.
    async fn escalated(&self, cleared: &Cleared, page: &Incident) -> Result<Option<String>, DeliveryError> {
        let unseen = |fault| self.rest.unseen(cleared, fault);
        let since = cleared.first_attempt().and_then(|first| first.checked_sub_signed(TimeDelta::seconds(CLOCKS)));
        let writer = match since {
            Some(_) => None,
            None => Some(self.writer().await.map_err(unseen)?),
        };
        let path = format!("/incidents/{}/log_entries", segment(&page.id));
        let is_it = |entry: &&LogEntry| {
            let at = instant(&entry.created_at);
            entry.kind.starts_with("escalate_log_entry")
                && since.zip(at).is_none_or(|(since, at)| at >= since)
                && writer.is_none_or(|writer| writer.id == entry.agent.id)
        };
        let from = since.map(|since| since.to_rfc3339_opts(SecondsFormat::Secs, true));
        for number in 0..LOOKS {
            let offset = (number * 100).to_string();
            let mut query = vec![("limit", "100"), ("offset", offset.as_str())];
            query.extend(from.as_deref().map(|from| ("since", from)));
            let read: LogEntries = self.rest.fetch(&path, &query).await.map_err(unseen)?;
            if let Some(entry) = read.log_entries.iter().find(is_it) {
                let when = instant(&entry.created_at).map_or_else(String::new, |at| format!(" at {}", moment(at)));
                return Ok(Some(format!("{} escalated it{when}: it is not escalated again", entry.agent.named())));
            }
            if !read.more {
                return Ok(None);
            }
        }
        unfinished(cleared, "the page's log is longer than what was looked through")?;
        Ok(None)
    }

    async fn note(&self, cleared: &Cleared, id: &str, text: &str) -> Result<Receipt, DeliveryError> {
        let path = format!("{}/notes", page_path(id)?);
        let mark = cleared.mark();
        if cleared.doubt() {
            let known: Notes = self.rest.fetch(&path, &[]).await.map_err(|fault| self.rest.unseen(cleared, fault))?;
            if let Some(note) = known.notes.into_iter().find(|note| is_marked(&note.content, &mark)) {
                let remarks = vec![left_at(&note.created_at)];
                return Ok(Receipt { id: Some(line(&note.id)), remarks, ..Receipt::default() });
            }
        }
        let mut remarks = Vec::new();
        let content = marked(&lines(text), &mark, NOTE, "the note", &mut remarks);
        let answer = self.rest.send(cleared, "POST", &path, &json!({"note": {"content": content}})).await?;
        match body::<NoteBody>(&answer) {
            Some(done) => Ok(Receipt { id: Some(line(&done.note.id)), remarks, ..Receipt::default() }),
            None => Err(judged(&answer, self.rest.fault(&answer))),
        }
    }
}

/// `/incidents/PT4KHLK`.
pub(super) fn page_path(id: &str) -> Result<String, DeliveryError> {
    path_of("/incidents", id, &[], "a page")
}

/// Says by whom and when, if the page is in this state already, or resolved, which no other state follows.
fn is_so(page: &Incident, status: &str) -> Option<String> {
    let (at, by) = match page.status.as_str() {
        "resolved" => (page.last_status_change_at.as_deref(), page.last_status_change_by.as_ref()),
        "acknowledged" if status == "acknowledged" => {
            let first = page.acknowledgements.first();
            (first.map(|one| one.at.as_str()), first.map(|one| &one.acknowledger))
        }
        _ => return None,
    };
    let by = by.map_or_else(String::new, |by| format!(" by {}", by.named()));
    let at = at.and_then(instant).map_or_else(String::new, |at| format!(" at {}", moment(at)));
    Some(format!("it was {} already{by}{at}", line(&page.status)))
}

fn resolved_meanwhile(answer: &HttpAnswer) -> bool {
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    answer.status == 400 && problem.words().is_some_and(|said| said.to_lowercase().contains("already resolved"))
}

/// The level that a page is at: the one at which all are on call who have it, of those who are on call at all. `None` where
/// there is none, or several (somebody is on call at the first and the third): where the page is then, no field of it says.
fn level_of(page: &Incident, on_call: &[OnCallEntry]) -> Option<u32> {
    let levels = |user: &str| -> BTreeSet<u32> {
        on_call.iter().filter(|entry| entry.user.id == user).map(|entry| entry.escalation_level).collect()
    };
    let all = page.assignments.iter().map(|one| levels(&one.assignee.id)).filter(|levels| !levels.is_empty());
    let common = all.reduce(|one, other| &one & &other)?;
    common.first().copied().filter(|_| common.len() == 1)
}

fn unknown_level(page: &Incident, last: u32) -> Fault {
    let policy = page.escalation_policy.named();
    let message =
        format!("who has this page is on call for {policy} at no level, or at several: where the page is is not known");
    Fault::new(FaultKind::Server, message).hint(format!("say which level, 1 to {last}"))
}

/// What is known of a page now.
pub(super) fn receipt(page: &Incident, remarks: Vec<String>) -> Receipt {
    Receipt { id: Some(line(&page.id)), name: Some(page.named()), link: page.html_url.as_deref().map(line), remarks }
}
