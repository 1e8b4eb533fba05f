//! What declaring needs beside the world: the runbook that fits, the services, the pages that are open.

use futures::future::join_all;

use super::answers::paging;
use super::office::Ground;
use crate::incident::declare::{Facts, PageFact, RunbookFacts};
use crate::runbook::Runbook;
use crate::runbook::facts::Facts as BookFacts;
use crate::runbook::matching::{GENERIC, Summary, rank};
use crate::runbook::parameter::prefill;
use crate::runtime::runbooks::library::Library;

/// A runbook, as a proposal knows it; its parameters are filled in from what is known.
pub fn book_facts(book: &Runbook, known: &BookFacts) -> RunbookFacts {
    let said = book.meta.incident.clone().unwrap_or_default();
    let (values, _) = prefill(&book.parameters, known);
    let secrets = book.parameters.iter().filter(|parameter| parameter.secret).map(|parameter| &parameter.name);
    let values = crate::runbook::parameter::hidden(values, secrets);
    let place = &book.origin.place;
    RunbookFacts {
        id: book.id.clone(),
        title: book.title.clone(),
        link: (place.starts_with("https://") || place.starts_with("http://")).then(|| place.clone()),
        channel: said.channel,
        topic: said.topic,
        severity: said.severity,
        invite: said.invite,
        first_message: said.first_message,
        update_every: said.update_every,
        component: said.component,
        values: values.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
    }
}

/// The runbook that is meant for the worst of these alerts, when there is one.
pub fn runbook(library: &Library, facts: &Facts) -> Option<RunbookFacts> {
    let summaries: Vec<Summary> = library.all().map(|entry| Summary::of(&entry.book)).collect();
    facts.firing().into_iter().find_map(|alert| {
        let known = BookFacts::of(alert, facts.workload.as_ref());
        let found = rank(&summaries, &known).into_iter().find(|found| found.score > GENERIC)?;
        let mut book = book_facts(&library.get(&found.id)?.book, &known);
        book.link = book.link.or_else(|| alert.runbook_url().map(str::to_owned));
        Some(book)
    })
}

/// Fills in services and open pages. A paging service that does not answer is told, and hinders nothing.
pub async fn services(facts: &mut Facts, ground: &Ground) -> Vec<String> {
    let info = ground.services.info();
    facts.status_page = info.status_page.as_ref().map(|page| page.facts(&facts.service()));
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
