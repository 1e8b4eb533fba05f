//! The registry of commands and what each does. Help, footer, palette and the check of keymaps derive from it.

use std::sync::LazyLock;

use super::App;
use super::offers;
use crate::actions::exchange::DoorInput;
use crate::actions::outcome::Stage;
use crate::config::keymap::{CommandId, Scope};
use crate::config::theme::{BUILT_IN, Theme};
use crate::domain::log::LogLevel;
use crate::panes::PANES;
use crate::state::command::CommandInfo;
use crate::state::context::NamespaceScope;
use crate::state::effect::Effect;
use crate::state::filter::Filter;
use crate::state::input::Input;
use crate::state::pane::PaneId;
use crate::state::session::{Overlay, PickerKind};

/// Seconds within which a second key press quits.
const TWICE: i64 = 3;

const GLOBAL: &[CommandInfo] = &[
    CommandInfo::new("focus", "focus", Scope::Global, "Narrow all panes to what the selected row is about")
        .in_footer(1),
    CommandInfo::new("widen", "widen", Scope::Global, "Take the last narrowing back: filter, zoom, then focus")
        .in_footer(2),
    CommandInfo::new(
        "actions",
        "actions",
        Scope::Global,
        "What can be done with the selected row, or with all marked ones",
    )
    .mutating()
    .in_footer(4),
    CommandInfo::new(
        "undo",
        "undo",
        Scope::Global,
        "Plan to take the last action back; in the audit log, the chosen one",
    )
    .mutating()
    .in_footer(3),
    CommandInfo::new("mark", "mark", Scope::Global, "Mark the selected row: an action is then about all marked ones"),
    CommandInfo::new("details", "details", Scope::Global, "All there is to know about the selected row").in_footer(5),
    CommandInfo::new(
        "filter",
        "filter",
        Scope::Global,
        "Keep the rows of this pane that match; ! in front turns it round",
    )
    .in_footer(6),
    CommandInfo::new(
        "palette",
        "command",
        Scope::Global,
        "Find a command by its name, or go: ctx NAME, ns NAME, rollback deploy/NAME",
    )
    .in_footer(8),
    CommandInfo::new("zoom", "zoom", Scope::Global, "Show the active pane alone, or all again").in_footer(9),
    CommandInfo::new("help", "help", Scope::Global, "All keys and commands").in_footer(4),
    CommandInfo::new("back", "back", Scope::Global, "Close, widen, and at last leave").in_footer(30),
    CommandInfo::new("quit", "quit", Scope::Global, "Leave the console"),
    CommandInfo::new("next-pane", "next pane", Scope::Global, "Go to the next pane").in_footer(10),
    CommandInfo::new("previous-pane", "previous pane", Scope::Global, "Go to the pane before"),
    CommandInfo::new("pane-alerts", "alerts", Scope::Global, "Go to the alerts"),
    CommandInfo::new("pane-slo", "error budget", Scope::Global, "Go to the error budgets"),
    CommandInfo::new("pane-rollouts", "rollouts", Scope::Global, "Go to the rollouts"),
    CommandInfo::new("pane-pods", "pods", Scope::Global, "Go to the pods"),
    CommandInfo::new("pane-logs", "logs", Scope::Global, "Go to the logs").in_footer(10),
    CommandInfo::new("pane-nodes", "nodes", Scope::Global, "Go to the nodes, which take the place of the rollouts"),
    CommandInfo::new(
        "pane-flags",
        "flags",
        Scope::Global,
        "Go to the feature flags, which take the place of the rollouts",
    ),
    CommandInfo::new("cronjobs", "cronjobs", Scope::Global, "Show the CronJobs, which are hidden while all is well"),
    CommandInfo::new("jobs", "jobs", Scope::Global, "Show the Jobs, which are hidden while all is well"),
    CommandInfo::new("down", "down", Scope::Global, "Next row"),
    CommandInfo::new("up", "up", Scope::Global, "Row before"),
    CommandInfo::new("page-down", "page down", Scope::Global, "One screen down"),
    CommandInfo::new("page-up", "page up", Scope::Global, "One screen up"),
    CommandInfo::new("top", "top", Scope::Global, "First row"),
    CommandInfo::new("bottom", "bottom", Scope::Global, "Last row"),
    CommandInfo::new("left", "left", Scope::Global, "Move long log lines back"),
    CommandInfo::new("right", "right", Scope::Global, "Show more of long log lines"),
    CommandInfo::new("faults-only", "faults only", Scope::Global, "Hide what is well in this pane, or show it again")
        .in_footer(11),
    CommandInfo::new(
        "next-match",
        "next match",
        Scope::Global,
        "Next match of the filter, with what stands around it (logs)",
    ),
    CommandInfo::new(
        "previous-match",
        "previous match",
        Scope::Global,
        "Match before, with what stands around it (logs)",
    ),
    CommandInfo::new("context", "context", Scope::Global, "Look at another context").in_footer(12),
    CommandInfo::new("namespace", "namespace", Scope::Global, "Look at another namespace"),
    CommandInfo::new("all-namespaces", "all namespaces", Scope::Global, "Look at all namespaces"),
    CommandInfo::new("copy", "copy", Scope::Global, "Copy the selected row").in_footer(13),
    CommandInfo::new(
        "runbook",
        "runbook",
        Scope::Global,
        "Open the runbook of the selected alert, or come back to the one that is open",
    )
    .in_footer(5),
    CommandInfo::new("audit", "audit log", Scope::Global, "What was done before, by whom, and how it ended"),
    CommandInfo::new("refresh", "refresh", Scope::Global, "Ask all sources again now"),
    CommandInfo::new("theme", "theme", Scope::Global, "Next theme"),
];

