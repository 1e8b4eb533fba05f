//! Steps of a runbook that are about the incident (`do: declare`, `notify`, `note`), done as `opsdeck incident declare`,
//! `update` and `note` do them: with the same words on the way, the same confirmation, into the same journal.

use super::walk::Walker;
use crate::cli::incident::declare::{DeclareArgs, declare, look_again};
use crate::cli::incident::desk::{Desk, Voice, choose};
use crate::cli::output::Failure;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::Deed;
use crate::domain::time::Instant;
use crate::incident::Incident;
use crate::incident::command::Command;
use crate::incident::declare::Facts;
use crate::runbook::parameter::Value;
use crate::runbook::run::Run;
use crate::runbook::step::IncidentWord;
use crate::runtime::runbooks::keep::Ground;
use crate::state::incident::runbook;

impl Walker<'_> {
    /// Does such a step. `cut` is when it was come to, where the run was cut off at it: what was written since then by this
    /// step is not written again.
    pub(super) async fn tell_incident(
        &self,
        run: &Run,
        ground: &Ground,
        (word, text): (IncidentWord, &str),
        cut: Option<Instant>,
    ) -> Result<(), Failure> {
        let said = match word {
            IncidentWord::Declare => return self.declare(run, ground, text).await,
            IncidentWord::Notify => Command::Update { text: text.to_owned(), next: None },
            IncidentWord::Note => Command::Note(text.to_owned()),
        };
        let mut desk = self.desk().await;
        let id = desk.take(self.incident.as_ref().map(IncidentId::as_str)).await?;
        if cut.is_some_and(|since| holds(desk.office.incident(&id).as_ref(), word, text, since)) {
            self.voice().say("it was written down before the run was cut off");
        } else {
            desk.office.perform(&id, said).await?;
        }
        // What waits to be sent is told, and sent by whoever runs next.
        desk.finish(&id).await.map(drop)
    }

    async fn declare(&self, run: &Run, ground: &Ground, title: &str) -> Result<(), Failure> {
        if self.face.unattended && !self.face.yes {
            return Err(Failure::refused("nobody is here to look at what would be sent").hint("--yes declares it"));
        }
        let desk = self.desk().await;
        // As in the console: one that is open is meant.
        if let Some(open) = choose(desk.office.store(), None, Some(&desk.ground.context))? {
            self.voice().say(&format!("an incident is open already: {}", open.incident.id()));
            return Ok(());
        }
        let workload = run.values().into_values().find_map(|value| match value {
            Value::Workload(workload) => Some(workload),
            _ => None,
        });
        let mut facts = look_again(self.start, &ground.context, ground.alert.as_deref(), workload.as_ref()).await;
        let places: Vec<String> =
            facts.firing().iter().filter_map(|alert| alert.runbook_url()).map(str::to_owned).collect();
        let book = runbook(run.book(), run.values(), places.iter().map(String::as_str));
        let args = DeclareArgs::of_step(title, &book, &facts, self.face.yes);
        facts = Facts { runbook: Some(book), ..facts };
        declare(desk, facts, &args, self.voice()).await.map(drop)
    }

    async fn desk(&self) -> Desk {
        let ground = self.connected.incidents.clone();
        Desk::on(self.start.launch.clone(), ground, self.connected.info.production, None, self.voice()).await
    }

    /// With `--json`, standard output is for the records of the run.
    fn voice(&self) -> Voice {
        if self.face.json { Voice::Aside } else { Voice::Words }
    }
}

/// Was this written since then?
fn holds(incident: Option<&Incident>, word: IncidentWord, text: &str, since: Instant) -> bool {
    let text = text.trim();
    incident.into_iter().flat_map(Incident::entries).filter(|entry| entry.at >= since).any(|entry| {
        match (&entry.deed, word) {
            (Deed::Note { text: written }, IncidentWord::Note)
            | (Deed::Update { text: written, .. }, IncidentWord::Notify) => written == text,
            _ => false,
        }
    })
}
