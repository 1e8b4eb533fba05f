//! What each command does where no dialog is open, and why one does nothing here and now.

use super::App;
use super::offers;
use crate::actions::exchange::DoorInput;
use crate::actions::outcome::Stage;
use crate::config::theme::{BUILT_IN, Theme};
use crate::domain::log::LogLevel;
use crate::panes::PANES;
use crate::state::context::NamespaceScope;
use crate::state::effect::Effect;
use crate::state::filter::Filter;
use crate::state::input::Input;
use crate::state::pane::PaneId;
use crate::state::session::{Overlay, PickerKind};

/// Seconds within which a second key press quits.
const TWICE: i64 = 3;

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
            "incident" => return self.open_incident(),
            "note" => return self.note_incident(),
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