const DIALOG: &[CommandInfo] = &[
    CommandInfo::new("confirm", "go ahead", Scope::Dialog, "Yes: do what the plan says").in_footer(1),
    CommandInfo::new("toggle-diff", "full diff", Scope::Dialog, "Show or hide the full diff of the plan").in_footer(3),
    CommandInfo::new(
        "reason",
        "reason",
        Scope::Dialog,
        "Say why, and which incident it belongs to; plans again with it",
    )
    .in_footer(5),
    CommandInfo::new(
        "break-glass",
        "break glass",
        Scope::Dialog,
        "Override the guardrail that refused it, with a reason",
    )
    .in_footer(6),
    CommandInfo::new(
        "go-on",
        "stop or go on",
        Scope::Dialog,
        "With several targets: stop at the first failure, or go on",
    )
    .in_footer(7),
    CommandInfo::new("revisions", "revisions", Scope::Dialog, "Choose another revision to go back to").in_footer(4),
    CommandInfo::new("re-plan", "plan again", Scope::Dialog, "After a conflict: plan again from fresh data")
        .in_footer(2),
    CommandInfo::new("cancel", "close", Scope::Dialog, "No: close, nothing is sent").in_footer(9),
];

const RUNBOOK: &[CommandInfo] = &[
    CommandInfo::new("step-run", "run", Scope::Runbook, "Begin; do the step; say yes to what it asks").in_footer(1),
    CommandInfo::new("step-skip", "skip", Scope::Runbook, "Pass over the step, and say why").in_footer(2),
    CommandInfo::new("step-back", "back", Scope::Runbook, "Go to the step before").in_footer(3),
    CommandInfo::new("step-goto", "go to", Scope::Runbook, "Go to a step, by its number").in_footer(4),
    CommandInfo::new("step-note", "note", Scope::Runbook, "Write a remark into the run's log").in_footer(5),
    CommandInfo::new("step-retry", "retry", Scope::Runbook, "Do a step again that failed").in_footer(6),
    CommandInfo::new("step-undo", "take back", Scope::Runbook, "Go to the step that takes a failed one back"),
    CommandInfo::new("step-done", "done", Scope::Runbook, "A step that was cut off, or is done by hand, was done"),
    CommandInfo::new("step-decline", "no", Scope::Runbook, "Say no to what a step asks, and why"),
    CommandInfo::new("step-abort", "give up", Scope::Runbook, "Give the run up, and say why").in_footer(7),
    CommandInfo::new("choice-1", "1st choice", Scope::Runbook, "Take the first of several choices"),
    CommandInfo::new("choice-2", "2nd choice", Scope::Runbook, "Take the second of several choices"),
    CommandInfo::new("choice-3", "3rd choice", Scope::Runbook, "Take the third of several choices"),
    CommandInfo::new("choice-4", "4th choice", Scope::Runbook, "Take the fourth of several choices"),
    CommandInfo::new("choice-5", "5th choice", Scope::Runbook, "Take the fifth of several choices"),
    CommandInfo::new("choice-6", "6th choice", Scope::Runbook, "Take the sixth of several choices"),
    CommandInfo::new("choice-7", "7th choice", Scope::Runbook, "Take the seventh of several choices"),
    CommandInfo::new("choice-8", "8th choice", Scope::Runbook, "Take the eighth of several choices"),
    CommandInfo::new("choice-9", "9th choice", Scope::Runbook, "Take the ninth of several choices"),
];

