//! The open incident: left its timeline, right how it stands and what it waits for, below them the line that is typed; over
//! it the text that is written, what the channel shows, and what a declare will send.

mod channel;
mod declare;
mod side;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use self::declare::{length as declare_length, render as render_declare};
use super::editor::{self, Frame};
use super::frame::put;
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::state::incident::room::{Piece, Prompt, Writing};

struct Parts {
    timeline: Rect,
    side: Rect,
    prompt: Rect,
}

fn parts(inner: Rect, prompting: bool) -> Parts {
    let below = u16::from(prompting);
    let height = inner.height.saturating_sub(below);
    let left = if inner.width < 100 { inner.width * 54 / 100 } else { inner.width * 60 / 100 };
    Parts {
        timeline: Rect { x: inner.x + 1, y: inner.y, width: left.saturating_sub(2), height },
        side: Rect { x: inner.x + left + 2, y: inner.y, width: inner.width.saturating_sub(left + 3), height },
        prompt: Rect { x: inner.x + 1, y: inner.y + height, width: inner.width.saturating_sub(2), height: below },
    }
}

/// Lines of the timeline, rows that there are for them, and the first line that is shown: for scrolling.
pub fn extent(look: &Look<'_>, area: Rect) -> (usize, usize, usize) {
    let room = &look.session.incidents;
    let Some(incident) = room.incident() else { return (0, 0, 0) };
    let inner = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    };
    let places = parts(inner, room.view.prompt.is_some());
    let lines = timeline::lines(look, incident, usize::from(places.timeline.width)).len();
    let rows = usize::from(places.timeline.height);
    (lines, rows, timeline::first(room.view.scroll, lines, rows))
}

/// Draws it over the body.
pub fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let room = &look.session.incidents;
    let Some(incident) = room.incident() else { return };
    let title = format!("{} {}", incident.severity(), incident.title());
    let inner = overlay::open(look, area, (area.width, area.height), &title, incident.id().as_str(), buffer);
    let places = parts(inner, room.view.prompt.is_some());
    let lines = timeline::lines(look, incident, usize::from(places.timeline.width));
    let first = timeline::first(room.view.scroll, lines.len(), usize::from(places.timeline.height));
    overlay::scrolled(look, &lines, first, places.timeline, buffer);
    for y in places.side.top()..places.side.bottom() {
        put(buffer, places.side.x.saturating_sub(2), y, look.glyphs.part, look.style(Role::Border));
    }
    let lines = side::lines(look, incident, usize::from(places.side.width));
    overlay::scrolled(look, &lines, 0, places.side, buffer);
    if let Some(prompt) = &room.view.prompt {
        typing(look, prompt, places.prompt, buffer);
    }
    if let Some(shown) = &room.view.channel {
        channel::render(look, incident, shown.as_ref(), area, buffer);
    }
    if let Some(writing) = &room.view.writing {
        write(look, writing, area, buffer);
    }
}

fn typing(look: &Look<'_>, prompt: &Prompt, area: Rect, buffer: &mut Buffer) {
    let why = prompt.notice.as_deref();
    let ask = why.map_or_else(|| prompt.ask.clone(), |why| format!("{} ({why})", prompt.ask));
    let ask = text::cut(&ask, usize::from(area.width) * 3 / 5, look.glyphs.cut);
    put(buffer, area.x, area.y, &ask, look.style(if why.is_some() { Role::Warning } else { Role::Title }));
    let x = area.x + text::width(&ask) as u16 + 1;
    footer::field(look, &prompt.input, "", Rect { x, width: area.right().saturating_sub(x), ..area }, buffer);
}

fn write(look: &Look<'_>, writing: &Writing, area: Rect, buffer: &mut Buffer) {
    let incident = look.session.incidents.incident();
    let channel = incident.and_then(crate::incident::Incident::channel);
    let to = channel
        .map_or_else(|| "the timeline only: no channel is open".to_owned(), |channel| format!("to {}", channel.name));
    let (title, right, sends) = match &writing.purpose {
        Piece::Update => ("Update", to, "send it"),
        Piece::HandOver(_) => ("Hand-over", to, "hand over"),
        Piece::Publish(_) => ("Status page: every customer can read it", String::new(), "see what will be public"),
    };
    let frame = Frame { title, right: &right, sends, notice: writing.notice.as_deref() };
    editor::render(look, &writing.editor, frame, area, buffer);
}
