//! What the person in front of the console is doing: where they stand, what they look at, what is open over it.

use std::collections::BTreeMap;

use super::audit::AuditView;
use super::context::ContextEntry;
use super::form::Form;
use super::incident::room::Room;
use super::input::Input;
use super::logs::LogPlace;
use super::marks::Marks;
use super::menu::Menu;
use super::nodes::NodeState;
use super::pane::PaneId;
use super::rows::{AlertRow, RolloutRow, SloRow};
use super::runbook::Desk;
use super::table::Cursor;
use crate::config::keymap::Key;
use crate::domain::flag::{FlagDetail, FlagRef, FlagRow};
use crate::domain::pod::PodRow;
use crate::domain::target::Focus;
use crate::domain::time::Instant;

/// Where a person stands in each pane. `None` is the first row (in logs: the newest line, following).
#[derive(Debug, Default)]
pub struct Cursors {
    /// In alerts.
    pub alerts: Option<Cursor<AlertRow>>,
    /// In error budgets.
    pub slos: Option<Cursor<SloRow>>,
    /// In rollouts.
    pub rollouts: Option<Cursor<RolloutRow>>,
    /// In pods.
    pub pods: Option<Cursor<PodRow>>,
    /// In logs.
    pub logs: Option<LogPlace>,
    /// In nodes.
    pub nodes: Option<Cursor<NodeState>>,
    /// In flags.
    pub flags: Option<Cursor<FlagRow>>,
}

/// How one pane is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaneView {
    /// Lines of rows over the cursor.
    pub above: usize,
    /// The filter's text, empty for none.
    pub filter: String,
    /// Only what is wrong.
    pub faults_only: bool,
    /// Columns that lines are moved to the left (logs).
    pub shift: u16,
    /// The filter highlights instead of narrowing (after `n` in logs, to see what stands around a match).
    pub around: bool,
}

/// What all panes narrow to, and through what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focused {
    /// The focus.
    pub focus: Focus,
    /// The alert that led to it.
    pub via: Option<String>,
}

/// Something open over the panes. Keys go to the last one.
#[derive(Debug)]
pub enum Overlay {
    /// The filter line of the active pane; the text before, to go back to.
    Filter {
        /// What is typed.
        input: Input,
        /// What it was before.
        before: String,
    },
    /// All keys and commands.
    Help {
        /// First line shown.
        scroll: usize,
    },
    /// A list to choose from by typing.
    Picker(Picker),
    /// All there is to know about one row.
    Details {
        /// About what.
        subject: Subject,
        /// First line shown.
        scroll: usize,
    },
    /// What was done before, over the whole body.
    Audit(Box<AuditView>),
    /// What can be done with what is in hand.
    Menu(Menu),
    /// What an action still has to be told.
    Form(Box<Form>),
    /// The runbook on the desk. Its state is [`Session::desk`].
    Desk,
    /// The incident that is open. Its state is [`Session::incidents`].
    Incident,
    /// What a declare will send, before it does. Its state is [`Session::incidents`], too.
    Declare,
    /// The plan of an action, its progress, its proof. The state is the door's own.
    Door(DoorBox),
}

/// How the door's box is looked at.
#[derive(Debug, Default)]
pub struct DoorBox {
    /// First line of the plan or diff shown.
    pub scroll: usize,
    /// The confirmation field.
    pub input: Input,
    /// The chooser of revisions is open, at this one.
    pub chooser: Option<usize>,
}

/// What details are about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// An alert row.
    Alert(super::rows::AlertKey),
    /// An objective.
    Slo(crate::domain::Text),
    /// A workload.
    Workload(crate::domain::target::WorkloadRef),
    /// A pod.
    Pod(crate::domain::target::PodRef),
    /// A log line with its frames.
    Log(LogPlace),
    /// A node.
    Node(crate::domain::Text),
    /// A feature flag.
    Flag(FlagRef),
}

/// A list to choose from.
#[derive(Debug)]
pub struct Picker {
    /// What is chosen.
    pub kind: PickerKind,
    /// What is typed.
    pub input: Input,
    /// What there is.
    pub items: Vec<PickItem>,
    /// Which of them match, best first, with the places that matched.
    pub matches: Vec<(usize, Vec<u32>)>,
    /// Chosen one among the matches.
    pub selected: usize,
    /// Still being read.
    pub loading: bool,
}

