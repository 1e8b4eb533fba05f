//! What the console knows of incidents, and how the person looks at the one that is open.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Brief, Here};
use crate::config::keymap::Scope;
use crate::domain::Text;
use crate::domain::alert::Alert;
use crate::domain::incident::delivery::DeliveryKey;
use crate::domain::incident::delivery::What;
use crate::domain::incident::entry::{Deed, Entry};
use crate::domain::incident::{IncidentId, Role, Severity, Status};
use crate::domain::time::Instant;
use crate::incident::Incident;
use crate::incident::declare::{Proposal, StatusDraft};
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
    /// Entries that came before the one that declares their incident.
    pub early: BTreeMap<IncidentId, Vec<Entry>>,
    /// Those on disk that are over, the newest first.
    pub lately: Vec<Brief>,
    /// One that is over and was asked for: it is shown when it comes.
    pub wanted: Option<IncidentId>,
    /// Have those that were there at the start been told?
    pub known: bool,
    /// The one that keys and the header are about.
    pub current: Option<IncidentId>,
    /// The one that was declared here and is not known to be on disk yet.
    pub begun: Option<IncidentId>,
    /// An incident that is being declared.
    pub declaring: Option<Declaring>,
    /// What was proposed of the one that is not known to be on disk yet: it comes back when it cannot be written.
    pub begun_from: Option<Declaring>,
    /// Texts that were written and are not known to be on disk.
    pub drafts: Vec<Draft>,
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
    /// What there is to be reminded of, of the incident that keys and the header are about: the urgent first.
    pub nudges: Vec<Nudge>,
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
    pub message: Option<Editor>,
    /// What customers are told, as long as it is neither confirmed nor left.
    pub publishing: Option<Publishing>,
    /// Is the runbook being looked for that is meant for this?
    pub looking: bool,
    /// When more came to be sent by itself, after this was opened.
    pub altered: Option<Instant>,
}

/// What customers are told, on its way to being confirmed.
#[derive(Debug)]
pub enum Publishing {
    /// It is written.
    Words {
        /// The text.
        editor: Editor,
        /// Why it was not taken.
        notice: Option<String>,
    },
    /// The word is typed that makes it public.
    Word {
        /// All that becomes public by it.
        draft: StatusDraft,
        /// The word.
        prompt: Prompt,
    },
}

impl Declaring {
    /// A proposal that nobody has looked at yet.
    pub fn new(proposal: Proposal, looking: bool) -> Self {
        let proposal = Box::new(proposal);
        Self { proposal, scroll: 0, of_step: false, message: None, publishing: None, looking, altered: None }
    }

    /// The text of several lines that is being written.
    pub fn editor(&mut self) -> Option<&mut Editor> {
        match (&mut self.message, &mut self.publishing) {
            (Some(editor), _) | (None, Some(Publishing::Words { editor, .. })) => Some(editor),
            _ => None,
        }
    }

    /// The line that is being typed.
    pub fn line(&mut self) -> Option<&mut Input> {
        match &mut self.publishing {
            Some(Publishing::Word { prompt, .. }) => Some(&mut prompt.input),
            _ => None,
        }
    }

    /// Where its keys go.
    pub const fn scope(&self) -> Scope {
        match (&self.message, &self.publishing) {
            (Some(_), _) | (None, Some(Publishing::Words { .. })) => Scope::Text,
            (None, Some(Publishing::Word { .. })) => Scope::Input,
            (None, None) => Scope::Dialog,
        }
    }
}

/// How an incident is looked at.
#[derive(Debug, Default)]
pub struct View {
    /// First line of the timeline that is shown; `None` follows the end.
    pub scroll: Option<usize>,
    /// First line shown of the column beside it.
    pub side: usize,
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
    /// The incident that it is about, whatever keys are about by the time it is typed.
    pub of: IncidentId,
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
    /// Why the status changes.
    Status(Status),
    /// Why the severity changes.
    Severity(Severity),
    /// Why it is opened again.
    Reopen,
    /// Why this delivery, which was not sent, is left.
    Drop(DeliveryKey),
    /// The word that wakes the next level.
    Escalate(PageOf),
    /// Who is asked to join through this page.
    JoinPage(PageOf),
    /// What is noted on a page, which is acknowledged with it when nobody has done so.
    Page {
        /// Which.
        page: PageOf,
        /// Is it still triggered?
        acknowledge: bool,
    },
    /// The word that ends this incident in favour of another.
    Merge(IncidentId),
    /// The word that sends from here what that console had planned.
    TakeOver(Text),
    /// The word that makes a text public.
    Publish {
        /// The status page.
        page: Text,
        /// The text.
        body: String,
    },
}

