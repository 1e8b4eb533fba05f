//! The rollouts pane: what changed, newest first, suspects on top.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Pane;
use crate::config::keymap::Scope;
use crate::config::theme::Role;
use crate::domain::Text;
use crate::domain::object::ObjectRef;
use crate::domain::rollout::{RolloutPhase, Strategy};
use crate::domain::target::WorkloadKind;
use crate::domain::time::{age, span};
use crate::state::command::CommandInfo;
use crate::state::context::NamespaceScope;
use crate::state::pane::PaneId;
use crate::state::rows::RolloutRow;
use crate::state::table::Window;
use crate::ui::columns::{Cells, Column, share};
use crate::ui::frame::{Title, mark, more, put_line, select};
use crate::ui::{Look, source, text};

/// The pane.
pub const PANE: Pane =
    Pane { id: PaneId::Rollouts, scope: Scope::Rollouts, commands: COMMANDS, title, render, steps_to };

const COMMANDS: &[CommandInfo] = &[];

fn title(look: &Look<'_>) -> Title {
    let table = &look.world.rollouts;
    let counts = match (table.is_empty(), table.shown_attention()) {
        (true, _) => String::new(),
        (false, 0) => format!("{} {} newest first", table.shown_len(), look.glyphs.mid),
        (false, bad) => format!("{bad} of {} to look at", table.shown_len()),
    };
    let (right, role) = source::with_age(look, &counts, PaneId::Rollouts.sources());
    Title { name: "Rollouts".into(), detail: super::narrowed(look, PaneId::Rollouts), right, role }
}

/// The version that an image names: its tag, or the beginning of its digest.
pub fn version(image: &str) -> String {
    if let Some((name, digest)) = image.split_once('@') {
        let tag = tag_of(name);
        return if tag.is_empty() {
            digest.trim_start_matches("sha256:").chars().take(10).collect()
        } else {
            tag.to_owned()
        };
    }
    let tag = tag_of(image);
    if tag.is_empty() { "latest".to_owned() } else { tag.to_owned() }
}

/// The tag; a colon before a slash is a registry's port.
fn tag_of(image: &str) -> &str {
    image.rsplit_once(':').map_or("", |(_, tag)| if tag.contains('/') { "" } else { tag })
}

/// What runs and what ran before: of the first container whose image differs, else of the first.
fn versions(look: &Look<'_>, row: &RolloutRow) -> String {
    let now = &row.row.images;
    let Some(first) = now.first() else { return look.glyphs.none.to_owned() };
    let before: Option<&[Text]> = look.world.previous_revision(&row.row).map(|revision| &*revision.images);
    let changed = before.and_then(|before| now.iter().zip(before).find(|(now, before)| now != before));
    match changed {
        Some((now, before)) => format!("{} {} {}", version(now), look.glyphs.from, version(before)),
        None => version(first),
    }
}

/// Mark and role of a phase.
pub fn phase(look: &Look<'_>, row: &RolloutRow) -> (&'static str, Role) {
    let glyphs = look.glyphs;
    if row.overtaken {
        return (glyphs.bad, Role::Dim);
    }
    match &row.row.rollout.phase {
        _ if row.blocked.is_some() => (glyphs.bad, Role::Unhealthy),
        RolloutPhase::Complete => (glyphs.ok, Role::Ok),
        RolloutPhase::Stuck { .. } | RolloutPhase::Degraded { .. } => (glyphs.bad, Role::Unhealthy),
        RolloutPhase::Paused | RolloutPhase::Held { .. } => (glyphs.half, Role::Pending),
        RolloutPhase::Unobserved | RolloutPhase::Progressing { .. } => (glyphs.wait, Role::Pending),
    }
}

/// A phase in words, where it is not complete.
pub fn phase_words(phase: &RolloutPhase) -> String {
    match phase {
        RolloutPhase::Complete => String::new(),
        RolloutPhase::Unobserved => "not seen by its controller yet".into(),
        RolloutPhase::Progressing { waiting_for } => format!("waits for {waiting_for}"),
        RolloutPhase::Paused => "paused".into(),
        RolloutPhase::Stuck { why } => format!("stuck: {why}"),
        RolloutPhase::Degraded { why } | RolloutPhase::Held { why } => why.to_string(),
    }
}

