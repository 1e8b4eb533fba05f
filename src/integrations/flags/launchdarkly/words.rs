//! Variations, targets, rules and roll-outs of LaunchDarkly in the words of people.

use serde_json::Value;

use super::wire::{Clause, Entry, Environment, Flag, Outcome, Rollout, Target};
use crate::domain::flag::{FlagKind, written};
use crate::domain::text::clean;

/// So many values of a list are named.
const NAMED: usize = 5;
/// A variation's value may be a whole document.
const LONGEST: usize = 60;
/// All users, in thousandths of a percent.
pub(super) const WHOLE: u32 = 100_000;

/// What a flag is for, as far as it says: LaunchDarkly has temporary flags (releases) and permanent ones; teams tag
/// those that are more.
pub(super) fn kind(flag: &Flag) -> FlagKind {
    let tagged = |words: &[&str]| {
        flag.tags.iter().any(|tag| words.contains(&tag.to_lowercase().replace(['_', ' '], "-").as_str()))
    };
    if tagged(&["kill-switch", "killswitch"]) {
        FlagKind::KillSwitch
    } else if tagged(&["experiment"]) {
        FlagKind::Experiment
    } else if tagged(&["permission", "entitlement"]) {
        FlagKind::Permission
    } else if tagged(&["operational", "ops"]) {
        FlagKind::Operational
    } else if flag.temporary == Some(true) {
        FlagKind::Release
    } else {
        FlagKind::Other
    }
}

/// The name of a variation: its own where it is the only one of that name, else its value; written out.
pub(super) fn label(flag: &Flag, index: usize) -> String {
    let Some(variation) = flag.variations.get(index) else { return format!("#{index}") };
    let only = |name: &str| flag.variations.iter().filter(|one| one.name.as_deref() == Some(name)).count() == 1;
    let name = variation.name.as_deref().filter(|name| !name.is_empty() && only(name));
    let value = || match &variation.value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let label = name.map_or_else(value, str::to_owned);
    if label.chars().count() <= LONGEST && !label.is_empty() { written(&label) } else { format!("#{index}") }
}

/// The index of the variation of this name.
pub(super) fn variation(flag: &Flag, name: &str) -> Option<usize> {
    (0..flag.variations.len()).find(|index| label(flag, *index) == name)
}

/// A boolean flag's variation for yes.
pub(super) fn yes(flag: &Flag) -> Option<usize> {
    let two = flag.kind == "boolean" && flag.variations.len() == 2;
    two.then(|| flag.variations.iter().position(|one| one.value == Value::Bool(true))).flatten()
}

/// Whom the default rule gives a boolean flag's yes, in percent: `None` where that is not a whole number, or where there
/// are other things to choose from.
pub(super) fn percentage(flag: &Flag, outcome: &Outcome) -> Option<u8> {
    let yes = yes(flag)?;
    if let Some(fixed) = outcome.variation {
        return Some(if fixed == yes { 100 } else { 0 });
    }
    let shares = &outcome.rollout.as_ref()?.variations;
    let weight: u32 = shares.iter().filter(|share| share.variation == yes).map(|share| share.weight).sum();
    (weight <= WHOLE && weight.is_multiple_of(1_000)).then_some((weight / 1_000) as u8)
}

/// Does an experiment divide the users of the default rule?
pub(super) fn is_experiment(outcome: &Outcome) -> bool {
    outcome.rollout.as_ref().is_some_and(|rollout| rollout.experiment_allocation.is_some())
}

/// `everybody`, `nobody`, `everybody gets blue`.
fn all_get(flag: &Flag, index: usize) -> String {
    match yes(flag) {
        Some(yes) if yes == index => "everybody".into(),
        Some(_) => "nobody".into(),
        None => format!("everybody gets {}", label(flag, index)),
    }
}

fn people(rollout: &Rollout) -> String {
    match rollout.context_kind.as_deref() {
        None | Some("" | "user") => "users".into(),
        Some(kind) => format!("contexts of kind {}", clean(kind)),
    }
}

/// `25`, `33.3`.
fn percent(weight: u32) -> String {
    (f64::from(weight) / 1_000.0).to_string()
}

/// What an outcome gives to those whom it is for.
pub(super) fn outcome(flag: &Flag, outcome: &Outcome) -> String {
    if let Some(index) = outcome.variation {
        return all_get(flag, index);
    }
    let Some(rollout) = &outcome.rollout else { return "what the code has as its default".into() };
    let people = people(rollout);
    let shares = rollout.variations.iter().filter(|share| share.weight > 0);
    let said = if let Some(yes) = yes(flag) {
        let weight: u32 = shares.filter(|share| share.variation == yes).map(|share| share.weight).sum();
        match weight {
            0 => "nobody".into(),
            WHOLE => "everybody".into(),
            weight => format!("{} % of {people}", percent(weight)),
        }
    } else {
        let one = |share: &super::wire::Share| format!("{} {} %", label(flag, share.variation), percent(share.weight));
        format!("{} of {people}", shares.map(one).collect::<Vec<_>>().join(", "))
    };
    if is_experiment_rollout(rollout) { format!("{said} (an experiment)") } else { said }
}

