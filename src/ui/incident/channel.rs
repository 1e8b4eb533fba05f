//! What the incident's channel shows, read when it was asked for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::incident::Incident;
use crate::ports::feed::Fault;
use crate::ports::incident::ChannelView;
use crate::ui::{Look, overlay, text};

/// Draws it; without `shown` it is being read.
pub(super) fn render(
    look: &Look<'_>,
    incident: &Incident,
    shown: Option<&Result<ChannelView, Fault>>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let width = area.width.saturating_sub(6).min(100);
    let inside = usize::from(width).saturating_sub(4);
    let name = incident.channel().map(|channel| channel.name.to_owned()).unwrap_or_default();
    let lines = match shown {
        None => vec![Line::styled(format!("reading the channel{}", look.glyphs.cut), look.style(Role::Pending))],
        Some(Err(why)) => {
            let hint = why.hint.as_ref().map_or_else(String::new, |hint| format!(": {hint}"));
            text::wrap(&format!("{why}{hint}"), inside)
                .into_iter()
                .map(|line| Line::styled(line, look.style(Role::Warning)))
                .collect()
        }
        Some(Ok(view)) => view_lines(look, view, inside),
    };
    let height = (lines.len() as u16 + 2).min(area.height.saturating_sub(2)).max(5);
    let title = format!("What the channel shows: {name}");
    let inner = overlay::open(look, area, (width, height), &title, "esc closes", buffer);
    let place = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    // The newest messages are the ones that matter.
    overlay::scrolled(look, &lines, lines.len(), place, buffer);
}

fn view_lines(look: &Look<'_>, view: &ChannelView, width: usize) -> Vec<Line<'static>> {
    let dim = look.style(Role::Dim);
    let mut lines = vec![Line::styled(text::cut(&view.topic, width, look.glyphs.cut), look.style(Role::Title))];
    let members = format!("{}: {}", text::count(view.members.len(), "member", "members"), view.members.join(", "));
    lines.push(Line::styled(text::cut(&members, width, look.glyphs.cut), dim));
    for message in &view.messages {
        lines.push(Line::default());
        let mut head = vec![
            Span::styled(message.at.format("%H:%M:%S ").to_string(), look.style(Role::LogTime)),
            Span::styled(message.author.clone(), look.style(Role::FocusLabel)),
        ];
        if message.marked {
            head.push(Span::styled("  pinned", look.style(Role::Key)));
        }
        lines.push(Line::from(head));
        let words = message.text.lines().flat_map(|line| text::wrap(line, width.saturating_sub(2)));
        lines.extend(words.map(|line| Line::styled(format!("  {line}"), look.style(Role::Text))));
    }
    if view.messages.is_empty() {
        lines.push(Line::styled("no message yet", dim));
    }
    lines
}
