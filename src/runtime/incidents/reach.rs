//! How incidents come into the office that are not there: one that a person asks for, and those that are found on disk.

use std::sync::Arc;

use super::office::{Ground, Office, OfficeError, unconnected};
use crate::domain::incident::IncidentId;
use crate::incident::Incident;
use crate::state::incident::IncidentNews;

impl Office {
    /// A person wants something of it: it is looked after from now on. One of another context is only read, as its
    /// services are not those of this one.
    pub(super) async fn reach(&mut self, id: &IncidentId) -> Result<(), OfficeError> {
        if !self.cases.contains_key(id) && self.store.contains(id) {
            let Some(ground) = self.ground.clone() else { return Err(unconnected()) };
            let (store, wanted, context) = (self.store.clone(), id.clone(), ground.context.clone());
            let elsewhere = tokio::task::spawn_blocking(move || {
                let incident = store.read(&wanted).ok().and_then(|told| Incident::of(told.entries))?;
                (!store.is_seen_in(&incident, &context)).then(|| incident.declared().context.clone())
            });
            let ground = match elsewhere.await {
                Ok(Some(context)) => {
                    let why = format!("the incident is of context {context}");
                    Arc::new(Ground { context, read_only: Some(why), ..Ground::clone(&ground) })
                }
                _ => ground,
            };
            self.hold(id, &ground).await?;
        }
        if let Some(case) = self.cases.get_mut(id) {
            case.asked_for = true;
        }
        Ok(())
    }

    /// Looks after one that was found on disk. Where that fails it is told, once, and tried again.
    pub(super) async fn hold_found(&mut self, id: &IncidentId, ground: &Arc<Ground>) -> bool {
        match self.hold(id, ground).await {
            Ok(()) => {
                self.unopened.remove(id);
                if let Some(case) = self.cases.get_mut(id) {
                    case.asked_for = true;
                }
                true
            }
            Err(error) => {
                self.seen.remove(id);
                self.not_opened(id, &error.to_string());
                false
            }
        }
    }

    pub(super) fn not_opened(&mut self, id: &IncidentId, why: &str) {
        if self.unopened.insert(id.clone()) {
            self.tell(IncidentNews::Remark(format!("incident {id} cannot be opened: {why}")));
        }
    }
}
