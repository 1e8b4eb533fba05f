//! The timeline: a line of time and words for each entry, wrapped, the newest at the end.
//!
//! A long night has thousands of entries: what is new in them is laid out when it comes, everything when the width changes,
//! and a frame looks only at the lines that it shows.

use std::cell::{Ref, RefCell};
use std::sync::Arc;

use chrono::NaiveDate;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::incident::timeline::{Row, RowKind};
use crate::incident::{Incident, SELF};
use crate::ui::frame::{more, put_line};
use crate::ui::{Look, text};

/// Columns of the time and of what stands between it and the words.
const TIME: usize = 11;

/// The timeline that was laid out last.
#[derive(Debug, Default)]
pub struct Timelines(RefCell<Laid>);

/// A timeline laid out. It has neither colours nor glyphs: those are looked up when a line is drawn.
#[derive(Debug, Default)]
pub(super) struct Laid {
    width: usize,
    rows: Vec<LaidRow>,
    lines: Vec<LaidLine>,
}

#[derive(Debug)]
struct LaidRow {
    row: Arc<Row>,
    /// Its first line; that of its day, where one begins.
    first: usize,
}

#[derive(Debug)]
enum LaidLine {
    /// Another day begins.
    Day(NaiveDate),
    /// Words of a row.
    Words {
        /// Which row.
        row: usize,
        /// Does the row begin here?
        begins: bool,
        /// The words.
        text: String,
    },
}

impl Laid {
    /// Lays out what is not laid out yet.
    fn update(&mut self, rows: &[Arc<Row>], width: usize) {
        if self.width != width {
            *self = Self { width, ..Self::default() };
        }
        let same = self.rows.iter_mut().zip(rows).map_while(|(laid, row)| {
            // After an entry that came late all rows are new ones, and most say what they said before.
            let stays = Arc::ptr_eq(&laid.row, row) || laid.row == *row;
            stays.then(|| laid.row.clone_from(row))
        });
        let same = same.count();
        if let Some(changed) = self.rows.get(same) {
            self.lines.truncate(changed.first);
            self.rows.truncate(same);
        }
        for row in &rows[same..] {
            self.add(row);
        }
    }

    fn add(&mut self, row: &Arc<Row>) {
        let first = self.lines.len();
        let day = row.at.date_naive();
        if self.rows.last().is_some_and(|before| before.row.at.date_naive() != day) {
            self.lines.push(LaidLine::Day(day));
        }
        let words = if is_of_person(row) { format!("{}  {}", row.text, row.by) } else { row.text.clone() };
        let wrapped = words.lines().flat_map(|line| text::wrap(line, self.width.saturating_sub(TIME).max(8)));
        let number = self.rows.len();
        let lines = wrapped.enumerate().map(|(at, text)| LaidLine::Words { row: number, begins: at == 0, text });
        self.lines.extend(lines);
        self.rows.push(LaidRow { row: row.clone(), first });
    }

    /// How many lines there are.
    pub(super) const fn len(&self) -> usize {
        self.lines.len()
    }

    /// The first line shown: where it was scrolled to, else so that the end is.
    pub(super) fn first(&self, scroll: Option<usize>, rows: usize) -> usize {
        let last = self.len().saturating_sub(rows);
        scroll.map_or(last, |at| at.min(last))
    }

    fn line<'a>(&'a self, look: &Look<'_>, line: &'a LaidLine) -> Line<'a> {
        let (row, begins, text) = match line {
            LaidLine::Day(day) => return Line::styled(day.to_string(), look.style(Role::Dim)),
            LaidLine::Words { row, begins, text } => (&*self.rows[*row].row, *begins, text.as_str()),
        };
        let mut spans = if begins {
            let (glyph, role) = mark(look, row.kind);
            vec![
                Span::styled(row.time(), look.style(Role::LogTime)),
                Span::raw(" "),
                Span::styled(glyph, look.style(role)),
                Span::raw(" "),
            ]
        } else {
            vec![Span::raw(" ".repeat(TIME))]
        };
        let plain = look.style(match row.kind {
            RowKind::Trouble | RowKind::ActionFailed => Role::Warning,
            RowKind::Delivery | RowKind::Unknown => Role::Dim,
            _ => Role::Text,
        });
        match text.strip_suffix(&*row.by).filter(|_| is_of_person(row)) {
            Some(before) => {
                spans.push(Span::styled(before, plain));
                spans.push(Span::styled(&*row.by, look.style(Role::Dim)));
            }
            None => spans.push(Span::styled(text, plain)),
        }
        Line::from(spans)
    }
}

/// The incident's timeline, laid out for a width in columns.
pub(super) fn laid<'a>(look: &Look<'a>, incident: &Incident, width: usize) -> Ref<'a, Laid> {
    look.timelines.0.borrow_mut().update(incident.timeline(), width);
    look.timelines.0.borrow()
}

