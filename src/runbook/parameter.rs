//! Parameters: what a runbook needs to know, how it is filled in from an alert, and what is a value of each type.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::diagnostic::Spot;
use super::facts::Facts;
use crate::domain::target::{WorkloadKind, WorkloadRef};

/// What stands in a record in the place of a secret.
pub const SECRET: &str = "(secret)";

/// The values with that word in the place of secret ones.
pub fn hidden<'a>(mut values: Values, secrets: impl IntoIterator<Item = &'a String>) -> Values {
    for name in secrets {
        if let Some(value) = values.get_mut(name) {
            *value = Value::Text(SECRET.to_owned());
        }
    }
    values
}

/// Types of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// `5m`, `1h30m`.
    Duration,
    /// `namespace/kind/name`.
    Workload,
    /// A namespace's name.
    Namespace,
    /// A pod's name.
    Pod,
    /// A node's name.
    Node,
    /// `http://…` or `https://…`.
    Url,
}

impl Type {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::String,
        Self::Integer,
        Self::Number,
        Self::Boolean,
        Self::Duration,
        Self::Workload,
        Self::Namespace,
        Self::Pod,
        Self::Node,
        Self::Url,
    ];

    /// The word in the front matter.
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::Workload => "workload",
            Self::Namespace => "namespace",
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Url => "url",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A value of a parameter, or what a step captured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Text, and all that is written as text (durations, names, URLs).
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// true or false.
    Boolean(bool),
    /// A workload.
    Workload(WorkloadRef),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(yes) => write!(f, "{yes}"),
            Self::Workload(workload) => write!(f, "{workload}"),
        }
    }
}

/// Values by name.
pub type Values = BTreeMap<String, Value>;

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name in templates: lower case, digits and `_`.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// One line for the form.
    pub description: Option<String>,
    /// The value when nothing else gives one.
    pub default: Option<Value>,
    /// It has to have a value before the run begins.
    pub required: bool,
    /// The only values.
    pub allowed: Vec<String>,
    /// What the whole value has to match.
    pub pattern: Option<Regex>,
    /// Smallest number.
    pub min: Option<f64>,
    /// Largest number.
    pub max: Option<f64>,
    /// Where an alert gives it.
    pub from: Option<From>,
    /// Never recorded, never shown.
    pub secret: bool,
    /// Where it stands.
    pub spot: Spot,
}

/// Where an alert gives a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A label.
    Label(String),
    /// An annotation.
    Annotation(String),
    /// The workload.
    Workload,
    /// The workload's namespace, else the label.
    Namespace,
    /// The alert's name.
    Alert,
    /// Its severity.
    Severity,
    /// The label `pod`.
    Pod,
    /// The label `node`, else `instance` without its port.
    Node,
    /// The SLO.
    Slo,
}

impl From {
    /// The words without an argument.
    pub const WORDS: [&str; 9] =
        ["label.NAME", "annotation.NAME", "workload", "namespace", "alert", "severity", "pod", "node", "slo"];

    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "workload" => Self::Workload,
            "namespace" => Self::Namespace,
            "alert" => Self::Alert,
            "severity" => Self::Severity,
            "pod" => Self::Pod,
            "node" => Self::Node,
            "slo" => Self::Slo,
            _ => {
                let (kind, name) = word.split_once('.')?;
                match kind {
                    _ if name.is_empty() => return None,
                    "label" => Self::Label(name.to_owned()),
                    "annotation" => Self::Annotation(name.to_owned()),
                    _ => return None,
                }
            }
        })
    }

    fn of(&self, facts: &Facts) -> Option<String> {
        let label = |name: &str| facts.labels.get(name).cloned();
        match self {
            Self::Label(name) => label(name),
            Self::Annotation(name) => facts.annotations.get(name).cloned(),
            Self::Workload => facts.workload.as_ref().map(path),
            Self::Namespace => facts.workload.as_ref().map(|w| w.namespace.to_string()).or_else(|| label("namespace")),
            Self::Alert => facts.alert.clone(),
            Self::Severity => facts.severity.clone(),
            Self::Pod => label("pod"),
            Self::Node => label("node")
                .or_else(|| label("instance").map(|at| at.split(':').next().unwrap_or_default().to_owned())),
            Self::Slo => facts.slo.clone(),
        }
    }
}

/// `namespace/kind/name`, as parameters of type workload are written.
pub fn path(workload: &WorkloadRef) -> String {
    format!("{}/{}/{}", workload.namespace, workload.kind.word(), workload.name)
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !text.is_empty() && text.len() <= 253 && text.chars().all(fits) && !text.starts_with(['-', '.'])
}

/// Reads `namespace/kind/name`; the error is a sentence.
pub fn read_workload(text: &str) -> Result<WorkloadRef, String> {
    let wrong = || format!("`{text}` is no workload: write namespace/kind/name, for example shop/deployment/payment");
    let parts: Vec<&str> = text.split('/').collect();
    let [namespace, kind, name] = parts.as_slice() else { return Err(wrong()) };
    let kind = WorkloadKind::parse(kind).ok_or_else(wrong)?;
    if !is_name(namespace) || !is_name(name) {
        return Err(wrong());
    }
    Ok(WorkloadRef::new(kind, *namespace, *name))
}

