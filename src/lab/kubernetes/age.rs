//! Ages as `kubectl get` prints them.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// The time from a Kubernetes timestamp until `now`, such as `5m12s`; `<unknown>` without one.
pub fn since(timestamp: &Value, now: DateTime<Utc>) -> String {
    instant(timestamp).map_or_else(|| "<unknown>".to_owned(), |at| human((now - at).num_seconds()))
}

/// The instant that a Kubernetes timestamp names.
pub fn instant(timestamp: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(timestamp.as_str()?).ok().map(|at| at.to_utc())
}

/// Seconds in at most two units: the shorter the duration, the finer.
pub fn human(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |unit: i64, big: &str, small_unit: i64, small: &str| {
        let (whole, rest) = (seconds / unit, seconds % unit / small_unit);
        if rest == 0 { format!("{whole}{big}") } else { format!("{whole}{big}{rest}{small}") }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(MINUTE, "m", 1, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(HOUR, "h", MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(DAY, "d", HOUR, "h"),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(YEAR, "y", DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        for (seconds, text) in [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (185, "3m5s"),
            (600, "10m"),
            (10_860, "3h1m"),
            (90_000, "25h"),
            (176_400, "2d1h"),
            (864_000, "10d"),
            (63_158_400, "2y1d"),
        ] {
            assert_eq!(human(seconds), text);
        }
    }
}
