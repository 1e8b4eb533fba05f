//! Cleaning text from outside, once, where it enters.
//!
//! Log lines, annotations, event messages and error bodies may carry escape sequences (CVE-2021-25743), carriage
//! returns that overwrite a line, or bidirectional overrides that make a name read as another. After [`clean`] a
//! string holds only what may stand in a terminal cell. Line breaks become spaces; use [`clean_lines`] to keep them.

use std::borrow::Cow;

/// Removes escape sequences, control characters, bidirectional controls and zero-width characters; tabs and line
/// breaks become one space each. Text without any of them is borrowed unchanged.
pub fn clean(text: &str) -> Cow<'_, str> {
    clean_with(text, false)
}

/// As [`clean`], but keeps `\n`; for text that is shown over several lines.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    clean_with(text, true)
}

fn clean_with(text: &str, keep_newline: bool) -> Cow<'_, str> {
    if text.chars().all(|c| is_plain(c) || (keep_newline && c == '\n')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\n' if keep_newline => out.push('\n'),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c if is_plain(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// What may stand in a cell as it is.
fn is_plain(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// After ESC: a control sequence (`[`), a string (`]`, `P`, `X`, `^`, `_`), or an escape of intermediates and one final.
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        _ => {
            while chars.next_if(|c| ('\u{20}'..='\u{2f}').contains(c)).is_some() {}
            chars.next_if(|c| ('\u{30}'..='\u{7e}').contains(c));
        }
    }
}

/// ECMA-48 control sequence: parameters and intermediates, then one final byte of `@`..`~`.
fn skip_control_sequence(chars: &mut Chars<'_>) {
    while chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
    chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

/// A device control or operating system command: up to BEL, ST, or the end of the line (an unterminated one must not
/// swallow the rest of a long text).
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(&c) = chars.peek() {
        if c == '\n' {
            return;
        }
        chars.next();
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if(|c| *c == '\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_leave_nothing_behind() {
        let cases = [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jx", "x"),
            ("a\tb\r\nc", "a b c"),
            ("name\u{202e}gnp.exe", "namegnp.exe"),
            ("\u{1b}", ""),
            ("plain – ünïcode ✓", "plain – ünïcode ✓"),
        ];
        for (dirty, expected) in cases {
            assert_eq!(clean(dirty), expected, "{dirty:?}");
        }
        assert_eq!(clean_lines("a\r\nb\u{1b}[2K"), "a\nb");
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_and_nothing_dangerous_passes(text in any::<String>()) {
            let once = clean(&text).into_owned();
            prop_assert!(once.chars().all(is_plain));
            let twice = clean(&once).into_owned();
            prop_assert_eq!(&twice, &once);
        }
    }
}
