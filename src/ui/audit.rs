//! The audit view: a list of actions over the whole body, or one action with all that its records say.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use serde_json::Value;

use super::columns::{Cells, Column, share};
use super::frame::{more, put, put_line};
use super::{Look, overlay, text};
use crate::config::theme::Role;
use crate::domain::audit::Entry;
use crate::domain::target::WorkloadKind;
use crate::domain::time::age;
use crate::ports::journal::Chain;
use crate::state::audit::{AuditView, Log};

/// Width of the words at the left of one action.
const LABEL: usize = 11;

/// Draws the view over `area`.
pub fn render(look: &Look<'_>, view: &AuditView, area: Rect, buffer: &mut Buffer) {
    let right = match &view.log {
        _ if view.reading => format!("reading{}", look.glyphs.cut),
        Some(Ok(log)) => format!("read {} {} esc closes", log.at.format("%H:%M:%SZ"), look.glyphs.mid),
        _ => "esc closes".to_owned(),
    };
    let inner = overlay::open(look, area, (area.width, area.height), &title(look, view), &right, buffer);
    let body = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    match &view.log {
        None => {}
        Some(Err(why)) => say(look, why, Role::Failed, body, 0, buffer),
        Some(Ok(log)) => match (view.open, view.chosen()) {
            (Some(scroll), Some(entry)) => {
                overlay::scrolled(look, &whole(look, entry, body.width.into()), scroll, body, buffer);
            }
            _ => list(look, view, log, body, buffer),
        },
    }
}

fn title(look: &Look<'_>, view: &AuditView) -> String {
    let mid = look.glyphs.mid;
    let Some(Ok(log)) = &view.log else { return "Audit log".to_owned() };
    let chain = match &log.chain {
        Chain::Broken(_) => "CHAIN BROKEN".to_owned(),
        Chain::Whole { records: 0, .. } => "empty".to_owned(),
        Chain::Whole { records, torn, remarks } => {
            let records = text::count(*records as usize, "record", "records");
            let careful = if remarks.is_empty() { String::new() } else { format!(", {}", look.glyphs.careful) };
            let torn = if *torn == 0 { String::new() } else { format!(", {torn} torn by a crash") };
            format!("chain intact ({records}{torn}{careful})")
        }
    };
    format!("Audit log {mid} {} {mid} {chain}", text::count(log.entries.len(), "action", "actions"))
}

/// A sentence over as many lines as it needs.
fn say(look: &Look<'_>, what: &str, role: Role, area: Rect, from: u16, buffer: &mut Buffer) {
    for (row, line) in (from..area.height).zip(text::wrap(what, area.width.into())) {
        put(buffer, area.x, area.y + row, &line, look.style(role));
    }
}

fn list(look: &Look<'_>, view: &AuditView, log: &Log, area: Rect, buffer: &mut Buffer) {
    let mut area = area;
    let mut remark = |what: &str, role| {
        let lines = (text::wrap(what, area.width.into()).len() as u16).min(area.height);
        say(look, what, role, Rect { height: lines, ..area }, 0, buffer);
        area.y += lines;
        area.height -= lines;
    };
    match &log.chain {
        Chain::Broken(why) => {
            remark(&format!("Not intact: {why}. What stands after that place proves nothing."), Role::Failed);
        }
        Chain::Whole { remarks, .. } => {
            for why in remarks {
                remark(&format!("Careful: {why}."), Role::Warning);
            }
        }
    }
    let shown = view.shown();
    if shown.is_empty() {
        let what = if log.entries.is_empty() {
            format!("Nothing was done yet: every action will be recorded in {}.", log.path)
        } else {
            format!("None of {} matches the filter.", text::count(log.entries.len(), "action", "actions"))
        };
        return say(look, &what, Role::Dim, area, 0, buffer);
    }
    let columns = Columns::new(look, &shown, usize::from(area.width).saturating_sub(1));
    put_line(look, buffer, area, 0, &columns.head(look));
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let height = usize::from(rows.height);
    let first = view.selected().saturating_sub(height.saturating_sub(1));
    for (row, (at, entry)) in shown.iter().enumerate().skip(first).take(height).enumerate() {
        let y = rows.y + row as u16;
        put_line(
            look,
            buffer,
            Rect { x: rows.x + 1, width: rows.width.saturating_sub(1), ..rows },
            row as u16,
            &columns.row(look, entry),
        );
        if at == view.selected() {
            buffer.set_style(Rect { y, height: 1, ..rows }, look.style(Role::Selection));
            put(buffer, rows.x, y, look.glyphs.bar, look.style(Role::SelectionBar));
        }
    }
    let below = first + height < shown.len();
    more(look, rows, first > 0, below, buffer);
    if !below && log.older > 0 && shown.len() < height {
        let older = text::count(log.older, "older record", "older records");
        let what = format!("and {older}: opsdeck audit show");
        put(buffer, rows.x + 1, rows.y + shown.len() as u16, &what, look.style(Role::Dim));
    }
}

