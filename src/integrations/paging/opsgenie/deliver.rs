//! What an incident sends to an alert: acknowledged, closed, a note; and a new alert. Each request carries a note with the
//! mark, and is done only when Opsgenie says that it was carried out.

use std::time::Duration;

use serde_json::{Value, json};

use super::Opsgenie;
use super::wire::{Alert, Data, Listed, Note, Outcome, Taken};
use crate::domain::incident::delivery::{Again, Receipt, What};
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{
    body, ending, instant, judged, key_of, line, lines, marked, moment, refused, shortened,
};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// The longest message of an alert, in characters.
const MESSAGE: usize = 130;
/// The longest note.
const NOTE: usize = 25_000;
/// The longest alias and entity.
const NAME: usize = 512;
/// How often a request is asked after, and how long lies between: together three seconds.
const LOOKS: u32 = 6;
const BETWEEN: Duration = Duration::from_millis(500);
/// The most notes that one answer holds, and how many answers are looked through for a mark.
const NOTES: &str = "100";
const ANSWERS: usize = 10;

impl Opsgenie {
    /// Sends one delivery.
    pub(super) async fn send(&self, cleared: &Cleared) -> Result<Receipt, DeliveryError> {
        let nothing_for_it = |what: &str| {
            let fault = Fault::new(FaultKind::NotServed, format!("Opsgenie {what}"));
            Err(refused(fault))
        };
        match &cleared.delivery().what {
            What::Acknowledge { page } => self.act(cleared, page, "acknowledge").await,
            What::ResolvePage { page } => self.act(cleared, page, "close").await,
            What::Escalate { page, level } => self.escalate(cleared, page, *level).await,
            What::AddResponders { page, who, message } => self.add_responders(cleared, page, who, message).await,
            What::PageNote { page, text } => self.note(cleared, page, text).await,
            What::Page { summary, source, severity } => self.create(cleared, summary, source, severity).await,
            What::Change { .. } => nothing_for_it("records no changes"),
            _ => nothing_for_it("is a paging service: that is not for it"),
        }
    }

    /// The alert as it is now.
    pub(super) async fn alert(&self, cleared: &Cleared, id: &str) -> Result<Alert, DeliveryError> {
        let unseen = |fault| self.road.unseen(cleared, fault);
        let path = alert_path(id).map_err(refused)?;
        let answer = self.road.ask(&path, &[("identifierType", "id")]).await.map_err(unseen)?;
        if answer.status == 404 && !answer.is_html() {
            let message = format!("{} has no alert {}", self.road.whose(), line(id));
            return Err(refused(
                Fault::new(FaultKind::NotServed, message).hint("it was deleted, or it is another account's"),
            ));
        }
        let read: Data<Alert> = self.parsed(&answer).map_err(unseen)?;
        Ok(read.data)
    }

    async fn act(&self, cleared: &Cleared, id: &str, verb: &str) -> Result<Receipt, DeliveryError> {
        let alert = self.alert(cleared, id).await?;
        if let Some(remark) = is_so(&alert, verb) {
            return Ok(self.receipt(&alert, vec![remark]));
        }
        let note = marked("by opsdeck", &cleared.mark(), NOTE, "the note", &mut Vec::new());
        self.request(cleared, &format!("{}/{verb}", alert_path(id).map_err(refused)?), &json!({"note": note})).await?;
        Ok(self.receipt(&alert, Vec::new()))
    }

    async fn note(&self, cleared: &Cleared, id: &str, text: &str) -> Result<Receipt, DeliveryError> {
        let alert = self.alert(cleared, id).await?;
        let mark = cleared.mark();
        if let Some(remark) = self.left(cleared, id).await? {
            return Ok(self.receipt(&alert, vec![remark]));
        }
        let mut remarks = Vec::new();
        let note = marked(&lines(text), &mark, NOTE, "the note", &mut remarks);
        self.request(cleared, &format!("{}/notes", alert_path(id).map_err(refused)?), &json!({"note": note})).await?;
        Ok(self.receipt(&alert, remarks))
    }

    /// In doubt: the note that an earlier attempt left, in words.
    pub(super) async fn left(&self, cleared: &Cleared, id: &str) -> Result<Option<String>, DeliveryError> {
        if !cleared.doubt() {
            return Ok(None);
        }
        Ok(self.note_with_mark(cleared, id).await?.map(|note| {
            let when = instant(&note.created_at).map_or_else(String::new, |at| format!(", since {}", moment(at)));
            format!("it was there already{when}")
        }))
    }