static ALL: LazyLock<Vec<CommandInfo>> = LazyLock::new(|| {
    offers::OFFERS
        .iter()
        .map(|offer| offer.command)
        .chain(GLOBAL.iter().chain(PANES.iter().flat_map(|pane| pane.commands)).chain(DIALOG).chain(RUNBOOK).copied())
        .collect()
});

/// Every command.
pub fn commands() -> &'static [CommandInfo] {
    &ALL
}

/// Ids of every command, for loading keymaps.
pub fn command_ids() -> Vec<CommandId> {
    commands().iter().map(|command| command.id).collect()
}

impl App {
    /// Why a command does nothing here and now; `None` when it works. Footer and palette leave out what does not.
    pub(super) fn why_not(&self, id: &str) -> Option<String> {
        let session = &self.session;
        let narrowed = || {
            let view = session.view(session.active);
            let marked = session.marks.count(session.active) > 0;
            marked || !view.filter.is_empty() || view.faults_only || session.zoom || session.focus.is_some()
        };
        let no_row = || (!self.has_row()).then(|| "nothing is selected here".to_owned());
        match id {
            "actions" => match &self.guard.read_only {
                Some(why) => Some(format!("read-only: {why}")),
                None if self.door_is_busy() || !self.rows_in_hand().is_empty() => None,
                None => Some("nothing is selected that something can be done with".into()),
            },
            "undo" => self.why_not_undo(),
            "mark" => (!Self::marks_in(session.active)).then(|| "pods, rollouts and nodes can be marked".to_owned()),
            "focus" | "details" | "copy" => no_row(),
            "widen" => (!narrowed()).then(|| "nothing is narrowed".to_owned()),
            "next-match" | "previous-match" if session.active == PaneId::Logs => {
                session.view(PaneId::Logs).filter.is_empty().then(|| "filter the logs first".to_owned())
            }
            "next-match" | "previous-match" => Some("this goes through matches in the logs".into()),
            "all-namespaces" if self.context.namespace == NamespaceScope::All => Some("all are shown".into()),
            id => offers::find(id).and_then(|offer| self.why_not_act(offer)),
        }
    }

