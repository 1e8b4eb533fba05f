//! `label_replace` and `label_join`.

use regex::Regex;

use super::{QueryError, Sample};

/// Whether `name` may name a label.
pub fn is_label_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Sets `target` to `replacement` (with `$1`, `${name}`) on every sample whose `source` matches the whole pattern.
pub(super) fn replace(
    samples: Vec<Sample>,
    target: &str,
    replacement: &str,
    source: &str,
    pattern: &str,
) -> Result<Vec<Sample>, QueryError> {
    let regex = Regex::new(&format!("^(?s:{pattern})$"))
        .map_err(|_| QueryError::Execution(format!("invalid regular expression in label_replace(): {pattern}")))?;
    if !is_label_name(target) {
        let why = format!("invalid destination label name in label_replace(): {target}");
        return Err(QueryError::Execution(why));
    }
    let replaced = samples.into_iter().map(|mut sample| {
        let expanded = regex.captures(sample.labels.get(source)).map(|captures| {
            let mut text = String::new();
            captures.expand(replacement, &mut text);
            text
        });
        if let Some(text) = expanded {
            sample.labels = sample.labels.with(target, &text);
        }
        sample
    });
    Ok(replaced.collect())
}

/// Sets `target` to the values of `sources` with `separator` between them.
pub(super) fn join(
    samples: Vec<Sample>,
    target: &str,
    separator: &str,
    sources: &[String],
) -> Result<Vec<Sample>, QueryError> {
    if let Some(wrong) = sources.iter().find(|s| !is_label_name(s)) {
        return Err(QueryError::Execution(format!("invalid source label name in label_join(): {wrong}")));
    }
    if !is_label_name(target) {
        let why = format!("invalid destination label name in label_join(): {target}");
        return Err(QueryError::Execution(why));
    }
    let joined = samples.into_iter().map(|mut sample| {
        let values: Vec<&str> = sources.iter().map(|s| sample.labels.get(s)).collect();
        let text = values.join(separator);
        sample.labels = sample.labels.with(target, &text);
        sample
    });
    Ok(joined.collect())
}