fn is_experiment_rollout(rollout: &Rollout) -> bool {
    rollout.experiment_allocation.is_some()
}

/// Targets that name somebody.
fn named(environment: &Environment) -> impl Iterator<Item = &Target> {
    let users = environment.targets.iter().flatten();
    users.chain(environment.context_targets.iter().flatten()).filter(|target| !target.values.is_empty())
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// What users get while the flag is on.
pub(super) fn when_on(flag: &Flag, environment: &Environment) -> String {
    let others = environment.fallthrough.as_ref().map_or_else(|| "nobody".into(), |one| outcome(flag, one));
    let rules = environment.rules.as_ref().map_or(0, Vec::len);
    let people: usize = named(environment).map(|target| target.values.len()).sum();
    let mut first = Vec::new();
    if people > 0 {
        first.push(counted(people, "named target", "named targets"));
    }
    if rules > 0 {
        first.push(counted(rules, "rule", "rules"));
    }
    let said = if first.is_empty() { others } else { format!("{} first, then {others}", first.join(" and ")) };
    let needs: Vec<_> = environment.prerequisites.iter().flatten().map(|one| clean(&one.key)).collect();
    if needs.is_empty() { said } else { format!("{said}; only where {} lets them", needs.join(" and ")) }
}

/// What users get while the flag is off.
pub(super) fn when_off(flag: &Flag, environment: &Environment) -> String {
    match environment.off_variation {
        Some(index) => all_get(flag, index),
        None => "what the code has as its default: it has no off variation".into(),
    }
}

/// Targets, rules and the default rule, in the order in which they count.
pub(super) fn strategies(flag: &Flag, environment: &Environment) -> Vec<String> {
    let mut lines = Vec::new();
    for target in named(environment) {
        let kind = target.context_kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or("user");
        let who: Vec<_> = target.values.iter().take(NAMED).map(|value| clean(value)).collect();
        let more = target.values.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("{} {}{more}: {}", clean(kind), who.join(", "), label(flag, target.variation)));
    }
    for (index, rule) in environment.rules.iter().flatten().enumerate() {
        let title = rule.description.as_deref().filter(|text| !text.is_empty());
        let title = title.map_or_else(|| format!("rule {}", index + 1), |title| clean(title).into_owned());
        let clauses: Vec<String> = rule.clauses.iter().map(clause).collect();
        let gets = match rule.serves.variation {
            Some(index) => label(flag, index),
            None => outcome(flag, &rule.serves),
        };
        lines.push(format!("{title}: where {}: {gets}", clauses.join(" and ")));
    }
    if let Some(default) = &environment.fallthrough {
        let gets = match default.variation {
            Some(index) => label(flag, index),
            None => outcome(flag, default),
        };
        lines.push(format!("all others: {gets}"));
    }
    lines
}

fn clause(clause: &Clause) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => clean(text).into_owned(),
        value => value.to_string(),
    };
    let mut values: Vec<String> = clause.values.iter().take(NAMED).map(value).collect();
    if clause.values.len() > NAMED {
        values.push(format!("{} more", clause.values.len() - NAMED));
    }
    let values = values.join(", ");
    if clause.op == "segmentMatch" {
        let word = if clause.negate { "not in segment" } else { "in segment" };
        return format!("{word} {values}");
    }
    let operator = match clause.op.as_str() {
        "in" if clause.values.len() == 1 => "is",
        "in" => "is one of",
        "startsWith" => "begins with",
        "endsWith" => "ends with",
        "lessThan" | "semVerLessThan" => "<",
        "lessThanOrEqual" => "<=",
        "greaterThan" | "semVerGreaterThan" => ">",
        "greaterThanOrEqual" => ">=",
        "semVerEqual" => "=",
        other => other,
    };
    let kind = match clause.context_kind.as_deref() {
        None | Some("" | "user") => String::new(),
        Some(kind) => format!("{} ", clean(kind)),
    };
    let not = if clause.negate { "not: " } else { "" };
    format!("{not}{kind}{} {} {values}", clean(&clause.attribute), clean(operator))
}

/// Who made a change.
pub(super) fn who(entry: &Entry) -> String {
    let member = entry.member.as_ref().and_then(|member| {
        let name = [&member.first_name, &member.last_name];
        let name: Vec<&str> = name.into_iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if name.is_empty() { member.email.clone() } else { Some(name.join(" ")) }
    });
    let by = |named: &Option<super::wire::Named>| named.as_ref().and_then(|one| one.name.clone());
    clean(&member.or_else(|| by(&entry.token)).or_else(|| by(&entry.app)).unwrap_or_else(|| "?".into())).into_owned()
}

/// What a change did.
pub(super) fn what(entry: &Entry) -> String {
    let said = [&entry.title_verb, &entry.description].into_iter().flatten().find(|text| !text.trim().is_empty());
    let said = said.map_or("changed", |text| text.trim()).lines().next().unwrap_or_default();
    let said = said.strip_suffix(" the flag").unwrap_or(said);
    let comment = entry.comment.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let comment = comment.map_or_else(String::new, |text| format!(" ({text})"));
    clean(&format!("{said}{comment}")).into_owned()
}
