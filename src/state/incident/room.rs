//! What the console knows of incidents, and how the person looks at the one that is open.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Here;
use crate::domain::Text;
use crate::domain::alert::Alert;
use crate::domain::incident::delivery::DeliveryKey;
use crate::domain::incident::entry::Deed;
use crate::domain::incident::{IncidentId, Role, Severity};
use crate::domain::time::Instant;
use crate::incident::Incident;
use crate::incident::declare::Proposal;
use crate::incident::nudge::{Nudge, nudges};
use crate::incident::outbox::Standing;
use crate::ports::feed::Fault;
use crate::ports::incident::{ChannelView, OnCall, Page};
use crate::state::editor::Editor;
use crate::state::input::Input;

/// Everything about incidents that the console has open.
#[derive(Debug, Default)]
pub struct Room {
    /// The services of this context, once they are known.
    pub here: Option<Here>,
    /// Incidents of this context, by id.
    pub all: BTreeMap<IncidentId, Incident>,
    /// Have those that were there at the start been told?
    pub known: bool,
    /// The one that keys and the header are about.
    pub current: Option<IncidentId>,
    /// The one that was declared here and is not known to be on disk yet.
    pub begun: Option<IncidentId>,
    /// An incident that is being declared.
    pub declaring: Option<Declaring>,
    /// What paging services said last: name, and pages and who is on call, or why not.
    pub paging: Vec<(Text, OnDuty)>,
    /// Why the shared journal is not in step.
    pub shared_fault: Option<String>,
    /// Writes that are not known to be on disk yet.
    pub unwritten: usize,
    /// Where deliveries stand that are neither sent nor dropped.
    pub standings: BTreeMap<IncidentId, Vec<(DeliveryKey, Standing)>>,
    /// Alerts that cleared lately, and when: who mitigates first declares afterwards.
    pub cleared: Vec<(Arc<Alert>, Instant)>,
    /// Worse severities that the rules would propose now, and why.
    pub reviews: BTreeMap<IncidentId, (Severity, String)>,
    /// What was noticed and is not known to be on disk yet, and when.
    pub on_its_way: Vec<((IncidentId, Deed), Instant)>,
    /// How it is looked at.
    pub view: View,
}

/// What a paging service said: pages, and who is on call; or why not.
pub type OnDuty = Result<(Vec<Page>, Vec<OnCall>), Fault>;

/// A declare before it is confirmed.
#[derive(Debug)]
pub struct Declaring {
    /// What is proposed.
    pub proposal: Box<Proposal>,
    /// First line shown.
    pub scroll: usize,
    /// Does a step of a runbook ask for it?
    pub of_step: bool,
    /// The first message, while it is written.
    pub writing: Option<Editor>,
}

/// How an incident is looked at.
#[derive(Debug, Default)]
pub struct View {
    /// First line of the timeline that is shown; `None` follows the end.
    pub scroll: Option<usize>,
    /// A line that is being typed.
    pub prompt: Option<Prompt>,
    /// It was opened for that line alone, and closes after it.
    pub only_line: bool,
    /// Several lines that are being written.
    pub writing: Option<Writing>,
    /// What the channel shows, when it was asked for; `None` inside while it is being read.
    pub channel: Option<Option<Result<ChannelView, Fault>>>,
}

/// A line that is being typed.
#[derive(Debug)]
pub struct Prompt {
    /// What is asked.
    pub ask: String,
    /// The text.
    pub input: Input,
    /// What it becomes.
    pub purpose: Purpose,
    /// Why it was not taken.
    pub notice: Option<String>,
}

/// What a typed line becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A note.
    Note,
    /// The title.
    Title,
    /// Something to do afterwards.
    Task,
    /// Who takes a role.
    Role(Role),
    /// To whom it is handed over.
    HandOver,
    /// Who is asked to join.
    Join,
    /// Why this delivery, which was not sent, is left.
    Drop(DeliveryKey),
    /// The word that makes a text public.
    Publish {
        /// The status page.
        page: Text,
        /// The text.
        body: String,
    },
}

/// Several lines that are being written.
#[derive(Debug)]
pub struct Writing {
    /// The text.
    pub editor: Editor,
    /// What it becomes.
    pub purpose: Piece,
    /// Why it was not taken.
    pub notice: Option<String>,
}

/// What a written text becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// An update, to everyone who follows the incident.
    Update,
    /// An update on the status page of this name, which customers read.
    Publish(Text),
    /// The summary of a hand-over.
    HandOver(String),
}

impl Room {
    /// The incident that keys and the header are about.
    pub fn incident(&self) -> Option<&Incident> {
        self.all.get(self.current.as_ref()?)
    }

    /// What there is to be reminded of, the urgent first.
    pub fn nudges(&self, incident: &Incident, now: Instant) -> Vec<Nudge> {
        let standings = self.standings.get(incident.id()).into_iter().flatten();
        nudges(incident, standings.map(|(_, standing)| standing), self.reviews.get(incident.id()), now)
    }

    /// Is the first message of a declare being written?
    pub fn writes_message(&self) -> bool {
        self.declaring.as_ref().is_some_and(|declaring| declaring.writing.is_some())
    }

    /// Incidents that go on, the newest last.
    pub fn open(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.all.values().filter(|incident| incident.is_open())
    }

    /// Chooses the incident that goes on: the one that was chosen as long as it is known, else the newest open one.
    pub fn settle(&mut self) {
        let stays = self.current.as_ref().is_some_and(|id| self.all.contains_key(id));
        if let Some(into) =
            self.incident().and_then(Incident::merged_into).cloned().filter(|into| self.all.contains_key(into))
        {
            self.current = Some(into);
        } else if !stays {
            let newest = self.open().next_back().map(|incident| incident.id().clone());
            self.current = newest;
        }
    }
}
