//! Checks one layer against the schema, before layers are merged: every finding points at the line that it is in.

use std::collections::BTreeMap;

use serde_json::Value as Schema;

mod flags;
mod guardrails;
mod services;

use super::context::is_pattern;
use super::diagnostic::{Diagnostic, Place, did_you_mean};
use super::document::{Node, Table, Value, join};
use super::{schema, texts};

/// Everything that is wrong with a layer.
pub(super) fn check(table: &Table) -> Vec<Diagnostic> {
    let mut checker = Checker { diagnostics: Vec::new() };
    checker.table(schema::schema(), table, None, "");
    checker.contexts(table);
    checker.severities(table);
    checker.objectives(table);
    guardrails::check(table, &mut checker.diagnostics);
    flags::check(table, &mut checker.diagnostics);
    services::check(table, &mut checker.diagnostics);
    checker.diagnostics
}

/// What will not do as it is written, and yet stops nothing: an incident is declared all the same.
pub(super) fn remarks(table: &Table) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    services::templates(table, &mut found);
    found.into_iter().map(Diagnostic::remark).collect()
}

/// Headers whose value is a secret by what they are for.
const SECRET_HEADERS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "private-token"];

/// Settings around secrets: what is spelt nearly like them is not shown.
const SECRET_SETTINGS: [&str; 6] = ["token", "basic", "password", "headers", "url", "proxy-url"];

/// What to write instead of a secret.
const INSTEAD: &str = "name the secret's place: { env = \"VARIABLE\" }, { file = \"/path\" } (mode 0600), { keyring = \"NAME\" }, { keyutils = \"NAME\" } or { command = [\"pass\", \"show\", \"x\"] }";

struct Checker {
    diagnostics: Vec<Diagnostic>,
}

impl Checker {
    fn report(&mut self, place: &Place, key: &str, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::new(place, key, message));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    fn wrong_kind(&mut self, node: &Node, key: &str, expected: &str) -> &mut Diagnostic {
        let message = format!("expected {expected}, found {}", node.value.kind());
        self.report(&node.place, key, message)
    }

    /// `place` is the table's own, for what is missing in it; a file's root has none and misses nothing.
    fn table(&mut self, schema: &Schema, table: &Table, place: Option<&Place>, path: &str) {
        let empty = serde_json::Map::new();
        let properties = schema.get("properties").and_then(Schema::as_object).unwrap_or(&empty);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        for (name, (key_place, node)) in table {
            let key = join(path, name);
            if let Some(property) = properties.get(name).or(others) {
                self.node(property, node, &key, name);
            } else {
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                let diagnostic = Diagnostic::new(key_place, key, format!("unknown setting `{name}`"));
                let mut diagnostic = diagnostic.accepts(name, &known);
                if diagnostic.suggestion.is_none() {
                    diagnostic.hint = elsewhere(name);
                }
                // Nobody knows what it holds, unless it is plainly a misspelling.
                let misspelt =
                    diagnostic.suggestion.as_ref().is_some_and(|near| !SECRET_SETTINGS.contains(&near.as_str()));
                self.diagnostics.push(if misspelt { diagnostic } else { diagnostic.masked_value() });
            }
        }
        let required = schema.get("required").and_then(Schema::as_array).into_iter().flatten();
        for name in required.filter_map(Schema::as_str).filter(|name| !table.contains_key(*name)) {
            if let Some(place) = place {
                self.report(place, path, format!("`{name}` is missing"));
            }
        }
        if let (Some((token, _)), Some((basic, _))) = (table.get("token"), table.get("basic")) {
            let second = if token.span.start > basic.span.start { token } else { basic };
            let message = "`token` and `basic` exclude each other: one request carries one authorization";
            self.report(second, path, message);
        }
    }

