//! The pods pane: what is unwell and why, in words; healthy pods fold into a count.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Pane;
use crate::config::keymap::Scope;
use crate::config::theme::Role;
use crate::domain::object::ObjectRef;
use crate::domain::pod::{PodHealth, PodRow, PodUsage};
use crate::domain::target::Focus;
use crate::domain::time::age;
use crate::state::command::CommandInfo;
use crate::state::context::NamespaceScope;
use crate::state::pane::PaneId;
use crate::state::table::Window;
use crate::ui::columns::{Cells, Column, share};
use crate::ui::frame::{Title, mark, more, put, put_line, select};
use crate::ui::{Look, source, text};

/// The pane.
pub const PANE: Pane = Pane { id: PaneId::Pods, scope: Scope::Pods, commands: COMMANDS, title, render, steps_to };

const COMMANDS: &[CommandInfo] = &[];

fn title(look: &Look<'_>) -> Title {
    let table = &look.world.pods;
    let counts = match (table.is_empty(), table.shown_attention()) {
        (true, _) => String::new(),
        (false, 0) => format!("{} healthy", table.shown_len()),
        (false, bad) => format!("{bad} of {} unhealthy", table.shown_len()),
    };
    let (right, role) = source::with_age(look, &counts, PaneId::Pods.sources());
    let narrowed = super::narrowed(look, PaneId::Pods);
    let detail = match look.session.focus.as_ref().map(|focused| &focused.focus) {
        Some(Focus::Node(node)) => format!("on {node} {narrowed}").trim_end().to_owned(),
        _ => narrowed,
    };
    Title { name: "Pods".into(), detail, right, role }
}

/// Mark and role of a pod.
pub fn health(look: &Look<'_>, row: &PodRow) -> (&'static str, Role) {
    let glyphs = look.glyphs;
    match row.health {
        PodHealth::CrashLoop | PodHealth::CannotStart | PodHealth::Failed | PodHealth::NotReady => {
            (glyphs.bad, Role::Unhealthy)
        }
        PodHealth::Restarted => (glyphs.careful, Role::Warning),
        PodHealth::Starting | PodHealth::Terminating => (glyphs.wait, Role::Pending),
        PodHealth::Ready => (glyphs.ok, Role::Ok),
        PodHealth::Succeeded => (glyphs.ok, Role::Dim),
    }
}

fn name(look: &Look<'_>, row: &PodRow) -> String {
    match look.context.namespace {
        NamespaceScope::All => format!("{}/{}", row.id.namespace, row.id.name),
        NamespaceScope::One(_) => row.id.name.to_string(),
    }
}

/// The rows on screen and their place. At the top of a list that does not fit, the last line is kept for a count of
/// what is folded away.
fn visible<'a>(look: &Look<'a>, area: Rect) -> (Rect, Window<'a, PodRow>) {
    let above = look.session.view(PaneId::Pods).above;
    let cursor = look.session.cursors.pods.as_ref();
    let window = |area: Rect| look.world.pods.window(cursor, above, area.height.into(), |_| 1);
    let all = window(area);
    if all.below && !all.above && area.height > 2 {
        let rest = Rect { height: area.height - 1, ..area };
        let folded = window(rest);
        if !folded.above {
            return (rest, folded);
        }
    }
    (area, all)
}

fn steps_to(look: &Look<'_>, area: Rect, line: u16) -> Option<i64> {
    let area = source::above_footnote(look, PaneId::Pods.sources(), area);
    super::steps(&visible(look, area).1, |_| 1, line)
}

fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let sources = PaneId::Pods.sources();
    let table = &look.world.pods;
    if table.shown_len() == 0 {
        let calm = super::nothing(look, PaneId::Pods, "pods", "no pods here");
        return source::explain(look, sources, &calm, area, buffer);
    }
    let area = source::footnote(look, sources, area, buffer);
    let (rows, window) = visible(look, area);
    if rows.height < area.height {
        let seen = window.rows.iter().filter(|row| row.health.is_unhealthy()).count();
        let hidden = table.shown_len() - window.rows.len();
        let (line, role) = super::fold_line(look, hidden, table.shown_attention() - seen);
        put(buffer, area.x + 1, area.bottom() - 1, &line, look.style(role));
    }
    let area = rows;
    let widest = |of: &dyn Fn(&PodRow) -> usize| window.rows.iter().map(|row| of(row)).max().unwrap_or(0);
    // As kubectl top prints them; without metrics there are no such columns.
    let usage = |row: &PodRow| look.world.usage(&row.id).map_or_else(<[String; 2]>::default, PodUsage::words);
    let widest_usage = |part: usize| widest(&|row| usage(row)[part].len());
    let reason = |row: &PodRow| row.reason.as_deref().unwrap_or_default().to_owned();
    let widths = share(
        usize::from(area.width).saturating_sub(2),
        &[
            Column::fixed(1, 0),
            Column::flexible(16, widest(&|row| text::width(&name(look, row))), 1),
            Column::flexible(16, widest(&|row| text::width(&row.status)), 0),
            Column::fixed(5, 4),
            Column::fixed(5, 2),
            Column::fixed(4, 0),
            Column::fixed(widest_usage(0), 6),
            Column::fixed(widest_usage(1), 6),
            Column::flexible(12, widest(&|row| text::width(&reason(row))), 3),
            Column::flexible(14, widest(&|row| text::width(&row.node)), 5),
        ],
    );
    let (plain, dim) = (look.style(Role::Text), look.style(Role::Dim));
    for (index, row) in window.rows.iter().enumerate() {
        let (glyph, role) = health(look, row);
        let status = look.style(if role == Role::Ok { Role::Dim } else { role });
        let restarts =
            if row.restarts == 0 { String::new() } else { format!("{} {}", look.glyphs.restarts, row.restarts) };
        let [cpu, memory] = usage(row);
        let mut cells = Cells::new(look.glyphs);
        cells.raw(" ", plain);
        cells
            .left(glyph, widths[0], look.style(role))
            .middle(&name(look, row), widths[1], plain)
            .left(&row.status, widths[2], status)
            .right(&format!("{}/{}", row.ready, row.containers), widths[3], dim)
            .left(&restarts, widths[4], if row.health.is_unhealthy() { plain } else { dim })
            .right(&age(row.created, look.now), widths[5], dim)
            .right(&cpu, widths[6], dim)
            .right(&memory, widths[7], dim)
            .left(&reason(row), widths[8], status)
            .left(&row.node, widths[9], dim);
        put_line(look, buffer, area, index as u16, &cells.line());
        if window.selected == Some(index) {
            select(look, PaneId::Pods, area, index as u16, 1, buffer);
        }
        if look.session.marks.has(PaneId::Pods, || ObjectRef::from(&row.id)) {
            mark(look, area, index as u16, buffer);
        }
    }
    more(look, area, window.above, window.below && window.above, buffer);
}
