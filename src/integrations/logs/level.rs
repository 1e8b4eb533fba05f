//! The level that a line names, in the ways in which programs write it.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::log::LogLevel;

/// A level stands near the beginning: what follows is the message, which may quote anything.
const WITHIN: usize = 120;

/// A level word in any case, or a number as pino and bunyan write it (10 trace … 60 fatal).
pub fn from_word(word: &str) -> Option<LogLevel> {
    Some(match word.to_ascii_lowercase().as_str() {
        "fatal" | "panic" | "critical" | "crit" | "emerg" | "emergency" | "alert" | "dpanic" | "60" => LogLevel::Fatal,
        "error" | "err" | "severe" | "eror" | "50" => LogLevel::Error,
        "warn" | "warning" | "wrn" | "40" => LogLevel::Warn,
        "info" | "information" | "informational" | "notice" | "inf" | "30" => LogLevel::Info,
        "debug" | "trace" | "dbg" | "trc" | "verbose" | "fine" | "finer" | "finest" | "20" | "10" => LogLevel::Debug,
        _ => return None,
    })
}

type Pattern = LazyLock<Option<Regex>>;

/// `level=warn`, also inside other framing.
static LOGFMT: Pattern =
    LazyLock::new(|| Regex::new(r#"(?i)(?:^|[\s,{])(?:level|lvl|severity|loglevel)[=:]\s*"?([a-z]+)"#).ok());

/// klog: `E0102 15:04:05.000000`.
static KLOG: Pattern = LazyLock::new(|| Regex::new(r"^([FEWID])\d{4} \d\d:\d\d:\d\d").ok());

/// Words in capitals anywhere near the beginning.
static CAPITALS: Pattern = LazyLock::new(|| {
    Regex::new(
            r"\b(FATAL|PANIC|CRITICAL|CRIT|EMERG|ALERT|SEVERE|ERROR|ERR|WARNING|WARN|WRN|NOTICE|INFO|INF|DEBUG|DBG|TRACE)\b",
        )
        .ok()
});

/// In small letters only framed: `[error]`, `<warn>`, `error: `.
static FRAMED: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)(?:[\[<(|](?:[a-z0-9_.-]+:)?|^)\s?(fatal|panic|critical|crit|emerg|alert|error|err|warning|warn|notice|info|debug|trace)\s?(?:[\]>)|]|:\s)").ok()
});

/// How programs die in their own words.
static CRASH: Pattern = LazyLock::new(|| {
    Regex::new(
            r"^(?:Traceback \(most recent call last\)|Exception in thread|[\w.$]+(?:Exception|Error)(?::|$)|Caused by:|Unhandled |Uncaught |thread '.*' panicked|fatal error:|Segmentation fault)",
        )
        .ok()
});

/// The level of a plain or logfmt line; `None` when it names none.
pub fn of_text(text: &str) -> Option<LogLevel> {
    let end = text.char_indices().nth(WITHIN).map_or(text.len(), |(end, _)| end);
    let head = &text[..end];
    if let Some(level) = first(&LOGFMT, text) {
        return Some(level);
    }
    if let Some(found) = KLOG.as_ref().and_then(|regex| regex.captures(head)) {
        return Some(match &found[1] {
            "F" => LogLevel::Fatal,
            "E" => LogLevel::Error,
            "W" => LogLevel::Warn,
            "D" => LogLevel::Debug,
            _ => LogLevel::Info,
        });
    }
    if let Some(level) = first(&CAPITALS, head).or_else(|| first(&FRAMED, head)) {
        return Some(level);
    }
    CRASH.as_ref().filter(|regex| regex.is_match(head)).map(|_| LogLevel::Error)
}

fn first(regex: &Pattern, text: &str) -> Option<LogLevel> {
    regex.as_ref()?.captures(text).and_then(|found| from_word(&found[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_found_where_programs_write_them() {
        let cases = [
            ("2026-01-01 12:00:00,123 ERROR [main] c.e.Shop: no", Some(LogLevel::Error)),
            ("time=2026-01-01T00:00:00Z level=warn msg=\"ERROR budget low\"", Some(LogLevel::Warn)),
            ("E0102 15:04:05.123456       1 reflector.go:147] failed", Some(LogLevel::Error)),
            ("I0102 15:04:05.123456       1 x.go:1] ok", Some(LogLevel::Info)),
            ("2026/01/01 12:00:00 [error] 31#31: *1 open() failed", Some(LogLevel::Error)),
            ("[Thu Jan 01] [core:warn] [pid 1] x", Some(LogLevel::Warn)),
            ("error: cannot open", Some(LogLevel::Error)),
            ("WARN  upstream 503, retry", Some(LogLevel::Warn)),
            ("panic: runtime error: index out of range", Some(LogLevel::Fatal)),
            ("thread 'main' panicked at src/main.rs:1", Some(LogLevel::Error)),
            ("java.lang.IllegalStateException: no", Some(LogLevel::Error)),
            ("GET /errors 200 no error here", None),
            ("listening on :8080", None),
            ("INFORMATION_SCHEMA ready", None),
        ];
        for (line, level) in cases {
            assert_eq!(of_text(line), level, "{line}");
        }
        assert_eq!(from_word("50"), Some(LogLevel::Error));
    }
}
