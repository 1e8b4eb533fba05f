//! From a wish to the door, and from the door to effects. The door itself decides; this only carries.

use super::App;
use super::ask::why_form;
use crate::actions::door::Door;
use crate::actions::exchange::{DoorEffect, DoorInput};
use crate::actions::guardrail::ConfirmLevel;
use crate::actions::outcome::{End, Stage};
use crate::actions::plan::Plan;
use crate::actions::{ActionRequest, OnFailure, present};
use crate::state::effect::Effect;
use crate::state::form::{Field, Form, Purpose, Topic};
use crate::state::incident::IncidentEffect;
use crate::state::session::{DoorBox, Overlay};

impl App {
    /// Is an action under way?
    pub(super) fn door_is_busy(&self) -> bool {
        self.door.as_ref().is_some_and(|door| door.view().stage != Stage::Ended)
    }

    /// Is the workload's name being typed?
    pub(super) fn types_name(&self) -> bool {
        let Some(door) = &self.door else { return false };
        let view = door.view();
        view.stage == Stage::Review
            && !view.request.dry_run
            && view.plan.map(Plan::needed_confirmation) == Some(ConfirmLevel::Name)
    }

    /// Opens the door for a request. Nothing is under way.
    pub(super) fn open_door(&mut self, request: ActionRequest) -> Vec<Effect> {
        let (door, effects) = Door::request(request, &self.guard, self.now);
        self.door = Some(door);
        self.show_door();
        carried(effects)
    }

    /// Asks again for what stands at the door, altered: nothing of it was sent yet.
    fn ask_again(&mut self, alter: impl FnOnce(&mut ActionRequest)) -> Vec<Effect> {
        let Some(mut request) = self.door_request() else { return Vec::new() };
        alter(&mut request);
        self.open_door(request)
    }

    /// The request at the door, as long as it may be asked again: before anything is sent, or refused.
    fn door_request(&mut self) -> Option<ActionRequest> {
        let view = self.door.as_ref()?.view();
        let refused = view.outcome.is_some_and(|outcome| outcome.end == End::Refused);
        if !(view.stage.can_cancel() || (view.stage == Stage::Ended && refused)) {
            return None;
        }
        if view.guard.context != self.guard.context {
            self.notice("this was asked for in another context");
            return None;
        }
        Some(view.request.clone())
    }

    /// Asks why, or why the guardrails are overridden, about what stands at the door.
    fn ask_why(&mut self, break_glass: bool) {
        let Some(request) = self.door_request() else { return };
        let (reason, incident) = self.guard.wants(&request);
        let form = if break_glass {
            let title = "Break glass: override the guardrails".to_owned();
            let why = Field::new(Topic::BreakGlass, "why they are overridden; recorded as such", true);
            Form::new(title, vec![why], Purpose::Request(Box::new(request)))
        } else {
            why_form(request, reason, incident)
        };
        self.session.overlays.push(Overlay::Form(Box::new(form)));
    }