/// Where a row stands, in words: the phase, with what only its kind and its pods tell.
pub fn words(look: &Look<'_>, row: &RolloutRow) -> String {
    if let Some(blocked) = &row.blocked {
        return blocked.words();
    }
    let phase = &row.row.rollout.phase;
    match (row.row.progressive(), phase) {
        (Some(progressive), RolloutPhase::Paused) => {
            let pause = progressive.pause.as_ref();
            let until = pause.map_or_else(String::new, |pause| match pause.until {
                Some(until) if until > look.now => format!(", goes on in {}", span((until - look.now).num_seconds())),
                _ => format!(", {}", pause.why),
            });
            let at = if matches!(progressive.strategy, Strategy::Canary { .. }) { " at" } else { ":" };
            format!("paused{at} {}{until}", progressive.place())
        }
        (Some(progressive), RolloutPhase::Progressing { .. }) if !progressive.is_promoted() => {
            let step = match &progressive.strategy {
                Strategy::Canary { doing: Some(doing), .. } => format!(" ({doing})"),
                _ => String::new(),
            };
            format!("{}{step}: {}", progressive.place(), phase_words(phase))
        }
        _ if row.row.batch().is_some() => match phase {
            RolloutPhase::Stuck { why } if row.overtaken => format!("{why}; has succeeded since"),
            RolloutPhase::Stuck { why } => why.to_string(),
            _ => phase_words(phase),
        },
        _ => phase_words(phase),
    }
}

fn name(look: &Look<'_>, row: &RolloutRow) -> String {
    let id = &row.row.id;
    // The kind is said where it is not the usual one, the namespace where several are shown.
    let kind = if id.kind == WorkloadKind::Deployment { id.name.to_string() } else { id.short() };
    match look.context.namespace {
        NamespaceScope::All => format!("{}/{kind}", id.namespace),
        NamespaceScope::One(_) => kind,
    }
}

/// What a second line says: the suspicion, else nothing.
fn suspicion(row: &RolloutRow) -> Option<String> {
    let suspect = row.suspect.as_ref()?;
    Some(format!("suspect: went out {} before {}", span(suspect.seconds_before), suspect.alert))
}

/// Where a row stands, when that is more than a column can say and someone has to read it all: a pod in the way, a
/// canary between two revisions. Over two lines where the pane is high enough.
fn standing(look: &Look<'_>, row: &RolloutRow, area: Rect) -> Vec<String> {
    let between = row.row.progressive().is_some_and(|progressive| !progressive.is_promoted());
    if row.blocked.is_none() && !(between && row.row.rollout.phase != RolloutPhase::Complete) {
        return Vec::new();
    }
    let width = usize::from(area.width).saturating_sub(4);
    let words = words(look, row);
    if area.height < 6 || text::width(&words) <= width {
        return vec![text::cut(&words, width, look.glyphs.cut)];
    }
    let mut lines = text::wrap(&words, width);
    if lines.len() > 2 {
        lines.truncate(1);
        lines.push(text::cut(words[lines[0].len()..].trim_start(), width, look.glyphs.cut));
    }
    lines
}

fn lines(look: &Look<'_>, row: &RolloutRow, area: Rect) -> usize {
    1 + usize::from(row.suspect.is_some()) + standing(look, row, area).len()
}

fn window<'a>(look: &Look<'a>, area: Rect) -> Window<'a, RolloutRow> {
    let above = look.session.view(PaneId::Rollouts).above;
    look.world
        .rollouts
        .window(look.session.cursors.rollouts.as_ref(), above, area.height.into(), |row| lines(look, row, area))
}

fn steps_to(look: &Look<'_>, area: Rect, line: u16) -> Option<i64> {
    let area = source::above_footnote(look, PaneId::Rollouts.sources(), area);
    super::steps(&window(look, area), |row| lines(look, row, area), line)
}

fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let sources = PaneId::Rollouts.sources();
    let table = &look.world.rollouts;
    if table.shown_len() == 0 {
        let calm = super::nothing(look, PaneId::Rollouts, "workloads", "no workloads here");
        return source::explain(look, sources, &calm, area, buffer);
    }
    let area = source::footnote(look, sources, area, buffer);
    let window = window(look, area);
    let widest = |of: &dyn Fn(&RolloutRow) -> usize| window.rows.iter().map(|row| of(row)).max().unwrap_or(0);
    let widths = share(
        usize::from(area.width).saturating_sub(2),
        &[
            Column::flexible(10, widest(&|row| text::width(&name(look, row))), 0),
            Column::flexible(8, widest(&|row| text::width(&versions(look, row))), 1),
            Column::fixed(7, 3),
            Column::fixed(4, 0),
            Column::fixed(8, 4),
            Column::fixed(7, 0),
            Column::flexible(14, widest(&|row| text::width(&beside(look, row, area))), 2),
        ],
    );
    let mut top: u16 = 0;
    for (index, row) in window.rows.iter().enumerate() {
        put_line(look, buffer, area, top, &main_line(look, row, &widths, &beside(look, row, area)));
        let taken = lines(look, row, area) as u16;
        if let Some(suspicion) = suspicion(row) {
            let mut spans = vec![Span::styled(format!("   {suspicion}"), look.style(Role::Suspect))];
            if look.offers_actions && row.row.id.kind == WorkloadKind::Deployment {
                let key = look.key_of("rollback");
                spans.push(Span::raw("  "));
                spans.push(Span::styled(key, look.style(Role::Key)));
                spans.push(Span::styled(" undo", look.style(Role::KeyLabel)));
            }
            let used: usize = spans.iter().map(|span| text::width(&span.content)).sum();
            if used > usize::from(area.width) {
                let cut = text::cut(&spans[0].content, usize::from(area.width).saturating_sub(1), look.glyphs.cut);
                spans = vec![Span::styled(cut, look.style(Role::Suspect))];
            }
            put_line(look, buffer, area, top + 1, &Line::from(spans));
        }
        let below = standing(look, row, area);
        let first = top + taken - below.len() as u16;
        let (_, role) = phase(look, row);
        for (line, words) in (first..).zip(below) {
            put_line(look, buffer, area, line, &Line::styled(format!("   {words}"), look.style(role)));
        }
        if window.selected == Some(index) {
            select(look, PaneId::Rollouts, area, top, taken, buffer);
        }
        if look.session.marks.has(PaneId::Rollouts, || ObjectRef::from(&row.row.id)) {
            mark(look, area, top, buffer);
        }
        top += taken;
    }
    more(look, area, window.above, window.below, buffer);
}

/// What stands at the end of the first line: where the row stands, unless lines below say it.
fn beside(look: &Look<'_>, row: &RolloutRow, area: Rect) -> String {
    if standing(look, row, area).is_empty() { words(look, row) } else { String::new() }
}

fn main_line(look: &Look<'_>, row: &RolloutRow, widths: &[usize], words: &str) -> Line<'static> {
    let rollout = &row.row.rollout;
    let (glyph, role) = phase(look, row);
    let (plain, dim) = (look.style(Role::Text), look.style(Role::Dim));
    let mut cells = Cells::new(look.glyphs);
    cells.raw(" ", plain);
    cells
        .left(&name(look, row), widths[0], plain)
        .left(&versions(look, row), widths[1], plain)
        .left(&row.row.revision.map_or_else(String::new, |revision| format!("rev {revision}")), widths[2], dim)
        .right(&age(row.since(), look.now), widths[3], dim);
    // A CronJob has no pods of its own to count.
    let counts = row.row.id.kind != WorkloadKind::CronJob;
    if widths[4] > 0 && !counts {
        cells.raw(" ".repeat(widths[4] + 4), plain);
    } else if widths[4] > 0 {
        let ratio = if rollout.desired == 0 { 1.0 } else { f64::from(rollout.ready) / f64::from(rollout.desired) };
        let (full, empty) = super::slo::bar(look, ratio, widths[4]);
        let bar = if role == Role::Ok { Role::Bar } else { Role::BarBad };
        cells.raw("  ", plain).raw(full, look.style(bar)).raw(empty, look.style(Role::BarEmpty)).raw("  ", plain);
    } else {
        cells.raw("  ", plain);
    }
    let ready = if counts { format!("{}/{} {glyph}", rollout.ready, rollout.desired) } else { format!("    {glyph}") };
    cells.left(&ready, widths[5], look.style(role)).left(
        words,
        widths[6],
        if role == Role::Unhealthy { look.style(role) } else { dim },
    );
    cells.line()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_version_is_the_tag_and_never_a_port() {
        assert_eq!(version("registry:5000/shop/payment:2.4.0"), "2.4.0");
        assert_eq!(version("registry:5000/shop/payment"), "latest");
        assert_eq!(version("payment:2.4.0@sha256:abcdef0123456789"), "2.4.0");
        assert_eq!(version("payment@sha256:abcdef0123456789"), "abcdef0123");
    }
}
