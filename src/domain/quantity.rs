//! Kubernetes quantities (`250m`, `1536Mi`, `12345678n`, `2e3`) as whole numbers.
//!
//! Source: `k8s.io/apimachinery/pkg/api/resource`.

/// The amount in its own unit (cores, bytes, pods); `None` when it is no quantity.
fn amount(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
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
    Some(number * factor)
}

/// A quantity in `1/parts` units, rounded down: `parts` 1000 gives thousandths of a core, 1 gives bytes or pods.
/// What is no quantity, or below zero, is 0: a missing number must not cost a row.
pub fn quantity(text: &str, parts: u32) -> u64 {
    // `as` saturates and makes no number of NaN; the small addition undoes what binary fractions lose.
    amount(text).map_or(0, |amount| (amount * f64::from(parts) + 1e-6) as u64)
}

/// The amount in thousandths, below zero too, for arithmetic with quotas; `None` when it is no quantity. What Kubernetes
/// would round does not matter to a warning.
pub fn milli(text: &str) -> Option<i128> {
    amount(text).map(|amount| amount * 1000.0).filter(|milli| milli.is_finite()).map(|milli| milli.round() as i128)
}

/// CPU of several quantities together in thousandths of a core, rounded up as `kubectl top` does: what is used at all
/// is not nothing.
pub fn millicores<'a>(cpu: impl IntoIterator<Item = &'a str>) -> u64 {
    let nanos = cpu.into_iter().fold(0_u64, |sum, text| sum.saturating_add(quantity(text, 1_000_000_000)));
    nanos.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::{milli, millicores, quantity};

    #[test]
    fn cpu_in_use_is_summed_and_then_rounded_up() {
        assert_eq!(millicores(["1n"]), 1);
        assert_eq!(millicores(["250m"]), 250);
        assert_eq!(millicores(["64000000000n"]), 64_000);
        assert_eq!(millicores(["156340123n", "156340123n"]), 313, "312.680246 m, not 157 m twice");
        assert_eq!(millicores([]), 0);
    }

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, parts, expected) in [
            ("4", 1000, 4000),
            ("250m", 1000, 250),
            ("0.1", 1000, 100),
            ("156340123n", 1000, 156),
            ("1930m", 1000, 1930),
            ("1536Mi", 1, 1_610_612_736),
            ("32782388Ki", 1, 33_569_165_312),
            ("2e3", 1, 2000),
            ("110", 1, 110),
            ("", 1, 0),
            ("-5", 1, 0),
            ("many", 1, 0),
            ("1e999", 1, u64::MAX),
        ] {
            assert_eq!(quantity(text, parts), expected, "{text}");
        }
    }

    #[test]
    fn quantities_of_quotas_may_be_below_zero_and_must_be_quantities() {
        let cases = [("250m", 250), ("2", 2000), ("1.5", 1500), ("1Ki", 1_024_000), ("2e3", 2_000_000), ("-1", -1000)];
        for (text, expected) in cases {
            assert_eq!(milli(text), Some(expected), "{text}");
        }
        for odd in ["", "x", "1x", "m", "1e", "--1", "1e999"] {
            assert_eq!(milli(odd), None, "{odd}");
        }
    }
}
