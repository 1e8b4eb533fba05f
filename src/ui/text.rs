//! Text that fits: cut by columns, never inside a grapheme, and never without a mark.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// As much of the beginning as fits into `columns`; cut text ends with `mark`.
pub fn cut(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(width(mark)) else { return String::new() };
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += width(grapheme);
        if used > room {
            break;
        }
        out.push_str(grapheme);
    }
    out.push_str(mark);
    out
}

/// Beginning and end with `mark` between: for names whose end tells them apart (`payment-7d9c…-x2x`).
pub fn cut_middle(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(width(mark)) else { return String::new() };
    let tail_room = (room / 2).min(8);
    let mut tail: Vec<&str> = Vec::new();
    let mut used = 0;
    for grapheme in text.graphemes(true).rev() {
        if used + width(grapheme) > tail_room {
            break;
        }
        used += width(grapheme);
        tail.push(grapheme);
    }
    let mut out = cut(text, columns - used, mark);
    out.extend(tail.into_iter().rev());
    out
}

/// Cut or filled up with spaces to exactly `columns`.
pub fn left(text: &str, columns: usize, mark: &str) -> String {
    let mut out = cut(text, columns, mark);
    let used = width(&out);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    out
}

/// The same, flush right.
pub fn right(text: &str, columns: usize, mark: &str) -> String {
    let text = cut(text, columns, mark);
    let mut out = " ".repeat(columns.saturating_sub(width(&text)));
    out.push_str(&text);
    out
}

/// The part of a text from column `from` on.
pub fn skip(text: &str, from: usize) -> &str {
    if from == 0 {
        return text;
    }
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if used >= from {
            return &text[at..];
        }
        used += width(grapheme);
    }
    ""
}

/// Breaks a text into lines of at most `columns`, at spaces where there are any.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if width(&line) + width(word.trim_end()) <= columns {
                line.push_str(word);
                continue;
            }
            if !line.trim().is_empty() {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
            line.clear();
            let mut rest = word;
            // A word longer than a line is broken where the line ends.
            while width(rest) > columns && columns > 0 {
                let head = cut(rest, columns, "");
                if head.is_empty() {
                    break;
                }
                rest = &rest[head.len()..];
                lines.push(head);
            }
            line.push_str(rest);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// `1 alert`, `3 alerts`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cut_text_is_marked_and_keeps_what_tells_names_apart() {
        assert_eq!(cut("payment", 7, "…"), "payment");
        assert_eq!(cut("payment", 5, "…"), "paym…");
        assert_eq!(cut_middle("payment-7d9c8f6b5-x2xkq", 16, "…"), "payment-…5-x2xkq");
        assert_eq!(left("日本語", 4, "…"), "日… ");
        assert_eq!(right("5", 3, "…"), "  5");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(skip("abcdef", 2), "cdef");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,40}", columns in 0usize..30) {
            prop_assert!(width(&cut(&text, columns, "…")) <= columns);
            prop_assert!(width(&cut_middle(&text, columns, "…")) <= columns);
            prop_assert_eq!(width(&left(&text, columns, "…")), columns);
        }
    }
}
