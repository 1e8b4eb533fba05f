//! The right side of the desk: the step at which the run stands, what it is about to do and what came of it, and what was
//! found so far; before it begins what the runbook is for and what it knows.

use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::domain::time::{age, span_fine};
use crate::runbook::run::record::{RunEnd, Verdict};
use crate::runbook::run::work::Question;
use crate::runbook::run::{Phase, Run};
use crate::state::runbook::{Desk, Page};
use crate::ui::{Look, text};

/// Lines of the output of the step before: what it found stands below, and should stay in sight.
const SHOWN: usize = 6;

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

/// Its lines, at a width in columns.
pub(super) fn side<'a>(look: &'a Look<'a>, desk: &Desk, width: usize) -> Vec<Line<'static>> {
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
        Question::Incident(word, what) => {
            side.say(&run.masked(what), Role::Text);
            side.gap();
            let words = word.does();
            side.say(&format!("{} {words}, {} does not", key("step-run"), key("step-decline")), Role::Key);
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
