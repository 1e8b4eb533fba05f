//! Taking back what was done last here, and what is chosen in the audit view. Both go through the door.

use super::App;
use crate::actions::door::Door;
use crate::actions::outcome::Stage;
use crate::actions::{ActionKind, Origin, undo};
use crate::state::effect::Effect;

/// What was done last and can be taken back.
#[derive(Debug)]
pub(super) struct Undoable {
    /// Id of its intent.
    pub id: String,
    /// The context in which it was done.
    pub context: String,
    /// The actions that take it back.
    pub actions: Vec<ActionKind>,
    /// What it was: `scale deployment/payment`.
    pub what: String,
}

impl App {
    /// Why the last action cannot be undone.
    pub(super) fn why_not_undo(&self) -> Option<String> {
        if let Some(why) = &self.guard.read_only {
            return Some(format!("read-only: {why}"));
        }
        match &self.last {
            _ if self.door_is_busy() => Some("an action is under way".into()),
            None => Some("nothing was done here that can be undone; the audit log knows of more".into()),
            Some(last) if last.context != self.context.name => {
                Some(format!("the last action was in context {}", last.context))
            }
            Some(_) => None,
        }
    }

    /// Plans to take the last action back.
    pub(super) fn undo_last(&mut self) -> Vec<Effect> {
        if let Some(why) = self.why_not_undo() {
            self.notice(why);
            return Vec::new();
        }
        let request = self.last.as_ref().and_then(|last| undo::request(last.actions.clone(), &last.id, Origin::Key));
        request.map_or_else(Vec::new, |request| self.ask_door(request))
    }

    /// Keeps how what just ended is taken back; marks that it was about are done with.
    pub(super) fn remember(&mut self) {
        let Some(view) = self.door.as_ref().map(Door::view) else { return };
        if view.stage != Stage::Ended {
            return;
        }
        if let (true, Some(id), Some(plan)) = (view.can_undo(), view.id, view.plan) {
            let (context, actions) = (view.guard.context.clone(), plan.undo.actions.clone());
            let what = format!("{} {}", view.request.action.word(), plan.named());
            self.last = Some(Undoable { id: id.to_owned(), context, actions, what });
        }
        if view.id.is_some() {
            self.session.marks.clear();
        }
    }
}
