//! Rules, schedules and experiments of GO Feature Flag in words.

use super::RULE;
use crate::domain::text::clean;
use crate::integrations::flags::document::{Node, Value};

/// `on (true)`: a variation and its value.
fn variation(flag: &Node, name: &str) -> String {
    match flag.at(&["variations", name]) {
        Some(value) => format!("{} ({})", clean(name), value.words()),
        None => format!("{}, which does not exist", clean(name)),
    }
}

fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::text)
}

/// What those get to whom a rule applies.
pub(super) fn served(flag: &Node, rule: &Node) -> String {
    if let Some(progressive) = rule.get("progressiveRollout") {
        return self::progressive(flag, progressive);
    }
    if let Some(shares) = rule.get("percentage") {
        let each =
            shares.entries().iter().map(|entry| format!("{} % {}", number(&entry.node), variation(flag, &entry.key)));
        return each.collect::<Vec<_>>().join(", ");
    }
    match rule.get("variation").map(|node| (&node.value, node)) {
        Some((Value::Text(name, _), _)) => variation(flag, name),
        Some((_, node)) => node.words(),
        None => "nothing".into(),
    }
}

/// `25`, also where `25.0` is written.
fn number(node: &Node) -> String {
    node.number().map_or_else(|| node.words(), |number| number.to_string())
}

fn progressive(flag: &Node, rollout: &Node) -> String {
    let end = |name: &str| {
        let step = rollout.get(name)?;
        let percent =
            step.get("percentage").map_or_else(|| if name == "end" { "100".into() } else { "0".into() }, number);
        let date = step.get("date").map_or_else(|| "?".into(), Node::words);
        Some((text(step, "variation").map_or_else(|| "?".into(), |name| variation(flag, name)), percent, date))
    };
    match (end("initial"), end("end")) {
        (Some((from, start, since)), Some((to, share, until))) => {
            format!("little by little from {from} to {to}: {start} % on {since}, {share} % on {until}")
        }
        _ => "little by little another variation".into(),
    }
}

/// The rules before the default one, in the order in which they count.
pub(super) fn rules(flag: &Node) -> Vec<String> {
    let rules = flag.get("targeting").map_or(&[][..], Node::items);
    let each = rules.iter().map(|rule| {
        let off = rule.get("disable").and_then(Node::boolean) == Some(true);
        let name = text(rule, "name").map_or_else(String::new, |name| format!("{}: ", clean(name)));
        let query = text(rule, "query").map_or_else(|| "everybody".into(), |query| clean(query).into_owned());
        format!("{}{name}{query}: {}", if off { "off: " } else { "" }, served(flag, rule))
    });
    each.collect()
}

/// What changes the flag by itself.
pub(super) fn warnings(flag: &Node) -> Vec<String> {
    let mut warnings = Vec::new();
    let steps = flag.get("scheduledRollout").map_or(&[][..], Node::items);
    if !steps.is_empty() {
        let dates: Vec<String> = steps.iter().filter_map(|step| step.get("date")).map(Node::words).collect();
        warnings.push(format!("a schedule changes it by itself ({}), and may put this back", dates.join(", ")));
    }
    if flag.at(&[RULE, "progressiveRollout"]).is_some() {
        warnings.push("its default rule changes by itself with time".into());
    }
    if let Some(experiment) = flag.get("experimentation") {
        let date = |name: &str| experiment.get(name).map_or_else(|| "?".into(), Node::words);
        let dates = format!("{} to {}", date("start"), date("end"));
        warnings.push(format!("it is an experiment: outside of {dates} users get the default of the code that asks"));
    }
    warnings
}
