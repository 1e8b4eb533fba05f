//! Java's properties, and plain lines of NAME=VALUE: a flat map of text.

use std::ops::Range;

use super::{Entry, Node, Value, twice};

/// Reads a document.
pub(super) fn read(text: &str) -> Node {
    let mut entries = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (line, next) = logical(text, at);
        if let Some(entry) = entry(text, line) {
            entries.push(entry);
        }
        at = next;
    }
    twice(&mut entries);
    Node { value: Value::Map(entries), span: 0..text.len(), fixed: None }
}

/// The line that begins at `at`, with those that continue it, and where the next one begins.
fn logical(text: &str, at: usize) -> (Range<usize>, usize) {
    let mut end = at;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let line = rest.find('\n').map_or(rest.len(), |found| found);
        let next = (end + line + 1).min(text.len());
        let content = rest.get(..line).unwrap_or_default().trim_end_matches('\r');
        let stop = end + content.len();
        let start = text.get(at..).unwrap_or_default().trim_start();
        let comment = start.starts_with('#') || start.starts_with('!');
        let slashes = content.len() - content.trim_end_matches('\\').len();
        if comment || slashes % 2 == 0 || next >= text.len() {
            return (at..stop, next);
        }
        end = next;
    }
}

fn entry(text: &str, line: Range<usize>) -> Option<Entry> {
    let whole = text.get(line.clone())?;
    let indent = whole.len() - whole.trim_start().len();
    let start = line.start + indent;
    let body = text.get(start..line.end)?;
    if body.is_empty() || body.starts_with(['#', '!']) {
        return None;
    }
    let mut escaped = false;
    let key_end = body
        .char_indices()
        .find(|(_, c)| {
            let ends = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}');
            escaped = !escaped && *c == '\\';
            ends
        })
        .map_or(body.len(), |(at, _)| at);
    let after = body.get(key_end..)?;
    let blank = |text: &str| text.len() - text.trim_start_matches([' ', '\t', '\u{c}']).len();
    let mut skip = blank(after);
    if after.get(skip..)?.starts_with(['=', ':']) {
        skip += 1;
        skip += blank(after.get(skip..)?);
    }
    let value_start = start + key_end + skip;
    let raw = text.get(value_start..line.end)?;
    // Spaces at the end belong to the value in Java and to nobody in other readers.
    let piece = raw.trim_end();
    let mut fixed = None;
    if raw.contains('\n') {
        fixed = Some("it goes over several lines");
    } else if piece.len() != raw.len() {
        fixed = Some("spaces follow it, which count for some readers");
    }
    let node = Node { value: Value::Text(decoded(piece), None), span: value_start..value_start + piece.len(), fixed };
    Some(Entry { key: decoded(body.get(..key_end)?), place: Some(start), node })
}

fn decoded(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let code: String = chars.by_ref().take(4).collect();
                out.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            // The end of a continued line: its break and the spaces of the next one are nothing.
            Some('\r' | '\n') => chars = chars.as_str().trim_start().chars(),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// Text as properties write it.
pub(super) fn text(to: &str) -> String {
    let mut out = String::with_capacity(to.len());
    for (at, c) in to.char_indices() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            ' ' if at == 0 => out.push_str("\\ "),
            c => out.push(c),
        }
    }
    out
}
