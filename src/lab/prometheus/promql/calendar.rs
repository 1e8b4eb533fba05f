//! The parts of a date: `hour`, `day_of_week` and the like, in UTC.

use chrono::{DateTime, Datelike, Months, Timelike, Utc};

/// The function of a Unix time in seconds that PromQL calls `name`.
pub(super) fn function(name: &str) -> Option<fn(i64) -> f64> {
    Some(match name {
        "minute" => |s| part(s, |t| t.minute()),
        "hour" => |s| part(s, |t| t.hour()),
        "day_of_week" => |s| part(s, |t| t.weekday().num_days_from_sunday()),
        "day_of_month" => |s| part(s, |t| t.day()),
        "day_of_year" => |s| part(s, |t| t.ordinal()),
        "days_in_month" => |s| part(s, days_in_month),
        "month" => |s| part(s, |t| t.month()),
        "year" => |s| DateTime::from_timestamp(s, 0).map_or(f64::NAN, |t| f64::from(t.year())),
        _ => return None,
    })
}

fn part(seconds: i64, of: impl Fn(DateTime<Utc>) -> u32) -> f64 {
    DateTime::from_timestamp(seconds, 0).map_or(f64::NAN, |t| f64::from(of(t)))
}

fn days_in_month(time: DateTime<Utc>) -> u32 {
    let first = time.date_naive().with_day(1);
    let next = first.and_then(|f| f.checked_add_months(Months::new(1)));
    next.and_then(|n| n.pred_opt()).map_or(0, |last| last.day())
}
