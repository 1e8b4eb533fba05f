//! Publishing: the first time an incident is made, then the one that was made gets its next update.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Statuspage, found};
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{body, instant, judged, line, lines, moment, refused, shortened};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// The longest name of an incident there, in characters: that of a column of text.
const NAME: usize = 255;
/// The longest text of an update.
const BODY: usize = 25_000;
/// The most incidents that one answer holds, and how many answers are looked through for a mark: newest first.
const LIMIT: &str = "100";
const ANSWERS: usize = 3;
/// The states of a component.
const STATES: [&str; 5] =
    ["operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"];
/// The states of an incident.
const STATUSES: [&str; 4] = ["investigating", "identified", "monitoring", "resolved"];

/// What is to be read there.
#[derive(Clone, Copy)]
pub(super) struct Update<'a> {
    pub title: &'a str,
    pub status: &'a str,
    pub body: &'a str,
    pub components: &'a BTreeMap<String, String>,
}

/// An incident of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Published {
    id: String,
    name: String,
    status: String,
    shortlink: String,
    metadata: Value,
    updated_at: String,
}

impl Published {
    /// The marks of the deliveries that made it what it is.
    fn marks(&self) -> Vec<String> {
        let ours = self.metadata.get("opsdeck");
        let list = ours.and_then(|ours| ours.get("marks")).and_then(Value::as_array);
        let first = ours.and_then(|ours| ours.get("mark"));
        let all = first.into_iter().chain(list.into_iter().flatten());
        let mut marks: Vec<String> = Vec::new();
        for mark in all.filter_map(Value::as_str) {
            if !marks.iter().any(|known| known == mark) {
                marks.push(mark.to_owned());
            }
        }
        marks
    }

    fn receipt(&self, remarks: Vec<String>) -> Receipt {
        let link = Some(line(&self.shortlink)).filter(|link| !link.is_empty());
        Receipt { id: Some(line(&self.id)), name: Some(line(&self.name)), link, remarks }
    }

    fn was_there(&self) -> Receipt {
        let when = instant(&self.updated_at).map_or_else(String::new, |at| format!(", last changed at {}", moment(at)));
        self.receipt(vec![format!("it was there already{when}")])
    }
}

impl Statuspage {
    /// Makes or updates what customers read.
    pub(super) async fn publish(&self, cleared: &Cleared, update: &Update<'_>) -> Result<Receipt, DeliveryError> {
        let unseen = |fault| self.road.unseen(cleared, fault);
        let mark = cleared.mark();
        let before = match cleared.channel() {
            Some(id) => Some(self.published(cleared, id).await?),
            // Only in doubt: one key may ask once a second.
            None if cleared.doubt() => self.search(&mark).await.map_err(unseen)?,
            None => None,
        };
        if let Some(there) = before.as_ref().filter(|there| there.marks().contains(&mark)) {
            return Ok(there.was_there());
        }
        let mut remarks = Vec::new();
        let incident = self.written(cleared, update, before.as_ref(), &mut remarks).await?;
        let request = json!({"incident": incident});
        let answer = match &before {
            Some(there) => {
                let path = self.path(&format!("/incidents/{}", segment(&there.id)));
                self.road.send(cleared, "PATCH", &path, &request).await?
            }
            None => self.road.send(cleared, "POST", &self.path("/incidents"), &request).await?,
        };
        match body::<Published>(&answer).filter(|done| !done.id.is_empty()) {
            Some(done) => Ok(done.receipt(remarks)),
            None => Err(judged(&answer, self.fault(&answer))),
        }
    }

    /// The fields of an update.
    async fn written(
        &self,
        cleared: &Cleared,
        update: &Update<'_>,
        before: Option<&Published>,
        remarks: &mut Vec<String>,
    ) -> Result<Map<String, Value>, DeliveryError> {
        if !STATUSES.contains(&update.status) {
            let message = format!("Statuspage knows no status `{}`", line(update.status));
            let hint = format!("it is one of {}", STATUSES.join(", "));
            return Err(refused(Fault::new(FaultKind::NotConfigured, message).hint(hint)));
        }
        if let Some(there) = before.filter(|there| there.status == "resolved" && update.status != "resolved") {
            remarks.push(format!("{} was resolved on the page, and is open again", line(&there.name)));
        }
        let mark = cleared.mark();
        let marks: Vec<String> =
            before.map(Published::marks).unwrap_or_default().into_iter().chain([mark.clone()]).collect();
        let first = marks.first().unwrap_or(&mark);
        let mut incident = Map::new();
        let title = shortened(&line(update.title), NAME, "the title", remarks);
        incident.insert("name".into(), title.into());
        incident.insert("status".into(), update.status.into());
        incident.insert("body".into(), shortened(&lines(update.body), BODY, "the text", remarks).into());
        incident.insert("metadata".into(), json!({"opsdeck": {"mark": first, "marks": marks}}));
        if update.components.is_empty() {
            return Ok(incident);
        }
        let known = self.all_components().await.map_err(|fault| self.road.unseen(cleared, fault))?;
        let mut states = Map::new();
        for (name, state) in update.components {
            if !STATES.contains(&state.as_str()) {
                let message = format!("Statuspage knows no state `{}` of a component", line(state));
                let hint = format!("it is one of {}", STATES.join(", "));
                return Err(refused(Fault::new(FaultKind::NotConfigured, message).hint(hint)));
            }
            states.insert(found(&known, name).map_err(refused)?.id.clone(), state.as_str().into());
        }
        incident.insert("component_ids".into(), states.keys().cloned().collect::<Vec<_>>().into());
        incident.insert("components".into(), states.into());
        Ok(incident)
    }

    /// The incident that earlier deliveries made.
    async fn published(&self, cleared: &Cleared, id: &str) -> Result<Published, DeliveryError> {
        let unseen = |fault| self.road.unseen(cleared, fault);
        if matches!(id, "" | "." | "..") {
            return Err(refused(Fault::new(FaultKind::NotConfigured, format!("`{id}` is no id of an incident"))));
        }
        let answer = self.road.ask(&self.path(&format!("/incidents/{}", segment(id))), &[]).await.map_err(unseen)?;
        if answer.status == 404 && !answer.is_html() {
            let message = format!("the incident {} is not on the status page any more", line(id));
            return Err(refused(Fault::new(FaultKind::NotServed, message).hint("somebody deleted it there")));
        }
        self.parsed(&answer).map_err(unseen)
    }

    /// The incident that carries a mark.
    async fn search(&self, mark: &str) -> Result<Option<Published>, Fault> {
        for number in 1..=ANSWERS {
            let page = number.to_string();
            let read: Vec<Published> =
                self.fetch(&self.path("/incidents"), &[("limit", LIMIT), ("page", &page)]).await?;
            let more = !read.is_empty();
            if let Some(there) = read.into_iter().find(|one| one.marks().iter().any(|known| known == mark)) {
                return Ok(Some(there));
            }
            if !more {
                break;
            }
        }
        Ok(None)
    }
}
