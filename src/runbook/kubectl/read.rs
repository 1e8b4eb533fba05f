//! Lines that only read: what each asks for, with its values, and as a line again.

use super::super::action::{Read, Scope};
use super::super::splice;
use super::super::step::Template;
use super::words::{Words, number, span, target};

/// The read that a line is, if it is one.
pub(super) fn read(words: &Words) -> Option<Result<Read, String>> {
    let plain: Vec<&str> = words.plain.iter().map(String::as_str).collect();
    let listed = |rest: &[&str]| -> Result<(String, Vec<String>), String> {
        match rest {
            [] => Err("it names no kind".into()),
            [one] if one.contains('/') => {
                let (kind, name) = one.split_once('/').unwrap_or((one, ""));
                Ok((kind.to_lowercase(), vec![name.to_owned()]))
            }
            [kind, names @ ..] if names.iter().all(|name| !name.contains('/')) => {
                let kind = if kind.contains("{{") { (*kind).to_owned() } else { kind.to_lowercase() };
                Ok((kind, names.iter().map(|name| (*name).to_owned()).collect()))
            }
            _ => Err("several kinds with names: write one line for each".into()),
        }
    };
    let owned = |rest: &[&str]| -> Vec<String> { rest.iter().map(|word| (*word).to_owned()).collect() };
    let scope = words.scope();
    Some(match plain.as_slice() {
        ["get", rest @ ..] => {
            listed(rest).map(|(resource, names)| Read::Get { resource, names, scope, output: words.option("output") })
        }
        ["describe", rest @ ..] => listed(rest).map(|(resource, names)| Read::Describe { resource, names, scope }),
        ["logs" | "log", rest @ ..] => (|| {
            let target = match rest {
                [one] => (*one).to_owned(),
                [] if scope.selector.is_some() => String::new(),
                [] => return Err("it names no pod".to_owned()),
                [pod, container] if words.option("container").is_none() => {
                    let container = Some((*container).to_owned());
                    let (since, tail) = (span(words.option("since"))?, number(words.option("tail"))?);
                    let previous = words.is("previous");
                    return Ok(Read::Logs { target: (*pod).to_owned(), scope, container, since, tail, previous });
                }
                _ => return Err("it names several pods: write one line for each".to_owned()),
            };
            Ok(Read::Logs {
                target,
                scope,
                container: words.option("container"),
                since: span(words.option("since"))?,
                tail: number(words.option("tail"))?,
                previous: words.is("previous"),
            })
        })(),
        ["rollout", "status", rest @ ..] => target(&owned(rest)).map(|target| Read::RolloutStatus { target, scope }),
        ["rollout", "history", rest @ ..] => target(&owned(rest))
            .and_then(|target| Ok(Read::RolloutHistory { target, scope, revision: number(words.option("revision"))? })),
        ["top", kind, rest @ ..] => match (*kind, rest) {
            ("pod" | "pods" | "po", []) => Ok(Read::Top { resource: "pods".into(), name: None, scope }),
            ("node" | "nodes" | "no", []) => Ok(Read::Top { resource: "nodes".into(), name: None, scope }),
            ("pod" | "pods" | "po", [name]) => {
                Ok(Read::Top { resource: "pods".into(), name: Some((*name).to_owned()), scope })
            }
            ("node" | "nodes" | "no", [name]) => {
                Ok(Read::Top { resource: "nodes".into(), name: Some((*name).to_owned()), scope })
            }
            _ => Err("`top` is of pods or nodes".into()),
        },
        _ => return None,
    })
}

/// Arguments of a read with values in them. A value never begins an option and never parts a list.
pub fn fill(arguments: &[Template], context: &minijinja::Value) -> Result<Read, String> {
    let filled = arguments.iter().map(|template| {
        splice::splice(&template.text, context, |before, value| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | ':' | '@' | '-');
            if value.is_empty() || (before.is_empty() && value.starts_with('-')) || !value.chars().all(fits) {
                let shown: String = value.chars().take(40).collect();
                return Err(format!("`{shown}` cannot stand in an argument of kubectl"));
            }
            Ok(value.to_owned())
        })
        .map_err(|error| format!("line {}: {}", template.spot.line, error.why))
    });
    let filled = filled.collect::<Result<Vec<String>, String>>()?;
    let words = Words::read(&filled)?;
    read(&words).unwrap_or_else(|| Err("it is no read".into()))
}

impl Scope {
    fn words(&self) -> String {
        let mut words = String::new();
        if self.all_namespaces {
            words.push_str(" -A");
        }
        let options = [("-n", &self.namespace), ("-l", &self.selector), ("--field-selector", &self.fields)];
        for (name, value) in options {
            if let Some(value) = value {
                words.extend([" ", name, " ", value]);
            }
        }
        words
    }
}

impl Read {
    /// The line of kubectl that it is.
    pub fn line(&self) -> String {
        let optional =
            |name: &str, value: Option<String>| value.map_or_else(String::new, |value| format!(" {name}{value}"));
        let named = |names: &[String]| names.iter().flat_map(|name| [" ", name]).collect::<String>();
        let line = match self {
            Self::Get { resource, names, scope, output } => {
                format!("get {resource}{}{}{}", named(names), scope.words(), optional("-o ", output.clone()))
            }
            Self::Describe { resource, names, scope } => {
                format!("describe {resource}{}{}", named(names), scope.words())
            }
            Self::Logs { target, scope, container, since, tail, previous } => format!(
                "logs {target}{}{}{}{}{}",
                scope.words(),
                optional("-c ", container.clone()),
                optional("--since=", since.map(|since| format!("{since}s"))),
                optional("--tail=", tail.map(|tail| tail.to_string())),
                if *previous { " --previous" } else { "" }
            ),
            Self::RolloutStatus { target, scope } => format!("rollout status {target}{}", scope.words()),
            Self::RolloutHistory { target, scope, revision } => format!(
                "rollout history {target}{}{}",
                scope.words(),
                optional("--revision=", revision.map(|revision| revision.to_string()))
            ),
            Self::Top { resource, name, scope } => {
                format!("top {resource}{}{}", optional("", name.clone()), scope.words())
            }
        };
        format!("kubectl {line}")
    }
}
