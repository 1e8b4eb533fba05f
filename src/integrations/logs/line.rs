//! From the bytes of a line, as the API server sends it with `timestamps=true`, to a [`LogLine`].

use super::{level, render};
use crate::domain::Text;
use crate::domain::log::{LogLevel, LogLine};
use crate::domain::text::clean;
use crate::domain::time::Instant;

/// Longest text kept of a line, in characters.
const LONGEST: usize = 4000;

/// Reads lines of one container; remembers what continuation lines inherit.
pub struct Reader {
    pod: Text,
    container: Text,
    level: LogLevel,
}

/// A line with its stamp, before it is understood.
pub struct Stamped<'a> {
    /// When the container runtime took it.
    pub at: Instant,
    /// What it says.
    pub text: std::borrow::Cow<'a, str>,
}

/// Splits stamp and text; `None` for a line without a stamp (an error of the kubelet in the middle of the stream).
pub fn stamped(bytes: &[u8]) -> Option<Stamped<'_>> {
    let space = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let at = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    Some(Stamped { at, text: String::from_utf8_lossy(bytes.get(space + 1..).unwrap_or_default()) })
}

impl Reader {
    /// For one container.
    pub fn new(pod: Text, container: Text) -> Self {
        Self { pod, container, level: LogLevel::Info }
    }

    /// Understands a line.
    pub fn read(&mut self, line: &Stamped<'_>) -> LogLine {
        let raw = line.text.trim_end_matches(['\r', '\n']);
        let json = render::json(raw);
        let plain = clean(raw);
        let continuation = json.is_none() && is_continuation(&plain);
        let (level, text) = match json {
            Some((level, text)) => (level, clean(&text).into_owned()),
            None if continuation => (Some(self.level), plain.trim_end().to_owned()),
            None => (level::of_text(&plain), plain.trim_end().to_owned()),
        };
        let level = level.unwrap_or(LogLevel::Info);
        self.level = level;
        let text = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]).into(),
            None => text.into(),
        };
        LogLine { at: line.at, pod: self.pod.clone(), container: self.container.clone(), level, continuation, text }
    }
}

/// Stack frames and indented lines belong to the line before them.
fn is_continuation(text: &str) -> bool {
    let start = text.trim_start();
    if start.is_empty() {
        return false;
    }
    if start.len() < text.len() {
        return true;
    }
    ["at ", "Caused by:", "... ", "goroutine ", "stack backtrace:", "Suppressed:", "created by "]
        .iter()
        .any(|word| text.starts_with(word))
        || text == "}"
        || text == ")"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(lines: &[&str]) -> Vec<LogLine> {
        let mut reader = Reader::new("pod".into(), "app".into());
        lines.iter().map(|line| reader.read(&stamped(line.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn stack_frames_carry_the_level_of_their_line() {
        let lines = read(&[
            "2026-01-01T00:00:00.5Z ERROR no price",
            "2026-01-01T00:00:00.6Z \tat pricing.load(Pricing.java:88)",
            "2026-01-01T00:00:00.7Z Caused by: java.io.IOException",
            "2026-01-01T00:00:00.8Z served",
            "2026-01-01T00:00:00.9Z ",
        ]);
        let seen: Vec<_> = lines.iter().map(|line| (line.level, line.continuation)).collect();
        let error = LogLevel::Error;
        assert_eq!(
            seen,
            [(error, false), (error, true), (error, true), (LogLevel::Info, false), (LogLevel::Info, false)]
        );
        assert_eq!(&*lines[1].text, " at pricing.load(Pricing.java:88)");
        assert_eq!(lines[0].at, "2026-01-01T00:00:00.5Z".parse::<Instant>().unwrap());
    }

    #[test]
    fn escapes_are_gone_also_when_json_hid_them() {
        let lines = read(&[
            "2026-01-01T00:00:00Z {\"msg\":\"a\\u001b[2Jb\"}",
            "2026-01-01T00:00:00Z \u{1b}[31mERROR\u{1b}[0m x",
        ]);
        assert_eq!(&*lines[0].text, "ab");
        assert_eq!((&*lines[1].text, lines[1].level), ("ERROR x", LogLevel::Error));
        assert!(stamped(b"rpc error: container not found").is_none());
    }
}
