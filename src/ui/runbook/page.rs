//! The left side of the desk: the runbook's text with its values, marked with how the steps went.
//!
//! A runbook may be as large as 10 MB: it is laid out when it, its width or its values change, and a frame looks only at
//! the lines that it shows.

use std::cell::RefCell;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::glyph;
use crate::config::theme::Role;
use crate::runbook::Runbook;
use crate::runbook::parameter::Values;
use crate::runbook::run::resolve::told;
use crate::state::runbook::{Desk, marks};
use crate::ui::Look;
use crate::ui::document::{Laid, Tone, lay};
use crate::ui::frame::{more, put, put_line};

/// The sheet that was laid out last.
#[derive(Debug, Default)]
pub struct Sheets(RefCell<Option<Arc<Sheet>>>);

/// A runbook laid out.
#[derive(Debug)]
pub(super) struct Sheet {
    book: Arc<Runbook>,
    width: usize,
    values: Values,
    pub lines: Vec<Laid>,
    /// The step that each line belongs to.
    steps: Vec<Option<usize>>,
    /// The step that begins at each line.
    begins: Vec<Option<usize>>,
}

impl Sheet {
    fn new(book: &Arc<Runbook>, width: usize, values: Values) -> Self {
        let lines = lay(&book.blocks, width, &|text| told(text, &values));
        let last = lines.iter().map(|line| line.source).max().unwrap_or(0);
        let mut of_source = vec![None; last + 1];
        // Where a line is of several, it is of the first.
        for (number, step) in book.steps.iter().enumerate().rev() {
            for slot in step.lines.clone().filter(|line| *line <= last) {
                of_source[slot] = Some(number);
            }
        }
        let steps: Vec<Option<usize>> = lines.iter().map(|line| of_source[line.source]).collect();
        let mut marked = None;
        let begins = lines.iter().zip(&steps).map(|(line, step)| {
            let begins = step.filter(|_| *step != marked && !line.pieces.is_empty());
            marked = begins.or(marked);
            begins
        });
        Self { begins: begins.collect(), book: book.clone(), width, values, lines, steps }
    }

    /// The first line that is shown: where it was scrolled to, else so that the step is in sight.
    pub fn first(&self, desk: &Desk, rows: usize) -> usize {
        let last = self.lines.len().saturating_sub(rows);
        if let Some(first) = desk.view.document {
            return first.min(last);
        }
        let Some(run) = desk.run() else { return 0 };
        if run.end().is_some() {
            return last;
        }
        let here = Some(run.place());
        let at = (0..self.lines.len()).find(|at| self.steps[*at] == here && !self.lines[*at].pieces.is_empty());
        let at = at.unwrap_or(0);
        let end = self.steps.iter().rposition(|step| *step == here).unwrap_or(at);
        // The whole step where it has room, with a little of what stands before it.
        if end < rows && at + 2 < rows { 0 } else { at.saturating_sub(2).min(last) }
    }
}

/// What is on the desk, laid out for a width in columns.
pub(super) fn sheet(look: &Look<'_>, width: usize) -> Option<Arc<Sheet>> {
    let desk = &look.session.desk;
    let book = desk.book()?;
    let values = desk.values();
    let mut kept = look.sheets.0.borrow_mut();
    let fits = |sheet: &&Arc<Sheet>| Arc::ptr_eq(&sheet.book, book) && sheet.width == width && sheet.values == values;
    if let Some(sheet) = kept.as_ref().filter(fits) {
        return Some(sheet.clone());
    }
    let sheet = Arc::new(Sheet::new(book, width, values));
    *kept = Some(sheet.clone());
    Some(sheet)
}

pub(super) fn render(look: &Look<'_>, sheet: &Sheet, area: Rect, buffer: &mut Buffer) {
    let desk = &look.session.desk;
    let rows = usize::from(area.height);
    let first = sheet.first(desk, rows);
    let all = desk.run().map(marks).unwrap_or_default();
    let here = desk.run().filter(|run| run.end().is_none()).map(crate::runbook::run::Run::place);
    for (row, at) in (first..sheet.lines.len()).take(rows).enumerate() {
        let (line, row) = (&sheet.lines[at], row as u16);
        if here.is_some() && sheet.steps[at] == here {
            put(buffer, area.x, area.y + row, look.glyphs.bar, look.style(Role::SelectionBar));
        }
        if let Some(mark) = sheet.begins[at].and_then(|step| all.get(step)) {
            let (glyph, role) = glyph(look, *mark);
            put(buffer, area.x + 1, area.y + row, glyph, look.style(role));
        }
        let spans: Vec<Span<'static>> =
            line.pieces.iter().map(|(tone, text)| Span::styled(text.clone(), look.style(role(*tone)))).collect();
        let place = Rect { x: area.x + 3, width: area.width.saturating_sub(3), ..area };
        put_line(look, buffer, place, row, &Line::from(spans));
    }
    more(look, area, first > 0, first + rows < sheet.lines.len(), buffer);
}

const fn role(tone: Tone) -> Role {
    match tone {
        Tone::Plain => Role::Text,
        Tone::Heading(1..=2) => Role::TitleFocused,
        Tone::Heading(_) | Tone::Strong | Tone::Emphasis => Role::Title,
        Tone::Code => Role::Info,
        Tone::Dim => Role::Dim,
        Tone::Link => Role::FocusLabel,
    }
}
