//! What declaring sends: the same list is shown as the preview and written as plans.

use super::Proposal;
use crate::domain::Text;
use crate::domain::incident::delivery::{Delivery, DeliveryKey, What};
use crate::domain::incident::entry::Deed;
use crate::domain::incident::{IncidentId, Visibility};
use crate::domain::time::Instant;
use crate::incident::command::LONGEST_TITLE;
use crate::incident::plan::{CHANNEL, FIRST_MESSAGE, Now, page_note};
use crate::incident::publication::Publication;
use crate::incident::template::{flat, shortened};
use crate::incident::timeline::describe;

/// What would be published, and where. It is public: it is sent only when exactly this was confirmed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusDraft {
    /// The configured name of the status page.
    pub page: Text,
    /// What everyone reads there.
    pub said: Publication,
}

/// One thing that will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The delivery's key.
    pub key: DeliveryKey,
    /// The configured name of the service.
    pub service: Text,
    /// What is sent, in few words.
    pub what: String,
    /// To whom.
    pub to: String,
    /// The whole text, where there is one.
    pub text: Option<String>,
    /// Does everyone see it?
    pub public: bool,
}

impl Proposal {
    /// What would be published: with the words that a person wrote, else with some that say no more than everyone can
    /// see; `None` where no status page is configured.
    pub fn status_draft(&self) -> Option<StatusDraft> {
        let page = self.facts.status_page.as_ref()?;
        let service = self.service.trim();
        let named = self.facts.runbook.as_ref().and_then(|book| book.component.clone());
        let mut said = Publication::first(service, self.severity, page.showing(service).chain(named));
        if let Some(words) = &self.public_words {
            said.body.clone_from(words);
        }
        Some(StatusDraft { page: page.name.clone(), said })
    }

    /// Publishes this with the rest, or (`None`) nothing. Who calls it has asked for a confirmation of its own, of all of
    /// it: when words, severity or service change afterwards, it is withheld until it was confirmed again.
    pub fn publish(&mut self, draft: Option<StatusDraft>) {
        if let Some(draft) = &draft {
            self.public_words = Some(draft.said.body.clone());
        }
        self.confirmed = draft;
    }

    /// What is published with the rest: what was confirmed, as long as it would still be published like that.
    pub fn public(&self) -> Option<StatusDraft> {
        self.confirmed
            .clone()
            .filter(|draft| !draft.said.body.trim().is_empty() && self.status_draft().as_ref() == Some(draft))
    }

    /// Everything that is sent, in the order in which it is planned.
    pub fn deliveries(&self) -> Vec<Delivery> {
        let mut all = Vec::new();
        let mut plan = |key: String, service: &Text, what: What, after: &[&str]| {
            let after = after.iter().map(|key| DeliveryKey::from(*key)).collect();
            all.push(Delivery { key: key.into(), service: service.clone(), what, after });
        };
        let declared = self.declared();
        let now = Now { title: &declared.title, severity: self.severity.word(), commander: "" };
        for page in self.pages.iter().filter(|page| page.chosen) {
            let id = &page.id;
            let text = page_note(&declared, &now, self.at);
            if !page.acknowledged {
                plan(format!("acknowledge:{id}"), &page.service, What::Acknowledge { page: id.clone() }, &[]);
            }
            plan(format!("page-note:{id}"), &page.service, What::PageNote { page: id.clone(), text }, &[]);
        }
        if let Some(chat) = &self.facts.chat {
            let service = &chat.name;
            // A chat without channels takes messages at once; in one with channels an empty name says: no channel, no words.
            let opens = chat.has_channels && !self.channel.is_empty();
            let after: &[&str] = if opens { &[CHANNEL] } else { &[] };
            if opens {
                let name = self.channel.clone();
                let purpose = format!("Incident {}: {}", declared.id, flat(&declared.title));
                let private = self.visibility == Visibility::Private;
                plan(CHANNEL.to_owned(), service, What::OpenChannel { name, private, purpose }, &[]);
                if !self.topic.is_empty() {
                    let topic = shortened(&self.topic, chat.limits.topic);
                    plan("topic".to_owned(), service, What::Topic { topic }, after);
                }
                for who in &self.invite {
                    plan(format!("invite:{who}"), service, What::Invite { who: who.clone() }, after);
                }
            }
            if (opens || !chat.has_channels) && !self.first_message.trim().is_empty() {
                let text = self.first_message.clone();
                plan(FIRST_MESSAGE.to_owned(), service, What::Post { text }, after);
            }
            if opens {
                if !self.first_message.trim().is_empty() {
                    let what = What::Pin { message: FIRST_MESSAGE.into() };
                    plan("pin".to_owned(), service, what, &[CHANNEL, FIRST_MESSAGE]);
                }
                for (at, (title, url)) in self.links.iter().enumerate() {
                    let what = What::Link { title: title.clone(), url: url.clone() };
                    plan(format!("link:{}", at + 1), service, what, after);
                }
            }
        }
        // Last, and of nothing else's making: a chat that is down does not keep customers uninformed.
        if let Some(StatusDraft { page, said }) = self.public() {
            plan("publish:1".to_owned(), &page, said.into(), &[]);
        }
        all
    }

