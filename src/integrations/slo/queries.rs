//! From an objective's two expressions to the queries that are sent.

use crate::domain::slo::Objective;

/// Ways to write the place of the window: ours, the shell's, and Sloth's.
const PLACES: [&str; 4] = ["$window", "${window}", "{{.window}}", "{{ .window }}"];

/// The expressions of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Bad events.
    pub errors: String,
    /// All events.
    pub total: String,
}

impl Pair {
    /// Puts a window into both; `None` when one has no place for it, because then every window would read the same.
    pub fn at(objective: &Objective, window: &str) -> Option<Self> {
        let errors = substitute(&objective.errors, window)?;
        let total = substitute(&objective.total, window)?;
        // Summed, so that a ratio needs no matching of labels; and no series of bad events means none happened, as
        // long as there are events at all. The line breaks end a comment that an expression may end in.
        Some(Self { errors: format!("(sum({errors}\n) or vector(0))"), total: format!("sum({total}\n)") })
    }

    /// Bad over all.
    pub fn ratio(&self) -> String {
        format!("{} / {}", self.errors, self.total)
    }
}

fn substitute(template: &str, window: &str) -> Option<String> {
    let found = PLACES.iter().any(|place| template.contains(place));
    found.then(|| PLACES.iter().fold(template.to_owned(), |text, place| text.replace(place, window)))
}

/// A duration as PromQL writes it, in the largest unit that fits: `30d`, `5m`, `90s`.
pub(super) fn duration(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(size, _)| seconds > 0 && seconds.is_multiple_of(*size));
    unit.map_or_else(|| format!("{seconds}s"), |(size, unit)| format!("{}{unit}", seconds / size))
}

/// What turns an expression's value over a window of `seconds` into a number of events: the window's length when it
/// is a rate per second, 1 when it counts; `None` when its functions do not tell (a recorded ratio).
pub(super) fn events_factor(promql: &str, seconds: u64) -> Option<f64> {
    functions(promql).find_map(|name| match name {
        "rate" | "irate" => Some(seconds as f64),
        "increase" | "count_over_time" | "sum_over_time" | "changes" => Some(1.0),
        _ => None,
    })
}

/// Names of the functions that an expression calls, outside of quotes.
fn functions(promql: &str) -> impl Iterator<Item = &str> {
    let mut rest = promql;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':' | '"' | '\'' | '`'))?;
            rest = &rest[start..];
            if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
                rest = after_quoted(&rest[1..], quote);
                continue;
            }
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')));
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            if after.trim_start().starts_with('(') {
                return Some(name);
            }
        }
    })
}

/// What follows a quoted string. Backquoted ones know no escapes.
fn after_quoted(text: &str, quote: char) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote {
            return &text[at + 1..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn windows_are_put_in_wherever_they_are_written() {
        for place in PLACES {
            let template = format!("rate(x[{place}]) + rate(y[{place}])");
            assert_eq!(substitute(&template, "30m").unwrap(), "rate(x[30m]) + rate(y[30m])");
        }
        assert_eq!(substitute("rate(x[5m])", "30m"), None);
        for (seconds, text) in [(300, "5m"), (21_600, "6h"), (2_592_000, "30d"), (90, "90s"), (0, "0s")] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn rates_and_counts_are_told_apart() {
        let cases = [
            (r#"sum(rate(http_requests_total{code=~"5.."}[1h]))"#, Some(3_600.0)),
            ("sum by (x) (increase(a[1h]))", Some(1.0)),
            ("count_over_time(up[1h])", Some(1.0)),
            // Names of metrics, labels and strings are no calls.
            (r#"rate_total{a="rate(",b='\'increase('}"#, None),
            ("slo:sli_error:ratio_rate1h", None),
            (r#"sum(increase(a{b="rate("}[1h]))"#, Some(1.0)),
        ];
        for (promql, factor) in cases {
            assert_eq!(events_factor(promql, 3_600), factor, "{promql}");
        }
    }
}
