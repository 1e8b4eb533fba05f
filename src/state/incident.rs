//! What the console asks the runtime for about incidents, and what comes back. The rules are [`crate::incident`]'s, and
//! what is known of an incident is the fold of its entries.

use std::path::PathBuf;

use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::DeliveryKey;
use crate::domain::incident::entry::{Deed, Entry};
use crate::incident::Noticed;
use crate::incident::command::Command;
use crate::incident::outbox::Standing;
use crate::ports::feed::Fault;
use crate::ports::incident::{ChannelView, OnCall, Page};

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
    /// Reads one that is over, to look at it or to open it again → [`IncidentNews::Entries`].
    Open(IncidentId),
    /// What does its channel show? → [`IncidentNews::Channel`].
    ViewChannel(IncidentId),
    /// Which pages are open, who is on call? → [`IncidentNews::Paging`].
    AskPaging,
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
    Services(ServicesInfo),
    /// Entries that are on disk by now, of this console and of others; each comes once. In any order: stamps sort them.
    Entries {
        /// Of which incident.
        id: IncidentId,
        /// What.
        entries: Vec<Entry>,
    },
    /// All that was open has been told.
    Looked,
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
    Paging(Vec<(Text, Result<(Vec<Page>, Vec<OnCall>), Fault>)>),
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

/// The services of a context, as far as a plan has to know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicesInfo {
    /// The chat, when there is one.
    pub chat: Option<ChatInfo>,
    /// Paging services: name and product.
    pub paging: Vec<(Text, &'static str)>,
    /// Status pages: name and product.
    pub status_pages: Vec<(Text, &'static str)>,
    /// Where responders share incidents, when they do (`ConfigMaps of namespace opsdeck`).
    pub shared: Option<Text>,
}

/// A chat, as far as a plan has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatInfo {
    /// Its configured name.
    pub name: Text,
    /// Its product (`Slack`).
    pub product: &'static str,
    /// Where it is.
    pub origin: String,
    /// What it can hold.
    pub limits: crate::ports::incident::ChatLimits,
    /// Does it open channels?
    pub has_channels: bool,
}
