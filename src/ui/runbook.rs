//! The desk: left the runbook's text, right the step at which the run stands with what it is about to do and what came
//! of it, below them all steps as a strip, and the line that is being typed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::document::{Laid, Tone, lay};
use super::frame::{more, put, put_line};
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::domain::time::{age, span_fine};
use crate::runbook::run::record::{RunEnd, Verdict};
use crate::runbook::run::work::Question;
use crate::runbook::run::{Phase, Run};
use crate::runbook::{Runbook, Shelf};
use crate::state::input::Input;
use crate::state::runbook::{Desk, Mark, Page, Prompt, marks};

/// Lines of the output of the step before: what it found stands below, and should stay in sight.
const SHOWN: usize = 6;

/// Places of the parts.
struct Parts {
    document: Rect,
    side: Rect,
    strip: Rect,
    prompt: Rect,
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
    let Some(book) = desk.book() else { return Extent::default() };
    let places = parts(inside(area), desk.view.prompt.is_some());
    let laid = laid(desk, book, usize::from(places.document.width).saturating_sub(3));
    let rows = usize::from(places.document.height);
    let side = side(look, desk, usize::from(places.side.width));
    Extent { document: laid.len(), rows, first: first_line(desk, book, &laid, rows), side: side.len() }
}

fn laid(desk: &Desk, book: &Runbook, width: usize) -> Vec<Laid> {
    match desk.run() {
        Some(run) => lay(&book.blocks, width, &|text| run.told(text)),
        None => lay(&book.blocks, width, &str::to_owned),
    }
}

/// The first line of the document: where it was scrolled to, else so that the step is in sight.
fn first_line(desk: &Desk, book: &Runbook, laid: &[Laid], rows: usize) -> usize {
    let last = laid.len().saturating_sub(rows);
    if let Some(first) = desk.view.document {
        return first.min(last);
    }
    let step = desk.run().and_then(|run| book.steps.get(run.place()));
    let Some(step) = step else { return if desk.run().is_some_and(|run| run.end().is_some()) { last } else { 0 } };
    let at = laid.iter().position(|line| step.lines.contains(&line.source) && !line.pieces.is_empty()).unwrap_or(0);
    let end = laid.iter().rposition(|line| step.lines.contains(&line.source)).unwrap_or(at);
    // The whole step where it has room, with a little of what stands before it.
    let wanted = at.saturating_sub(2);
    if end < rows && at + 2 < rows { 0 } else { wanted.min(last) }
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
    document(look, desk, book, places.document, buffer);
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

fn document(look: &Look<'_>, desk: &Desk, book: &Runbook, area: Rect, buffer: &mut Buffer) {
    let laid = laid(desk, book, usize::from(area.width).saturating_sub(3));
    let rows = usize::from(area.height);
    let first = first_line(desk, book, &laid, rows);
    let all = desk.run().map(marks).unwrap_or_default();
    let here = desk.run().filter(|run| run.end().is_none()).and_then(|run| book.steps.get(run.place()));
    let mut marked = None;
    for (at, line) in laid.iter().enumerate() {
        let step = book.steps.iter().position(|step| step.lines.contains(&line.source));
        let begins = step.is_some() && step != marked && !line.pieces.is_empty();
        if begins {
            marked = step;
        }
        if at < first || at >= first + rows {
            continue;
        }
        let row = (at - first) as u16;
        let is_here = here.is_some_and(|here| here.lines.contains(&line.source));
        if is_here {
            put(buffer, area.x, area.y + row, look.glyphs.bar, look.style(Role::SelectionBar));
        }
        if let (true, Some(mark)) = (begins, step.and_then(|step| all.get(step))) {
            let (glyph, role) = glyph(look, *mark);
            put(buffer, area.x + 1, area.y + row, glyph, look.style(role));
        }
        let spans: Vec<Span<'static>> =
            line.pieces.iter().map(|(tone, text)| Span::styled(text.clone(), look.style(role(*tone)))).collect();
        let place = Rect { x: area.x + 3, width: area.width.saturating_sub(3), ..area };
        put_line(look, buffer, place, row, &Line::from(spans));
    }
    more(look, area, first > 0, first + rows < laid.len(), buffer);
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

struct Side<'a> {
    look: &'a Look<'a>,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Side<'_> {
    fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| line.width() > 0) {
            self.lines.push(Line::default());
        }
    }

    /// A text over as many lines as it needs.
    fn say(&mut self, what: &str, role: Role) {
        for line in text::wrap(what, self.width) {
            self.lines.push(Line::styled(line, self.look.style(role)));
        }
    }

    /// A sign, and a text that hangs after it.
    fn signed(&mut self, sign: &str, sign_role: Role, what: &str, role: Role) {
        let indent = text::width(sign) + 1;
        for (at, line) in text::wrap(what, self.width.saturating_sub(indent).max(8)).into_iter().enumerate() {
            let sign = if at == 0 { format!("{sign} ") } else { " ".repeat(indent) };
            self.lines.push(Line::from(vec![
                Span::styled(sign, self.look.style(sign_role)),
                Span::styled(line, self.look.style(role)),
            ]));
        }
    }

    /// Output as it came: cut, never broken.
    fn raw(&mut self, what: &str, role: Role) {
        for line in what.lines() {
            let line = text::cut(line, self.width, self.look.glyphs.cut);
            self.lines.push(Line::styled(line, self.look.style(role)));
        }
    }
}

