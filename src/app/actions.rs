//! From a wish to the door, and from the door to effects. The door itself decides; this only carries.

use super::App;
use crate::actions::door::Door;
use crate::actions::exchange::{DoorEffect, DoorInput};
use crate::actions::guardrail::ConfirmLevel;
use crate::actions::outcome::{End, Stage};
use crate::actions::plan::Plan;
use crate::actions::{ActionRequest, Origin, present};
use crate::domain::target::WorkloadRef;
use crate::state::effect::Effect;
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

    /// Opens the door for a rollback, of what is selected when no target is named.
    pub(super) fn request_rollback(&mut self, target: Option<WorkloadRef>, to: Option<u64>) -> Vec<Effect> {
        if self.door_is_busy() {
            // One action at a time: show the one that is under way.
            self.show_door();
            return Vec::new();
        }
        let origin = if target.is_some() { Origin::Command } else { Origin::Key };
        let Some(target) = target.or_else(|| self.action_target()) else {
            self.notice("select a workload first");
            return Vec::new();
        };
        let (door, effects) = Door::request(ActionRequest::rollback(target, to, origin), &self.guard, self.now);
        self.door = Some(door);
        self.show_door();
        carried(effects)
    }

    fn show_door(&mut self) {
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Door(_)));
        self.session.overlays.push(Overlay::Door(DoorBox::default()));
    }

    /// Hands an input to the door; an action that ends out of sight comes back into it.
    pub(super) fn door_input(&mut self, input: DoorInput) -> Vec<Effect> {
        let Some(door) = &mut self.door else { return Vec::new() };
        let before = door.view().stage;
        let effects = door.handle(input, self.now);
        let after = door.view().stage;
        if before != after {
            self.dirty = true;
            if let Some(opened) = self.session.door_box() {
                // Another stage, another text: it is read from its beginning, and nothing typed is carried over.
                *opened = DoorBox::default();
            } else if after == Stage::Ended {
                self.show_door();
            }
        }
        carried(effects)
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
            "cancel" => {
                self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Door(_)));
                let key = self.hint("rollback").unwrap_or_else(|| ":rollback".into());
                self.notice(format!("the {word} goes on; {key} shows it"));
            }
            "toggle-diff" => {
                opened.scroll = 0;
                return self.door_input(DoorInput::ToggleDiff);
            }
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
            self.door = None;
        }
    }
}

fn carried(effects: Vec<DoorEffect>) -> Vec<Effect> {
    effects.into_iter().map(Effect::Door).collect()
}
