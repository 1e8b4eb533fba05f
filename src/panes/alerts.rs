//! The alerts pane: what fires, worst first, and the workload behind it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Pane;
use crate::config::keymap::Scope;
use crate::config::theme::Role;
use crate::domain::alert::{AlertState, Severity};
use crate::domain::time::age;
use crate::state::command::CommandInfo;
use crate::state::pane::PaneId;
use crate::state::rows::{About, AlertRow};
use crate::state::table::Window;
use crate::ui::columns::{Cells, Column, share};
use crate::ui::frame::{Title, more, put_line, select};
use crate::ui::{Look, source, text};

/// The pane.
pub const PANE: Pane = Pane { id: PaneId::Alerts, scope: Scope::Alerts, commands: COMMANDS, title, render, steps_to };

const COMMANDS: &[CommandInfo] = &[];

fn title(look: &Look<'_>) -> Title {
    let shown = &look.world.alerts;
    // What is merely good to know is listed, but not counted.
    let counts = if shown.is_empty() { String::new() } else { format!("{} firing", shown.shown_attention()) };
    let (right, role) = source::with_age(look, &counts, PaneId::Alerts.sources());
    Title { name: "Alerts".into(), detail: super::narrowed(look, PaneId::Alerts), right, role }
}

/// Mark, word and role of an alert.
pub fn severity(look: &Look<'_>, row: &AlertRow) -> (&'static str, &'static str, Role) {
    let glyphs = look.glyphs;
    match (row.alert.state, row.alert.severity) {
        (AlertState::Suppressed, _) => (glyphs.ring, "mute", Role::Muted),
        (AlertState::Pending, _) => (glyphs.wait, "pend", Role::Pending),
        (AlertState::Firing, Severity::Critical) => (glyphs.dot, "CRIT", Role::Critical),
        (AlertState::Firing, Severity::Warning) => (glyphs.dot, "WARN", Role::Warning),
        (AlertState::Firing, Severity::Info) => (glyphs.ring, "info", Role::Info),
    }
}

/// What an alert is about, with the number of alerts folded into the row.
fn subject(look: &Look<'_>, row: &AlertRow) -> String {
    let name =
        row.about.as_ref().map_or_else(|| look.glyphs.none.to_owned(), |focus| About::of(focus).name().to_owned());
    if row.all.len() > 1 { format!("{name} {}{}", look.glyphs.times, row.all.len()) } else { name }
}

/// What the last column says: why it is silent, else its summary.
fn remark(row: &AlertRow) -> &str {
    row.alert.suppressed_by.as_deref().unwrap_or_else(|| {
        let summary = row.alert.summary();
        if summary == &*row.alert.name { "" } else { summary }
    })
}

fn window<'a>(look: &Look<'a>, area: Rect) -> Window<'a, AlertRow> {
    let above = look.session.view(PaneId::Alerts).above;
    look.world.alerts.window(look.session.cursors.alerts.as_ref(), above, area.height.into(), |_| 1)
}

fn steps_to(look: &Look<'_>, area: Rect, line: u16) -> Option<i64> {
    super::steps(&window(look, source::above_footnote(look, PaneId::Alerts.sources(), area)), |_| 1, line)
}

fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let sources = PaneId::Alerts.sources();
    let table = &look.world.alerts;
    if table.shown_len() == 0 {
        let calm = super::nothing(look, PaneId::Alerts, "alerts", &format!("{} nothing fires", look.glyphs.ok));
        return source::explain(look, sources, &calm, area, buffer);
    }
    let area = source::footnote(look, sources, area, buffer);
    let window = window(look, area);
    let widest = |of: &dyn Fn(&AlertRow) -> usize| window.rows.iter().map(|row| of(row)).max().unwrap_or(0);
    let widths = share(
        usize::from(area.width).saturating_sub(2),
        &[
            Column::fixed(6, 0),
            Column::flexible(16, widest(&|row| text::width(&row.alert.name)), 0),
            Column::flexible(8, widest(&|row| text::width(&subject(look, row))), 1),
            Column::fixed(4, 0),
            Column::flexible(12, widest(&|row| text::width(remark(row))), 2),
        ],
    );
    for (index, row) in window.rows.iter().enumerate() {
        let (glyph, word, role) = severity(look, row);
        let muted = row.alert.state == AlertState::Suppressed;
        let plain = look.style(if muted { Role::Muted } else { Role::Text });
        let dim = look.style(if muted { Role::Muted } else { Role::Dim });
        let mut cells = Cells::new(look.glyphs);
        cells.raw(" ", plain);
        cells
            .left(&format!("{glyph} {word}"), widths[0], look.style(role))
            .left(&row.alert.name, widths[1], plain)
            .left(&subject(look, row), widths[2], plain)
            .right(&age(row.since(), look.now), widths[3], dim)
            .left(remark(row), widths[4], dim);
        put_line(look, buffer, area, index as u16, &cells.line());
        if window.selected == Some(index) {
            select(look, PaneId::Alerts, area, index as u16, 1, buffer);
        }
    }
    more(look, area, window.above, window.below, buffer);
}
