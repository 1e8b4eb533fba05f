//! A runbook's text laid out in lines: headings, lists, quotes, tables and code, each line with the line of the source
//! that it comes from. The same for the console and for `opsdeck runbook show`.

use super::text;
use crate::runbook::{Block, BlockKind, Span, Style};

/// How a piece of a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As any text.
    Plain,
    /// A heading of this level.
    Heading(u8),
    /// Code.
    Code,
    /// Emphasis.
    Emphasis,
    /// Strong.
    Strong,
    /// Struck out, and what matters less.
    Dim,
    /// A link.
    Link,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laid {
    /// The line of the source, counted from 1.
    pub source: usize,
    /// Its pieces.
    pub pieces: Vec<(Tone, String)>,
}

impl Laid {
    /// Its text.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }
}

const fn tone(style: &Style) -> Tone {
    match style {
        Style::Plain => Tone::Plain,
        Style::Code => Tone::Code,
        Style::Emphasis => Tone::Emphasis,
        Style::Strong => Tone::Strong,
        Style::Struck => Tone::Dim,
        Style::Link(_) => Tone::Link,
    }
}

/// Lays blocks out in lines of at most `width` columns. `fill` puts values into texts.
pub fn lay(blocks: &[Block], width: usize, fill: &dyn Fn(&str) -> String) -> Vec<Laid> {
    let mut lines: Vec<Laid> = Vec::new();
    let mut last: Option<&Block> = None;
    for block in blocks {
        let tight = matches!(
            (last.map(|last| &last.kind), &block.kind),
            (Some(BlockKind::Item { .. }), BlockKind::Item { .. })
        );
        if last.is_some() && !tight {
            lines.push(Laid { source: block.lines.start, pieces: Vec::new() });
        }
        lay_block(block, width, fill, &mut lines);
        last = Some(block);
    }
    lines
}

fn lay_block(block: &Block, width: usize, fill: &dyn Fn(&str) -> String, lines: &mut Vec<Laid>) {
    let source = block.lines.start;
    let quotes = "│ ".repeat(block.quotes.into());
    let nested = usize::from(block.depth).saturating_sub(usize::from(matches!(block.kind, BlockKind::Item { .. })));
    let indent = format!("{quotes}{}", "  ".repeat(nested));
    match &block.kind {
        // The form of a runbook, not its content: it is shown where it matters (title, parameters).
        BlockKind::FrontMatter(_) => {
            lines.pop();
        }
        BlockKind::Heading { level, text } => {
            let pieces = vec![(Tone::Heading(*level), fill(&crate::runbook::text_of(text)))];
            flow(source, &indent, &indent, pieces, width, lines);
        }
        BlockKind::Paragraph(spans) => flow(source, &indent, &indent, told(spans, fill), width, lines),
        BlockKind::Item { number, task, text } => {
            let mark = match (number, task) {
                (_, Some(true)) => "[x] ".to_owned(),
                (_, Some(false)) => "[ ] ".to_owned(),
                (Some(number), None) => format!("{number}. "),
                (None, None) => "• ".to_owned(),
            };
            let rest = format!("{indent}{}", " ".repeat(text::width(&mark)));
            flow(source, &format!("{indent}{mark}"), &rest, told(text, fill), width, lines);
        }
        BlockKind::Code { info, text, first } => {
            if !info.is_empty() {
                let head = format!("{indent}  {info}");
                lines.push(Laid { source, pieces: vec![(Tone::Dim, text::cut(&head, width, "…"))] });
            }
            for (at, line) in text.trim_end_matches('\n').split('\n').enumerate() {
                let line = format!("{indent}  {}", line.replace('\t', "    "));
                // Code is never broken: what is cut off is seen when it is about to run.
                lines.push(Laid { source: first + at, pieces: vec![(Tone::Code, text::cut(&line, width, "…"))] });
            }
        }
        BlockKind::Table(rows) => table(source, &indent, rows, width, fill, lines),
        BlockKind::Rule => {
            lines.push(Laid { source, pieces: vec![(Tone::Dim, "─".repeat(width.min(40)))] });
        }
        BlockKind::Raw(raw) => {
            for (at, line) in raw.trim_end().split('\n').enumerate() {
                let line = text::cut(&format!("{indent}{line}"), width, "…");
                lines.push(Laid { source: source + at, pieces: vec![(Tone::Dim, line)] });
            }
        }
    }
}

fn told(spans: &[Span], fill: &dyn Fn(&str) -> String) -> Vec<(Tone, String)> {
    let mut pieces = Vec::new();
    for span in spans {
        pieces.push((tone(&span.style), fill(&span.text)));
        if let Style::Link(to) = &span.style
            && *to != span.text
            && to.contains("://")
        {
            pieces.push((Tone::Dim, format!(" ({to})")));
        }
    }
    pieces
}