/// A page of a paging service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOf {
    /// The configured name of the service.
    pub service: Text,
    /// Its id.
    pub page: String,
}

/// A text that was written and is not known to be on disk: it is there again when it is written the next time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Of which incident.
    pub of: IncidentId,
    /// What it becomes.
    pub purpose: Piece,
    /// The text.
    pub text: String,
}

impl Draft {
    /// Is it what this says?
    fn is_in(&self, deed: &Deed) -> bool {
        let said = match (&self.purpose, deed) {
            (Piece::Update, Deed::Update { text, .. }) => text,
            (Piece::HandOver(_), Deed::HandedOver { summary, .. }) => summary,
            (Piece::Publish(_), Deed::Planned(delivery)) => match &delivery.what {
                What::Publish { body, .. } => body,
                _ => return false,
            },
            _ => return false,
        };
        said.trim() == self.text.trim()
    }
}

/// Several lines that are being written.
#[derive(Debug)]
pub struct Writing {
    /// The incident that it is about, whatever keys are about by the time it is sent.
    pub of: IncidentId,
    /// The text that was proposed: one that is left as it was is not kept.
    pub proposed: String,
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

    /// Looks what there is to be reminded of now: once a second and after a change, not for each frame.
    pub fn remind(&mut self, now: Instant) {
        let found = self.incident().map(|incident| {
            let standings = self.standings.get(incident.id()).into_iter().flatten();
            nudges(incident, standings.map(|(_, standing)| standing), self.reviews.get(incident.id()), now)
        });
        self.nudges = found.unwrap_or_default();
    }

    /// Where the keys of a declare go.
    pub fn declare_scope(&self) -> Scope {
        self.declaring.as_ref().map_or(Scope::Dialog, Declaring::scope)
    }

    /// The components of a status page that show the service of an incident.
    pub fn components_of(&self, page: &str, incident: &Incident) -> Vec<String> {
        let known = self.here.as_ref().and_then(|here| here.services.status_page.as_ref());
        let known = known.filter(|known| *known.name == *page);
        known.map(|known| known.showing(&incident.declared().service).collect()).unwrap_or_default()
    }

    /// Incidents that go on, the newest last.
    pub fn open(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.all.values().filter(|incident| incident.is_open())
    }

    /// The one that goes on: the one that keys are about, else the newest.
    pub fn going_on(&self) -> Option<&Incident> {
        self.incident().filter(|incident| incident.is_open()).or_else(|| self.open().next_back())
    }

    /// From now on keys are about this one.
    pub fn go_to(&mut self, id: &IncidentId) {
        if self.current.as_ref() != Some(id) {
            self.current = Some(id.clone());
            self.view = View::default();
        }
    }

    /// Is a line or a text being written? Then keys stay about its incident.
    pub const fn is_written(&self) -> bool {
        self.view.prompt.is_some() || self.view.writing.is_some()
    }

    /// Chooses the incident that goes on: the one that was chosen as long as it is open, or looked at; else where it was
    /// merged into, or the newest open one. Not while a text for one is being written.
    pub fn settle(&mut self, looked_at: bool) {
        let chosen = self.incident();
        if self.is_written() || chosen.is_some_and(|incident| incident.is_open() || looked_at) {
            return;
        }
        let into = chosen.and_then(Incident::merged_into).and_then(|into| self.all.get(into));
        let next = into.filter(|into| into.is_open()).or_else(|| self.open().next_back());
        if let Some(next) = next.map(|next| next.id().clone()) {
            self.go_to(&next);
        } else if chosen.is_none() {
            self.current = None;
        }
    }

    /// The text that was begun for this and is not known to be on disk.
    pub fn draft(&self, of: &IncidentId, purpose: &Piece) -> Option<&str> {
        let draft = self.drafts.iter().find(|draft| draft.of == *of && draft.purpose == *purpose)?;
        Some(&draft.text)
    }

    /// Keeps a text; an empty one is forgotten.
    pub fn keep_draft(&mut self, of: &IncidentId, purpose: &Piece, text: &str) {
        self.drafts.retain(|draft| draft.of != *of || draft.purpose != *purpose);
        if !text.trim().is_empty() {
            self.drafts.push(Draft { of: of.clone(), purpose: purpose.clone(), text: text.to_owned() });
        }
    }

    /// What is on disk is no draft any more.
    pub fn drafts_are_written(&mut self, id: &IncidentId, entries: &[Entry]) {
        self.drafts.retain(|draft| draft.of != *id || !entries.iter().any(|entry| draft.is_in(&entry.deed)));
    }
}
