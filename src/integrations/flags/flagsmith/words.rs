//! Values, shares and overrides of Flagsmith in the words of people.

use serde_json::Value;

use super::wire::{Entry, Feature, FeatureSegment, MultivariateOption, Person, Share, State, TypedValue};
use crate::domain::flag::{FlagEvent, FlagKind, written};
use crate::domain::text::clean;

/// A value may be a whole document.
const LONGEST: usize = 60;
/// What nobody's option gets: the flag's own value.
pub(super) const CONTROL: &str = "control";

/// A value of a flag: bare in some answers, with its type in others.
pub(super) fn bare(value: &Value) -> Value {
    match serde_json::from_value::<TypedValue>(value.clone()) {
        Ok(typed) if value.is_object() => plain(&typed),
        _ => value.clone(),
    }
}

fn plain(typed: &TypedValue) -> Value {
    match typed.kind.as_deref() {
        Some("int") => typed.integer_value.map_or(Value::Null, Value::from),
        Some("bool") => typed.boolean_value.map_or(Value::Null, Value::from),
        _ => typed.string_value.clone().map_or(Value::Null, Value::from),
    }
}

/// `"hello"`, `42`; `None` without a value. Cleaned.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) if text.is_empty() => return None,
        Value::String(text) => format!("\"{}\"", clean(text)),
        other => other.to_string(),
    };
    let short: String = text.chars().take(LONGEST).collect();
    Some(if short.len() < text.len() { format!("{short}…") } else { short })
}

/// The name of an option: its value where it is short and the only one of that value, else its number; written out.
pub(super) fn label(options: &[MultivariateOption], option: &MultivariateOption) -> String {
    let text = |one: &MultivariateOption| match plain(&one.value) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let own = text(option);
    let only = options.iter().filter(|one| text(one) == own).count() == 1;
    let usable = only && !own.is_empty() && own != CONTROL && own.chars().count() <= LONGEST;
    if usable { written(&own) } else { format!("#{}", option.id) }
}

/// The option's share in this state, in percent.
pub(super) fn share(shares: &[Share], option: &MultivariateOption) -> f64 {
    let of_option = shares.iter().find(|share| share.multivariate_feature_option == option.id);
    of_option.map_or(0.0, |share| share.percentage_allocation)
}

/// The option that everybody gets, where it is one: `control` when none has a share.
pub(super) fn variant(options: &[MultivariateOption], shares: &[Share]) -> Option<String> {
    if options.is_empty() {
        return None;
    }
    if options.iter().all(|option| share(shares, option) <= 0.0) {
        return Some(CONTROL.into());
    }
    let all = options.iter().find(|option| share(shares, option) >= 100.0);
    all.map(|option| label(options, option))
}

/// What those get whom no override names.
pub(super) fn gets(options: &[MultivariateOption], shares: &[Share], value: &Value) -> String {
    if options.is_empty() {
        return shown(value).map_or_else(|| "everybody".into(), |value| format!("everybody gets {value}"));
    }
    let mut rest = 100.0;
    let mut parts = Vec::new();
    for option in options {
        let share = share(shares, option);
        rest -= share;
        if share > 0.0 {
            parts.push(format!("{} {share} %", label(options, option)));
        }
    }
    if rest > 0.0 {
        let value = shown(value).map_or_else(String::new, |value| format!(" ({value})"));
        parts.push(format!("{CONTROL}{value} {rest} %"));
    }
    format!("users get {}", parts.join(", "))
}

fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// Overrides that come before what all others get.
pub(super) fn first(feature: &Feature) -> Option<String> {
    let mut first = Vec::new();
    if let Some(count) = feature.num_segment_overrides.filter(|count| *count > 0) {
        first.push(counted(count, "segment override", "segment overrides"));
    }
    if let Some(count) = feature.num_identity_overrides.filter(|count| *count > 0) {
        first.push(counted(count, "identity override", "identity overrides"));
    }
    (!first.is_empty()).then(|| first.join(" and "))
}

/// One line for each override, in the order in which they count, and one for all others.
pub(super) fn strategies(feature: &Feature, states: &[State], segments: &[FeatureSegment]) -> Vec<String> {
    let options = &feature.multivariate_options;
    let says = |state: &State| {
        let gets = gets(options, &state.multivariate_feature_state_values, &bare(&state.feature_state_value));
        if state.enabled { format!("on, {gets}") } else { "off".into() }
    };
    let mut ordered: Vec<&FeatureSegment> = segments.iter().collect();
    ordered.sort_by_key(|segment| segment.priority);
    let mut lines = Vec::new();
    for segment in ordered {
        let of_segment =
            states.iter().find(|state| state.feature_segment.as_ref().is_some_and(|one| one == segment.id));
        let Some(state) = of_segment else { continue };
        let name = segment.segment_name.as_deref().unwrap_or("?");
        lines.push(format!("segment {}: {}", clean(name), says(state)));
    }
    if let Some(default) = super::default_of(states) {
        lines.push(format!("all others: {}", says(default)));
    }
    lines
}

/// What a flag is for, as far as its tags say.
pub(super) fn kind(tags: &[String]) -> FlagKind {
    let tagged =
        |words: &[&str]| tags.iter().any(|tag| words.contains(&tag.to_lowercase().replace(['_', ' '], "-").as_str()));
    if tagged(&["kill-switch", "killswitch"]) {
        FlagKind::KillSwitch
    } else if tagged(&["experiment"]) {
        FlagKind::Experiment
    } else if tagged(&["permission", "entitlement"]) {
        FlagKind::Permission
    } else if tagged(&["operational", "ops"]) {
        FlagKind::Operational
    } else if tagged(&["release"]) {
        FlagKind::Release
    } else {
        FlagKind::Other
    }
}

/// Somebody's name.
pub(super) fn person(person: &Person) -> String {
    let name = [&person.first_name, &person.last_name];
    let name: Vec<&str> = name.into_iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let name = if name.is_empty() { person.email.clone().unwrap_or_else(|| "?".into()) } else { name.join(" ") };
    clean(&name).into_owned()
}

/// The name of the flag that an entry of the audit log speaks of.
pub(super) fn about(log: &str) -> Option<&str> {
    if let Some((_, rest)) = log.split_once("feature: ") {
        return Some(rest.trim_end_matches('.'));
    }
    if let Some((_, rest)) = log.split_once("feature '").or_else(|| log.split_once("Feature '")) {
        return rest.split('\'').next();
    }
    log.strip_prefix("Flag / Remote Config ")?.split_once(": ").map(|(_, name)| name)
}

/// An entry for people.
pub(super) fn event(entry: &Entry) -> FlagEvent {
    let by = entry.author.as_ref().map_or_else(|| "?".into(), person);
    let said = match about(&entry.log) {
        // The name is said already, wherever this is shown.
        Some(name) => entry.log.replace(&format!("for feature: {name}"), "").replace(&format!(": {name}"), ""),
        None => entry.log.clone(),
    };
    FlagEvent { at: entry.created_date, by: by.into(), what: clean(said.trim()).into() }
}
