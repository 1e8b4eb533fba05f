//! Our own actions, from the audit log into the timeline of the incident that they belong to, and as change events to
//! paging services. The audit log is the truth: what happened is not told from memory.

use std::sync::Arc;

use super::office::{Office, aside, lock};
use crate::domain::audit;
use crate::domain::incident::entry::NewEntry;
use crate::incident::watch;
use crate::ports::journal::AuditLog;
use crate::state::incident::IncidentNews;

/// Records that are looked through, the newest.
const MOST: usize = 500;

impl Office {
    /// Takes in what the audit log says of incidents that are looked after; what is known already is left out.
    pub async fn take_in_actions(&mut self, log: Arc<dyn AuditLog>) {
        let open: Vec<_> = self.ids();
        if open.is_empty() {
            return;
        }
        let read = tokio::task::spawn_blocking(move || log.read_last(MOST)).await;
        let entries = match read {
            Ok(Ok(reading)) => Arc::new(audit::entries(reading.records)),
            Ok(Err(error)) => return self.tell(IncidentNews::Remark(error.to_string())),
            Err(_) => return,
        };
        for id in open {
            let Ok(case) = self.case(&id) else { continue };
            let services: Vec<_> = case.ground.services.pagings.iter().map(|one| one.name().into()).collect();
            let news = |incident: &crate::incident::Incident| {
                entries.iter().any(|entry| !watch::action(incident, entry).is_empty())
            };
            // Also of one that is over: what began before that ends after it.
            let is_news = lock(&case.held).incident().is_some_and(news);
            if !is_news || case.ground.read_only.is_some() {
                continue;
            }
            let (entries, now) = (entries.clone(), self.clock.now());
            let written = aside(&case.held, move |held| {
                held.write_with(now, |incident, _| {
                    let mut new = Vec::new();
                    for entry in entries.iter() {
                        let actions = watch::action(incident, entry);
                        let by = actions.first().map(|noticed| noticed.by.clone());
                        new.extend(actions.into_iter().map(|one| NewEntry { at: one.at, by: one.by, deed: one.deed }));
                        // Whoever told of it first plans the events.
                        for deed in by.iter().flat_map(|_| watch::change_events(incident, entry, &services)) {
                            new.push(NewEntry { at: now, by: crate::incident::SELF.into(), deed });
                        }
                    }
                    new
                })
            });
            match written.await {
                Some(Ok(news)) => self.entries(&id, news),
                Some(Err(error)) => self.tell(IncidentNews::Remark(error.to_string())),
                None => {}
            }
            self.send_due(&id).await;
        }
    }
}
