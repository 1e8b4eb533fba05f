//! Publishing: the first time an incident is made, then the one that was made gets its next update.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Statuspage, found};
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{
    THERE, body, instant, judged, line, lines, moment, path_of, refused, shortened, unfinished,
};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// The longest name of an incident there, in characters: that of a column of text.
const NAME: usize = 255;
/// The longest text of an update.
const BODY: usize = 25_000;
/// The most incidents that one answer holds, and how many answers are looked through for a mark: newest first.
const LIMIT: &str = "100";
const ANSWERS: usize = 10;
/// Clocks may differ by so much, in seconds, before a look ends too early.
const CLOCKS: i64 = 600;
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
    created_at: String,
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
        self.receipt(vec![format!("{THERE}{when}")])
    }
}

impl Statuspage {
    /// Makes or updates what customers read.
    pub(super) async fn publish(&self, cleared: &Cleared, update: &Update<'_>) -> Result<Receipt, DeliveryError> {
        let mark = cleared.mark();
        let before = match cleared.channel() {
            Some(id) => Some(self.published(cleared, id).await?),
            // Only in doubt: one key may ask once a second.
            None if cleared.doubt() => self.search(cleared, &mark).await?,
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
            None => Err(judged(&answer, self.road.fault(&answer))),
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
        // What the page's own people named anew stays, unless our title is another than it was.
        if before.is_none_or(|there| there.name != title) {
            incident.insert("name".into(), title.into());
        }
        // The default of the API too, and what a person who publishes is told.
        incident.insert("deliver_notifications".into(), true.into());
        incident.insert("status".into(), update.status.into());
        incident.insert("body".into(), shortened(&lines(update.body), BODY, "the text", remarks).into());
        // What other tools keep there stays.
        let mut metadata = before.and_then(|there| there.metadata.as_object().cloned()).unwrap_or_default();
        metadata.insert("opsdeck".into(), json!({"mark": first, "marks": marks}));
        incident.insert("metadata".into(), metadata.into());
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
        let gone = || {
            let message = format!("the incident {} is not on the status page any more", line(id));
            Fault::new(FaultKind::NotServed, message).hint("somebody deleted it there")
        };
        let path = path_of(&self.path("/incidents"), id, &[], "an incident")?;
        self.road.now(cleared, &path, &[], gone).await
    }

    /// The incident that carries a mark. The newest come first: none that is older than the first attempt can be it.
    async fn search(&self, cleared: &Cleared, mark: &str) -> Result<Option<Published>, DeliveryError> {
        let first = cleared.first_attempt().and_then(|first| first.checked_sub_signed(TimeDelta::seconds(CLOCKS)));
        for number in 1..=ANSWERS {
            let page = number.to_string();
            let query = [("limit", LIMIT), ("page", page.as_str())];
            let read: Result<Vec<Published>, Fault> = self.road.fetch(&self.path("/incidents"), &query).await;
            let read = read.map_err(|fault| self.road.unseen(cleared, fault))?;
            let oldest = read.last().and_then(|one| instant(&one.created_at));
            let more = !read.is_empty() && oldest.zip(first).is_none_or(|(oldest, first)| oldest >= first);
            if let Some(there) = read.into_iter().find(|one| one.marks().iter().any(|known| known == mark)) {
                return Ok(Some(there));
            }
            if !more {
                return Ok(None);
            }
        }
        unfinished(cleared, "the page has more incidents than were looked through")?;
        Ok(None)
    }
}
