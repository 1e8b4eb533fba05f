//! From a key to a command, through whatever is open on top.

use super::{App, offers};
use crate::actions::exchange::DoorInput;
use crate::config::keymap::{Key, KeyCode, Modifiers, Scope, Step};
use crate::panes;
use crate::state::editor::Editor;
use crate::state::effect::Effect;
use crate::state::input::Input;
use crate::state::session::Overlay;

impl App {
    /// Scopes in which a key is looked up, innermost first.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        self.scopes_over(self.session.overlays.last())
    }

    /// Scopes in which a key is looked up while `overlay` is on top, innermost first.
    pub(super) fn scopes_over(&self, overlay: Option<&Overlay>) -> Vec<Scope> {
        match overlay {
            None => vec![panes::pane(self.session.active).scope, Scope::Global],
            Some(Overlay::Filter { .. }) => vec![Scope::Input],
            Some(Overlay::Picker(_) | Overlay::Form(_)) => vec![Scope::Picker, Scope::Input],
            Some(Overlay::Audit(view)) if view.typing.is_some() => vec![Scope::Input],
            Some(Overlay::Details { .. } | Overlay::Audit(_) | Overlay::Menu(_)) => vec![Scope::Dialog, Scope::Global],
            Some(Overlay::Door(door)) if door.chooser.is_some() => vec![Scope::Picker, Scope::Dialog],
            Some(Overlay::Door(_)) if self.types_name() => vec![Scope::Input, Scope::Dialog],
            Some(Overlay::Desk) if self.session.desk.view.prompt.is_some() => vec![Scope::Input],
            Some(Overlay::Desk) => vec![Scope::Runbook],
            Some(Overlay::Incident) if self.session.incidents.view.writing.is_some() => vec![Scope::Text],
            Some(Overlay::Incident) if self.session.incidents.view.prompt.is_some() => vec![Scope::Input],
            Some(Overlay::Incident) => vec![Scope::Incident],
            Some(Overlay::Declare) => vec![self.session.incidents.declare_scope()],
            Some(Overlay::Help { .. } | Overlay::Door(_)) => vec![Scope::Dialog],
        }
    }

    pub(super) fn key(&mut self, key: Key) -> Vec<Effect> {
        self.session.notice = None;
        let scopes = self.scopes();
        // Where text is typed, what types text is text; commands there are other keys.
        if self.session.pending.is_empty() && scopes.contains(&Scope::Input) && self.typed(key) {
            return self.text_changed();
        }
        // Where several lines are written, enter and the arrows are the text's, too; only what ends it is a command.
        if scopes == [Scope::Text] && key.modifiers == Modifiers::default() && self.edited(key) {
            return Vec::new();
        }
        let step = self.keymap.step(&scopes, &self.session.pending, key);
        match step {
            Step::Pending => {
                self.session.pending.push(key);
                Vec::new()
            }
            Step::Command(id) => {
                self.session.pending.clear();
                self.command(id)
            }
            Step::None if !self.session.pending.is_empty() => {
                self.session.pending.clear();
                Vec::new()
            }
            Step::None => {
                // Editing keys that no binding takes (home, ctrl-w) belong to the line.
                if (scopes.contains(&Scope::Input) || scopes == [Scope::Text]) && self.edited(key) {
                    return self.text_changed();
                }
                Vec::new()
            }
        }
    }

    /// A character goes into the line that is being typed.
    fn typed(&mut self, key: Key) -> bool {
        let is_text = key.typed().is_some() || key.code == KeyCode::Backspace;
        is_text && self.edited(key)
    }

    fn edited(&mut self, key: Key) -> bool {
        match self.session.overlays.last_mut() {
            Some(Overlay::Filter { input, .. }) => {
                // Backspace in an empty line leaves it, as fingers expect.
                if input.text().is_empty() && key.code == KeyCode::Backspace {
                    return false;
                }
                input.key(key);
            }
            Some(Overlay::Picker(picker)) => {
                picker.input.key(key);
            }
            Some(Overlay::Audit(view)) if view.typing.is_some() => {
                // As in the filter line of a pane.
                if view.filter.text().is_empty() && key.code == KeyCode::Backspace {
                    return false;
                }
                view.filter.key(key);
            }
            Some(Overlay::Form(form)) => form.key(key),
            Some(Overlay::Desk) => match &mut self.session.desk.view.prompt {
                Some(prompt) => {
                    prompt.input.key(key);
                }
                None => return false,
            },
            Some(Overlay::Incident | Overlay::Declare) => match self.editor() {
                Some(editor) => return editor.key(key),
                None => match self.incident_line() {
                    Some(input) => {
                        input.key(key);
                    }
                    None => return false,
                },
            },
            Some(Overlay::Door(door)) => {
                door.input.key(key);
            }
            _ => return false,
        }
        true
    }

    /// The text of several lines that is being written.
    fn editor(&mut self) -> Option<&mut Editor> {
        let room = &mut self.session.incidents;
        match self.session.overlays.last()? {
            Overlay::Incident => room.view.writing.as_mut().map(|writing| &mut writing.editor),
            Overlay::Declare => room.declaring.as_mut()?.editor(),
            _ => None,
        }
    }

    /// The line that is being typed for an incident, or for one that is declared.
    fn incident_line(&mut self) -> Option<&mut Input> {
        let room = &mut self.session.incidents;
        match self.session.overlays.last()? {
            Overlay::Declare => room.declaring.as_mut()?.line(),
            _ => room.view.prompt.as_mut().map(|prompt| &mut prompt.input),
        }
    }

    /// What follows from the text in the line.
    fn text_changed(&mut self) -> Vec<Effect> {
        match self.session.overlays.last_mut() {
            Some(Overlay::Audit(view)) => {
                view.narrowed();
                Vec::new()
            }
            Some(Overlay::Filter { input, .. }) => {
                let text = input.text().to_owned();
                let pane = self.session.active;
                let view = self.session.view_mut(pane);
                view.filter = text;
                view.around = false;
                self.look(pane);
                Vec::new()
            }
            Some(Overlay::Picker(_)) => {
                self.rematch();
                Vec::new()
            }
            Some(Overlay::Door(door)) => {
                let text = door.input.text().to_owned();
                self.door_input(DoorInput::Type(text))
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(editor) = self.editor() {
            editor.paste(&crate::domain::text::clean_lines(text));
            return Vec::new();
        }
        let clean = crate::domain::text::clean(text);
        match self.session.overlays.last_mut() {
            Some(Overlay::Filter { input, .. }) => input.paste(&clean),
            Some(Overlay::Picker(picker)) => picker.input.paste(&clean),
            Some(Overlay::Audit(view)) if view.typing.is_some() => view.filter.paste(&clean),
            Some(Overlay::Form(form)) => form.paste(&clean),
            Some(Overlay::Desk) => match &mut self.session.desk.view.prompt {
                Some(prompt) => prompt.input.paste(&clean),
                None => return Vec::new(),
            },
            Some(Overlay::Incident) => match &mut self.session.incidents.view.prompt {
                Some(prompt) => prompt.input.paste(&clean),
                None => return Vec::new(),
            },
            // A name that is typed to confirm is typed, not pasted: the point is to read it.
            _ => return Vec::new(),
        }
        self.text_changed()
    }

    /// Runs a command through what is open on top.
    pub(super) fn command(&mut self, id: &str) -> Vec<Effect> {
        if id == "quit" {
            return self.quit(false);
        }
        match self.session.overlays.last_mut() {
            None => self.run(id),
            Some(Overlay::Filter { before, .. }) => {
                let before = before.clone();
                match id {
                    "confirm" => {
                        self.session.overlays.pop();
                    }
                    "cancel" => {
                        self.session.overlays.pop();
                        let pane = self.session.active;
                        self.session.view_mut(pane).filter = before;
                        self.look(pane);
                    }
                    _ => {}
                }
                Vec::new()
            }
            Some(Overlay::Picker(_)) => self.picker_command(id),
            Some(Overlay::Help { scroll } | Overlay::Details { scroll, .. }) => {
                match id {
                    "down" => *scroll += 1,
                    "up" => *scroll = scroll.saturating_sub(1),
                    "page-down" => *scroll += 10,
                    "page-up" => *scroll = scroll.saturating_sub(10),
                    "top" => *scroll = 0,
                    "bottom" => *scroll = usize::MAX / 2,
                    "copy" => return self.copy(),
                    "actions" => return self.run(id),
                    id if offers::find(id).is_some() => {
                        let effects = self.run(id);
                        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Details { .. }));
                        return effects;
                    }
                    "help" if !matches!(self.session.overlays.last(), Some(Overlay::Help { .. })) => {
                        self.session.overlays.push(Overlay::Help { scroll: 0 });
                    }
                    "cancel" | "confirm" | "toggle-diff" | "help" | "back" | "widen" | "details" | "focus" => {
                        self.session.overlays.pop();
                    }
                    _ => {}
                }
                self.clamp_scroll();
                Vec::new()
            }
            Some(Overlay::Menu(_)) => self.menu_command(id),
            Some(Overlay::Form(_)) => self.form_command(id),
            Some(Overlay::Desk) => self.desk_command(id),
            Some(Overlay::Incident) => self.incident_command(id),
            Some(Overlay::Declare) => self.declare_command(id),
            Some(Overlay::Audit(_)) => self.audit_command(id),
            Some(Overlay::Door(_)) => self.door_command(id),
        }
    }
}
