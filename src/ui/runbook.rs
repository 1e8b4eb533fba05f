//! The desk: left the runbook's text, right the step at which the run stands with what it is about to do and what came
//! of it, below them all steps as a strip, and the line that is being typed.

mod page;
mod side;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use self::page::Sheets;
use self::page::sheet;
use self::side::side;
use super::frame::put;
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::domain::time::{age, span_fine};
use crate::runbook::{Runbook, Shelf};
use crate::state::input::Input;
use crate::state::runbook::{Desk, Mark, Prompt, marks};

struct Parts {
    document: Rect,
    side: Rect,
    strip: Rect,
    prompt: Rect,
}

impl Parts {
    /// Columns of the runbook's text, right of its marks.
    fn text_width(&self) -> usize {
        usize::from(self.document.width).saturating_sub(3)
    }
}

fn parts(inner: Rect, prompting: bool) -> Parts {
    let below = if prompting { 3 } else { 2 };
    let height = inner.height.saturating_sub(below);
    // The step's side says what matters now: on a narrow screen it has more than half.
    let left = if inner.width < 100 { inner.width * 45 / 100 } else { inner.width * 52 / 100 };
    let document = Rect { x: inner.x, y: inner.y, width: left.saturating_sub(1), height };
    let side = Rect { x: inner.x + left + 1, y: inner.y, width: inner.width.saturating_sub(left + 2), height };
    let strip = Rect { x: inner.x + 1, y: inner.y + height + 1, width: inner.width.saturating_sub(2), height: 1 };
    let prompt = Rect { y: strip.y + 1, height: u16::from(prompting), ..strip };
    Parts { document, side, strip, prompt }
}

const fn inside(area: Rect) -> Rect {
    Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height.saturating_sub(2) }
}

/// Lines and rows of both sides, and the first line of the document as it is shown now: for scrolling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Lines of the document.
    pub document: usize,
    /// Rows that there are for it.
    pub rows: usize,
    /// The first line shown.
    pub first: usize,
    /// Lines of the step's side.
    pub side: usize,
}

/// How much there is to show.
pub fn extent(look: &Look<'_>, area: Rect) -> Extent {
    let desk = &look.session.desk;
    let places = parts(inside(area), desk.view.prompt.is_some());
    let Some(sheet) = sheet(look, places.text_width()) else { return Extent::default() };
    let rows = usize::from(places.document.height);
    let side = side(look, desk, usize::from(places.side.width));
    Extent { document: sheet.lines.len(), rows, first: sheet.first(desk, rows), side: side.len() }
}

/// Draws it over the body.
pub fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let desk = &look.session.desk;
    let Some(book) = desk.book() else { return };
    let right = match desk.run() {
        Some(run) if run.end().is_some() => "over".to_owned(),
        Some(run) => format!("run {}", span_fine((look.now - run.began()).num_seconds())),
        None => format!("not begun {} {}", look.glyphs.mid, origin(look, book)),
    };
    let inner =
        overlay::open(look, area, (area.width, area.height), &format!("Runbook: {}", book.title), &right, buffer);
    let places = parts(inner, desk.view.prompt.is_some());
    if let Some(sheet) = sheet(look, places.text_width()) {
        page::render(look, &sheet, places.document, buffer);
    }
    for y in places.document.top()..places.document.bottom() {
        put(buffer, places.document.right(), y, look.glyphs.part, look.style(Role::Border));
    }
    let lines = side(look, desk, usize::from(places.side.width));
    overlay::scrolled(look, &lines, desk.view.side, places.side, buffer);
    strip(look, desk, book, places.strip, buffer);
    if let Some(prompt) = &desk.view.prompt {
        typing(look, prompt, places.prompt, buffer);
    }
}

fn glyph(look: &Look<'_>, mark: Mark) -> (&'static str, Role) {
    match mark {
        Mark::Ahead => (look.glyphs.mid, Role::Dim),
        Mark::Here => (look.glyphs.to, Role::TitleFocused),
        Mark::Passed => (look.glyphs.ok, Role::Ok),
        Mark::Failed => (look.glyphs.bad, Role::Failed),
        Mark::Skipped => (look.glyphs.ring, Role::Dim),
    }
}

/// `shipped`, or the file and how old it is.
fn origin(look: &Look<'_>, book: &Runbook) -> String {
    let old = book.origin.modified.map_or_else(String::new, |at| format!(", {} old", age(at, look.now)));
    match book.origin.shelf {
        Shelf::Shipped => "shipped".to_owned(),
        shelf => format!("{}{old}", shelf.word()),
    }
}

/// `✓ ✓ ✗ → · ·`.
fn strip(look: &Look<'_>, desk: &Desk, book: &Runbook, area: Rect, buffer: &mut Buffer) {
    let all = desk.run().map_or_else(|| vec![Mark::Ahead; book.steps.len()], marks);
    let room = usize::from(area.width) / 2;
    let here =
        all.iter().position(|mark| *mark == Mark::Here).unwrap_or(if desk.run().is_some() { all.len() } else { 0 });
    // Where not all have room, those around the step have.
    let first = if all.len() <= room { 0 } else { here.saturating_sub(room / 2).min(all.len() - room) };
    let mut x = area.x;
    for mark in all.iter().skip(first).take(room) {
        let (glyph, role) = glyph(look, *mark);
        put(buffer, x, area.y, glyph, look.style(role));
        x += 2;
    }
    let step = desk.run().filter(|run| run.end().is_none()).and_then(|run| book.steps.get(run.place()));
    if let Some(section) = step.and_then(|step| book.sections.get(step.section)) {
        let left = usize::from(area.right().saturating_sub(x + 2));
        let title = text::cut(&section.title, left, look.glyphs.cut);
        put(buffer, area.right().saturating_sub(text::width(&title) as u16), area.y, &title, look.style(Role::Dim));
    }
}

fn typing(look: &Look<'_>, prompt: &Prompt, area: Rect, buffer: &mut Buffer) {
    let why = prompt.notice.as_deref();
    let ask = why.map_or_else(|| prompt.ask.clone(), |why| format!("{} ({why})", prompt.ask));
    let room = usize::from(area.width) * 3 / 5;
    let ask = text::cut(&ask, room, look.glyphs.cut);
    put(buffer, area.x, area.y, &ask, look.style(if why.is_some() { Role::Warning } else { Role::Title }));
    let x = area.x + text::width(&ask) as u16 + 1;
    let place = Rect { x, width: area.right().saturating_sub(x), ..area };
    if prompt.purpose.is_secret() {
        let hidden = Input::with(&"*".repeat(prompt.input.text().chars().count()));
        footer::field(look, &hidden, "", place, buffer);
    } else {
        footer::field(look, &prompt.input, "", place, buffer);
    }
}
