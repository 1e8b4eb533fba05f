//! The flags pane: what is switched on where, what users get because of it, who changed it last. The newest change is on
//! top: it is the suspect. Takes the place of the rollouts while someone looks at it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Pane;
use crate::config::keymap::Scope;
use crate::config::theme::Role;
use crate::domain::flag::FlagRow;
use crate::domain::time::age;
use crate::state::command::CommandInfo;
use crate::state::pane::PaneId;
use crate::state::table::Window;
use crate::ui::columns::{Cells, Column, share};
use crate::ui::frame::{Title, mark, more, put_line, select};
use crate::ui::{Look, source, text};

/// The pane.
pub const PANE: Pane = Pane { id: PaneId::Flags, scope: Scope::Flags, commands: COMMANDS, title, render, steps_to };

const COMMANDS: &[CommandInfo] = &[];

/// A change so many seconds old is news.
const NEWS: i64 = 60 * 60;

fn title(look: &Look<'_>) -> Title {
    let table = &look.world.flags;
    let news = table.shown().take_while(|row| is_news(look, row)).count();
    let counts = match (table.is_empty(), news) {
        (true, _) => String::new(),
        (false, 0) => text::count(table.shown_len(), "flag", "flags"),
        (false, news) => format!("{news} of {} changed within 1h", table.shown_len()),
    };
    let (right, role) = source::with_age(look, &counts, &look.world.flag_sources());
    Title { name: "Flags".into(), detail: super::narrowed(look, PaneId::Flags), right, role }
}

fn is_news(look: &Look<'_>, row: &FlagRow) -> bool {
    row.changed.as_ref().is_some_and(|event| (look.now - event.at).num_seconds() < NEWS)
}

/// Mark, word and role of a flag.
pub fn state(look: &Look<'_>, row: &FlagRow) -> (&'static str, &'static str, Role) {
    match (row.archived, row.enabled) {
        (true, _) => (look.glyphs.none, "archived", Role::Muted),
        (false, true) => (look.glyphs.ok, "on", Role::Ok),
        (false, false) => (look.glyphs.ring, "off", Role::Dim),
    }
}

/// Is anyone asking for it? `seen 812 yes, 4 no`, `not seen`, or nothing where nobody tells.
pub fn seen(row: &FlagRow) -> String {
    match (&row.seen, row.last_seen) {
        (Some(seen), _) if seen.yes + seen.no > 0 => {
            format!("{} yes {} no", short(seen.yes), short(seen.no))
        }
        (Some(_), _) => "not asked for".into(),
        (None, Some(_)) => "seen".into(),
        (None, None) => String::new(),
    }
}

/// `812`, `12k`, `3M`.
fn short(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// What to be careful about, else what it is for.
fn remark(row: &FlagRow) -> String {
    if row.stale { "stale".into() } else { row.kind.word().into() }
}

fn window<'a>(look: &Look<'a>, area: Rect) -> Window<'a, FlagRow> {
    let above = look.session.view(PaneId::Flags).above;
    look.world.flags.window(look.session.cursors.flags.as_ref(), above, area.height.into(), |_| 1)
}

fn steps_to(look: &Look<'_>, area: Rect, line: u16) -> Option<i64> {
    super::steps(&window(look, source::above_footnote(look, &look.world.flag_sources(), area)), |_| 1, line)
}

fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let sources = look.world.flag_sources();
    if sources.is_empty() {
        let calm = [
            ("no source of flags for this context".to_owned(), Role::Text),
            ("name one: [[flags]] in the configuration, with an environment for it".to_owned(), Role::Dim),
        ];
        return source::explain(look, &sources, &calm, area, buffer);
    }
    if look.world.flags.shown_len() == 0 {
        let calm = super::nothing(look, PaneId::Flags, "flags", "no flags here");
        return source::explain(look, &sources, &calm, area, buffer);
    }
    let area = source::footnote(look, &sources, area, buffer);
    let window = window(look, area);
    let widest = |of: &dyn Fn(&FlagRow) -> usize| window.rows.iter().map(|row| of(row)).max().unwrap_or(0);
    // One environment is the context's own and needs no column.
    let several = window.rows.iter().any(|row| row.id.environment != window.rows[0].id.environment);
    let environment = if several { widest(&|row| text::width(&row.id.environment)) } else { 0 };
    let changed = |row: &FlagRow| {
        row.changed.as_ref().map_or_else(String::new, |event| format!("{} {}", age(event.at, look.now), event.by))
    };
    let widths = share(
        usize::from(area.width).saturating_sub(2),
        &[
            Column::fixed(1, 0),
            Column::flexible(14, widest(&|row| text::width(&row.id.key)), 0),
            Column::flexible(0, environment, 1),
            Column::fixed(widest(&|row| text::width(state(look, row).1)), 0),
            Column::flexible(10, widest(&|row| text::width(&row.serves)), 1),
            Column::flexible(4, widest(&|row| text::width(&changed(row))), 0),
            Column::flexible(8, widest(&|row| text::width(&seen(row))), 3),
            Column::flexible(5, widest(&|row| text::width(&remark(row))), 4),
        ],
    );
    let (plain, dim) = (look.style(Role::Text), look.style(Role::Dim));
    for (index, row) in window.rows.iter().enumerate() {
        let (glyph, word, role) = state(look, row);
        let fresh = if is_news(look, row) { look.style(Role::Pending) } else { dim };
        let mut cells = Cells::new(look.glyphs);
        cells.raw(" ", plain);
        cells
            .left(glyph, widths[0], look.style(role))
            .middle(&row.id.key, widths[1], if row.archived { dim } else { plain })
            .left(&row.id.environment, widths[2], dim)
            .left(word, widths[3], look.style(role))
            .left(&row.serves, widths[4], if row.enabled { plain } else { dim })
            .left(&changed(row), widths[5], fresh)
            .left(&seen(row), widths[6], dim)
            .left(&remark(row), widths[7], look.style(if row.stale { Role::Warning } else { Role::Dim }));
        put_line(look, buffer, area, index as u16, &cells.line());
        if window.selected == Some(index) {
            select(look, PaneId::Flags, area, index as u16, 1, buffer);
        }
        if look.session.marks.has(PaneId::Flags, || row.id.object()) {
            mark(look, area, index as u16, buffer);
        }
    }
    more(look, area, window.above, window.below, buffer);
}
