//! What an incident sends to an alert: acknowledged, closed, a note; and a new alert. Each request carries a note with the
//! mark, and is done only when Opsgenie says that it was carried out.

use serde_json::json;

use super::Opsgenie;
use super::requests::{ALERTS, Twice};
use super::wire::{Alert, Data, Listed, Note};
use crate::domain::incident::delivery::{Again, Receipt, What};
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{
    THERE, instant, is_marked, key_of, left_at, line, lines, marked, moment, path_of, refused, shortened, unfinished,
};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// The longest message of an alert, in characters, as the fields of "Create Alert" are documented; so are the others.
const MESSAGE: usize = 130;
/// The longest note.
pub(super) const NOTE: usize = 25_000;
/// The longest description.
const DESCRIPTION: usize = 15_000;
/// The longest alias and entity.
const NAME: usize = 512;
/// The most notes that one answer holds, and how many answers are looked through for a mark.
const NOTES: &str = "100";
const ANSWERS: usize = 10;

impl Opsgenie {
    /// Sends one delivery.
    pub(super) async fn send(&self, cleared: &Cleared) -> Result<Receipt, DeliveryError> {
        let nothing_for_it = |what: &str| Err(refused(Fault::new(FaultKind::NotServed, format!("Opsgenie {what}"))));
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
        let gone = || {
            let message = format!("{} has no alert {}", self.road.whose(), line(id));
            Fault::new(FaultKind::NotServed, message).hint("it was deleted, or it is another account's")
        };
        let read: Data<Alert> = self.road.now(cleared, &alert_path(id)?, &[("identifierType", "id")], gone).await?;
        Ok(read.data)
    }

    async fn act(&self, cleared: &Cleared, id: &str, verb: &str) -> Result<Receipt, DeliveryError> {
        let alert = self.alert(cleared, id).await?;
        if let Some(remark) = is_so(&alert, verb) {
            return Ok(self.receipt(&alert, vec![remark]));
        }
        let note = marked("by opsdeck", &cleared.mark(), NOTE, "the note", &mut Vec::new());
        let path = format!("{}/{verb}", alert_path(id)?);
        match self.request(cleared, &path, json!({"note": note}), Twice::Same).await {
            Ok(_) => Ok(self.receipt(&alert, Vec::new())),
            // Somebody was faster, or an earlier attempt was carried out late.
            Err(error) if error.again == Again::Ask => {
                let now = self.alert(cleared, id).await.unwrap_or(alert);
                is_so(&now, verb).map(|remark| self.receipt(&now, vec![remark])).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn note(&self, cleared: &Cleared, id: &str, text: &str) -> Result<Receipt, DeliveryError> {
        let alert = self.alert(cleared, id).await?;
        let mark = cleared.mark();
        if let Some(remark) = self.left(cleared, id).await? {
            return Ok(self.receipt(&alert, vec![remark]));
        }
        let mut remarks = Vec::new();
        let note = marked(&lines(text), &mark, NOTE, "the note", &mut remarks);
        let path = format!("{}/notes", alert_path(id)?);
        self.request(cleared, &path, json!({"note": note}), Twice::More).await?;
        Ok(self.receipt(&alert, remarks))
    }

    /// In doubt: the note that an earlier attempt left, in words.
    pub(super) async fn left(&self, cleared: &Cleared, id: &str) -> Result<Option<String>, DeliveryError> {
        if !cleared.doubt() {
            return Ok(None);
        }
        Ok(self.note_with_mark(cleared, id).await?.map(|note| left_at(&note.created_at)))
    }

    async fn note_with_mark(&self, cleared: &Cleared, id: &str) -> Result<Option<Note>, DeliveryError> {
        let path = format!("{}/notes", alert_path(id)?);
        let mark = cleared.mark();
        // Notes are listed by where the last answer ended.
        let mut from: Option<String> = None;
        for _ in 0..ANSWERS {
            let mut query = vec![("identifierType", "id"), ("limit", NOTES), ("order", "desc")];
            if let Some(from) = &from {
                query.extend([("offset", from.as_str()), ("direction", "next")]);
            }
            let read: Listed<Note> =
                self.road.fetch(&path, &query).await.map_err(|fault| self.road.unseen(cleared, fault))?;
            if let Some(note) = read.data.into_iter().find(|note| is_marked(&note.text, &mark)) {
                return Ok(Some(note));
            }
            from = read.paging.next.as_deref().and_then(offset_of);
            if from.is_none() {
                return Ok(None);
            }
        }
        unfinished(cleared, "the alert has more notes than were looked through")?;
        Ok(None)
    }

    /// A new alert. One with the same alias is not made twice while the first is open; in doubt it is looked for by it,
    /// because one that was closed meanwhile would be made anew. Whether Opsgenie finds closed ones by alias is not
    /// documented.
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
        let alias = key_of(&mark, NAME);
        if cleared.doubt() {
            let path = format!("{ALERTS}/{}", segment(&alias));
            let known: Option<Data<Alert>> = self
                .road
                .find(&path, &[("identifierType", "alias")])
                .await
                .map_err(|fault| self.road.unseen(cleared, fault))?;
            if let Some(Data { data: alert }) = known {
                return Ok(self.receipt(&alert, vec![format!("{THERE}, and is {}", line(&alert.status))]));
            }
        }
        let alert = json!({
            "message": shortened(&summary, MESSAGE, "the message", &mut remarks),
            "alias": alias,
            // What the message has no room for.
            "description": summary.chars().take(DESCRIPTION).collect::<String>(),
            "entity": line(source).chars().take(NAME).collect::<String>(),
            "priority": priority,
            "details": {"opsdeck": mark},
        });
        let outcome = self.request(cleared, ALERTS, alert, Twice::Same).await?;
        let id = line(&outcome.alert_id);
        let link = self.link(&id);
        Ok(Receipt { id: Some(id), name: Some(summary), link: Some(link), remarks })
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
pub(super) fn alert_path(id: &str) -> Result<String, DeliveryError> {
    path_of(ALERTS, id, &["requests", "count", "saved-searches"], "an alert")
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