    /// Runs a command where no dialog is open.
    pub(super) fn run(&mut self, id: &str) -> Vec<Effect> {
        if let Some(why) = self.why_not(id) {
            // Escape with nothing to take back is no news.
            if id != "widen" {
                self.notice(why);
            }
            return Vec::new();
        }
        if let Some(pane) = pane_of(id) {
            self.session.go(pane);
            return Vec::new();
        }
        match id {
            "quit" => return self.quit(false),
            "back" => return self.back(),
            "focus" => return self.focus_selected(),
            "widen" => return self.widen(),
            "actions" => return self.open_menu(),
            "undo" => return self.undo_last(),
            "mark" => self.mark(),
            "down" => self.step(1),
            "up" => self.step(-1),
            "page-down" => self.step(self.page()),
            "page-up" => self.step(-self.page()),
            "top" => self.step(i64::MIN / 2),
            "bottom" => self.step(i64::MAX / 2),
            "left" | "right" => {
                let view = self.session.view_mut(PaneId::Logs);
                view.shift = if id == "left" { view.shift.saturating_sub(16) } else { (view.shift + 16).min(4_000) };
            }
            "next-pane" => self.session.go_round(1),
            "previous-pane" => self.session.go_round(-1),
            "zoom" => self.session.zoom = !self.session.zoom,
            "help" => self.session.overlays.push(Overlay::Help { scroll: 0 }),
            "details" => return self.open_details(),
            "filter" => {
                let before = self.session.view(self.session.active).filter.clone();
                self.session.overlays.push(Overlay::Filter { input: Input::with(&before), before });
            }
            "palette" => return self.open_picker(PickerKind::Palette),
            "context" => return self.open_picker(PickerKind::Context),
            "namespace" => return self.open_picker(PickerKind::Namespace),
            "all-namespaces" => return self.switch_namespace(NamespaceScope::All),
            "faults-only" => {
                let pane = self.session.active;
                let view = self.session.view_mut(pane);
                view.faults_only = !view.faults_only;
                self.look(pane);
            }
            "cronjobs" | "jobs" => {
                let kind = if id == "jobs" { "/job/" } else { "/cj/" };
                self.session.go(PaneId::Rollouts);
                kind.clone_into(&mut self.session.view_mut(PaneId::Rollouts).filter);
                self.look(PaneId::Rollouts);
            }
            "follow" => {
                let logs = &self.world.logs;
                self.session.cursors.logs = if self.session.follows() { logs.step(None, -1) } else { None };
            }
            "wrap" => self.session.wrap = !self.session.wrap,
            "next-error" | "previous-error" => {
                self.jump(id == "next-error", |entry| entry.line.level <= LogLevel::Error);
            }
            "next-match" | "previous-match" => self.next_match(id == "next-match"),
            "copy" => return self.copy(),
            "refresh" => {
                self.notice("asking all sources again");
                return vec![Effect::Refresh];
            }
            "runbook" => return self.open_runbook(),
            "audit" => return self.open_audit(),
            "theme" => self.next_theme(),
            id => return self.act(id),
        }
        Vec::new()
    }

    fn next_match(&mut self, forward: bool) {
        let text = self.session.view(PaneId::Logs).filter.clone();
        let Some(filter) = Filter::parse(&text) else { return };
        // From here on matches are highlighted among all lines, so that what led to them can be read.
        self.session.view_mut(PaneId::Logs).around = true;
        self.look(PaneId::Logs);
        self.jump(forward, |entry| filter.accepts(&entry.line.text));
    }

    fn jump(&mut self, forward: bool, wanted: impl Fn(&crate::state::logs::LogEntry) -> bool) {
        self.session.active = PaneId::Logs;
        match self.world.logs.find(self.session.cursors.logs, forward, wanted) {
            Some(place) => self.session.cursors.logs = Some(place),
            None if forward => self.notice("none further down"),
            None => self.notice("none further up"),
        }
    }

    fn next_theme(&mut self) {
        let at = BUILT_IN.iter().position(|(name, _)| *name == self.theme.name()).map_or(0, |at| at + 1);
        let (name, _) = BUILT_IN[at % BUILT_IN.len()];
        match Theme::built_in(name, self.theme.depth()) {
            Ok(theme) => {
                self.theme = theme;
                self.notice(format!("theme {name}"));
            }
            Err(error) => self.notice(error.to_string()),
        }
    }

    fn back(&mut self) -> Vec<Effect> {
        if self.why_not("widen").is_none() {
            return self.widen();
        }
        self.quit(true)
    }

    /// Leaves; `ask` wants the key twice. A verification under way is stopped first, so that its end is recorded.
    pub(super) fn quit(&mut self, ask: bool) -> Vec<Effect> {
        let again = self.quitting.is_some_and(|at| (self.now - at).num_seconds() <= TWICE);
        let stage = self.door.as_ref().map(|door| door.view().stage);
        let verifying = stage == Some(Stage::Verifying);
        if (ask || verifying) && !again {
            self.quitting = Some(self.now);
            self.notice(if verifying {
                "an action is being verified; once more leaves it unverified and quits"
            } else {
                "once more quits"
            });
            return Vec::new();
        }
        let mut effects = if verifying { self.door_input(DoorInput::StopVerifying) } else { Vec::new() };
        effects.push(Effect::Quit);
        effects
    }
}

fn pane_of(id: &str) -> Option<PaneId> {
    let name = id.strip_prefix("pane-")?;
    PANES.iter().find(|pane| pane.scope.name() == name).map(|pane| pane.id)
}
