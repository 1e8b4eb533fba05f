//! What incidents speak to in one context: chats, paging services, status pages, and the journal that responders share.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::Text;
use crate::incident::clearance::{Courier, MayShare, SharedWriter};
use crate::incident::declare::{ChatFacts, StatusPageFacts};
use crate::ports::incident::{Chat, Paging, Service, SharedJournal, StatusPage};
use crate::state::incident::ServicesInfo;

/// The services of a context. Cheap to clone.
#[derive(Clone, Default)]
pub struct IncidentServices {
    /// Chats; the first one is taken.
    pub chats: Vec<Arc<dyn Chat>>,
    /// Paging services.
    pub pagings: Vec<Arc<dyn Paging>>,
    /// Status pages.
    pub status_pages: Vec<Arc<dyn StatusPage>>,
    /// The journal that responders share, where the configuration allows it.
    pub shared: Option<Shared>,
    couriers: BTreeMap<Text, Arc<dyn Courier>>,
    /// Of each status page: which components show which services.
    components: BTreeMap<Text, BTreeMap<String, Vec<String>>>,
}

/// The journal that responders share.
#[derive(Clone)]
pub struct Shared {
    /// To read.
    pub journal: Arc<dyn SharedJournal>,
    /// To write; a read-only console has none.
    pub writer: Option<(Arc<dyn SharedWriter>, MayShare)>,
}

impl IncidentServices {
    /// Adds a chat, and who sends to it.
    pub fn chat(&mut self, chat: Arc<dyn Chat>, courier: Arc<dyn Courier>) {
        self.courier(chat.name(), courier);
        self.chats.push(chat);
    }

    /// Adds a paging service.
    pub fn paging(&mut self, paging: Arc<dyn Paging>, courier: Arc<dyn Courier>) {
        self.courier(paging.name(), courier);
        self.pagings.push(paging);
    }

    /// Adds a status page, and which of its components show which services.
    pub fn status_page(
        &mut self,
        page: Arc<dyn StatusPage>,
        courier: Arc<dyn Courier>,
        components: BTreeMap<String, Vec<String>>,
    ) {
        self.courier(page.name(), courier);
        self.components.insert(page.name().into(), components);
        self.status_pages.push(page);
    }

    fn courier(&mut self, name: &str, courier: Arc<dyn Courier>) {
        self.couriers.insert(name.into(), courier);
    }

    /// Who sends to the service of this name.
    pub fn courier_of(&self, service: &str) -> Option<Arc<dyn Courier>> {
        self.couriers.get(service).cloned()
    }

    /// The chat of this name.
    pub fn chat_of(&self, service: &str) -> Option<Arc<dyn Chat>> {
        self.chats.iter().find(|chat| chat.name() == service).cloned()
    }

    /// All of them, for `doctor`.
    pub fn all(&self) -> impl Iterator<Item = &dyn Service> {
        let chats = self.chats.iter().map(|one| &**one as &dyn Service);
        let pagings = self.pagings.iter().map(|one| &**one as &dyn Service);
        let pages = self.status_pages.iter().map(|one| &**one as &dyn Service);
        chats.chain(pagings).chain(pages)
    }

    /// What a plan has to know of them.
    pub fn info(&self) -> ServicesInfo {
        let chat = self.chats.first().map(|chat| {
            let names = chat.clone();
            ChatFacts {
                name: chat.name().into(),
                product: chat.product(),
                limits: chat.limits(),
                has_channels: chat.has_channels(),
                namer: Arc::new(move |wanted| names.channel_name(wanted)),
            }
        });
        let status_page = self.status_pages.first().map(|page| StatusPageFacts {
            name: page.name().into(),
            product: page.product(),
            components: self.components.get(page.name()).cloned().unwrap_or_default(),
        });
        ServicesInfo {
            chat,
            paging: self.pagings.iter().map(|one| (one.name().into(), one.product())).collect(),
            status_page,
            shared: self.shared.as_ref().map(|shared| shared.journal.place()),
        }
    }
}

impl std::fmt::Debug for IncidentServices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IncidentServices")
    }
}
