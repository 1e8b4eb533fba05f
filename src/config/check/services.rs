//! What the schema cannot say of the services that incidents speak to: names that are taken, and what a product needs.

use std::collections::BTreeMap;

use super::super::diagnostic::{Diagnostic, Place};
use super::super::document::{Node, Table, Value, join};

/// The sections, whose names are unique over all of them: a delivery names its service by it.
const SECTIONS: [&str; 3] = ["chat", "paging", "status-page"];

/// What a product cannot do without, and how it is written.
const NEEDS: [(&str, &str, &str); 10] = [
    ("slack", "token", "token = { keyring = \"slack\" }"),
    ("mattermost", "url", "url = \"https://chat.example.com\""),
    ("mattermost", "team", "team = \"sre\""),
    ("mattermost", "token", "token = { keyring = \"mattermost\" }"),
    ("discord", "team", "team = \"SERVER-ID\": the id of the server (guild)"),
    ("discord", "token", "token = { keyring = \"discord\" }"),
    ("matrix", "url", "url = \"https://matrix.example.com\""),
    ("matrix", "token", "token = { keyring = \"matrix\" }"),
    ("opsgenie", "token", "token = { keyring = \"opsgenie\" }"),
    ("statuspage", "token", "token = { keyring = \"statuspage\" }"),
];

/// Settings that only some products know.
const ONLY: [(&str, &[&str]); 5] = [
    ("team", &["slack", "mattermost", "discord", "matrix"]),
    ("parent", &["discord", "matrix"]),
    ("from", &["pagerduty"]),
    ("routing-key", &["pagerduty"]),
    ("events-url", &["pagerduty"]),
];

/// Adds what is wrong with the services of a layer.
pub(super) fn check(table: &Table, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for section in SECTIONS {
        let Some((_, Node { value: Value::Array(items), .. })) = table.get(section) else { continue };
        for (index, item) in items.iter().enumerate() {
            let Value::Table(service) = &item.value else { continue };
            let path = format!("{section}[{index}]");
            if let Some((name, place)) = text(service, "name") {
                if let Some(other) = seen.insert(name, place.position().0) {
                    let message = format!("another service is called `{name}` too, in line {other}");
                    found.push(Diagnostic::new(place, join(&path, "name"), message));
                }
                if name.contains(char::is_control) {
                    found.push(Diagnostic::new(place, join(&path, "name"), "a name is one line of plain text"));
                }
            }
            let product = text(service, "provider").map_or("", |(product, _)| product);
            one(product, service, &item.place, &path, found);
        }
    }
    rules(table, found);
}

fn text<'a>(table: &'a Table, key: &str) -> Option<(&'a str, &'a Place)> {
    match table.get(key) {
        Some((_, Node { value: Value::Text(text), place })) => Some((text, place)),
        _ => None,
    }
}

fn one(product: &str, service: &Table, place: &Place, path: &str, found: &mut Vec<Diagnostic>) {
    for (_, setting, how) in NEEDS.iter().filter(|(of, ..)| *of == product) {
        if !service.contains_key(*setting) {
            let diagnostic = Diagnostic::new(place, path, format!("`{setting}` is missing: {product} needs it"));
            found.push(diagnostic.hint((*how).to_owned()));
        }
    }
    if product == "webhook" && !service.contains_key("url") && !service.contains_key("token") {
        let diagnostic = Diagnostic::new(place, path, "`url` is missing: where are messages posted to?");
        let hint = "url = \"https://…\"; where the address itself is secret: token = { env = \"HOOK\" }";
        found.push(diagnostic.hint(hint.to_owned()));
    }
    if product == "pagerduty" {
        pagerduty(service, place, path, found);
    }
    if product.is_empty() {
        return;
    }
    for (setting, products) in ONLY {
        if let Some((_, Node { place, .. })) = service.get(setting)
            && !products.contains(&product)
        {
            let message = format!("`{setting}` is for {}, not for {product}", products.join(", "));
            found.push(Diagnostic::new(place, join(path, setting), message));
        }
    }
}

/// The REST API wants a token and a name, the Events API a routing key; one of them makes a service of it.
fn pagerduty(service: &Table, place: &Place, path: &str, found: &mut Vec<Diagnostic>) {
    let has = |setting: &str| service.contains_key(setting);
    if !has("token") && !has("routing-key") {
        let diagnostic = Diagnostic::new(place, path, "neither `token` nor `routing-key` is there");
        let hint = "token for pages and who is on call, routing-key for paging and change events";
        found.push(diagnostic.hint(hint.to_owned()));
    }
    if has("token") && !has("from") {
        let diagnostic = Diagnostic::new(place, path, "`from` is missing: in whose name are pages acknowledged?");
        found.push(diagnostic.hint("from = \"oncall@example.com\", the address of a user there".to_owned()));
    }
}

