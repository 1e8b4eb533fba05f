//! Schedules in the notation of cron: minute, hour, day of the month, month, day of the week.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeZone, Utc};

/// Furthest that a schedule is searched, in days: 29 February comes at least every eight years.
const HORIZON: u64 = 366 * 8;

/// A schedule, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both kinds of day are given: either will do.
    either_day: bool,
}

/// What is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unparseable schedule {0:?}")]
pub struct Unparseable(String);

impl FromStr for Schedule {
    type Err = Unparseable;

    fn from_str(written: &str) -> Result<Self, Unparseable> {
        let spelt = match written.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let wrong = || Unparseable(written.to_owned());
        let fields: Vec<&str> = spelt.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else { return Err(wrong()) };
        let weekdays = bits(weekday, 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]).ok_or_else(wrong)?;
        let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let free = |field: &str| field.starts_with(['*', '?']);
        Ok(Self {
            minutes: bits(minute, 0, 59, &[]).ok_or_else(wrong)?,
            hours: bits(hour, 0, 23, &[]).ok_or_else(wrong)?,
            days: bits(day, 1, 31, &[]).ok_or_else(wrong)?,
            months: bits(month, 1, 12, &months).ok_or_else(wrong)?,
            // Seven is Sunday too.
            weekdays: weekdays | weekdays >> 7,
            either_day: !free(day) && !free(weekday),
        })
    }
}

/// The numbers that a field names, as bits.
fn bits(field: &str, low: u64, high: u64, names: &[&str]) -> Option<u64> {
    let number = |text: &str| -> Option<u64> {
        let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let value = named.map_or_else(|| text.parse().ok(), |at| Some(at as u64 + low))?;
        (low..=high).contains(&value).then_some(value)
    };
    let mut all = 0;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let (from, to) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/15` goes on to the end.
            None if step.is_some() => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        let step = step.map_or(Some(1), |step| step.parse::<u64>().ok().filter(|step| *step > 0))?;
        if from > to {
            return None;
        }
        let mut value = from;
        while value <= to {
            all |= 1 << value;
            value += step;
        }
    }
    Some(all)
}

fn has(bits: u64, value: u32) -> bool {
    bits >> value & 1 == 1
}

impl Schedule {
    fn on(&self, day: NaiveDate) -> bool {
        let by_day = has(self.days, day.day());
        let by_weekday = has(self.weekdays, day.weekday().num_days_from_sunday());
        let fits = if self.either_day { by_day || by_weekday } else { by_day && by_weekday };
        fits && has(self.months, day.month())
    }

    /// The times of a day, in order.
    fn times(&self, day: NaiveDate) -> impl DoubleEndedIterator<Item = DateTime<Utc>> {
        let minutes = if self.on(day) { 0..24 * 60 } else { 0..0 };
        minutes.filter(|minute| has(self.hours, minute / 60) && has(self.minutes, minute % 60)).filter_map(
            move |minute: u32| Some(Utc.from_utc_datetime(&day.and_hms_opt(minute / 60, minute % 60, 0)?)),
        )
    }

    /// The first time after `at`.
    pub fn after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (0..HORIZON).find_map(|days| {
            let day = at.date_naive().checked_add_days(Days::new(days))?;
            self.times(day).find(|time| *time > at)
        })
    }

    /// The last time not after `at`.
    pub fn until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (0..HORIZON).find_map(|days| {
            let day = at.date_naive().checked_sub_days(Days::new(days))?;
            self.times(day).rev().find(|time| *time <= at)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_times_before_and_after_a_moment() {
        let now = at("2026-03-14T14:32:07Z");
        for (schedule, before, after) in [
            ("15 2 * * *", "2026-03-14T02:15:00Z", "2026-03-15T02:15:00Z"),
            ("*/5 * * * *", "2026-03-14T14:30:00Z", "2026-03-14T14:35:00Z"),
            ("0 9-17/4 * * mon-fri", "2026-03-13T17:00:00Z", "2026-03-16T09:00:00Z"),
            ("0 0 1 * 7", "2026-03-08T00:00:00Z", "2026-03-15T00:00:00Z"),
            ("@monthly", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
        ] {
            let parsed: Schedule = schedule.parse().unwrap();
            assert_eq!((parsed.until(now), parsed.after(now)), (Some(at(before)), Some(at(after))), "{schedule}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for wrong in ["", "* * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "5-1 * * * *", "a * * * *"] {
            assert!(wrong.parse::<Schedule>().is_err(), "{wrong}");
        }
    }
}
