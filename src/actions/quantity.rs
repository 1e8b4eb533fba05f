//! Quantities of the API (`250m`, `1.5Gi`, `2e3`) as numbers, for arithmetic with quotas.
//!
//! Source: apimachinery `pkg/api/resource/quantity.go`; what it rounds does not matter to a warning.

/// The amount, in thousandths; `None` when it is no quantity.
pub fn milli(text: &str) -> Option<i128> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite())?;
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024_f64,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    Some((number * factor * 1000.0).round() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_the_api_writes_them() {
        let cases = [("250m", 250), ("2", 2000), ("1.5", 1500), ("1Ki", 1_024_000), ("2e3", 2_000_000), ("-1", -1000)];
        for (text, expected) in cases {
            assert_eq!(milli(text), Some(expected), "{text}");
        }
        for odd in ["", "x", "1x", "m", "1e", "--1"] {
            assert_eq!(milli(odd), None, "{odd}");
        }
    }
}
