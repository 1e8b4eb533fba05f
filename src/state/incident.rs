//! What the console asks the runtime for about incidents, and what comes back. The rules are [`crate::incident`]'s, and
//! what is known of an incident is the fold of its entries.

mod facts;
pub mod room;

use std::path::PathBuf;

pub use facts::{book_facts, burn_of, change_of, facts, runbook, runbook_for};

use crate::config::incidents::Incidents;
use crate::domain::Text;
use crate::domain::incident::delivery::DeliveryKey;
use crate::domain::incident::entry::{Deed, Entry, Moment};
use crate::domain::incident::{IncidentId, Severity};
use crate::domain::time::Instant;
use crate::incident::command::Command;
use crate::incident::declare::{ChatFacts, RunbookFacts, StatusPageFacts};
use crate::incident::outbox::Standing;
use crate::incident::{Incident, Noticed};
use crate::ports::feed::Fault;
use crate::ports::incident::{ChannelView, OnCall, Page};
use crate::runbook::facts::Facts as BookFacts;

/// What the runtime is asked for. What is written is written in the order in which it is asked for; everything else is
/// done beside.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentEffect {
    /// Which incidents of this context are open? Asked once after each connection; answered by [`IncidentNews::Entries`] of
    /// each, then [`IncidentNews::Looked`]. From then on those that others declare come by themselves.
    Look,
    /// Makes a place for a new incident, and writes its first entries → [`IncidentNews::Entries`], or
    /// [`IncidentNews::Refused`]. What they plan to send is sent from then on.
    Begin {
        /// Its id.
        id: IncidentId,
        /// `Declared` first.
        deeds: Vec<Deed>,
    },
    /// Does what a person wants, over everything that is known by then → [`IncidentNews::Entries`], or
    /// [`IncidentNews::Refused`].
    Do {
        /// To which incident.
        id: IncidentId,
        /// What.
        command: Command,
    },
    /// Merges one into another; likewise, for both.
    Merge {
        /// The duplicate.
        from: IncidentId,
        /// Where it goes on.
        into: IncidentId,
    },
    /// Writes down what was noticed, in the name of opsdeck itself; likewise.
    Notice {
        /// In which incident.
        id: IncidentId,
        /// What.
        noticed: Vec<Noticed>,
    },
    /// Takes in what the audit log says of actions: after each that ended → [`IncidentNews::Entries`].
    TakeInActions,
    /// Reads one that is over, to look at it or to open it again → [`IncidentNews::Entries`].
    Open(IncidentId),
    /// Which incidents of this context are over? → [`IncidentNews::Lately`].
    Lately,
    /// What does its channel show? → [`IncidentNews::Channel`].
    ViewChannel(IncidentId),
    /// Which pages are open, who is on call? → [`IncidentNews::Paging`].
    AskPaging,
    /// Which runbook is meant for the first of these for which there is one? → [`IncidentNews::Runbook`].
    FindRunbook(Vec<BookFacts>),
    /// Writes the post-mortem, keeping what people wrote in it → [`IncidentNews::PostMortem`].
    PostMortem(IncidentId),
    /// Writes the redacted bundle → [`IncidentNews::Exported`].
    Export {
        /// Of which incident.
        id: IncidentId,
        /// To which file; the incident's directory when not said.
        file: Option<PathBuf>,
    },
}

/// What comes back.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentNews {
    /// What the services of this context are, once it is connected.
    Services(Box<Here>),
    /// Entries that are on disk by now, of this console and of others; each comes once. In any order: stamps sort them.
    Entries {
        /// Of which incident.
        id: IncidentId,
        /// What.
        entries: Vec<Entry>,
    },
    /// All that was open has been told.
    Looked,
    /// Those that are over, the newest first; each can be asked for by [`IncidentEffect::Open`].
    Lately(Vec<Brief>),
    /// It was not written, and nothing that depends on it was done.
    Refused {
        /// Of which incident.
        id: IncidentId,
        /// Why, and what to do.
        why: String,
    },
    /// Where deliveries stand that are neither sent nor dropped, whenever that changes: key, and what they wait for.
    Standings {
        /// Of which incident.
        id: IncidentId,
        /// In the order in which they were planned.
        standings: Vec<(DeliveryKey, Standing)>,
    },
    /// What the channel shows.
    Channel {
        /// Of which incident.
        id: IncidentId,
        /// The messages, or why they could not be read.
        view: Result<ChannelView, Fault>,
    },
    /// Open pages and who is on call, of each paging service by its name.
    Paging(Vec<(Text, Result<PagingView, Fault>)>),
    /// The runbook that a declare was asked for, when there is one.
    Runbook(Option<Box<RunbookFacts>>),
    /// The post-mortem was written, or why not.
    PostMortem {
        /// Of which incident.
        id: IncidentId,
        /// The file, and what a person should know of it.
        written: Result<(PathBuf, Vec<String>), String>,
    },
    /// The bundle was written, or why not.
    Exported {
        /// Of which incident.
        id: IncidentId,
        /// The file.
        written: Result<PathBuf, String>,
    },
    /// How the shared journal is: `None` when it works, else what is lost. It is made up for by itself.
    Shared(Option<Fault>),
    /// Something to tell, once: a line of a journal that cannot be read, a marked message that was too long.
    Remark(String),
}

/// An incident that is over, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Its id.
    pub id: IncidentId,
    /// Its title.
    pub title: String,
    /// Its severity.
    pub severity: Severity,
    /// When it ended: resolved, or merged into another.
    pub ended: Instant,
}

impl Brief {
    /// Of one that is over; `None` while it goes on.
    pub fn of(incident: &Incident) -> Option<Self> {
        (!incident.is_open()).then(|| Self {
            id: incident.id().clone(),
            title: incident.title().to_owned(),
            severity: incident.severity(),
            ended: incident.time(Moment::Resolved).unwrap_or_else(|| incident.status_since()),
        })
    }
}

/// Open pages, and who is on call.
pub type PagingView = (Vec<Page>, Vec<OnCall>);

/// The services of a context, as far as a plan has to know them.
#[derive(Clone, Debug, Default)]
pub struct ServicesInfo {
    /// The chat, when there is one.
    pub chat: Option<ChatFacts>,
    /// Paging services: name and product.
    pub paging: Vec<(Text, &'static str)>,
    /// The status page, when there is one.
    pub status_page: Option<StatusPageFacts>,
    /// Where responders share incidents, when they do (`ConfigMaps of namespace opsdeck`).
    pub shared: Option<Text>,
}

/// The services of a context, and how incidents are kept there.
#[derive(Clone, Debug, PartialEq)]
pub struct Here {
    /// Whom it speaks to.
    pub services: ServicesInfo,
    /// `[incidents]`.
    pub config: Incidents,
    /// Who sits here, as entries are signed (`oncall@bastion`).
    pub who: Text,
}

/// By name: effects and news are compared in tests.
impl PartialEq for ServicesInfo {
    fn eq(&self, other: &Self) -> bool {
        let chat = |info: &Self| info.chat.as_ref().map(|chat| (chat.name.clone(), chat.has_channels));
        chat(self) == chat(other)
            && self.paging == other.paging
            && self.status_page == other.status_page
            && self.shared == other.shared
    }
}