    fn node(&mut self, schema: &Schema, node: &Node, key: &str, name: &str) {
        let check = schema.get("x-check").and_then(Schema::as_str).unwrap_or_default();
        match check {
            "secret" => return self.secret(node, key),
            "header" => return self.header(node, key, name),
            _ => {}
        }
        let choices: Vec<&str> = schema::choices(schema).into_iter().map(|(choice, _)| choice).collect();
        if !choices.is_empty() {
            return self.choice(node, key, &choices);
        }
        match (schema.get("type").and_then(Schema::as_str).unwrap_or_default(), &node.value) {
            ("object", Value::Table(table)) => self.table(schema, table, Some(&node.place), key),
            ("object", _) => {
                self.wrong_kind(node, key, "a table").hint = Some(format!("write `[{key}]`, or `{name} = {{ … }}`"));
            }
            ("array", Value::Array(items)) => {
                let of = schema.get("items").cloned().unwrap_or_default();
                for (index, item) in items.iter().enumerate() {
                    self.node(&with_check(&of, check), item, &format!("{key}[{index}]"), name);
                }
            }
            ("array", other) => {
                let tables = schema.pointer("/items/type").is_some_and(|kind| kind == "object");
                let help = match other {
                    Value::Table(_) if tables => Some(format!("write `[[{key}]]` with two brackets")),
                    Value::Text(_) => Some(format!("write `{name} = [\"…\"]`")),
                    _ => None,
                };
                self.wrong_kind(node, key, "a list").hint = help;
            }
            ("string", Value::Text(text)) => self.text(schema, check, node, key, text),
            ("string", _) => {
                self.wrong_kind(node, key, "text").hint = texts::form(check).map(str::to_owned);
            }
            ("integer", Value::Integer(number)) => self.range(schema, node, key, *number),
            ("integer", _) => {
                self.wrong_kind(node, key, "a whole number");
            }
            ("number", Value::Integer(number)) => self.percent(check, node, key, *number as f64),
            ("number", Value::Float(number)) => self.percent(check, node, key, *number),
            ("number", _) => {
                self.wrong_kind(node, key, "a number");
            }
            ("boolean", Value::Boolean(_)) => {}
            ("boolean", other) => {
                let quoted = matches!(other, Value::Text(text) if text == "true" || text == "false");
                self.wrong_kind(node, key, "true or false").hint = quoted.then(|| "write it without quotes".to_owned());
            }
            _ => {}
        }
    }

    fn choice(&mut self, node: &Node, key: &str, choices: &[&str]) {
        match &node.value {
            Value::Text(text) if choices.contains(&text.as_str()) => {}
            Value::Text(text) => {
                let diagnostic = Diagnostic::new(&node.place, key, format!("`{text}` is none of the accepted values"));
                self.diagnostics.push(diagnostic.accepts(text, choices));
            }
            other => {
                let written = match other {
                    Value::Integer(number) => number.to_string(),
                    Value::Boolean(flag) => flag.to_string(),
                    _ => String::new(),
                };
                let hint = choices.contains(&written.as_str()).then(|| format!("write it in quotes: \"{written}\""));
                let diagnostic = self.wrong_kind(node, key, "text");
                diagnostic.accepted = choices.iter().map(|choice| (*choice).to_owned()).collect();
                diagnostic.hint = hint;
            }
        }
    }

    fn text(&mut self, schema: &Schema, check: &str, node: &Node, key: &str, text: &str) {
        if schema.get("minLength").is_some() && text.trim().is_empty() {
            self.report(&node.place, key, "must not be empty");
            return;
        }
        let found = match check {
            "duration" => super::values::parse_duration(text).err().map(|message| (message, Some(texts::DURATION))),
            "url" => texts::url(text, &["http", "https"]),
            "proxy" => texts::url(text, &["http", "https", "socks5", "socks5h"]),
            "colour" => texts::colour(text),
            "path" => texts::path(text),
            "query" => texts::query(text),
            "size" => super::values::parse_size(text).err().map(|message| (message, Some(texts::SIZE))),
            "instant" => texts::instant(text),
            "hours" => super::freeze::parse_hours(text).err().map(|message| (message, Some(texts::HOURS))),
            "pattern" => texts::pattern(text),
            "time-zone" => return self.time_zone(node, key, text),
            _ => None,
        };
        if let Some((message, hint)) = found {
            let mut diagnostic = Diagnostic::new(&node.place, key, message);
            diagnostic.hint = hint.map(str::to_owned);
            if texts::has_user_info(text) {
                diagnostic = diagnostic.masked();
            }
            self.diagnostics.push(diagnostic);
        }
    }

    fn time_zone(&mut self, node: &Node, key: &str, text: &str) {
        if text.parse::<chrono_tz::Tz>().is_err() {
            let names: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
            let diagnostic = self.report(&node.place, key, format!("there is no time zone `{text}`"));
            diagnostic.suggestion = did_you_mean(text, &names).map(str::to_owned);
            diagnostic.hint =
                Some("a name of the IANA time zone database: Europe/Berlin, America/New_York, UTC".to_owned());
        }
    }