    pub(super) fn show_door(&mut self) {
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Door(_)));
        self.session.overlays.push(Overlay::Door(DoorBox::default()));
    }

    /// Hands an input to the door; an action that ends out of sight comes back into it.
    pub(super) fn door_input(&mut self, input: DoorInput) -> Vec<Effect> {
        let Some(door) = &mut self.door else { return Vec::new() };
        let before = door.view().stage;
        let effects = door.handle(input, self.now);
        let view = door.view();
        let after = view.stage;
        // It is shown when its outcome is known; who closed the box on that outcome does not get it a second time, unless
        // the record of it failed.
        let told = before == Stage::RecordingOutcome && view.outcome.is_none_or(|end| end.unrecorded.is_none());
        let news = after == Stage::RecordingOutcome || (after == Stage::Ended && !told);
        // Intent and outcome are on disk: the timeline of an open incident takes them from there.
        let recorded = before != after && matches!(after, Stage::Executing | Stage::Ended);
        if before != after {
            self.dirty = true;
            self.remember();
            if let Some(opened) = self.session.door_box() {
                // Another stage, another text: it is read from its beginning, and nothing typed is carried over.
                *opened = DoorBox::default();
            } else if news {
                self.show_door();
            }
        }
        let mut effects = carried(effects);
        if recorded && self.session.incidents.open().next().is_some() {
            effects.push(Effect::Incident(IncidentEffect::TakeInActions));
        }
        effects
    }

    /// A command while the door's box has the keys.
    pub(super) fn door_command(&mut self, id: &str) -> Vec<Effect> {
        let Some(door) = &self.door else {
            self.close_door();
            return Vec::new();
        };
        let view = door.view();
        let stage = view.stage;
        let conflict = view.outcome.is_some_and(|outcome| outcome.end == End::Conflict || outcome.offer.is_some());
        let known = view.plan.and_then(|plan| plan.revisions.as_ref());
        let revisions: Vec<(u64, bool)> =
            known.map(|known| known.all.iter().map(|r| (r.revision, r.current)).collect()).unwrap_or_default();
        let planned = known.and_then(|known| known.all.iter().position(|r| r.revision == known.to.revision));
        let word = view.request.action.word();
        let (overridable, undoable, several) = (view.overridable, view.can_undo(), view.request.len() > 1);
        let text = view.plan.map(|plan| present::plan(plan, self.now, true).join("\n"));
        let Some(opened) = self.session.door_box() else { return Vec::new() };
        if let Some(at) = &mut opened.chooser {
            match id {
                "down" => *at = (*at + 1).min(revisions.len().saturating_sub(1)),
                "up" => *at = at.saturating_sub(1),
                "top" => *at = 0,
                "bottom" => *at = revisions.len().saturating_sub(1),
                "cancel" | "revisions" => opened.chooser = None,
                "confirm" => {
                    let chosen = revisions.get(*at).copied();
                    opened.chooser = None;
                    return match chosen {
                        Some((_, true)) => {
                            self.notice("that revision runs already");
                            Vec::new()
                        }
                        Some((revision, false)) => self.door_input(DoorInput::SelectRevision(revision)),
                        None => Vec::new(),
                    };
                }
                _ => {}
            }
            return Vec::new();
        }
        match id {
            "confirm" if stage == Stage::Ended => self.close_door(),
            "confirm" => return self.door_input(DoorInput::Confirm),
            "cancel" if stage.can_cancel() => {
                let effects = self.door_input(DoorInput::Cancel);
                self.close_door();
                self.notice("cancelled; nothing was sent");
                return effects;
            }
            "cancel" if stage == Stage::Ended => self.close_door(),
            // The outcome is on screen: nothing is left to hide from.
            "cancel" if stage == Stage::RecordingOutcome => {
                self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Door(_)));
            }
            "cancel" => {
                self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Door(_)));
                let key = self.hint("actions").unwrap_or_else(|| ":actions".into());
                self.notice(format!("the {word} goes on; {key} shows it"));
            }
            "toggle-diff" => {
                opened.scroll = 0;
                return self.door_input(DoorInput::ToggleDiff);
            }
            "reason" => self.ask_why(false),
            "break-glass" if overridable => self.ask_why(true),
            "go-on" if several => {
                return self.ask_again(|request| {
                    request.on_failure = match request.on_failure {
                        OnFailure::Stop => OnFailure::GoOn,
                        OnFailure::GoOn => OnFailure::Stop,
                    };
                });
            }
            "undo" if undoable => return self.undo_last(),
            "revisions" if stage == Stage::Review && revisions.len() > 1 => opened.chooser = Some(planned.unwrap_or(0)),
            "re-plan" if conflict => return self.door_input(DoorInput::Replan),
            "down" => opened.scroll += 1,
            "up" => opened.scroll = opened.scroll.saturating_sub(1),
            "page-down" => opened.scroll += 10,
            "page-up" => opened.scroll = opened.scroll.saturating_sub(10),
            "top" => opened.scroll = 0,
            "bottom" => opened.scroll = usize::MAX / 2,
            "help" => self.session.overlays.push(Overlay::Help { scroll: 0 }),
            "copy" => {
                if let Some(text) = text {
                    self.notice("copied the plan");
                    return vec![Effect::Copy(text)];
                }
            }
            _ => {}
        }
        self.clamp_scroll();
        Vec::new()
    }

    fn close_door(&mut self) {
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Door(_)));
        if !self.door_is_busy() {
            let undoable = self.door.take().is_some_and(|door| door.view().can_undo());
            if let (true, Some(last), Some(key)) = (undoable, &self.last, self.hint("undo")) {
                let remark = format!("{key} undoes this: {}", last.what);
                self.notice(remark);
            }
        }
    }
}

fn carried(effects: Vec<DoorEffect>) -> Vec<Effect> {
    effects.into_iter().map(Effect::Door).collect()
}