/// Widths of the list's columns.
struct Columns {
    widths: Vec<usize>,
    year: bool,
}

/// Their names.
const HEADS: [&str; 9] = ["time (UTC)", "end", "action", "target", "where", "took", "who", "incident", "reason"];

impl Columns {
    fn new(look: &Look<'_>, shown: &[&Entry], width: usize) -> Self {
        let widest = |column: usize, text: &dyn Fn(&Entry) -> usize| {
            let widest = shown.iter().map(|entry| text(entry)).max().unwrap_or_default();
            if widest == 0 { 0 } else { widest.max(HEADS[column].len()) }
        };
        let of = |text: &Option<String>| text.as_deref().map_or(0, text::width);
        let year = width >= 100;
        let columns = [
            Column::fixed(if year { 20 } else { 15 }, 0),
            Column::fixed(widest(1, &|entry| text::width(entry.end_word())), 0),
            Column::flexible(8, widest(2, &|entry| text::width(&entry.action)), 0),
            Column::flexible(14, widest(3, &|entry| text::width(&target(entry))), 1),
            Column::flexible(8, widest(4, &|entry| text::width(&place(look, entry))), 4),
            Column::fixed(widest(5, &|entry| text::width(&entry.took())), 5),
            Column::flexible(5, widest(6, &|entry| text::width(&entry.user)), 2),
            Column::flexible(6, widest(7, &|entry| of(&entry.incident)), 6),
            Column::flexible(10, widest(8, &|entry| of(&entry.reason)), 7),
        ];
        Self { widths: share(width, &columns), year }
    }