/// What a picker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickerKind {
    /// Commands.
    Palette,
    /// Contexts.
    Context,
    /// Namespaces.
    Namespace,
    /// Runbooks for what is selected, and runs to take up again.
    Runbook,
    /// The status of the incident.
    Status,
    /// The severity of the incident.
    Severity,
    /// A role in the incident.
    Role,
    /// Another incident, or a new one.
    Incident,
    /// The incident that this one is the same as.
    Merge,
    /// A status page to publish on.
    StatusPage,
    /// A page to escalate.
    Page,
    /// A page through which people are asked to join.
    JoinPage,
    /// A page to acknowledge, or to leave a note on.
    NotePage,
    /// Something to leave unsent.
    Unsent,
}

impl PickerKind {
    /// Is it about an incident? Then only what the list holds can be taken.
    pub const fn is_of_incident(self) -> bool {
        !matches!(self, Self::Palette | Self::Context | Self::Namespace | Self::Runbook)
    }

    /// Does it hold pages of the paging services?
    pub const fn holds_pages(self) -> bool {
        matches!(self, Self::Page | Self::JoinPage | Self::NotePage)
    }
}

/// One line of a picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickItem {
    /// What is matched and done.
    pub value: String,
    /// What it says beside it.
    pub note: String,
    /// Its key, when it has one.
    pub key: Option<String>,
    /// A production context.
    pub production: bool,
}

/// The session.
#[derive(Debug)]
pub struct Session {
    /// Pane that keys go to.
    pub active: PaneId,
    /// Of the panes that share a place the one on screen.
    pub shared: PaneId,
    /// The active pane alone.
    pub zoom: bool,
    /// Focus.
    pub focus: Option<Focused>,
    /// Cursors.
    pub cursors: Cursors,
    /// Views.
    pub views: BTreeMap<PaneId, PaneView>,
    /// Marked rows.
    pub marks: Marks,
    /// Long log lines are wrapped.
    pub wrap: bool,
    /// What is open, the last on top.
    pub overlays: Vec<Overlay>,
    /// Keys of a sequence that is not complete.
    pub pending: Vec<Key>,
    /// A remark, and when it was made.
    pub notice: Option<(String, Instant)>,
    /// Contexts, once listed.
    pub contexts: Vec<ContextEntry>,
    /// The runbook that is open, and its run.
    pub desk: Desk,
    /// Incidents.
    pub incidents: Room,
    /// What was read last of one flag, or why not: its details show it.
    pub flag: Option<(FlagRef, Result<FlagDetail, String>)>,
}

impl Default for Session {
    fn default() -> Self {
        let mut session = Self {
            active: PaneId::Alerts,
            shared: PaneId::Rollouts,
            zoom: false,
            focus: None,
            cursors: Cursors::default(),
            views: PaneId::ALL.into_iter().map(|pane| (pane, PaneView::default())).collect(),
            marks: Marks::default(),
            wrap: false,
            overlays: Vec::new(),
            pending: Vec::new(),
            notice: None,
            contexts: Vec::new(),
            desk: Desk::default(),
            incidents: Room::default(),
            flag: None,
        };
        session.reset_log_lens();
        session
    }
}

impl Session {
    /// Shows only what went wrong in the logs of many pods, and everything in those of one workload: the first glance
    /// must find the error, the second look needs what was said around it.
    pub fn reset_log_lens(&mut self) {
        let narrow = self.focus.is_none();
        self.view_mut(PaneId::Logs).faults_only = narrow;
    }

    /// Goes to a pane, and brings it to the front where it shares its place.
    pub fn go(&mut self, pane: PaneId) {
        self.active = pane;
        if pane.shares() {
            self.shared = pane;
        }
    }

    /// Goes to the pane after (`1`) or before (`-1`) this one among those on screen.
    pub fn go_round(&mut self, steps: isize) {
        self.active = self.active.neighbour(steps);
        while self.active.shares() && self.active != self.shared {
            self.active = self.active.neighbour(steps);
        }
    }

    /// How a pane is looked at.
    pub fn view(&self, pane: PaneId) -> &PaneView {
        // Every pane has a view from the start; the fallback keeps this free of panics.
        static PLAIN: PaneView =
            PaneView { above: 0, filter: String::new(), faults_only: false, shift: 0, around: false };
        self.views.get(&pane).unwrap_or(&PLAIN)
    }

    /// The same, to change.
    pub fn view_mut(&mut self, pane: PaneId) -> &mut PaneView {
        self.views.entry(pane).or_default()
    }

    /// Follows the newest log line?
    pub const fn follows(&self) -> bool {
        self.cursors.logs.is_none()
    }

    /// The door's box, if it is open.
    pub fn door_box(&mut self) -> Option<&mut DoorBox> {
        self.overlays.iter_mut().find_map(|overlay| match overlay {
            Overlay::Door(door) => Some(door),
            _ => None,
        })
    }
}
