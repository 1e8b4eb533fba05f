//! The menu of actions: every action of the registry that fits what is in hand.

use super::App;
use super::ask::named;
use super::offers::OFFERS;
use crate::config::keymap::{Scope, spell};
use crate::domain::object::ObjectRef;
use crate::state::effect::Effect;
use crate::state::menu::{Menu, MenuItem};
use crate::state::session::Overlay;

impl App {
    /// The menu of what can be done with what is in hand.
    pub(super) fn open_menu(&mut self) -> Vec<Effect> {
        if self.door_is_busy() {
            self.show_door();
            return Vec::new();
        }
        let rows = self.rows_in_hand();
        let nearest: Vec<ObjectRef> = rows.iter().filter_map(|row| row.first().cloned()).collect();
        let scopes = [crate::panes::pane(self.session.active).scope, Scope::Global];
        let items: Vec<MenuItem> = OFFERS
            .iter()
            .filter(|offer| self.why_not_act(offer).is_none())
            .map(|offer| MenuItem {
                id: offer.command.id,
                label: offer.command.label,
                doc: offer.command.doc,
                key: self.keymap.keys_for(offer.command.id, &scopes).first().map(|keys| spell(keys)),
            })
            .collect();
        if items.is_empty() {
            self.notice("nothing can be done with this row");
            return Vec::new();
        }
        self.session.overlays.push(Overlay::Menu(Menu::new(named(&nearest), items)));
        Vec::new()
    }

    /// A command while the menu has the keys.
    pub(super) fn menu_command(&mut self, id: &str) -> Vec<Effect> {
        let Some(Overlay::Menu(menu)) = self.session.overlays.last_mut() else { return Vec::new() };
        let chosen = match id {
            "down" => {
                menu.step(true);
                return Vec::new();
            }
            "up" => {
                menu.step(false);
                return Vec::new();
            }
            "confirm" | "focus" => menu.chosen().cloned(),
            "cancel" | "back" | "widen" | "actions" => {
                self.session.overlays.pop();
                return Vec::new();
            }
            id => menu.items.iter().find(|item| item.id == id).cloned(),
        };
        let Some(item) = chosen else { return Vec::new() };
        self.session.overlays.pop();
        self.run(item.id)
    }
}