    async fn note_with_mark(&self, cleared: &Cleared, id: &str) -> Result<Option<Note>, DeliveryError> {
        let path = format!("{}/notes", alert_path(id).map_err(refused)?);
        let end = ending(&cleared.mark());
        // Notes are listed by where the last answer ended.
        let mut from: Option<String> = None;
        for _ in 0..ANSWERS {
            let mut query = vec![("identifierType", "id"), ("limit", NOTES), ("order", "desc")];
            if let Some(from) = &from {
                query.extend([("offset", from.as_str()), ("direction", "next")]);
            }
            let read: Listed<Note> =
                self.fetch(&path, &query).await.map_err(|fault| self.road.unseen(cleared, fault))?;
            if let Some(note) = read.data.into_iter().find(|note| note.text.trim_end().ends_with(end.trim())) {
                return Ok(Some(note));
            }
            from = read.paging.next.as_deref().and_then(offset_of);
            if from.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// A new alert. One with the same alias is not made twice while the first is open: doubt needs no look.
    async fn create(
        &self,
        cleared: &Cleared,
        summary: &str,
        source: &str,
        severity: &str,
    ) -> Result<Receipt, DeliveryError> {
        let mut remarks = Vec::new();
        let mark = cleared.mark();
        let summary = line(summary);
        let priority = match severity.to_lowercase().as_str() {
            "critical" | "page" => "P1",
            "error" => "P2",
            "warning" => "P3",
            "info" => "P5",
            _ => {
                remarks.push(format!("Opsgenie has no priority for severity `{}`: it was sent as P3", line(severity)));
                "P3"
            }
        };
        let alert = json!({
            "message": shortened(&summary, MESSAGE, "the message", &mut remarks),
            "alias": key_of(&mark, NAME),
            // What the message has no room for.
            "description": summary.chars().take(15_000).collect::<String>(),
            "entity": line(source).chars().take(NAME).collect::<String>(),
            "priority": priority,
            "details": {"opsdeck": mark},
        });
        let outcome = self.request(cleared, "/v2/alerts", &alert).await?;
        let id = line(&outcome.alert_id);
        let link = self.link(&id);
        Ok(Receipt { id: Some(id), name: Some(summary), link: Some(link), remarks })
    }

    /// Sends a request and waits for a moment to learn what came of it.
    pub(super) async fn request(
        &self,
        cleared: &Cleared,
        path: &str,
        fields: &Value,
    ) -> Result<Outcome, DeliveryError> {
        let mut fields = fields.clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("source".to_owned(), Value::from("opsdeck"));
        }
        let path = if path == "/v2/alerts" { path.to_owned() } else { format!("{path}?identifierType=id") };
        let answer = self.road.send(cleared, "POST", &path, &fields).await?;
        let Some(taken) = body::<Taken>(&answer) else {
            return Err(judged(&answer, self.fault(&answer)));
        };
        let path = format!("/v2/alerts/requests/{}", segment(&taken.request_id));
        let mut why = Fault::new(FaultKind::Timeout, format!("{} has not carried it out yet", self.road.whose()));
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN).await;
            }
            match self.road.ask(&path, &[]).await {
                // "It might not be processed, yet."
                Ok(answer) if answer.status == 404 => {}
                Ok(answer) => match body::<Data<Outcome>>(&answer) {
                    Some(Data { data: outcome }) if outcome.is_success => return Ok(outcome),
                    Some(Data { data: outcome }) => {
                        let said = line(&outcome.status);
                        let message = format!("{} did not carry it out: {said}", self.road.whose());
                        return Err(refused(Fault::new(FaultKind::Server, message)));
                    }
                    None => {
                        why = self.fault(&answer);
                        break;
                    }
                },
                Err(fault) => {
                    why = fault;
                    break;
                }
            }
        }
        let message = format!("Opsgenie took it, and whether it was carried out is not known: {}", why.message);
        let fault = Fault { message, ..why };
        Err(DeliveryError { fault, again: Again::Doubtful })
    }

    /// Where a person looks at an alert: the host of the API without its `api`.
    pub(super) fn link(&self, id: &str) -> String {
        let host = if self.road.origin().contains("//api.eu.") { "app.eu.opsgenie.com" } else { "app.opsgenie.com" };
        format!("https://{host}/alert/detail/{}/details", segment(id))
    }

    /// What is known of an alert.
    pub(super) fn receipt(&self, alert: &Alert, remarks: Vec<String>) -> Receipt {
        let id = line(&alert.id);
        let link = self.link(&id);
        Receipt { id: Some(id), name: Some(line(&alert.message)), link: Some(link), remarks }
    }
}

/// `/v2/alerts/70413a06-…`.
pub(super) fn alert_path(id: &str) -> Result<String, Fault> {
    // A path would take them for a direction, or for another part of the API.
    if matches!(id, "" | "." | ".." | "requests" | "count" | "saved-searches") {
        return Err(Fault::new(FaultKind::NotConfigured, format!("`{id}` is no id of an alert")));
    }
    Ok(format!("/v2/alerts/{}", segment(id)))
}

/// Says by whom and when, if the alert is in that state already, or closed, which no other state follows.
pub(super) fn is_so(alert: &Alert, verb: &str) -> Option<String> {
    let (word, by) = match alert.status.as_str() {
        "closed" => ("closed", alert.report.closed_by.as_deref()),
        _ if alert.acknowledged && verb == "acknowledge" => {
            ("acknowledged", alert.report.acknowledged_by.as_deref().or(Some(alert.owner.as_str())))
        }
        _ => return None,
    };
    let by = by.map(line).filter(|by| !by.is_empty()).map_or_else(String::new, |by| format!(" by {by}"));
    let at = instant(&alert.updated_at).map_or_else(String::new, |at| format!(" (last changed at {})", moment(at)));
    Some(format!("it was {word} already{by}{at}"))
}

/// The `offset` of the address of what follows.
fn offset_of(next: &str) -> Option<String> {
    let (_, query) = next.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "offset").map(|(_, value)| value.into_owned())
}
