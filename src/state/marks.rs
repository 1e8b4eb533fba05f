//! Marked rows: what an action on several is about. They belong to one pane; marking in another one begins anew.

use std::collections::BTreeSet;

use super::pane::PaneId;
use crate::domain::object::ObjectRef;

/// The marks.
#[derive(Debug, Default)]
pub struct Marks {
    pane: Option<PaneId>,
    rows: BTreeSet<ObjectRef>,
}

impl Marks {
    /// Marks a row of a pane, or takes its mark away.
    pub fn toggle(&mut self, pane: PaneId, row: ObjectRef) {
        if self.pane != Some(pane) {
            self.rows.clear();
            self.pane = Some(pane);
        }
        if !self.rows.remove(&row) {
            self.rows.insert(row);
        }
    }

    /// The marked rows of a pane, in order.
    pub fn of(&self, pane: PaneId) -> impl Iterator<Item = &ObjectRef> {
        self.rows.iter().filter(move |_| self.pane == Some(pane))
    }

    /// How many rows of a pane are marked.
    pub fn count(&self, pane: PaneId) -> usize {
        if self.pane == Some(pane) { self.rows.len() } else { 0 }
    }

    /// Is this row of a pane marked? The row's name is made only when there are marks at all.
    pub fn has(&self, pane: PaneId, row: impl FnOnce() -> ObjectRef) -> bool {
        self.count(pane) > 0 && self.rows.contains(&row())
    }

    /// Takes all marks away.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Keeps the marks of rows that are still there; how many went.
    pub fn keep(&mut self, is_there: impl Fn(&ObjectRef) -> bool) -> usize {
        let before = self.rows.len();
        self.rows.retain(is_there);
        before - self.rows.len()
    }
}
