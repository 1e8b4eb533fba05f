//! What an incident sends to a page: acknowledged, resolved, escalated, a note. The page is read first, always: what is so
//! already is not done again.

use serde_json::{Value, json};

use super::PagerDuty;
use super::wire::{Incident, IncidentBody, LogEntries, NoteBody, Notes, OnCallEntry, Problem};
use crate::domain::incident::delivery::{Receipt, What};
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::http::HttpAnswer;
use crate::integrations::outgoing::{body, ending, instant, judged, line, lines, marked, moment, refused};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// The longest note, in characters.
const NOTE: usize = 25_000;

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
        let unseen = |fault| self.rest.unseen(cleared, fault);
        let path = page_path(id).map_err(refused)?;
        let answer = self.rest.ask(&path, &[]).await.map_err(unseen)?;
        if answer.status == 404 && !answer.is_html() {
            let message = format!("{} has no page {}", self.rest.whose(), line(id));
            return Err(refused(
                Fault::new(FaultKind::NotServed, message).hint("it was deleted, or it is another account's"),
            ));
        }
        let read: IncidentBody = self.parsed(&answer).map_err(unseen)?;
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
        Err(judged(&answer, self.fault(&answer)))
    }

    /// `PUT /incidents/{id}` with these fields.
    async fn put(&self, cleared: &Cleared, id: &str, fields: &Value) -> Result<HttpAnswer, DeliveryError> {
        let path = page_path(id).map_err(refused)?;
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
                if let Some(remark) = self.escalated(&page).await.map_err(unseen)? {
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
            None => Err(judged(&answer, self.fault(&answer))),
        }
    }

    /// The last escalation that we asked for, in words.
    async fn escalated(&self, page: &Incident) -> Result<Option<String>, Fault> {
        let writer = self.writer().await?;
        let path = format!("/incidents/{}/log_entries", segment(&page.id));
        for number in 0..10 {
            let offset = (number * 100).to_string();
            let read: LogEntries = self.fetch(&path, &[("limit", "100"), ("offset", &offset)]).await?;
            let ours = |entry: &&_| matches!(entry, super::wire::LogEntry { kind, agent, .. } if kind.starts_with("escalate_log_entry") && agent.id == writer.id);
            if let Some(entry) = read.log_entries.iter().find(ours) {
                let when = instant(&entry.created_at).map_or_else(String::new, |at| format!(" at {}", moment(at)));
                return Ok(Some(format!("{} escalated it{when}: it is not escalated again", entry.agent.named())));
            }
            if !read.more {
                break;
            }
        }
        Ok(None)
    }

    async fn note(&self, cleared: &Cleared, id: &str, text: &str) -> Result<Receipt, DeliveryError> {
        let path = format!("{}/notes", page_path(id).map_err(refused)?);
        let mark = cleared.mark();
        if cleared.doubt() {
            let known: Notes = self.fetch(&path, &[]).await.map_err(|fault| self.rest.unseen(cleared, fault))?;
            let end = ending(&mark);
            if let Some(note) = known.notes.into_iter().find(|note| note.content.trim_end().ends_with(end.trim())) {
                let when = instant(&note.created_at).map_or_else(String::new, |at| format!(", since {}", moment(at)));
                let remarks = vec![format!("it was there already{when}")];
                return Ok(Receipt { id: Some(line(&note.id)), remarks, ..Receipt::default() });
            }
        }
        let mut remarks = Vec::new();
        let content = marked(&lines(text), &mark, NOTE, "the note", &mut remarks);
        let answer = self.rest.send(cleared, "POST", &path, &json!({"note": {"content": content}})).await?;
        match body::<NoteBody>(&answer) {
            Some(done) => Ok(Receipt { id: Some(line(&done.note.id)), remarks, ..Receipt::default() }),
            None => Err(judged(&answer, self.fault(&answer))),
        }
    }
}

/// `/incidents/PT4KHLK`.
pub(super) fn page_path(id: &str) -> Result<String, Fault> {
    // A path would take them for a direction.
    if matches!(id, "" | "." | "..") {
        return Err(Fault::new(FaultKind::NotConfigured, format!("`{id}` is no id of a page")));
    }
    Ok(format!("/incidents/{}", segment(id)))
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

/// The level that a page is at: the lowest one at which somebody it is assigned to is on call.
fn level_of(page: &Incident, on_call: &[OnCallEntry]) -> Option<u32> {
    let assigned = |entry: &&OnCallEntry| page.assignments.iter().any(|one| one.assignee.id == entry.user.id);
    on_call.iter().filter(assigned).map(|entry| entry.escalation_level).min()
}

fn unknown_level(page: &Incident, last: u32) -> Fault {
    let policy = page.escalation_policy.named();
    let message = format!("nobody who has this page is on call for {policy}: its level is not known");
    Fault::new(FaultKind::Server, message).hint(format!("say which level, 1 to {last}"))
}

/// What is known of a page now.
pub(super) fn receipt(page: &Incident, remarks: Vec<String>) -> Receipt {
    Receipt { id: Some(line(&page.id)), name: Some(page.named()), link: page.html_url.as_deref().map(line), remarks }
}