/// The words of an alert's severity.
const ALERT_SEVERITIES: [&str; 3] = ["critical", "warning", "info"];

/// What the templates of an incident know (`[incidents]` says so).
const FIELDS: [&str; 14] = [
    "id",
    "title",
    "severity",
    "service",
    "workload",
    "namespace",
    "context",
    "date",
    "time",
    "alerts",
    "burn",
    "suspect",
    "runbook",
    "commander",
];

/// Templates that cannot be filled in: found now, and not in the middle of a night.
pub(super) fn templates(table: &Table, found: &mut Vec<Diagnostic>) {
    let Some((_, Node { value: Value::Table(incidents), .. })) = table.get("incidents") else { return };
    for setting in ["channel", "topic", "first-message"] {
        if let Some((template, place)) = text(incidents, setting) {
            template_of(template, place, &join("incidents", setting), found);
        }
    }
    let Some((_, Node { value: Value::Table(links), .. })) = incidents.get("links") else { return };
    for name in links.keys() {
        if let Some((template, place)) = text(links, name) {
            template_of(template, place, &join("incidents.links", name), found);
        }
    }
}

fn template_of(template: &str, place: &Place, key: &str, found: &mut Vec<Diagnostic>) {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_fuel(Some(50_000));
    let parsed = match environment.template_from_str(template) {
        Ok(parsed) => parsed,
        Err(error) => {
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            return found.push(Diagnostic::new(place, key, format!("this is no template: {why}")));
        }
    };
    let values = minijinja::Value::from_pairs(FIELDS.map(|field| (field, "x")));
    let Err(error) = parsed.render(values) else { return };
    let mut unknown: Vec<String> = parsed.undeclared_variables(false).into_iter().collect();
    unknown.retain(|name| !FIELDS.contains(&name.as_str()));
    unknown.sort();
    found.push(match unknown.first() {
        Some(name) if error.kind() == minijinja::ErrorKind::UndefinedError => {
            Diagnostic::new(place, key, format!("`{name}` is no field of an incident")).accepts(name, &FIELDS)
        }
        _ => {
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            Diagnostic::new(place, key, format!("this template cannot be filled in: {why}"))
        }
    });
}

fn rules(table: &Table, found: &mut Vec<Diagnostic>) {
    let Some((_, Node { value: Value::Table(incidents), .. })) = table.get("incidents") else { return };
    let Some((_, Node { value: Value::Array(rules), .. })) = incidents.get("rule") else { return };
    for (index, rule) in rules.iter().enumerate() {
        let Value::Table(rule) = &rule.value else { continue };
        let Some((word, place)) = text(rule, "alert-severity") else { continue };
        if !ALERT_SEVERITIES.contains(&word) {
            let key = format!("incidents.rule[{index}].alert-severity");
            let diagnostic = Diagnostic::new(place, key, format!("`{word}` is no severity of an alert"));
            found.push(diagnostic.accepts(word, &ALERT_SEVERITIES));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::diagnostic::Origin;
    use super::super::super::document::parse;
    use super::*;

    #[test]
    fn templates_that_cannot_be_filled_in_are_found_before_the_night() {
        let text = "[incidents]\nchannel = \"inc-{{ servce }}\"\ntopic = \"{{ title\"\nfirst-message = \"{{ title }}\"\n\
             [incidents.links]\nDashboard = \"https://x.example/{{ dashboard }}\"\nGood = \"https://x.example/{{ date }}\"\n";
        let table = parse(Origin::BuiltIn("test"), text.to_owned()).unwrap();
        let mut found = Vec::new();
        check(&table, &mut found);
        assert!(found.is_empty(), "an incident is declared all the same: {found:?}");
        templates(&table, &mut found);
        let said: Vec<String> = found.iter().map(|one| format!("{} {}", one.key, one.message)).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[0], "incidents.channel `servce` is no field of an incident");
        assert_eq!(found[0].suggestion.as_deref(), Some("service"));
        assert!(said[1].starts_with("incidents.topic this is no template"), "{said:?}");
        assert!(said[2].starts_with("incidents.links.Dashboard `dashboard`"), "{said:?}");
    }
}
