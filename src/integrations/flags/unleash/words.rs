//! Strategies, constraints and events of Unleash in the words of people.

use serde_json::Value;

use super::wire::{Constraint, Event, Feature, FeatureEnvironment, Strategy, Variant};
use crate::domain::flag::FlagKind;
use crate::domain::text::clean;

/// So many values of a list are named.
const NAMED: usize = 5;

/// The kind that its type says.
pub(super) fn kind(feature: &Feature) -> FlagKind {
    match feature.kind.as_deref() {
        Some("release") => FlagKind::Release,
        Some("experiment") => FlagKind::Experiment,
        Some("kill-switch") => FlagKind::KillSwitch,
        Some("operational") => FlagKind::Operational,
        Some("permission") => FlagKind::Permission,
        _ => FlagKind::Other,
    }
}

/// The strategies that can be read.
pub(super) fn strategies(environment: &FeatureEnvironment) -> Vec<Strategy> {
    let all = environment.strategies.iter().flatten();
    all.filter_map(|strategy| serde_json::from_value(strategy.clone()).ok()).collect()
}

/// The one roll-out by percentage, where there is exactly one strategy that counts.
pub(super) fn rollout(strategies: &[Strategy]) -> Option<(&Strategy, u8)> {
    let mut counting = strategies.iter().filter(|strategy| strategy.disabled != Some(true));
    let (one, None) = (counting.next()?, counting.next()) else { return None };
    (one.name == "flexibleRollout").then(|| percent(one, "rollout")).flatten().map(|percent| (one, percent))
}

fn percent(strategy: &Strategy, parameter: &str) -> Option<u8> {
    let value = match strategy.parameters.get(parameter)? {
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        value => value.as_f64()?,
    };
    (0.0..=100.0).contains(&value).then(|| value.round() as u8)
}

/// Whom a strategy lets in.
pub(super) fn whom(strategy: &Strategy) -> String {
    let list = |name: &str| {
        let text = strategy.parameters.get(name).and_then(Value::as_str).unwrap_or_default();
        text.split(',').filter(|part| !part.trim().is_empty()).count()
    };
    let share = |parameter: &str| match percent(strategy, parameter) {
        Some(100) => "everybody".to_owned(),
        Some(0) => "nobody (0 %)".to_owned(),
        Some(percent) => format!("{percent} % of users"),
        None => "an unknown share of users".to_owned(),
    };
    let mut said = match strategy.name.as_str() {
        "default" => "everybody".to_owned(),
        "flexibleRollout" => share("rollout"),
        "gradualRolloutUserId" | "gradualRolloutSessionId" | "gradualRolloutRandom" => share("percentage"),
        "userWithId" => counted(list("userIds"), "named user", "named users"),
        "remoteAddress" => counted(list("IPs"), "address", "addresses"),
        "applicationHostname" => counted(list("hostNames"), "host", "hosts"),
        other => format!("whom the strategy {} lets in", clean(other)),
    };
    let constraints: Vec<String> = strategy.constraints.iter().flatten().map(constraint).collect();
    if !constraints.is_empty() {
        said = format!("{said} where {}", constraints.join(" and "));
    }
    let segments: Vec<String> = strategy.segments.iter().flatten().map(|segment| format!("#{segment}")).collect();
    if !segments.is_empty() {
        let word = if segments.len() == 1 { "segment" } else { "segments" };
        said = format!("{said} in {word} {}", clean(&segments.join(", ")));
    }
    let variants = strategy.variants.as_deref().unwrap_or_default();
    if variants.is_empty() { said } else { format!("{said}; variants {}", weights(variants)) }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// `a 50 %, b 50 %`.
pub(super) fn weights(variants: &[Variant]) -> String {
    let one = |variant: &Variant| {
        let weight = variant.weight.map_or_else(String::new, |weight| format!(" {} %", f64::from(weight) / 10.0));
        format!("{}{weight}", clean(&variant.name))
    };
    variants.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn constraint(constraint: &Constraint) -> String {
    let values: Vec<String> = match (&constraint.values, &constraint.value) {
        (Some(values), _) if !values.is_empty() => values.clone(),
        (_, Some(Value::String(text))) => vec![text.clone()],
        (_, Some(value)) if !value.is_null() => vec![value.to_string()],
        _ => Vec::new(),
    };
    let mut named: Vec<String> = values.iter().take(NAMED).map(|value| clean(value).into_owned()).collect();
    if values.len() > NAMED {
        named.push(format!("{} more", values.len() - NAMED));
    }
    let operator = match constraint.operator.as_str() {
        "IN" => "is one of",
        "NOT_IN" => "is none of",
        "STR_CONTAINS" => "contains",
        "STR_STARTS_WITH" => "begins with",
        "STR_ENDS_WITH" => "ends with",
        "NUM_EQ" | "SEMVER_EQ" => "=",
        "NUM_GT" | "SEMVER_GT" => ">",
        "NUM_GTE" => ">=",
        "NUM_LT" | "SEMVER_LT" => "<",
        "NUM_LTE" => "<=",
        "DATE_AFTER" => "after",
        "DATE_BEFORE" => "before",
        other => other,
    };
    let not = if constraint.inverted == Some(true) { "not " } else { "" };
    format!("{not}{} {} {}", clean(&constraint.context_name), clean(operator), named.join(", "))
}

/// One line for a strategy, with its title.
pub(super) fn line(strategy: &Strategy) -> String {
    let title = strategy.title.as_deref().filter(|title| !title.is_empty());
    let title = title.map_or_else(String::new, |title| format!("{}: ", clean(title)));
    let disabled = if strategy.disabled == Some(true) { " (disabled)" } else { "" };
    format!("{title}{}{disabled}", whom(strategy))
}

/// What users get while the flag is on.
pub(super) fn when_on(strategies: &[Strategy]) -> String {
    if strategies.is_empty() {
        return "everybody: it has no strategy".into();
    }
    let counting: Vec<String> =
        strategies.iter().filter(|strategy| strategy.disabled != Some(true)).map(whom).collect();
    if counting.is_empty() {
        return "nobody: all of its strategies are disabled".into();
    }
    // Any one of them lets a user in.
    if counting.iter().any(|whom| whom == "everybody") {
        return "everybody".into();
    }
    counting.join(", or ")
}

/// What an event did, in words.
pub(super) fn event(event: &Event) -> String {
    let place = event.environment.as_deref().map_or_else(String::new, |name| format!(" in {}", clean(name)));
    let what = match event.kind.as_str() {
        "feature-environment-enabled" => "switched on".to_owned(),
        "feature-environment-disabled" => "switched off".to_owned(),
        "feature-strategy-update" => "strategy changed".to_owned(),
        "feature-strategy-add" => "strategy added".to_owned(),
        "feature-strategy-remove" => "strategy removed".to_owned(),
        "feature-environment-variants-updated" | "feature-variants-updated" => "variants changed".to_owned(),
        "feature-archived" => "archived".to_owned(),
        "feature-revived" => "brought back from the archive".to_owned(),
        "feature-created" => "created".to_owned(),
        "feature-stale-on" => "called stale".to_owned(),
        "feature-stale-off" => "no longer called stale".to_owned(),
        other => clean(other.strip_prefix("feature-").unwrap_or(other)).replace('-', " "),
    };
    format!("{what}{place}")
}

/// Does an event change what users get, or only how the flag is described?
pub(super) fn counts(event: &Event) -> bool {
    let quiet =
        ["tagged", "untagged", "metadata-updated", "stale", "favorited", "potentially", "exported", "completed"];
    event.kind.starts_with("feature-") && !quiet.iter().any(|word| event.kind.contains(word))
}