fn side<'a>(look: &'a Look<'a>, desk: &Desk, width: usize) -> Vec<Line<'static>> {
    let mut side = Side { look, width, lines: Vec::new() };
    match (desk.runs.last(), &desk.page) {
        (Some(walked), _) => {
            if let Some(why) = &walked.broken {
                side.signed(look.glyphs.bad, Role::Failed, &format!("its log cannot be written: {why}"), Role::Failed);
                side.gap();
            }
            if walked.edited {
                let what = "the file was edited since it began; the run keeps the version it began with";
                side.signed(look.glyphs.careful, Role::Warning, what, Role::Warning);
                side.gap();
            }
            if desk.runs.len() > 1 {
                let around: Vec<&str> = desk.runs.iter().map(|walked| walked.run.book().id.as_str()).collect();
                side.say(&around.join(" → "), Role::Dim);
                side.gap();
            }
            step(&mut side, &walked.run);
            so_far(&mut side, &walked.run);
        }
        (None, Some(page)) => before(&mut side, page),
        (None, None) => {}
    }
    if let Some(busy) = &desk.busy {
        side.gap();
        side.signed(look.glyphs.wait, Role::Pending, busy, Role::Pending);
    }
    side.lines
}

/// The runbook before it begins.
fn before(side: &mut Side<'_>, page: &Page) {
    let look = side.look;
    let book = &page.book;
    if let Some(what) = &book.meta.description {
        side.say(what, Role::Text);
        side.gap();
    }
    side.say(&page.why, Role::FocusLabel);
    side.say(&format!("{}: {}", book.origin.shelf.word(), book.origin.place), Role::Dim);
    if let Some(at) = book.origin.modified {
        side.say(&format!("changed {} ago", age(at, look.now)), Role::Dim);
    }
    if let Some(owner) = &book.meta.owner {
        side.say(&format!("kept by {owner}"), Role::Dim);
    }
    side.gap();
    for parameter in &book.parameters {
        let (value, role) = match page.values.get(&parameter.name) {
            Some(_) if parameter.secret => ("(secret)".to_owned(), Role::Dim),
            Some(value) => (value.to_string(), Role::Title),
            None if parameter.required => ("is asked when it begins".to_owned(), Role::Warning),
            None => ("not set".to_owned(), Role::Dim),
        };
        side.signed(&parameter.name, Role::Dim, &value, role);
    }
    for remark in &page.remarks {
        side.signed(look.glyphs.careful, Role::Warning, remark, Role::Warning);
    }
    side.gap();
    let writes = book.steps.iter().filter(|step| step.kind.writes()).count();
    let changes = match writes {
        0 => "none changes anything".to_owned(),
        1 => "one changes something, and asks first".to_owned(),
        many => format!("{many} change something, and ask first"),
    };
    side.say(&format!("{}, {changes}", text::count(book.steps.len(), "step", "steps")), Role::Text);
    side.gap();
    side.say(&format!("{} begins", look.key_of("step-run")), Role::Key);
}