    fn head(&self, look: &Look<'_>) -> Line<'static> {
        let mut cells = Cells::new(look.glyphs);
        cells.raw(" ", look.style(Role::Dim));
        for (at, (name, width)) in HEADS.iter().zip(&self.widths).enumerate() {
            if at == 5 {
                cells.right(name, *width, look.style(Role::Dim));
            } else {
                cells.left(name, *width, look.style(Role::Dim));
            }
        }
        cells.line()
    }

    fn row(&self, look: &Look<'_>, entry: &Entry) -> Line<'static> {
        let [time, end, action, on, at_place, took, who, incident, reason] = self.widths[..] else {
            return Line::default();
        };
        let plain = look.style(Role::Text);
        let dim = look.style(Role::Dim);
        let format = if self.year { "%Y-%m-%d %H:%M:%SZ" } else { "%m-%d %H:%M:%SZ" };
        let at = entry.at.map_or_else(|| "?".to_owned(), |at| at.format(format).to_string());
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut cells = Cells::new(look.glyphs);
        cells
            .left(&at, time, dim)
            .left(entry.end_word(), end, look.style(role(entry)))
            .left(&entry.action, action, plain)
            .middle(&target(entry), on, plain)
            .left(&place(look, entry), at_place, dim)
            .right(&entry.took(), took, dim)
            .left(&entry.user, who, plain)
            .left(&of(&entry.incident), incident, plain)
            .left(&of(&entry.reason), reason, plain);
        cells.line()
    }
}

/// The target with its kind as short as kubectl knows it.
fn target(entry: &Entry) -> String {
    let short = entry.target.split_once('/').and_then(|(kind, name)| {
        let kind = WorkloadKind::parse(kind)?;
        Some(format!("{}/{name}", kind.short()))
    });
    let short = short.unwrap_or_else(|| entry.target.clone());
    if entry.more.is_empty() { short } else { format!("{short} +{}", entry.more.len()) }
}

/// Where it was: the namespace alone for what was done in the context that the console looks at.
fn place(look: &Look<'_>, entry: &Entry) -> String {
    if entry.context == look.context.name { entry.namespace.clone() } else { entry.place() }
}

fn role(entry: &Entry) -> Role {
    match entry.end_word() {
        "done" => Role::Ok,
        "open" => Role::Pending,
        "failed" | "unverified" => Role::Failed,
        "refused" | "conflict" => Role::Warning,
        _ => Role::Dim,
    }
}

/// All that is known of one action: what matters as rows, then its records as written.
pub fn whole(look: &Look<'_>, entry: &Entry, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut row = |name: &str, what: &str, role: Role| {
        let room = width.saturating_sub(LABEL);
        for (at, part) in text::wrap(what, room).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(Line::from(vec![
                Span::styled(text::left(name, LABEL, look.glyphs.cut), look.style(Role::Dim)),
                Span::styled(part, look.style(role)),
            ]));
        }
    };
    let targets = [&entry.target].into_iter().chain(&entry.more).cloned().collect::<Vec<_>>().join(", ");
    row("what", &format!("{} {targets}", entry.action), Role::Title);
    row("where", &entry.place(), Role::Text);
    row("who", &entry.who(), Role::Text);
    if let Some(at) = entry.at {
        row("when", &format!("{} ({} ago)", at.format("%Y-%m-%d %H:%M:%SZ"), age(at, look.now)), Role::Text);
    }
    row("why", entry.reason.as_deref().unwrap_or("no reason was given"), Role::Text);
    if let Some(incident) = &entry.incident {
        row("incident", incident, Role::Text);
    }
    match &entry.end {
        None => row("end", "open: no outcome is recorded; it is under way, or a crash cut it off", Role::Pending),
        Some(end) => {
            let took = if entry.took().is_empty() { String::new() } else { format!(" in {}", entry.took()) };
            let detail = end.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            row("end", &format!("{}{took}{detail}", end.word), role(entry));
            if end.settled {
                row("", "found out after a crash, by looking at the cluster", Role::Warning);
            }
        }
    }
    for (name, key) in [
        ("break-glass", "break_glass"),
        ("changes", "changes"),
        ("checks", "checks"),
        ("dry run", "dry_run_result"),
        ("allowed", "permission"),
        ("diff", "diff_digest"),
        ("careful", "warnings"),
    ] {
        let found = entry.records.iter().filter_map(|record| record.get(key)).flat_map(words);
        for (at, what) in found.enumerate() {
            let role = if matches!(key, "warnings" | "break_glass") { Role::Warning } else { Role::Text };
            row(if at == 0 { name } else { "" }, &what, role);
        }
    }
    for record in &entry.records {
        let field = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or("record").to_owned();
        let seq = record.get("seq").map(Value::to_string).unwrap_or_default();
        lines.push(Line::default());
        lines.push(Line::styled(format!("{} {seq}", field("kind")), look.style(Role::Title)));
        let json = serde_json::to_string_pretty(record).unwrap_or_default();
        for line in json.lines().filter(|line| !matches!(*line, "{" | "}")) {
            lines.extend(text::wrap(line, width).into_iter().map(|part| Line::styled(part, look.style(Role::Dim))));
        }
    }
    lines
}

/// What a field says, in as many sentences as it has.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Null | Value::Bool(false) => Vec::new(),
        Value::Bool(true) => vec!["yes".to_owned()],
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(words).collect(),
        // A check or a verdict: its own words, with its state where that is not simply well.
        Value::Object(fields) => {
            let field = |key: &str| fields.get(key).and_then(Value::as_str);
            if let Some(path) = field("path") {
                let side = |key: &str| field(key).unwrap_or("(absent)");
                return vec![format!("{path}: {} became {}", side("before"), side("after"))];
            }
            match (field("text"), field("state")) {
                (Some(text), None | Some("passed" | "yes")) => vec![text.to_owned()],
                (Some(text), Some(state)) => vec![format!("{text} ({})", state.replace('-', " "))],
                _ => vec![value.to_string()],
            }
        }
        Value::Number(number) => vec![number.to_string()],
    }
}