impl Parameter {
    /// Reads what was typed or what an alert says; the error is a sentence.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let value = read(self.kind, text.trim_matches(['\n', '\r'])).map_err(|why| format!("{}: {why}", self.name))?;
        self.check(&value)?;
        Ok(value)
    }

    /// Is it one of the values that may be? The error is a sentence.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let shown = |text: &str| if self.secret { SECRET.to_owned() } else { text.to_owned() };
        let text = match value {
            Value::Workload(workload) => path(workload),
            other => other.to_string(),
        };
        if !self.allowed.is_empty() && !self.allowed.contains(&text) {
            return Err(format!("{}: `{}` is none of {}", self.name, shown(&text), self.allowed.join(", ")));
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&text)) {
            let pattern = self.pattern.as_ref().map(Regex::as_str).unwrap_or_default();
            let pattern = pattern.trim_start_matches("^(?:").trim_end_matches(")$");
            return Err(format!("{}: `{}` does not match {pattern}", self.name, shown(&text)));
        }
        let number = match value {
            Value::Integer(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            _ => None,
        };
        match number {
            Some(number) if self.min.is_some_and(|min| number < min) => {
                Err(format!("{}: {number} is below {}", self.name, self.min.unwrap_or_default()))
            }
            Some(number) if self.max.is_some_and(|max| number > max) => {
                Err(format!("{}: {number} is over {}", self.name, self.max.unwrap_or_default()))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a value of a type; the error is a sentence.
pub fn read(kind: Type, text: &str) -> Result<Value, String> {
    let named = |what: &str| {
        if is_name(text) { Ok(Value::Text(text.to_owned())) } else { Err(format!("`{text}` is no name of a {what}")) }
    };
    match kind {
        Type::String => Ok(Value::Text(text.to_owned())),
        Type::Integer => text.trim().parse().map(Value::Integer).map_err(|_| format!("`{text}` is no whole number")),
        Type::Number => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Number(number)),
            _ => Err(format!("`{text}` is no number")),
        },
        Type::Boolean => match text.trim() {
            "true" | "yes" | "on" => Ok(Value::Boolean(true)),
            "false" | "no" | "off" => Ok(Value::Boolean(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        Type::Duration => seconds(text.trim())
            .map(|_| Value::Text(text.trim().to_owned()))
            .ok_or_else(|| format!("`{text}` is no duration: write 30s, 5m or 1h30m")),
        Type::Workload => read_workload(text.trim()).map(Value::Workload),
        Type::Namespace => named("namespace"),
        Type::Pod => named("pod"),
        Type::Node => named("node"),
        Type::Url => url(text.trim()).map(|()| Value::Text(text.trim().to_owned())),
    }
}

/// Seconds of a duration as Prometheus and we write it (`90s`, `5m`, `1h30m`); no spaces, no fractions.
pub fn seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let each = match unit {
            "ms" => {
                total = total.checked_add(number / 1000)?;
                rest = tail;
                continue;
            }
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            "y" => 31_536_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(each)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn url(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{text}` is no address: {why}"));
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return wrong("it begins with http:// or https://");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("it needs a host and no spaces");
    }
    if host.contains('@') {
        return wrong("no user name or password belongs into it");
    }
    Ok(())
}

/// A value that is missing or cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The parameter.
    pub parameter: String,
    /// What is wrong, as a sentence.
    pub why: String,
}

/// What an alert and the defaults give. A value of the alert that is not allowed is left out and told.
pub fn prefill(parameters: &[Parameter], facts: &Facts) -> (Values, Vec<Problem>) {
    let mut values = Values::new();
    let mut problems = Vec::new();
    for parameter in parameters {
        let name = || parameter.name.clone();
        let given = parameter.from.as_ref().and_then(|from| from.of(facts)).filter(|text| !text.is_empty());
        match given.map(|text| parameter.read(&text)) {
            Some(Ok(value)) => {
                values.insert(name(), value);
                continue;
            }
            Some(Err(why)) => problems.push(Problem { parameter: name(), why }),
            None => {}
        }
        if let Some(default) = &parameter.default {
            values.insert(name(), default.clone());
        }
    }
    (values, problems)
}

/// Fills defaults in and finds what is missing, unknown or not allowed.
pub fn settle(parameters: &[Parameter], mut values: Values) -> (Values, Vec<Problem>) {
    let mut problems = Vec::new();
    for name in values.keys() {
        if !parameters.iter().any(|parameter| parameter.name == *name) {
            let known = parameters.iter().map(|parameter| parameter.name.as_str());
            let hint =
                super::diagnostic::did_you_mean(name, known).map_or_else(String::new, |hint| format!(": {hint}"));
            problems.push(Problem { parameter: name.clone(), why: format!("there is no parameter `{name}`{hint}") });
        }
    }
    for parameter in parameters {
        if !values.contains_key(&parameter.name) {
            match &parameter.default {
                Some(default) => {
                    values.insert(parameter.name.clone(), default.clone());
                }
                None if parameter.required => {
                    let why = format!("{} has no value", parameter.name);
                    problems.push(Problem { parameter: parameter.name.clone(), why });
                }
                None => {}
            }
        }
        let wrong = values.get(&parameter.name).and_then(|value| parameter.check(value).err());
        problems.extend(wrong.map(|why| Problem { parameter: parameter.name.clone(), why }));
    }
    (values, problems)
}