/// Draws the lines from `first` on, as many as there is room for.
pub(super) fn render(look: &Look<'_>, laid: &Laid, first: usize, area: Rect, buffer: &mut Buffer) {
    let rows = usize::from(area.height);
    for (row, line) in laid.lines.iter().skip(first).take(rows).enumerate() {
        put_line(look, buffer, area, row as u16, &laid.line(look, line));
    }
    more(look, area, first > 0, first + rows < laid.len(), buffer);
}

fn is_of_person(row: &Row) -> bool {
    *row.by != *SELF
}

const fn mark(look: &Look<'_>, kind: RowKind) -> (&'static str, Role) {
    let glyphs = look.glyphs;
    match kind {
        RowKind::Incident => (glyphs.dot, Role::TitleFocused),
        RowKind::Status | RowKind::Severity => (glyphs.to, Role::TitleFocused),
        RowKind::Role => (glyphs.mid, Role::FocusLabel),
        RowKind::Firing => (glyphs.dot, Role::Critical),
        RowKind::Cleared => (glyphs.ok, Role::Ok),
        RowKind::Change => (glyphs.to, Role::Suspect),
        RowKind::Action => (glyphs.to, Role::Info),
        RowKind::ActionFailed | RowKind::Trouble => (glyphs.bad, Role::Failed),
        RowKind::Runbook => (glyphs.mid, Role::Info),
        RowKind::Update => (glyphs.to, Role::Ok),
        RowKind::Note | RowKind::Message => (glyphs.mid, Role::Text),
        RowKind::Delivery | RowKind::Unknown => (glyphs.mid, Role::Dim),
        RowKind::Task => (glyphs.ring, Role::Pending),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::domain::Text;
    use crate::domain::incident::entry::Stamp;

    fn row(number: u16, days: u8, words: u8) -> Arc<Row> {
        let at = "2026-11-21T23:00:00Z".parse::<crate::domain::time::Instant>().unwrap();
        let at = at + chrono::TimeDelta::days(days.into());
        let writer: Text = "w1".into();
        let by = if words.is_multiple_of(2) { SELF } else { "alice" };
        Arc::new(Row {
            at,
            stamp: Stamp::next(at + chrono::TimeDelta::seconds(number.into()), &writer, None),
            by: by.into(),
            kind: RowKind::Note,
            text: "some words\n".repeat(usize::from(words % 4)) + &"word ".repeat(words.into()),
            link: None,
        })
    }

    fn shown(laid: &Laid) -> String {
        format!("{:?}", (&laid.lines, laid.rows.iter().map(|row| (&row.row, row.first)).collect::<Vec<_>>()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        /// Rows come at the end, in between, go, change, become others that say the same; the screen is another one.
        #[test]
        fn what_is_laid_out_bit_by_bit_is_what_is_laid_out_at_once(
            turns in proptest::collection::vec((0u8..6, any::<u16>(), 0u8..3, 0u8..30), 1..40),
        ) {
            let (mut rows, mut width, mut kept) = (Vec::new(), 40, Laid::default());
            for (turn, number, days, words) in turns {
                let at = usize::from(number) % (rows.len() + 1);
                match turn {
                    0 => rows.insert(at, row(number, days, words)),
                    1 => rows = rows.iter().map(|row: &Arc<Row>| Arc::new((**row).clone())).collect(),
                    2 => rows.truncate(at),
                    3 => width = 20 + usize::from(words),
                    4 if at < rows.len() => rows[at] = row(number, days, words),
                    _ => rows.push(row(number, days, words)),
                }
                kept.update(&rows, width);
                let mut anew = Laid::default();
                anew.update(&rows, width);
                prop_assert_eq!(shown(&kept), shown(&anew));
            }
        }
    }

    #[test]
    fn what_is_there_is_not_laid_out_again() {
        let mut rows: Vec<Arc<Row>> = (0..100).map(|number| row(number, 0, 3)).collect();
        let mut laid = Laid::default();
        laid.update(&rows, 40);
        let words = |laid: &Laid, at: usize| match &laid.lines[at] {
            LaidLine::Words { text, .. } => text.as_ptr(),
            LaidLine::Day(_) => unreachable!(),
        };
        // The same text in memory: nobody has made it again.
        let (first, lines) = (words(&laid, 0), laid.len());
        rows.push(row(100, 0, 3));
        laid.update(&rows, 40);
        assert_eq!(words(&laid, 0), first);
        assert!(laid.len() > lines);
        // A late entry folds everything again: the rows are other ones that say the same.
        rows = rows.iter().map(|row| Arc::new((**row).clone())).collect();
        rows.insert(90, row(200, 0, 3));
        laid.update(&rows, 40);
        assert_eq!(words(&laid, 0), first);
        assert!(laid.rows.iter().zip(&rows).all(|(laid, row)| Arc::ptr_eq(&laid.row, row)), "compared once");
    }
}
