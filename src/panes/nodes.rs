//! The nodes pane: where things run. Nodes that are not well and those that fail their pods first; what is used of what
//! there is, where the cluster measures it. Takes the place of the rollouts while someone looks at it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Pane;
use crate::config::keymap::Scope;
use crate::config::theme::Role;
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::time::age;
use crate::state::command::CommandInfo;
use crate::state::nodes::NodeState;
use crate::state::pane::PaneId;
use crate::state::table::Window;
use crate::ui::columns::{Cells, Column, share};
use crate::ui::frame::{Title, mark, more, put_line, select};
use crate::ui::{Look, source, text};

/// The pane.
pub const PANE: Pane = Pane { id: PaneId::Nodes, scope: Scope::Nodes, commands: COMMANDS, title, render, steps_to };

const COMMANDS: &[CommandInfo] = &[];

/// From this share on, in percent, use is drawn as a warning.
const NEARLY_ALL: u64 = 90;

fn title(look: &Look<'_>) -> Title {
    let table = &look.world.nodes.table;
    let counts = match (table.is_empty(), table.shown_attention()) {
        (true, _) => String::new(),
        (false, 0) => format!("{} well", table.shown_len()),
        (false, bad) => format!("{bad} of {} to look at", table.shown_len()),
    };
    let (right, role) = source::with_age(look, &counts, PaneId::Nodes.sources());
    Title { name: "Nodes".into(), detail: super::narrowed(look, PaneId::Nodes), right, role }
}

/// Mark, word and role of a node.
pub fn state(look: &Look<'_>, row: &NodeState) -> (&'static str, &'static str, Role) {
    let (glyphs, node) = (look.glyphs, &row.node);
    match (node.ready, node.cordoned) {
        (false, true) => (glyphs.bad, "NotReady, cordoned", Role::Unhealthy),
        (false, false) => (glyphs.bad, "NotReady", Role::Unhealthy),
        (true, true) => (glyphs.half, "cordoned", Role::Pending),
        (true, false) if node.problem.is_some() => (glyphs.careful, "Ready", Role::Warning),
        (true, false) if row.fails_its_pods() => (glyphs.careful, "Ready", Role::Warning),
        (true, false) => (glyphs.ok, "Ready", Role::Ok),
    }
}

/// What is wrong there, in words; else what keeps pods away.
pub fn remark(row: &NodeState) -> String {
    let mut said = Vec::new();
    said.extend(row.node.problem.as_deref().map(str::to_owned));
    if row.pods.unhealthy > 0 {
        said.push(format!("{} of {} unhealthy", row.pods.unhealthy, text::count(row.pods.all as usize, "pod", "pods")));
    }
    said.extend(row.node.taints.iter().map(ToString::to_string));
    said.join(", ")
}

/// Percent of a whole; `None` without one.
pub fn percent(used: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| (u128::from(used) * 100 / u128::from(whole)) as u64)
}

/// `812m of 3900m`, `6348Mi of 15974Mi`, as `kubectl top` prints amounts.
pub fn amounts(row: &NodeState) -> Option<(String, String)> {
    let usage = row.usage.as_ref()?;
    Some((
        format!("{}m of {}m", usage.cpu, row.node.cpu),
        format!("{}Mi of {}Mi", usage.memory >> 20, row.node.memory >> 20),
    ))
}

fn share_of(look: &Look<'_>, name: &str, used: Option<u64>, whole: u64) -> (String, Role) {
    match used.and_then(|used| percent(used, whole)) {
        Some(percent) => {
            let role = if percent >= NEARLY_ALL { Role::Warning } else { Role::Dim };
            (format!("{name}{percent:>3}%"), role)
        }
        None => (format!("{name}  {}", look.glyphs.none), Role::Dim),
    }
}

fn window<'a>(look: &Look<'a>, area: Rect) -> Window<'a, NodeState> {
    let above = look.session.view(PaneId::Nodes).above;
    look.world.nodes.table.window(look.session.cursors.nodes.as_ref(), above, area.height.into(), |_| 1)
}

fn steps_to(look: &Look<'_>, area: Rect, line: u16) -> Option<i64> {
    super::steps(&window(look, source::above_footnote(look, PaneId::Nodes.sources(), area)), |_| 1, line)
}

fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let sources = PaneId::Nodes.sources();
    if look.world.nodes.table.shown_len() == 0 {
        let calm = super::nothing(look, PaneId::Nodes, "nodes", "no nodes here");
        return source::explain(look, sources, &calm, area, buffer);
    }
    let area = source::footnote(look, sources, area, buffer);
    let window = window(look, area);
    let widest = |of: &dyn Fn(&NodeState) -> usize| window.rows.iter().map(|row| of(row)).max().unwrap_or(0);
    // Without metrics their columns say nothing: they are not drawn.
    let measured = if window.rows.iter().any(|row| row.usage.is_some()) { 7 } else { 0 };
    let widths = share(
        usize::from(area.width).saturating_sub(2),
        &[
            Column::fixed(1, 0),
            Column::flexible(12, widest(&|row| text::width(&row.node.name)), 1),
            Column::flexible(8, widest(&|row| text::width(state(look, row).1)), 0),
            Column::fixed(8, 4),
            Column::fixed(measured, 2),
            Column::fixed(measured, 2),
            Column::fixed(4, 5),
            Column::flexible(10, widest(&|row| text::width(&remark(row))), 3),
            Column::flexible(7, widest(&|row| text::width(&row.node.version)), 6),
        ],
    );
    let (plain, dim) = (look.style(Role::Text), look.style(Role::Dim));
    for (index, row) in window.rows.iter().enumerate() {
        let (glyph, word, role) = state(look, row);
        let usage = row.usage.as_ref();
        let (cpu, cpu_role) = share_of(look, "cpu", usage.map(|usage| usage.cpu), row.node.cpu);
        let (memory, memory_role) = share_of(look, "mem", usage.map(|usage| usage.memory), row.node.memory);
        let trouble = row.node.problem.is_some() || row.pods.unhealthy > 0;
        let mut cells = Cells::new(look.glyphs);
        cells.raw(" ", plain);
        cells
            .left(glyph, widths[0], look.style(role))
            .middle(&row.node.name, widths[1], plain)
            .left(word, widths[2], look.style(if role == Role::Ok { Role::Dim } else { role }))
            .right(&text::count(row.pods.all as usize, "pod", "pods"), widths[3], dim)
            .left(&cpu, widths[4], look.style(cpu_role))
            .left(&memory, widths[5], look.style(memory_role))
            .right(&age(row.node.created, look.now), widths[6], dim)
            .left(&remark(row), widths[7], if trouble { look.style(Role::Warning) } else { dim })
            .left(&row.node.version, widths[8], dim);
        put_line(look, buffer, area, index as u16, &cells.line());
        if window.selected == Some(index) {
            select(look, PaneId::Nodes, area, index as u16, 1, buffer);
        }
        if look.session.marks.has(PaneId::Nodes, || ObjectRef::global(ObjectKind::Node, row.node.name.clone())) {
            mark(look, area, index as u16, buffer);
        }
    }
    more(look, area, window.above, window.below, buffer);
}
