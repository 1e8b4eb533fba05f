//! What declaring needs beside the world: the runbook that fits, the services, the pages that are open.

use futures::future::join_all;

use super::answers::paging;
use super::office::{Done, Ground, Office};
use crate::config::settings::Runbooks;
use crate::incident::declare::{Facts, PageFact, RunbookFacts};
use crate::runbook::facts::Facts as BookFacts;
use crate::runtime::runbooks::find::{self, Place};
use crate::runtime::runbooks::library::Library;
use crate::state::incident::{IncidentNews, runbook_for};

/// The runbook that is meant for the first of these for which there is one. Reads all runbooks anew: somebody may just have
/// written the one that is missing.
pub async fn runbook(places: Vec<Place>, settings: Runbooks, asked: Vec<BookFacts>) -> Option<RunbookFacts> {
    let look = move || {
        let library = Library::load(&places);
        asked.into_iter().find_map(|mut known| {
            find::add_pages(&mut known, &settings);
            let (book, _) = library.fitting(&known).into_iter().next()?;
            Some(runbook_for(&book, &known))
        })
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

impl Office {
    /// Looks for that runbook beside everything else; it is told as news.
    pub(super) fn find_runbook(&mut self, places: Vec<Place>, settings: Runbooks, asked: Vec<BookFacts>) {
        self.jobs.spawn(async move {
            let found = runbook(places, settings, asked).await;
            Done::News(Box::new(IncidentNews::Runbook(found.map(Box::new))))
        });
    }
}

/// Fills in services and open pages. A paging service that does not answer is told, and hinders nothing.
pub async fn services(facts: &mut Facts, ground: &Ground) -> Vec<String> {
    let info = ground.services.info();
    facts.status_page = info.status_page;
    facts.chat = info.chat;
    let mut remarks = Vec::new();
    let asked = ground.services.pagings.iter().map(|service| async { (service.name(), paging(&**service).await) });
    for (name, said) in join_all(asked).await {
        match said {
            Ok((pages, _)) => {
                facts.pages.extend(pages.into_iter().map(|page| PageFact { service: name.into(), page }));
            }
            Err(fault) => remarks.push(format!("pages of {name} are not known: {fault}")),
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn the_first_alert_that_a_runbook_is_meant_for_gives_it_with_its_values() {
        let known = |alert: &str| BookFacts {
            alert: Some(alert.to_owned()),
            labels: [("service", "payment"), ("namespace", "shop")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            places: vec!["kb/errors".to_owned(), "https://kb.example/errors".to_owned()],
            ..BookFacts::default()
        };
        let settings = crate::config::Config::built_in().unwrap().settings.runbooks;
        let find = |asked: Vec<BookFacts>| runbook(vec![Place::Shipped], settings.clone(), asked);
        assert_eq!(find(vec![known("NobodyKnowsThis")]).await, None, "what helps with anything is meant for nothing");
        let found = find(vec![known("NobodyKnowsThis"), known("HighErrorRate")]).await.unwrap();
        assert_eq!((&*found.id, found.channel.as_deref()), ("high-error-rate", Some("inc-{{ service }}-errors")));
        assert_eq!(found.values["service"], "payment");
        assert_eq!(found.link.as_deref(), Some("https://kb.example/errors"), "shipped: read where the alert leads");
    }
}
