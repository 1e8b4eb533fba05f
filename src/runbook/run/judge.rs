//! Does what was read pass its test?

use std::collections::BTreeMap;

use minijinja::Value;

use super::work::{Outcome, Output, Test};
use crate::runbook::parameter;
use crate::runbook::splice;

/// Smaller than this there is nothing to read.
const TINY: f64 = 1e-9;

/// One series of what a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels, as they are shown.
    pub labels: String,
    /// Its samples, oldest first; one of an instant query.
    pub samples: Vec<f64>,
}

/// Judges what a query gave; without a test everything passes. A test that has to hold is asked of every sample.
///
/// NaN is no number (a ratio without traffic is 0/0): a series of nothing else has no data, which fails unless that is a
/// pass; between numbers it is a gap.
pub fn judge(test: Option<&Test>, series: &[Series]) -> Outcome {
    let text = table(series);
    let first = series.first().and_then(|series| series.samples.last().copied());
    // What JSON cannot hold is not captured: a record has to read as it was written.
    let value = first.filter(|value| value.is_finite()).map(parameter::Value::Number);
    let output = Output { text, value };
    let Some(test) = test else {
        let detail = match (series.len(), first) {
            (0, _) | (_, None) => "no data".to_owned(),
            (1, Some(value)) => number(value),
            (many, _) => format!("{many} series"),
        };
        return Outcome::Passed { detail, output };
    };
    let numbers =
        |series: &Series| series.samples.iter().copied().filter(|sample| !sample.is_nan()).collect::<Vec<_>>();
    let asked: Vec<(&str, Vec<f64>)> = series.iter().map(|one| (one.labels.as_str(), numbers(one))).collect();
    let last: Vec<f64> = asked.iter().filter_map(|(_, samples)| samples.last().copied()).collect();
    let empty = asked.iter().find(|(_, samples)| samples.is_empty()).map(|(labels, _)| *labels);
    if !test.empty_passes && (last.is_empty() || empty.is_some()) {
        let of = empty.filter(|labels| !labels.is_empty()).map_or_else(String::new, |labels| format!(" of {labels}"));
        return Outcome::Failed { detail: format!("no data{of}"), output };
    }
    if last.is_empty() {
        return Outcome::Passed { detail: "no data, which is a pass here".into(), output };
    }
    let mut failing: Vec<String> = Vec::new();
    for (labels, samples) in &asked {
        for sample in samples {
            match holds(test, Some(*sample), &last) {
                Err(why) => return Outcome::Failed { detail: why, output },
                Ok(true) => {}
                Ok(false) => {
                    failing.push(format!("{labels} {}", number(*sample)).trim().to_owned());
                    break;
                }
            }
        }
    }
    match failing.as_slice() {
        [] => {
            let shown = if last.len() == 1 { number(last[0]) } else { format!("{} series", last.len()) };
            Outcome::Passed { detail: format!("{shown}: {}", test.told()), output }
        }
        [one] => Outcome::Failed { detail: format!("{one}, wanted {}", test.told()), output },
        [one, rest @ ..] => {
            Outcome::Failed { detail: format!("{one} and {} more, wanted {}", rest.len(), test.told()), output }
        }
    }
}

/// Judges a number of lines. `text` is what is shown of them.
pub fn judge_count(test: Option<&Test>, count: usize, text: String) -> Outcome {
    let output = Output { text, value: Some(parameter::Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))) };
    let shown = if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
    let Some(test) = test else { return Outcome::Passed { detail: shown, output } };
    match holds(test, Some(count as f64), &vec![0.0; count]) {
        Err(why) => Outcome::Failed { detail: why, output },
        Ok(true) => Outcome::Passed { detail: format!("{shown}: {}", test.told()), output },
        Ok(false) => Outcome::Failed { detail: format!("{shown}, wanted {}", test.told()), output },
    }
}

fn holds(test: &Test, value: Option<f64>, values: &[f64]) -> Result<bool, String> {
    let mut context: BTreeMap<String, Value> =
        test.values.iter().map(|(name, text)| (name.clone(), typed(text))).collect();
    context.insert("values".into(), Value::from(values.to_vec()));
    context.insert("count".into(), Value::from(values.len()));
    context.extend(value.map(|value| ("value".to_owned(), Value::from(value))));
    splice::holds(&test.expression, &Value::from(context))
}

/// A number where it is one, so that it can be compared.
fn typed(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>(), text) {
        (Ok(number), ..) => Value::from(number),
        (_, Ok(number), _) => Value::from(number),
        (_, _, "true") => Value::from(true),
        (_, _, "false") => Value::from(false),
        _ => Value::from(text),
    }
}

fn table(series: &[Series]) -> String {
    let lines: Vec<String> = series
        .iter()
        .take(200)
        .map(|series| {
            let last = series.samples.last().copied().map_or_else(|| "-".into(), number);
            format!("{last:>12}  {}", series.labels).trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// A number with as many digits as one reads: never as a power of ten, which nobody reads at night.
pub fn number(value: f64) -> String {
    // No minus before nothing.
    let value = value + 0.0;
    let size = value.abs();
    if value == 0.0 || size >= 1e15 {
        format!("{value:.0}")
    } else if size < TINY {
        // What arithmetic left over.
        "almost 0".to_owned()
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else if size >= 0.0001 {
        format!("{value:.4}")
    } else {
        // Two digits that say something.
        let digits = (1.0 - size.log10().floor()) as usize;
        format!("{value:.digits$}")
    }
}