/// The step at which the run stands.
fn step(side: &mut Side<'_>, run: &Run) {
    let look = side.look;
    if let Some(end) = run.end() {
        let (sign, role) =
            if end.is_good() { (look.glyphs.ok, Role::Ok) } else { (look.glyphs.careful, Role::Warning) };
        side.signed(sign, role, &ended(end), role);
        side.gap();
        return;
    }
    let Some(step) = run.step() else { return };
    let count = run.book().steps.len();
    let head = format!("{}/{count}", run.place() + 1);
    side.signed(&head, Role::Dim, &run.told(&step.title), Role::TitleFocused);
    side.say(step.kind.word(), Role::Dim);
    side.gap();
    let preview = match run.phase() {
        Phase::Running { work, .. } => Some(Ok(work.describe())),
        // It says itself what was being done.
        Phase::Unknown { .. } => None,
        _ => run.preview().map(|preview| preview.map(|work| work.describe())),
    };
    match preview {
        Some(Ok(lines)) => {
            for line in lines {
                side.signed("›", Role::Dim, &run.masked(&line), Role::Info);
            }
        }
        Some(Err(why)) => side.signed(look.glyphs.bad, Role::Failed, &why, Role::Failed),
        None => {}
    }
    side.gap();
    phase(side, run);
    if let Some(visit) = run.visits().get(run.place()).filter(|visit| visit.verdict.is_some()) {
        result(side, visit.verdict, &visit.detail, &visit.output.text);
    }
    let notes: Vec<_> = run.notes().iter().filter(|(_, _, place, _)| *place == run.place()).collect();
    for (at, who, _, note) in notes {
        side.say(&format!("{} {who}: {note}", at.format("%H:%MZ")), Role::Dim);
    }
}

fn result(side: &mut Side<'_>, verdict: Option<Verdict>, detail: &str, output: &str) {
    let (sign, role) = match verdict {
        Some(Verdict::Passed) => (side.look.glyphs.ok, Role::Ok),
        Some(Verdict::Failed) => (side.look.glyphs.bad, Role::Failed),
        _ => (side.look.glyphs.ring, Role::Dim),
    };
    side.signed(sign, role, detail, role);
    side.raw(output, Role::Text);
    side.gap();
}

/// What it waits for.
fn phase(side: &mut Side<'_>, run: &Run) {
    let look = side.look;
    let key = |command: &str| look.key_of(command);
    match run.phase() {
        Phase::Ready => {
            let writes = run.step().is_some_and(|step| step.kind.writes());
            let what = if writes { "plans it; nothing is sent before you agree" } else { "goes on" };
            side.say(&format!("{} {what}", key("step-run")), Role::Key);
        }
        Phase::Running { .. } => {
            let since = run.visits().get(run.place()).and_then(|visit| visit.began);
            let since = since.map_or(0, |since| (look.now - since).num_seconds());
            side.signed(look.glyphs.wait, Role::Pending, &format!("under way, {}", span_fine(since)), Role::Pending);
        }
        Phase::Asking(question) => asking(side, run, question),
        Phase::Halted { why, rollback } => {
            side.signed(look.glyphs.bad, Role::Failed, why, Role::Failed);
            let retry = format!("{} tries again, {} skips it", key("step-retry"), key("step-skip"));
            let back = rollback.map_or_else(String::new, |_| format!(", {} takes it back", key("step-undo")));
            side.say(&format!("{retry}{back}, {} gives up", key("step-abort")), Role::Key);
        }
        Phase::Unknown { work, since } => {
            let what = format!("it was cut off {} ago, and nobody knows how it ended", age(*since, look.now));
            side.signed(look.glyphs.careful, Role::Warning, &what, Role::Warning);
            for line in work {
                side.signed("›", Role::Dim, line, Role::Info);
            }
            let keys = format!(
                "the audit log may know; then {} says it was done, {} does it again, {} skips it",
                key("step-done"),
                key("step-retry"),
                key("step-skip")
            );
            side.say(&keys, Role::Key);
        }
        Phase::Ended(_) => {}
    }
    side.gap();
}

