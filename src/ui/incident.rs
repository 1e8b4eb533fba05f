//! The open incident: left its timeline, right how it stands and what it waits for, below them the line that is typed; over
//! it the text that is written, what the channel shows, and what a declare will send.

mod channel;
mod declare;
mod side;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use self::declare::{length as declare_length, render as render_declare};
pub use self::timeline::Timelines;
use super::editor::{self, Frame};
use super::frame::put;
use super::{Look, footer, overlay, text};
use crate::config::theme::Role;
use crate::domain::incident::delivery::What;
use crate::incident::Incident;
use crate::incident::publication::Publication;
use crate::state::editor::Editor;
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
    let laid = timeline::laid(look, incident, usize::from(places.timeline.width));
    let rows = usize::from(places.timeline.height);
    (laid.len(), rows, laid.first(room.view.scroll, rows))
}

/// Lines of the column beside it, and rows that there are for them.
pub fn side_extent(look: &Look<'_>, area: Rect) -> (usize, usize) {
    let room = &look.session.incidents;
    let Some(incident) = room.incident() else { return (0, 0) };
    let inner = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    };
    let place = parts(inner, room.view.prompt.is_some()).side;
    (side::lines(look, incident, usize::from(place.width), usize::MAX).len(), usize::from(place.height))
}

/// Draws it over the body.
pub fn render(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let room = &look.session.incidents;
    let Some(incident) = room.incident() else { return };
    let title = format!("{} {}", incident.severity(), incident.title());
    let inner = overlay::open(look, area, (area.width, area.height), &title, incident.id().as_str(), buffer);
    let places = parts(inner, room.view.prompt.is_some());
    let laid = timeline::laid(look, incident, usize::from(places.timeline.width));
    let first = laid.first(room.view.scroll, usize::from(places.timeline.height));
    timeline::render(look, &laid, first, places.timeline, buffer);
    for y in places.side.top()..places.side.bottom() {
        put(buffer, places.side.x.saturating_sub(2), y, look.glyphs.part, look.style(Role::Border));
    }
    let last = room.view.side + usize::from(places.side.height);
    let lines = side::lines(look, incident, usize::from(places.side.width), last);
    overlay::scrolled(look, &lines, room.view.side, places.side, buffer);
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
    let ask = why.map_or_else(|| prompt.ask.clone(), |why| format!("{why}: {}", prompt.ask));
    let ask = text::cut(&ask, usize::from(area.width) * 3 / 4, look.glyphs.cut);
    put(buffer, area.x, area.y, &ask, look.style(if why.is_some() { Role::Warning } else { Role::Title }));
    let x = area.x + text::width(&ask) as u16 + 1;
    footer::field(look, &prompt.input, "", Rect { x, width: area.right().saturating_sub(x), ..area }, buffer);
}

fn write(look: &Look<'_>, writing: &Writing, area: Rect, buffer: &mut Buffer) {
    let to = look.session.incidents.all.get(&writing.of).map(readers).unwrap_or_default();
    let (title, right, sends) = match &writing.purpose {
        Piece::Update => ("Update", to, "send it"),
        Piece::HandOver(_) => ("Hand-over", to, "hand over"),
        Piece::Publish(page) => {
            let room = &look.session.incidents;
            let incident = room.all.get(&writing.of);
            let said =
                incident.map(|incident| Publication::next(incident, String::new(), room.components_of(page, incident)));
            let right = said.map_or_else(|| page.to_string(), |said| public_place(page, &said));
            return write_public(look, &writing.editor, &right, writing.notice.as_deref(), area, buffer);
        }
    };
    let frame = Frame { title, right: &right, sends, notice: writing.notice.as_deref() };
    editor::render(look, &writing.editor, frame, area, buffer);
}

/// Who reads what is sent to everyone: those in the channel, also when it is not open yet, or all who read the chat.
fn readers(incident: &Incident) -> String {
    let Some(chat) = incident.chat() else { return "into the timeline only: it has no chat".to_owned() };
    if let Some(channel) = incident.channel() {
        return format!("to all in {}", channel.name);
    }
    let planned = chat.channel.as_ref().and_then(|key| incident.parcels().get(key));
    match planned.map(|parcel| &parcel.delivery.what) {
        Some(What::OpenChannel { name, .. }) => format!("to all in {name}, once it is open"),
        _ => format!("to everyone who reads {}", chat.service),
    }
}

/// `customers: Checkout major_outage`.
fn public_place(page: &str, said: &Publication) -> String {
    let shown: Vec<String> = said.components.iter().map(|(name, state)| format!("{name} {state}")).collect();
    if shown.is_empty() { page.to_owned() } else { format!("{page}: {}", shown.join(", ")) }
}

/// A text that everyone is to read, while it is written.
fn write_public(look: &Look<'_>, text: &Editor, right: &str, notice: Option<&str>, area: Rect, buffer: &mut Buffer) {
    let title = "Status page: every customer can read it";
    editor::render(look, text, Frame { title, right, sends: "see what will be public", notice }, area, buffer);
}