    /// Everything that is sent, and to whom, in words.
    pub fn preview(&self) -> Vec<Line> {
        let channel = if self.channel.is_empty() { "its channel" } else { self.channel.as_str() };
        let whole = match self.visibility {
            Visibility::Public => "everyone of the workspace can see it",
            Visibility::Private => "only who is invited can see it",
        };
        let lines = self.deliveries().into_iter().map(|delivery| {
            let product = self.facts.chat.as_ref().filter(|chat| chat.name == delivery.service);
            let place = product.map_or_else(|| delivery.service.to_string(), |chat| chat.product.to_owned());
            let (to, text) = match &delivery.what {
                What::OpenChannel { .. } => (whole.to_owned(), None),
                What::Topic { topic } => (format!("everyone in {channel}"), Some(topic.clone())),
                What::Invite { who } => (who.clone(), None),
                What::Post { text } if product.is_some_and(|chat| !chat.has_channels) => {
                    (format!("everyone who reads {place}"), Some(text.clone()))
                }
                What::Post { text } => (format!("everyone in {channel}"), Some(text.clone())),
                What::Link { url, .. } => (format!("everyone in {channel}"), Some(url.clone())),
                What::PageNote { text, .. } => (format!("who is on call, in {place}"), Some(text.clone())),
                What::Acknowledge { .. } => (format!("who is on call, in {place}"), None),
                What::Publish { .. } => {
                    let public = self.public().map(|draft| draft.said.lines().join("\n"));
                    ("everyone, customers too; subscribers of the page are told by mail or message".to_owned(), public)
                }
                _ => (format!("everyone in {channel}"), None),
            };
            let (what, public) = (describe(&delivery.what), delivery.what.is_public());
            Line { key: delivery.key, service: delivery.service, what, to, text, public }
        });
        lines.collect()
    }

    /// The entries of the new incident, in their order; all are of the one who declares. They are on disk before the first
    /// of the deliveries is sent.
    pub fn declare(&self) -> (IncidentId, Vec<Deed>) {
        let mut declared = self.declared();
        declared.title = shortened(&declared.title, LONGEST_TITLE);
        let id = declared.id.clone();
        let mut deeds = vec![Deed::Declared(Box::new(declared))];
        deeds.extend(self.roles.iter().map(|(role, who)| Deed::Role { role: *role, who: Some(who.clone()) }));
        deeds.extend(
            self.troubles
                .iter()
                .map(|trouble| Deed::Remark { text: format!("{}: {}", trouble.field.word(), trouble.text) }),
        );
        deeds.extend(self.deliveries().into_iter().map(Deed::Planned));
        (id, deeds)
    }

    /// The moment that the proposal was made for.
    pub const fn at(&self) -> Instant {
        self.at
    }
}