fn asking(side: &mut Side<'_>, run: &Run, question: &Question) {
    let look = side.look;
    let key = |command: &str| look.key_of(command);
    match question {
        Question::Manual(what) => {
            side.say(&run.masked(what), Role::Text);
            side.gap();
            side.say(&format!("{} it is done, {} it cannot be done", key("step-run"), key("step-decline")), Role::Key);
        }
        Question::Approve(what) => {
            side.say(&run.masked(what), Role::Text);
            side.gap();
            side.say(&format!("{} agrees, {} does not", key("step-run"), key("step-decline")), Role::Key);
        }
        Question::Confirm(_) => {
            side.say(&format!("{} does it, {} does not", key("step-run"), key("step-decline")), Role::Key);
        }
        Question::Input { ask, .. } => {
            side.say(&run.masked(ask), Role::Text);
            side.say(&format!("{} answers", key("step-run")), Role::Key);
        }
        Question::Choice { ask, options } => {
            side.say(&run.masked(ask), Role::Text);
            for (at, option) in options.iter().enumerate() {
                side.signed(&(at + 1).to_string(), Role::Key, &run.masked(option), Role::Text);
            }
        }
    }
}

/// The steps before, the last one first: what they found leads to what is done now.
fn so_far(side: &mut Side<'_>, run: &Run) {
    let look = side.look;
    let here = run.end().is_none().then(|| run.place());
    let mut ended: Vec<(usize, _)> = run
        .visits()
        .iter()
        .enumerate()
        .filter(|(place, visit)| visit.verdict.is_some() && Some(*place) != here)
        .collect();
    if ended.is_empty() {
        return;
    }
    ended.sort_by_key(|(place, visit)| (std::cmp::Reverse(visit.ended), std::cmp::Reverse(*place)));
    side.gap();
    side.say("so far", Role::Dim);
    for (at, (place, visit)) in ended.into_iter().enumerate() {
        let (sign, role) = match visit.verdict {
            Some(Verdict::Passed) => (look.glyphs.ok, Role::Ok),
            Some(Verdict::Failed) => (look.glyphs.bad, Role::Failed),
            _ => (look.glyphs.ring, Role::Dim),
        };
        let title = run.book().steps.get(place).map(|step| run.told(&step.title)).unwrap_or_default();
        side.signed(sign, role, &title, Role::Text);
        if !visit.detail.is_empty() {
            side.signed(" ", Role::Dim, &visit.detail, if role == Role::Failed { Role::Failed } else { Role::Dim });
        }
        // Of the step right before, also what it showed.
        if at == 0 {
            let lines: Vec<&str> = visit.output.text.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN)..];
            if shown.len() < lines.len() {
                side.raw(&format!("{} {} lines before", look.glyphs.cut, lines.len() - shown.len()), Role::Dim);
            }
            side.raw(&shown.join("\n"), Role::Dim);
        }
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

fn ended(end: &RunEnd) -> String {
    match end {
        RunEnd::Done { failed: 0 } => "Run closed: everything is done".to_owned(),
        RunEnd::Done { failed } => {
            format!("Run closed; {} failed on the way", text::count(*failed, "step", "steps"))
        }
        RunEnd::Failed { step, why } => format!("Run closed: failed at {step}: {why}"),
        RunEnd::Aborted { reason } if reason.is_empty() => "Run closed: given up".to_owned(),
        RunEnd::Aborted { reason } => format!("Run closed: given up, {reason}"),
    }
}
