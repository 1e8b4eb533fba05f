//! The panes: a list of them, each with its commands and what it draws. Help, footer, palette and the check of keymaps
//! derive from this list. Adding a pane: its file, its line here, its name in [`PaneId`].

pub mod alerts;
pub mod details;
pub mod flags;
pub mod logs;
pub mod nodes;
pub mod pods;
pub mod rollouts;
pub mod slo;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::config::keymap::Scope;
use crate::state::command::CommandInfo;
use crate::state::pane::PaneId;
use crate::ui::Look;
use crate::ui::frame::Title;

/// One pane.
#[derive(Clone, Copy)]
pub struct Pane {
    /// Which.
    pub id: PaneId,
    /// Where its keys hold.
    pub scope: Scope,
    /// Commands that only it has.
    pub commands: &'static [CommandInfo],
    /// What its title says.
    pub title: fn(&Look<'_>) -> Title,
    /// Draws its rows.
    pub render: fn(&Look<'_>, Rect, &mut Buffer),
    /// How many rows a line of the pane is away from the selected row; `None` where there is none.
    pub steps_to: fn(&Look<'_>, Rect, u16) -> Option<i64>,
}

impl std::fmt::Debug for Pane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pane({:?})", self.id)
    }
}

/// All panes, in the order of [`PaneId::ALL`].
pub const PANES: [Pane; 7] =
    [alerts::PANE, slo::PANE, rollouts::PANE, pods::PANE, logs::PANE, nodes::PANE, flags::PANE];

/// The pane of a name.
pub const fn pane(id: PaneId) -> &'static Pane {
    const ALL: &[Pane; 7] = &PANES;
    &ALL[id.index()]
}

/// Filter and fault switch of a pane, for its title.
fn narrowed(look: &Look<'_>, pane: PaneId) -> String {
    let view = look.session.view(pane);
    let mut parts = Vec::new();
    if !view.filter.is_empty() {
        parts.push(format!("/{}", view.filter));
    }
    if view.faults_only {
        parts.push("faults only".to_owned());
    }
    let marked = look.session.marks.count(pane);
    if marked > 0 {
        parts.push(format!("{marked} marked"));
    }
    parts.join(" ")
}

/// What to say when a pane is well and has no rows: what narrows it, else `calm`.
fn nothing(look: &Look<'_>, pane: PaneId, what: &str, calm: &str) -> Vec<(String, crate::config::theme::Role)> {
    use crate::config::theme::Role;
    let view = look.session.view(pane);
    if !view.filter.is_empty() || view.faults_only {
        let narrowed = narrowed(look, pane);
        return vec![
            (format!("no {what} with {narrowed}"), Role::Text),
            (format!("{} clears it", look.key_of("widen")), Role::Dim),
        ];
    }
    if let Some(focused) = &look.session.focus {
        return vec![
            (format!("no {what} of {}", focused.focus), Role::Text),
            (format!("{} shows all again", look.key_of("widen")), Role::Dim),
        ];
    }
    vec![(calm.to_owned(), Role::Ok)]
}

/// The last row of a pane when rows do not fit: healthy ones fold into a count.
fn fold_line(look: &Look<'_>, hidden: usize, hidden_unhealthy: usize) -> (String, crate::config::theme::Role) {
    use crate::config::theme::Role;
    let glyphs = look.glyphs;
    if hidden_unhealthy == 0 {
        (format!("{} {hidden} more, all healthy", glyphs.ok), Role::Dim)
    } else {
        (format!("{} {hidden} more, {hidden_unhealthy} of them not well", glyphs.down), Role::Unhealthy)
    }
}

/// Steps from the selected row to the row at a line of a window.
fn steps<R>(window: &crate::state::table::Window<'_, R>, lines: impl Fn(&R) -> usize, line: u16) -> Option<i64> {
    let mut top = 0;
    let at = window.rows.iter().position(|row| {
        top += lines(row);
        usize::from(line) < top
    })?;
    Some(i64::try_from(at).ok()? - i64::try_from(window.selected?).ok()?)
}
