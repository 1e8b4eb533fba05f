//! How the desk is looked at: scrolling, its keys in the footer, the list to choose from, leaving it.

use ratatui::layout::Rect;

use super::App;
use crate::state::effect::Effect;
use crate::state::runbook::{DeskEffect, Offer};
use crate::state::session::PickItem;
use crate::ui::runbook::extent;

impl Offer {
    /// What stands in the list, and is chosen by.
    pub(super) fn value(&self) -> String {
        match self {
            Self::Book { book, .. } => book.id.clone(),
            Self::Resume(run) => format!("resume {}", run.id),
        }
    }

    /// The id of the runbook that it begins.
    pub(super) fn book_id(&self) -> Option<&str> {
        match self {
            Self::Book { book, .. } => Some(&book.id),
            Self::Resume(_) => None,
        }
    }
}

impl App {
    /// The list after `b`, best first.
    pub(super) fn runbooks(&self) -> Vec<PickItem> {
        let item = |offer: &Offer| {
            let note = match offer {
                Offer::Book { book, why } => format!("{}  {}  {why}", book.title, book.origin.shelf.word()),
                Offer::Resume(run) => {
                    let at = run.step.clone().unwrap_or_else(|| "its end".to_owned());
                    let elsewhere = if run.elsewhere { ", in another terminal" } else { "" };
                    format!("{}, at {at}{elsewhere}", run.title)
                }
            };
            PickItem { value: offer.value(), note, key: None, production: false }
        };
        self.session.desk.offers.iter().map(item).collect()
    }

    pub(super) fn scroll_desk(&mut self, id: &str) {
        let Some(layout) = self.layout() else { return };
        let area: Rect = layout.body;
        let seen = extent(&self.eyes(&|_| None), area);
        let last = seen.document.saturating_sub(seen.rows);
        let page = seen.rows.saturating_sub(1).max(1);
        let view = &mut self.session.desk.view;
        let to = match id {
            "down" => seen.first + 1,
            "up" => seen.first.saturating_sub(1),
            "page-down" => seen.first + page,
            "page-up" => seen.first.saturating_sub(page),
            "top" => 0,
            "bottom" => last,
            "right" => {
                view.side = (view.side + 3).min(seen.side.saturating_sub(seen.rows));
                return;
            }
            _ => {
                view.side = view.side.saturating_sub(3);
                return;
            }
        };
        view.document = Some(to.min(last));
    }

    /// Another context: the run stays open on disk, and another terminal may take it.
    pub(super) fn leave_desk(&mut self) -> Vec<Effect> {
        let ids: Vec<String> = self.session.desk.runs.iter().map(|walked| walked.run.id().to_owned()).collect();
        ids.into_iter().map(|id| Effect::Desk(DeskEffect::Leave { id })).collect()
    }
}