/// Words over as many lines as they need; the first begins with `first`, the others with `rest`.
fn flow(source: usize, first: &str, rest: &str, pieces: Vec<(Tone, String)>, width: usize, lines: &mut Vec<Laid>) {
    let mut line: Vec<(Tone, String)> = vec![(Tone::Plain, first.to_owned())];
    let mut used = text::width(first);
    let mut offset = 0;
    let mut begun = false;
    let empty = text::width(rest);
    for (tone, text) in pieces {
        for word in split_words(&text) {
            if word == "\n" {
                let full = std::mem::replace(&mut line, vec![(Tone::Plain, rest.to_owned())]);
                lines.push(trimmed(Laid { source: source + offset, pieces: full }));
                offset += 1;
                (used, begun) = (empty, false);
                continue;
            }
            let bare = text::width(word.trim_end());
            if begun && used + bare > width {
                let full = std::mem::replace(&mut line, vec![(Tone::Plain, rest.to_owned())]);
                lines.push(trimmed(Laid { source: source + offset, pieces: full }));
                (used, begun) = (empty, false);
                if word.trim().is_empty() {
                    continue;
                }
            }
            // A word longer than a line is broken where the line ends.
            let mut word = word;
            while used + text::width(word.trim_end()) > width && width > empty + 4 {
                let head = text::cut(word, width - used, "");
                if head.is_empty() {
                    break;
                }
                let length = head.len();
                line.push((tone, head));
                let full = std::mem::replace(&mut line, vec![(Tone::Plain, rest.to_owned())]);
                lines.push(trimmed(Laid { source: source + offset, pieces: full }));
                used = empty;
                word = &word[length..];
            }
            used += text::width(word);
            begun = true;
            match line.last_mut() {
                Some((last, text)) if *last == tone => text.push_str(word),
                _ => line.push((tone, word.to_owned())),
            }
        }
    }
    lines.push(trimmed(Laid { source: source + offset, pieces: line }));
}

/// The end of a line needs no space, and one that stands over the edge would look cut off.
fn trimmed(mut line: Laid) -> Laid {
    if let Some((_, last)) = line.pieces.last_mut() {
        last.truncate(last.trim_end().len());
    }
    line
}

/// Words with the space after them; line breaks alone.
fn split_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            words.push("\n");
        }
        words.extend(line.split_inclusive(' ').filter(|word| !word.is_empty()));
    }
    words
}

fn table(
    source: usize,
    indent: &str,
    rows: &[Vec<Vec<Span>>],
    width: usize,
    fill: &dyn Fn(&str) -> String,
    lines: &mut Vec<Laid>,
) {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| fill(&crate::runbook::text_of(cell))).collect()).collect();
    let count = cells.iter().map(Vec::len).max().unwrap_or(0);
    if count == 0 {
        return;
    }
    let room = width.saturating_sub(text::width(indent) + 2 * (count - 1)).max(count);
    let mut widths: Vec<usize> = (0..count)
        .map(|column| cells.iter().filter_map(|row| row.get(column)).map(|cell| text::width(cell)).max().unwrap_or(0))
        .collect();
    // The widest column gives until all fit.
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = (0..count).max_by_key(|column| widths[*column]) else { break };
        if widths[widest] <= 4 {
            break;
        }
        widths[widest] -= 1;
    }
    for (number, row) in cells.iter().enumerate() {
        let wrapped: Vec<Vec<String>> =
            (0..count).map(|column| text::wrap(row.get(column).map_or("", String::as_str), widths[column])).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(1);
        for line in 0..height {
            let parts: Vec<String> = wrapped
                .iter()
                .zip(&widths)
                .map(|(cell, width)| text::left(cell.get(line).map_or("", String::as_str), *width, "…"))
                .collect();
            let content = format!("{indent}{}", parts.join("  ").trim_end());
            let tone = if number == 0 { Tone::Strong } else { Tone::Plain };
            // Two lines of the source stand for the head.
            let at = source + if number == 0 { 0 } else { number + 1 };
            lines.push(Laid { source: at, pieces: vec![(tone, content)] });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Vec<Span> {
        vec![Span { text: text.into(), style: Style::Plain }]
    }

    fn block(kind: BlockKind, depth: u8) -> Block {
        Block { lines: 7..8, depth, quotes: 0, kind }
    }

    fn texts(blocks: &[Block], width: usize) -> Vec<String> {
        lay(blocks, width, &str::to_owned).iter().map(Laid::text).collect()
    }

    #[test]
    fn lists_hang_and_tables_fit() {
        let item = |text: &str, depth| block(BlockKind::Item { number: None, task: None, text: plain(text) }, depth);
        assert_eq!(texts(&[item("one two three", 1), item("four", 2)], 10), ["• one two", "  three", "  • four"]);
        let rows = vec![vec![plain("Code"), plain("Meaning")], vec![plain("137"), plain("killed for memory")]];
        assert_eq!(
            texts(&[block(BlockKind::Table(rows), 0)], 17),
            ["Code  Meaning", "137   killed for", "      memory"]
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked_and_no_word_is_lost(text in "[a-zäß日 \n]{0,200}", width in 8usize..60) {
            let lines = texts(&[block(BlockKind::Paragraph(plain(&text)), 0)], width);
            for line in &lines {
                prop_assert!(text::width(line.trim_end()) <= width, "{line:?}");
            }
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&lines.concat()), bare(&text));
        }
    }
}