    fn range(&mut self, schema: &Schema, node: &Node, key: &str, number: i64) {
        let bound = |name: &str| schema.get(name).and_then(Schema::as_f64);
        let (min, max) = (bound("minimum"), bound("maximum"));
        if min.is_some_and(|min| (number as f64) < min) || max.is_some_and(|max| (number as f64) > max) {
            let wanted = match (min, max) {
                (Some(min), Some(max)) => format!("from {min} to {max}"),
                (Some(min), None) => format!("{min} or more"),
                (_, max) => format!("{} or less", max.unwrap_or_default()),
            };
            self.report(&node.place, key, format!("{number} is out of range: {wanted}"));
        }
    }

    fn percent(&mut self, check: &str, node: &Node, key: &str, number: f64) {
        if check != "percent" || (number > 0.0 && number < 100.0) {
            // 0.999 is a legal percentage that nobody means.
            if check == "percent" && number <= 1.0 {
                let message = format!("{number} percent: the target is written in percent, not as a ratio");
                self.report(&node.place, key, message).suggestion = Some(format!("{}", (number * 1e8).round() / 1e6));
            }
            return;
        }
        self.report(&node.place, key, format!("{number} is out of range: above 0 and below 100 percent")).hint =
            (number >= 100.0).then(|| "a target of 100 leaves no budget to burn".to_owned());
    }

