//! Annotation and label templates: the part of Go's templates that rule files use.
//!
//! `{{ $labels.x }}`, `{{ $value | humanizePercentage }}`, `{{ printf "%.2f" $value }}` and pipelines of these. What
//! is not known fails as Prometheus fails: the text becomes an error that says so.

use std::fmt::Write as _;

use crate::lab::prometheus::wire::number;
use crate::lab::telemetry::Labels;

/// Expands `template` for an alert instance.
pub fn expand(template: &str, labels: &Labels, value: f64) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((text, tail)) = rest.split_once("{{") {
        out.push_str(text);
        let Some((action, after)) = tail.split_once("}}") else {
            return "<error expanding template: unclosed action>".to_owned();
        };
        match pipeline(action.trim(), labels, value) {
            Ok(text) => out.push_str(&text),
            Err(why) => return format!("<error expanding template: {why}>"),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[derive(Debug, Clone)]
enum Operand {
    Number(f64),
    Text(String),
}

impl Operand {
    fn text(&self) -> String {
        match self {
            // Go prints float64 with %v.
            Self::Number(value) => general(*value),
            Self::Text(text) => text.clone(),
        }
    }

    fn number(&self) -> Result<f64, String> {
        match self {
            Self::Number(value) => Ok(*value),
            Self::Text(text) => text.parse().map_err(|_| format!("can't convert {text:?} to float")),
        }
    }
}

/// Go's `%v` of a float: exponent form outside 1e-4 ≤ |v| < 1e21.
fn general(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || size == 0.0 || (1e-4..1e21).contains(&size) {
        return number(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn pipeline(action: &str, labels: &Labels, value: f64) -> Result<String, String> {
    let mut piped: Option<Operand> = None;
    for stage in split_outside_quotes(action, '|') {
        let mut words = split_outside_quotes(stage.trim(), ' ');
        words.retain(|w| !w.trim().is_empty());
        let Some((head, args)) = words.split_first() else {
            return Err("missing value for command".to_owned());
        };
        let mut operands = args.iter().map(|w| operand(w, labels, value)).collect::<Result<Vec<_>, _>>()?;
        operands.extend(piped.take());
        piped = Some(if is_operand(head) { operand(head, labels, value)? } else { call(head, &operands)? });
    }
    piped.map(|p| p.text()).ok_or_else(|| "missing value for command".to_owned())
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(&text[start..i]);
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn is_operand(word: &str) -> bool {
    word.starts_with(['$', '"', '.']) || word.parse::<f64>().is_ok()
}

fn operand(word: &str, labels: &Labels, value: f64) -> Result<Operand, String> {
    if let Some(name) = word.strip_prefix("$labels.").or_else(|| word.strip_prefix(".Labels.")) {
        return Ok(Operand::Text(labels.get(name).to_owned()));
    }
    if word == "$value" || word == ".Value" {
        return Ok(Operand::Number(value));
    }
    if let Some(quoted) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        return Ok(Operand::Text(quoted.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\")));
    }
    word.parse().map(Operand::Number).map_err(|_| format!("undefined variable or field {word:?}"))
}

fn call(name: &str, args: &[Operand]) -> Result<Operand, String> {
    let first = || args.first().ok_or_else(|| format!("wrong number of args for {name}: want 1 got 0"));
    Ok(Operand::Text(match name {
        "humanize" => humanize(first()?.number()?, 1000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"]),
        "humanize1024" => humanize(first()?.number()?, 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]),
        "humanizePercentage" => format!("{}%", significant(first()?.number()? * 100.0)),
        "humanizeDuration" => humanize_duration(first()?.number()?),
        "toUpper" => first()?.text().to_uppercase(),
        "toLower" => first()?.text().to_lowercase(),
        "printf" => printf(args)?,
        _ => return Err(format!("function {name:?} not defined")),
    }))
}

/// Go's `%.4g`.
fn significant(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return number(value);
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..4).contains(&exponent) {
        let text = format!("{value:.3e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
        return format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let text = format!("{value:.*}", usize::try_from(3 - exponent).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn humanize(mut value: f64, base: f64, large: &[&str]) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value);
    }
    let mut prefix = "";
    if value.abs() >= 1.0 {
        for name in large {
            if value.abs() < base {
                break;
            }
            prefix = name;
            value /= base;
        }
    } else if base < 1024.0 {
        for name in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if value.abs() >= 1.0 {
                break;
            }
            prefix = name;
            value *= base;
        }
    }
    format!("{}{prefix}", significant(value))
}

fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return significant(value);
    }
    if value.abs() < 1.0 {
        return if value == 0.0 { "0s".to_owned() } else { format!("{}s", humanize(value, 1000.0, &[])) };
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let total = value.abs() as u64;
    let (days, hours, minutes, seconds) = (total / 86_400, total / 3_600 % 24, total / 60 % 60, total % 60);
    if days > 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours > 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{}s", significant(value))
    }
}

/// `printf` with `%s`, `%v`, `%d`, `%f`, `%.Nf` and `%%`.
fn printf(args: &[Operand]) -> Result<String, String> {
    let Some((format, args)) = args.split_first() else {
        return Err("wrong number of args for printf: want at least 1 got 0".to_owned());
    };
    let (format, mut args) = (format.text(), args.iter());
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = String::new();
        let verb = loop {
            match chars.next() {
                Some(c) if c.is_ascii_digit() || c == '.' => spec.push(c),
                Some(c) => break c,
                None => return Err("printf: format ends in %".to_owned()),
            }
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(arg) = args.next() else { return Err(format!("printf: %{verb} has no argument")) };
        match verb {
            's' | 'v' => out.push_str(&arg.text()),
            'd' => out.push_str(&(arg.number()? as i64).to_string()),
            'f' => {
                let decimals = spec.split_once('.').map_or(Ok(6), |(_, n)| n.parse().or(Ok::<_, String>(0)))?;
                // Writing to a String cannot fail.
                let _ = write!(out, "{:.decimals$}", arg.number()?);
            }
            _ => return Err(format!("printf: %{verb} is not supported")),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_expand_as_prometheus_expands_them() {
        let labels = Labels::new("x", &[("service", "payment")]);
        for (template, value, expected) in [
            ("{{ $labels.service }} at {{ $value | humanizePercentage }}", 0.171_55, "payment at 17.16%"),
            ("{{ $value | humanizePercentage }}", 0.05, "5%"),
            ("{{ printf \"%.1f\" $value }}x", 16.849, "16.8x"),
            ("{{ $value | printf \"%.0f%%\" }}", 42.4, "42%"),
            ("{{ $value }}", 0.25, "0.25"),
            ("{{ $value }}", 0.000_01, "1e-05"),
            ("{{ $value | humanize }}", 1_234_567.0, "1.235M"),
            ("{{ $value | humanize }}", 0.012, "12m"),
            ("{{ humanize1024 $value }}B", 536_870_912.0, "512MiB"),
            ("{{ $value | humanizeDuration }}", 93_784.0, "1d 2h 3m 4s"),
            ("{{ $labels.service | toUpper }}{{ $labels.gone }}", 0.0, "PAYMENT"),
            ("{{ $value | humanize }}", 12_345_678_000.0, "12.35G"),
            ("{{ nope $value }}", 1.0, "<error expanding template: function \"nope\" not defined>"),
        ] {
            assert_eq!(expand(template, &labels, value), expected, "{template}");
        }
    }
}
