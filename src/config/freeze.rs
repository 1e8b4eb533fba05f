//! Periods in which actions are refused: between two instants, or at hours of days of the week in some time zone.

use chrono::{Datelike, Days, NaiveDateTime, NaiveTime, TimeZone, Timelike};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

use crate::domain::time::Instant;

/// A period in which actions are refused. What it says of instants, days and hours holds together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Freeze {
    /// From this instant on (RFC 3339).
    #[serde(default, deserialize_with = "instant")]
    #[schemars(with = "Option<String>", extend("x-check" = "instant"))]
    pub from: Option<Instant>,
    /// Until just before this instant.
    #[serde(default, deserialize_with = "instant")]
    #[schemars(with = "Option<String>", extend("x-check" = "instant"))]
    pub to: Option<Instant>,
    /// Days of the week. Default: all.
    pub days: Option<Vec<Day>>,
    /// Hours of these days (`16:00-24:00`). Over midnight (`22:00-06:00`) they run into the day after. Default: all.
    #[serde(default, deserialize_with = "hours")]
    #[schemars(with = "Option<String>", extend("x-check" = "hours"))]
    pub hours: Option<Hours>,
    /// Where these days and hours are told (`Europe/Berlin`). Default: `UTC`.
    #[serde(default, deserialize_with = "time_zone")]
    #[schemars(with = "Option<String>", extend("x-check" = "time-zone"))]
    pub time_zone: Option<Tz>,
    /// What it is for; a refusal says so.
    #[schemars(length(min = 1))]
    pub why: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Hours of a day, in minutes since midnight; `to` is not part of them. With `to` at or before `from` they run into the
/// next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u32,
    to: u32,
}

const DAY: u32 = 24 * 60;

/// What days and hours say of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Week {
    /// It lies in none of their periods.
    Off,
    /// It lies in a period that ends then.
    Until(Instant),
    /// They say nothing, so it always lies within.
    Always,
}

/// Reads `16:00-09:30`.
pub(super) fn parse_hours(text: &str) -> Result<Hours, String> {
    let clock = |text: &str| -> Option<u32> {
        let (hour, minute) = text.trim().split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| digits(text).then(|| text.parse::<u32>().ok()).flatten();
        let minutes = number(hour)? * 60 + number(minute).filter(|minute| *minute < 60)?;
        (minutes <= DAY).then_some(minutes)
    };
    let Some((from, to)) = text.split_once('-').and_then(|(from, to)| Some((clock(from)?, clock(to)?))) else {
        return Err(format!("`{text}` is no period of a day"));
    };
    if from == to || from == DAY {
        return Err(format!("nothing lies within `{text}`"));
    }
    Ok(Hours { from, to })
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(deserializer)
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instant>, D::Error> {
    let read =
        |text: String| chrono::DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc()).map_err(D::Error::custom);
    text(deserializer)?.map(read).transpose()
}

fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hours>, D::Error> {
    text(deserializer)?.map(|text| parse_hours(&text).map_err(D::Error::custom)).transpose()
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tz>, D::Error> {
    text(deserializer)?.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

impl Freeze {
    /// Does it hold at this instant?
    pub fn holds(&self, at: Instant) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to) && self.week(at) != Week::Off
    }

    /// When the freeze that holds at this instant ends; `None` when it has no end, or none within two weeks.
    pub fn until(&self, at: Instant) -> Option<Instant> {
        let mut end = at;
        // One period may go over into the next: Saturday into Sunday.
        for _ in 0..14 {
            match self.week(end) {
                Week::Until(next) if next > end && self.to.is_none_or(|to| next < to) => end = next,
                Week::Off => return Some(end),
                _ => return self.to,
            }
        }
        self.to
    }

    /// Its periods between two instants, in order; what lies outside of these is cut off.
    pub fn periods(&self, from: Instant, to: Instant) -> Vec<(Instant, Instant)> {
        let zone = self.time_zone.unwrap_or(Tz::UTC);
        let opens = self.hours.map_or(0, |hours| hours.from);
        let mut starts: Vec<Instant> = [Some(from), self.from].into_iter().flatten().collect();
        if self.days.is_some() || self.hours.is_some() {
            let first = from.with_timezone(&zone).date_naive();
            let days = (to - from).num_days().max(0) as usize + 2;
            let open = |day: chrono::NaiveDate| {
                let local = day.and_time(NaiveTime::MIN) + chrono::TimeDelta::minutes(i64::from(opens));
                Some(zone.from_local_datetime(&local).earliest()?.to_utc())
            };
            starts.extend(first.iter_days().take(days).filter_map(open));
        }
        starts.retain(|start| (from..to).contains(start) && self.holds(*start));
        starts.sort_unstable();
        let mut periods: Vec<(Instant, Instant)> = Vec::new();
        for start in starts {
            // What goes over into the next is one period.
            if periods.last().is_none_or(|(_, end)| start >= *end) {
                periods.push((start, self.until(start).unwrap_or(to).min(to)));
            }
        }
        periods
    }

    /// What days and hours say of an instant.
    fn week(&self, at: Instant) -> Week {
        if self.days.is_none() && self.hours.is_none() {
            return Week::Always;
        }
        let zone = self.time_zone.unwrap_or(Tz::UTC);
        let local = at.with_timezone(&zone).naive_local();
        let Hours { from, to } = self.hours.unwrap_or(Hours { from: 0, to: DAY });
        let minute = local.hour() * 60 + local.minute();
        let midnight = local.date().and_time(NaiveTime::MIN);
        // What began on this day, and what began on the day before and runs over midnight.
        let of_today = minute >= from && (to <= from || minute < to);
        let of_yesterday = to <= from && minute < to;
        let (day, end) = if of_today && self.is_on(midnight) {
            (midnight, if to <= from { to + DAY } else { to })
        } else if of_yesterday && self.is_on(midnight - Days::new(1)) {
            (midnight, to)
        } else {
            return Week::Off;
        };
        let end = day + chrono::TimeDelta::minutes(i64::from(end));
        // An hour that summer time leaves out ends where the clock goes on.
        let end = zone
            .from_local_datetime(&end)
            .latest()
            .or_else(|| zone.from_local_datetime(&(end + chrono::TimeDelta::hours(1))).earliest());
        end.map_or(Week::Always, |end| Week::Until(end.to_utc()))
    }

    fn is_on(&self, day: NaiveDateTime) -> bool {
        const DAYS: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
        let day = DAYS[day.weekday().num_days_from_monday() as usize % DAYS.len()];
        self.days.as_ref().is_none_or(|days| days.contains(&day))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Instant {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn freeze(text: &str) -> Freeze {
        toml::from_str(&format!("why = \"w\"\n{text}")).unwrap()
    }

    #[test]
    fn days_and_hours_are_told_in_their_zone_also_over_midnight_and_summer_time() {
        let friday = freeze("days = [\"fri\"]\nhours = \"22:00-06:00\"\ntime-zone = \"Europe/Berlin\"");
        // 2026-03-27 is a Friday; on Sunday the 29th summer time begins.
        let cases = [
            ("2026-03-27T21:59:00+01:00", false),
            ("2026-03-27T22:00:00+01:00", true),
            ("2026-03-28T05:59:59+01:00", true),
            ("2026-03-28T06:00:00+01:00", false),
            ("2026-03-27T01:00:00+01:00", false),
            ("2026-04-03T20:30:00Z", true),
            ("2026-04-03T19:59:00Z", false),
        ];
        for (instant, holds) in cases {
            assert_eq!(friday.holds(at(instant)), holds, "{instant}");
        }
        assert_eq!(friday.until(at("2026-03-27T23:00:00+01:00")), Some(at("2026-03-28T05:00:00Z")));
        assert_eq!(friday.until(at("2026-03-28T01:00:00+01:00")), Some(at("2026-03-28T05:00:00Z")));
        let night = freeze("hours = \"23:00-02:30\"\ntime-zone = \"Europe/Berlin\"");
        // 02:30 is left out that night; the clock goes on at 03:30.
        assert_eq!(night.until(at("2026-03-29T00:30:00+01:00")), Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn whole_days_run_into_each_other_and_instants_bound_them() {
        let weekend = freeze("days = [\"sat\", \"sun\"]");
        assert_eq!(weekend.until(at("2026-03-07T10:00:00Z")), Some(at("2026-03-09T00:00:00Z")));
        assert!(!weekend.holds(at("2026-03-09T00:00:00Z")));
        let bounded = freeze("days = [\"sat\", \"sun\"]\nto = \"2026-03-08T12:00:00Z\"");
        assert_eq!(bounded.until(at("2026-03-07T10:00:00Z")), Some(at("2026-03-08T12:00:00Z")));
        assert!(!bounded.holds(at("2026-03-08T12:00:00Z")));
        let holidays = freeze("from = \"2026-12-20T00:00:00Z\"\nto = \"2027-01-04T00:00:00+01:00\"");
        assert!(!holidays.holds(at("2026-12-19T23:59:59Z")) && holidays.holds(at("2026-12-20T00:00:00Z")));
        assert_eq!(holidays.until(at("2026-12-24T00:00:00Z")), Some(at("2027-01-03T23:00:00Z")));
        assert_eq!(freeze("from = \"2026-12-20T00:00:00Z\"").until(at("2027-12-24T00:00:00Z")), None);
        let always = freeze("days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]");
        assert_eq!(always.until(at("2027-12-24T00:00:00Z")), None);
    }

    #[test]
    fn periods_are_told_in_advance() {
        let of = |text: &str, from: &str, to: &str| -> Vec<(String, String)> {
            let text_of = |at: Instant| at.format("%m-%d %H:%M").to_string();
            let periods = freeze(text).periods(at(from), at(to));
            periods.into_iter().map(|(from, to)| (text_of(from), text_of(to))).collect()
        };
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
        };
        assert_eq!(
            of("days = [\"fri\"]\nhours = \"22:00-06:00\"", "2026-03-07T01:00:00Z", "2026-03-20T23:00:00Z"),
            pairs(&[("03-07 01:00", "03-07 06:00"), ("03-13 22:00", "03-14 06:00"), ("03-20 22:00", "03-20 23:00")])
        );
        assert_eq!(
            of("days = [\"sat\", \"sun\"]", "2026-03-02T00:00:00Z", "2026-03-10T00:00:00Z"),
            pairs(&[("03-07 00:00", "03-09 00:00")])
        );
        assert_eq!(
            of("from = \"2026-03-05T10:00:00Z\"", "2026-03-02T00:00:00Z", "2026-03-10T00:00:00Z"),
            pairs(&[("03-05 10:00", "03-10 00:00")])
        );
        assert_eq!(of("to = \"2026-03-01T00:00:00Z\"", "2026-03-02T00:00:00Z", "2026-03-10T00:00:00Z"), []);
    }

    #[test]
    fn hours_that_mean_nothing_are_refused() {
        for wrong in [
            "",
            "9-17",
            "09:00",
            "09:00-25:00",
            "09:60-10:00",
            "10:00-10:00",
            "24:00-06:00",
            "9:00-17:00",
            "+9:00-17:00",
        ] {
            assert!(parse_hours(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_hours("16:00-24:00"), Ok(Hours { from: 960, to: 1440 }));
        assert_eq!(parse_hours("22:00 - 06:00"), Ok(Hours { from: 1320, to: 360 }));
    }
}
