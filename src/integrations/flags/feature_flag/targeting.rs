//! flagd's targeting rules (JsonLogic with a few operations of its own) in words.

use serde_json::Value;

use crate::domain::text::clean;

/// Longer than this a rule is shown by its beginning.
const LONGEST: usize = 160;
/// Deeper than this a rule is shown as it is written.
const DEEPEST: usize = 12;

/// The rules of a flag, one line for each branch; none where there is no targeting.
pub(super) fn rules(targeting: &Value) -> Vec<String> {
    match targeting {
        Value::Null => Vec::new(),
        Value::Object(object) if object.is_empty() => Vec::new(),
        rule => vec![bounded(&outcome(rule, 0))],
    }
}

fn bounded(text: &str) -> String {
    let text = clean(text);
    if text.chars().count() <= LONGEST {
        return text.into_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// A value in a few words: scalars as they are, the rest as JSON, bounded.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => bounded(text),
        other => bounded(&other.to_string()),
    }
}

/// The one operation of a rule and its arguments.
fn operation(rule: &Value) -> Option<(&str, &[Value])> {
    let object = rule.as_object().filter(|object| object.len() == 1)?;
    let (name, arguments) = object.iter().next()?;
    let arguments = arguments.as_array().map_or(std::slice::from_ref(arguments), Vec::as_slice);
    Some((name, arguments))
}

/// What is served: the name of a variant, or how it is found.
fn outcome(rule: &Value, depth: usize) -> String {
    if depth > DEEPEST {
        return rule.to_string();
    }
    match (rule, operation(rule)) {
        (Value::Null, _) => "the default variant".into(),
        (Value::String(variant), _) => variant.clone(),
        (Value::Bool(name), _) => name.to_string(),
        (_, Some(("if", arguments))) => {
            let mut words = Vec::new();
            let mut pairs = arguments.chunks_exact(2);
            for pair in pairs.by_ref() {
                if let [when, then] = pair {
                    words.push(format!("if {}: {}", condition(when, depth + 1), outcome(then, depth + 1)));
                }
            }
            let rest = pairs.remainder().first();
            words.push(format!(
                "else {}",
                rest.map_or_else(|| "the default variant".into(), |rest| outcome(rest, depth + 1))
            ));
            words.join("; ")
        }
        (_, Some(("fractional", arguments))) => fractional(arguments, depth),
        (_, Some(("$ref", [Value::String(name)]))) => format!("by the shared rule {name}"),
        // A condition by itself serves the variants `true` and `false`.
        (_, Some(_)) => format!("whether {}", condition(rule, depth + 1)),
        _ => rule.to_string(),
    }
}

/// `75 % off, 25 % on, by targetingKey`.
fn fractional(arguments: &[Value], depth: usize) -> String {
    let shares: Vec<(String, f64)> = arguments
        .iter()
        .filter_map(Value::as_array)
        .filter_map(|share| Some((outcome(share.first()?, depth + 1), share.get(1).map_or(Some(1.0), Value::as_f64)?)))
        .collect();
    let total: f64 = shares.iter().map(|(_, weight)| weight).sum();
    let by = arguments.first().filter(|first| !first.is_array());
    let by = by.map_or_else(|| "targetingKey".into(), |by| operand(by, depth + 1));
    if total <= 0.0 {
        return format!("shares by {by}");
    }
    let words: Vec<String> =
        shares.iter().map(|(name, weight)| format!("{:.0} % {name}", weight / total * 100.0)).collect();
    format!("{}, by {by}", words.join(", "))
}

fn condition(rule: &Value, depth: usize) -> String {
    if depth > DEEPEST {
        return rule.to_string();
    }
    let all = |arguments: &[Value], word: &str| {
        let words: Vec<String> = arguments
            .iter()
            .map(|one| {
                let text = condition(one, depth + 1);
                // `a and b or c` would be read one way or the other.
                if matches!(operation(one), Some(("and" | "or", [_, _, ..]))) { format!("({text})") } else { text }
            })
            .collect();
        words.join(word)
    };
    let two = |one: &Value, word: &str, other: &Value| {
        format!("{} {word} {}", operand(one, depth + 1), operand(other, depth + 1))
    };
    match operation(rule) {
        Some(("and", arguments)) => all(arguments, " and "),
        Some(("or", arguments)) => all(arguments, " or "),
        Some(("!", [one])) => format!("not ({})", condition(one, depth + 1)),
        Some(("!!", [one])) => format!("{} is there", operand(one, depth + 1)),
        Some(("==" | "===", [one, other])) => two(one, "is", other),
        Some(("!=" | "!==", [one, other])) => two(one, "is not", other),
        Some((word @ ("<" | "<=" | ">" | ">="), [one, other])) => two(one, word, other),
        Some(("in", [one, other])) => two(one, "in", other),
        Some(("starts_with", [one, other])) => two(one, "starts with", other),
        Some(("ends_with", [one, other])) => two(one, "ends with", other),
        Some(("sem_ver", [one, Value::String(word), other])) => two(one, word, other),
        Some(("$ref", [Value::String(name)])) => format!("the shared rule {name} holds"),
        _ => operand(rule, depth),
    }
}

fn operand(rule: &Value, depth: usize) -> String {
    match (rule, operation(rule)) {
        (_, Some(("var", [Value::String(name), ..]))) => name.clone(),
        (_, Some(("lower", [one]))) if depth < DEEPEST => operand(one, depth + 1),
        (Value::String(text), _) => text.clone(),
        (Value::Array(items), _) if depth < DEEPEST => {
            let words: Vec<String> = items.iter().map(|item| operand(item, depth + 1)).collect();
            format!("[{}]", words.join(", "))
        }
        (other, _) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_are_read_out() {
        let cases = [
            (json!(null), ""),
            (json!({}), ""),
            (
                json!({"if": [{"and": [{"ends_with": [{"var": "email"}, "@shop.example"]},
                    {"or": [{"==": [{"var": "plan"}, "gold"]}, {"in": [{"var": "country"}, ["at", "nl"]]}]}]}, "on", "off"]}),
                "if email ends with @shop.example and (plan is gold or country in [at, nl]): on; else off",
            ),
            (json!({"fractional": [["on", 25], ["off", 75]]}), "25 % on, 75 % off, by targetingKey"),
            (json!({"fractional": [{"var": "session"}, ["a", 1], ["b", 3]]}), "25 % a, 75 % b, by session"),
            (json!({"if": [{"$ref": "staff"}, "on"]}), "if the shared rule staff holds: on; else the default variant"),
            (json!({"sem_ver": [{"var": "version"}, ">=", "2.0.0"]}), "whether version >= 2.0.0"),
            (json!({"unheard_of": [1, 2]}), "whether {\"unheard_of\":[1,2]}"),
        ];
        for (targeting, words) in cases {
            assert_eq!(rules(&targeting).join("|"), words, "{targeting}");
        }
    }

    #[test]
    fn what_is_long_or_deep_is_bounded_and_nothing_escapes() {
        let mut deep = json!("on");
        for _ in 0..60 {
            deep = json!({"if": [{"!": [{"var": "\u{1b}[2Ja"}]}, deep]});
        }
        let words = rules(&deep).join("");
        assert!(words.chars().count() <= LONGEST + 1 && !words.contains('\u{1b}'), "{words}");
    }
}
