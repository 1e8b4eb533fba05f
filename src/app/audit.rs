//! The audit view's keys. Reading the log is an effect; no key waits for a disk.

use super::App;
use crate::actions::{Origin, undo};
use crate::domain::audit::Entry;
use crate::ports::journal::{JournalError, Reading};
use crate::state::audit::{AuditView, MOST};
use crate::state::effect::Effect;
use crate::state::input::Input;
use crate::state::session::Overlay;

/// Rows of a page.
const PAGE: isize = 10;

impl App {
    pub(super) fn open_audit(&mut self) -> Vec<Effect> {
        self.session.overlays.push(Overlay::Audit(Box::new(AuditView::opened())));
        vec![Effect::ReadAudit { most: MOST }]
    }

    /// What a crash left open was looked up: the first of it, and where the rest is.
    pub(super) fn settled_after_a_crash(&mut self, told: &[String]) {
        let Some(first) = told.first() else { return };
        let key = self.hint("audit").unwrap_or_else(|| ":audit".into());
        let count = if told.len() > 1 { format!("{} actions", told.len()) } else { "an action".into() };
        self.notice(format!("{key} shows {count} that a crash cut off: {first}"));
    }

    /// The view, wherever it lies in the pile.
    fn audit_view(&mut self) -> Option<&mut AuditView> {
        self.session.overlays.iter_mut().find_map(|overlay| match overlay {
            Overlay::Audit(view) => Some(&mut **view),
            _ => None,
        })
    }

    /// The log was read. The view may be closed by now; then nobody wants it.
    pub(super) fn audit_read(&mut self, reading: Result<Reading, JournalError>) {
        let now = self.now;
        if let Some(view) = self.audit_view() {
            view.read(reading, now);
            self.dirty = true;
        }
    }

    /// Plans to take the chosen action back.
    fn undo_chosen(&mut self) -> Vec<Effect> {
        if let Some(why) = &self.guard.read_only {
            let why = format!("read-only: {why}");
            self.notice(why);
            return Vec::new();
        }
        let context = self.context.name.clone();
        let Some(view) = self.audit_view() else { return Vec::new() };
        let (Some(Ok(log)), Some(entry)) = (&view.log, view.chosen()) else { return Vec::new() };
        let request = if entry.context == context {
            undo::of_log(&log.entries, &entry.id, Origin::Key)
        } else {
            Err(format!("it was done in context {}: go there first", entry.context))
        };
        match request {
            Ok(request) => self.ask_door(request),
            Err(why) => {
                self.notice(why);
                Vec::new()
            }
        }
    }

    pub(super) fn audit_command(&mut self, id: &str) -> Vec<Effect> {
        let Some(view) = self.audit_view() else { return Vec::new() };
        if let Some(before) = &view.typing {
            match id {
                "confirm" => view.typing = None,
                "cancel" => {
                    view.filter = Input::with(before);
                    view.typing = None;
                    view.narrowed();
                }
                _ => {}
            }
            return Vec::new();
        }
        match (id, &mut view.open) {
            ("re-plan" | "refresh", _) => {
                view.reading = true;
                return vec![Effect::ReadAudit { most: MOST }];
            }
            ("copy", _) => {
                let lines =
                    |entry: &Entry| entry.records.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                let records = view.chosen().map(lines);
                if let Some(text) = records {
                    self.notice("copied the records of this action");
                    return vec![Effect::Copy(text)];
                }
            }
            ("undo", _) => return self.undo_chosen(),
            ("help", _) => self.session.overlays.push(Overlay::Help { scroll: 0 }),
            ("down", Some(scroll)) => *scroll += 1,
            ("up", Some(scroll)) => *scroll = scroll.saturating_sub(1),
            ("page-down", Some(scroll)) => *scroll += PAGE.unsigned_abs(),
            ("page-up", Some(scroll)) => *scroll = scroll.saturating_sub(PAGE.unsigned_abs()),
            ("top", Some(scroll)) => *scroll = 0,
            ("bottom", Some(scroll)) => *scroll = usize::MAX / 2,
            ("cancel" | "back" | "widen" | "toggle-diff" | "details" | "focus", open @ Some(_)) => *open = None,
            ("down", None) => view.step(1),
            ("up", None) => view.step(-1),
            ("page-down", None) => view.step(PAGE),
            ("page-up", None) => view.step(-PAGE),
            ("top", None) => view.step(isize::MIN),
            ("bottom", None) => view.step(isize::MAX),
            ("focus" | "toggle-diff" | "details", None) => view.open = view.chosen().map(|_| 0),
            ("filter", None) => view.typing = Some(view.filter.text().to_owned()),
            // What was narrowed is widened first, as everywhere.
            ("cancel" | "back" | "widen", None) if !view.filter.text().is_empty() => {
                view.filter = Input::default();
                view.narrowed();
            }
            ("cancel" | "back" | "widen" | "audit", _) => {
                self.session.overlays.pop();
            }
            _ => {}
        }
        self.clamp_scroll();
        Vec::new()
    }
}