    fn secret(&mut self, node: &Node, key: &str) {
        const PLACES: [&str; 5] = ["env", "file", "keyring", "keyutils", "command"];
        let Value::Table(table) = &node.value else {
            let message = "a secret does not belong in a configuration file";
            let diagnostic = Diagnostic::new(&node.place, key, message).masked().hint(INSTEAD);
            self.diagnostics.push(diagnostic);
            return;
        };
        for (name, (place, node)) in table {
            let key = join(key, name);
            match (name.as_str(), &node.value) {
                ("env", Value::Text(text)) => {
                    if text.is_empty() || text.contains(['=', '\0', '$']) || text.contains(char::is_whitespace) {
                        let mut diagnostic =
                            Diagnostic::new(&node.place, key, "not the name of an environment variable").masked();
                        diagnostic.hint = Some("write the name alone, without `$`".to_owned());
                        self.diagnostics.push(diagnostic);
                    }
                }
                ("file", Value::Text(text)) => {
                    if let Some((message, hint)) = texts::path(text) {
                        self.report(&node.place, &key, message).hint = hint.map(str::to_owned);
                    }
                }
                ("keyring" | "keyutils", Value::Text(text)) => {
                    let plain = |one: char| one.is_ascii_alphanumeric() || "-_.@/".contains(one);
                    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
                        let message = format!("not the name of an entry in {}", keeper(name));
                        let hint = "up to 64 letters, digits and - _ . @ /; the secret itself stays there";
                        self.diagnostics.push(Diagnostic::new(&node.place, key, message).masked().hint(hint));
                    }
                }
                ("command", Value::Array(words)) => {
                    let all_text = words.iter().all(|word| matches!(word.value, Value::Text(_)));
                    if words.is_empty() || !all_text {
                        self.report(&node.place, &key, "expected a program and its arguments, each as text");
                    }
                }
                ("command", Value::Text(_)) => {
                    self.wrong_kind(node, &key, "a list").hint =
                        Some("no shell runs it: write [\"program\", \"argument\"]".to_owned());
                }
                ("env" | "file" | "keyring" | "keyutils" | "command", _) => {
                    self.wrong_kind(node, &key, if name == "command" { "a list" } else { "text" });
                }
                _ => {
                    let message = format!("unknown place of a secret `{name}`");
                    let diagnostic = Diagnostic::new(place, key, message).accepts(name, &PLACES);
                    self.diagnostics.push(diagnostic.masked_value());
                }
            }
        }
        if table.len() != 1 && table.keys().all(|name| PLACES.contains(&name.as_str())) {
            let message = format!("a secret has one place, this names {}", table.len());
            let diagnostic = Diagnostic::new(&node.place, key, message).hint(INSTEAD);
            self.diagnostics.push(diagnostic);
        }
    }

    fn header(&mut self, node: &Node, key: &str, name: &str) {
        match &node.value {
            Value::Text(_) if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) => {
                let message = format!("`{name}` carries a secret, which does not belong in a configuration file");
                let diagnostic = Diagnostic::new(&node.place, key, message).masked().hint(INSTEAD);
                self.diagnostics.push(diagnostic);
            }
            Value::Text(text) if text.chars().any(char::is_control) => {
                self.report(&node.place, key, "a header's value is one line of plain text");
            }
            Value::Text(_) => {}
            Value::Table(_) => self.secret(node, key),
            _ => {
                self.wrong_kind(node, key, "text or a secret's place");
            }
        }
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.report(&node.place, key, format!("`{name}` is no header's name"));
        }
    }

    fn contexts(&mut self, table: &Table) {
        let Some((_, Node { value: Value::Table(contexts), .. })) = table.get("contexts") else { return };
        for (pattern, (place, node)) in contexts {
            if pattern.trim().is_empty() {
                self.report(place, "contexts", "an empty name matches no context");
            }
            // `[contexts.prod.eu]` is a context `prod` with a table `eu`, which is seldom meant.
            if let Value::Table(inner) = &node.value
                && !is_pattern(pattern)
                && inner.len() == 1
                && let Some((name, (_, Node { value: Value::Table(_), .. }))) = inner.first_key_value()
                && let Some(diagnostic) = self.diagnostics.iter_mut().find(|diagnostic| {
                    diagnostic.key == join(&join("contexts", pattern), name)
                        && diagnostic.message.starts_with("unknown setting")
                })
            {
                diagnostic.hint =
                    Some(format!("a name with dots is written in quotes: [contexts.\"{pattern}.{name}\"]"));
            }
        }
    }

    /// One value in two lists of the same file: which of them is meant?
    fn severities(&mut self, table: &Table) {
        let Some((_, Node { value: Value::Table(lists), .. })) = table.get("severity") else { return };
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, (_, node)) in lists {
            let Value::Array(items) = &node.value else { continue };
            for item in items {
                let Value::Text(text) = &item.value else { continue };
                match seen.insert(text.to_ascii_lowercase(), name) {
                    Some(other) if other != name => {
                        let message = format!("`{text}` stands in `{other}` too");
                        self.report(&item.place, &join("severity", name), message);
                    }
                    _ => {}
                }
            }
        }
    }

    fn objectives(&mut self, table: &Table) {
        let Some((_, Node { value: Value::Array(items), .. })) = table.get("slo") else { return };
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let Value::Table(slo) = &item.value else { continue };
            if let Some((_, Node { value: Value::Text(name), place })) = slo.get("name") {
                let line = place.position().0;
                if let Some(other) = seen.insert(name, line) {
                    let message = format!("another objective is called `{name}` too, in line {other}");
                    self.report(place, &format!("slo[{index}].name"), message);
                }
            }
            if let Some((_, Node { value: Value::Text(window), place })) = slo.get("window")
                && super::values::parse_duration(window).is_ok_and(|window| window.as_secs() < 86_400)
            {
                let message = format!("a period of {window} is too short: burn is watched over up to 6h");
                self.report(place, &format!("slo[{index}].window"), message).hint =
                    Some("a day or more; 30d is usual".to_owned());
            }
        }
    }
}

/// What keeps an entry of this kind.
fn keeper(name: &str) -> &'static str {
    if name == "keyutils" { "the kernel's key service" } else { "the keyring" }
}

/// A list's check is meant for its items.
fn with_check(schema: &Schema, check: &str) -> Schema {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut().filter(|_| !check.is_empty()) {
        object.insert("x-check".to_owned(), Schema::String(check.to_owned()));
    }
    schema
}

/// Says where a setting of that name would be right.
fn elsewhere(name: &str) -> Option<String> {
    let properties = schema::schema().get("properties")?.as_object()?;
    let sections: Vec<(&String, Vec<&str>)> = properties
        .iter()
        .filter_map(|(section, schema)| {
            let known = schema.get("properties")?.as_object()?.keys().map(String::as_str).collect();
            Some((section, known))
        })
        .collect();
    let exact = sections.iter().find(|(_, known)| known.contains(&name));
    if let Some((section, _)) = exact {
        return Some(format!("`{name}` belongs in [{section}]"));
    }
    sections
        .iter()
        .find_map(|(section, known)| Some((section, did_you_mean(name, known)?)))
        .map(|(section, near)| format!("there is a `{near}` in [{section}]"))
}
