//! The audit view's keys. Reading the log is an effect; no key waits for a disk.

use super::App;
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
