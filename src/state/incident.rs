//! Incidents between the console and the runtime: what the console asks for, and what it is told. What an incident is and
//! what may be done to it is [`crate::incident`]'s.

pub mod room;

use std::collections::BTreeMap;

use crate::config::incidents::Incidents;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Deed, Entry};
use crate::incident::declare::ChatFacts;
use crate::ports::incident::{ChannelView, OnCall, Page};

/// Work for the runtime.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentEffect {
    /// Find the incidents of this user and context, follow those that are open (and what is written by other consoles and
    /// responders), and finish what was not sent. Answered by [`IncidentNews::Services`], [`IncidentNews::Entries`] for each,
    /// and [`IncidentNews::Known`]; sent at the start and at a switch of context.
    Follow,
    /// Begin an incident with these deeds. Answered as [`IncidentEffect::Append`] is.
    Declare {
        /// Its id.
        id: IncidentId,
        /// The first is [`Deed::Declared`].
        deeds: Vec<Deed>,
    },
    /// Write these deeds, in order, then send what they planned. Answered by [`IncidentNews::Entries`] when they are on disk,
    /// or by [`IncidentNews::Refused`].
    Append {
        /// Which incident.
        id: IncidentId,
        /// Noticed by opsdeck, not done by the person?
        noticed: bool,
        /// What.
        deeds: Vec<Deed>,
    },
    /// Look at the channel; answered by [`IncidentNews::Channel`].
    ReadChannel(IncidentId),
    /// Ask the paging services; answered by [`IncidentNews::Paging`].
    ReadPaging,
    /// Write the post-mortem, or write it anew; answered by [`IncidentNews::PostMortem`].
    WritePostMortem(IncidentId),
}

/// What the console is told.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentNews {
    /// The services of this context.
    Services(Box<ServicesHere>),
    /// Everything that was there at the start has been told.
    Known,
    /// Entries that are on disk now: of this console, another one, or another responder. Some may have been told before.
    Entries(IncidentId, Vec<Entry>),
    /// Deeds that could not be written; nothing of them was sent.
    Refused {
        /// Which incident.
        id: IncidentId,
        /// Why, and what to do.
        why: String,
    },
    /// What the channel shows, or why it cannot be seen.
    Channel(IncidentId, Result<ChannelView, String>),
    /// Pages that are open, and who is on call; of all services. Or what was not to be had.
    Paging {
        /// The name of the service.
        service: Text,
        /// Pages.
        pages: Result<Vec<Page>, String>,
        /// On call.
        on_call: Result<Vec<OnCall>, String>,
    },
    /// The post-mortem's file, or why it was not written.
    PostMortem(IncidentId, Result<String, String>),
    /// How it stands with the shared journal: `None` is well.
    Shared(Option<String>),
}

/// The services of a context and how incidents are kept there, as far as the console needs to know.
#[derive(Clone, Debug)]
pub struct ServicesHere {
    /// `[incidents]`.
    pub config: Incidents,
    /// Who sits here, as entries are signed (`oncall@bastion`).
    pub who: Text,
    /// This console, as stamps are signed.
    pub writer: Text,
    /// Chats; incidents have their channel in the first one.
    pub chats: Vec<ChatFacts>,
    /// Names and products of the paging services.
    pub pagings: Vec<(Text, &'static str)>,
    /// Status pages.
    pub status_pages: Vec<StatusPageHere>,
    /// Where incidents are shared, when they are.
    pub shared: Option<Text>,
}

/// By what tells them apart: how a chat writes a name cannot be compared.
impl PartialEq for ServicesHere {
    fn eq(&self, other: &Self) -> bool {
        let names = |here: &Self| here.chats.iter().map(|chat| chat.name.clone()).collect::<Vec<_>>();
        (&self.config, &self.who, &self.writer, &self.shared) == (&other.config, &other.who, &other.writer, &other.shared)
            && names(self) == names(other)
            && (&self.pagings, &self.status_pages) == (&other.pagings, &other.status_pages)
    }
}

/// A status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPageHere {
    /// Its name.
    pub name: Text,
    /// Its product.
    pub product: &'static str,
    /// Which components show which services, as globs.
    pub components: BTreeMap<String, Vec<String>>,
}
