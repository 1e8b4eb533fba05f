//! The keys that the footer offers: those that do something here and now.

use super::{App, commands};
use crate::config::keymap::Scope;
use crate::runbook::run::Phase;
use crate::runbook::run::work::Question;
use crate::state::session::Overlay;
use crate::ui::footer::Hint;

impl App {
    /// The keys that do something here and now.
    pub(super) fn hints(&self) -> Vec<Hint> {
        let scopes = self.scopes();
        let mut offered: Vec<_> = commands()
            .iter()
            .filter(|command| {
                command.footer > 0
                    && scopes.contains(&command.scope)
                    && self.why_not(command.id).is_none()
                    && self.is_apt(command.id)
            })
            .collect();
        if let Some(Overlay::Picker(_)) = self.session.overlays.last() {
            return self.named_hints(&[("confirm", "take it"), ("cancel", "close")], &scopes);
        }
        if let Some(Overlay::Audit(view)) = self.session.overlays.last() {
            let hints = match view.open {
                Some(_) => {
                    [("cancel", "back to the list"), ("undo", "undo"), ("copy", "copy"), ("help", "help")].as_slice()
                }
                None => &[
                    ("focus", "whole"),
                    ("filter", "filter"),
                    ("undo", "undo"),
                    ("re-plan", "read again"),
                    ("copy", "copy"),
                    ("cancel", "close"),
                ],
            };
            return self.named_hints(hints, &scopes);
        }
        if let Some(Overlay::Desk) = self.session.overlays.last() {
            return self.desk_hints(&scopes);
        }
        if let Some(Overlay::Incident) = self.session.overlays.last() {
            return self.incident_hints(&scopes);
        }
        if let Some(Overlay::Door(_) | Overlay::Form(_) | Overlay::Menu(_) | Overlay::Declare) =
            self.session.overlays.last()
        {
            // The box says itself what it asks.
            offered.clear();
        }
        if matches!(self.session.overlays.last(), Some(Overlay::Help { .. } | Overlay::Details { .. })) {
            offered.retain(|command| {
                matches!(command.id, "cancel" | "rollback" | "abort" | "drain" | "silence" | "actions")
            });
        }
        // What belongs to the pane stands right after the first few.
        offered.sort_by_key(|command| command.footer);
        offered
            .into_iter()
            .filter_map(|command| {
                Some(Hint { key: self.key_in(command.id, &scopes)?, label: command.label.to_owned() })
            })
            .collect()
    }

    /// The keys that do something on the desk.
    /// Commands with what they mean here, as far as they have a key.
    fn named_hints(&self, wanted: &[(&str, &str)], scopes: &[Scope]) -> Vec<Hint> {
        let hint =
            |(id, label): &(&str, &str)| Some(Hint { key: self.key_in(id, scopes)?, label: (*label).to_owned() });
        wanted.iter().filter_map(hint).collect()
    }

    /// The keys that do something on the desk.
    fn desk_hints(&self, scopes: &[Scope]) -> Vec<Hint> {
        let desk = &self.session.desk;
        if desk.view.prompt.is_some() {
            return self.named_hints(&[("confirm", "take it"), ("cancel", "close")], scopes);
        }
        let Some(run) = desk.run() else {
            return self.named_hints(&[("step-run", "begin"), ("cancel", "close"), ("help", "help")], scopes);
        };
        let first = match run.phase() {
            Phase::Ended(_) => return self.named_hints(&[("step-run", "close"), ("help", "help")], scopes),
            Phase::Ready if run.step().is_some_and(|step| step.kind.writes()) => Some(("step-run", "plan it")),
            Phase::Ready => Some(("step-run", "run")),
            Phase::Asking(Question::Choice { .. }) => Some(("choice-1", "choose")),
            Phase::Asking(Question::Input { .. }) => Some(("step-run", "answer")),
            Phase::Asking(_) => Some(("step-run", "yes")),
            Phase::Halted { .. } => Some(("step-retry", "retry")),
            Phase::Unknown { .. } => Some(("step-done", "it was done")),
            Phase::Running { .. } => None,
        };
        let second = match run.phase() {
            Phase::Asking(
                Question::Manual(_) | Question::Approve(_) | Question::Incident(..) | Question::Confirm(_),
            ) => Some(("step-decline", "no")),
            Phase::Halted { rollback: Some(_), .. } => Some(("step-undo", "take back")),
            Phase::Unknown { .. } => Some(("step-retry", "again")),
            _ => None,
        };
        let rest = [
            ("step-skip", "skip"),
            ("step-back", "back"),
            ("step-goto", "go to"),
            ("step-note", "note"),
            ("step-abort", "give up"),
            ("cancel", "hide"),
            ("help", "help"),
        ];
        let wanted: Vec<_> = first.into_iter().chain(second).chain(rest).collect();
        self.named_hints(&wanted, scopes)
    }

    /// The keys that do something in the incident now. What could not be sent comes first: it waits for somebody.
    fn incident_hints(&self, scopes: &[Scope]) -> Vec<Hint> {
        let room = &self.session.incidents;
        let stuck = !self.waiting_for_somebody().is_empty();
        if room.view.writing.is_some() {
            // The box says itself what it asks.
            return Vec::new();
        }
        if room.view.prompt.is_some() {
            return self.named_hints(&[("confirm", "take it"), ("cancel", "close")], scopes);
        }
        if room.view.channel.is_some() {
            return self.named_hints(&[("cancel", "close")], scopes);
        }
        let drop = ("incident-drop", "leave unsent");
        let mut wanted = Vec::new();
        if stuck {
            wanted.extend([("incident-retry", "send again"), drop]);
        }
        if self.waits_elsewhere() {
            wanted.push(("incident-take-over", "take over"));
        }
        wanted.extend([
            ("incident-note", "note"),
            ("incident-update", "update"),
            ("incident-status", "status"),
            ("incident-channel", "channel"),
            ("incident-severity", "severity"),
            ("incident-role", "roles"),
            ("cancel", "back"),
            ("help", "help"),
            ("right", "more at the right"),
            ("incident-post-mortem", "post-mortem"),
            ("incident-hand-over", "hand over"),
            ("incident-task", "task"),
            ("incident-publish", "status page"),
            ("incident-escalate", "escalate"),
            ("incident-page", "page"),
            ("incident-join", "ask to join"),
            ("incident-other", "other incident"),
        ]);
        if !stuck && !self.unsent().is_empty() {
            wanted.push(drop);
        }
        // What would be refused is not offered; what does not alter it is never refused.
        wanted.retain(|(id, _)| {
            let looks = ["incident-channel", "incident-post-mortem", "incident-other"].contains(id);
            looks || !id.starts_with("incident-") || self.why_not_change(id).is_none()
        });
        self.named_hints(&wanted, scopes)
    }
}
