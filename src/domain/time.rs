//! Instants and how people read their distance.

use chrono::{DateTime, Utc};

/// An instant, always UTC.
pub type Instant = DateTime<Utc>;

/// The distance between two instants in the largest unit that still says something, as kubectl prints it:
/// `45s`, `6m`, `3h`, `9d`. Two units where one would hide much: `2m30s` below ten minutes only when `fine`.
pub fn age(from: Instant, now: Instant) -> String {
    span((now - from).num_seconds())
}

/// A span of seconds in one unit: `45s`, `6m`, `3h`, `9d`, `2y`. Negative spans (clock skew) read as `0s`.
pub fn span(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..120 => format!("{s}s"),
        120..7_200 => format!("{}m", s / 60),
        7_200..172_800 => format!("{}h", s / 3_600),
        172_800..63_072_000 => format!("{}d", s / 86_400),
        _ => format!("{}y", s / 31_536_000),
    }
}

/// A span of seconds in two units: `2h 41m`, `3d 4h`, `52s`.
pub fn span_fine(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m {:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h {:02}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_like_kubectl() {
        let cases =
            [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (7_200, "2h"), (172_800, "2d")];
        for (seconds, text) in cases {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(span_fine(9_660), "2h 41m");
        assert_eq!(span_fine(61), "1m 01s");
        assert_eq!(span_fine(52), "52s");
    }
}
