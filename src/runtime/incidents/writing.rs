//! What is written into incidents on somebody's word: each under the journal's lock, over everything that is known by
//! then, and what follows from it is sent.

use std::sync::{Arc, Mutex, PoisonError};

use super::held::Held;
use super::journal::KeepError;
use super::office::{Office, OfficeError, aside, may_write, unconnected};
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Deed, Entry, NewEntry, Stamp};
use crate::domain::time::Instant;
use crate::incident::command::{Circumstances, Command, Refusal, merge, perform};
use crate::incident::{Incident, Noticed};

impl Office {
    /// Makes a new incident.
    pub async fn begin(&mut self, id: &IncidentId, deeds: Vec<Deed>) -> Result<(), OfficeError> {
        let Some(ground) = self.ground.clone() else { return Err(unconnected()) };
        may_write(&ground)?;
        let (store, wanted) = (self.store.clone(), id.clone());
        let made = tokio::task::spawn_blocking(move || store.create(&wanted).map(drop)).await;
        made.map_err(|error| OfficeError::Refused(error.to_string()))??;
        self.hold(id, &ground).await?;
        // Who began it sees it.
        self.reach(id).await?;
        let new = self.by_person(deeds);
        if let Err(error) = self.write(id, move |held, now| held.write(now, new)).await {
            self.cases.remove(id);
            return Err(error);
        }
        self.send_due(id).await;
        Ok(())
    }

    pub(super) fn by_person(&self, deeds: Vec<Deed>) -> Vec<NewEntry> {
        let at = self.clock.now();
        deeds.into_iter().map(|deed| NewEntry { at, by: self.user.clone(), deed }).collect()
    }

    /// Writes with the disk aside, and tells what is news.
    pub(super) async fn write(
        &mut self,
        id: &IncidentId,
        work: impl FnOnce(&mut Held, Instant) -> Result<Vec<Entry>, KeepError> + Send + 'static,
    ) -> Result<(), OfficeError> {
        let case = self.case(id)?;
        may_write(&case.ground)?;
        let now = self.clock.now();
        match aside(&case.held, move |held| work(held, now)).await {
            Some(Ok(news)) => {
                self.entries(id, news);
                Ok(())
            }
            Some(Err(error)) => Err(error.into()),
            None => Err(OfficeError::Refused("the journal could not be written".into())),
        }
    }

    /// Does what a person wants, over everything that is known by then.
    pub async fn perform(&mut self, id: &IncidentId, command: Command) -> Result<(), OfficeError> {
        self.reach(id).await?;
        let ground = self.case(id)?.ground;
        let writer = self.writer().await?;
        self.decide(id, move |incident, stamp, now| {
            perform(incident, &command, Circumstances { config: &ground.config, now, stamp, writer: &writer })
        })
        .await
    }

    /// Writes what is decided under the journal's lock, over everything that is known by then, and sends what follows.
    async fn decide(
        &mut self,
        id: &IncidentId,
        decide: impl FnOnce(&Incident, &Stamp, Instant) -> Result<Vec<Deed>, Refusal> + Send + 'static,
    ) -> Result<(), OfficeError> {
        let by = self.user.clone();
        let refused = Arc::new(Mutex::new(None));
        let said = refused.clone();
        self.write(id, move |held, now| {
            held.write_with(now, |incident, stamp| match decide(incident, stamp, now) {
                Ok(deeds) => deeds.into_iter().map(|deed| NewEntry { at: now, by: by.clone(), deed }).collect(),
                Err(why) => {
                    *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.0);
                    Vec::new()
                }
            })
        })
        .await?;
        if let Some(why) = refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(OfficeError::Refused(why));
        }
        self.send_due(id).await;
        Ok(())
    }

    async fn writer(&self) -> Result<Text, OfficeError> {
        let store = self.store.clone();
        let own = tokio::task::spawn_blocking(move || store.own_writer()).await;
        Ok(own.map_err(|error| OfficeError::Refused(error.to_string()))??)
    }

    /// Merges one into another. The duplicate is ended first: a crash in between leaves it saying where it goes on, and
    /// merging it once more does the other half.
    pub async fn merge(&mut self, from: &IncidentId, into: &IncidentId) -> Result<(), OfficeError> {
        for id in [from, into] {
            self.reach(id).await?;
            // Neither is begun where the other may not be written.
            may_write(&self.case(id)?.ground)?;
        }
        let unknown = |id: &IncidentId| OfficeError::Refused(format!("incident {id} is not known here"));
        let other = self.incident(into).ok_or_else(|| unknown(into))?;
        let half_done = {
            let one = self.incident(from).ok_or_else(|| unknown(from))?;
            one.merged_into() == Some(into) && !has_absorbed(&other, from)
        };
        if !half_done {
            self.decide(from, move |one, stamp, _| Ok(merge(one, &other, (stamp, stamp))?.from)).await?;
        }
        let one = self.incident(from).ok_or_else(|| unknown(from))?;
        // As it was before: what goes into the other half is the same.
        let entries = one.entries().filter(|entry| !matches!(entry.deed, Deed::Merged { .. })).cloned();
        let one = Incident::of(entries).ok_or_else(|| unknown(from))?;
        self.decide(into, move |other, stamp, _| {
            if has_absorbed(other, one.id()) { Ok(Vec::new()) } else { Ok(merge(&one, other, (stamp, stamp))?.into) }
        })
        .await
    }

    /// Writes down what this console noticed by itself, unless consoles that may share it do.
    pub async fn notice(&mut self, id: &IncidentId, noticed: Vec<Noticed>) -> Result<(), OfficeError> {
        if self.sharing.leaves_to_others(id) { Ok(()) } else { self.put_down(id, noticed).await }
    }

    /// Writes down what was noticed; what is known by then already is left out by the fold.
    pub async fn put_down(&mut self, id: &IncidentId, noticed: Vec<Noticed>) -> Result<(), OfficeError> {
        let entry = |Noticed { at, by, deed }| NewEntry { at, by, deed };
        let new = noticed.into_iter().map(entry).collect();
        self.write(id, move |held, now| held.write(now, new)).await
    }
}

fn has_absorbed(incident: &Incident, other: &IncidentId) -> bool {
    incident.entries().any(|entry| matches!(&entry.deed, Deed::Absorbed { from, .. } if from == other))
}
