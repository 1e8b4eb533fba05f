//! The error budget pane: how fast budgets burn, what is left, when they are gone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Pane;
use crate::config::keymap::Scope;
use crate::config::theme::Role;
use crate::domain::slo::{BurnAlarm, SloReading, WINDOWS};
use crate::domain::time::span_fine;
use crate::state::command::CommandInfo;
use crate::state::pane::PaneId;
use crate::state::rows::SloRow;
use crate::state::table::{Row as _, Window};
use crate::ui::columns::{Cells, Column, share};
use crate::ui::frame::{Title, more, put_line, select};
use crate::ui::{Look, source, text};

/// The pane.
pub const PANE: Pane = Pane { id: PaneId::Slo, scope: Scope::Slo, commands: COMMANDS, title, render, steps_to };

const COMMANDS: &[CommandInfo] = &[];

fn title(look: &Look<'_>) -> Title {
    let table = &look.world.slos;
    let counts = match (table.is_empty(), table.shown_attention()) {
        (true, _) => String::new(),
        (false, 0) => format!("{} calm", table.shown_len()),
        (false, burning) => format!("{burning} burning"),
    };
    let (right, role) = source::with_age(look, &counts, PaneId::Slo.sources());
    Title { name: "Error budget".into(), detail: super::narrowed(look, PaneId::Slo), right, role }
}

/// `×171`, `×0.3`.
pub fn times(look: &Look<'_>, burn: Option<f64>) -> String {
    match burn {
        None => look.glyphs.none.to_owned(),
        Some(burn) if burn >= 10.0 => format!("{}{burn:.0}", look.glyphs.times),
        Some(burn) => format!("{}{burn:.1}", look.glyphs.times),
    }
}

/// `99.9 %`, without digits that say nothing.
pub fn percent(ratio: f64) -> String {
    let text = format!("{:.3}", ratio * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn left_of(look: &Look<'_>, reading: &SloReading) -> String {
    reading.remaining.map_or_else(
        || look.glyphs.none.to_owned(),
        |left| {
            if left < 0.0 { "0 % left, overspent".into() } else { format!("{:.1} % left", left * 100.0) }
        },
    )
}

/// What the pace means: gone when, or that nothing is wrong.
fn outlook(reading: &SloReading) -> String {
    match (reading.alarm(), reading.exhaustion()) {
        _ if reading.is_low_traffic() => {
            let (bad, total) = reading.events.unwrap_or_default();
            format!("low traffic: {bad:.0} of {total:.0} bad in 1h")
        }
        (_, Some(0)) => "budget is gone".into(),
        (BurnAlarm::Calm, _) | (_, None) => String::new(),
        (_, Some(seconds)) => format!("gone in {}", span_fine(seconds)),
    }
}

/// The word and role of an alarm.
pub fn alarm(reading: &SloReading) -> (&'static str, Role) {
    match reading.alarm() {
        _ if reading.error.is_some() => ("error", Role::Failed),
        BurnAlarm::Page => ("PAGE", Role::Critical),
        BurnAlarm::Burning => ("burning", Role::Warning),
        BurnAlarm::Calm => ("ok", Role::Ok),
    }
}

/// A sparkline over the last `cells` values.
pub fn spark(look: &Look<'_>, values: &[f64], cells: usize) -> String {
    let values = &values[values.len().saturating_sub(cells)..];
    let most = values.iter().copied().filter(|v| v.is_finite()).fold(0.0_f64, f64::max);
    let level = |value: &f64| match value {
        value if !value.is_finite() => " ",
        _ if most <= 0.0 => look.glyphs.spark[0],
        value => look.glyphs.spark[((value / most * 7.0).round() as usize).min(7)],
    };
    values.iter().map(level).collect()
}

/// A bar of `cells` cells.
pub fn bar(look: &Look<'_>, ratio: f64, cells: usize) -> (String, String) {
    let ratio = if ratio.is_finite() { ratio.clamp(0.0, 1.0) } else { 0.0 };
    let full = (ratio * cells as f64).round() as usize;
    (look.glyphs.full.repeat(full), look.glyphs.empty.repeat(cells - full))
}

/// Lines of a row: burning budgets unfold into three when all rows still fit.
fn lines_of(look: &Look<'_>, area: Rect) -> impl Fn(&SloRow) -> usize {
    let table = &look.world.slos;
    let unfolds = table.shown_len() + 2 * table.shown_attention() <= usize::from(area.height);
    move |row| if unfolds && row.wants_attention() { 3 } else { 1 }
}

fn window<'a>(look: &Look<'a>, area: Rect) -> Window<'a, SloRow> {
    let above = look.session.view(PaneId::Slo).above;
    look.world.slos.window(look.session.cursors.slos.as_ref(), above, area.height.into(), lines_of(look, area))
}

fn steps_to(look: &Look<'_>, area: Rect, line: u16) -> Option<i64> {
    let area = source::above_footnote(look, PaneId::Slo.sources(), area);
    super::steps(&window(look, area), lines_of(look, area), line)
}

fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let sources = PaneId::Slo.sources();
    let table = &look.world.slos;
    if table.shown_len() == 0 {
        let none = format!("{} no objectives are declared: [[slo]] in the configuration", look.glyphs.ring);
        let mut calm = super::nothing(look, PaneId::Slo, "objectives", &none);
        if let [(_, role)] = &mut calm[..] {
            *role = Role::Dim;
        }
        return source::explain(look, sources, &calm, area, buffer);
    }
    let area = source::footnote(look, sources, area, buffer);
    let lines = lines_of(look, area);
    let window = window(look, area);
    let name_width = window.rows.iter().map(|row| text::width(&row.reading.objective.name)).max().unwrap_or(0);
    let mut top = 0;
    for (index, row) in window.rows.iter().enumerate() {
        let taken = lines(row) as u16;
        if taken == 3 {
            unfolded(look, row, Rect { y: area.y + top, height: 3.min(area.height - top), ..area }, buffer);
        } else {
            put_line(look, buffer, area, top, &folded(look, row, name_width, area.width.into()));
        }
        if window.selected == Some(index) {
            select(look, PaneId::Slo, area, top, taken, buffer);
        }
        top += taken;
    }
    more(look, area, window.above, window.below, buffer);
}

/// One line per objective.
fn folded(look: &Look<'_>, row: &SloRow, name_width: usize, width: usize) -> Line<'static> {
    let reading = &row.reading;
    let (word, role) = alarm(reading);
    let dim = look.style(Role::Dim);
    let mut cells = Cells::new(look.glyphs);
    cells.raw(" ", dim);
    if let Some(error) = &reading.error {
        let widths = share(
            width.saturating_sub(2),
            &[Column::flexible(14, name_width, 0), Column::fixed(5, 0), Column::flexible(10, text::width(error), 0)],
        );
        cells
            .left(&reading.objective.name, widths[0], look.style(Role::Text))
            .left(word, widths[1], look.style(role))
            .left(error, widths[2], look.style(Role::Failed));
        return cells.line();
    }
    let burn = format!("1h {}", times(look, reading.burn[2]));
    let short = format!("5m {}", times(look, reading.burn[0]));
    let left = left_of(look, reading);
    let outlook = outlook(reading);
    let widths = share(
        width.saturating_sub(2),
        &[
            Column::flexible(20, name_width, 0),
            Column::fixed(7, 0),
            Column::fixed(8, 2),
            Column::fixed(8, 0),
            Column::fixed(11, 1),
            Column::flexible(12, text::width(&outlook), 3),
            Column::fixed(12, 4),
        ],
    );
    let hot = look.style(if role == Role::Ok { Role::Text } else { role });
    cells
        .left(&reading.objective.name, widths[0], look.style(Role::Text))
        .left(word, widths[1], look.style(role))
        .left(&short, widths[2], hot)
        .left(&burn, widths[3], hot)
        .left(&left, widths[4], look.style(Role::Text))
        .left(&outlook, widths[5], dim)
        .left(&spark(look, &reading.history, 12), widths[6], look.style(Role::Spark));
    cells.line()
}

/// Three lines: which and how bad, burn per window, what is left.
fn unfolded(look: &Look<'_>, row: &SloRow, area: Rect, buffer: &mut Buffer) {
    let reading = &row.reading;
    let (word, role) = alarm(reading);
    let (dim, plain, hot) = (look.style(Role::Dim), look.style(Role::Text), look.style(role));
    let mut first = vec![
        Span::raw(" "),
        Span::styled(reading.objective.name.to_string(), plain),
        Span::styled(format!("  {}", percent(reading.objective.target)), dim),
    ];
    if let Some(error) = &reading.error {
        put_line(look, buffer, area, 0, &Line::from(first));
        for (line, content) in text::wrap(error, usize::from(area.width).saturating_sub(4)).iter().take(2).enumerate() {
            let line_style = look.style(Role::Failed);
            put_line(
                look,
                buffer,
                area,
                line as u16 + 1,
                &Line::from(vec![Span::raw("   "), Span::styled(content.clone(), line_style)]),
            );
        }
        return;
    }
    first.push(Span::styled(format!("  {word}"), hot));
    if reading.alarm() == BurnAlarm::Page {
        let fast = reading.burn[0].is_some_and(|b| b >= 14.4) && reading.burn[2].is_some_and(|b| b >= 14.4);
        let why = if fast { "  5m and 1h over 14.4" } else { "  30m and 6h over 6" };
        first.push(Span::styled(why, dim));
    }
    put_line(look, buffer, area, 0, &Line::from(first));
    let mut second = vec![Span::styled("   burn  ", dim)];
    for (index, (name, _)) in WINDOWS.iter().enumerate() {
        let burn = reading.burn[index];
        let over = burn.is_some_and(|burn| burn >= 1.0);
        second.push(Span::styled(format!("{name} "), dim));
        second.push(Span::styled(format!("{:<6}", times(look, burn)), if over { hot } else { plain }));
    }
    let spark_room =
        usize::from(area.width).saturating_sub(second.iter().map(|s| text::width(&s.content)).sum::<usize>() + 2);
    second.push(Span::styled(
        format!(" {}", spark(look, &reading.history, spark_room.min(30))),
        look.style(Role::SparkBad),
    ));
    put_line(look, buffer, area, 1, &Line::from(second));
    let (full, empty) = bar(look, reading.remaining.unwrap_or(0.0), 10);
    let bar_role = if reading.remaining.is_some_and(|left| left < 0.25) { Role::BarBad } else { Role::Bar };
    let third = vec![
        Span::styled("   left  ", dim),
        Span::styled(full, look.style(bar_role)),
        Span::styled(empty, look.style(Role::BarEmpty)),
        Span::styled(format!(" {}", left_of(look, reading)), plain),
        Span::styled(format!("   {}", outlook(reading)), hot),
    ];
    put_line(look, buffer, area, 2, &Line::from(third));
}
