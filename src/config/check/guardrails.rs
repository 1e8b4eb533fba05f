//! What the schema cannot say of guardrails: rules that rule nothing, or that promise to lift another.

use super::super::diagnostic::{Diagnostic, Place};
use super::super::document::{GUARDRAIL, Node, Table, Value, join};

/// What makes a rule a rule.
const RULES: [&str; 8] =
    ["read-only", "deny", "confirm", "max-objects", "max-percent", "require-reason", "require-incident", "freeze"];

/// Adds what is wrong with the guardrails of a layer.
pub(super) fn check(table: &Table, found: &mut Vec<Diagnostic>) {
    let Some((_, Node { value: Value::Array(items), .. })) = table.get(GUARDRAIL) else { return };
    for (index, item) in items.iter().enumerate() {
        if let Value::Table(rule) = &item.value {
            one(rule, &item.place, &format!("{GUARDRAIL}[{index}]"), found);
        }
    }
}

fn one(rule: &Table, place: &Place, path: &str, found: &mut Vec<Diagnostic>) {
    if !rule.keys().any(|key| RULES.contains(&key.as_str())) {
        let rules = RULES.join(", ");
        let diagnostic = Diagnostic::new(place, path, "this guardrail rules nothing");
        found.push(diagnostic.hint(format!("it needs one of {rules}")));
    }
    for name in ["read-only", "deny", "require-reason", "require-incident"] {
        if let Some((_, Node { value: Value::Boolean(false), place })) = rule.get(name) {
            let message = format!("`{name} = false` lifts nothing: the strictest guardrail wins");
            let diagnostic = Diagnostic::new(place, join(path, name), message);
            found.push(diagnostic.hint("leave it out, and narrow the guardrail that says true".to_owned()));
        }
    }
    if let (Some((_, Node { value: Value::Boolean(true), place })), true) =
        (rule.get("read-only"), rule.contains_key("actions"))
    {
        let diagnostic = Diagnostic::new(place, join(path, "read-only"), "read-only refuses every action");
        found.push(diagnostic.hint("to refuse only these `actions`, write deny = true".to_owned()));
    }
    if let Some((_, Node { value: Value::Array(items), .. })) = rule.get("freeze") {
        for (index, item) in items.iter().enumerate() {
            if let Value::Table(freeze) = &item.value {
                period(freeze, &item.place, &format!("{path}.freeze[{index}]"), found);
            }
        }
    }
    for name in ["contexts", "namespaces", "actions", "freeze"] {
        if let Some((_, Node { value: Value::Array(items), place })) = rule.get(name)
            && items.is_empty()
        {
            let message = format!("an empty list of {name} matches nothing");
            found.push(Diagnostic::new(place, join(path, name), message).hint("leave it out to mean all".to_owned()));
        }
    }
}

fn period(freeze: &Table, place: &Place, path: &str, found: &mut Vec<Diagnostic>) {
    let instant = |name: &str| match freeze.get(name) {
        Some((_, Node { value: Value::Text(text), place })) => {
            chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| (at, place))
        }
        _ => None,
    };
    if let (Some((from, _)), Some((to, place))) = (instant("from"), instant("to"))
        && to <= from
    {
        let message = format!("the freeze ends before it begins: `to` has to be later than `from`, {from}");
        found.push(Diagnostic::new(place, join(path, "to"), message));
    }
    let says = |names: &[&str]| names.iter().any(|name| freeze.contains_key(*name));
    if !says(&["from", "to", "days", "hours"]) {
        let diagnostic = Diagnostic::new(place, path, "a freeze without a period would hold for ever");
        found.push(
            diagnostic.hint("say from and to, or days and hours; to refuse always, write deny = true".to_owned()),
        );
    } else if let Some((place, _)) = freeze.get("time-zone")
        && !says(&["days", "hours"])
    {
        let diagnostic =
            Diagnostic::new(place, join(path, "time-zone"), "`time-zone` says where days and hours are told");
        found.push(diagnostic.hint("`from` and `to` carry their own zone".to_owned()));
    }
}
